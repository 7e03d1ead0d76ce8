#include "postgres/sql_error.h"

#include <gmock/gmock.h>

namespace itemgate::postgres {
namespace {

using testing::HasSubstr;

TEST(SqlError, SaysWhatTheServerSaidAndWhatToDo) {
  const Error error = ErrorOf(
      {.sql_state = "42P01", .primary = "relation \"itemgate.item\" does not exist", .detail = ""});
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_THAT(error.message, HasSubstr("relation \"itemgate.item\" does not exist"));
  EXPECT_THAT(error.message, HasSubstr("[42P01]"));
  EXPECT_THAT(error.message, HasSubstr("itemgate migrate"));
}

TEST(SqlError, AFunctionThatIsMissingIsMadeByMigrating) {
  const Error error = ErrorOf({.sql_state = "42883", .primary = "no such function"});
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("itemgate migrate"));
}

TEST(SqlError, AFullDiskIsNotAFullConnectionTable) {
  EXPECT_EQ(ErrorOf({.sql_state = "53100"}).code, ErrorCode::kStorageFull);
  EXPECT_EQ(ErrorOf({.sql_state = "53300"}).code, ErrorCode::kUnavailable);
  EXPECT_EQ(ErrorOf({.sql_state = "53200"}).code, ErrorCode::kUnavailable);
}

TEST(SqlError, WhateverIsNotKnownWasRefusedAndNotDone) {
  EXPECT_EQ(ErrorOf({.sql_state = "P0001", .primary = "no"}).code, ErrorCode::kFailed);
  EXPECT_EQ(ErrorOf({.sql_state = "", .primary = "no"}).code, ErrorCode::kFailed);
}

TEST(SqlError, ALostRaceIsWorthAnotherTry) {
  EXPECT_TRUE(LostARace("40001"));
  EXPECT_TRUE(LostARace("40P01"));
  EXPECT_TRUE(LostARace("23505"));
  EXPECT_FALSE(LostARace("53100"));
  EXPECT_FALSE(LostARace(""));
}

}  // namespace
}  // namespace itemgate::postgres
