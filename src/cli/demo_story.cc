#include "cli/demo_story.h"

#include <algorithm>
#include <array>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/mutex.h"

namespace itemgate::cli {
namespace {

constexpr std::array<std::string_view, 3> kContents = {"a", "b", "c"};
constexpr int kRounds = 2;
constexpr Duration kPause = std::chrono::milliseconds(500);

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// One caller: what it sent when, and what it was told when.
struct Call {
  int caller = 0;
  std::string_view content;
  Duration sent_at{};
  Duration told_at{};
  SaveResult result;
};

/// Makes the calls and writes them down. Any thread.
class Story {
 public:
  /// Both must outlive the story, which must outlive its calls.
  Story(Context& context, DemoStage& stage)
      : context_(context), stage_(stage), begin_(context.clock().Now()) {}

  /// Blocks until all calls were answered.
  void Play() {
    SendRound();
    stage_.executor().PostAfter(kPause, [this] { SendRound(); });
    answered_.wait();
  }

  /// In the order in which they were answered.
  [[nodiscard]] std::vector<Call> calls() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return calls_;
  }

 private:
  void SendRound() {
    for (const std::string_view content : kContents)
      stage_.executor().Post([this, content] { Send(content); });
  }

  void Send(std::string_view content) EXCLUDES(mutex_) {
    Call call{.content = content, .sent_at = Now()};
    {
      const MutexLock lock(mutex_);
      call.caller = ++callers_;
      Say(call.sent_at, fmt::format("caller {} sends {}", call.caller, content));
    }
    stage_.service().SaveItemAsync(std::string(content), {},
                                   [this, call = std::move(call)](SaveResult result) mutable {
                                     call.result = std::move(result);
                                     Tell(std::move(call));
                                   });
  }

  void Tell(Call call) EXCLUDES(mutex_) {
    call.told_at = Now();
    {
      const MutexLock lock(mutex_);
      Say(call.told_at, fmt::format("caller {} is told after {:.3f} s: {}: {}", call.caller,
                                    Seconds(call.told_at - call.sent_at),
                                    OutcomeName(call.result.outcome), call.result.message()));
      calls_.push_back(std::move(call));
    }
    answered_.count_down();
  }

  void Say(Duration at, std::string_view what) REQUIRES(mutex_) {
    if (context_.options().json) return;
    context_.out().PrintLine(fmt::format("{:7.3f} s  {}", Seconds(at), what));
    context_.out().Flush();
  }

  [[nodiscard]] Duration Now() const { return context_.clock().Now() - begin_; }

  // Constant after construction. The context's output is guarded by mutex_ while the story plays.
  Context& context_;
  DemoStage& stage_;
  const Instant begin_;

  std::latch answered_{kRounds * std::ptrdiff_t{kContents.size()}};
  Mutex mutex_;
  int callers_ GUARDED_BY(mutex_) = 0;
  std::vector<Call> calls_ GUARDED_BY(mutex_);
};

std::string Introduction(const DemoOptions& options) {
  std::string text = fmt::format(
      "Three callers send a, b and c at the same time; half a second later three more send the "
      "same again.\n"
      "Behind Itemgate stands a backend that takes {} to save an item",
      FormatDelayRange(options.delay));
  if (options.refused_rate > 0)
    text += fmt::format(", refuses {:g} % of them", options.refused_rate * 100);
  return text + " and would\nsave everything it is given, twice if need be.\n";
}

void PrintRecorded(Output& out, const DemoStage& stage, std::size_t calls) {
  const auto records = stage.backend().GetAllItems();
  out.PrintLine("\nEverything the backend recorded:");
  for (const auto& record : records)
    out.PrintLine(fmt::format("{:5}  {}", record.id, record.content));
  out.PrintLine(fmt::format(
      "\n{} calls, {} items: nobody waited for a different content, and nothing was saved twice.",
      calls, records.size()));
}

void WriteCall(JsonWriter& json, const Call& call) {
  json.BeginObject()
      .Field("caller", call.caller)
      .Field("content", call.content)
      .Field("sent_at_seconds", Seconds(call.sent_at))
      .Field("told_at_seconds", Seconds(call.told_at))
      .Field("outcome", OutcomeName(call.result.outcome))
      .Field("success", call.result.success())
      .Field("message", call.result.message())
      .Field("id", call.result.id.value)
      .EndObject();
}

std::string StoryJson(const std::vector<Call>& calls, const DemoStage& stage) {
  JsonWriter json;
  json.BeginObject().Name("calls").BeginArray();
  for (const Call& call : calls) WriteCall(json, call);
  json.EndArray().Name("recorded").BeginArray();
  for (const auto& record : stage.backend().GetAllItems())
    json.BeginObject().Field("id", record.id).Field("content", record.content).EndObject();
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace

ExitStatus TellDemoStory(Context& context, const DemoOptions& options) {
  auto stage = DemoStage::Make(options);
  if (!stage) return context.Report(stage.error());
  if (!context.options().json) context.out().PrintLine(Introduction(options));
  Story story(context, **stage);
  story.Play();
  const std::vector<Call> calls = story.calls();
  const auto created =
      std::ranges::count_if(calls, [](const Call& c) { return c.result.success(); });
  const auto problems = (*stage)->FindProblems(static_cast<std::uint64_t>(created));
  if (context.options().json) {
    context.out().PrintLine(StoryJson(calls, **stage));
  } else if (problems.empty()) {
    PrintRecorded(context.out(), **stage, calls.size());
  }
  for (const std::string& problem : problems) context.err().PrintLine("itemgate: " + problem);
  stage->reset();  // before the story, which the last answer's thread may still be about to leave
  return problems.empty() ? ExitStatus::kOk : ExitStatus::kSomeItems;
}

}  // namespace itemgate::cli
