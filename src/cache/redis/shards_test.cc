#include "cache/redis/shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace itemgate::seen {
namespace {

using testing::HasSubstr;

std::vector<std::string> Endpoints(const std::vector<std::string>& texts) {
  const auto servers = ParseServers(texts);
  if (!servers) return {"error: " + servers.error().message};
  std::vector<std::string> endpoints;
  for (const redis::ConnectionSettings& settings : *servers)
    endpoints.push_back(settings.node.endpoint.ToString());
  return endpoints;
}

TEST(SeenShards, EachServerIsOneHoweverTheyAreNamed) {
  EXPECT_THAT(Endpoints({"a:1,b:2,password=x", "redis://c:3", "d:4"}),
              testing::ElementsAre("a:1", "b:2", "c:3", "d:4"));
}

TEST(SeenShards, ASentinelGroupOrAClusterIsOne) {
  EXPECT_EQ(
      Endpoints({"redis+sentinel://s1:1,s2:2/main", "redis+sentinel://s1:1,s2:2/other"}).size(),
      2u);
  EXPECT_EQ(Endpoints({"redis+cluster://a:1,b:2,c:3"}).size(), 1u);
}

TEST(SeenShards, RefusesWhatMakesNoSense) {
  EXPECT_EQ(ParseServers({}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(Endpoints({"a:1", "redis://a:1"})[0], HasSubstr("a:1 is named twice"));
  EXPECT_THAT(Endpoints({"redis+sentinel://s1:1,s2:2/main", "redis+sentinel://s2:2,s1:1/main"})[0],
              HasSubstr("named twice"));
  EXPECT_THAT(Endpoints({"redis+cluster://a:1", "b:2"})[0], HasSubstr("name it alone"));
  EXPECT_THAT(Endpoints({"a:1,nonsense=1,password=secret"})[0], testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace itemgate::seen
