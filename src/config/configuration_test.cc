#include "config/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/memory_file_system.h"

namespace itemgate::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ConfigurationTest : public testing::Test {
 protected:
  ConfigurationTest() { EXPECT_TRUE(files_.CreateDirectories("etc")); }

  std::expected<Configuration, Problems> LoadFile(std::string_view toml, Inputs inputs = {}) {
    EXPECT_TRUE(ReplaceFile(files_, "etc", "itemgate.toml", toml));
    inputs.file = "etc/itemgate.toml";
    return Load(files_, inputs);
  }

  /// The problems of a file, one text each.
  std::vector<std::string> ProblemsOf(std::string_view toml) {
    const auto loaded = LoadFile(toml);
    std::vector<std::string> texts;
    if (!loaded) {
      for (const Problem& problem : loaded.error()) texts.push_back(problem.ToString());
    }
    return texts;
  }

  static const Origin& OriginOf(const Configuration& loaded, std::string_view key) {
    return loaded.origins[static_cast<std::size_t>(FindSetting(key) - SettingTable().data())];
  }

  MemoryFileSystem files_;
};

TEST_F(ConfigurationTest, NothingGivenMeansDefaults) {
  const auto loaded = Load(files_, {});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(SettingsJson(loaded->settings), SettingsJson(Settings()));
  EXPECT_EQ(OriginOf(*loaded, "listen"), Origin{});
}

TEST_F(ConfigurationTest, ReadsTextsNumbersListsAndSections) {
  const auto loaded = LoadFile(
      "listen = [\"127.0.0.1:1\", \"[::1]:1\"]\nmanagement.listen = \"127.0.0.1:2\"\n"
      "[limits]\nbody_bytes = 4096\nconnections = 17\n[log]\nformat = 'json'\n");
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->settings.listen, ElementsAre("127.0.0.1:1", "[::1]:1"));
  EXPECT_THAT(loaded->settings.management_listen, ElementsAre("127.0.0.1:2"));
  EXPECT_EQ(loaded->settings.limits_body_bytes.value, 4096U);
  EXPECT_EQ(loaded->settings.limits_connections, 17U);
  EXPECT_EQ(loaded->settings.log_format, "json");
  EXPECT_EQ(OriginOf(*loaded, "limits.connections"),
            (Origin{Source::kFile, "etc/itemgate.toml:5"}));
}

TEST_F(ConfigurationTest, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  const auto loaded = LoadFile(
      "threads = 1\nlimits.fields = 11\nlimits.pipelined = 12\n",
      {.file = "",
       .environment = {{"ITEMGATE_LIMITS_FIELDS", "21"}, {"ITEMGATE_LIMITS_PIPELINED", "22"}},
       .flags = {{"limits.pipelined", "32"}}});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->settings.threads, 1U);
  EXPECT_EQ(loaded->settings.limits_fields, 21U);
  EXPECT_EQ(loaded->settings.limits_pipelined, 32U);
  EXPECT_EQ(OriginOf(*loaded, "limits.fields"),
            (Origin{Source::kEnvironment, "ITEMGATE_LIMITS_FIELDS"}));
  EXPECT_EQ(OriginOf(*loaded, "limits.pipelined"), (Origin{Source::kFlag, "--limits.pipelined"}));
  EXPECT_EQ(OriginOf(*loaded, "log.level"), Origin{});
}

TEST_F(ConfigurationTest, EnvironmentListsAreCutAtCommasAndEmptyMeansNotGiven) {
  const auto loaded =
      Load(files_,
           {.file = "",
            .environment = {{"ITEMGATE_LISTEN", "127.0.0.1:1,127.0.0.1:2"}, {"ITEMGATE_DATA", ""}},
            .flags = {{"management.listen", ""}}});
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->settings.listen, ElementsAre("127.0.0.1:1", "127.0.0.1:2"));
  EXPECT_EQ(loaded->settings.data, Settings().data);
  EXPECT_THAT(loaded->settings.management_listen, IsEmpty());
}

TEST_F(ConfigurationTest, NotesVariablesThatAreProbablyMisspelt) {
  const auto loaded = Load(files_, {.file = "",
                                    .environment = {{"ITEMGATE_LISTN", "x"},
                                                    {"ITEMGATE_PORT_8080_TCP", "tcp://10.0.0.1"},
                                                    {"LISTEN", "x"}},
                                    .flags = {}});
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->notes,
              ElementsAre("the environment's ITEMGATE_LISTN is no setting; did you mean "
                          "ITEMGATE_LISTEN?"));
}

TEST_F(ConfigurationTest, NotesVariablesThatAreNearToAPartOfAName) {
  const auto loaded = Load(files_, {.file = "",
                                    .environment = {{"ITEMGATE_LIMIT_BODY", "3"},
                                                    {"ITEMGATE_BODY_BYTES", "3"},
                                                    {"ITEMGATE_SERVER", "http://a"},
                                                    {"ITEMGATE_PORT", "tcp://10.0.0.1:8080"},
                                                    {"ITEMGATE_SERVICE_HOST", "10.0.0.1"},
                                                    {"ITEMGATE_SERVICE_PORT_HTTP", "8080"}},
                                    .flags = {}});
  ASSERT_TRUE(loaded);
  const std::string meant = " is no setting; did you mean ITEMGATE_LIMITS_BODY_BYTES?";
  EXPECT_THAT(loaded->notes, ElementsAre("the environment's ITEMGATE_LIMIT_BODY" + meant,
                                         "the environment's ITEMGATE_BODY_BYTES" + meant));
}

TEST_F(ConfigurationTest, TheUrlOfTheBackendIsOne) {
  for (const std::string url :
       {"foo", "ftp://x", "hhtp:/slow", "http://", "http://:80", "http://h:99999", "http://h:0",
        "https://h:a", "http://a b", "http://h?q=1", "http://[::1", "http://me:s3cret@h"}) {
    const auto problems = ProblemsOf("[backend]\nurl = \"" + url + "\"\n");
    EXPECT_THAT(problems, ElementsAre(HasSubstr("itemgate.toml:2: backend.url: expected "))) << url;
    EXPECT_THAT(problems, Not(testing::Contains(HasSubstr("s3cret"))));
  }
  for (const std::string url :
       {"http://h", "https://h:8443/prefix/", "http://[::1]:80", "http://10.0.0.1:1"})
    EXPECT_THAT(ProblemsOf("[backend]\nurl = \"" + url + "\"\n"), IsEmpty()) << url;
}

TEST_F(ConfigurationTest, OneAddressIsNotForBothListeners) {
  EXPECT_THAT(ProblemsOf("listen = \"127.0.0.1:8081\"\n"),
              ElementsAre("management.listen: expected another address than listen has: "
                          "127.0.0.1:8081"));
  EXPECT_THAT(ProblemsOf("listen = \"127.0.0.1:0\"\nmanagement.listen = \"127.0.0.1:0\"\n"),
              IsEmpty());
}

TEST_F(ConfigurationTest, TellsAllProblemsWithTheirLines) {
  EXPECT_THAT(
      ProblemsOf("listen = 8080\n[limits]\nbody_byte = 1\n\n[log]\nlevel = \"loud\"\n"),
      ElementsAre("etc/itemgate.toml:3: limits.body_byte: there is no such setting; did you mean "
                  "limits.body_bytes?",
                  "etc/itemgate.toml:6: log.level: expected one of debug|info|warn|error; it is "
                  "\"loud\""));
}

TEST_F(ConfigurationTest, RefusesEveryKindOfBadValue) {
  for (const char* toml :
       {"threads = -1", "threads = 1.5", "threads = true", "threads = [1]x", "threads = [1, 2]",
        "threads = {}\nthreads.a = 1", "http.idle_time = 75", "limits.body_bytes = \"2GiB\"",
        "listen = []", "listen = [[\"127.0.0.1:1\"]]", "data = 1979-05-27", "limits = 3",
        "unheard_of = 1", "[log]\nformat = \"xml\"", "listen = \"no port:\"",
        "threads = 1\nthreads = 2"})
    EXPECT_THAT(ProblemsOf(toml), testing::SizeIs(testing::Ge(1U))) << toml;
}

TEST_F(ConfigurationTest, TellsTheLineOfASyntaxError) {
  EXPECT_THAT(ProblemsOf("threads = 1\n[limits\n"),
              ElementsAre(HasSubstr("etc/itemgate.toml:2: ")));
}

TEST_F(ConfigurationTest, TellsTheFlagOrVariableOnceAndNotTheKeyToo) {
  const auto loaded = Load(files_, {.file = "",
                                    .environment = {{"ITEMGATE_THREADS", "many"}},
                                    .flags = {{"log.format", "xml"}}});
  ASSERT_FALSE(loaded);
  std::vector<std::string> texts;
  for (const Problem& problem : loaded.error()) texts.push_back(problem.ToString());
  EXPECT_THAT(texts, ElementsAre("ITEMGATE_THREADS: expected a number, 0 to 256; it is \"many\"",
                                 "--log.format: expected one of text|json; it is \"xml\""));
}

TEST_F(ConfigurationTest, TellsOfAFileThatIsNotThere) {
  const auto loaded = Load(files_, {.file = "etc/absent.toml", .environment = {}, .flags = {}});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().front().ToString(), HasSubstr("etc/absent.toml"));
}

TEST_F(ConfigurationTest, ThereIsOneBackendOrTheOther) {
  EXPECT_THAT(
      ProblemsOf("[backend]\nurl = \"http://slow-system\"\nsimulated_delay = \"2s\"\n"),
      ElementsAre(
          "etc/itemgate.toml:3: backend.simulated_delay: expected off, for backend.url says "
          "that there is a real one"));
}

TEST_F(ConfigurationTest, WhatNeedsAnotherSettingSaysWhich) {
  EXPECT_THAT(ProblemsOf("redis = [\"r1:6379\"]\n"),
              ElementsAre(HasSubstr("itemgate.toml:1: redis: expected only with a database")));
  EXPECT_THAT(ProblemsOf("lock = \"redlock\"\n"),
              ElementsAre(HasSubstr("itemgate.toml:1: lock: expected Redis servers")));
  EXPECT_THAT(ProblemsOf("store = \"postgres://h/items\"\n[limits]\nbody_bytes = \"513MiB\"\n"
                         "gathered_bytes = \"1GiB\"\nin_flight_bytes = \"1GiB\"\n"),
              ElementsAre(HasSubstr("limits.body_bytes: expected at most 512MiB")));
  const auto store = ProblemsOf("store = \"mysql://u:s3cret@h/items\"\n");
  EXPECT_THAT(store, ElementsAre(HasSubstr("itemgate.toml:1: store: expected embedded, or")));
  EXPECT_THAT(store.front(), Not(HasSubstr("s3cret")));
  for (const std::string key : {"ca_file", "server_name", "certificate_file"})
    EXPECT_THAT(ProblemsOf("[backend]\nurl = \"http://h\"\n" + key + " = \"x\"\n"),
                ElementsAre("etc/itemgate.toml:3: backend." + key +
                            ": expected only with a backend.url that begins with https://"));
  EXPECT_THAT(ProblemsOf("[backend]\nurl = \"https://h\"\nkey_file = \"x\"\n"),
              ElementsAre(HasSubstr("expected only with backend.certificate_file")));
  EXPECT_THAT(ProblemsOf("[backend]\nheaders_file = \"x\"\n"),
              ElementsAre(HasSubstr("expected only with backend.url")));
}

TEST_F(ConfigurationTest, NotesWhatHasNoEffect) {
  const auto notes_of = [&](const std::string& text) {
    const auto loaded = LoadFile(text);
    EXPECT_TRUE(loaded);
    return loaded ? loaded->notes : std::vector<std::string>();
  };
  EXPECT_THAT(notes_of("[backend]\ntimeout = \"2s\"\n"),
              ElementsAre("etc/itemgate.toml:2: backend.timeout has no effect, for there is no "
                          "backend (backend.url)"));
  EXPECT_THAT(notes_of("[backend]\nsimulated_delay = \"2s\"\nlease = \"2s\"\n"),
              ElementsAre(HasSubstr("no other server has this backend (store)")));
  EXPECT_THAT(notes_of("[redlock]\nwait = \"2s\"\n"), ElementsAre(HasSubstr("(redis)")));
  EXPECT_THAT(notes_of("[postgres]\ntimeout = \"2s\"\n"), ElementsAre(HasSubstr("(store)")));
  EXPECT_THAT(notes_of("data = \"d\"\nstore = \"postgres://h/items\"\n"),
              ElementsAre(HasSubstr("items are in the database (store)")));
  EXPECT_THAT(notes_of("[backend]\nurl = \"http://h\"\ntimeout = \"2s\"\n"), IsEmpty());
}

TEST_F(ConfigurationTest, RefusesValuesThatContradictEachOther) {
  EXPECT_THAT(ProblemsOf("[save]\nwait_max = \"10s\"\n"),
              ElementsAre("save.wait_default: expected at most save.wait_max, which is 10s"));
  EXPECT_THAT(ProblemsOf("[limits]\nhead_bytes = 4096\nrequest_line_bytes = 5000\n"),
              ElementsAre("etc/itemgate.toml:3: limits.request_line_bytes: expected at most "
                          "limits.head_bytes, which is 4KiB"));
  EXPECT_THAT(ProblemsOf("[limits]\ngathered_bytes = \"2MiB\"\n"),
              ElementsAre("etc/itemgate.toml:2: limits.gathered_bytes: expected at least "
                          "limits.body_bytes, which is 16MiB"));
}

TEST_F(ConfigurationTest, AReloadChangesOnlyWhatCanChange) {
  const auto loaded = LoadFile("threads = 7\nlog.level = \"debug\"\n");
  ASSERT_TRUE(loaded);
  const Settings running;
  EXPECT_THAT(Changed(running, loaded->settings, Reload::kYes), ElementsAre("log.level"));
  EXPECT_THAT(Changed(running, loaded->settings, Reload::kNo), ElementsAre("threads"));
  const Settings reloaded = Reloaded(running, loaded->settings);
  EXPECT_EQ(reloaded.log_level, "debug");
  EXPECT_EQ(reloaded.threads, 0U);
}

TEST(SettingTable, OnlyThreeSettingsCanChangeWhileTheServiceRuns) {
  std::vector<std::string_view> keys;
  for (const Setting& setting : SettingTable())
    if (setting.reload == Reload::kYes) keys.push_back(setting.key);
  EXPECT_THAT(keys, ElementsAre("drain.time", "log.level", "log.requests"));
}

TEST_F(ConfigurationTest, ShowsValuesAndWhereTheyComeFrom) {
  const auto loaded = LoadFile("threads = 3\n");
  ASSERT_TRUE(loaded);
  EXPECT_THAT(
      ConfigurationJson(*loaded),
      HasSubstr("\"threads\":{\"value\":3,\"source\":\"file\",\"place\":\"etc/itemgate.toml:1\"}"));
  EXPECT_THAT(ConfigurationTable(*loaded), testing::ContainsRegex("\nthreads +3 +file etc"));
  EXPECT_THAT(SettingsJson(loaded->settings), HasSubstr("\"limits.body_bytes\":\"16MiB\""));
}

TEST_F(ConfigurationTest, TheExampleIsReadAsTheDefaults) {
  const std::string example = ExampleFile();
  const auto loaded = LoadFile(example);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(SettingsJson(loaded->settings), SettingsJson(Settings()));
  std::string uncommented;
  for (std::size_t i = 0; i < example.size(); ++i)
    if (example[i] != '#' || example[i + 1] == ' ') uncommented += example[i];
  const auto all_set = LoadFile(uncommented);
  ASSERT_TRUE(all_set) << all_set.error().front().ToString();
  EXPECT_EQ(SettingsJson(all_set->settings), SettingsJson(Settings()));
  for (const Origin& origin : all_set->origins) EXPECT_EQ(origin.source, Source::kFile);
}

}  // namespace
}  // namespace itemgate::config
