#include "http/request_parser.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate::http {
namespace {

constexpr ServerLimits kLimits;

std::string Get(std::string_view fields, std::string_view target = "/") {
  return "GET " + std::string(target) + " HTTP/1.1\r\n" + std::string(fields) + "\r\n";
}

struct Verdict {
  int status = 200;
  std::string code;
  friend bool operator==(const Verdict&, const Verdict&) = default;
};
void PrintTo(const Verdict& verdict, std::ostream* out) {
  *out << verdict.status << ' ' << verdict.code;
}

/// As the connection does it: find the end, then read it. Status 100: more must come.
Verdict Judge(std::string_view bytes) {
  HeadScanner scanner;
  const auto length = scanner.Scan(bytes, kLimits);
  if (!length) return {length.error().status, std::string(length.error().code)};
  if (!length->has_value()) return {100, ""};
  Request request;
  const auto framing = ParseHead(bytes.substr(0, **length), request);
  if (!framing) return {framing.error().status, std::string(framing.error().code)};
  return {};
}

const Verdict kOk{200, ""};
const Verdict kBadFraming{400, "bad_framing"};
const Verdict kBadRequest{400, "bad_request"};

TEST(RequestParser, GivesTheHeadInItsParts) {
  const std::string head =
      "POST /v1/items?after=3&x HTTP/1.1\r\nHost: a:80\r\nX-Empty:\r\nX-A: \t b c \t\r\n"
      "Content-Length: 007\r\nConnection: close\r\n\r\n";
  Request request;
  const auto framing = ParseHead(head, request);

  ASSERT_TRUE(framing);
  EXPECT_EQ(request.method, Method::kPost);
  EXPECT_EQ(request.method_name, "POST");
  EXPECT_EQ(request.path, "/v1/items");
  EXPECT_EQ(request.query, "after=3&x");
  EXPECT_FALSE(request.http_1_0);
  EXPECT_TRUE(request.has_body);
  EXPECT_EQ(request.fields.size(), 5u);
  EXPECT_EQ(request.Find("x-a"), "b c");
  EXPECT_EQ(request.Find("X-EMPTY"), "");
  EXPECT_EQ(request.Find("x-none"), std::nullopt);
  EXPECT_EQ(framing->content_length, 7u);
  EXPECT_FALSE(framing->keep_alive);
}

TEST(HeadReader, ReadsTheSameHeadOnceAndEveryOtherAnew) {
  HeadReader heads;
  std::string head = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n";
  EXPECT_EQ(heads.Recognize(head), 0u);
  ASSERT_TRUE(heads.Read(head));

  EXPECT_EQ(heads.Recognize(head + "{\"a\":1}"), head.size());
  EXPECT_EQ(heads.Recognize(std::string_view(head).substr(0, head.size() - 1)), 0u);
  EXPECT_EQ(heads.Read(head).value().content_length, 7u);

  head.replace(head.find('7'), 1, "8");
  EXPECT_EQ(heads.Recognize(head), 0u);
  EXPECT_EQ(heads.Read(head).value().content_length, 8u);
  EXPECT_EQ(heads.Recognize(head), head.size());

  head.assign(head.size(), 'x');  // what was read is not needed any more
  EXPECT_EQ(heads.request().path, "/a");
  EXPECT_EQ(heads.request().Find("host"), "a");
}

TEST(HeadReader, WhatTheApplicationFoundOutIsOfOneHead) {
  HeadReader heads;
  const std::string head = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_TRUE(heads.Read(head));
  EXPECT_EQ(heads.request().finding, nullptr);
  heads.request().finding = std::make_unique<const Request::Finding>();
  ASSERT_TRUE(heads.Read(head));
  EXPECT_NE(heads.request().finding, nullptr);
  ASSERT_TRUE(heads.Read("GET /b HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(heads.request().finding, nullptr);
}

TEST(HeadReader, RefusesABadHeadEachTime) {
  HeadReader heads;
  ASSERT_TRUE(heads.Read("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  const std::string bad = "GET / HTTP/1.1\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(heads.Recognize(bad), 0u);
    EXPECT_EQ(heads.Read(bad).error().code, "bad_request");
  }
}

TEST(RequestParser, KnowsWhatAConnectionIsKeptFor) {
  const auto keeps = [](std::string_view head) {
    Request request;
    return ParseHead(head, request).value().keep_alive;
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(RequestParser, RefusesContentLengthBesideTransferEncoding) {
  const std::string length = "Content-Length: 5\r\n";
  const std::string coding = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(Judge(Get("Host: a\r\n" + length + coding)), kBadFraming);
  EXPECT_EQ(Judge(Get("Host: a\r\n" + coding + length)), kBadFraming);
  EXPECT_EQ(Judge(Get("Host: a\r\nContent-Length: x\r\n" + coding)), kBadFraming);
  EXPECT_EQ(Judge(Get("Host: a\r\nTransfer-Encoding: gzip\r\n" + length)), kBadFraming);
}

TEST(RequestParser, TakesOneContentLengthOfDigitsOnly) {
  EXPECT_EQ(Judge(Get("Host: a\r\nContent-Length:  5 \r\n")), kOk);
  EXPECT_EQ(Judge(Get("Host: a\r\nContent-Length: 18446744073709551615\r\n")), kOk);
  for (const char* value : {"+5", "-5", "0x5", "5 5", "5, 5", "5,", "5;", "5.0", "1e1", "", "\x0b5",
                            "18446744073709551616", "99999999999999999999999999"}) {
    EXPECT_EQ(Judge(Get("Host: a\r\nContent-Length: " + std::string(value) + "\r\n")), kBadFraming)
        << value;
  }
  EXPECT_EQ(Judge(Get("Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n")), kBadFraming);
  EXPECT_EQ(Judge(Get("Host: a\r\nContent-Length: 5\r\ncontent-length: 6\r\n")), kBadFraming);
}

TEST(RequestParser, TakesNoTransferEncodingButOneChunked) {
  const Verdict unknown{501, "not-implemented"};
  EXPECT_EQ(Judge(Get("Host: a\r\nTransfer-Encoding: Chunked\r\n")), kOk);
  for (const char* value : {"chunkedx", "chunked, identity", "chunked, chunked", "gzip, chunked",
                            "identity", "chunked;q=1", "\"chunked\"", ""}) {
    EXPECT_EQ(Judge(Get("Host: a\r\nTransfer-Encoding: " + std::string(value) + "\r\n")), unknown)
        << value;
  }
  const std::string twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
  EXPECT_EQ(Judge(Get("Host: a\r\n" + twice)), kBadFraming);
  EXPECT_EQ(Judge(Get("Host: a\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n")),
            kBadFraming);
  EXPECT_EQ(Judge("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), kBadFraming);
}

TEST(RequestParser, RefusesBytesThatNoHeadMayHold) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view line :
       {"X: a\nY: b"sv, "X: a\rY: b"sv, "X: a\r\n folded"sv, "X: a\r\n\tfolded"sv, "X : a"sv,
        "X\t: a"sv, "X: \0"sv, "X: a\x01"sv, "X: \x1b[31m"sv, "X: \x7f"sv, ": nameless"sv,
        "no colon"sv, "X\xff: a"sv, "X\xfd: a"sv, "X\0: a"sv, "X(: a"sv, "X Y: a"sv}) {
    EXPECT_EQ(Judge(Get("Host: a\r\n" + std::string(line) + "\r\n")), kBadFraming) << line;
  }
  for (const std::string_view target :
       {"/\0"sv, "/\x01"sv, "/\x7f"sv, "/a b"sv, " /"sv, "/\t"sv, ""sv, "/\r"sv, "a"sv, "\\a"sv,
        "/\xc3\xa9"sv, "/#x"sv, "*"sv, "ftp://a/"sv}) {
    EXPECT_EQ(Judge(Get("Host: a\r\n", target)).status, 400) << target;
  }
  EXPECT_EQ(Judge("GET / HTTP/1.1\nHost: a\n\n"), kBadFraming);
  EXPECT_EQ(Judge("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), kBadFraming);
}

TEST(RequestParser, TakesExactlyOneHostThatIsOne) {
  for (const char* host : {"a", "a:80", "[::1]:8080", "[::1]", "1.2.3.4", "a_b-c.example", ""}) {
    EXPECT_EQ(Judge(Get("Host: " + std::string(host) + "\r\n")), kOk) << host;
  }
  for (const char* host : {"a b", "a/b", "u@a", "a,b", "a:port", "a:123456", "[::1", "::1]", "[a]b",
                           "a?b", "a\\b", "[[::1]"}) {
    EXPECT_EQ(Judge(Get("Host: " + std::string(host) + "\r\n")), kBadRequest) << host;
  }
  EXPECT_EQ(Judge(Get("")), kBadRequest);
  EXPECT_EQ(Judge(Get("Host: a\r\nHost: a\r\n")), kBadRequest);
  EXPECT_EQ(Judge("GET / HTTP/1.0\r\n\r\n"), kOk);
  EXPECT_EQ(Judge("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), kBadRequest);
}

TEST(RequestParser, TakesAnAbsoluteTargetOfTheHostOnly) {
  const auto path = [](std::string_view target, std::string_view host) -> std::string {
    Request request;
    const std::string head = Get("Host: " + std::string(host) + "\r\n", target);
    const auto framing = ParseHead(head, request);
    if (!framing) return std::to_string(framing.error().status);
    return std::string(request.path) + '|' + std::string(request.query);
  };
  EXPECT_EQ(path("http://a/x?y", "a"), "/x|y");
  EXPECT_EQ(path("HTTP://A:80/x", "a"), "/x|");
  EXPECT_EQ(path("http://a", "a:80"), "/|");
  EXPECT_EQ(path("https://a:443/x", "a"), "/x|");
  EXPECT_EQ(path("http://b/x", "a"), "421");
  EXPECT_EQ(path("http://a:8080/x", "a"), "421");
  EXPECT_EQ(path("http://u@a/x", "a"), "400");
  EXPECT_EQ(path("http:///x", "a"), "400");
  EXPECT_EQ(path("http://a?x", "a"), "400");
}

TEST(RequestParser, LimitsTheLineTheHeadAndTheFields) {
  const Verdict line{414, "target-too-long"};
  const Verdict head{431, "head-too-large"};
  const std::size_t fixed = Get("", "").size() - 2;  // of the request line
  const auto of_line = [&](std::size_t bytes) {
    return Get("Host: a\r\n", "/" + std::string(bytes - fixed - 1, 'a'));
  };
  EXPECT_EQ(Judge(of_line(8192)), kOk);
  EXPECT_EQ(Judge(of_line(8193)), line);
  EXPECT_EQ(Judge(std::string(8192, 'A')), (Verdict{100, ""}));
  EXPECT_EQ(Judge(std::string(8193, 'A')), line);
  const auto of_head = [&](std::size_t bytes) {
    const std::size_t others = Get("Host: a\r\nX: \r\n").size();
    return Get("Host: a\r\nX: " + std::string(bytes - others, 'x') + "\r\n");
  };
  EXPECT_EQ(Judge(of_head(16384)), kOk);
  EXPECT_EQ(Judge(of_head(16385)), head);
  EXPECT_EQ(Judge(of_head(40000).substr(0, 16385)), head);
  std::string fields = "Host: a\r\n";
  for (int i = 0; i < 99; ++i) fields += "X: y\r\n";
  EXPECT_EQ(Judge(Get(fields)), kOk);
  EXPECT_EQ(Judge(Get(fields + "X: y\r\n")), head);
}

TEST(RequestParser, TellsOtherProtocolsAndVersionsAtOnce) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view bytes :
       {"GET /\r\n"sv, "\x16\x03\x01"sv, "*1\r\n"sv, "PING x\r\n"sv, "EHLO a\r\n"sv,
        "SSH-2.0-x\r\n"sv, "\0"sv, " GET / HTTP/1.1\r\n"sv, "GET / http/1.1\r\n"sv,
        "GET / HTTP/1.1.1\r\n"sv, "GET / HTTPS/1.1\r\n"sv, "(GET)"sv, "GET / HTTP/1.1 \r\n"sv}) {
    EXPECT_EQ(Judge(bytes), kBadRequest) << bytes;
  }
  for (const std::string_view bytes :
       {"GET / HTTP/0.9\r\n"sv, "GET / HTTP/3.7\r\n"sv, "GET / HTTP/1.2\r\n"sv,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv}) {
    EXPECT_EQ(Judge(bytes), (Verdict{505, "version-not-supported"})) << bytes;
  }
}

TEST(RequestParser, KnowsMethodsAndExpectations) {
  const auto with = [](std::string_view method, std::string_view fields) {
    return Judge(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n");
  };
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}) {
    EXPECT_EQ(with(method, ""), kOk) << method;
  }
  for (const char* method : {"BREW", "get", "PROPFIND"}) {
    EXPECT_EQ(with(method, ""), (Verdict{501, "not-implemented"})) << method;
  }
  EXPECT_EQ(with(std::string(400, 'A'), ""), (Verdict{501, "not-implemented"}));
  EXPECT_EQ(Judge("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
            (Verdict{405, "method-not-allowed"}));
  EXPECT_EQ(Judge("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), kOk);
  EXPECT_EQ(with("POST", "Expect: 100-Continue\r\n"), kOk);
  EXPECT_EQ(with("POST", "Expect: banana\r\n"), (Verdict{417, "expectation-failed"}));
  EXPECT_EQ(with("POST", "Expect: banana\r\nExpect: 100-continue\r\n"),
            (Verdict{417, "expectation-failed"}));
  EXPECT_EQ(with("POST", "Expect: 100-continue\r\nExpect: banana\r\n"),
            (Verdict{417, "expectation-failed"}));
  EXPECT_EQ(Judge("POST / HTTP/1.0\r\nExpect: banana\r\n\r\n"), kOk);
}

TEST(RequestParser, FindsTheEndByteByByte) {
  const std::string head = Get("Host: a\r\nX: y\r\n");
  HeadScanner scanner;
  for (std::size_t size = 0; size < head.size(); ++size) {
    const auto length = scanner.Scan(std::string_view(head).substr(0, size), kLimits);
    ASSERT_TRUE(length) << size;
    EXPECT_FALSE(length->has_value()) << size;
  }
  const auto length = scanner.Scan(head + "rest", kLimits);
  ASSERT_TRUE(length);
  EXPECT_EQ(*length, head.size());
}

}  // namespace
}  // namespace itemgate::http
