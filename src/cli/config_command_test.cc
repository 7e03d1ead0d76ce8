#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "cli/captured_output.h"
#include "cli/command_line.h"
#include "config/configuration.h"

namespace itemgate::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

/// How a run of the program ended.
struct Ended {
  int status = 0;
  std::string out;
  std::string err;
};

class ConfigCommandTest : public testing::Test {
 protected:
  ConfigCommandTest() {
    std::string name = (fs::temp_directory_path() / "itemgate-config-XXXXXX").string();
    root_ = mkdtemp(name.data());
    file_ = (root_ / "itemgate.toml").string();
  }
  ~ConfigCommandTest() override { fs::remove_all(root_); }

  Ended Run(std::vector<std::string> arguments) {
    const CapturedOutput out;
    const CapturedOutput err;
    arguments.insert(arguments.begin(), "itemgate");
    const int status = RunProgram(clock_, std::move(arguments),
                                  {.out = out.descriptor(), .err = err.descriptor()});
    return {status, out.text(), err.text()};
  }

  /// `itemgate COMMAND --config FILE ARGUMENTS...`, with that text in the file.
  Ended RunOnFile(std::string_view toml, std::vector<std::string> command) {
    std::ofstream(file_) << toml;
    command.insert(command.end(), {"--config", file_});
    return Run(std::move(command));
  }

  SystemClock clock_;
  fs::path root_;
  std::string file_;
};

TEST_F(ConfigCommandTest, CheckAcceptsWhatIsValid) {
  const Ended text = RunOnFile("threads = 2\n", {"config", "check"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_EQ(text.out, file_ + " is valid.\n");
  EXPECT_EQ(RunOnFile("threads = 2\n", {"config", "check", "--json"}).out, "{\"valid\":true}\n");
  EXPECT_EQ(Run({"config", "check"}).out, "The settings are valid.\n");
}

TEST_F(ConfigCommandTest, AFlagThatIsAListMayBeGivenSeveralTimes) {
  const Ended shown = Run({"config", "show", "--json", "--store", "postgres://db/items", "--redis",
                           "a:1,password=p,b:2", "--redis", "c:3", "--listen", "[::1]:1",
                           "--management.listen", ""});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr(R"("a:1,password=*****","b:2","c:3")"));
  EXPECT_THAT(shown.out, HasSubstr(R"("listen":{"value":["[::1]:1"])"));
  EXPECT_THAT(shown.out, HasSubstr(R"("management.listen":{"value":[])"));
  EXPECT_EQ(Run({"config", "show", "--data", "a", "--data", "b"}).status, 2);
}

TEST_F(ConfigCommandTest, CheckTellsAllMistakesAtOnce) {
  const Ended ended = RunOnFile("[limits]\nbody_byte = 1\nfields = \"many\"\n",
                                {"config", "check", "--log.format", "xml"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err,
            "itemgate: " + file_ +
                ":2: limits.body_byte: there is no such setting; did you mean limits.body_bytes?\n"
                "itemgate: " +
                file_ +
                ":3: limits.fields: expected a number, 8 to 10000; it is \"many\"\n"
                "itemgate: --log.format: expected one of text|json; it is \"xml\"\n");
}

TEST_F(ConfigCommandTest, TellsMistakesToMachinesALineEach) {
  const Ended ended = RunOnFile("a = 1\nb = 2\n", {"config", "check", "--json"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 2);
  EXPECT_THAT(ended.err, StartsWith("{\"error\":{\"code\":\"invalid_argument\","));
}

TEST_F(ConfigCommandTest, ShowTellsWhereValuesComeFrom) {
  const Ended text = RunOnFile("threads = 2\n", {"config", "show", "--drain.time", "3s"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, testing::ContainsRegex("\nthreads +2 +file " + file_ + ":1\n"));
  EXPECT_THAT(text.out, testing::ContainsRegex("\ndrain\\.time +3s +flag --drain\\.time\n"));
  EXPECT_THAT(text.out, testing::ContainsRegex("\nlog\\.level +info +default\n"));
  EXPECT_THAT(
      RunOnFile("threads = 2\n", {"config", "show", "--json"}).out,
      HasSubstr("\"threads\":{\"value\":2,\"source\":\"file\",\"place\":\"" + file_ + ":1\"}"));
}

TEST_F(ConfigCommandTest, ExampleIsAFileThatCheckAccepts) {
  const Ended example = Run({"config", "example"});
  EXPECT_EQ(example.status, 0);
  EXPECT_EQ(example.out, config::ExampleFile());
  EXPECT_EQ(RunOnFile(example.out, {"config", "check"}).status, 0);
}

TEST_F(ConfigCommandTest, RefusesOtherActions) {
  EXPECT_EQ(Run({"config"}).status, 2);
  EXPECT_EQ(Run({"config", "chek"}).status, 2);
}

TEST_F(ConfigCommandTest, ServeBeginsNothingWithWrongSettings) {
  const std::string data = (root_ / "data").string();
  const Ended flag = Run({"serve", "--data", data, "--threads", "300"});
  EXPECT_EQ(flag.status, 2);
  EXPECT_EQ(flag.err, "itemgate: --threads: expected a number, 0 to 256; it is \"300\"\n");
  const Ended absent = Run({"serve", "--data", data, "--config", file_});
  EXPECT_EQ(absent.status, 2);
  EXPECT_THAT(absent.err, StartsWith("itemgate: cannot open " + file_ + ": "));
  EXPECT_FALSE(fs::exists(data));
}

}  // namespace
}  // namespace itemgate::cli
