#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "itemgate/error.h"
#include "itemgate/scope.h"

namespace itemgate {

/// The names of scopes, each kept once and for ever under a small index; index 0 is
/// Scope::kDefaultName.
///
/// Threads: every method may be called from any thread. `Name` takes no lock: whoever holds an
/// index got it from `Intern`, directly or handed over by another thread, so the name was written
/// before, and it never moves.
class ScopeTable {
 public:
  /// REQUIRES: 1 <= count_max <= Scope::kCountMax.
  explicit ScopeTable(std::size_t count_max = Scope::kCountMax);
  ScopeTable(const ScopeTable&) = delete;
  ScopeTable& operator=(const ScopeTable&) = delete;

  /// The index of that name, now and for ever. Fails as Scope::Named does.
  [[nodiscard]] Result<std::uint32_t> Intern(std::string_view name) EXCLUDES(mutex_);

  /// REQUIRES: index came from Intern, or is 0.
  [[nodiscard]] std::string_view Name(std::uint32_t index) const {
    return (*chunks_[index / kChunkNames])[index % kChunkNames];
  }

 private:
  static constexpr std::size_t kChunkNames = 1024;
  using Chunk = std::array<std::string, kChunkNames>;

  std::uint32_t Add(std::string_view name) REQUIRES(mutex_);

  const std::size_t count_max_;

  // An entry is written once, under the mutex, before its index is known to anybody; see the class
  // comment.
  std::array<std::unique_ptr<Chunk>, Scope::kCountMax / kChunkNames> chunks_;
  static_assert(Scope::kCountMax % kChunkNames == 0);

  SharedMutex mutex_;
  // Ordered, so that nobody who may name scopes can choose names that meet in one bucket of a hash
  // table.
  std::map<std::string_view, std::uint32_t> indexes_ GUARDED_BY(mutex_);  // the keys lie in chunks_
};

}  // namespace itemgate
