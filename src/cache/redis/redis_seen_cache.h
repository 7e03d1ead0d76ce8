#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cache/redis/seen_codec.h"
#include "itemgate/error.h"
#include "itemgate/seen_cache.h"

namespace itemgate {

struct RedisSeenCacheOptions {
  /// Connection texts (redis/connection_text.h): servers, among which the keys are spread by rendezvous hashing;
  /// Sentinel groups likewise; or one Redis Cluster. The same on all servers of the database, in any order. That none
  /// can be reached is no failure, whatever abortConnect says; timeouts of calls are the deadline here.
  std::vector<std::string> servers;
  seen::Secret secret{};         // of the database
  std::uint64_t generation = 0;  // of the store: what was remembered in another one is forgotten
  Duration deadline = std::chrono::milliseconds(20);  // after it nothing is known
  std::size_t looks_max = 65'536;                     // keys that wait to be asked for
  std::size_t fills_max = 65'536;                     // items that wait to be told
};

/// The seen cache in Redis: one key for each content, which only who knows the secret can write; docs/redis.md.
///
/// Threads: as the seam says. Owns one thread, all its connections and whatever waits; destroying it answers whoever
/// waits. Failure: Make fails with kInvalidArgument or kUnsupported if texts or TLS files are wrong; nothing else
/// fails. Cost: what is asked at about the same time is one MGET for each server, all at once.
class RedisSeenCache final : public SeenCache {
 public:
  [[nodiscard]] static Result<std::unique_ptr<RedisSeenCache>> Make(
      const RedisSeenCacheOptions& options);
  ~RedisSeenCache() override;

  void Look(std::vector<ContentKey> keys, Found found) override;
  void Fill(std::span<const SeenItem> items) override;
  [[nodiscard]] SeenCacheStatistics Statistics() const override;

 private:
  class Impl;
  explicit RedisSeenCache(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate
