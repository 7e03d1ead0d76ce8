#include "cache/redis/seen_codec.h"

#include <string>

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace itemgate::seen {
namespace {

Secret CountingSecret() {
  Secret secret;
  for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::byte>(i);
  return secret;
}

ContentKey Hello(std::string_view scope = "default") {
  return MakeContentKey(Scope::Named(scope).value(), "hello").value();
}

std::string HexOf(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(byte) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned char>(byte) & 15]);
  }
  return hex;
}

class SeenCodecTest : public testing::Test {
 protected:
  const Codec codec_{CountingSecret(), 7};
};

// Servers of different releases share the entries. Made by another program (Python), which was checked with the vectors
// of SipHash's authors.
TEST_F(SeenCodecTest, WritesTheSameOnAllServersAndReleases) {
  EXPECT_EQ(codec_.NameOf(Hello()).view(), "seen:6EBXY1V71AjXSPudy_ZiSA");
  EXPECT_EQ(HexOf(codec_.ValueOf(Hello(), ItemId{42}).view()),
            "2a00000000000000712f11515ee338f65e6188c8b0c24607");
  EXPECT_EQ(codec_.NameOf(Hello("feed:1")).view(), "seen:HjC9MTd30jV74KqfY5o8JQ");
  EXPECT_EQ(HexOf(codec_.ValueOf(Hello("feed:1"), ItemId{(std::uint64_t{1} << 63) + 5}).view()),
            "0500000000000080696e8ebd6474e03ed5d432ef90897cf4");
}

TEST_F(SeenCodecTest, ReadsWhatItWrote) {
  for (const std::uint64_t id : {std::uint64_t{1}, std::uint64_t{1} << 40, ~std::uint64_t{0}})
    EXPECT_EQ(codec_.Read(Hello(), codec_.ValueOf(Hello(), ItemId{id}).view()), ItemId{id});
}

TEST_F(SeenCodecTest, AnyBitThatIsChangedMakesNothingOfIt) {
  const Value genuine = codec_.ValueOf(Hello(), ItemId{42});
  for (std::size_t bit = 0; bit < 8 * sizeof(Value); ++bit) {
    std::string changed(genuine.view());
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(codec_.Read(Hello(), changed), std::nullopt) << "bit " << bit;
  }
}

TEST_F(SeenCodecTest, AnyOtherLengthIsNothing) {
  const std::string genuine(codec_.ValueOf(Hello(), ItemId{42}).view());
  for (std::size_t size = 0; size < genuine.size(); ++size)
    EXPECT_EQ(codec_.Read(Hello(), genuine.substr(0, size)), std::nullopt) << size;
  EXPECT_EQ(codec_.Read(Hello(), genuine + '\0'), std::nullopt);
  EXPECT_EQ(codec_.Read(Hello(), genuine + genuine), std::nullopt);
}

TEST_F(SeenCodecTest, AValueOfAnotherContentScopeSecretOrGenerationIsNothing) {
  const ContentKey other = MakeContentKey({}, "other").value();
  EXPECT_EQ(codec_.Read(Hello(), codec_.ValueOf(other, ItemId{42}).view()), std::nullopt);
  EXPECT_EQ(codec_.Read(Hello(), codec_.ValueOf(Hello("feed:1"), ItemId{42}).view()), std::nullopt);
  const Codec later(CountingSecret(), 8);
  EXPECT_EQ(codec_.Read(Hello(), later.ValueOf(Hello(), ItemId{42}).view()), std::nullopt);
  const Codec foreign(Secret{}, 7);
  EXPECT_EQ(codec_.Read(Hello(), foreign.ValueOf(Hello(), ItemId{42}).view()), std::nullopt);
  EXPECT_NE(codec_.NameOf(Hello()).text, later.NameOf(Hello()).text);
  EXPECT_NE(codec_.NameOf(Hello()).text, foreign.NameOf(Hello()).text);
  EXPECT_NE(codec_.NameOf(Hello()).text, codec_.NameOf(other).text);
}

TEST_F(SeenCodecTest, ANameTellsNoMac) {
  // The digits of a name, as a tag behind an id of 0, are no value: ids begin with 1, and its key is another one.
  std::string forged(8, '\0');
  forged.append(codec_.NameOf(Hello()).view().substr(0, 16));
  EXPECT_EQ(codec_.Read(Hello(), forged), std::nullopt);
}

}  // namespace
}  // namespace itemgate::seen
