#include "backend/http/fields.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

TEST(BackendFields, AreLinesAsTheyAreSent) {
  EXPECT_EQ(ParseBackendFields("Authorization: Bearer s3cret\n"),
            "Authorization: Bearer s3cret\r\n");
  EXPECT_EQ(ParseBackendFields("\r\nX-Key:a b:c \r\n\nx-other: 1"),
            "X-Key: a b:c\r\nx-other: 1\r\n");
}

TEST(BackendFields, ATextThatHasNoneIsRefused) {
  for (const char* const text : {"", "\n \n"})
    EXPECT_EQ(ParseBackendFields(text).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(ParseBackendFields("A: " + std::string(17 << 10, 'x')));
}

TEST(BackendFields, ALineThatIsNoneIsNamedAndNotRepeated) {
  for (const std::string text :
       {"s3cret", ": s3cret", "A B: s3cret", "A:", "A: s3cret\x01", "A: s3cret\xC3\xA9",
        " A: s3cret", "A\rB: s3cret", "A: s3\rcret"}) {
    const auto fields = ParseBackendFields("X: y\n" + text);
    ASSERT_FALSE(fields) << text;
    EXPECT_TRUE(fields.error().message.starts_with("line 2 ")) << fields.error().message;
    EXPECT_FALSE(fields.error().message.contains("s3cret")) << fields.error().message;
  }
}

TEST(BackendFields, WhatTheProtocolSaysItselfIsNotTheirs) {
  for (const std::string name : {"Host", "content-length", "Transfer-Encoding", "ITEM-SCOPE",
                                 "Idempotency-Key", "Connection", "Content-Type"})
    EXPECT_FALSE(ParseBackendFields(name + ": x")) << name;
  EXPECT_TRUE(ParseBackendFields("Cookie: x"));
}

}  // namespace
}  // namespace itemgate
