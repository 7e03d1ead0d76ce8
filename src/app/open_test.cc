#include <stdlib.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "itemgate/itemgate.h"

namespace itemgate {
namespace {

class OpenTest : public testing::Test {
 protected:
  OpenTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "itemgate-open-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~OpenTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

TEST_F(OpenTest, RemembersWhatItSavedBefore) {
  {
    const auto itemgate = Open({.directory = directory_});
    ASSERT_TRUE(itemgate) << itemgate.error().message;
    EXPECT_EQ((*itemgate)->service().SaveItem("a").outcome, Outcome::kCreated);
  }
  const auto itemgate = Open({.directory = directory_, .must_exist = true});
  ASSERT_TRUE(itemgate) << itemgate.error().message;
  const SaveResult again = (*itemgate)->service().SaveItem("a");
  EXPECT_EQ(again.outcome, Outcome::kDuplicate);
  EXPECT_EQ(again.id, ItemId{1});
}

TEST_F(OpenTest, ASecondOneOnTheSameDirectoryIsRefusedAndTheFirstGoesOn) {
  const auto first = Open({.directory = directory_});
  ASSERT_TRUE(first);
  const auto second = Open({.directory = directory_});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_TRUE((*first)->service().SaveItem("a").success());
}

TEST_F(OpenTest, DoesNotCreateAStoreThatMustExist) {
  const auto itemgate = Open({.directory = directory_ + "/absent", .must_exist = true});
  ASSERT_FALSE(itemgate);
  EXPECT_EQ(itemgate.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/absent"));
}

TEST_F(OpenTest, RefusesRedisForAStoreOfOneServerAndLocksWithoutRedis) {
  const auto alone = Open({.directory = directory_, .redis = {.servers = {"localhost:6379"}}});
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(alone.error().message.find("share a database"), std::string::npos);
  OpenOptions locked{.directory = directory_};
  locked.service.lock_use = LockUse::kAlways;
  EXPECT_EQ(Open(locked).error().code, ErrorCode::kInvalidArgument);
}

TEST(Open, WithoutADirectoryKeepsItemsInMemory) {
  const auto itemgate = Open({});
  ASSERT_TRUE(itemgate);
  EXPECT_TRUE((*itemgate)->service().SaveItem("a").success());
  EXPECT_EQ((*itemgate)->StoreStatisticsNow().items, 1U);
  EXPECT_EQ((*itemgate)->Verify([](std::uint64_t) {}).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace itemgate
