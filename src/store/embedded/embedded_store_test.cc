#include "store/embedded/embedded_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/manual_executor.h"
#include "testing/memory_file_system.h"
#include "testing/store_conformance.h"

namespace itemgate {
namespace {

constexpr const char* kDirectory = "data";

/// A store on a disk in memory, small enough that segments are sealed and runs are built all the time.
class SmallStore final : public StoreUnderTest {
 public:
  explicit SmallStore(std::uint64_t seed = 1) : files_(seed) {}
  ~SmallStore() override { Stop(); }

  ItemStore& store() override {
    if (store_ == nullptr) Open().value();
    return *store_;
  }

  Result<void> Open() {
    auto store = EmbeddedStore::Open(
        {.files = files_, .clock = clock_, .background = background_},
        {.directory = kDirectory, .seed = 7, .segment_bytes = 4000, .run_keys = 50});
    if (!store) return std::unexpected(store.error());
    store_ = std::move(*store);
    return {};
  }

  void Stop() {
    background_.RunUntilIdle();
    store_.reset();
  }

  /// The power fails while the store is open.
  void Crash() {
    files_.FailAfter(0, MemoryFileSystem::Failing::kForGood);  // so that closing saves nothing
    Stop();
    files_.DisarmFaults();
    files_.Crash();
  }

  VerifyReport Verify() {
    store();
    return static_cast<EmbeddedStore&>(*store_).Verify([](std::uint64_t) {}).value();
  }

  MemoryFileSystem files_;
  ManualClock clock_;
  ManualExecutor background_{clock_};
  std::unique_ptr<ItemStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Embedded, StoreConformance,
                         testing::Values(StoreMaker{"embedded", [] {
                                                      auto small = std::make_unique<SmallStore>();
                                                      small->store();
                                                      return small;
                                                    }}));

void RemoveAll(FileSystem& files, const std::string& directory) {
  const auto entries = files.List(directory).value();
  for (const DirectoryEntry& entry : entries)
    ASSERT_TRUE(files.Remove(directory + "/" + entry.name));
}

std::string ContentOf(std::uint64_t number) { return "content " + std::to_string(number); }

TEST(EmbeddedStore, RemembersEverythingAfterACleanClose) {
  SmallStore small;
  for (std::uint64_t i = 1; i <= 300; ++i)
    EXPECT_EQ(InsertOne(small.store(), ContentOf(i)).id.value, i);
  small.Stop();
  for (std::uint64_t i = 1; i <= 300; ++i) {
    const Insertion repeat = InsertOne(small.store(), ContentOf(i));
    EXPECT_FALSE(repeat.created);
    EXPECT_EQ(repeat.id.value, i);
  }
  EXPECT_THAT(small.Verify().problems, testing::IsEmpty());
}

TEST(EmbeddedStore, RemembersEverythingAfterACrash) {
  SmallStore small;
  for (std::uint64_t i = 1; i <= 300; ++i) {
    InsertOne(small.store(), ContentOf(i));
    if (i % 70 == 0) small.background_.RunUntilIdle();
  }
  small.Crash();
  EXPECT_EQ(small.store().Statistics().items, 300U);
  for (std::uint64_t i = 1; i <= 300; ++i)
    EXPECT_EQ(InsertOne(small.store(), ContentOf(i)).id.value, i);
  const VerifyReport report = small.Verify();
  EXPECT_THAT(report.problems, testing::IsEmpty());
  EXPECT_EQ(report.items, 300U);
}

TEST(EmbeddedStore, CountsTheBytesOfItsContentsOverEveryStart) {
  SmallStore small;
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 1; i <= 300; ++i) {
    InsertOne(small.store(), ContentOf(i));
    bytes += ContentOf(i).size();
    EXPECT_EQ(small.store().Statistics().content_bytes, bytes);
    if (i % 50 == 0) small.Crash();
    if (i % 70 == 0) small.Stop();
  }
  EXPECT_GT(small.files_.List(std::string(kDirectory) + "/log")->size(), 5U);
  EXPECT_EQ(small.Verify().content_bytes, bytes);
}

TEST(EmbeddedStore, TheIndexIsRebuiltFromTheLogWhenItIsGone) {
  SmallStore small;
  for (std::uint64_t i = 1; i <= 120; ++i) InsertOne(small.store(), ContentOf(i));
  small.Stop();
  RemoveAll(small.files_, "data/index");
  EXPECT_FALSE(InsertOne(small.store(), ContentOf(1)).created);
  EXPECT_THAT(small.Verify().problems, testing::IsEmpty());
}

TEST(EmbeddedStore, RefusesALogThatEndsBeforeItsIndex) {
  SmallStore small;
  for (std::uint64_t i = 1; i <= 120; ++i) InsertOne(small.store(), ContentOf(i));
  small.Stop();
  RemoveAll(small.files_, "data/log");
  const auto opened = small.Open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
}

TEST(EmbeddedStore, RefusesALogThatLostItsEndAfterACleanClose) {
  SmallStore small;
  for (std::uint64_t i = 1; i <= 5; ++i) InsertOne(small.store(), ContentOf(i));
  small.Stop();
  std::string& segment = small.files_.Bytes("data/log/00000000000000000001.log");
  const std::string whole = segment;
  for (const std::string& damaged :
       {std::string(), whole.substr(0, whole.size() - 8), std::string(whole.size(), '\0'),
        std::string(whole).replace(whole.find("content 5"), 1, "X")}) {
    segment = damaged;
    const auto opened = small.Open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(segment, damaged);
  }
  segment = whole;
  EXPECT_TRUE(small.Open());
}

TEST(EmbeddedStore, RefusesAnotherFormatAndADamagedIdentity) {
  SmallStore small;
  InsertOne(small.store(), "a");
  small.Stop();
  std::string& identity = small.files_.Bytes("data/IDENTITY");
  const std::string good = identity;
  identity.replace(identity.find("format 1"), 8, "format 2");
  EXPECT_EQ(small.Open().error().code, ErrorCode::kUnsupported);
  identity = "nonsense";
  EXPECT_EQ(small.Open().error().code, ErrorCode::kCorrupt);
  identity = good;
  EXPECT_TRUE(small.Open());
}

TEST(EmbeddedStore, AFullDiskFailsTheSaveAndKeepsTheStore) {
  SmallStore small;
  InsertOne(small.store(), "a");
  small.files_.SetRoom(0);
  const std::string large(2 << 20, 'x');
  Insertion insertion = InsertionOf(large);
  const auto full = InsertAll(small.store(), {&insertion, 1});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kStorageFull);
  EXPECT_FALSE(small.store().Find({&insertion.key, 1})->front());
  EXPECT_FALSE(InsertOne(small.store(), "a").created);  // what is known needs no room
  small.files_.SetRoom(std::nullopt);
  EXPECT_EQ(InsertOne(small.store(), large).id, ItemId{2});
  EXPECT_THAT(small.Verify().problems, testing::IsEmpty());
}

TEST(EmbeddedStore, IsOpenedOnAFullDiskAndSavesWhenThereIsRoom) {
  SmallStore small;
  for (std::uint64_t i = 1; i <= 60; ++i) InsertOne(small.store(), ContentOf(i));
  small.Stop();
  small.files_.SetRoom(0);
  const auto opened = small.Open();
  ASSERT_TRUE(opened) << opened.error().message;
  for (std::uint64_t i = 1; i <= 60; ++i)
    EXPECT_FALSE(InsertOne(small.store(), ContentOf(i)).created);
  EXPECT_THAT(small.Verify().problems, testing::IsEmpty());
  const std::string large(2 << 20, 'x');
  Insertion insertion = InsertionOf(large);
  EXPECT_EQ(InsertAll(small.store(), {&insertion, 1}).error().code, ErrorCode::kStorageFull);

  small.files_.SetRoom(std::nullopt);
  for (std::uint64_t i = 61; i <= 120; ++i)
    EXPECT_TRUE(InsertOne(small.store(), ContentOf(i)).created);
  small.Stop();
  ASSERT_TRUE(small.Open());
  EXPECT_EQ(small.store().Statistics().items, 120U);
  EXPECT_THAT(small.Verify().problems, testing::IsEmpty());
}

TEST(EmbeddedStore, AfterAFailedSyncItSaysUnknownAndSavesNothingMore) {
  SmallStore small;
  InsertOne(small.store(), "a");
  small.files_.FailAfter(1, MemoryFileSystem::Failing::kOnce);  // the write passes, the sync fails
  Insertion insertion = InsertionOf("b");
  EXPECT_EQ(InsertAll(small.store(), {&insertion, 1}).error().code, ErrorCode::kUnknown);
  EXPECT_EQ(InsertAll(small.store(), {&insertion, 1}).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(small.store().Get(ItemId{1}));
  small.Crash();
  InsertOne(small.store(), "b");
  EXPECT_EQ(small.store().Statistics().items, 2U);
}

TEST(EmbeddedStore, AFailedCommitAndACleanCloseLeaveAStoreThatOpens) {
  for (const bool broken : {false, true}) {
    SmallStore small;
    for (std::uint64_t i = 1; i <= 60; ++i) InsertOne(small.store(), ContentOf(i));
    if (broken) {
      small.files_.FailAfter(1, MemoryFileSystem::Failing::kOnce);
    } else {
      small.files_.SetRoom(0);
    }
    const std::string large(2 << 20, 'x');
    Insertion insertion = InsertionOf(large);
    EXPECT_FALSE(InsertAll(small.store(), {&insertion, 1}));
    small.files_.SetRoom(std::nullopt);
    small.Stop();
    const auto opened = small.Open();
    ASSERT_TRUE(opened) << opened.error().message;
    for (std::uint64_t i = 1; i <= 60; ++i)
      EXPECT_FALSE(InsertOne(small.store(), ContentOf(i)).created);
    EXPECT_THAT(small.Verify().problems, testing::IsEmpty());
  }
}

TEST(EmbeddedStore, WhatWasToldAsFailedForWantOfRoomIsNotThereLater) {
  SmallStore small;
  InsertOne(small.store(), "a");
  const std::string large(2 << 20, 'x');
  for (const std::uint64_t room : {0U, 100U, 1U << 20}) {
    small.files_.SetRoom(room);
    Insertion insertion = InsertionOf(large);
    EXPECT_EQ(InsertAll(small.store(), {&insertion, 1}).error().code, ErrorCode::kStorageFull);
    small.Crash();
    EXPECT_EQ(small.store().Statistics().items, 1U);
  }
}

TEST(EmbeddedStore, VerifyFindsADamagedItem) {
  SmallStore small;
  for (std::uint64_t i = 1; i <= 50; ++i) InsertOne(small.store(), ContentOf(i));
  std::string& segment = small.files_.Bytes("data/log/00000000000000000001.log");
  segment[segment.find("content 3")] = 'X';
  const VerifyReport report = small.Verify();
  ASSERT_GE(report.problem_count, 1U);
  EXPECT_NE(report.problems.front().find("item 3"), std::string::npos);
}

TEST(EmbeddedStore, VerifyIsNotMisledByWhatIsSavedMeanwhile) {
  SmallStore small;
  std::uint64_t saved = 0;
  const auto save = [&](std::uint64_t count) {
    for (const std::uint64_t end = saved + count; saved < end;)
      InsertOne(small.store(), ContentOf(++saved));
    small.background_.RunUntilIdle();
  };
  save(1500);
  const auto report = static_cast<EmbeddedStore&>(small.store()).Verify([&](std::uint64_t) {
    save(150);  // new segments and new runs
  });
  ASSERT_TRUE(report);
  EXPECT_THAT(report->problems, testing::IsEmpty());
  EXPECT_GE(report->items, 1500U);
}

// Every n-th operation that changes the disk fails for good, the power goes, and the store is opened again: what was
// acknowledged is there under its id, nothing is there twice, and ids have no gaps.
TEST(EmbeddedStore, SurvivesAFaultAndACrashAtEveryStep) {
  bool untouched = false;
  for (std::uint64_t step = 1; !untouched; step += 3) {
    SmallStore small(step);
    std::vector<std::uint64_t> acknowledged;
    small.files_.FailAfter(step, MemoryFileSystem::Failing::kForGood);
    untouched = small.Open().has_value();
    for (std::uint64_t i = 1; i <= 130 && untouched; ++i) {
      const std::string content = ContentOf(i);
      Insertion insertion = InsertionOf(content);
      untouched = InsertAll(small.store(), {&insertion, 1}).has_value();
      if (untouched) acknowledged.push_back(insertion.id.value);
      if (i % 60 == 0) small.background_.RunUntilIdle();
    }
    small.Crash();
    const auto opened = small.Open();
    ASSERT_TRUE(opened) << "step " << step << ": " << opened.error().message;
    for (std::size_t i = 0; i < acknowledged.size(); ++i) {
      ASSERT_EQ(acknowledged[i], i + 1) << "step " << step;
      ASSERT_FALSE(InsertOne(small.store(), ContentOf(i + 1)).created) << "step " << step;
    }
    InsertOne(small.store(), "later");
    ASSERT_THAT(small.Verify().problems, testing::IsEmpty()) << "step " << step;
  }
}

}  // namespace
}  // namespace itemgate
