#include "cli/import_run.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "cli/captured_output.h"
#include "key/item_json.h"
#include "testing/manual_executor.h"

namespace itemgate::cli {
namespace {

namespace fs = std::filesystem;

/// Saves in memory. Rejects contents that begin with "bad", fails at those that begin with "fail", and
/// does not know of those that begin with "unknown".
class FakeService {
 public:
  std::vector<SaveResult> Save(std::span<const std::string_view> contents,
                               const ImportTerms& terms) {
    const MutexLock lock(mu_);
    for (const std::string_view content : contents) terms_.emplace(content, terms);
    largest_batch_ = std::max(largest_batch_, contents.size());
    std::vector<SaveResult> results;
    for (const std::string_view content : contents)
      results.push_back(SaveOne(std::string(content)));
    return results;
  }

  std::set<std::string> contents() {
    const MutexLock lock(mu_);
    std::set<std::string> contents;
    for (const auto& [content, id] : ids_) contents.insert(content);
    return contents;
  }

  ImportTerms terms_of(const std::string& content) {
    const MutexLock lock(mu_);
    return terms_.at(content);
  }

  std::size_t largest_batch() {
    const MutexLock lock(mu_);
    return largest_batch_;
  }

 private:
  SaveResult SaveOne(const std::string& content) REQUIRES(mu_) {
    if (content.starts_with("bad"))
      return {.outcome = Outcome::kRejected, .error = Error(ErrorCode::kNotCanonical, "not JSON")};
    if (content.starts_with("fail"))
      return {.outcome = Outcome::kFailed, .error = Error(ErrorCode::kStorageFull, "disk full")};
    if (content.starts_with("unknown"))
      return {.outcome = Outcome::kUnknown, .error = Error(ErrorCode::kUnknown, "no answer")};
    const auto [entry, is_new] = ids_.try_emplace(content, ids_.size() + 1);
    return {.outcome = is_new ? Outcome::kCreated : Outcome::kDuplicate,
            .id = ItemId{entry->second}};
  }

  Mutex mu_;
  std::map<std::string, std::uint64_t> ids_ GUARDED_BY(mu_);
  std::map<std::string, ImportTerms, std::less<>> terms_ GUARDED_BY(mu_);
  std::size_t largest_batch_ GUARDED_BY(mu_) = 0;
};

class ImportRunTest : public testing::Test {
 protected:
  ImportRunTest() {
    std::string name = (fs::temp_directory_path() / "itemgate-import-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~ImportRunTest() override { fs::remove_all(root_); }

  InputFile Write(const std::string& name, std::string_view content) {
    const fs::path path = root_ / name;
    std::ofstream(path, std::ios::binary) << content;
    return {path.string(), content.size()};
  }

  ImportTally Import(const std::vector<InputFile>& inputs, const ImportRunOptions& options = {},
                     const ImportReportOptions& report_options = {}) {
    ImportReport report(context_, report_options);
    ImportRun run(
        report,
        [this](auto contents, const ImportTerms& terms) { return service_.Save(contents, terms); },
        options);
    run.Run(inputs, stop_);
    report.Finish();
    return report.tally();
  }

  /// What was printed, without the name of the folder.
  std::string Printed(const CapturedOutput& output) const {
    std::string text = output.text();
    const std::string prefix = root_.string() + "/";
    for (std::size_t at; (at = text.find(prefix)) != std::string::npos;)
      text.erase(at, prefix.size());
    return text;
  }

  using Contents = std::set<std::string>;

  fs::path root_;
  ManualClock clock_;
  CapturedOutput out_;
  CapturedOutput err_;
  Context context_{clock_, {"itemgate"}, {.out = out_.descriptor(), .err = err_.descriptor()}};
  FakeService service_;
  ImportStop stop_;
};

TEST(SplitFor, GoesByTheNameUnlessToldOtherwise) {
  EXPECT_EQ(SplitFor(SplitRule::kByName, "-"), RecordSplit::kLines);
  EXPECT_EQ(SplitFor(SplitRule::kByName, "a/b.ndjson"), RecordSplit::kLines);
  EXPECT_EQ(SplitFor(SplitRule::kByName, "b.jsonl.gz"), RecordSplit::kLines);
  EXPECT_EQ(SplitFor(SplitRule::kByName, "b.txt.zst"), RecordSplit::kLines);
  EXPECT_EQ(SplitFor(SplitRule::kByName, "photo.jpg"), RecordSplit::kWhole);
  EXPECT_EQ(SplitFor(SplitRule::kByName, "page.html.gz"), RecordSplit::kWhole);
  EXPECT_EQ(SplitFor(SplitRule::kParagraphs, "b.txt"), RecordSplit::kParagraphs);
}

TEST_F(ImportRunTest, SavesEachLineOfSeveralInputs) {
  const ImportTally tally =
      Import({Write("a.txt", "one\ntwo\n\none\n"), Write("b.txt", "two\r\nthree")});
  EXPECT_EQ(service_.contents(), (Contents{"one", "two", "three"}));
  EXPECT_EQ(tally.created, 3u);
  EXPECT_EQ(tally.duplicates, 2u);
  EXPECT_EQ(tally.empty, 1u);
  EXPECT_EQ(tally.bytes_read, 23u);
}

TEST_F(ImportRunTest, KeepsBatchesWithinTheirLimits) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "item " + std::to_string(i) + "\n";
  const ImportTally tally = Import({Write("a.txt", text)}, {.batch_items_max = 7, .senders = 8});
  EXPECT_EQ(tally.created, 5000u);
  EXPECT_EQ(service_.largest_batch(), 7u);
  Import({Write("b.txt", text)}, {.batch_bytes_max = 20, .senders = 3});
  EXPECT_LE(service_.largest_batch(), 7u);
}

TEST_F(ImportRunTest, TellsFileAndLineOfWhatIsRefused) {
  const ImportTally tally = Import({Write("a.txt", "good\nbad one\n\ntoo long for this\nlast\n")},
                                   {.content_bytes_max = 8, .senders = 1});
  EXPECT_EQ(service_.contents(), (Contents{"good", "last"}));
  EXPECT_EQ(tally.refused, 2u);
  EXPECT_EQ(Printed(err_),
            "a.txt:4: longer than the limit of 8 bytes for an item\n"
            "a.txt:2: not JSON\n");
}

TEST_F(ImportRunTest, StopsReadingAtAProblemIfAsked) {
  const ImportTally tally = Import({Write("a.txt", "one\ntoo long\n"), Write("b.txt", "two\n")},
                                   {.content_bytes_max = 4}, {.on_error = OnError::kStop});
  EXPECT_EQ(tally.refused, 1u);
  EXPECT_EQ(service_.contents(), Contents{"one"});
}

TEST_F(ImportRunTest, StopsWhenTheStoreCannotSave) {
  std::string text = "fail\n";
  for (int i = 0; i < 10'000; ++i) text += std::to_string(i) + "\n";
  ImportReport report(context_, {});
  ImportRun run(
      report,
      [this](auto contents, const ImportTerms& terms) { return service_.Save(contents, terms); },
      {.batch_items_max = 1, .senders = 1});
  run.Run(std::vector<InputFile>{Write("a.txt", text)}, stop_);
  EXPECT_TRUE(report.should_stop());
  ASSERT_TRUE(report.store_failure());
  EXPECT_EQ(report.store_failure()->code, ErrorCode::kStorageFull);
  EXPECT_EQ(report.tally().failed, 1u);
  EXPECT_EQ(report.tally().unknown, 0u);
  EXPECT_EQ(report.tally().created, 0u);
}

TEST_F(ImportRunTest, CountsWhatIsNotKnownToBeSavedForItself) {
  const ImportTally tally = Import({Write("a.txt", "unknown\nfail\n")});
  EXPECT_EQ(tally.failed, 2u);
  EXPECT_EQ(tally.unknown, 1u);
}

TEST_F(ImportRunTest, GoesOnBehindAnUnreadableInputAndKeepsWhatCameBefore) {
  const std::string gzip_of_nothing("\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00", 12);
  const ImportTally tally = Import({{(root_ / "none").string(), std::nullopt},
                                    Write("cut.txt.gz", gzip_of_nothing),
                                    Write("b.txt", "two\n")});
  EXPECT_EQ(tally.unreadable, 2u);
  EXPECT_EQ(service_.contents(), Contents{"two"});
  EXPECT_NE(Printed(err_).find("cut.txt.gz:1: gzip data is cut off at byte 12"), std::string::npos)
      << Printed(err_);
}

TEST_F(ImportRunTest, AcknowledgesEachSavedItemWithItsPlace) {
  Import({Write("a.txt", "one\nbad\none\n")}, {.senders = 1}, {.acknowledge_each = true});
  EXPECT_EQ(Printed(out_),
            "{\"source\":\"a.txt\",\"line\":1,\"outcome\":\"created\",\"id\":1}\n"
            "{\"source\":\"a.txt\",\"line\":3,\"outcome\":\"duplicate\",\"id\":1}\n");
}

TEST_F(ImportRunTest, SavesExportedItemsInTheirScopesAndWithTheirMediaTypes) {
  const auto line = [](const std::string& scope, const std::string& content,
                       const std::string& media_type) {
    const Scope named = Scope::Named(scope).value();
    return ItemJson({.id = ItemId{1},
                     .key = MakeContentKey(named, content).value(),
                     .content = content,
                     .media_type = media_type},
                    ItemContent::kInclude) +
           "\n";
  };
  const std::string binary("\0\xFF\r\n", 4);
  const ImportTally tally =
      Import({Write("all.export", line("default", "plain \"text\"", "text/plain") +
                                      line("photos", binary, "") +
                                      line("orders+json", "{\"b\": 1, \"a\": 2}", ""))},
             {.form = RecordForm::kExportedItem});

  EXPECT_EQ(tally.created, 3u);
  EXPECT_EQ(service_.terms_of("plain \"text\""), (ImportTerms{Scope(), "text/plain"}));
  EXPECT_EQ(service_.terms_of(binary), (ImportTerms{Scope::Named("photos").value(), ""}));
  EXPECT_EQ(service_.terms_of("{\"b\": 1, \"a\": 2}"),
            (ImportTerms{Scope::Named("orders+json").value(), ""}));
}

TEST_F(ImportRunTest, RefusesLinesThatAreNoExportedItems) {
  std::string changed = ItemJson(
      {.id = ItemId{1}, .key = MakeContentKey(Scope(), "right").value(), .content = "right"},
      ItemContent::kInclude);
  changed.replace(changed.find("right"), 5, "wrong");
  std::string long_item = ItemJson({.id = ItemId{2},
                                    .key = MakeContentKey(Scope(), "123456789").value(),
                                    .content = "123456789"},
                                   ItemContent::kInclude);
  const ImportTally tally =
      Import({Write("a.ndjson", "{\"a\": 1}\n" + changed + "\n" + long_item + "\n")},
             {.form = RecordForm::kExportedItem, .content_bytes_max = 8});

  EXPECT_EQ(tally.refused, 3u);
  EXPECT_EQ(service_.contents(), Contents{});
  EXPECT_EQ(Printed(err_),
            "a.ndjson:1: no item as 'itemgate export' writes it; a line that is a content itself "
            "is imported without --exported\n"
            "a.ndjson:2: the content does not have the sha256 beside it: the line was changed\n"
            "a.ndjson:3: longer than the limit of 8 bytes for an item\n");
}

TEST_F(ImportRunTest, TellsAFewProblemsInFullAndCountsTheRest) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "bad\n";
  Import({Write("a.txt", text)});
  const std::string printed = Printed(err_);
  EXPECT_EQ(std::ranges::count(printed, '\n'), 21);
  EXPECT_TRUE(printed.ends_with("itemgate: 30 more problems like these\n"));
}

TEST_F(ImportRunTest, SendsWhatItHasBeforeItWaitsAndStopsWaitingWhenAsked) {
  // The writer keeps the pipe open until its line is saved: it would wait for ever if the reader did, too.
  const std::string path = (root_ / "pipe.txt").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::stop_source stop;
  int stop_pipe[2];
  ASSERT_EQ(::pipe(stop_pipe), 0);
  stop_ = {.token = stop.get_token(), .descriptor = stop_pipe[0]};
  ImportReport report(context_, {});
  std::ofstream writer;
  ImportRun run(report,
                [&](auto contents, const ImportTerms& terms) {
                  stop.request_stop();
                  EXPECT_EQ(::write(stop_pipe[1], "x", 1), 1);
                  return service_.Save(contents, terms);
                },
                {});
  std::thread opening([&] {
    writer.open(path);
    writer << "line\n" << std::flush;
  });
  run.Run(std::vector<InputFile>{{path, std::nullopt}}, stop_);
  opening.join();
  EXPECT_EQ(service_.contents(), Contents{"line"});
  EXPECT_EQ(report.tally().unreadable, 0u);
  ::close(stop_pipe[0]);
  ::close(stop_pipe[1]);
}

}  // namespace
}  // namespace itemgate::cli
