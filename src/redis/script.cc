#include "redis/script.h"

#include <array>
#include <atomic>
#include <utility>

#include <openssl/evp.h>

#include "base/check.h"

namespace itemgate::redis {
namespace {

std::string Sha1Hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ITEMGATE_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) ==
                 1);
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex.push_back(kDigits[digest[i] >> 4]);
    hex.push_back(kDigits[digest[i] & 15]);
  }
  return hex;
}

std::uint32_t NextNumber() {
  static std::atomic<std::uint32_t> last = 0;  // relaxed: only that the numbers differ
  return last.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

Script::Script(std::string text)
    : text_(std::move(text)), sha1_(Sha1Hex(text_)), number_(NextNumber()) {}

}  // namespace itemgate::redis
