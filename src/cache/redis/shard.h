#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "cache/redis/seen_codec.h"

namespace itemgate::seen {

/// Is told what a shard knows, name by name, in any order; each name once. On the loop's thread.
class LookAnswers {
 public:
  virtual ~LookAnswers() = default;
  /// The values of the names from `first` on, as they lie there: anything may have been written. Empty: none.
  virtual void Came(std::size_t first, std::span<const std::string_view> values) = 0;
  virtual void TimedOut(std::size_t first, std::size_t count) = 0;
  /// Not reached, or refused.
  virtual void Failed(std::size_t first, std::size_t count) = 0;
};

/// Is told how many entries a shard did not take. On the loop's thread; outlives the shard.
class FillLosses {
 public:
  virtual ~FillLosses() = default;
  virtual void Lost(std::size_t count) = 0;
};

struct Entry {
  Name name;
  Value value;
};

/// A part of the memory: one Redis server, the primary of a Sentinel group, or a whole Redis Cluster.
///
/// Threads: all on the loop's thread. Cost: what is asked and told in one round of the loop leaves in one write.
class Shard {
 public:
  virtual ~Shard() = default;
  virtual void Start() = 0;
  /// Answers what is not answered yet as failed.
  virtual void Stop() = 0;
  /// Answers each name within the deadline; perhaps before it returns. REQUIRES: names are not empty.
  virtual void Look(std::span<const Name> names, std::shared_ptr<LookAnswers> answers) = 0;
  /// REQUIRES: entries are not empty.
  virtual void Fill(std::span<const Entry> entries) = 0;
  /// Can be asked now; of a cluster: all of it.
  [[nodiscard]] virtual bool is_ready() const = 0;
};

}  // namespace itemgate::seen
