#include "cache/redis/seen_codec.h"

#include <algorithm>
#include <cstring>
#include <span>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#include "base/bytes.h"
#include "base/check.h"

namespace itemgate::seen {
namespace {

constexpr std::size_t kTagBytes = 16;
using Tag = std::array<unsigned char, kTagBytes>;

static_assert(sizeof(ItemId) + kTagBytes == sizeof(Value));

/// What is authenticated: the id (0 in a name), the digest, the scope's name to the end.
struct Message {
  std::array<unsigned char, 8 + 32 + Scope::kNameBytesMax> bytes;
  std::size_t size;

  Message(const ContentKey& key, ItemId id) {
    const std::string_view scope = key.scope.name();
    StoreLittle(bytes.data(), id.value);
    std::memcpy(bytes.data() + 8, key.digest.bytes.data(), key.digest.bytes.size());
    std::memcpy(bytes.data() + 40, scope.data(), scope.size());
    size = 40 + scope.size();
  }
};

struct Freeing {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

/// 22 digits for 128 bits, the first ones first; the last digit has four of them.
void AppendBase64Url(const Tag& tag, char* text) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (std::size_t bit = 0; bit < 8 * kTagBytes; bit += 6) {
    const std::size_t at = bit / 8;
    const unsigned next = at + 1 < kTagBytes ? tag[at + 1] : 0u;
    const unsigned pair = (static_cast<unsigned>(tag[at]) << 8) | next;
    *text++ = kDigits[(pair >> (10 - bit % 8)) & 63];
  }
}

}  // namespace

/// SipHash-2-4-128 (Aumasson and Bernstein, 2012) under two keys.
class Codec::Mac {
 public:
  Mac(const Secret& secret, std::uint64_t generation) {
    ITEMGATE_CHECK(context_ != nullptr);
    std::array<unsigned char, 23> label = {'i', 't', 'e', 'm', 'g', 'a', 't', 'e',
                                           ' ', 's', 'e', 'e', 'n', ' ', '1'};
    StoreLittle(label.data() + 15, generation);
    unsigned size = 0;
    ITEMGATE_CHECK(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), label.data(),
                        label.size(), keys_.data(), &size) != nullptr);
    ITEMGATE_CHECK(size == keys_.size());
    std::size_t tag_bytes = kTagBytes;
    const std::array parameters = {
        OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &tag_bytes),
        OSSL_PARAM_construct_end(),
    };
    ITEMGATE_CHECK(EVP_MAC_CTX_set_params(context_.get(), parameters.data()) == 1);
  }
  ~Mac() { OPENSSL_cleanse(keys_.data(), keys_.size()); }
  Mac(const Mac&) = delete;
  Mac& operator=(const Mac&) = delete;

  enum class Use : std::size_t { kName = 0, kValue = 1 };

  [[nodiscard]] Tag Of(Use use, const Message& message) const {
    const unsigned char* const key = keys_.data() + static_cast<std::size_t>(use) * 16;
    Tag tag;
    std::size_t size = 0;
    ITEMGATE_CHECK(EVP_MAC_init(context_.get(), key, 16, nullptr) == 1);
    ITEMGATE_CHECK(EVP_MAC_update(context_.get(), message.bytes.data(), message.size) == 1);
    ITEMGATE_CHECK(EVP_MAC_final(context_.get(), tag.data(), &size, tag.size()) == 1);
    ITEMGATE_CHECK(size == tag.size());
    return tag;
  }

 private:
  const std::unique_ptr<EVP_MAC, Freeing> algorithm_{EVP_MAC_fetch(nullptr, "SIPHASH", nullptr)};
  const std::unique_ptr<EVP_MAC_CTX, Freeing> context_{EVP_MAC_CTX_new(algorithm_.get())};
  std::array<unsigned char, 32> keys_{};
};

Codec::Codec(const Secret& secret, std::uint64_t generation)
    : mac_(std::make_unique<Mac>(secret, generation)) {}
Codec::~Codec() = default;

Name Codec::NameOf(const ContentKey& key) const {
  Name name;
  char* const digits = std::ranges::copy(Name::kPrefix, name.text.data()).out;
  AppendBase64Url(mac_->Of(Mac::Use::kName, Message(key, {})), digits);
  return name;
}

Value Codec::ValueOf(const ContentKey& key, ItemId id) const {
  ITEMGATE_CHECK(id.value != 0);
  const Tag tag = mac_->Of(Mac::Use::kValue, Message(key, id));
  Value value;
  StoreLittle(value.bytes.data(), id.value);
  std::memcpy(value.bytes.data() + sizeof id, tag.data(), tag.size());
  return value;
}

std::optional<ItemId> Codec::Read(const ContentKey& key, std::string_view bytes) const {
  if (bytes.size() != sizeof(Value)) return std::nullopt;
  const ItemId id{LoadLittle<std::uint64_t>(bytes.data())};
  if (id.value == 0) return std::nullopt;
  const Value genuine = ValueOf(key, id);
  if (CRYPTO_memcmp(genuine.bytes.data(), bytes.data(), bytes.size()) != 0) return std::nullopt;
  return id;
}

}  // namespace itemgate::seen
