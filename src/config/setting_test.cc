#include "config/setting.h"

#include <set>

#include <gtest/gtest.h>

namespace itemgate::config {
namespace {

using namespace std::chrono_literals;

Result<void> SetTo(Settings& settings, std::string_view key, std::vector<std::string> texts) {
  return FindSetting(key)->Set(settings, texts);
}

std::string Refusal(std::string_view key, std::vector<std::string> texts) {
  Settings settings;
  const auto set = SetTo(settings, key, std::move(texts));
  return set ? "accepted" : set.error().message;
}

TEST(SettingTable, HasEachKeyOnceAndAllOfASectionTogether) {
  std::set<std::string_view> keys;
  std::set<std::string_view> sections;
  std::string_view section;
  for (const Setting& setting : SettingTable()) {
    EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
    const std::size_t dot = setting.key.find('.');
    const std::string_view own = dot == std::string_view::npos ? "" : setting.key.substr(0, dot);
    if (own == section) continue;
    EXPECT_TRUE(sections.insert(own).second) << setting.key;
    section = own;
  }
}

TEST(SettingTable, AcceptsItsOwnDefaultsAsItWritesThem) {
  const Settings defaults;
  for (const Setting& setting : SettingTable()) {
    Settings settings;
    EXPECT_TRUE(setting.Set(settings, setting.Texts(defaults))) << setting.key;
    EXPECT_EQ(setting.Texts(settings), setting.Texts(defaults)) << setting.key;
  }
}

TEST(Setting, SetsEveryKindOfValue) {
  Settings settings;
  EXPECT_TRUE(SetTo(settings, "listen", {"0.0.0.0:1", "[::1]:2"}));
  EXPECT_TRUE(SetTo(settings, "data", {"/srv/items"}));
  EXPECT_TRUE(SetTo(settings, "threads", {"4"}));
  EXPECT_TRUE(SetTo(settings, "limits.body_bytes", {"64KiB"}));
  EXPECT_TRUE(SetTo(settings, "http.idle_time", {"1.5m"}));
  EXPECT_TRUE(SetTo(settings, "backend.simulated_delay", {"2s..40s"}));
  EXPECT_TRUE(SetTo(settings, "log.format", {"json"}));
  EXPECT_EQ(settings.listen, (Addresses{"0.0.0.0:1", "[::1]:2"}));
  EXPECT_EQ(settings.data, "/srv/items");
  EXPECT_EQ(settings.threads, 4U);
  EXPECT_EQ(settings.limits_body_bytes, ByteSize{65536});
  EXPECT_EQ(settings.http_idle_time, 90s);
  EXPECT_EQ(settings.backend_simulated_delay, (DelayRange{2s, 40s}));
  EXPECT_EQ(settings.log_format, "json");
  EXPECT_TRUE(SetTo(settings, "backend.simulated_delay", {"off"}));
  EXPECT_EQ(settings.backend_simulated_delay, std::nullopt);
}

TEST(Setting, ReadsSizesInEveryUnit) {
  Settings settings;
  for (const auto& [text, bytes] :
       std::initializer_list<std::pair<const char*, std::uint64_t>>{{"7", 7},
                                                                    {"7B", 7},
                                                                    {"7kB", 7000},
                                                                    {"7KiB", 7168},
                                                                    {"7MB", 7000000},
                                                                    {"1GiB", 1 << 30}}) {
    EXPECT_TRUE(SetTo(settings, "limits.body_bytes", {text})) << text;
    EXPECT_EQ(settings.limits_body_bytes.value, bytes) << text;
  }
}

TEST(Setting, RefusesBadValuesAndLeavesTheOldOne) {
  for (const char* text : {"", "x", "-1", "1.5MiB", "1 MiB", "0", "2GiB", "99999999999GiB", "16mb"})
    EXPECT_NE(Refusal("limits.body_bytes", {text}), "accepted") << text;
  for (const char* text : {"", "-1", "257", "1e3", "0x10", "18446744073709551616"})
    EXPECT_NE(Refusal("threads", {text}), "accepted") << text;
  for (const char* text : {"", "10", "1ms", "2h", "-1s", "fast"})
    EXPECT_NE(Refusal("http.head_time", {text}), "accepted") << text;
  for (const char* text : {"", "XML", "text|json", "tex"})
    EXPECT_NE(Refusal("log.format", {text}), "accepted") << text;
  EXPECT_NE(Refusal("data", {""}), "accepted");
  EXPECT_NE(Refusal("data", {"a", "b"}), "accepted");
  EXPECT_NE(Refusal("listen", {}), "accepted");
  EXPECT_NE(Refusal("listen", {"localhost:http"}), "accepted");
  Settings settings;
  EXPECT_FALSE(SetTo(settings, "threads", {"many"}));
  EXPECT_EQ(settings.threads, 0U);
}

TEST(Setting, SaysWhatItExpects) {
  EXPECT_EQ(Refusal("limits.body_bytes", {"16 elephants"}),
            "expected a size such as \"64KiB\", 1B to 1GiB; it is \"16 elephants\"");
  EXPECT_EQ(Refusal("http.head_time", {"10"}),
            "expected a duration such as \"10s\" or \"250ms\", 100ms to 1h; it is \"10\"");
  EXPECT_EQ(Refusal("threads", {"-1"}), "expected a number, 0 to 256; it is \"-1\"");
  EXPECT_EQ(Refusal("log.format", {"xml"}), "expected one of text|json; it is \"xml\"");
  EXPECT_EQ(Refusal("listen", {}), "expected one or more addresses such as \"127.0.0.1:8080\"");
}

TEST(Setting, TellsServersFromTheirOptions) {
  const Setting& redis = *FindSetting("redis");
  const std::string text = "a:6379,password=p,ssl=true,b,redis://u:p@c:7/0?db=2,d,name=x";
  const std::vector<std::string> servers = {"a:6379,password=p,ssl=true", "b",
                                            "redis://u:p@c:7/0?db=2", "d,name=x"};
  EXPECT_EQ(redis.Split(text), servers);
  EXPECT_TRUE(redis.Split("").empty());
  EXPECT_EQ(FindSetting("store")->Split("a,b"), std::vector<std::string>{"a,b"});
}

TEST(Setting, ShowsNoPasswordOfAServer) {
  Settings settings;
  ASSERT_TRUE(SetTo(settings, "redis", {"a:6379,password=secret", "redis://u:secret@b:6379"}));
  EXPECT_EQ(settings.redis.value.size(), 2U);
  const Setting& redis = *FindSetting("redis");
  EXPECT_EQ(redis.Text(settings).find("secret"), std::string::npos) << redis.Text(settings);
  EXPECT_NE(redis.Text(settings).find("a:6379,password=*****"), std::string::npos);
  EXPECT_NE(Refusal("redis", {"a:port"}).find("is no address"), std::string::npos);
  EXPECT_EQ(Refusal("redis", {"a:6379,pasword=secret"}).find("secret"), std::string::npos);
  EXPECT_NE(Refusal("redis", {"a:6379,pasword=secret"}), "accepted");
}

TEST(Setting, NamesItsVariableAndItsFlag) {
  const Setting& setting = *FindSetting("limits.body_bytes");
  EXPECT_EQ(setting.EnvironmentName(), "ITEMGATE_LIMITS_BODY_BYTES");
  EXPECT_EQ(setting.FlagName(), "--limits.body-bytes");
  EXPECT_EQ(setting.TypeName(), "SIZE");
  EXPECT_EQ(FindSetting("limits.bodybytes"), nullptr);
}

}  // namespace
}  // namespace itemgate::config
