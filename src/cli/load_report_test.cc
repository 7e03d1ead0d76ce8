#include "cli/load_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace itemgate::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Instant kStart = Instant{} + 1h;

/// A second in which 100 requests were sent, and each answered with that status after 2 ms.
LoadCase CaseOf(int status, std::optional<load::ItemOutcome> outcome) {
  LoadCase load_case{.name = "W3"};
  load_case.options.contents.workload = Workload::kW3;
  load_case.options.time = 1s;
  load_case.result.elapsed = 1s;
  load_case.result.distinct_contents = 100;
  load::Tally& tally = load_case.result.tally;
  tally.Begin(kStart, kStart + 1s);
  const load::Answer answer{.status = status, .outcome = outcome, .closes = false};
  load::Outcomes outcomes;
  if (outcome) outcomes.Add(*outcome);
  for (int i = 0; i < 100; ++i) {
    tally.Sent({.due = kStart, .items = 1});
    tally.Answered({.due = kStart, .items = 1},
                   {.answer = answer, .outcomes = outcomes, .excerpt = "what\nit said"},
                   kStart + 2ms);
  }
  tally.End();
  return load_case;
}

TEST(LoadText, ShowsTheFiguresOfAClosedLoop) {
  const LoadCase load_case = CaseOf(201, load::ItemOutcome::kCreated);
  const std::string text = LoadText(load_case);
  EXPECT_THAT(text, HasSubstr("closed loop, 64 connections, 1.0 s: POST W3 of 256 bytes\n"));
  EXPECT_THAT(text, HasSubstr("requests/s  100   (100 succeeded, 0 failed, in 1.00 s)\n"));
  EXPECT_THAT(text, HasSubstr("max 2.00 ms\n"));
  EXPECT_THAT(text, HasSubstr("outcomes    created 100\n"));
  EXPECT_THAT(text, HasSubstr("statuses    201: 100\n"));
  EXPECT_THAT(LoadProblems(load_case), IsEmpty());
}

TEST(LoadText, ShowsFailuresWithAnExample) {
  const LoadCase load_case = CaseOf(503, std::nullopt);
  const std::string text = LoadText(load_case);
  EXPECT_THAT(text, HasSubstr("100  refused (answered, but not saved)\n"));
  EXPECT_THAT(text, HasSubstr("a 503: what\\nit said\n"));
  EXPECT_THAT(LoadProblems(load_case), ElementsAre("no request succeeded"));
}

TEST(LoadTitle, TellsWhatWasAskedFor) {
  LoadCase load_case;
  load_case.options.rate = 20'000;
  load_case.options.pipelined = 16;
  load_case.options.requests = {.kind = load::RequestKind::kBatch, .items_per_batch = 500};
  load_case.options.contents.distinct = 1000;
  EXPECT_EQ(LoadTitle(load_case),
            "open loop, 20.0 k requests/s, 64 connections x 16 pipelined, 10.0 s: POST NDJSON "
            "batches of 500, 1,000 contents over and over of 256 bytes");
  load_case.options.requests = {.kind = load::RequestKind::kGet, .ids = 7};
  EXPECT_THAT(LoadTitle(load_case), HasSubstr(": GET one of 7 items"));
}

TEST(LoadProblems, TellWhatCastsDoubt) {
  LoadCase load_case = CaseOf(201, load::ItemOutcome::kCreated);
  load_case.result.distinct_contents = 99;
  load_case.result.busy = 0.99;
  load_case.result.tally.Failed(load::Failure::kMissed, 5, kStart);
  EXPECT_THAT(
      LoadProblems(load_case),
      ElementsAre(HasSubstr("computing 99 % of the time"), HasSubstr("5 requests were never"),
                  "99 distinct contents were sent, but 100 items were created"));
  load_case.contents_are_new = false;
  EXPECT_THAT(LoadProblems(load_case), Not(testing::Contains(HasSubstr("distinct"))));
}

TEST(LoadProblems, AnOpenLoopThatCannotKeepUpSaysSo) {
  LoadCase load_case = CaseOf(201, load::ItemOutcome::kCreated);
  load_case.result.open_loop = true;
  EXPECT_THAT(LoadProblems(load_case), IsEmpty());
  load_case.result.tally.OwnDelay(50ms);
  EXPECT_THAT(LoadProblems(load_case), ElementsAre(HasSubstr("could not keep to its schedule")));
}

TEST(StepRow, ComparesWithThePeak) {
  LoadCase load_case = CaseOf(201, load::ItemOutcome::kCreated);
  load_case.name = "2 x peak";
  load_case.options.rate = 400;
  load_case.recovered_in = 1500ms;
  const std::string row = StepRow(load_case, 200);
  EXPECT_EQ(row.size(), StepHead().size());
  EXPECT_THAT(row, HasSubstr(" 50 %"));
  EXPECT_THAT(row, HasSubstr(" 400 "));
  EXPECT_THAT(row, HasSubstr(" 1.5 s"));
}

TEST(LoadJson, HasOneObjectForEachLoad) {
  const std::vector<LoadCase> cases = {CaseOf(201, load::ItemOutcome::kCreated),
                                       CaseOf(503, std::nullopt)};
  const std::string json = LoadJson(cases, "http://h:1", "1.2.3");
  EXPECT_THAT(json, testing::StartsWith(R"({"itemgate":"1.2.3","server":"http://h:1","loads":[{)"));
  EXPECT_THAT(json, HasSubstr(R"("requests_per_second":100)"));
  EXPECT_THAT(json, HasSubstr(R"("statuses":{"503":100})"));
  EXPECT_THAT(json, HasSubstr(R"("examples":{"503":"what\nit said"})"));
  EXPECT_THAT(json, HasSubstr(R"("created":100)"));
}

}  // namespace
}  // namespace itemgate::cli
