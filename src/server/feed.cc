#include "server/feed.h"

#include <optional>
#include <string>
#include <utility>

#include "key/item_json.h"
#include "server/batch.h"
#include "server/stream_loop.h"
#include "server/target.h"

namespace itemgate::server {
namespace {

constexpr Duration kHeartbeat = std::chrono::seconds(15);
constexpr PageLimits kPage{.items_max = 200, .content_bytes_max = 256 << 10};

struct FeedTerms {
  std::optional<ItemId> after;  // nothing: from now on
  ItemContent content;
};

http::Response FeedHead() {
  http::Response head;
  head.Add("Content-Type", "text/event-stream").Add("Cache-Control", "no-store");
  return head;
}

/// Co-owned by its connection and by the page that is being read for it.
class FeedStream final : public http::StreamHandler,
                         public FeedHub::Subscriber,
                         public std::enable_shared_from_this<FeedStream> {
 public:
  FeedStream(ApiState& api, StreamedCall call, FeedTerms terms)
      : api_(api),
        loop_(call.stream().loop()),
        way_back_(loop_),
        call_(std::move(call)),
        terms_(terms) {}

  /// On the loop's thread, once. The answer begins with the first page: what is saved after that is in the feed.
  void Start() {
    api_.parts.feeds.Subscribe(shared_from_this());
    GoOn();
  }

  void BodyArrived(std::string_view) override {}
  void BodyEnded() override {}
  void OutputDrained() override { GoOn(); }
  void Draining() override {
    if (!begun_) return Refuse(api_.DrainingProblem());
    call_.stream().End();
    Closed();
  }
  void Closed() override {
    if (closed_) return;
    closed_ = true;
    way_back_.Close();
    loop_.Cancel(heartbeat_);
    call_.Ended(0, bytes_out_);
  }

  void Wake() override {
    way_back_.Post([self = shared_from_this()] {
      self->may_have_more_ = true;
      self->GoOn();
    });
  }

 private:
  /// A page as text, and where it ends.
  struct Page {
    std::string events;
    ItemId last;
  };

  void GoOn() {
    if (closed_ || reading_ || !may_have_more_) return;
    if (call_.stream().unsent_bytes() > api_.options.unsent_bytes_max) return;  // OutputDrained
    reading_ = true;
    may_have_more_ = false;  // before looking: what is saved from now on says so again
    api_.parts.workers.Post([self = shared_from_this(), terms = terms_] {
      Result<Page> page = self->ReadPage(terms);
      self->way_back_.Post(
          [self, page = std::move(page)]() mutable { self->PageRead(std::move(page)); });
    });
  }

  /// On a worker.
  [[nodiscard]] Result<Page> ReadPage(const FeedTerms& terms) const {
    if (!terms.after) return Page{.events = {}, .last = {api_.parts.store_statistics().items}};
    const auto items = api_.parts.service.GetAllItems(*terms.after, kPage);
    if (!items) return std::unexpected(items.error());
    Page page{.events = {}, .last = *terms.after};
    for (const Item& item : *items) {
      page.events.append("id: ")
          .append(std::to_string(item.id.value))
          .append("\nevent: item\ndata: ")
          .append(ItemJson(item, terms.content))
          .append("\n\n");
      page.last = item.id;
    }
    return page;
  }

  void PageRead(Result<Page> page) {
    reading_ = false;
    if (closed_) return;
    if (!page) {
      if (!begun_) return Refuse(ProblemOf(page.error()));
      call_.stream().Abort();
      return Closed();
    }
    if (!std::exchange(begun_, true)) {
      call_.Begin(FeedHead());
      BeatLater();
    }
    if (!terms_.after || page->last != *terms_.after) may_have_more_ = true;
    terms_.after = page->last;
    Write(page->events);
    GoOn();
  }

  void Refuse(const Problem& problem) {
    closed_ = true;
    way_back_.Close();
    call_.AnswerProblem(problem);
  }

  void BeatLater() {
    heartbeat_ = loop_.PostAfter(kHeartbeat, [feed = weak_from_this()] {
      const auto self = feed.lock();
      if (!self || self->closed_) return;
      if (self->call_.stream().unsent_bytes() == 0) self->Write(": nothing new\n\n");
      self->BeatLater();
    });
  }

  void Write(std::string_view text) {
    if (text.empty()) return;
    bytes_out_ += text.size();
    call_.stream().Write(text);
  }

  ApiState& api_;
  Executor& loop_;  // only while the stream is open
  StreamLoop way_back_;

  // On the loop's thread only.
  StreamedCall call_;
  FeedTerms terms_;
  TimerId heartbeat_{};
  std::size_t bytes_out_ = 0;
  bool may_have_more_ = true;
  bool reading_ = false;
  bool begun_ = false;   // the answer
  bool closed_ = false;  // the stream must not be used any more
};

std::expected<FeedTerms, Problem> TermsOf(const RequestHead& head, const Query& query) {
  const auto content = query.Flag("content", true);
  if (!content) return std::unexpected(content.error());
  FeedTerms terms{.after = std::nullopt,
                  .content = *content ? ItemContent::kInclude : ItemContent::kOmit};
  if (head.Has(Header::kLastEventId)) {  // a browser that connects again sends both
    const auto id = ParseNumber(head[Header::kLastEventId]);
    if (!id)
      return std::unexpected(Problem{.code = ProblemCode::kInvalidArgument,
                                     .detail = "Last-Event-ID must be the id of an item"});
    terms.after = ItemId{*id};
  } else if (query.Find("after")) {
    const auto after = query.Number("after", {.otherwise = 0, .min = 0, .max = UINT64_MAX});
    if (!after) return std::unexpected(after.error());
    terms.after = ItemId{*after};
  }
  return terms;
}

}  // namespace

std::shared_ptr<http::StreamHandler> OpenFeed(ApiState& api, StreamedCall call) {
  const auto terms = TermsOf(call.head(), call.query());
  if (!terms) {
    call.AnswerProblem(terms.error());
    return NoHandler();
  }
  if (call.head().request().method == http::Method::kHead) {
    call.Begin(FeedHead());
    call.stream().End();
    call.Ended(0, 0);
    return NoHandler();
  }
  const auto feed = std::make_shared<FeedStream>(api, std::move(call), *terms);
  feed->Start();
  return feed;
}

}  // namespace itemgate::server
