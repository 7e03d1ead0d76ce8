#include "load/plot.h"

#include <gtest/gtest.h>

namespace itemgate::load {
namespace {

using namespace std::chrono_literals;

std::size_t CountOf(std::string_view part, std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(PlotSvg, HasTwoCurvesForEachLoadAndDotsForFailures) {
  Tally tally;
  const Instant start = Instant{} + 1h;
  tally.Begin(start, start + 10s);
  const Answer answer{.status = 200, .outcome = {}, .closes = false};
  for (int i = 0; i < 3; ++i)
    tally.Answered({.due = start, .items = 1}, {.answer = answer, .outcomes = {}},
                   start + 1s * i + 1ms);
  tally.Failed(Failure::kMissed, 7, start + 2s);
  tally.End();
  const std::vector<PlotCase> cases = {{"peak", tally}, {"2 x", tally}};
  const std::string svg = PlotSvg(cases);
  EXPECT_TRUE(svg.starts_with("<svg "));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_EQ(CountOf("<polyline", svg), 6u);  // and one each for the names
  EXPECT_EQ(CountOf("<circle", svg), 2u);
  EXPECT_TRUE(svg.contains(">2 x</text>"));
}

TEST(PlotSvg, ALoadWithoutAnswersIsNoTrouble) {
  const Tally tally;
  const std::vector<PlotCase> cases = {{"nothing", tally}};
  EXPECT_EQ(PlotSvg(cases).find("nan"), std::string::npos);
  EXPECT_EQ(PlotSvg({}).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace itemgate::load
