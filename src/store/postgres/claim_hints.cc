#include "store/postgres/claim_hints.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace itemgate {
namespace {

constexpr int kBase = 16;

constexpr postgres::Sql kNotify{.text = "SELECT pg_notify('itemgate_claim', $1::text)"};

}  // namespace

postgres::Statement ClaimHints::Telling(const ContentKey& key) {
  std::array<char, 2 * sizeof(std::uint64_t)> digits{};
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), ClaimNumber(key), kBase);
  postgres::Statement statement{.sql = &kNotify};
  statement.parameters.Add(std::string_view(digits.data(), end));
  return statement;
}

void ClaimHints::Watch(ClaimStore::Changed changed) {
  const MutexLock lock(mutex_);
  watchers_.push_back(std::move(changed));
}

void ClaimHints::Heard(std::string_view payload) {
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(payload.data(), payload.data() + payload.size(), number, kBase);
  const bool is_known = error == std::errc{} && end == payload.data() + payload.size();
  std::vector<ClaimStore::Changed> watchers;
  {
    const MutexLock lock(mutex_);
    watchers = watchers_;
  }
  for (const ClaimStore::Changed& changed : watchers)
    changed(is_known ? std::optional(number) : std::nullopt);
}

}  // namespace itemgate
