#include "redis/connection_text.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace itemgate::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

ConnectionSettings Parsed(std::string_view text) {
  auto settings = ParseConnectionText(text);
  EXPECT_TRUE(settings) << text << ": " << (settings ? "" : settings.error().message);
  return settings.value_or(ConnectionSettings{});
}

std::string Refusal(std::string_view text) {
  const auto settings = ParseConnectionText(text);
  EXPECT_FALSE(settings) << text;
  return settings
             ? ""
             : std::string(ErrorCodeName(settings.error().code)) + " " + settings.error().message;
}

std::string Endpoints(std::string_view text) {
  std::string all;
  for (const Endpoint& endpoint : Parsed(text).endpoints) all += endpoint.ToString() + " ";
  return all;
}

TEST(ConnectionText, ReadsEndpointsWithTheirDefaults) {
  EXPECT_EQ(Endpoints("localhost"), "localhost:6379 ");
  EXPECT_EQ(Endpoints(" a , b:7000,a:6379 ,[::1]:7001,::1,[fe80::1]"),
            "a:6379 b:7000 [::1]:7001 [::1]:6379 [fe80::1]:6379 ");
  EXPECT_EQ(Endpoints("a,ssl=true"), "a:6380 ");
  EXPECT_EQ(Endpoints("a,b:1,serviceName=main"), "a:26379 b:1 ");
}

TEST(ConnectionText, HonoursEachKeyInAnyCase) {
  const ConnectionSettings s = Parsed(
      "h:1,ABORTCONNECT=no,allowAdmin=true,channelPrefix=p:,checkCertificateRevocation=false,"
      "configChannel=,"
      "configCheckSeconds=7,connectRetry=4,connectTimeout=150,defaultDatabase=5,keepAlive=9,"
      "tcpKeepAlive=true,"
      "name=me,user=u,password= p=w "
      ",proxy=None,resolveDns=true,ssl=on,sslHost=n,sslProtocols=tls13,syncTimeout=300,"
      "tiebreaker=,version=6.2,tunnel=,setlib=yes,protocol=resp2,highIntegrity=false,"
      "responseTimeout=1,writeBuffer=2,"
      "highPriorityThreads=true,preserveAsyncOrder=false,sslCaFile=/ca,sslCertFile=/c,sslKeyFile=/"
      "k");
  EXPECT_EQ(s.channel_prefix, "p:");
  EXPECT_EQ(s.topology_check, seconds(7));
  EXPECT_EQ(s.node.connect_timeout, milliseconds(150));
  EXPECT_EQ(s.node.call_timeout, milliseconds(300));
  EXPECT_EQ(s.node.ping_after, seconds(9));
  EXPECT_EQ(s.node.greeting, (Greeting{.user = "u",
                                       .password = "p=w",
                                       .client_name = "me",
                                       .database = 5,
                                       .names_library = true}));
  EXPECT_EQ(s.node.tls, (TlsOptions{.ca_file = "/ca",
                                    .certificate_file = "/c",
                                    .key_file = "/k",
                                    .server_name = "n",
                                    .versions = TlsOptions::Versions::kOnly13}));
  EXPECT_EQ(Parsed("h,syncTimeout=1,asyncTimeout=2").node.call_timeout, milliseconds(2));
  EXPECT_EQ(Parsed("h,keepAlive=-1").node.ping_after, NodeOptions{}.ping_after);
}

TEST(ConnectionText, EachKeyIsHonouredWithoutEffectOrRefused) {
  const std::string plain = "h:1,ssl=true,sslCertFile=/c,password=x";
  const std::string usual = DescribeConnection(Parsed(plain));
  for (const std::string key :
       {"asyncTimeout=300", "channelPrefix=p", "configCheckSeconds=7", "connectTimeout=150",
        "defaultDatabase=5", "keepAlive=9", "name=me", "serviceName=main", "setlib=true",
        "sslCaFile=/ca", "sslCertFile=/other", "sslHost=n", "sslKeyFile=/k", "sslProtocols=tls13",
        "sslProtocols=tls12", "syncTimeout=300", "user=u", "serviceName=main,sentinelPassword=y",
        "serviceName=main,sentinelPassword=y,sentinelUser=s"})
    EXPECT_NE(DescribeConnection(Parsed(plain + "," + key)), usual) << key;
  EXPECT_NE(DescribeConnection(Parsed("h:1,ssl=true")), DescribeConnection(Parsed("h:1")));
  EXPECT_NE(DescribeConnection(Parsed("h:1,password=x")), DescribeConnection(Parsed("h:1")));
  for (const std::string key :
       {"abortConnect=false", "allowAdmin=true", "checkCertificateRevocation=false",
        "configChannel=", "connectRetry=9", "highIntegrity=false", "highPriorityThreads=true",
        "preserveAsyncOrder=true", "protocol=resp2", "proxy=None", "resolveDns=true",
        "responseTimeout=1", "tcpKeepAlive=true", "tiebreaker=", "tunnel=", "version=7.0",
        "writeBuffer=1"})
    EXPECT_EQ(DescribeConnection(Parsed(plain + "," + key)), usual) << key;
  // What is refused: RefusesWithAReasonWhatItDoesNotHave.
}

TEST(ConnectionText, ASentinelsUserOrPasswordWithoutSentinelsIsRefused) {
  for (const char* key : {"sentinelUser=s", "sentinelPassword=s"})
    EXPECT_THAT(Refusal(std::string("h,password=p,") + key), HasSubstr("serviceName"));
  EXPECT_THAT(Refusal("h,serviceName=main,sentinelUser=s"), HasSubstr("sentinelPassword"));
}

TEST(ConnectionText, SentinelsHaveTheirOwnUserOrTheNodes) {
  struct Case {
    std::string keys, user, password;
  };
  for (const auto& [keys, user, password] :
       {Case{"user=u,password=p", "u", "p"},
        Case{"password=p,sentinelUser=s,sentinelPassword=q", "s", "q"},
        Case{"password=p,sentinelUser=s", "s", "p"},
        Case{"user=u,password=p,sentinelPassword=q", "u", "q"}}) {
    const ConnectionSettings settings = Parsed("h,serviceName=main," + keys);
    EXPECT_EQ(settings.topology, Topology::kSentinel);
    EXPECT_EQ(settings.sentinel_greeting.user, user) << keys;
    EXPECT_EQ(settings.sentinel_greeting.password, password) << keys;
  }
}

TEST(ConnectionText, RefusesWithAReasonWhatItDoesNotHave) {
  for (const std::string key :
       {"abortConnect=true", "checkCertificateRevocation=true", "configChannel=c", "keepAlive=0",
        "tcpKeepAlive=false", "proxy=twemproxy", "sslProtocols=tls11", "tiebreaker=t",
        "tunnel=http:p:1", "protocol=resp3", "highIntegrity=true", "$CLIENT=", "$GET=FETCH"}) {
    EXPECT_THAT(Refusal("h,ssl=true," + key),
                AllOf(testing::StartsWith("unsupported"), HasSubstr(key.substr(0, key.find('=')))));
  }
  EXPECT_THAT(Refusal("!/run/redis.sock"), HasSubstr("Unix socket"));
}

TEST(ConnectionText, SaysWhatIsWrongAndWhatToDo) {
  EXPECT_THAT(Refusal(""), HasSubstr("names no server"));
  EXPECT_THAT(Refusal("password=x"), HasSubstr("names no server"));
  EXPECT_THAT(Refusal("h,pasword=x"), HasSubstr("did you mean \"password\"?"));
  EXPECT_THAT(Refusal("h,abort=1"), HasSubstr("did you mean \"abortConnect\"?"));
  EXPECT_THAT(Refusal("h,ssl=maybe"), HasSubstr("ssl: \"maybe\" is neither true nor false"));
  EXPECT_THAT(Refusal("h,connectTimeout=5s"), HasSubstr("connectTimeout: \"5s\" is no number"));
  EXPECT_THAT(Refusal("h,defaultDatabase=-1"), HasSubstr("defaultDatabase"));
  EXPECT_THAT(Refusal("h,name=a b"), HasSubstr("no spaces"));
  EXPECT_THAT(Refusal("h:0"), HasSubstr("host:port"));
  EXPECT_THAT(Refusal("h:70000"), HasSubstr("host:port"));
  EXPECT_THAT(Refusal("[::1"), HasSubstr("host:port"));
  EXPECT_THAT(Refusal("h,sslHost=n"), HasSubstr("ssl=true"));
  EXPECT_THAT(Refusal("h,user=u"), HasSubstr("user needs password"));
  EXPECT_THAT(Refusal("h,ssl=1,sslKeyFile=k"), HasSubstr("sslCertFile"));
}

TEST(ConnectionText, NeverShowsAPassword) {
  // A comma cuts the password; its rest is taken for an address or a key.
  EXPECT_THAT(Refusal("h,password=se,cr et"), AllOf(HasSubstr("URI"), Not(HasSubstr("cr et"))));
  EXPECT_THAT(Refusal("h,password=se,cret=x"), AllOf(HasSubstr("%2C"), Not(HasSubstr("cret"))));
  EXPECT_THAT(Refusal("redis://secret@h"),
              AllOf(HasSubstr("user:password@"), Not(HasSubstr("secret"))));
  EXPECT_EQ(DescribeConnection(Parsed("h:1,password=secret")), "h:1,password=*****");
}

TEST(ConnectionText, DescribesWhatItReads) {
  for (const std::string text :
       {"h:6379",
        "h:1,[::1]:2,user=u,password=*****,ssl=true,sslHost=n,sslProtocols=tls13,sslCaFile=/"
        "ca,sslCertFile=/c,"
        "sslKeyFile=/"
        "k,name=me,defaultDatabase=3,connectTimeout=150,"
        "asyncTimeout=300,"
        "keepAlive=9,configCheckSeconds=7,channelPrefix=p:,setlib=true",
        "h:26379,serviceName=main,password=*****,sentinelUser=s,sentinelPassword=*****"}) {
    // The two passwords of the last one differ, or it would not name both.
    std::string given = text;
    if (const auto at = given.find("sentinelPassword=*****"); at != given.npos)
      given.replace(at + 17, 5, "other");
    EXPECT_EQ(DescribeConnection(Parsed(given)), text);
  }
}

TEST(ConnectionUri, ReadsUserPasswordDatabaseAndKeys) {
  const ConnectionSettings s =
      Parsed("redis://u%40x:p%2C%3A%25@h:7000,[::1]/5?name=me&connectTimeout=150");
  EXPECT_EQ(s.node.greeting,
            (Greeting{.user = "u@x", .password = "p,:%", .client_name = "me", .database = 5}));
  EXPECT_EQ(s.node.connect_timeout, milliseconds(150));
  EXPECT_FALSE(s.node.tls);
  EXPECT_EQ(Endpoints("redis://u:p@h:7000,[::1]/5"), "h:7000 [::1]:6379 ");
  EXPECT_EQ(Parsed("redis://:p@h").node.greeting, Greeting{.password = "p"});
  EXPECT_EQ(Endpoints("redis://"), "localhost:6379 ");
}

TEST(ConnectionUri, KnowsTlsSentinelAndCluster) {
  EXPECT_TRUE(Parsed("rediss://h?sslCaFile=%2Fca").node.tls);
  EXPECT_EQ(Endpoints("rediss://h"), "h:6379 ");
  const ConnectionSettings sentinel = Parsed("redis+sentinel://:p@a,b:7/ma%2Fin/3");
  EXPECT_EQ(sentinel.topology, Topology::kSentinel);
  EXPECT_EQ(sentinel.service_name, "ma/in");
  EXPECT_EQ(sentinel.node.greeting.database, 3);
  EXPECT_EQ(Endpoints("redis+sentinel://a,b:7/main"), "a:26379 b:7 ");
  EXPECT_EQ(Parsed("rediss+cluster://a,b").topology, Topology::kCluster);
}

TEST(ConnectionUri, SaysWhatIsWrongAndWhatToDo) {
  EXPECT_THAT(Refusal("reddis://h"), HasSubstr("did you mean \"redis://\"?"));
  EXPECT_THAT(Refusal("http://h"), HasSubstr("redis+cluster://"));
  EXPECT_THAT(Refusal("redis://u:%zz@h"), HasSubstr("%25"));
  EXPECT_THAT(Refusal("redis://u:p@%2"), HasSubstr("%25"));
  EXPECT_THAT(Refusal("redis://h/main"), HasSubstr("the path of the URI is the database"));
  EXPECT_THAT(Refusal("redis+sentinel://h"), HasSubstr("redis+sentinel://host/NAME"));
  EXPECT_THAT(Refusal("redis+cluster://h/1"), HasSubstr("database 0 only"));
  EXPECT_THAT(Refusal("redis://h#x"), HasSubstr("%23"));
  EXPECT_THAT(Refusal("redis://h?nam=x"), HasSubstr("did you mean \"name\"?"));
}

}  // namespace
}  // namespace itemgate::redis
