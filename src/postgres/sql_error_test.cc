#include "postgres/sql_error.h"

#include <gmock/gmock.h>

namespace itemgate::postgres {
namespace {

using testing::HasSubstr;
using testing::Not;

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

TEST(SqlError, ServersThatRefuseAConnectionSayWhyAndWhatToDo) {
  const Error error = ConnectErrorOf(
      "connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  3D000: database "
      "\"items\" does not exist\nLOCATION:  InitPostgres, postinit.c:885\n");
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(
      error.message,
      "PostgreSQL: connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  "
      "database \"items\" does not exist [3D000]; create the database first: createdb -O USER "
      "NAME");
}

TEST(SqlError, OfManyServersTheLastThatAnsweredCounts) {
  const Error error = ConnectErrorOf(
      "connection to server at \"a\", port 1 failed: FATAL:  57P03: the database system is "
      "starting "
      "up\nLOCATION:  x\nconnection to server at \"b\", port 1 failed: FATAL:  28P01: password "
      "authentication failed for user \"me\"\nLOCATION:  y\n");
  EXPECT_THAT(error.message, HasSubstr("[28P01]; check user and password"));
  EXPECT_THAT(error.message, Not(HasSubstr("LOCATION")));
}

TEST(SqlError, ServersThatDoNotAnswerNeedNoAdvice) {
  EXPECT_EQ(
      ConnectErrorOf("connection to server failed: Connection refused\n\tIs it running?\n").message,
      "PostgreSQL: connection to server failed: Connection refused. Is it running?");
  EXPECT_EQ(ConnectErrorOf("").message, "PostgreSQL: the connection was lost");
}

TEST(SqlError, ACertificateThatIsNotTrustedSaysWhoMustBe) {
  EXPECT_THAT(
      ConnectErrorOf("connection to server at \"db\", port 1 failed: SSL error: certificate "
                     "verify failed\n")
          .message,
      HasSubstr("certificate verify failed; sslrootcert must name"));
}

TEST(SqlError, WhileServingNothingIsACallersFault) {
  for (const std::string_view state :
       {"42501", "42P01", "3F000", "42883", "0A000", "P0002", "28P01"})
    EXPECT_EQ(WhileServing(ErrorOf({.sql_state = state, .primary = "no"})).code,
              ErrorCode::kUnavailable)
        << state;
  EXPECT_EQ(WhileServing(ErrorOf({.sql_state = "53100"})).code, ErrorCode::kStorageFull);
  EXPECT_EQ(WhileServing(ErrorOf({.sql_state = "XX001"})).code, ErrorCode::kCorrupt);
  EXPECT_EQ(WhileServing({ErrorCode::kUnknown, ""}).code, ErrorCode::kUnknown);
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
