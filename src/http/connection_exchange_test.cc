#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/connection_under_test.h"

namespace itemgate::http {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string Get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string Repeat(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

/// Where each of the bodies begins in the answers; they must all be there.
std::vector<std::size_t> Places(std::string_view bytes, const std::vector<std::string>& bodies) {
  std::vector<std::size_t> places;
  for (const std::string& body : bodies) {
    EXPECT_THAT(bytes, HasSubstr("\r\n\r\n" + body));
    places.push_back(bytes.find("\r\n\r\n" + body));
  }
  return places;
}

TEST(Exchange, AnswersLeaveInTheOrderOfTheRequests) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later") + Get("/b") + Get("/later") + Get("/d"));
  auto& owed = connection.application.owed;
  ASSERT_THAT(owed, SizeIs(2));
  EXPECT_EQ(connection.Take(), "");
  owed[1]({.body = "third"});
  connection.Advance({});
  EXPECT_EQ(connection.Take(), "");
  owed[0]({.body = "first"});
  connection.Advance({});
  const std::string bytes = connection.Take();
  const auto places = Places(bytes, {"first", "GET /b ", "third", "GET /d "});
  EXPECT_TRUE(std::ranges::is_sorted(places));
  EXPECT_THAT(bytes, Not(HasSubstr("close")));
}

TEST(Exchange, TooMuchThatIsNotTakenRefusesFurtherLargeAnswersOnly) {
  ConnectionUnderTest connection({.unsent_bytes_max = 1 << 20, .gathered_bytes_max = 200'000});
  connection.window = 0;
  connection.Send(Repeat(Get("/later"), 4));
  auto& owed = connection.application.owed;
  const std::string large(90'000, 'x');
  for (std::size_t i = 0; i < 3; ++i) owed[i]({.body = large});
  owed[3]({.body = "small"});
  connection.Advance({});
  connection.window = std::string::npos;
  connection.Advance({});
  std::string bytes = connection.Take();
  EXPECT_THAT(bytes, HasSubstr("HTTP/1.1 503 "));
  EXPECT_THAT(bytes, HasSubstr("small"));
  EXPECT_EQ(std::ranges::count(bytes, 'x'), 180'000);

  connection.Send(Get("/later"));  // all was taken meanwhile
  owed.back()({.body = large});
  connection.Advance({});
  EXPECT_THAT(connection.Take(), HasSubstr(large));
}

TEST(Exchange, AnAnswerThatIsDroppedIs500) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later"));
  connection.application.owed.clear();
  connection.Advance({});
  EXPECT_THAT(connection.Take(), HasSubstr("HTTP/1.1 500 "));
  EXPECT_FALSE(connection.is_closed());
}

TEST(Exchange, AnAnswerAfterTheConnectionIsGoneIsIgnored) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later") + Get("/later"));
  connection.Lose();
  connection.application.owed[0]({.body = "too late"});
  connection.application.owed.clear();
  connection.loop.RunUntilIdle();
  EXPECT_EQ(connection.received, "");
}

TEST(Exchange, AnswersOutliveTheLoop) {
  std::vector<Responder> owed;
  {
    ConnectionUnderTest connection;
    connection.Send(Get("/later") + Get("/later"));
    owed = std::move(connection.application.owed);
  }
  owed[0]({.body = "too late"});
  owed.clear();
  EXPECT_THAT(owed, IsEmpty());
}

TEST(Exchange, AnswersComeFromAnyThread) {
  ConnectionUnderTest connection;
  connection.Send(Repeat(Get("/later"), 2));
  std::thread([&] {
    connection.application.owed[1]({.body = "second"});
    connection.application.owed[0]({.body = "first"});
  }).join();
  EXPECT_EQ(connection.loop.posted_count(), 1u) << "one task for all that arrive together";
  connection.Advance({});
  const auto places = Places(connection.Take(), {"first", "second"});
  EXPECT_TRUE(std::ranges::is_sorted(places));
}

TEST(Exchange, NoMoreThanTheLimitAreBeingAnswered) {
  ConnectionUnderTest connection;
  connection.Send(Repeat(Get("/later"), 1000));
  EXPECT_THAT(connection.application.owed, SizeIs(100));
  EXPECT_FALSE(connection.reads());
  for (int round = 0; round < 10; ++round) {
    std::vector<Responder> owed = std::exchange(connection.application.owed, {});
    ASSERT_THAT(owed, SizeIs(100));
    for (Responder& answer : owed) answer({});
    connection.Advance({});
  }
  EXPECT_THAT(connection.application.owed, IsEmpty());
  EXPECT_THAT(connection.application.handled, SizeIs(1000));
  EXPECT_TRUE(connection.reads());
}

TEST(Exchange, WaitingRequestsDoNotTimeOut) {
  ConnectionUnderTest connection;
  connection.Send(Repeat(Get("/later"), 101) + Get("/cut").substr(0, 9));
  connection.Advance(std::chrono::seconds(200));
  EXPECT_FALSE(connection.is_closed());
  EXPECT_THAT(connection.application.owed, SizeIs(100));
}

TEST(Exchange, NoRequestIsReadWhileTooMuchIsUnsent) {
  ConnectionUnderTest connection;
  const std::string body(500 << 10, 'x');
  connection.window = 0;
  for (int i = 0; i < 5; ++i) {
    connection.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body);
  }
  EXPECT_THAT(connection.application.handled, SizeIs(3));
  EXPECT_FALSE(connection.reads());
  connection.window = std::string::npos;
  connection.Advance({});
  EXPECT_THAT(connection.application.handled, SizeIs(5));
  EXPECT_TRUE(connection.reads());
  EXPECT_GT(connection.received.size(), 5 * body.size());
}

TEST(Exchange, AnswersThatWaitForTheirTurnCountAsUnsent) {
  ConnectionUnderTest connection;
  const std::string body(500 << 10, 'x');
  connection.Send(Get("/later"));
  for (int i = 0; i < 5; ++i) {
    connection.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body);
  }
  EXPECT_THAT(connection.application.handled, SizeIs(1 + 3));
  EXPECT_FALSE(connection.reads());
  connection.application.owed[0]({});
  connection.Advance({});
  EXPECT_THAT(connection.application.handled, SizeIs(1 + 5));
}

TEST(Exchange, AProblemWaitsForTheAnswersBeforeIt) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later") + "BREW" + Get("/b").substr(3) + Get("/never"));
  EXPECT_EQ(connection.Take(), "");
  EXPECT_FALSE(connection.reads());
  connection.application.owed[0]({.body = "first"});
  connection.Advance({});
  const std::string bytes = connection.Take();
  const auto places = Places(bytes, {"first", "not-implemented"});
  EXPECT_TRUE(std::ranges::is_sorted(places));
  EXPECT_TRUE(connection.is_closed());
  EXPECT_THAT(connection.application.handled, SizeIs(1));
}

TEST(Exchange, AnAnswerThatClosesIsTheLast) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later") + Get("/later"));
  connection.application.owed[0]({.body = "first", .close = true});
  connection.application.owed[1]({.body = "second"});
  connection.Advance({});
  EXPECT_THAT(connection.Take(), testing::EndsWith("Connection: close\r\n\r\nfirst"));
  EXPECT_TRUE(connection.is_closed());
}

TEST(Exchange, TheLastRequestBeforeTheEndOfInputIsAnswered) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later"));
  connection.EndInput();
  EXPECT_FALSE(connection.is_closed());
  connection.application.owed[0]({.body = "first"});
  connection.Advance({});
  EXPECT_THAT(connection.Take(), testing::EndsWith("Connection: close\r\n\r\nfirst"));
  EXPECT_EQ(connection.closing(), ServerConnection::Closing::kNow);
}

TEST(Response, FieldsCannotBreakTheFraming) {
  Response response;
  response.Add("X", "a\r\nY: b\x7f\x01\t").Add("N", std::uint64_t{1} << 63);
  EXPECT_EQ(response.fields, "X: a  Y: b  \t\r\nN: 9223372036854775808\r\n");
}

TEST(Response, StatusesWithoutABodyHaveNone) {
  ConnectionUnderTest connection;
  connection.Send(Repeat(Get("/later"), 3));
  connection.application.owed[0]({.status = 204, .body = "none"});
  connection.application.owed[1]({.status = 304, .body = "none"});
  connection.application.owed[2]({.status = 299, .body = "some"});
  connection.Advance({});
  const std::string bytes = connection.Take();
  EXPECT_THAT(bytes, Not(HasSubstr("none")));
  EXPECT_THAT(bytes, HasSubstr("HTTP/1.1 299 Status\r\n"));
}

}  // namespace
}  // namespace itemgate::http
