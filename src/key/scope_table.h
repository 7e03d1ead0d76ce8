#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "itemgate/error.h"
#include "itemgate/scope.h"

namespace itemgate {

/// The names of scopes, each kept once and for ever under a small index; index 0 is
/// Scope::kDefaultName. Beside them names that are lent for a while, under larger indexes.
///
/// Threads: every method may be called from any thread. `Name` takes no lock: whoever holds an
/// index got it from `Intern` or `FindOrLend`, directly or handed over by another thread, so the
/// name was written before, and it never moves.
class ScopeTable {
 public:
  static constexpr std::size_t kLentMax = 16 << 10;

  /// REQUIRES: 1 <= count_max <= Scope::kCountMax.
  explicit ScopeTable(std::size_t count_max = Scope::kCountMax);
  ScopeTable(const ScopeTable&) = delete;
  ScopeTable& operator=(const ScopeTable&) = delete;

  /// The index of that name, now and for ever. Fails as Scope::Named does.
  [[nodiscard]] Result<std::uint32_t> Intern(std::string_view name) EXCLUDES(mutex_);

  struct Found {
    std::uint32_t index;
    bool is_lent;  // until TakeBack
  };
  /// The index of a known name, or one that is lent to the caller alone. Fails with
  /// kInvalidArgument as Intern does, and with kBusy while kLentMax names are lent.
  [[nodiscard]] Result<Found> FindOrLend(std::string_view name) EXCLUDES(mutex_);
  /// REQUIRES: the index was lent, and nobody uses it any more.
  void TakeBack(std::uint32_t index) EXCLUDES(mutex_);

  /// REQUIRES: index came from Intern, or is 0, or is lent.
  [[nodiscard]] std::string_view Name(std::uint32_t index) const {
    return (*chunks_[index / kChunkNames])[index % kChunkNames];
  }

 private:
  static constexpr std::size_t kChunkNames = 1024;
  using Chunk = std::array<std::string, kChunkNames>;

  std::uint32_t Add(std::string_view name) REQUIRES(mutex_);
  [[nodiscard]] std::string& Entry(std::size_t index) REQUIRES(mutex_);

  const std::size_t count_max_;

  // An entry is written under the mutex before its index is known to anybody; see the class
  // comment. Those that are lent follow the others.
  std::array<std::unique_ptr<Chunk>, (Scope::kCountMax + kLentMax) / kChunkNames> chunks_;
  static_assert(Scope::kCountMax % kChunkNames == 0 && kLentMax % kChunkNames == 0);

  SharedMutex mutex_;
  // Ordered, so that nobody who may name scopes can choose names that meet in one bucket of a hash
  // table.
  std::map<std::string_view, std::uint32_t> indexes_ GUARDED_BY(mutex_);  // the keys lie in chunks_
  std::vector<std::uint32_t> returned_ GUARDED_BY(mutex_);                // may be lent again
  std::size_t lendable_end_ GUARDED_BY(mutex_) = Scope::kCountMax;        // from here on never lent
};

}  // namespace itemgate
