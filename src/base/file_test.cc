#include "base/file.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

class PosixFileSystemTest : public testing::Test {
 protected:
  PosixFileSystemTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "itemgate-file-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~PosixFileSystemTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string At(const std::string& name) const { return directory_ + "/" + name; }

  PosixFileSystem files_;
  std::string directory_;
};

TEST_F(PosixFileSystemTest, ReadsBackWhatWasWrittenAnywhereInTheFile) {
  auto file = files_.Open(At("a"), OpenMode::kCreate);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->WriteAt(3, "defg"));
  ASSERT_TRUE((*file)->WriteAt(0, "abc"));
  ASSERT_TRUE((*file)->Sync());
  std::string buffer(10, '.');
  EXPECT_EQ((*file)->ReadAt(1, buffer).value(), 6U);
  EXPECT_EQ(buffer, "bcdefg....");
  EXPECT_EQ((*file)->Size().value(), 7U);
}

TEST_F(PosixFileSystemTest, SaysThatAFileIsAbsentAndNamesIt) {
  const auto file = files_.Open(At("absent"), OpenMode::kRead);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kNotFound);
  EXPECT_NE(file.error().message.find("absent"), std::string::npos);
}

TEST_F(PosixFileSystemTest, CreateRefusesAFileThatIsThere) {
  ASSERT_TRUE(files_.Open(At("a"), OpenMode::kCreate));
  EXPECT_FALSE(files_.Open(At("a"), OpenMode::kCreate));
}

TEST_F(PosixFileSystemTest, ALockIsHeldOnceAndFreeAgainAfterwards) {
  auto first = files_.Lock(At("lock"));
  ASSERT_TRUE(first);
  const auto second = files_.Lock(At("lock"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  first->reset();
  EXPECT_TRUE(files_.Lock(At("lock")));
}

TEST_F(PosixFileSystemTest, ListsByName) {
  ASSERT_TRUE(ReplaceFile(files_, directory_, "b", "12"));
  ASSERT_TRUE(ReplaceFile(files_, directory_, "a", "1"));
  ASSERT_TRUE(files_.CreateDirectories(At("c/d")));
  const auto entries = files_.List(directory_);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 3U);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[1].size, 2U);
  EXPECT_TRUE((*entries)[2].is_directory);
}

TEST_F(PosixFileSystemTest, ReplaceLeavesTheNewContentAndNoDraft) {
  ASSERT_TRUE(ReplaceFile(files_, directory_, "a", "old"));
  ASSERT_TRUE(ReplaceFile(files_, directory_, "a", "new"));
  EXPECT_EQ(ReadWholeFile(files_, At("a")).value(), "new");
  EXPECT_EQ(files_.List(directory_)->size(), 1U);
}

}  // namespace
}  // namespace itemgate
