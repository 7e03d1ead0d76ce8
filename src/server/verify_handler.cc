#include "server/verify_handler.h"

#include <string>
#include <utility>

#include "base/json_writer.h"
#include "server/batch.h"
#include "server/stream_loop.h"

namespace itemgate::server {
namespace {

constexpr Duration kProgressInterval = std::chrono::milliseconds(200);

std::string ReportLine(const VerifyReport& report) {
  JsonWriter json;
  json.BeginObject()
      .Field("done", true)
      .Field("items", report.items)
      .Field("content_bytes", report.content_bytes)
      .Field("problem_count", report.problem_count)
      .Name("problems")
      .BeginArray();
  for (const std::string& problem : report.problems) json.Value(problem);
  return json.EndArray().EndObject().Take() + "\n";
}

/// Co-owned by its connection and by the worker that reads the store, which goes on if the client leaves.
class VerifyStream final : public http::StreamHandler,
                           public std::enable_shared_from_this<VerifyStream> {
 public:
  VerifyStream(ApiState& api, StreamedCall call)
      : api_(api), loop_(call.stream().loop()), call_(std::move(call)) {}

  void Start() {
    api_.parts.workers.Post([self = shared_from_this()] { self->Verify(); });
  }

  void BodyArrived(std::string_view) override {}
  void BodyEnded() override {}
  void OutputDrained() override {}
  void Closed() override {
    if (std::exchange(closed_, true)) return;
    loop_.Close();
    call_.Ended(0, bytes_out_);
  }

 private:
  /// On a worker.
  void Verify() {
    Instant told = api_.parts.clock.Now();
    Result<VerifyReport> report = api_.parts.verify([this, &told](std::uint64_t items_done) {
      const Instant now = api_.parts.clock.Now();
      if (now - told < kProgressInterval) return;
      told = now;
      loop_.Post([self = shared_from_this(), items_done] {
        self->Write("{\"items_done\":" + std::to_string(items_done) + "}\n");
      });
    });
    api_.verifying.store(false, std::memory_order_relaxed);
    loop_.Post([self = shared_from_this(), report = std::move(report)] { self->Finish(report); });
  }

  void Write(std::string_view line) {
    if (closed_) return;
    if (!std::exchange(begun_, true)) {
      http::Response response;
      response.Add("Content-Type", "application/x-ndjson");
      call_.Begin(std::move(response));
    }
    bytes_out_ += line.size();
    call_.stream().Write(line);
  }

  void Finish(const Result<VerifyReport>& report) {
    if (closed_) return;
    if (report) {
      Write(ReportLine(*report));
      call_.stream().End();
      return Closed();
    }
    if (!begun_) {
      closed_ = true;
      loop_.Close();
      return call_.AnswerProblem(ProblemOf(report.error()));
    }
    call_.stream().Abort();  // the client sees that the answer is incomplete
    Closed();
  }

  ApiState& api_;
  StreamLoop loop_;

  // On the loop's thread only.
  StreamedCall call_;
  std::size_t bytes_out_ = 0;
  bool begun_ = false;
  bool closed_ = false;  // the stream must not be used any more
};

}  // namespace

std::shared_ptr<http::StreamHandler> OpenVerify(ApiState& api, StreamedCall call) {
  if (api.verifying.exchange(true, std::memory_order_relaxed)) {
    call.AnswerProblem(
        {.code = ProblemCode::kOverloaded,
         .detail = "the store is being verified already; ask again when that is over",
         .retry_after = std::chrono::seconds(10)});
    return NoHandler();
  }
  const auto stream = std::make_shared<VerifyStream>(api, std::move(call));
  stream->Start();
  return stream;
}

}  // namespace itemgate::server
