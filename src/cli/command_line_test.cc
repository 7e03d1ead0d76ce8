#include "cli/command_line.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

#include "cli/captured_output.h"
#include "cli/completion.h"
#include "transfer/decompress.h"
#include "transfer/descriptor_source.h"

namespace itemgate::cli {
namespace {

namespace fs = std::filesystem;

/// How a run of the program ended.
struct Ended {
  int status = 0;
  std::string out;
  std::string err;
};

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    std::string name = (fs::temp_directory_path() / "itemgate-cli-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~ProgramTest() override { fs::remove_all(root_); }

  Ended Run(std::vector<std::string> arguments) {
    const CapturedOutput out;
    const CapturedOutput err;
    arguments.insert(arguments.begin(), "itemgate");
    const int status = RunProgram(clock_, std::move(arguments),
                                  {.out = out.descriptor(), .err = err.descriptor()});
    return {status, out.text(), err.text()};
  }

  /// With the data directory of this test.
  Ended RunOnData(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, {"--data", (root_ / "data").string()});
    return Run(std::move(arguments));
  }

  std::string Write(const std::string& name, std::string_view content) {
    std::ofstream(root_ / name, std::ios::binary) << content;
    return (root_ / name).string();
  }

  SystemClock clock_;
  fs::path root_;
};

TEST_F(ProgramTest, SavesFindsAndGetsContents) {
  EXPECT_EQ(RunOnData({"save", "a", "b", "a"}).out, "created 1\ncreated 2\nduplicate 1\n");
  EXPECT_EQ(RunOnData({"save", "b"}).out, "duplicate 2\n");
  EXPECT_TRUE(RunOnData({"find", "b"}).out.starts_with("2  saved "));
  EXPECT_EQ(RunOnData({"find", "c"}).status, 5);
  EXPECT_EQ(RunOnData({"get", "2", "1"}).out, "ba");
  EXPECT_EQ(RunOnData({"get", "3"}).status, 5);
}

TEST_F(ProgramTest, TakesContentsExactlyAsTheyAre) {
  // The parser of the command line has a meaning of its own for some of these.
  const std::vector<std::string> contents{
      "[1,2,3]", "[]", "[a]", "]", "[", "{}", "a,b", "list", "%", "\"x\"", " space ", "[[1],[2]]"};
  std::vector<std::string> arguments{"save"};
  arguments.insert(arguments.end(), contents.begin(), contents.end());
  EXPECT_EQ(RunOnData(arguments).status, 0);
  for (std::size_t i = 0; i < contents.size(); ++i)
    EXPECT_EQ(RunOnData({"get", std::to_string(i + 1)}).out, contents[i]);
  EXPECT_EQ(RunOnData({"save", "first", "--", "-x", "--json", "--"}).out,
            "created 13\ncreated 14\ncreated 15\ncreated 16\n");
  EXPECT_EQ(RunOnData({"get", "14", "15", "16"}).out, "-x--json--");
}

TEST_F(ProgramTest, RefusesAnEmptyContentAndATooLargeOne) {
  const Ended empty = RunOnData({"save", ""});
  EXPECT_EQ(empty.status, 1);
  EXPECT_EQ(empty.out, "rejected\n");
  const Ended large = RunOnData({"save", "--json", "--item-limit", "4", "12345"});
  EXPECT_EQ(large.status, 1);
  EXPECT_NE(large.out.find("\"code\":\"too_large\""), std::string::npos) << large.out;
}

TEST_F(ProgramTest, ComparesJsonByItsMeaningIfAsked) {
  EXPECT_EQ(RunOnData({"save", "--key", "json", "{\"a\":1,\"b\":2}", "{ \"b\": 2, \"a\": 1 }"}).out,
            "created 1\nduplicate 1\n");
  EXPECT_EQ(RunOnData({"save", "--scope", "default+json", "{\"b\":2,\"a\":1.0}"}).out,
            "duplicate 1\n");
  EXPECT_EQ(RunOnData({"save", "--key", "json", "{"}).status, 1);
}

TEST_F(ProgramTest, ImportsTwiceWithoutHarm) {
  const std::string file = Write("in.txt", "one\ntwo\n\none\n");
  const Ended first = RunOnData({"import", "--json", "--quiet", file});
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_NE(first.out.find("\"created\":2,\"duplicates\":1,\"empty\":1"), std::string::npos)
      << first.out;
  const Ended second = RunOnData({"import", file});
  EXPECT_NE(second.out.find("duplicates  3"), std::string::npos) << second.out;
  EXPECT_EQ(RunOnData({"verify"}).out, "clean: 2 items, 6 bytes of content, 0 problems\n");
}

TEST_F(ProgramTest, ImportsTheRestIfAnInputIsMissing) {
  const std::string none = (root_ / "none").string();
  const Ended ended = RunOnData({"import", Write("1.txt", "one\n"), none, Write("2.txt", "two\n")});
  EXPECT_EQ(ended.status, 1);
  EXPECT_TRUE(ended.err.contains(none + ":1: cannot read " + none + ": No such file")) << ended.err;
  EXPECT_TRUE(ended.out.contains("Imported 2 items from 3 inputs")) << ended.out;
  EXPECT_TRUE(ended.out.contains("unreadable  1")) << ended.out;
  const Ended stopped =
      RunOnData({"import", "--on-error", "stop", none, Write("3.txt", "three\n")});
  EXPECT_EQ(stopped.status, 1);
  EXPECT_TRUE(stopped.out.contains("Stopped after 0 items")) << stopped.out;
}

TEST_F(ProgramTest, MakesNoStoreIfThereIsNothingToImport) {
  const Ended ended = RunOnData({"import", (root_ / "none").string(), (root_ / "*.zip").string()});
  EXPECT_EQ(ended.status, 5);
  EXPECT_TRUE(ended.err.contains("/none: No such file")) << ended.err;
  EXPECT_TRUE(ended.err.contains("no file matches")) << ended.err;
  EXPECT_FALSE(fs::exists(root_ / "data"));
}

TEST_F(ProgramTest, TakesNoNumberThatIsNone) {
  (void)RunOnData({"save", "a"});
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"list", "--last", "-1"},
        {"list", "--limit", "-1"},
        {"list", "--after", "18446744073709551616"},
        {"list", "--after", "0x1"},
        {"export", "--after", "-1"},
        {"get", "18446744073709551616"},
        {"get", "1", "-1"}}) {
    const Ended ended = RunOnData(arguments);
    EXPECT_EQ(ended.status, 2) << ended.err;
    EXPECT_EQ(ended.out, "");
    EXPECT_TRUE(ended.err.contains(arguments.back() + " is not a whole number from 0 to "))
        << ended.err;
  }
  EXPECT_EQ(RunOnData({"get", "01"}).out, "a");
  EXPECT_EQ(RunOnData({"get", "010"}).err, "itemgate: no item has the id 10\n");
}

TEST_F(ProgramTest, AFileInPlaceOfTheDirectoryIsNoDamage) {
  (void)Write("data", "x");
  EXPECT_EQ(RunOnData({"save", "a"}).status, 6);
}

TEST_F(ProgramTest, OneItemIsNotSeveral) {
  (void)RunOnData({"save", "a"});
  EXPECT_EQ(RunOnData({"verify"}).out, "clean: 1 item, 1 byte of content, 0 problems\n");
}

TEST_F(ProgramTest, PartitionsAreAtLeastOne) {
  const Ended ended = Run({"migrate", "--store", "postgres://127.0.0.1:1/x", "--partitions", "0"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_TRUE(ended.err.contains("--partitions: 0 is not a whole number from 1 to ")) << ended.err;
}

TEST_F(ProgramTest, LockNeedsACommandAndAnExitCodeThatThereIs) {
  EXPECT_TRUE(Run({"lock", "--help"}).out.contains("lock [OPTIONS] NAME -- COMMAND..."))
      << Run({"lock", "--help"}).out;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"lock", "job", "--"}, {"lock", "job"}, {"lock", "--", "true"}}) {
    const Ended ended = Run(arguments);
    EXPECT_EQ(ended.status, 2);
    EXPECT_EQ(ended.err,
              "itemgate: there is no command to run: itemgate lock NAME -- COMMAND...\n");
  }
  EXPECT_EQ(Run({"lock"}).status, 2);
  const Ended code = Run({"lock", "-E", "300", "job", "--", "true"});
  EXPECT_EQ(code.status, 2);
  EXPECT_TRUE(code.err.contains("300 is not a whole number from 0 to 255")) << code.err;
}

TEST_F(ProgramTest, AServerThatIsNotFitForLocksIsWrongUsage) {
  for (const char* server : {"redis+cluster://host:1", "host:1,abortConnect=true"}) {
    EXPECT_EQ(Run({"lock", "--redis", server, "job", "--", "true"}).status, 2) << server;
    EXPECT_EQ(Run({"doctor", "redis", server}).status, 2) << server;
  }
}

TEST_F(ProgramTest, ListsContentsSafely) {
  (void)RunOnData({"save", "plain", "\x1B[31mred\n", "\xFF\xFE"});
  const std::string table = RunOnData({"list"}).out;
  EXPECT_NE(table.find("\\x1b[31mred\\n"), std::string::npos) << table;
  EXPECT_NE(table.find("\\xff\\xfe"), std::string::npos) << table;
  EXPECT_EQ(table.find('\x1B'), std::string::npos);
  const std::string last = RunOnData({"list", "--last", "1", "--json"}).out;
  EXPECT_NE(last.find("\"content_base64\":\"//4=\""), std::string::npos) << last;
  EXPECT_TRUE(last.starts_with("{\"id\":3,\"scope\":\"default\",\"saved_at\":\"")) << last;
}

TEST_F(ProgramTest, ExportsToACompressedFile) {
  (void)RunOnData({"save", "a", "b", "c"});
  (void)RunOnData({"save", "--scope", "other", "d"});
  for (const char* name : {"out.gz", "out.zst", "out"}) {
    const std::string path = (root_ / name).string();
    EXPECT_EQ(RunOnData({"export", "--format", "raw", "--after", "1", "--output", path}).status, 0);
    auto source = Decompressed(DescriptorSource::Open(path).value());
    EXPECT_EQ(ReadUpTo(**source, 100).value(), "b\nc\nd\n");
  }
  EXPECT_EQ(RunOnData({"export", "--format", "raw", "--scope", "other"}).out, "d\n");
}

TEST_F(ProgramTest, CountsWhatIsThere) {
  (void)RunOnData({"save", "abc", "de"});
  const std::string json = RunOnData({"stats", "--json"}).out;
  EXPECT_NE(json.find("\"items\":2,\"last_id\":2,"), std::string::npos) << json;
}

TEST_F(ProgramTest, DoesNotMakeAStoreByLookingAtIt) {
  for (const char* command : {"list", "stats", "verify", "export"})
    EXPECT_EQ(RunOnData({command}).status, 5) << command;
  EXPECT_FALSE(fs::exists(root_ / "data"));
}

TEST_F(ProgramTest, TellsABusyDirectory) {
  OpenOptions options;
  options.directory = (root_ / "data").string();
  const auto store = Open(options);
  ASSERT_TRUE(store);
  const Ended ended = RunOnData({"save", "--json", "x"});
  EXPECT_EQ(ended.status, 3);
  EXPECT_TRUE(ended.err.starts_with("{\"error\":{\"code\":\"busy\",")) << ended.err;
}

TEST_F(ProgramTest, SuggestsWhatWasMeant) {
  const Ended command = Run({"imprt"});
  EXPECT_EQ(command.status, 2);
  EXPECT_EQ(command.err,
            "itemgate: unknown command 'imprt'; did you mean 'import'? (see: itemgate --help)\n");
  const Ended option = Run({"list", "--limt", "3"});
  EXPECT_EQ(option.status, 2);
  EXPECT_EQ(
      option.err,
      "itemgate: unknown option --limt; did you mean '--limit'? (see: itemgate list --help)\n");
  EXPECT_EQ(Run({"stats", "extra"}).err,
            "itemgate: unexpected argument 'extra' (see: itemgate stats --help)\n");
  EXPECT_EQ(Run({"get", "--jsn"}).status, 2);
  EXPECT_EQ(Run({"list", "--last", "3", "--after", "1"}).status, 2);
  EXPECT_EQ(Run({"--data", "x", "stats"}).err,
            "itemgate: the option --data goes behind the command (see: itemgate stats --help)\n");
  EXPECT_EQ(Run({}).status, 2);
}

TEST_F(ProgramTest, TakesADirectoryOrAServerAndSaysWhatIsWrongWithAnAddress) {
  const Ended both = RunOnData({"list", "--server", "http://127.0.0.1:1"});
  EXPECT_EQ(both.status, 2);
  EXPECT_EQ(both.err, "itemgate: --data excludes --server (see: itemgate list --help)\n");
  const Ended ftp = Run({"list", "--server", "ftp://127.0.0.1:1"});
  EXPECT_EQ(ftp.status, 2);
  EXPECT_TRUE(ftp.err.contains("write http://HOST:PORT or https://HOST instead")) << ftp.err;
}

TEST_F(ProgramTest, OptionsOfTlsAreForHttpsOnly) {
  for (const std::vector<std::string>& place : {std::vector<std::string>{"list"},
                                                {"list", "--server", "http://127.0.0.1:1"},
                                                {"cluster"}}) {
    std::vector<std::string> arguments = place;
    arguments.insert(arguments.end(), {"--server-name", "localhost"});
    const Ended ended = Run(arguments);
    EXPECT_EQ(ended.status, 2) << ended.err;
    EXPECT_TRUE(ended.err.contains("https://")) << ended.err;
  }
  const Ended unreadable =
      Run({"list", "--server", "https://127.0.0.1:1", "--server-ca-file", "/nowhere"});
  EXPECT_EQ(unreadable.status, 2);
  EXPECT_TRUE(unreadable.err.contains("(ClientOptions::tls.ca_file, --server-ca-file)"))
      << unreadable.err;
}

TEST_F(ProgramTest, HelpsWithEveryCommand) {
  const std::string all = Run({"--help"}).out;
  for (const char* command :
       {"save", "import", "find", "get", "list", "export", "stats", "verify", "demo", "bench",
        "lock", "doctor", "redis-acl", "version", "completion"}) {
    EXPECT_NE(all.find(command), std::string::npos) << command;
    const Ended help = Run({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.out.find("Examples:\n"), std::string::npos) << command;
    EXPECT_NE(help.out.find("Exit codes:\n"), std::string::npos) << command;
    EXPECT_NE(help.out.find("--json"), std::string::npos) << command;
    EXPECT_EQ(Run({"help", command}).out, help.out);
  }
}

TEST_F(ProgramTest, ItemsAreInOnePlaceOnly) {
  const Ended two =
      Run({"list", "--store", "postgres://127.0.0.1/x", "--server", "http://127.0.0.1:1"});
  EXPECT_EQ(two.status, 2) << two.err;
  EXPECT_EQ(RunOnData({"list", "--store", "postgres://127.0.0.1/x"}).status, 2);
  EXPECT_EQ(Run({"list", "--store", "elsewhere"}).status, 2);
}

TEST_F(ProgramTest, CompletesEveryOptionInEveryShell) {
  Context context(clock_, {"itemgate"});
  CLI::App root;
  BuildCommandLine(root, context);
  const auto commands = CompletionOf(root);
  EXPECT_EQ(commands.size(), 20u);
  const std::string bash = Run({"completion", "bash"}).out;
  const std::string zsh = Run({"completion", "zsh"}).out;
  const std::string fish = Run({"completion", "fish"}).out;
  for (const CompletionCommand& command : commands) {
    EXPECT_NE(bash.find("    " + command.name + ")\n"), std::string::npos);
    for (const CompletionOption& option : command.options) {
      EXPECT_NE(bash.find(option.names.front()), std::string::npos);
      EXPECT_NE(zsh.find("*" + option.names.front() + "["), std::string::npos);
      EXPECT_NE(fish.find(" -l " + option.names.front().substr(2)), std::string::npos);
    }
  }
  EXPECT_NE(bash.find("--split) COMPREPLY=($(compgen -W 'auto lines paragraphs files'"),
            std::string::npos)
      << bash;
}

}  // namespace
}  // namespace itemgate::cli
