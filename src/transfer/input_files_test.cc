#include "transfer/input_files.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "transfer/path_pattern.h"

namespace itemgate {
namespace {

namespace fs = std::filesystem;

TEST(MatchesName, TakesStarsQuestionMarksAndSets) {
  EXPECT_TRUE(MatchesName("*.gz", "a.gz"));
  EXPECT_TRUE(MatchesName("a*b*c", "aXbbYc"));
  EXPECT_TRUE(MatchesName("a?c", "abc"));
  EXPECT_TRUE(MatchesName("[a-c]1", "b1"));
  EXPECT_TRUE(MatchesName("[!a-c]1", "d1"));
  EXPECT_TRUE(MatchesName("[]x]", "]"));
  EXPECT_TRUE(MatchesName("\\*", "*"));
  EXPECT_TRUE(MatchesName("*", "anything"));
  EXPECT_FALSE(MatchesName("*.gz", "a.gz2"));
  EXPECT_FALSE(MatchesName("a?c", "ac"));
  EXPECT_FALSE(MatchesName("[a-c]1", "d1"));
  EXPECT_FALSE(MatchesName("\\*", "x"));
  EXPECT_FALSE(MatchesName("", "x"));
}

TEST(MatchesName, TakesABracketWithoutItsPartnerAsItIs) {
  EXPECT_TRUE(MatchesName("a[b", "a[b"));
  EXPECT_FALSE(MatchesName("a[b", "ab"));
}

TEST(MatchesName, HidesNamesWithADotInFront) {
  EXPECT_FALSE(MatchesName("*", ".hidden"));
  EXPECT_FALSE(MatchesName("?hidden", ".hidden"));
  EXPECT_TRUE(MatchesName(".*", ".hidden"));
}

TEST(MatchesName, EndsSoonForAPatternMadeToBeSlow) {
  EXPECT_FALSE(MatchesName("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

class ExpandInputsTest : public testing::Test {
 protected:
  ExpandInputsTest() {
    std::string name = (fs::temp_directory_path() / "itemgate-inputs-XXXXXX").string();
    root_ = mkdtemp(name.data());
    for (const char* file : {"b.txt", "a.ndjson", "sub/c.txt", "sub/deep/d.txt", ".hidden",
                             "store/log", "sub/.git/e.txt"}) {
      fs::create_directories((root_ / file).parent_path());
      std::ofstream(root_ / file) << "12345";
    }
  }
  ~ExpandInputsTest() override { fs::remove_all(root_); }

  /// What is found, without the folder in front.
  std::vector<std::string> Expand(std::vector<std::string> arguments) {
    for (std::string& argument : arguments) argument = (root_ / argument).string();
    const Inputs inputs = ExpandInputs(arguments, (root_ / "store").string());
    std::vector<std::string> names;
    for (const InputFile& file : inputs.files)
      names.push_back(fs::relative(file.path, root_).string());
    for (const UnreadableInput& input : inputs.unreadable)
      names.push_back(fs::path(input.path).lexically_relative(root_).string() + ": " +
                      std::string(ErrorCodeName(input.error.code)));
    return names;
  }

  using Names = std::vector<std::string>;
  fs::path root_;
};

TEST_F(ExpandInputsTest, TakesFilesAsTheyAreGiven) {
  EXPECT_EQ(Expand({"b.txt", "a.ndjson"}), (Names{"b.txt", "a.ndjson"}));
  EXPECT_EQ(Expand({".hidden"}), Names{".hidden"});
}

TEST_F(ExpandInputsTest, TakesAllOfAFolderButHiddenFilesAndTheStore) {
  EXPECT_EQ(Expand({""}), (Names{"a.ndjson", "b.txt", "sub/c.txt", "sub/deep/d.txt"}));
}

TEST_F(ExpandInputsTest, ExpandsPatterns) {
  EXPECT_EQ(Expand({"*.txt"}), Names{"b.txt"});
  EXPECT_EQ(Expand({"s*/?.txt"}), Names{"sub/c.txt"});
  EXPECT_EQ(Expand({"**/*.txt"}), (Names{"b.txt", "sub/c.txt", "sub/deep/d.txt"}));
  EXPECT_EQ(Expand({"sub/**"}), (Names{"sub/c.txt", "sub/deep/d.txt"}));
}

TEST_F(ExpandInputsTest, TakesAFileOfThatNameBeforeAPattern) {
  std::ofstream(root_ / "[ab].txt") << "x";
  EXPECT_EQ(Expand({"[ab].txt"}), Names{"[ab].txt"});
}

TEST_F(ExpandInputsTest, TellsWhatIsNotThereAndTakesTheRest) {
  EXPECT_EQ(Expand({"b.txt", "none", "a.ndjson"}), (Names{"b.txt", "a.ndjson", "none: not_found"}));
  EXPECT_EQ(Expand({"*.zip", "b.txt"}), (Names{"b.txt", "*.zip: not_found"}));
}

// A link to itself can be read by nobody, whatever the rights of who runs the test.
TEST_F(ExpandInputsTest, TellsWhatCannotBeReadAndTakesTheRest) {
  const fs::path loop = root_ / "sub" / "loop";
  fs::create_symlink(loop, loop);
  EXPECT_EQ(Expand({"sub/loop", "b.txt"}), (Names{"b.txt", "sub/loop: io"}));
}

TEST_F(ExpandInputsTest, KnowsSizesAndStandardInput) {
  const auto files =
      ExpandInputs(std::vector<std::string>{(root_ / "b.txt").string(), "-"}, "").files;
  EXPECT_EQ(files.front().bytes, 5u);
  EXPECT_EQ(files.back(), (InputFile{"-", std::nullopt}));
}

}  // namespace
}  // namespace itemgate
