#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "itemgate/claim_store.h"

namespace itemgate {

/// Claims in memory, of any number of servers. One thread; reports before it returns.
///
/// Fault model: the next calls can be made to fail before they did anything, or one after it did what it should. A
/// server moves when a test says so.
class MemoryClaims final : public ClaimStore {
 public:
  void FailNext(Error error) { failures_.push_back(std::move(error)); }
  /// The answer of one call is lost, after so many that are answered.
  void LoseAnswerAfter(int calls) { calls_until_loss_ = calls; }
  /// The heartbeat of the server of all claims.
  void Beat() { ++heartbeat_; }
  void RaiseGeneration() { ++generation_; }
  /// A failover loses all claims.
  void Forget() { claims_.clear(); }
  /// Nobody is told of changes any more.
  void LoseHints() { watchers_.clear(); }
  /// A hint that tells nothing about any content in particular.
  void Hint() {
    for (const Changed& changed : watchers_) changed(std::nullopt);
  }
  /// An operator says that the backend has what is parked.
  void ResolveAsSaved() {
    for (auto& [key, row] : claims_) row.is_resolved = row.parked;
  }
  /// As a disk that is full: what writes fails, what reads does not.
  void RefuseTakeOvers(bool refuses) { refuses_take_overs_ = refuses; }
  [[nodiscard]] int refused_count() const { return refused_count_; }
  /// Whoever asks was started under an earlier generation.
  void RefuseAll() { refuses_ = true; }
  /// A try that runs when its attempt has ended: of server(), or of another one as all other claims.
  void ClaimLate(const ContentKey& key, std::int64_t attempt, std::int64_t server) {
    claims_.try_emplace(
        key, Row{{.attempt = attempt, .fence = {generation_, 1}, .server = server}, false});
  }
  [[nodiscard]] std::size_t item_count() const { return items_.size(); }
  [[nodiscard]] std::size_t claim_count() const { return claims_.size(); }
  /// How it stands for somebody else than all who ask.
  [[nodiscard]] ClaimState StateOf(const ContentKey& key) const { return StateFor(key, 0); }

  [[nodiscard]] std::int64_t server() const { return 7; }
  [[nodiscard]] ClaimHolder FirstHolder(std::int64_t attempt) const override {
    return {.attempt = attempt, .fence = {generation_, 1}, .server = server()};
  }

  void Claim(const ContentKey& key, std::int64_t attempt, Done done) override {
    if (refuses_) return done(ClaimState{.kind = ClaimState::Kind::kRefused});
    Answer(key, attempt, std::move(done), [&] {
      if (!items_.contains(key))
        claims_.try_emplace(key, Row{{.attempt = attempt, .fence = {generation_, 1}}, false});
    });
  }

  void TakeOver(const ContentKey& key, const ClaimHolder& seen, std::int64_t attempt,
                Done done) override {
    if (refuses_take_overs_) {
      ++refused_count_;
      return done(Fail(ErrorCode::kUnavailable, "the disk is full"));
    }
    Answer(key, attempt, std::move(done), [&] {
      if (Row* row = RowOf(key, seen)) {
        row->holder.attempt = attempt;
        row->holder.server = 0;
        row->holder.fence = {generation_, seen.fence.epoch + 1};
      }
    });
  }

  void Confirm(const ContentKey& key, const ClaimHolder& mine, std::string_view, std::string_view,
               Done done) override {
    Answer(key, mine.attempt, std::move(done), [&] {
      if (RowOf(key, mine) == nullptr) return;
      claims_.erase(key);
      const ItemId id{items_.size() + 1};
      items_.emplace(key, std::pair(id, mine.attempt));
      Tell(key);
    });
  }

  void Park(const ContentKey& key, const ClaimHolder& mine, Done done) override {
    Answer(key, mine.attempt, std::move(done), [&] {
      if (Row* row = RowOf(key, mine)) row->parked = true;
      Tell(key);
    });
  }

  void Release(const ContentKey& key, const ClaimHolder& mine, Done done) override {
    Answer(key, mine.attempt, std::move(done), [&] {
      const Row* const row = RowOf(key, mine);
      if (row != nullptr && !row->parked) claims_.erase(key);
      Tell(key);
    });
  }

  void Look(const ContentKey& key, Done done) override {
    Answer(key, /*attempt=*/0, std::move(done), [] {});
  }

  void Watch(Changed changed) override { watchers_.push_back(std::move(changed)); }

 private:
  struct Row {
    ClaimHolder holder;
    bool parked = false;
    bool is_resolved = false;
  };

  Row* RowOf(const ContentKey& key, const ClaimHolder& holder) {
    const auto found = claims_.find(key);
    if (found == claims_.end() || found->second.holder.attempt != holder.attempt ||
        found->second.holder.fence != holder.fence)
      return nullptr;
    return &found->second;
  }

  [[nodiscard]] ClaimState StateFor(const ContentKey& key, std::int64_t attempt) const {
    using Kind = ClaimState::Kind;
    if (const auto item = items_.find(key); item != items_.end())
      return {.kind = Kind::kSaved,
              .id = item->second.first,
              .created = item->second.second == attempt};
    const auto claim = claims_.find(key);
    if (claim == claims_.end()) return {};
    const Row& row = claim->second;
    ClaimState state{.kind = row.holder.attempt == attempt ? Kind::kMine : Kind::kHeld,
                     .holder = row.holder};
    if (row.parked) state.kind = row.is_resolved ? Kind::kResolved : Kind::kParked;
    state.holder.heartbeat = heartbeat_;
    return state;
  }

  void Tell(const ContentKey& key) {
    for (const Changed& changed : watchers_) changed(ClaimNumber(key));
  }

  void Answer(const ContentKey& key, std::int64_t attempt, Done done, auto change) {
    if (!failures_.empty()) {
      Error error = std::move(failures_.front());
      failures_.pop_front();
      return done(std::unexpected(std::move(error)));
    }
    change();
    if (calls_until_loss_-- == 0) return done(Fail(ErrorCode::kUnknown, "no answer"));
    done(StateFor(key, attempt));
  }

  std::unordered_map<ContentKey, Row, ContentKeyHash> claims_;
  std::unordered_map<ContentKey, std::pair<ItemId, std::int64_t>, ContentKeyHash> items_;
  std::int64_t heartbeat_ = 0;
  std::int64_t generation_ = 1;
  bool refuses_ = false;
  bool refuses_take_overs_ = false;
  int refused_count_ = 0;
  std::deque<Error> failures_;
  int calls_until_loss_ = -1;
  std::vector<Changed> watchers_;
};

}  // namespace itemgate
