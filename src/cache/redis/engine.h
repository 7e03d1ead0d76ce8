#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cache/redis/counters.h"
#include "cache/redis/seen_codec.h"
#include "cache/redis/shard.h"
#include "itemgate/seen_cache.h"

namespace itemgate::seen {

struct LookRequest {
  std::vector<ContentKey> keys;
  SeenCache::Found found;
};

/// What the engine lives on; all of it outlives the engine.
struct EngineContext {
  const Clock& clock;
  Counters& counters;
};

/// Spreads what is asked and told over the shards, and puts their answers together. Does no I/O. One thread.
///
/// Whatever is asked together is one question to each shard, of at most kQuestionMax names; a request is answered when
/// the last of its keys is.
class Engine final : public FillLosses {
 public:
  Engine(const EngineContext& context, const Secret& secret, std::uint64_t generation);

  /// Once, before all else. Names place the keys (rendezvous hashing); they must be the same on all servers.
  void SetShards(std::vector<std::unique_ptr<Shard>> shards, std::vector<std::string> names);
  void Start();
  /// Answers what is not answered yet.
  void Stop();

  void Look(std::vector<LookRequest> requests);
  void Fill(std::span<const SeenItem> items);

  void Lost(std::size_t count) override;
  /// A shard is ready now, or is not any more.
  void CountReady();

  static constexpr std::size_t kQuestionMax = 512;

 private:
  class Pending;
  class Question;

  [[nodiscard]] std::size_t ShardOf(const Name& name) const;
  void Ask(std::size_t shard, std::unique_ptr<Question> question);

  const EngineContext context_;
  const Codec codec_;
  std::vector<std::string> shard_names_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace itemgate::seen
