#include "key/digest.h"

#include <memory>

#include <openssl/evp.h>

#include "base/check.h"

namespace itemgate {
namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Finding the algorithm and making a context cost as much as digesting 256 bytes, so both are kept.
// An OpenSSL without SHA-256 is a broken installation: there is no answer to give without it.
EVP_MD_CTX* ThisThreadsContext() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context = [] {
    ITEMGATE_CHECK(algorithm != nullptr);
    std::unique_ptr<EVP_MD_CTX, ContextDeleter> made(EVP_MD_CTX_new());
    ITEMGATE_CHECK(made != nullptr);
    ITEMGATE_CHECK(EVP_DigestInit_ex2(made.get(), algorithm, nullptr) == 1);
    return made;
  }();
  return context.get();
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Digest Sha256(std::string_view bytes) {
  EVP_MD_CTX* const context = ThisThreadsContext();
  Digest digest;
  // Without an algorithm this starts the context's own one anew.
  ITEMGATE_CHECK(EVP_DigestInit_ex2(context, nullptr, nullptr) == 1);
  ITEMGATE_CHECK(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
  ITEMGATE_CHECK(EVP_DigestFinal_ex(context, digest.bytes.data(), nullptr) == 1);
  return digest;
}

std::array<std::uint8_t, 64> Sha512(std::string_view bytes) {
  std::array<std::uint8_t, 64> digest;
  ITEMGATE_CHECK(
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha512(), nullptr) == 1);
  return digest;
}

std::string Digest::ToHex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

Result<Digest> Digest::FromHex(std::string_view hex) {
  Digest digest;
  if (hex.size() != 2 * digest.bytes.size()) {
    return Fail(ErrorCode::kInvalidArgument, "a digest has 64 hexadecimal digits; got " +
                                                 std::to_string(hex.size()) + " characters");
  }
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = HexValue(hex[2 * i]);
    const int low = HexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a digest has 64 hexadecimal digits; there is something else at offset " +
                      std::to_string(high < 0 ? 2 * i : 2 * i + 1));
    }
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

}  // namespace itemgate
