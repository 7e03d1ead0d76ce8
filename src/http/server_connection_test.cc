#include "http/server_connection.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/connection_under_test.h"

namespace itemgate::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using Closing = ServerConnection::Closing;

std::string Get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string Post(std::string_view path, std::string_view body, std::string_view fields = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string PostChunked(std::string_view path, std::string_view chunks) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunks);
}

/// The answer of 200 with this body, on a connection that is kept.
std::string Ok(std::string_view body) {
  ManualClock clock;
  DateLine date;
  date.Update(clock.WallNow());
  return "HTTP/1.1 200 OK\r\n" + std::string(date.text()) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

/// The statuses and bodies of a series of answers that declare their length: "200 GET / ".
std::vector<std::string> Answers(std::string_view bytes) {
  std::vector<std::string> answers;
  while (bytes.starts_with("HTTP/1.1 ")) {
    const std::string status(bytes.substr(9, 3));
    const std::size_t head = bytes.find("\r\n\r\n");
    const std::size_t field = bytes.substr(0, head).find("Content-Length: ");
    std::size_t length = 0;
    if (field != std::string_view::npos)
      length = std::stoul(std::string(bytes.substr(field + 16, 12)));
    bytes.remove_prefix(head + 4);
    answers.push_back(status + ' ' + std::string(bytes.substr(0, length)));
    bytes.remove_prefix(std::min(length, bytes.size()));
  }
  if (!bytes.empty()) answers.push_back("garbage");
  return answers;
}

TEST(DateLine, IsWrittenAsHttpWantsIt) {
  DateLine date;
  date.Update(WallTime(seconds(784111777) + std::chrono::microseconds(999'999)));
  EXPECT_EQ(date.text(), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  date.Update(WallTime(seconds(784111778)));
  EXPECT_EQ(date.text(), "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
}

TEST(ServerConnection, AnswersAndKeepsTheConnection) {
  ConnectionUnderTest connection;
  connection.Send(Get("/a?b"));
  EXPECT_EQ(connection.Take(), Ok("GET /a?b "));
  connection.Send(Post("/c", "body"));
  EXPECT_EQ(connection.Take(), Ok("POST /c body"));
  EXPECT_FALSE(connection.is_closed());
  EXPECT_TRUE(connection.reads());
}

TEST(ServerConnection, LeavesTheBodyOutOfTheAnswerToHead) {
  ConnectionUnderTest connection;
  connection.Send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string answer = connection.Take();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(ServerConnection, ClosesWhenItIsAskedToAndLingersForALittle) {
  ConnectionUnderTest connection;
  connection.Send(Get("/", "Connection: close\r\n") + Get("/never"));
  EXPECT_THAT(connection.Take(), HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(connection.application.handled, ElementsAre("GET / "));
  EXPECT_EQ(connection.closing(), Closing::kLingering);
  connection.Send(Get("/never"));
  EXPECT_THAT(connection.application.handled, ElementsAre("GET / "));
  connection.Advance(seconds(3));
  EXPECT_EQ(connection.closing(), Closing::kNow);
}

TEST(ServerConnection, LingersNoLongerThanThePeerSendsAndForLimitedBytes) {
  ConnectionUnderTest ended;
  ended.Send(Get("/", "Connection: close\r\n"));
  ended.EndInput();
  EXPECT_EQ(ended.closing(), Closing::kNow);
  ConnectionUnderTest flooded;
  flooded.Send(Get("/", "Connection: close\r\n"));
  for (int i = 0; i < 9; ++i) flooded.Send(std::string(1 << 20, 'x'));
  EXPECT_EQ(flooded.closing(), Closing::kNow);
}

TEST(ServerConnection, SpeaksHttp10) {
  ConnectionUnderTest closes;
  closes.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(closes.Take(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closes.is_closed());
  ConnectionUnderTest keeps;
  keeps.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(keeps.Take(), HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_FALSE(keeps.is_closed());
}

TEST(ServerConnection, SkipsOneEmptyLineBeforeARequest) {
  ConnectionUnderTest connection;
  connection.Send("\r\n" + Post("/", "x") + "\r");
  connection.Send("\n" + Get("/"));
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("200 POST / x", "200 GET / "));
  connection.Send("\r\n\r\n");
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("400 bad_request"));
}

TEST(ServerConnection, AnEmptyLineBeginsNoRequest) {
  ConnectionUnderTest connection;
  connection.Send(Post("/", "x") + "\r\n");  // as clients of old end a body
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("200 POST / x"));
  connection.Advance(seconds(60));
  EXPECT_FALSE(connection.is_closed());
  EXPECT_EQ(connection.Take(), "");
  connection.Send(Get("/"));
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("200 GET / "));
}

TEST(ServerConnection, AnswersWhatCameBeforeTheEndOfInput) {
  ConnectionUnderTest connection;
  connection.Send(Get("/a") + Get("/b").substr(0, 10));
  connection.EndInput();
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("200 GET /a "));
  EXPECT_EQ(connection.closing(), Closing::kNow);
}

struct Attack {
  std::string bytes;
  std::string answer;
};

std::vector<Attack> Attacks() {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  return {
      {head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400 bad_framing"},
      {head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400 bad_framing"},
      {head + "Content-Length: 0x5\r\n\r\nhello", "400 bad_framing"},
      {head + "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", "501 not-implemented"},
      {PostChunked("/", "5\r\nhelloX"), "400 bad_framing"},
      {PostChunked("/stream", "5\r\nhello\r\nX"), "400 bad_framing"},
      {PostChunked("/", "5;" + std::string(2000, 'x')), "400 bad_framing"},
      {"GET / HTTP/1.1\nHost: a\n\n", "400 bad_framing"},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400 bad_framing"},
      {"GET / HTTP/1.1\r\n\r\n", "400 bad_request"},
      {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "421 misdirected"},
      {"GET /" + std::string(9000, 'a'), "414 target-too-long"},
      {Get("/", "X: " + std::string(20000, 'x') + "\r\n"), "431 head-too-large"},
      {Post("/small", "12345678901"), "413 too-large"},
      {Post("/small", "12345678901", "Expect: 100-continue\r\n"), "413 too-large"},
      {PostChunked("/small", "A\r\n1234567890\r\n1\r\n"), "413 too-large"},
      {Post("/", "x", "Expect: banana\r\n"), "417 expectation-failed"},
      {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "501 not-implemented"},
      {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "405 method-not-allowed"},
      {"GET /\r\n", "400 bad_request"},
      {"GET / HTTP/3.7\r\n", "505 version-not-supported"},
      {"\x16\x03\x01\x02", "400 bad_request"},
  };
}

TEST(ServerConnection, AnswersEachAttackAndCloses) {
  for (const Attack& attack : Attacks()) {
    SCOPED_TRACE(attack.bytes.substr(0, 100));
    ConnectionUnderTest connection;
    connection.Send(Get("/before") + attack.bytes + "rest");
    const std::string bytes = connection.Take();
    EXPECT_THAT(Answers(bytes), ElementsAre("200 GET /before ", attack.answer));
    EXPECT_THAT(bytes, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(connection.application.handled, ElementsAre("GET /before "));
    EXPECT_EQ(connection.closing(), Closing::kLingering);
    EXPECT_EQ(connection.counters.protocol_errors.value(), 1u);
  }
}

/// What a peer sees of an exchange, and the application.
struct Transcript {
  std::string received;
  std::vector<std::string> handled;
  bool is_closed = false;
  friend bool operator==(const Transcript&, const Transcript&) = default;
};

Transcript TranscriptOf(const std::vector<std::string_view>& pieces) {
  ConnectionUnderTest connection;
  for (const std::string_view piece : pieces) connection.Send(piece);
  return {connection.Take(), connection.application.handled, connection.is_closed()};
}

TEST(ServerConnection, DoesNotCareHowTheInputWasSplit) {
  std::vector<std::string> inputs = {
      Get("/a") + Post("/b", "body") + Get("/c", "Connection: close\r\n") + Get("/d"),
      PostChunked("/b", "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: v\r\n\r\n") + Get("/c"),
      Post("/refused", "unwanted") + PostChunked("/refused", "3\r\nabc\r\n0\r\n\r\n") + Get("/c"),
      Post("/e", "body", "Expect: 100-continue\r\n") + "\r\n" + Get("/f"),
  };
  for (const Attack& attack : Attacks()) {
    if (attack.bytes.size() < 3000) inputs.push_back(Get("/before") + attack.bytes + "rest");
  }
  for (const std::string_view input : inputs) {
    SCOPED_TRACE(input.substr(0, 100));
    const Transcript whole = TranscriptOf({input});
    EXPECT_THAT(whole.received, Not(IsEmpty()));
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < input.size(); ++i) {
      bytes.push_back(input.substr(i, 1));
      EXPECT_EQ(TranscriptOf({input.substr(0, i), input.substr(i)}), whole) << "split at " << i;
    }
    EXPECT_EQ(TranscriptOf(bytes), whole) << "byte by byte";
  }
}

TEST(ServerConnection, GathersALargeBody) {
  ConnectionUnderTest connection;
  const std::string body(1 << 20, 'x');
  const std::string request = Post("/", body);
  for (std::size_t i = 0; i < request.size(); i += 1000) connection.Send(request.substr(i, 1000));
  EXPECT_EQ(connection.Take(), Ok("POST / " + body));
}

TEST(ServerConnection, OwesOneLargeAnswerAtATime) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later") + Get("/large") + Get("/large") + Get("/"));
  ASSERT_EQ(connection.application.owed.size(), 2U);
  EXPECT_FALSE(connection.reads());
  connection.application.owed[1]({.body = "first"});
  connection.Advance({});
  EXPECT_EQ(connection.application.owed.size(), 2U);
  connection.window = 0;
  connection.application.owed[0]({.body = std::string(2 << 20, 'x')});  // more than may be unsent
  connection.Advance({});
  EXPECT_EQ(connection.application.owed.size(), 2U);
  connection.window = std::string::npos;
  connection.Advance({});
  ASSERT_EQ(connection.application.owed.size(), 3U);
  connection.application.owed[2]({.body = "second"});
  connection.Advance({});
  const auto answers = Answers(connection.Take());
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_THAT(std::vector(answers.begin() + 1, answers.end()),
              ElementsAre("200 first", "200 second", "200 GET / "));
}

TEST(ServerConnection, SaysWhichRequestTheProtocolRefuses) {
  ConnectionUnderTest declared;
  declared.Send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
  EXPECT_EQ(declared.application.failed, "/small");
  ConnectionUnderTest chunked;
  chunked.Send(PostChunked("/small", "b\r\n"));
  EXPECT_EQ(chunked.application.failed, "/small");
  ConnectionUnderTest slow;
  slow.Send(PostChunked("/", ""));
  slow.Advance(seconds(6));
  EXPECT_EQ(slow.application.failed, "/");
  ConnectionUnderTest unread;
  unread.Send("GET /\r\n\r\n");
  EXPECT_EQ(unread.application.failed, "unread");
}

TEST(ServerConnection, LimitsTheBodiesThatAreBeingReceived) {
  ConnectionUnderTest connection({.gathered_bytes_max = 1000});
  for (int i = 0; i < 3; ++i) {
    const std::string request = Post("/", std::string(900, 'x'));
    connection.Send(request.substr(0, 500));
    connection.Send(request.substr(500));
    EXPECT_THAT(connection.Take(), StartsWith("HTTP/1.1 200 "));
  }
  const std::string request = Post("/", std::string(1100, 'x'));
  connection.Send(request.substr(0, 500));
  connection.Send(request.substr(500));
  const std::string bytes = connection.Take();
  EXPECT_THAT(Answers(bytes), ElementsAre("503 overloaded"));
  EXPECT_THAT(bytes, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_TRUE(connection.is_closed());
}

TEST(ServerConnection, InvitesABodyOnlyIfItWillBeRead) {
  ConnectionUnderTest connection;
  const std::string expect = "Expect: 100-continue\r\n";
  const std::string request = Post("/", "hello", expect);
  connection.Send(request.substr(0, request.size() - 5));
  EXPECT_EQ(connection.Take(), "HTTP/1.1 100 Continue\r\n\r\n");
  connection.Send("hello");
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("200 POST / hello"));
  connection.Send(Get("/", expect));
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("200 GET / "));
  connection.Send(Post("/refused", "hello", expect));
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("404 refused"));
  EXPECT_EQ(connection.closing(), Closing::kLingering);
}

TEST(ServerConnection, RefusesAndDropsASmallBodyButClosesBeforeALargeOne) {
  ConnectionUnderTest kept;
  kept.Send(Post("/refused", std::string(64 << 10, 'x')) + Get("/next"));
  EXPECT_THAT(Answers(kept.Take()), ElementsAre("404 refused", "200 GET /next "));
  ConnectionUnderTest closed;
  closed.Send(Post("/refused", std::string((64 << 10) + 1, 'x')) + Get("/next"));
  EXPECT_THAT(Answers(closed.Take()), ElementsAre("404 refused"));
  EXPECT_EQ(closed.closing(), Closing::kLingering);
  ConnectionUnderTest chunked;
  chunked.Send(PostChunked("/refused", "20000\r\n" + std::string(0x20000, 'x')));
  EXPECT_THAT(Answers(chunked.Take()), ElementsAre("404 refused"));
  EXPECT_EQ(chunked.closing(), Closing::kLingering);
  ConnectionUnderTest asked;
  asked.Send(Get("/refused-and-closed") + Get("/next"));
  EXPECT_THAT(Answers(asked.Take()), ElementsAre("404 refused"));
}

TEST(ServerConnection, GivesAHeadTenSecondsInAll) {
  ConnectionUnderTest connection;
  const std::string request = Get("/", "X: " + std::string(100, 'x') + "\r\n");
  std::size_t sent = 0;
  for (; sent < 10; ++sent) {
    connection.Send(request.substr(sent, 1));
    connection.Advance(milliseconds(900));
  }
  EXPECT_FALSE(connection.is_closed());
  connection.Send(request.substr(sent, 1));
  connection.Advance(seconds(2));
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("408 timeout"));
  EXPECT_TRUE(connection.is_closed());
}

TEST(ServerConnection, ClosesAnIdleConnectionInSilence) {
  ConnectionUnderTest connection;
  connection.Send(Get("/"));
  EXPECT_THAT(connection.Take(), StartsWith("HTTP/1.1 200"));
  connection.Advance(seconds(74));
  EXPECT_FALSE(connection.is_closed());
  connection.Advance(seconds(2));
  EXPECT_EQ(connection.closing(), Closing::kNow);
  EXPECT_EQ(connection.Take(), "");
}

TEST(ServerConnection, RefusesABodyThatComesTooSlowly) {
  ConnectionUnderTest slow;
  const std::string request = Post("/", std::string(100'000, 'x'));
  slow.Send(request.substr(0, 10'000));
  slow.Advance(seconds(6));  // the first bytes do not count for ever
  EXPECT_THAT(Answers(slow.Take()), ElementsAre("408 timeout"));
  ConnectionUnderTest steady;
  for (std::size_t at = 0; at < request.size(); at += 1500) {
    steady.Send(request.substr(at, 1500));
    steady.Advance(seconds(1));
  }
  EXPECT_THAT(Answers(steady.Take())[0], StartsWith("200 POST"));
}

TEST(ServerConnection, ResetsAPeerThatTakesNothing) {
  ConnectionUnderTest connection;
  connection.window = 10;
  connection.Send(Get("/"));
  connection.Advance(seconds(9));
  EXPECT_FALSE(connection.is_closed());
  connection.window = 1;
  connection.Advance(seconds(9));
  EXPECT_FALSE(connection.is_closed()) << "a byte was taken meanwhile";
  connection.Advance(seconds(3));
  EXPECT_EQ(connection.closing(), Closing::kReset);
}

TEST(ServerConnection, DrainsAtOnceWhenIdle) {
  ConnectionUnderTest connection;
  connection.Send(Get("/"));
  connection.Drain();
  EXPECT_EQ(connection.closing(), Closing::kNow);
}

TEST(ServerConnection, DrainsAfterTheAnswersToWhatHasArrived) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later") + Get("/b").substr(0, 5));
  connection.Drain();
  EXPECT_FALSE(connection.is_closed());
  connection.Send(Get("/b").substr(5));
  EXPECT_FALSE(connection.is_closed());
  connection.application.owed[0]({.body = "first"});
  connection.Advance({});
  const std::string bytes = connection.Take();
  EXPECT_THAT(Answers(bytes), ElementsAre("200 first", "200 GET /b "));
  EXPECT_GT(bytes.find("Connection: close"), bytes.find("first"));
  EXPECT_TRUE(connection.is_closed());
}

TEST(ServerConnection, SaysThatItClosesWhenItRefusesARequestWithABodyWhileDraining) {
  const std::string chunked = PostChunked("/refused", "3\r\nabc\r\n0\r\n\r\n");
  for (const std::string& request : {Post("/refused", "unwanted"), chunked}) {
    for (const std::size_t body_sent : {std::size_t{0}, std::size_t{2}, request.size()}) {
      ConnectionUnderTest connection;
      connection.Send(request.substr(0, 10));
      connection.Drain();
      connection.Send(request.substr(10, request.find("\r\n\r\n") + 4 - 10 + body_sent));
      EXPECT_THAT(connection.Take(), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("close\r\n")));
    }
  }
  ConnectionUnderTest connection;
  connection.Send("POST");
  connection.Drain();
  connection.Send(Post("/refused", "unwanted").substr(4) + Get("/b"));
  EXPECT_THAT(Answers(connection.Take()), ElementsAre("404 refused", "200 GET /b "));
  EXPECT_TRUE(connection.is_closed());
}

}  // namespace
}  // namespace itemgate::http
