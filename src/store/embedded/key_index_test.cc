#include "store/embedded/key_index.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "testing/manual_executor.h"
#include "testing/memory_file_system.h"
#include "testing/store_conformance.h"

namespace itemgate {
namespace {

class KeyIndexTest : public testing::Test {
 protected:
  void Open() {
    index_.reset();
    auto index = KeyIndex::Open(
        {.files = files_, .background = background_, .directory = "data/index", .run_keys = 100});
    ASSERT_TRUE(index) << index.error().message;
    index_ = std::move(*index);
  }

  static ContentKey KeyOf(std::uint64_t number) {
    const Scope scope = number % 2 == 0 ? Scope() : Scope::Named("odd").value();
    return InsertionOf("content " + std::to_string(number), scope).key;
  }

  void AddUpTo(std::uint64_t last) {
    while (added_ < last) {
      ++added_;
      EXPECT_EQ(index_->Add(KeyOf(added_), ItemId{added_}), ItemId{added_});
      index_->SettleAdded(ItemId{added_});
    }
  }

  void ExpectAllFound() {
    for (std::uint64_t id = 1; id <= added_; ++id) ASSERT_EQ(IdOf(KeyOf(id)), ItemId{id});
    EXPECT_EQ(IdOf(KeyOf(added_ + 1)), ItemId{});
    EXPECT_EQ(index_->Count(ItemId{added_}).value(), added_);
  }

  [[nodiscard]] ItemId IdOf(const ContentKey& key) {
    const ContentKey* const pointer = &key;
    return index_->Find({&pointer, 1})->front();
  }

  MemoryFileSystem files_;
  ManualClock clock_;
  ManualExecutor background_{clock_};
  std::unique_ptr<KeyIndex> index_;
  std::uint64_t added_ = 0;
};

TEST_F(KeyIndexTest, FindsKeysInMemoryWhileFrozenAndInRuns) {
  Open();
  AddUpTo(350);
  EXPECT_EQ(index_->complete_through(), ItemId{0});
  ExpectAllFound();
  background_.RunUntilIdle();
  EXPECT_EQ(index_->complete_through(), ItemId{300});
  ExpectAllFound();
}

TEST_F(KeyIndexTest, FindsManyAtOnceEachInItsPlace) {
  Open();
  AddUpTo(350);  // of which the runs have 300
  background_.RunUntilIdle();
  std::vector<ContentKey> keys;
  std::vector<ItemId> expected;
  for (std::uint64_t id = added_; id > 0; --id) {
    keys.push_back(KeyOf(id));
    expected.push_back(ItemId{id});
    if (id % 3 != 0) continue;
    keys.push_back(KeyOf(1000 + id));
    expected.push_back(ItemId{});
  }
  std::vector<const ContentKey*> pointers;
  for (const ContentKey& key : keys) pointers.push_back(&key);
  EXPECT_EQ(index_->Find(pointers).value(), expected);
}

TEST_F(KeyIndexTest, LendsAHandWhenTheBackgroundIsTooFarBehind) {
  Open();
  AddUpTo(1000);
  EXPECT_GE(index_->complete_through(), ItemId{500});
  ExpectAllFound();
}

TEST_F(KeyIndexTest, KnowsAfterACrashThroughWhichIdItIsComplete) {
  Open();
  AddUpTo(250);
  background_.RunUntilIdle();
  index_.reset();
  files_.Crash();
  Open();
  EXPECT_EQ(index_->complete_through(), ItemId{200});
  EXPECT_EQ(IdOf(KeyOf(200)), ItemId{200});
  EXPECT_EQ(IdOf(KeyOf(201)), ItemId{});
}

TEST_F(KeyIndexTest, ARunThatCannotBeBuiltStaysInMemoryAndIsBuiltLater) {
  Open();
  AddUpTo(150);
  files_.SetRoom(0);
  background_.RunUntilIdle();
  EXPECT_EQ(index_->complete_through(), ItemId{0});
  ExpectAllFound();
  files_.SetRoom(std::nullopt);
  EXPECT_TRUE(index_->Flush());
  EXPECT_EQ(index_->complete_through(), ItemId{150});
  ExpectAllFound();
}

TEST_F(KeyIndexTest, OpeningItManyTimesLeavesNoFilesBehind) {
  for (int i = 0; i < 3; ++i) Open();
  const std::size_t file_count = files_.List("data/index")->size();
  for (int i = 0; i < 5; ++i) Open();
  EXPECT_EQ(files_.List("data/index")->size(), file_count);
}

TEST_F(KeyIndexTest, AddsWhatIsMissingUnderIdsInOrderAndEqualKeysOnce) {
  Open();
  AddUpTo(5);
  const std::array keys = {KeyOf(6), KeyOf(3), KeyOf(7), KeyOf(6), KeyOf(8)};
  std::vector<const ContentKey*> pointers;
  for (const ContentKey& key : keys) pointers.push_back(&key);
  std::vector<ItemId> ids = index_->Find(pointers).value();
  index_->AddMissing(pointers, ids, ItemId{6});
  EXPECT_EQ(ids, (std::vector{ItemId{6}, ItemId{3}, ItemId{7}, ItemId{6}, ItemId{8}}));
  EXPECT_EQ(index_->Find(pointers).value(), ids);
}

TEST_F(KeyIndexTest, ForgetsWhatIsTakenBack) {
  Open();
  AddUpTo(5);
  EXPECT_EQ(index_->Add(KeyOf(6), ItemId{6}), ItemId{6});
  EXPECT_EQ(index_->Add(KeyOf(6), ItemId{7}), ItemId{6});
  index_->Remove(KeyOf(6));
  EXPECT_EQ(IdOf(KeyOf(6)), ItemId{});
}

}  // namespace
}  // namespace itemgate
