#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/connection_under_test.h"

namespace itemgate::http {
namespace {

using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Closing = ServerConnection::Closing;

std::string Head(std::string_view path, std::string_view fields = "Content-Length: 10\r\n") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string Get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

ScriptedApplication::Streamed& TheStream(ConnectionUnderTest& connection) {
  return *connection.application.streams.at(0);
}

TEST(Stream, GivesTheBodyAsItComes) {
  ConnectionUnderTest connection;
  connection.Send(Head("/stream") + "abc");
  auto& streamed = TheStream(connection);
  EXPECT_EQ(streamed.body, "abc");
  EXPECT_FALSE(streamed.body_ended);
  connection.Send("defghij");
  EXPECT_EQ(streamed.body, "abcdefghij");
  EXPECT_TRUE(streamed.body_ended);
}

TEST(Stream, AnswersInChunksOneForEachSend) {
  ConnectionUnderTest connection;
  connection.Send(Get("/stream"));
  auto& streamed = TheStream(connection);
  EXPECT_TRUE(streamed.body_ended);
  streamed.stream.Begin({.fields = "X: y\r\n", .body = "ignored"});
  streamed.stream.Write("ab");
  streamed.stream.Write("");
  streamed.stream.Write("cd");
  EXPECT_GT(streamed.stream.unsent_bytes(), 4u);
  connection.Advance({});
  EXPECT_EQ(streamed.stream.unsent_bytes(), 0u);
  EXPECT_EQ(streamed.drained_count, 1);
  EXPECT_THAT(connection.Take(),
              EndsWith("X: y\r\nTransfer-Encoding: chunked\r\n\r\n00000004\r\nabcd\r\n"));
  streamed.stream.Write(std::string(300, 'x'));
  streamed.stream.End();
  connection.Advance({});
  EXPECT_EQ(connection.Take(), "0000012c\r\n" + std::string(300, 'x') + "\r\n0\r\n\r\n");
  connection.Send(Get("/next"));
  EXPECT_THAT(connection.Take(), EndsWith("GET /next "));
}

TEST(Stream, EchoesHoweverTheInputIsSplit) {
  const std::string input = Head("/stream-echo", "Transfer-Encoding: chunked\r\n") +
                            "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" + Get("/next");
  for (std::size_t step : {1u, 2u, 7u, 1000u}) {
    ConnectionUnderTest connection;
    for (std::size_t at = 0; at < input.size(); at += step) connection.Send(input.substr(at, step));
    const auto& streamed = TheStream(connection);
    EXPECT_EQ(streamed.body, "abcde");
    EXPECT_FALSE(streamed.closed);
    EXPECT_THAT(connection.Take(), EndsWith("GET /next "));
  }
}

TEST(Stream, WaitsForItsTurnAndSoDoesTheNextRequest) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later") + Get("/stream") + Get("/next"));
  EXPECT_THAT(connection.application.streams, IsEmpty());
  connection.application.owed[0]({.body = "first"});
  connection.Advance({});
  EXPECT_THAT(connection.Take(), EndsWith("first"));
  auto& streamed = TheStream(connection);
  streamed.stream.Begin({});
  streamed.stream.Write("second");
  connection.Advance({});
  EXPECT_THAT(connection.Take(), EndsWith("second\r\n"));
  streamed.stream.End();
  connection.Advance({});
  EXPECT_THAT(connection.Take(), EndsWith("GET /next "));
}

TEST(Stream, InvitesTheBodyInItsTurn) {
  ConnectionUnderTest connection;
  connection.Send(Get("/later") + Head("/stream", "Content-Length: 3\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(connection.Take(), "");
  connection.application.owed[0]({});
  connection.Advance({});
  EXPECT_THAT(connection.Take(), EndsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_THAT(connection.application.streams, SizeIs(1));
}

TEST(Stream, EndsWithTheConnectionForHttp10) {
  ConnectionUnderTest connection;
  connection.Send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  auto& streamed = TheStream(connection);
  streamed.stream.Begin({});
  streamed.stream.Write("abc");
  streamed.stream.End();
  connection.Advance({});
  EXPECT_THAT(connection.Take(), EndsWith("Connection: close\r\n\r\nabc"));
  EXPECT_EQ(connection.closing(), Closing::kLingering);
}

TEST(Stream, HasNoBodyForHead) {
  ConnectionUnderTest connection;
  connection.Send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  auto& streamed = TheStream(connection);
  streamed.stream.Begin({});
  streamed.stream.Write("abc");
  streamed.stream.End();
  connection.Advance({});
  EXPECT_THAT(connection.Take(), EndsWith("Transfer-Encoding: chunked\r\n\r\n"));
  EXPECT_FALSE(connection.is_closed());
}

TEST(Stream, HoldsThePeerBackWhilePaused) {
  ConnectionUnderTest connection;
  connection.Send(Head("/stream"));
  auto& streamed = TheStream(connection);
  streamed.pauses = true;
  connection.Send("abc");
  EXPECT_FALSE(connection.reads());
  connection.Send("defghij" + Get("/next"));
  EXPECT_EQ(streamed.body, "abc");
  connection.Advance(seconds(100));
  EXPECT_FALSE(connection.is_closed()) << "it is not the peer that is slow";
  streamed.pauses = false;
  streamed.stream.ResumeBody();
  connection.Advance({});
  EXPECT_EQ(streamed.body, "abcdefghij");
  EXPECT_TRUE(streamed.body_ended);
}

TEST(Stream, DropsWhatIsLeftOfTheBodyAfterTheEnd) {
  ConnectionUnderTest connection;
  connection.Send(Head("/stream") + "abc");
  auto& streamed = TheStream(connection);
  streamed.stream.Begin({});
  streamed.stream.End();
  connection.Send("defghij" + Get("/next"));
  connection.Advance({});
  EXPECT_EQ(streamed.body, "abc");
  EXPECT_THAT(connection.Take(), EndsWith("GET /next "));

  ConnectionUnderTest endless;
  endless.Send(Head("/stream", "Content-Length: 1000000\r\n"));
  TheStream(endless).stream.Begin({});
  TheStream(endless).stream.End();
  endless.Advance({});
  endless.Send(std::string(70'000, 'x'));
  EXPECT_TRUE(endless.is_closed());
}

TEST(Stream, AbortedTheAnswerIsSeenToBeIncomplete) {
  ConnectionUnderTest connection;
  connection.Send(Get("/stream") + Get("/never"));
  auto& streamed = TheStream(connection);
  streamed.stream.Begin({});
  streamed.stream.Write("abc");
  streamed.stream.Abort();
  connection.Advance({});
  EXPECT_THAT(connection.Take(), EndsWith("abc\r\n"));
  EXPECT_EQ(connection.closing(), Closing::kLingering);
  EXPECT_FALSE(streamed.closed);
  EXPECT_THAT(connection.application.handled, IsEmpty());

  ConnectionUnderTest old;
  old.Send("GET /stream HTTP/1.0\r\n\r\n");
  TheStream(old).stream.Begin({});
  TheStream(old).stream.Abort();
  old.Advance({});
  EXPECT_EQ(old.closing(), Closing::kReset);
}

TEST(Stream, IsToldWhenTheConnectionIsGone) {
  ConnectionUnderTest connection;
  connection.Send(Head("/stream") + "abc");
  connection.Lose();
  EXPECT_TRUE(TheStream(connection).closed);

  ConnectionUnderTest ended;
  ended.Send(Head("/stream") + "abc");
  ended.EndInput();
  EXPECT_EQ(ended.closing(), Closing::kNow);
  ended.Lose();
  EXPECT_TRUE(TheStream(ended).closed);
  EXPECT_FALSE(TheStream(ended).body_ended);
}

TEST(Stream, ABrokenBodyIsAProblemIfNothingWasAnsweredYet) {
  const std::string head = Head("/stream", "Transfer-Encoding: chunked\r\n");
  ConnectionUnderTest unanswered;
  unanswered.Send(head + "3\r\nabcX");
  EXPECT_TRUE(TheStream(unanswered).closed);
  EXPECT_THAT(unanswered.Take(), HasSubstr("HTTP/1.1 400 "));

  ConnectionUnderTest begun;
  begun.Send(head);
  TheStream(begun).stream.Begin({});
  begun.Send("3\r\nabcX");
  EXPECT_TRUE(TheStream(begun).closed);
  EXPECT_THAT(begun.Take(), Not(HasSubstr("HTTP/1.1 400 ")));
  EXPECT_EQ(begun.closing(), Closing::kLingering);
}

TEST(Stream, TheBodyMayBeSlowButNotSilent) {
  ConnectionUnderTest connection;
  connection.Send(Head("/stream"));
  for (const char* piece : {"a", "b", "c"}) {
    connection.Advance(seconds(70));
    connection.Send(piece);
  }
  EXPECT_EQ(TheStream(connection).body, "abc");
  connection.Advance(seconds(76));
  EXPECT_TRUE(TheStream(connection).closed);
  EXPECT_THAT(connection.Take(), HasSubstr("HTTP/1.1 408 "));
  EXPECT_TRUE(connection.is_closed());
}

TEST(Stream, TheBodyIsNotReadWhileTooMuchIsUnsent) {
  ConnectionUnderTest connection;
  connection.Send(Head("/stream", "Content-Length: 1000000\r\n"));
  auto& streamed = TheStream(connection);
  connection.window = 0;
  streamed.stream.Begin({});
  streamed.stream.Write(std::string(2 << 20, 'x'));
  connection.Advance({});
  connection.Send("abc");
  EXPECT_FALSE(connection.reads());
  EXPECT_EQ(streamed.body, "");
  connection.window = std::string::npos;
  connection.Advance({});
  EXPECT_EQ(streamed.body, "abc");
  EXPECT_EQ(streamed.drained_count, 1);
}

TEST(Stream, ClosesAfterItWhenDraining) {
  ConnectionUnderTest connection;
  connection.Send(Get("/stream"));
  connection.Drain();
  EXPECT_FALSE(connection.is_closed());
  auto& streamed = TheStream(connection);
  EXPECT_TRUE(streamed.draining);
  streamed.stream.Begin({});
  streamed.stream.End();
  connection.Advance({});
  EXPECT_THAT(connection.Take(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(connection.is_closed());
}

TEST(Stream, WhatIsLeftOfTheBodyIsNotWaitedForWhenDraining) {
  ConnectionUnderTest connection;
  connection.Send(Head("/stream") + "abc");
  connection.Drain();
  auto& streamed = TheStream(connection);
  streamed.stream.Begin({});
  streamed.stream.End();
  connection.Advance({});
  EXPECT_TRUE(connection.is_closed());
}

}  // namespace
}  // namespace itemgate::http
