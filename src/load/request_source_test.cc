#include "load/request_source.h"

#include <gtest/gtest.h>

namespace itemgate::load {
namespace {

using namespace std::chrono_literals;

std::string ContentOf(const Contents& contents, std::uint32_t number) {
  std::string text;
  contents.Append(number, text);
  return text;
}

std::string NextOf(RequestSource& source, Duration budget = {}) {
  std::string request;
  (void)source.Append(request, budget);
  return request;
}

TEST(RequestSource, AnItemIsTheBodyOfItsRequest) {
  const Contents contents({.workload = Workload::kW3, .stream_items = 1});
  RequestSource source({.host = "localhost:1"}, contents, {});
  EXPECT_EQ(NextOf(source),
            "POST /v1/items HTTP/1.1\r\nHost: localhost:1\r\nContent-Type: application/json\r\n"
            "Content-Length: 256\r\n\r\n" +
                ContentOf(contents, 0));
  EXPECT_EQ(NextOf(source), "");  // the end of the stream
  EXPECT_EQ(source.taken(), 1u);
}

TEST(RequestSource, ABudgetAScopeAndAPrefixGoAlong) {
  const Contents contents({.distinct = 1});
  RequestSource source({.host = "h", .prefix = "/gate", .scope = "orders"}, contents, {});
  EXPECT_TRUE(NextOf(source, 1050ms).contains("\r\nRequest-Timeout: 1.050\r\n"));
  EXPECT_TRUE(NextOf(source, 7999us).contains("\r\nRequest-Timeout: 0.007\r\n"));
  EXPECT_TRUE(NextOf(source, 10s).contains("\r\nRequest-Timeout: 10.000\r\n"));
  EXPECT_TRUE(NextOf(source).contains("\r\nItem-Scope: orders\r\n"));
  EXPECT_TRUE(NextOf(source).starts_with("POST /gate/v1/items HTTP/1.1\r\n"));
}

TEST(RequestSource, ABatchOfLinesHoldsEveryContentAsAString) {
  const Contents contents({.workload = Workload::kW3, .stream_items = 3, .bytes = 24});
  RequestSource source({.kind = RequestKind::kBatch, .items_per_batch = 2, .host = "h"}, contents,
                       {});
  std::string request;
  EXPECT_EQ(source.Append(request, {}), 2u);
  EXPECT_TRUE(request.starts_with("POST /v1/items:batch HTTP/1.1\r\n"));
  const std::string body =
      "{\"content\":\"{\\\"sku\\\":\\\"0000000000000000\"}\n"
      "{\"content\":\"{\\\"sku\\\":\\\"0000000000000001\"}\n";
  EXPECT_TRUE(
      request.ends_with("Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body))
      << request;
  request.clear();
  EXPECT_EQ(source.Append(request, {}), 1u);  // what is left
  EXPECT_EQ(source.Append(request, {}), 0u);
}

TEST(RequestSource, ABinaryBatchHasLengthsBeforeTheContents) {
  const Contents contents({.workload = Workload::kW3, .stream_items = 2});
  RequestSource source({.kind = RequestKind::kBatch,
                        .framing = BatchFraming::kBinary,
                        .items_per_batch = 2,
                        .host = "h"},
                       contents, {});
  const std::string length("\0\1\0\0", 4);
  EXPECT_TRUE(NextOf(source).ends_with("Content-Length: 520\r\n\r\n" + length +
                                       ContentOf(contents, 0) + length + ContentOf(contents, 1)));
}

TEST(RequestSource, ReadsOnlyIdsThatAreThere) {
  const Contents contents({.distinct = 1});
  RequestSource source({.kind = RequestKind::kGet, .ids = 2, .host = "h"}, contents, {});
  int firsts = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string request = NextOf(source);
    const bool first = request.starts_with("GET /v1/items/1 HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(first || request.starts_with("GET /v1/items/2 HTTP/1.1\r\n")) << request;
    firsts += first ? 1 : 0;
  }
  EXPECT_GT(firsts, 20);
  EXPECT_LT(firsts, 80);
}

TEST(RequestSource, SendersShareTheStreamWithoutOverlap) {
  const Contents contents({.workload = Workload::kW3, .stream_items = 5});
  RequestSource even({.host = "h"}, contents, {.index = 0, .count = 2});
  RequestSource odd({.host = "h"}, contents, {.index = 1, .count = 2});
  for (const std::uint32_t number : {0u, 2u, 4u}) {
    EXPECT_TRUE(NextOf(even).ends_with(ContentOf(contents, number)));
  }
  for (const std::uint32_t number : {1u, 3u}) {
    EXPECT_TRUE(NextOf(odd).ends_with(ContentOf(contents, number)));
  }
  EXPECT_EQ(NextOf(even), "");
  EXPECT_EQ(NextOf(odd), "");
}

}  // namespace
}  // namespace itemgate::load
