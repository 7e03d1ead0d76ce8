#include "cache/redis/engine.h"

#include <utility>

#include "base/check.h"
#include "redis/key_place.h"

namespace itemgate::seen {

/// A request until all of its keys are answered.
class Engine::Pending {
 public:
  explicit Pending(LookRequest request)
      : request_(std::move(request)), ids_(request_.keys.size()), left_(request_.keys.size()) {}

  [[nodiscard]] const std::vector<ContentKey>& keys() const { return request_.keys; }

  void Answer(std::size_t index, std::optional<ItemId> id) {
    ids_[index] = id;
    if (--left_ == 0) request_.found(std::move(ids_));
  }

 private:
  LookRequest request_;
  std::vector<std::optional<ItemId>> ids_;
  std::size_t left_;
};

/// What one shard is asked at once.
class Engine::Question final : public LookAnswers {
 public:
  Question(Engine& engine, Instant asked_at) : engine_(engine), asked_at_(asked_at) {}

  void Add(const Name& name, const std::shared_ptr<Pending>& pending, std::size_t index) {
    names_.push_back(name);
    places_.push_back({pending, index});
  }
  [[nodiscard]] std::span<const Name> names() const { return names_; }

  void Came(std::size_t first, std::span<const std::string_view> values) override {
    std::vector<std::optional<ItemId>> ids(values.size());
    std::uint64_t hits = 0;
    std::uint64_t forged = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto& [pending, index] = places_[first + i];
      ids[i] = engine_.codec_.Read(pending->keys()[index], values[i]);
      if (ids[i])
        ++hits;
      else if (!values[i].empty())
        ++forged;
    }
    // Before it is told, so that whoever was told finds it counted.
    Counters& counters = engine_.context_.counters;
    Counters::Add(counters.hits, hits);
    Counters::Add(counters.mac_failures, forged);
    Counters::Add(counters.misses, values.size() - hits - forged);
    counters.AddRoundTrip(engine_.context_.clock.Now() - asked_at_);
    for (std::size_t i = 0; i < values.size(); ++i)
      places_[first + i].pending->Answer(places_[first + i].index, ids[i]);
  }

  void TimedOut(std::size_t first, std::size_t count) override {
    Counters::Add(engine_.context_.counters.timeouts, count);
    AnswerNothing(first, count);
  }

  void Failed(std::size_t first, std::size_t count) override {
    Counters::Add(engine_.context_.counters.errors, count);
    AnswerNothing(first, count);
  }

 private:
  struct Place {
    std::shared_ptr<Pending> pending;  // co-owned by all places of its keys
    std::size_t index;
  };

  void AnswerNothing(std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i)
      places_[i].pending->Answer(places_[i].index, std::nullopt);
  }

  Engine& engine_;
  const Instant asked_at_;
  std::vector<Name> names_;
  std::vector<Place> places_;
};

Engine::Engine(const EngineContext& context, const Secret& secret, std::uint64_t generation)
    : context_(context), codec_(secret, generation) {}

void Engine::SetShards(std::vector<std::unique_ptr<Shard>> shards, std::vector<std::string> names) {
  ITEMGATE_CHECK(!shards.empty());
  ITEMGATE_CHECK(shards.size() == names.size());
  shards_ = std::move(shards);
  shard_names_ = std::move(names);
  context_.counters.nodes.store(shards_.size(), std::memory_order_relaxed);
}

void Engine::Start() {
  for (const auto& shard : shards_) shard->Start();
}

void Engine::Stop() {
  for (const auto& shard : shards_) shard->Stop();
}

void Engine::Look(std::vector<LookRequest> requests) {
  std::vector<std::unique_ptr<Question>> questions(shards_.size());
  const Instant now = context_.clock.Now();
  for (LookRequest& request : requests) {
    if (request.keys.empty()) {
      request.found({});
      continue;
    }
    const auto pending = std::make_shared<Pending>(std::move(request));
    const std::size_t count = pending->keys().size();
    for (std::size_t i = 0; i < count; ++i) {
      const Name name = codec_.NameOf(pending->keys()[i]);
      const std::size_t shard = ShardOf(name);
      std::unique_ptr<Question>& question = questions[shard];
      if (question == nullptr) question = std::make_unique<Question>(*this, now);
      question->Add(name, pending, i);
      if (question->names().size() == kQuestionMax) Ask(shard, std::move(question));
    }
  }
  for (std::size_t shard = 0; shard < shards_.size(); ++shard)
    if (questions[shard] != nullptr) Ask(shard, std::move(questions[shard]));
  CountReady();
}

void Engine::Ask(std::size_t shard, std::unique_ptr<Question> question) {
  const std::shared_ptr<Question> shared = std::move(question);  // with the shard, until it answers
  shards_[shard]->Look(shared->names(), shared);
}

void Engine::Fill(std::span<const SeenItem> items) {
  std::vector<std::vector<Entry>> entries(shards_.size());
  for (const SeenItem& item : items) {
    const Name name = codec_.NameOf(item.key);
    const std::size_t shard = ShardOf(name);
    entries[shard].push_back({.name = name, .value = codec_.ValueOf(item.key, item.id)});
    if (entries[shard].size() == kQuestionMax)
      shards_[shard]->Fill(std::exchange(entries[shard], {}));
  }
  for (std::size_t shard = 0; shard < shards_.size(); ++shard)
    if (!entries[shard].empty()) shards_[shard]->Fill(entries[shard]);
}

void Engine::Lost(std::size_t count) { Counters::Add(context_.counters.fills_lost, count); }

void Engine::CountReady() {
  std::uint64_t ready = 0;
  for (const auto& shard : shards_) ready += shard->is_ready() ? 1 : 0;
  context_.counters.nodes_ready.store(ready, std::memory_order_relaxed);
}

std::size_t Engine::ShardOf(const Name& name) const {
  return shards_.size() == 1 ? 0 : redis::RendezvousNode(name.view(), shard_names_);
}

}  // namespace itemgate::seen
