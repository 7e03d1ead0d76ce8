#include "store/embedded/item_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/memory_file_system.h"
#include "testing/store_conformance.h"

namespace itemgate {
namespace {

constexpr std::string_view kFirstSegment = "data/log/00000000000000000001.log";

class ItemLogTest : public testing::Test {
 protected:
  Result<std::unique_ptr<ItemLog>> Open() {
    return ItemLog::Open({.files = files_,
                          .directory = "data/log",
                          .store = log_format::StoreId{42},
                          .segment_bytes = 2000});
  }

  /// Appends items with the next ids as one commit.
  static Result<void> Append(ItemLog& log, const std::vector<std::string>& contents) {
    std::vector<Insertion> insertions;
    for (const std::string& content : contents) insertions.push_back(InsertionOf(content));
    std::vector<Insertion*> items;
    std::uint64_t id = log.last().value;
    for (Insertion& insertion : insertions) {
      insertion.id = ItemId{++id};
      items.push_back(&insertion);
    }
    return log.Append(items, WallTime{});
  }

  static std::vector<std::string> Contents(const ItemLog& log, ItemId from = ItemId{1}) {
    std::vector<std::string> contents;
    const auto read = log.Read(from, {}, [&](const log_format::RecordView& record) {
      contents.emplace_back(record.content);
      return true;
    });
    EXPECT_TRUE(read) << read.error().message;
    return contents;
  }

  [[nodiscard]] std::string& Bytes() { return files_.Bytes(std::string(kFirstSegment)); }

  MemoryFileSystem files_;
};

TEST_F(ItemLogTest, KeepsItemsOverACrashAndGoesOn) {
  {
    const auto log = Open();
    ASSERT_TRUE(log);
    ASSERT_TRUE(Append(**log, {"a", "b"}));
    ASSERT_TRUE(Append(**log, {"c"}));
  }
  files_.Crash();
  const auto log = Open();
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ((*log)->last(), ItemId{3});
  ASSERT_TRUE(Append(**log, {"d"}));
  EXPECT_THAT(Contents(**log), testing::ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(Contents(**log, ItemId{3}), testing::ElementsAre("c", "d"));
}

TEST_F(ItemLogTest, SealsFullSegmentsAndReadsAcrossThem) {
  std::vector<std::string> expected;
  const auto log = Open();
  for (int i = 0; i < 100; ++i) {
    expected.push_back("content " + std::to_string(i));
    ASSERT_TRUE(Append(**log, {expected.back()}));
  }
  EXPECT_GT(files_.List("data/log")->size(), 5U);
  EXPECT_EQ(Contents(**log), expected);
  files_.Crash();
  const auto again = Open();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(Contents(**again), expected);
  EXPECT_TRUE((*again)->Scrub([](const auto&) { return true; }));
}

TEST_F(ItemLogTest, AClosedLogTakesNoMoreSpaceThanItsItems) {
  const auto log = Open();
  ASSERT_TRUE(Append(**log, {"a"}));
  EXPECT_GT(Bytes().size(), 1U << 20);
  (*log)->Close();
  EXPECT_EQ(Bytes().size(), 64U + 32U + 80U);  // segment header, frame header, record
}

TEST_F(ItemLogTest, ATornLastCommitIsDroppedAsAWhole) {
  {
    const auto log = Open();
    ASSERT_TRUE(Append(**log, {"a"}));
    ASSERT_TRUE(Append(**log, {"b", "c"}));
    (*log)->Close();
  }
  const std::string whole = Bytes();
  // Whatever was cut off of the last commit: the first is there, and no part of the second.
  for (std::size_t size = whole.size() - 1; size > whole.size() - 150; --size) {
    Bytes() = whole.substr(0, size);
    const auto log = Open();
    ASSERT_TRUE(log) << size << ": " << log.error().message;
    EXPECT_EQ((*log)->last(), ItemId{1}) << size;
  }
}

TEST_F(ItemLogTest, RefusesToDropItemsBehindADamagedPlace) {
  {
    const auto log = Open();
    for (const char* content : {"a", "b", "c"}) ASSERT_TRUE(Append(**log, {content}));
  }
  const std::string whole = Bytes();
  const std::size_t second_frame = 64 + (whole.find('c') - whole.find('b'));
  for (const bool zeroed : {false, true}) {
    Bytes() = whole;
    if (zeroed) {
      Bytes().replace(second_frame, 64, 64, '\0');
    } else {
      Bytes()[whole.find('b')] = 'x';
    }
    const auto log = Open();
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(log.error().message.find("items from 2 on"), std::string::npos);
  }
}

TEST_F(ItemLogTest, RefusesAMissingSegmentAndAForeignOne) {
  {
    const auto log = Open();
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(Append(**log, {std::to_string(i)}));
  }
  const auto foreign =
      ItemLog::Open({.files = files_, .directory = "data/log", .store = log_format::StoreId{43}});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ErrorCode::kCorrupt);
  ASSERT_TRUE(files_.Remove(std::string(kFirstSegment)));
  const auto incomplete = Open();
  ASSERT_FALSE(incomplete);
  EXPECT_EQ(incomplete.error().code, ErrorCode::kCorrupt);
}

TEST_F(ItemLogTest, RefusesAnOverwrittenHeaderOrTrailerAndLeavesTheFileAlone) {
  {
    const auto log = Open();
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(Append(**log, {std::to_string(i)}));
  }
  const std::string whole = Bytes();
  for (const std::size_t place : {std::size_t{0}, whole.size() - 64}) {
    Bytes() = std::string(whole).replace(place, 64, 64, '\0');
    const std::string damaged = Bytes();
    const auto log = Open();
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(Bytes(), damaged);
  }
}

TEST_F(ItemLogTest, ASmallCommitNeedsNoMoreRoomThanItself) {
  const auto log = Open();
  files_.SetRoom(64 + 32 + 80);
  EXPECT_TRUE(Append(**log, {"a"}));
  EXPECT_EQ(Append(**log, {"b"}).error().code, ErrorCode::kStorageFull);
}

// Table and trailer of a seal are more than a sector: power can fail between them.
TEST_F(ItemLogTest, ATornSealIsSealedAgain) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    MemoryFileSystem files(seed);
    const ItemLog::Options options{.files = files,
                                   .directory = "data/log",
                                   .store = log_format::StoreId{42},
                                   .segment_bytes = 40'000};
    std::uint64_t acknowledged = 0;
    {
      const auto log = ItemLog::Open(options);
      while (files.List("data/log")->size() < 2) {
        const std::uint64_t before = files.mutation_count();
        std::vector<std::string> batch;
        for (int i = 0; i < 10; ++i)
          batch.push_back(std::to_string(acknowledged) + std::to_string(i));
        // The seal's sync is the third operation of a commit that rolls; others have two.
        files.FailAfter(2, MemoryFileSystem::Failing::kForGood);
        if (!Append(**log, batch)) break;
        files.DisarmFaults();
        acknowledged += batch.size();
        ASSERT_LT(files.mutation_count() - before, 5U);
      }
    }
    files.DisarmFaults();
    files.Crash();
    const auto log = ItemLog::Open(options);
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ((*log)->last().value, acknowledged) << "seed " << seed;
    EXPECT_EQ(Contents(**log).size(), acknowledged);
    EXPECT_TRUE(Append(**log, {"later"}));
  }
}

TEST_F(ItemLogTest, ATrailerThatCountsOtherContentsIsFound) {
  const auto log = Open();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Append(**log, {"content " + std::to_string(i)}));
  EXPECT_EQ((*log)->content_bytes(), 10U * 9 + 90U * 10);

  constexpr log_format::StoreId kStore{42};
  const auto trailer = log_format::ParseTrailer(Bytes(), kStore);
  ASSERT_TRUE(trailer);
  const std::string table =
      Bytes().substr(trailer->frames_end, trailer->count * sizeof(std::uint32_t));
  Bytes().resize(trailer->frames_end);
  Bytes() += log_format::MakeSeal(kStore, ItemId{1}, trailer->frames_end,
                                  trailer->content_bytes + 1, table);
  const auto scrubbed = (*log)->Scrub([](const auto&) { return true; });
  ASSERT_FALSE(scrubbed);
  EXPECT_THAT(scrubbed.error().message, testing::HasSubstr("its trailer counts other contents"));
}

TEST_F(ItemLogTest, NamesTheItemThatCannotBeRead) {
  const auto log = Open();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Append(**log, {"content " + std::to_string(i)}));
  Bytes()[Bytes().find("content 3")] = 'X';
  const auto read = (*log)->Read(ItemId{4}, {}, [](const auto&) { return true; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(read.error().message.find("item 4"), std::string::npos);
  EXPECT_FALSE((*log)->Scrub([](const auto&) { return true; }));
}

TEST_F(ItemLogTest, AFullDiskLosesNothingAndSavingGoesOnWhenThereIsRoom) {
  const auto log = Open();
  ASSERT_TRUE(Append(**log, {"a"}));
  files_.SetRoom(0);
  // Over the space written beforehand: it must grow.
  const auto full = Append(**log, {std::string(2 << 20, 'x')});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kStorageFull);
  files_.SetRoom(std::nullopt);
  ASSERT_TRUE(Append(**log, {"b"}));
  EXPECT_THAT(Contents(**log), testing::ElementsAre("a", "b"));
}

// For every operation of a run that changes the disk: it fails, the power goes, and afterwards there is every item that
// was acknowledged, in order, and at most the one commit that was under way besides.
TEST_F(ItemLogTest, SurvivesAFaultAndACrashAtEveryStep) {
  for (std::uint64_t step = 0;; ++step) {
    MemoryFileSystem files(step + 1);
    const auto open = [&files] {
      return ItemLog::Open({.files = files,
                            .directory = "data/log",
                            .store = log_format::StoreId{42},
                            .segment_bytes = 1000});
    };
    files.FailAfter(step, MemoryFileSystem::Failing::kForGood);
    std::size_t acknowledged = 0;
    bool failed = true;
    if (const auto log = open()) {
      failed = false;
      for (int i = 0; i < 12 && !failed; ++i) {
        failed = !Append(**log, {"x" + std::to_string(2 * i), "x" + std::to_string(2 * i + 1)});
        if (!failed) acknowledged += 2;
      }
    }
    files.DisarmFaults();
    files.Crash();
    const auto log = open();
    ASSERT_TRUE(log) << "step " << step << ": " << log.error().message;
    const auto contents = Contents(**log);
    ASSERT_GE(contents.size(), acknowledged) << "step " << step;
    ASSERT_LE(contents.size(), acknowledged + 2) << "step " << step;
    for (std::size_t i = 0; i < contents.size(); ++i)
      ASSERT_EQ(contents[i], "x" + std::to_string(i)) << "step " << step;
    ASSERT_TRUE(Append(**log, {"later"})) << "step " << step;
    if (!failed) break;
  }
}

}  // namespace
}  // namespace itemgate
