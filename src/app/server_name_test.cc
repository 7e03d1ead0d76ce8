#include "app/server_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace itemgate {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::Not;
using testing::StartsWith;

TEST(ServerName, IsThatOfTheHostAndThePortUnlessItIsSet) {
  EXPECT_THAT(NameOfServer({}, {"127.0.0.1:8080"}).name, EndsWith(":8080"));
  EXPECT_EQ(NameOfServer({.server_name = "a"}, {"127.0.0.1:8080"}).name, "a");
}

TEST(ServerName, AddressesAreThoseItListensToUnlessTheyAreSet) {
  EXPECT_THAT(NameOfServer({}, {"127.0.0.1:8080", "[::1]:80"}).addresses,
              ElementsAre("127.0.0.1:8080", "[::1]:80"));
  EXPECT_THAT(
      NameOfServer({.server_advertise = {"items.example:80"}}, {"127.0.0.1:8080"}).addresses,
      ElementsAre("items.example:80"));
}

TEST(ServerName, OfOneThatListensEverywhereTheAddressIsTheHosts) {
  const auto addresses = NameOfServer({}, {"0.0.0.0:8080", "[::]:80"}).addresses;
  EXPECT_THAT(addresses[0], AllOf(EndsWith(":8080"), Not(StartsWith("0.0.0.0"))));
  EXPECT_THAT(addresses[1], AllOf(EndsWith(":80"), Not(StartsWith("["))));
}

}  // namespace
}  // namespace itemgate
