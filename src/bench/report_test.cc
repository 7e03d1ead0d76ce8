#include "bench/report.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/plot.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

CaseResult Example() {
  return {.workload = Workload::kW1,
          .callers = 64,
          .items = 200'000,
          .created = 100'000,
          .duplicates = 100'000,
          .elapsed = 2s,
          .latency_p50 = 256us,
          .latency_p99 = 4162us,
          .syncs = 4000,
          .bytes = 30'000'000};
}

TEST(Report, RatesAreForTheTimeThatWasMeasured) {
  const CaseResult result = Example();
  EXPECT_DOUBLE_EQ(result.ItemsPerSecond(), 100'000);
  EXPECT_DOUBLE_EQ(result.SyncsPerSecond(), 2000);
  EXPECT_DOUBLE_EQ(result.BytesPerItem(), 300);
  EXPECT_DOUBLE_EQ(CaseResult{}.ItemsPerSecond(), 0);
  EXPECT_DOUBLE_EQ(CaseResult{}.BytesPerItem(), 0);
}

// Programs that compare many systems read this line: the names must stay.
TEST(Report, PeerLineIsInTheSharedFormat) {
  EXPECT_EQ(PeerLine(Example()),
            "peer=itemgate_sync workload=W1 clients=64 items_per_s=100000 p50_us=256.0 "
            "p99_us=4162.0 bytes_per_item=300 items=200000 saved=100000 dup=100000 secs=2.00 "
            "syncs_per_s=2000");
  CaseResult batch = Example();
  batch.items_per_call = 1000;
  batch.workload = Workload::kW2;
  EXPECT_THAT(PeerLine(batch), HasSubstr("peer=itemgate_b1000_mem workload=W2 "));
}

TEST(Report, TableLinesUpUnderItsHead) {
  const std::string head = TableHead();
  const std::string row = TableRow(Example());
  EXPECT_EQ(head.size(), row.size());
  EXPECT_EQ(head.find("items/s") + 7, row.find("100 k") + 5);
  EXPECT_THAT(row, HasSubstr("100000/100000"));
}

TEST(Report, ACaseThatWasCutShortIsMarked) {
  CaseResult cut = Example();
  cut.interrupted = true;
  EXPECT_EQ(TableRow(cut), TableRow(Example()) + "  interrupted after 2.00 s");
  EXPECT_EQ(PeerLine(cut), PeerLine(Example()) + " interrupted=1");
  EXPECT_THAT(ReportJson(std::vector{cut}, "1"), HasSubstr(R"("interrupted":true)"));
  EXPECT_THAT(ReportJson(std::vector{Example()}, "1"), Not(HasSubstr("interrupted")));
}

TEST(Report, JsonHasEveryFigure) {
  const std::string json = ReportJson(std::vector{Example()}, "1.2.3");
  EXPECT_THAT(json, HasSubstr(R"("itemgate":"1.2.3")"));
  EXPECT_THAT(json, HasSubstr(R"("workload":"W1","durable":true,"callers":64)"));
  EXPECT_THAT(json, HasSubstr(R"("items_per_second":100000)"));
  EXPECT_THAT(json, HasSubstr(R"("latency_p99_us":4162)"));
  EXPECT_THAT(json, Not(HasSubstr("problem")));
}

TEST(Report, JsonSaysWhyFiguresAreNotToBeTrusted) {
  CaseResult wrong = Example();
  wrong.problem = "one item too many";
  EXPECT_THAT(ReportJson(std::vector{wrong}, "1"), HasSubstr(R"("problem":"one item too many")"));
}

TEST(Plot, HasAPanelForEachWorkloadThatWasMeasured) {
  CaseResult other = Example();
  other.workload = Workload::kW3;
  const std::string svg = PlotSvg(std::vector{Example(), other});
  EXPECT_TRUE(svg.starts_with("<svg xmlns="));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_THAT(svg, HasSubstr(">W1</text>"));
  EXPECT_THAT(svg, HasSubstr(">W3</text>"));
  EXPECT_THAT(svg, Not(HasSubstr(">W4</text>")));
  EXPECT_THAT(svg, HasSubstr(">64 callers</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(Plot, DrawsNoFiguresForAFailedCase) {
  CaseResult wrong = Example();
  wrong.problem = "one item too many";
  EXPECT_THAT(PlotSvg(std::vector{wrong}), HasSubstr("no valid figures"));
  EXPECT_THAT(PlotSvg({}), HasSubstr("</svg>"));
}

}  // namespace
}  // namespace itemgate
