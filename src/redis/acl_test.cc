#include "redis/acl.h"

#include <gtest/gtest.h>

namespace itemgate::redis {
namespace {

TEST(Acl, ALineAllowsNothingButWhatIsNeeded) {
  AclNeeds needs{.keys = {PatternOf("lock:")}, .channels = {"news"}, .commands = {"get"}};
  needs.Add({.keys = {"lock:*"}, .commands = {"get", "script|load"}});
  EXPECT_EQ(AclLine("me", needs).value(),
            "user me reset on >PASSWORD resetchannels ~lock:* &news +get +script|load");
}

TEST(Acl, APrefixIsNoPattern) { EXPECT_EQ(PatternOf("a*b?[c]\\"), "a\\*b\\?\\[c]\\\\*"); }

TEST(Acl, WhatALineCannotHoldIsRefused) {
  EXPECT_TRUE(AclLine("me", {}).has_value());
  for (const char* word : {"", "two words", "a\"quote", "it's", "line\nline", "gr\xc3\xb6sse"}) {
    EXPECT_EQ(AclLine(word, {}).error().code, ErrorCode::kInvalidArgument) << word;
    EXPECT_EQ(AclLine("me", {.keys = {word}}).error().code, ErrorCode::kInvalidArgument) << word;
    EXPECT_EQ(AclLine("me", {.channels = {word}}).error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace itemgate::redis
