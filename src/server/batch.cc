#include "server/batch.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/ascii.h"
#include "server/batch_codec.h"
#include "server/batch_window.h"
#include "server/save_terms.h"
#include "server/stream_loop.h"

namespace itemgate::server {
namespace {

constexpr Duration kMoment = std::chrono::milliseconds(10);

/// What holds for each item of a batch.
struct BatchTerms {
  IfInFlight if_in_flight;
  Duration wait_max;
  bool respond_async;
  std::optional<Instant> deadline;
};

/// One batch. Items gather in a window; a window is saved when it is full, when nothing else is being saved, or after a
/// moment, so that a slow sender is answered at once and a fast one in large steps. Several windows are under way at a
/// time, and are answered in order; one, and what came in the same read, while single saves take too long. With too
/// many, or with a reader too slow for the answers, no more of the body is taken in.
///
/// Co-owned by its connection and by the saves it has begun: a client that goes away cancels nothing but its answers.
class BatchStream final : public http::StreamHandler,
                          public BatchSink,
                          public std::enable_shared_from_this<BatchStream> {
 public:
  struct Codec {
    std::unique_ptr<BatchReader> reader;
    std::unique_ptr<BatchWriter> writer;
  };
  BatchStream(ApiState& api, StreamedCall call, BatchTerms terms, Codec codec)
      : api_(api),
        loop_(call.stream().loop()),
        call_(std::move(call)),
        terms_(terms),
        codec_(std::move(codec)),
        sender_(call_.asked().peer + " " + call_.asked().request_id) {}

  void BodyArrived(std::string_view piece) override {
    bytes_in_ += piece.size();
    codec_.reader->Read(piece, *this);
    GoOn();
  }

  void BodyEnded() override {
    codec_.reader->End(*this);
    body_ended_ = true;
    GoOn();
  }

  void OutputDrained() override { GoOn(); }

  void Draining() override {
    draining_ = true;
    GoOn();
  }

  void Closed() override {
    if (std::exchange(closed_, true)) return;
    loop_.Close();
    call_.Ended(bytes_in_, bytes_out_);
  }

 private:
  // Shared with the saves that are under way for it.
  using Window = std::shared_ptr<BatchWindow>;

  void ItemArrived(ItemDescription item) override {
    if (!gathering_->Takes(item)) Submit();
    gathering_->Add(std::move(item));
    SubmitIfFull();
  }

  void ItemRefused(Problem problem) override {
    gathering_->Add(std::move(problem));
    SubmitIfFull();
  }

  void SubmitIfFull() {
    if (gathering_->size() >= api_.options.batch_window_items_max ||
        gathering_->content_bytes() >= api_.options.batch_window_bytes_max)
      Submit();
  }

  void Submit() {
    const Window window = std::exchange(gathering_, std::make_shared<BatchWindow>());
    windows_.push_back(window);
    if (api_.is_draining()) return window->RefuseAll(api_.DrainingProblem());
    if (terms_.deadline && api_.parts.clock.Now() >= *terms_.deadline)
      return window->RefuseAll(DeadlinePassed());
    for (BatchWindow::Group& group : window->groups()) Save(window, group);
  }

  void Save(const Window& window, BatchWindow::Group& group) {
    Duration wait_max = terms_.respond_async ? Duration::zero() : terms_.wait_max;
    if (terms_.deadline) wait_max = std::min(wait_max, *terms_.deadline - api_.parts.clock.Now());
    api_.parts.service.SaveItemsAsync(
        std::move(group.contents),
        {.scope = group.scope,
         .media_type = group.media_type,
         .if_in_flight = terms_.if_in_flight,
         .sender = sender_,
         .wait_max = wait_max},
        [self = shared_from_this(), window = window,
         positions = std::move(group.positions)](std::vector<SaveResult> results) mutable {
          self->loop_.Post([self, window = std::move(window), positions = std::move(positions),
                            results = std::move(results)]() mutable {
            window->GroupAnswered(positions, std::move(results));
            self->GoOn();
          });
        });
  }

  /// Whatever has happened: writes what is ready, begins what may begin, and takes in more or less of the body.
  void GoOn() {
    if (closed_) return;
    WriteReady();
    if (gathering_->size() > 0 && (windows_.empty() || body_ended_ || draining_)) {
      Submit();
      WriteReady();
    }
    if ((body_ended_ || draining_) && windows_.empty()) return Finish();
    if (gathering_->size() > 0 && HasRoomForPart()) SubmitInAMoment();
    http::Stream& stream = call_.stream();
    const bool full =
        windows_.size() >= WindowsMax() || stream.unsent_bytes() > api_.options.unsent_bytes_max;
    if (full == paused_ || body_ended_) return;
    paused_ = full;
    if (full) {
      stream.PauseBody();
    } else {
      stream.ResumeBody();
    }
  }

  /// A window that is not full may go; the last one that may be under way is kept for a full one.
  [[nodiscard]] bool HasRoomForPart() const { return windows_.size() + 1 < WindowsMax(); }

  [[nodiscard]] std::size_t WindowsMax() const {
    return api_.admission.others_have_precedence(api_.parts.clock.Now())
               ? 1
               : api_.options.batch_windows_max;
  }

  void SubmitInAMoment() {
    if (std::exchange(moment_begun_, true)) return;
    call_.stream().loop().PostAfter(kMoment, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->closed_) return;
      self->moment_begun_ = false;
      if (self->gathering_->size() > 0 && self->HasRoomForPart()) self->Submit();
      self->GoOn();
    });
  }

  void WriteReady() {
    std::string text;
    while (!windows_.empty() && windows_.front()->answered()) {
      for (const BatchWindow::Answer& answer : windows_.front()->answers())
        std::visit([&](const auto& each) { codec_.writer->Append(each, text); }, answer);
      windows_.pop_front();
    }
    if (!text.empty()) Write(text);
  }

  void Write(std::string_view text) {
    bytes_out_ += text.size();
    call_.stream().Write(text);
  }

  /// Without the last line, if not all of the batch was read: whoever sent it sees that it is to be sent again.
  void Finish() {
    std::string text;
    if (body_ended_) codec_.writer->AppendEnd(text);
    if (!text.empty()) Write(text);
    call_.stream().End();
    Closed();
  }

  ApiState& api_;
  StreamLoop loop_;
  StreamedCall call_;
  const BatchTerms terms_;
  const Codec codec_;
  const std::string sender_;

  // On the loop's thread only.
  Window gathering_ = std::make_shared<BatchWindow>();
  std::deque<Window> windows_;  // under way, in order
  std::size_t bytes_in_ = 0;
  std::size_t bytes_out_ = 0;
  bool body_ended_ = false;
  bool draining_ = false;
  bool paused_ = false;
  bool moment_begun_ = false;  // a timer runs
  bool closed_ = false;        // the stream must not be used any more
};

class InertStream final : public http::StreamHandler {
  void BodyArrived(std::string_view) override {}
  void BodyEnded() override {}
  void OutputDrained() override {}
  void Closed() override {}
};

std::expected<BatchStream::Codec, Problem> CodecOf(ApiState& api, const RequestHead& head,
                                                   const SaveTerms& terms) {
  BatchStream::Codec codec;
  if (http::EqualsIgnoringCase(MediaTypeEssence(head[Header::kContentType]), kBatchFramesType)) {
    codec.reader = std::make_unique<BatchFrameReader>(
        BatchFrameReader::Options{.scope = terms.scope,
                                  .media_type = std::string(head[Header::kItemMediaType]),
                                  .content_bytes_max = api.options.body_bytes_max},
        api.batch_gathered);
    codec.writer = std::make_unique<BatchRecordWriter>(terms.if_in_flight);
  } else if (!head[Header::kItemMediaType].empty()) {
    return std::unexpected(Problem{
        .code = ProblemCode::kInvalidArgument,
        .detail = "Item-Media-Type is for binary batches; give each line its own \"mediaType\""});
  } else {
    codec.reader = std::make_unique<NdjsonReader>(terms.scope, api.options.batch_line_bytes_max,
                                                  api.batch_gathered);
    codec.writer = std::make_unique<NdjsonWriter>(terms.if_in_flight);
  }
  if (Accepts(head, codec.writer->media_type())) return codec;
  return std::unexpected(Problem{.code = ProblemCode::kNotAcceptable,
                                 .detail = std::string("the answer is ")
                                               .append(codec.writer->media_type())
                                               .append(", which Accept does not allow")});
}

}  // namespace

std::shared_ptr<http::StreamHandler> NoHandler() { return std::make_shared<InertStream>(); }

std::shared_ptr<http::StreamHandler> OpenBatch(ApiState& api, StreamedCall call) {
  const auto refuse = [&](const Problem& problem) {
    call.AnswerProblem(problem);
    return NoHandler();
  };
  const RequestHead& head = call.head();
  const auto terms = ParseSaveTerms(api.options, head, call.path_parameter(), call.asked().began);
  if (!terms) return refuse(terms.error());
  if (terms->only_create)
    return refuse({.code = ProblemCode::kInvalidArgument,
                   .detail = "If-None-Match is for single saves; a batch says of each item what "
                             "became of it"});
  if (!terms->content_digest.empty() || !terms->repr_digest.empty())
    return refuse(
        {.code = ProblemCode::kInvalidArgument,
         .detail = "Content-Digest and Repr-Digest are for single saves; leave them out"});
  auto codec = CodecOf(api, head, *terms);
  if (!codec) return refuse(codec.error());

  http::Response response;
  response.Add("Content-Type", codec->writer->media_type());
  if (!terms->wait.preference_applied.empty())
    response.Add("Preference-Applied", terms->wait.preference_applied);
  call.Begin(std::move(response));
  return std::make_shared<BatchStream>(api, std::move(call),
                                       BatchTerms{.if_in_flight = terms->if_in_flight,
                                                  .wait_max = terms->wait.wait_max,
                                                  .respond_async = terms->wait.respond_async,
                                                  .deadline = terms->deadline},
                                       std::move(*codec));
}

}  // namespace itemgate::server
