#include "http/response_parser.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/random.h"

namespace itemgate::http {
namespace {

constexpr std::string_view kSized =
    "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nItem-Id: 17\r\nitem-id: 18\r\n\r\nhello";
constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nhel\r\n2;name=value\r\nlo\r\n0\r\nTrailer: x\r\n\r\n";
constexpr std::string_view kInterim =
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";

std::size_t FeedOrDie(ResponseParser& parser, std::string_view bytes) {
  const auto fed = parser.Feed(bytes);
  EXPECT_TRUE(fed) << fed.error().message;
  return fed.value_or(0);
}

/// The error of feeding it all, or nothing.
std::optional<ErrorCode> ErrorOf(std::string_view bytes, ResponseParser::Limits limits = {}) {
  ResponseParser parser(limits);
  const auto fed = parser.Feed(bytes);
  if (fed) return std::nullopt;
  return fed.error().code;
}

TEST(ResponseParser, ReadsAResponseOfKnownLength) {
  ResponseParser parser;
  EXPECT_FALSE(parser.has_begun());
  EXPECT_EQ(FeedOrDie(parser, kSized), kSized.size());
  ASSERT_TRUE(parser.is_complete());
  EXPECT_EQ(parser.status(), 201);
  EXPECT_EQ(parser.body(), "hello");
  EXPECT_TRUE(parser.keep_alive());
  EXPECT_EQ(parser.Find("ITEM-ID"), "17");
  EXPECT_EQ(parser.Find("Item"), std::nullopt);
  ASSERT_EQ(parser.fields().size(), 3u);
  EXPECT_EQ(parser.fields()[2].name, "item-id");
  EXPECT_EQ(parser.fields()[2].value, "18");
}

TEST(ResponseParser, ReadsTheSameWhereverTheBytesAreSplit) {
  for (const std::string_view response : {kSized, kChunked}) {
    const std::string all = std::string(kInterim) + std::string(response) + "NEXT";
    for (std::size_t first = 0; first < all.size(); ++first) {
      for (std::size_t second = first; second < all.size(); ++second) {
        ResponseParser parser;
        std::size_t taken = FeedOrDie(parser, std::string_view(all).substr(0, first));
        if (!parser.is_complete())
          taken += FeedOrDie(parser, std::string_view(all).substr(taken, second - first));
        if (!parser.is_complete()) taken += FeedOrDie(parser, std::string_view(all).substr(taken));
        ASSERT_TRUE(parser.is_complete()) << first << ' ' << second;
        ASSERT_EQ(taken, all.size() - 4) << first << ' ' << second;
        ASSERT_EQ(parser.body(), "hello");
        ASSERT_EQ(parser.status(), response == kSized ? 201 : 200);
        ASSERT_EQ(parser.fields().size(), response == kSized ? 3u : 1u);
        ASSERT_EQ(parser.fields()[0].name,
                  response == kSized ? "Content-Length" : "Transfer-Encoding");
      }
    }
  }
}

TEST(ResponseParser, ReadsOneByteAtATime) {
  constexpr std::string_view kEmpty =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (const std::string_view response : {kSized, kChunked, kEmpty}) {
    ResponseParser parser;
    for (const char& byte : response) {
      ASSERT_FALSE(parser.is_complete());
      EXPECT_EQ(FeedOrDie(parser, {&byte, 1}), 1u);
    }
    EXPECT_TRUE(parser.is_complete());
    EXPECT_EQ(parser.TakeBody(), response == kEmpty ? "" : "hello");
  }
}

TEST(ResponseParser, ReadsPipelinedResponsesOneAfterTheOther) {
  std::string all;
  for (int i = 0; i < 3; ++i) all += std::string(kSized) + std::string(kChunked);
  ResponseParser parser;
  std::string_view rest = all;
  int count = 0;
  for (; !rest.empty(); ++count) {
    parser.Begin();
    EXPECT_FALSE(parser.has_begun());
    rest.remove_prefix(FeedOrDie(parser, rest));
    ASSERT_TRUE(parser.is_complete());
    EXPECT_EQ(parser.body(), "hello");
  }
  EXPECT_EQ(count, 6);
}

TEST(ResponseParser, HandsOutABodyInPieces) {
  ResponseParser parser;
  FeedOrDie(parser, kChunked.substr(0, kChunked.find("2;")));
  EXPECT_TRUE(parser.has_head());
  EXPECT_EQ(parser.body(), "hel");
  parser.DropBody();
  FeedOrDie(parser, kChunked.substr(kChunked.find("2;")));
  EXPECT_EQ(parser.TakeBody(), "lo");
  EXPECT_EQ(parser.body(), "");
}

TEST(ResponseParser, ExpectsNoBodyWhereThereIsNone) {
  ResponseParser parser;
  parser.Begin(ResponseParser::Expect::kHeadOnly);
  const std::string_view head = kSized.substr(0, kSized.find("hello"));
  EXPECT_EQ(FeedOrDie(parser, head), head.size());
  EXPECT_TRUE(parser.is_complete());
  for (const std::string_view bodiless :
       {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    parser.Begin();
    FeedOrDie(parser, bodiless);
    EXPECT_TRUE(parser.is_complete()) << bodiless;
    EXPECT_TRUE(parser.keep_alive()) << bodiless;
  }
}

TEST(ResponseParser, TakesTheEndOfTheConnectionForTheEndOfABodyOfUnknownLength) {
  ResponseParser parser;
  FeedOrDie(parser, "HTTP/1.1 200 OK\r\n\r\nhel");
  FeedOrDie(parser, "lo");
  EXPECT_FALSE(parser.is_complete());
  EXPECT_FALSE(parser.keep_alive());
  EXPECT_TRUE(parser.FeedEnd());
  EXPECT_TRUE(parser.is_complete());
  EXPECT_EQ(parser.body(), "hello");
}

TEST(ResponseParser, TellsAResponseThatWasCutOff) {
  for (const std::string_view response : {kSized, kChunked}) {
    for (std::size_t size = 0; size < response.size(); ++size) {
      ResponseParser parser;
      FeedOrDie(parser, response.substr(0, size));
      const auto ended = parser.FeedEnd();
      ASSERT_FALSE(ended) << size;
      EXPECT_EQ(ended.error().code, ErrorCode::kUnavailable);
      EXPECT_EQ(parser.has_begun(), size > 0);
    }
  }
}

TEST(ResponseParser, TellsWhetherTheConnectionLives) {
  const auto keep_alive = [](std::string_view response) {
    ResponseParser parser;
    FeedOrDie(parser, response);
    return parser.keep_alive();
  };
  EXPECT_TRUE(keep_alive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(keep_alive("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(ResponseParser, RefusesWhatIsNotHttp) {
  EXPECT_EQ(ErrorOf("SSH-2.0-OpenSSH_9.2\r\n"), ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf("S"), ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf("HTTP/2 200 OK\r\n\r\n"), ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf("HTTP/1.1 abc OK\r\n\r\n"), ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf("HTTP/1.1 000 OK\r\n\r\n"), ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf("HTTP/1.1 101 Switching Protocols\r\n\r\n"), ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
            ErrorCode::kCorrupt);
}

TEST(ResponseParser, KeepsToItsLimits) {
  const ResponseParser::Limits limits{.head_bytes_max = 100, .body_bytes_max = 5};
  EXPECT_EQ(ErrorOf(kSized, limits), std::nullopt);
  EXPECT_EQ(ErrorOf(kChunked, limits), std::nullopt);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", limits), ErrorCode::kTooLarge);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\n\r\n123456", limits), ErrorCode::kTooLarge);
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(ErrorOf(chunked + "4\r\n1234\r\n2\r\n", limits), ErrorCode::kTooLarge);
  EXPECT_EQ(ErrorOf(chunked + std::string(101, '1'), limits), ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nA: " + std::string(200, 'a'), limits),
            ErrorCode::kTooLarge);
}

TEST(ResponseParser, HasTheSameLimitsWhereverTheBytesAreSplit) {
  const std::string_view head = kSized.substr(0, kSized.find("hello"));
  for (const std::size_t head_bytes_max : {head.size() - 1, head.size()}) {
    for (std::size_t piece = 1; piece <= kSized.size(); ++piece) {
      ResponseParser parser({.head_bytes_max = head_bytes_max});
      bool failed = false;
      for (std::size_t taken = 0; taken < kSized.size() && !failed; taken += piece)
        failed = !parser.Feed(kSized.substr(taken, piece));
      EXPECT_EQ(failed, head_bytes_max < head.size()) << piece;
      EXPECT_EQ(parser.is_complete(), !failed) << piece;
    }
  }
}

TEST(ResponseParser, SurvivesWhateverArrives) {
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = random.Below(2) == 0 ? std::string(kSized) : std::string(kChunked);
    for (std::uint64_t changes = random.Below(4); changes > 0; --changes)
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    ResponseParser parser({.head_bytes_max = 200, .body_bytes_max = 100});
    std::string_view rest = bytes;
    while (!rest.empty() && !parser.is_complete()) {
      const auto fed = parser.Feed(rest.substr(0, 1 + random.Below(rest.size())));
      if (!fed) break;
      rest.remove_prefix(*fed);
      EXPECT_LE(parser.body().size(), 100u);
    }
  }
}

}  // namespace
}  // namespace itemgate::http
