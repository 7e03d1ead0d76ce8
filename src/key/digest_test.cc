#include "key/digest.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/base64.h"

namespace itemgate {
namespace {

TEST(Sha512, GivesTheVectorOfTheStandard) {
  const auto digest = Sha512("abc");
  EXPECT_EQ(Base64({reinterpret_cast<const char*>(digest.data()), digest.size()}),
            "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05oh"
            "kpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==");
}

TEST(Sha256, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(Sha256("").ToHex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc").ToHex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").ToHex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256(std::string(1'000'000, 'a')).ToHex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, SeesNulBytes) {
  EXPECT_NE(Sha256(std::string_view("a\0", 2)), Sha256("a"));
  EXPECT_NE(Sha256(std::string_view("\0", 1)), Sha256(""));
}

TEST(Sha256, IsTheSameFromEveryThread) {
  const Digest expected = Sha256("content");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&expected] {
      for (int n = 0; n < 200; ++n) EXPECT_EQ(Sha256("content"), expected);
    });
  }
}

TEST(Digest, ReadsWhatItWrites) {
  const Digest digest = Sha256("abc");
  EXPECT_EQ(Digest::FromHex(digest.ToHex()), digest);
  EXPECT_EQ(Digest::FromHex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
            digest);
}

TEST(Digest, RefusesWhatIsNot64HexadecimalDigits) {
  const auto refusal = [](const std::string& hex) {
    const auto digest = Digest::FromHex(hex);
    if (digest) return std::string("accepted");
    EXPECT_EQ(digest.error().code, ErrorCode::kInvalidArgument);
    return digest.error().message;
  };
  EXPECT_TRUE(refusal("").contains("got 0 characters"));
  EXPECT_TRUE(refusal(std::string(63, 'a')).contains("got 63 characters"));
  EXPECT_TRUE(refusal(std::string(65, 'a')).contains("got 65 characters"));
  EXPECT_TRUE(refusal(std::string(63, 'a') + "g").contains("at offset 63"));
  EXPECT_TRUE(refusal(" " + std::string(63, 'a')).contains("at offset 0"));
}

}  // namespace
}  // namespace itemgate
