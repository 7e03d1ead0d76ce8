#include "server/request_recorder.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/manual_executor.h"

namespace itemgate::server {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class LinesInMemory final : public LogSink {
 public:
  void WriteLine(std::string_view line) override { lines.emplace_back(line); }
  std::uint64_t dropped() const override { return 0; }

  std::vector<std::string> lines;
};

class RequestRecorderTest : public testing::Test {
 protected:
  void Answer(int status) {
    recorder_.Answered({.route = "/v1/items",
                        .method = "POST",
                        .status = status,
                        .took = 1500us,
                        .bytes_in = 5,
                        .bytes_out = 30,
                        .code = status >= 400 ? "internal" : "",
                        .request_id = "a\nb",
                        .trace_id = "",
                        .peer = "192.0.2.7"});
  }

  ManualClock clock_;
  LinesInMemory sink_;
  Log log_{clock_, sink_, LogFormat::kText};
  RequestRecorder recorder_{log_, clock_};
};

TEST_F(RequestRecorderTest, CountsEverythingAndWritesErrors) {
  Answer(200);
  Answer(404);
  Answer(500);
  EXPECT_EQ(recorder_.counts().Snapshot().size(), 3U);
  ASSERT_EQ(sink_.lines.size(), 1U);
  EXPECT_THAT(sink_.lines[0],
              HasSubstr("error request request_id=\"a\\nb\" peer=192.0.2.7 method=POST "
                        "route=/v1/items status=500 milliseconds=1.5 bytes_in=5 bytes_out=30 "
                        "code=internal"));
}

TEST_F(RequestRecorderTest, WritesAllOrNoneIfToldSo) {
  recorder_.SetLogged(RequestsLogged::kNone);
  Answer(500);
  EXPECT_TRUE(sink_.lines.empty());
  recorder_.SetLogged(RequestsLogged::kAll);
  Answer(200);
  EXPECT_THAT(sink_.lines.back(), HasSubstr(" info  request "));
  Answer(503);
  EXPECT_THAT(sink_.lines.back(), HasSubstr(" warn  request "));
}

TEST_F(RequestRecorderTest, AFloodOfErrorsIsNotAFloodOfLines) {
  for (std::uint32_t i = 0; i < RequestRecorder::kErrorLinesMax + 7; ++i) Answer(503);
  EXPECT_EQ(sink_.lines.size(), RequestRecorder::kErrorLinesMax);
  EXPECT_EQ(recorder_.suppressed(), 7U);
  clock_.Set(clock_.Now() + 1s);
  Answer(503);
  EXPECT_EQ(sink_.lines.size(), RequestRecorder::kErrorLinesMax + 1);
}

}  // namespace
}  // namespace itemgate::server
