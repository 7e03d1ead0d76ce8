#include "cli/import_summary.h"

#include <chrono>

#include <gtest/gtest.h>

namespace itemgate::cli {
namespace {

using namespace std::chrono_literals;

TEST(ImportSummary, LeavesOutWhatDidNotHappen) {
  EXPECT_EQ(SummaryText({.tally = {.created = 1000, .duplicates = 24}, .elapsed = 2s, .inputs = 1}),
            "Imported 1,024 items from 1 input in 2.0 s (512/s)\n"
            "  created     1,000\n"
            "  duplicates     24\n");
}

TEST(ImportSummary, SaysWhatWentWrongAndHowToGoOn) {
  EXPECT_EQ(SummaryText({.tally = {.created = 10, .refused = 2, .empty = 3, .unreadable = 1},
                         .elapsed = 1s,
                         .inputs = 2,
                         .end = ImportEnd::kInterrupted,
                         .go_on = "itemgate import x"}),
            "Interrupted after 10 items from 2 inputs in 1.0 s (10/s)\n"
            "  created     10\n"
            "  duplicates   0\n"
            "  empty        3   lines or files without content, passed over\n"
            "  refused      2   see above\n"
            "  unreadable   1   inputs not read to their end, see above\n"
            "To go on, run it again; what is saved already counts as a duplicate:\n"
            "  itemgate import x\n");
}

TEST(ImportSummary, TellsWhatIsNotSavedFromWhatIsNotKnown) {
  EXPECT_EQ(SummaryText({.tally = {.failed = 3, .unknown = 1},
                         .elapsed = 1s,
                         .inputs = 1,
                         .end = ImportEnd::kStopped}),
            "Stopped after 0 items from 1 input in 1.0 s (0/s)\n"
            "  created     0\n"
            "  duplicates  0\n"
            "  failed      2   not saved\n"
            "  unknown     1   nobody knows whether they are saved\n");
}

TEST(ImportSummary, HasEverythingInJson) {
  EXPECT_EQ(
      SummaryJson({.tally = {.created = 1, .duplicates = 1}, .elapsed = 1s, .inputs = 1}),
      R"({"end":"done","items":2,"created":1,"duplicates":1,"empty":0,"refused":0,"failed":0,"unknown":0,)"
      R"("inputs":1,"unreadable_inputs":0,"bytes_read":0,"seconds":1,"items_per_second":2})");
}

}  // namespace
}  // namespace itemgate::cli
