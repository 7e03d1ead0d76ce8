#include "obs/log.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "testing/manual_executor.h"

namespace itemgate {
namespace {

using namespace std::string_view_literals;

class LinesInMemory final : public LogSink {
 public:
  void WriteLine(std::string_view line) override { lines.emplace_back(line); }
  std::uint64_t dropped() const override { return 0; }

  std::vector<std::string> lines;
};

class LogTest : public testing::Test {
 protected:
  std::string Line(LogFormat format, std::initializer_list<LogField> fields) {
    Log log(clock_, sink_, format);
    log.Write(LogLevel::kInfo, "listening", fields);
    return sink_.lines.back();
  }
  std::string Text(std::string_view value) {
    const std::string line = Line(LogFormat::kText, {{"v", value}});
    return line.substr(line.find("v=") + 2);
  }
  std::string Json(std::string_view value) {
    const std::string line = Line(LogFormat::kJson, {{"v", value}});
    return line.substr(line.find("\"v\":") + 4);
  }

  ManualClock clock_;
  LinesInMemory sink_;
};

TEST(ClosableSink, DropsWhatComesAfterItWasClosed) {
  class Sink final : public LogSink {
   public:
    explicit Sink(std::vector<std::string>& lines) : lines_(lines) {}
    ~Sink() override { lines_.emplace_back("end"); }
    void WriteLine(std::string_view line) override { lines_.emplace_back(line); }
    std::uint64_t dropped() const override { return 3; }

   private:
    std::vector<std::string>& lines_;
  };
  std::vector<std::string> lines;
  ClosableSink sink(std::make_unique<Sink>(lines));
  sink.WriteLine("a");
  EXPECT_EQ(sink.dropped(), 3U);
  sink.Close();
  sink.WriteLine("b");
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "end"}));
}

TEST_F(LogTest, WritesTextForPeople) {
  clock_.Set(Instant(std::chrono::milliseconds(1234)));
  EXPECT_EQ(
      Line(LogFormat::kText, {{"address", "127.0.0.1:8080"}, {"items", 17U}, {"first", true}}),
      "2020-01-01T03:00:01.234Z info  listening address=127.0.0.1:8080 items=17 first=true");
}

TEST_F(LogTest, WritesJsonForMachines) {
  EXPECT_EQ(Line(LogFormat::kJson, {{"address", "[::1]:1"}, {"change", -1}, {"seconds", 0.5}}),
            "{\"time\":\"2020-01-01T03:00:00.000Z\",\"level\":\"info\",\"event\":\"listening\","
            "\"address\":\"[::1]:1\",\"change\":-1,\"seconds\":0.5}");
  EXPECT_EQ(Line(LogFormat::kJson, {{"n", std::numeric_limits<double>::infinity()}}).back(), '}');
}

TEST_F(LogTest, LeavesOutWhatIsBelowItsLevel) {
  Log log(clock_, sink_, LogFormat::kText);
  log.Write(LogLevel::kDebug, "a");
  log.SetLevel(LogLevel::kError);
  log.Write(LogLevel::kWarning, "b");
  EXPECT_TRUE(sink_.lines.empty());
  log.Write(LogLevel::kError, "c");
  EXPECT_EQ(sink_.lines.size(), 1U);
}

TEST_F(LogTest, QuotesTextsThatAreNotOneWord) {
  EXPECT_EQ(Text(""), "\"\"");
  EXPECT_EQ(Text("a b"), "\"a b\"");
  EXPECT_EQ(Text("a=b"), "\"a=b\"");
  EXPECT_EQ(Text("say \"x\" \\"), "\"say \\\"x\\\" \\\\\"");
  EXPECT_EQ(Text("größe日本"), "größe日本");
}

TEST_F(LogTest, NoValueBreaksItsLineOrSteersATerminal) {
  EXPECT_EQ(Text("a\nb\r\x1B[2J\0\x7F"sv), "\"a\\nb\\x0d\\x1b[2J\\x00\\x7f\"");
  EXPECT_EQ(Text("\xFF${x}%n"), "\"\\xff${x}%n\"");
  EXPECT_EQ(Text("\u009B1m\u202Ex\u2066\uFEFF"),
            "\"\\xc2\\x9b1m\\xe2\\x80\\xaex\\xe2\\x81\\xa6\\xef\\xbb\\xbf\"");
  EXPECT_EQ(Json("a\nb\x1B\x7F\""), "\"a\\nb\\u001b\\u007f\\\"\"}");
  EXPECT_EQ(Json("\u009B1m\u202Ex\u2066\uFEFF"), "\"\\u009b1m\\u202ex\\u2066\\ufeff\"}");
  EXPECT_EQ(Json("\xFF"), "\"\uFFFD\"}");
}

TEST(LogLevel, HasNames) {
  EXPECT_EQ(ParseLogLevel("warn"), LogLevel::kWarning);
  EXPECT_EQ(LogLevelName(LogLevel::kDebug), "debug");
  EXPECT_EQ(ParseLogLevel("loud"), std::nullopt);
}

TEST(StandardErrorSink, WritesAllThatIsQueuedBeforeItEnds) {
  testing::internal::CaptureStderr();
  {
    const auto sink = NewStandardErrorSink();
    for (int i = 0; i < 100; ++i) sink->WriteLine("{line}");
    EXPECT_EQ(sink->dropped(), 0U);
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
  EXPECT_TRUE(text.starts_with("{line}\n{line}\n"));
}

}  // namespace
}  // namespace itemgate
