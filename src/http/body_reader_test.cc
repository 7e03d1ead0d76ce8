#include "http/body_reader.h"

#include <string>

#include <gtest/gtest.h>

namespace itemgate::http {
namespace {

struct Outcome {
  int status = 100;  // 100: more must come, 200: complete
  std::string body;
  std::string rest;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};
void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << outcome.status << " body '" << outcome.body << "' rest '" << outcome.rest << "'";
}

constexpr Framing kChunked{.chunked = true};

/// Reads `bytes` in steps of `step`.
Outcome Read(std::string_view bytes, std::size_t step, const Framing& framing = kChunked,
             std::size_t bytes_max = 100) {
  BodyReader reader(framing, bytes_max);
  Outcome outcome;
  while (!bytes.empty() && !reader.is_complete()) {
    std::string_view input = bytes.substr(0, step);
    bytes.remove_prefix(input.size());
    while (!input.empty() && !reader.is_complete()) {
      const auto piece = reader.Next(input);
      if (!piece) return {piece.error().status, std::string(piece.error().code), ""};
      outcome.body += *piece;
    }
    outcome.rest = input;
  }
  outcome.rest += bytes;
  if (reader.is_complete()) outcome.status = 200;
  return outcome;
}

/// The outcome however the bytes are split.
Outcome Read(std::string_view bytes) {
  const Outcome whole = Read(bytes, std::string_view::npos);
  for (std::size_t step = 1; step < std::min<std::size_t>(bytes.size(), 40); ++step) {
    EXPECT_EQ(Read(bytes, step), whole) << "in steps of " << step;
  }
  return whole;
}

const Outcome kBad{400, "bad_framing", ""};

TEST(BodyReader, HasNoneWithoutFraming) {
  EXPECT_TRUE(BodyReader().is_complete());
  EXPECT_TRUE(BodyReader(Framing{}, 100).is_complete());
}

TEST(BodyReader, TakesTheDeclaredLength) {
  const Framing five{.content_length = 5};
  EXPECT_EQ(Read("helloworld", 100, five), (Outcome{200, "hello", "world"}));
  EXPECT_EQ(Read("helloworld", 1, five), (Outcome{200, "hello", "world"}));
  EXPECT_EQ(Read("hell", 100, five), (Outcome{100, "hell", ""}));
}

TEST(BodyReader, TakesChunks) {
  EXPECT_EQ(Read("5\r\nhello\r\n0\r\n\r\nrest"), (Outcome{200, "hello", "rest"}));
  EXPECT_EQ(Read("0\r\n\r\n"), (Outcome{200, "", ""}));
  EXPECT_EQ(Read("00a\r\n0123456789\r\nA\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n"),
            (Outcome{200, "0123456789\r\n\r\n\r\n\r\n\r\n", ""}));
  EXPECT_EQ(Read("5;name=\"value\";x\r\nhello\r\n0;last\r\n\r\n"), (Outcome{200, "hello", ""}));
  EXPECT_EQ(Read("0\r\nA: b\r\nC: \xff\t\r\n\r\nrest"), (Outcome{200, "", "rest"}));
  EXPECT_EQ(Read("5\r\nhel"), (Outcome{100, "hel", ""}));
  EXPECT_EQ(Read("5\r\nhello\r\n0\r\n"), (Outcome{100, "hello", ""}));
}

TEST(BodyReader, RefusesWhatIsNoChunk) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view bytes : {"-5\r\nhello"sv,
                                       "+5\r\nhello"sv,
                                       "0x5\r\nhello"sv,
                                       " 5\r\nhello"sv,
                                       "5 \r\nhello"sv,
                                       "\r\nhello"sv,
                                       "5\nhello"sv,
                                       "g\r\n"sv,
                                       "5\r\nhello0\r\n\r\n"sv,
                                       "5\r\nhelloXX0\r\n\r\n"sv,
                                       "5\r\nhello\n0\r\n\r\n"sv,
                                       "5\rhello"sv,
                                       "5;a\nb\r\nhello"sv,
                                       "5;\0\r\nhello"sv,
                                       "0\r\nno colon\r\n\r\n"sv,
                                       "0\r\nA : b\r\n\r\n"sv,
                                       "0\r\n folded\r\n\r\n"sv,
                                       "0\r\nA: b\nC: d\r\n\r\n"sv,
                                       "0\r\n\rX"sv,
                                       "0\r\n: b\r\n\r\n"sv}) {
    EXPECT_EQ(Read(bytes), kBad) << bytes;
  }
}

TEST(BodyReader, RefusesSizesThatAreTooLarge) {
  const Outcome too_large{413, "too-large", ""};
  EXPECT_EQ(Read("10000000000000000\r\nhello"), kBad);
  EXPECT_EQ(Read("fffffffffffffffb\r\nhello"), kBad);
  EXPECT_EQ(Read(std::string(1 << 20, '0')), kBad);
  EXPECT_EQ(Read("fffffffffffffff\r\nhello"), too_large);
  EXPECT_EQ(Read("65\r\nhello"), too_large);
  EXPECT_EQ(Read("64\r\n" + std::string(100, 'x') + "\r\n0\r\n\r\n").status, 200);
  EXPECT_EQ(Read("64\r\n" + std::string(100, 'x') + "\r\n1\r\nx"), too_large);
}

TEST(BodyReader, LimitsExtensionsAndTrailers) {
  const std::string end = "\r\n0\r\n\r\n";
  EXPECT_EQ(Read("5;" + std::string(1024, 'x') + "\r\nhello" + end).status, 200);
  EXPECT_EQ(Read("5;" + std::string(1025, 'x') + "\r\nhello" + end), kBad);
  EXPECT_EQ(Read("0\r\nX: " + std::string(8000, 'x') + "\r\n\r\n").status, 200);
  EXPECT_EQ(Read("0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"), kBad);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 2000; ++i) trailers += "X: y\r\n";
  EXPECT_EQ(Read(trailers), kBad);
}

}  // namespace
}  // namespace itemgate::http
