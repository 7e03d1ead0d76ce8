#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "transfer/descriptor_sink.h"
#include "transfer/descriptor_source.h"
#include "transfer/output_file.h"

namespace itemgate {
namespace {

namespace fs = std::filesystem;

class DescriptorTest : public testing::Test {
 protected:
  DescriptorTest() {
    std::string name = (fs::temp_directory_path() / "itemgate-files-XXXXXX").string();
    root_ = mkdtemp(name.data());
    (void)::signal(SIGPIPE, SIG_IGN);
  }
  ~DescriptorTest() override { fs::remove_all(root_); }

  static std::string ContentOf(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path root_;
};

TEST_F(DescriptorTest, ReadsAFileUpToALimit) {
  std::ofstream(root_ / "f") << "0123456789";
  const auto source = DescriptorSource::Open((root_ / "f").string());
  ASSERT_TRUE(source);
  EXPECT_EQ(ReadUpTo(**source, 4).value(), "0123");
  EXPECT_EQ(ReadUpTo(**source, 100).value(), "456789");
  EXPECT_EQ((*source)->BytesUsed(), 10u);
}

TEST_F(DescriptorTest, TellsWhatCannotBeRead) {
  EXPECT_EQ(DescriptorSource::Open((root_ / "none").string()).error().code, ErrorCode::kNotFound);
  const auto folder = DescriptorSource::Open(root_.string());
  ASSERT_TRUE(folder);
  EXPECT_EQ(ReadUpTo(**folder, 1).error().code, ErrorCode::kIo);
}

TEST_F(DescriptorTest, StopsWaitingForInputWhenAsked) {
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0600), 0);
  std::array<int, 2> stop;
  ASSERT_EQ(::pipe(stop.data()), 0);
  int waits = 0;
  const auto source = DescriptorSource::Open((root_ / "pipe").string(),
                                             {.stop_descriptor = stop[0], .before_waiting = [&] {
                                                ++waits;
                                                ASSERT_EQ(::write(stop[1], "x", 1), 1);
                                              }});
  ASSERT_TRUE(source);
  EXPECT_EQ(ReadUpTo(**source, 1).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(waits, 1);
  ::close(stop[0]);
  ::close(stop[1]);
}

TEST_F(DescriptorTest, TellsAClosedPipeAndAFullDiskApart) {
  std::array<int, 2> pipe;
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ::close(pipe[0]);
  DescriptorSink closed(pipe[1], "the pipe");
  EXPECT_TRUE(closed.Write("x"));
  EXPECT_EQ(closed.Flush().error().code, ErrorCode::kUnavailable);
  ::close(pipe[1]);

  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  EXPECT_EQ(DescriptorSink(full, "it").Write(std::string(1 << 20, 'x')).error().code,
            ErrorCode::kStorageFull);
  ::close(full);
}

TEST_F(DescriptorTest, ShowsAnOutputFileOnlyWhenItIsComplete) {
  const fs::path path = root_ / "out";
  {
    const auto file = OutputFile::Create(path.string());
    ASSERT_TRUE(file);
    EXPECT_TRUE((*file)->sink().Write("dropped"));
  }
  EXPECT_TRUE(fs::is_empty(root_));
  const auto file = OutputFile::Create(path.string());
  ASSERT_TRUE(file);
  EXPECT_TRUE((*file)->sink().Write("kept"));
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE((*file)->Commit());
  EXPECT_EQ(ContentOf(path), "kept");
}

TEST_F(DescriptorTest, WritesADeviceInItsPlace) {
  const auto file = OutputFile::Create("/dev/null");
  ASSERT_TRUE(file);
  EXPECT_TRUE((*file)->sink().Write("gone"));
  EXPECT_TRUE((*file)->Commit());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

}  // namespace
}  // namespace itemgate
