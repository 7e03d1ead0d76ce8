#include "itemgate/content_key.h"

#include <string>

#include <gtest/gtest.h>

#include "key/digest.h"

namespace itemgate {
namespace {

ContentKey KeyOf(std::string_view scope, std::string_view content) {
  return MakeContentKey(Scope::Named(scope).value(), content).value();
}

TEST(ContentKey, IsScopeDigestAndLength) {
  const ContentKey key = KeyOf("feed", "abc");
  EXPECT_EQ(key.digest, Sha256("abc"));
  EXPECT_EQ(key.length, 3u);
  EXPECT_EQ(key.scope.name(), "feed");
}

TEST(ContentKey, ComparesBytesInAByteScope) {
  EXPECT_EQ(KeyOf("default", "{}"), KeyOf("default", "{}"));
  EXPECT_NE(KeyOf("default", "{}"), KeyOf("default", "{ }"));
  EXPECT_NE(KeyOf("default", std::string_view("a\0", 2)), KeyOf("default", "a"));
  EXPECT_EQ(KeyOf("default", "\xFF not JSON").length, 10u);
}

TEST(ContentKey, OfEqualJsonIsEqualHoweverItIsSpelled) {
  const ContentKey key = KeyOf("events+json", R"({"a":1,"b":"x"})");
  EXPECT_EQ(KeyOf("events+json", R"( { "b" : "\u0078", "a" : 1.0 } )"), key);
  EXPECT_NE(KeyOf("events+json", R"({"a":1,"b":"y"})"), key);
  EXPECT_EQ(key.digest, Sha256(R"({"a":1,"b":"x"})"));
  EXPECT_EQ(key.length, 15u);
}

TEST(ContentKey, DiffersByScope) {
  EXPECT_NE(KeyOf("a", "1"), KeyOf("b", "1"));
  EXPECT_NE(KeyOf("a", "1"), KeyOf("a+json", "1"));
}

TEST(ContentKey, NeverFallsBackToBytes) {
  const auto key = MakeContentKey(Scope::Named("events+json").value(), "not JSON");
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, ErrorCode::kNotCanonical);
}

TEST(ContentKeyHash, DependsOnTheSeedAndTheDigest) {
  const ContentKey key = KeyOf("default", "a");
  EXPECT_EQ(ContentKeyHash{1}(key), ContentKeyHash{1}(KeyOf("default", "a")));
  EXPECT_NE(ContentKeyHash{1}(key), ContentKeyHash{2}(key));
  EXPECT_NE(ContentKeyHash{1}(key), ContentKeyHash{1}(KeyOf("default", "b")));
}

}  // namespace
}  // namespace itemgate
