#include "base/database_url.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

TEST(DatabaseUrl, IsWhatLibpqCallsOne) {
  EXPECT_TRUE(IsPostgresUrl("postgres://db/items"));
  EXPECT_TRUE(IsPostgresUrl("postgresql://db/items"));
  EXPECT_FALSE(IsPostgresUrl("embedded"));
  EXPECT_FALSE(IsPostgresUrl("./postgres://"));
}

TEST(DatabaseUrl, IsShownWithoutItsPasswords) {
  EXPECT_EQ(WithoutPassword("postgres://me:secret@db:5432/items"), "postgres://me@db:5432/items");
  EXPECT_EQ(WithoutPassword("postgres://me@db:5432/items"), "postgres://me@db:5432/items");
  EXPECT_EQ(WithoutPassword("postgres://db:5432/items"), "postgres://db:5432/items");
  EXPECT_EQ(WithoutPassword("postgres://db/items?user=me&password=secret&sslmode=require"),
            "postgres://db/items?user=me&password=hidden&sslmode=require");
  EXPECT_EQ(WithoutPassword("postgres://me:secret@db/items?sslpassword=secret"),
            "postgres://me@db/items?sslpassword=hidden");
  EXPECT_EQ(WithoutPassword("postgres://db:1,db:2/items?options=a@b"),
            "postgres://db:1,db:2/items?options=a@b");
}

TEST(DatabaseUrl, OtherTextIsShownAsItIs) {
  EXPECT_EQ(WithoutPassword("password=of:a@directory"), "password=of:a@directory");
}

}  // namespace
}  // namespace itemgate
