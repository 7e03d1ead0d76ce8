// Several servers that give one content to a backend they share, by the real protocol, in a world that loses and delays
// calls, stops servers and cuts them off: whatever the seed does to them, the backend gets it once, nobody is told
// anything untrue, and in the end everybody gets an answer, also if one of them does not come back.

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/claimed_saves.h"
#include "testing/insertions.h"
#include "testing/manual_executor.h"

namespace itemgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What the database knows of the content, as its functions treat it.
class Table {
 public:
  using Kind = ClaimState::Kind;

  ClaimState Claim(std::int64_t attempt, std::int64_t server) {
    if (!maker_ && !claim_)
      claim_ = {.attempt = attempt, .fence = {.generation = 1, .epoch = 1}, .server = server};
    return StateFor(attempt);
  }
  ClaimState TakeOver(const ClaimHolder& seen, std::int64_t attempt, std::int64_t server) {
    if (IsHeldBy(seen)) {
      claim_->attempt = attempt;
      claim_->server = server;
      ++claim_->fence.epoch;
    }
    return StateFor(attempt);
  }
  ClaimState Confirm(const ClaimHolder& mine) {
    if (IsHeldBy(mine)) {
      EXPECT_FALSE(maker_) << "a second item";
      maker_ = mine.attempt;
      claim_.reset();
    }
    return StateFor(mine.attempt);
  }
  ClaimState Park(const ClaimHolder& mine) {
    parked_ = parked_ || IsHeldBy(mine);
    return StateFor(mine.attempt);
  }
  ClaimState Release(const ClaimHolder& mine) {
    if (IsHeldBy(mine) && !parked_) claim_.reset();
    return StateFor(mine.attempt);
  }
  ClaimState StateFor(std::int64_t attempt) const {
    if (maker_) return {.kind = Kind::kSaved, .id = ItemId{1}, .created = *maker_ == attempt};
    if (!claim_) return {};
    ClaimState state{.kind = claim_->attempt == attempt ? Kind::kMine : Kind::kHeld,
                     .holder = *claim_};
    if (parked_) state.kind = Kind::kParked;
    const auto beats = heartbeats_.find(claim_->server);
    state.holder.heartbeat = beats == heartbeats_.end() ? -1 : beats->second;
    return state;
  }
  void Beat(std::int64_t server) { ++heartbeats_[server]; }
  [[nodiscard]] bool is_saved() const { return maker_.has_value(); }
  [[nodiscard]] bool is_parked() const { return claim_ && parked_; }

 private:
  [[nodiscard]] bool IsHeldBy(const ClaimHolder& holder) const {
    return claim_ && claim_->attempt == holder.attempt && claim_->fence == holder.fence;
  }

  std::optional<ClaimHolder> claim_;
  bool parked_ = false;
  std::optional<std::int64_t> maker_;  // of the item: its attempt
  std::map<std::int64_t, std::int64_t> heartbeats_;
};

/// What all servers share.
struct World {
  explicit World(std::uint64_t seed) : random(seed) {}

  [[nodiscard]] bool Happens(std::uint64_t percent) {
    return is_faulty && random.Below(100) < percent;
  }
  [[nodiscard]] Duration Soon() { return milliseconds(random.Below(50)); }
  [[nodiscard]] Duration Late() { return milliseconds(1000 + random.Below(20'000)); }

  Random random;
  ManualClock clock;
  ManualExecutor executor{clock};
  Table table;
  int effects = 0;  // in the backend
  int landing = 0;  // what will still take effect there
  bool is_faulty = true;
};

/// One server, and its ways to the database and to the backend. While it stands still nothing runs in it.
class Server final : ClaimStore, ItemBackend, Executor {
 public:
  Server(World& world, std::int64_t number)
      : world_(world),
        number_(number),
        saves_({.claims = *this, .backend = *this, .executor = *this, .clock = world.clock},
               {.seed = static_cast<std::uint64_t>(number) + world.random.Next(),
                .lease = seconds(10)}) {}

  void StandStill() { stands_still_ = true; }
  void GoOn() {
    stands_still_ = false;
    for (Task& task : std::exchange(held_, {})) world_.executor.Post(std::move(task));
  }
  void CutOff(bool is_cut_off) { is_cut_off_ = is_cut_off; }
  /// May claim nothing: the tables are newer than the program. Here that may be over, for each server stays.
  void Outdate(bool is_outdated) { is_outdated_ = is_outdated; }
  void Beat() {
    if (!stands_still_ && !is_cut_off_) world_.table.Beat(number_);
  }
  [[nodiscard]] bool is_free() const { return !stands_still_ && insertion_ == nullptr; }
  /// And goes on with it.
  [[nodiscard]] bool is_saving() const { return !stands_still_ && insertion_ != nullptr; }
  [[nodiscard]] const std::optional<Result<void>>& last_result() const { return last_result_; }

  void Save() {
    insertion_ = std::make_unique<Insertion>(InsertionOf("content"));
    has_sent_ = false;
    saves_.Save(*insertion_, [this](Result<void> result) { Ended(std::move(result)); });
  }

 private:
  void Ended(Result<void> result) {
    if (result) {
      EXPECT_TRUE(world_.table.is_saved());
      EXPECT_EQ(world_.effects, 1);
      EXPECT_EQ(insertion_->id, ItemId{1});
    } else if (result.error().code != ErrorCode::kUnknown &&
               result.error().code != ErrorCode::kParked) {
      EXPECT_FALSE(has_sent_) << "as if nothing had been sent";
    }
    last_result_ = std::move(result);
    insertion_.reset();
  }

  // ClaimStore
  ClaimHolder FirstHolder(std::int64_t attempt) const override {
    return {.attempt = attempt, .fence = {.generation = 1, .epoch = 1}, .server = number_};
  }
  void Claim(const ContentKey&, std::int64_t attempt, ClaimStore::Done done) override {
    if (is_outdated_) return Tell(Duration{}, std::move(done), Away(ErrorCode::kUnsupported));
    Ask([=, this] { return world_.table.Claim(attempt, number_); }, std::move(done));
  }
  void TakeOver(const ContentKey&, const ClaimHolder& seen, std::int64_t attempt,
                ClaimStore::Done done) override {
    Ask([=, this] { return world_.table.TakeOver(seen, attempt, number_); }, std::move(done));
  }
  void Confirm(const ContentKey&, const ClaimHolder& mine, std::string_view, std::string_view,
               ClaimStore::Done done) override {
    Ask([=, this] { return world_.table.Confirm(mine); }, std::move(done));
  }
  void Park(const ContentKey&, const ClaimHolder& mine, ClaimStore::Done done) override {
    Ask([=, this] { return world_.table.Park(mine); }, std::move(done));
  }
  void Release(const ContentKey&, const ClaimHolder& mine, ClaimStore::Done done) override {
    Ask([=, this] { return world_.table.Release(mine); }, std::move(done));
  }
  void Look(const ContentKey&, ClaimStore::Done done) override {
    Ask([this] { return world_.table.StateFor(0); }, std::move(done));
  }
  void Watch(Changed) override {}  // no hint ever comes

  void Ask(std::function<ClaimState()> call, ClaimStore::Done done) {
    const Duration soon = world_.Soon();
    if (world_.Happens(8)) return Tell(soon, std::move(done), Away(ErrorCode::kUnavailable));
    if (is_cut_off_ || world_.Happens(5))
      return Tell(seconds(1), std::move(done), Away(ErrorCode::kUnknown));
    if (world_.Happens(10)) {  // the answer is lost, and the call perhaps late
      world_.executor.PostAfter(world_.Happens(50) ? world_.Late() : soon, [call] { call(); });
      return Tell(seconds(1), std::move(done), Away(ErrorCode::kUnknown));
    }
    world_.executor.PostAfter(soon, [this, call, told = std::move(done)]() mutable {
      Tell(world_.Soon(), std::move(told), Result<ClaimState>(call()));
    });
  }

  // ItemBackend
  void SaveItem(const BackendItem&, SaveDone done) override {
    if (world_.Happens(15))
      return Tell(world_.Soon(), std::move(done), Result<void>(Away(ErrorCode::kFailed)));
    if (world_.Happens(15))
      return Tell(world_.Soon(), std::move(done), Result<void>(Away(ErrorCode::kUnknown)));
    const bool is_late = world_.Happens(30);
    has_sent_ = true;
    ++world_.landing;
    world_.executor.PostAfter(is_late ? world_.Late() : world_.Soon(), [this] {
      --world_.landing;
      ++world_.effects;
      EXPECT_EQ(world_.effects, 1) << "the backend has it twice";
    });
    if (is_late)
      return Tell(milliseconds(500), std::move(done), Result<void>(Away(ErrorCode::kUnknown)));
    Tell(milliseconds(50), std::move(done), Result<void>());
  }
  void FindItemsWithContent(const ContentKey&, std::string_view, FindDone done) override {
    world_.executor.PostAfter(world_.Soon(), [this, told = std::move(done)]() mutable {
      Result<std::uint64_t> found = static_cast<std::uint64_t>(world_.effects);
      if (world_.Happens(10)) found = Away(ErrorCode::kUnavailable);
      Tell(world_.Happens(30) ? seconds(2) : world_.Soon(), std::move(told), std::move(found));
    });
  }

  // Executor
  void Post(Task task) override {
    world_.executor.Post([this, run = std::move(task)]() mutable { Run(std::move(run)); });
  }
  TimerId PostAfter(Duration delay, Task task) override {
    return world_.executor.PostAfter(
        delay, [this, run = std::move(task)]() mutable { Run(std::move(run)); });
  }
  bool Cancel(TimerId timer) override { return world_.executor.Cancel(timer); }

  void Run(Task task) {
    if (!stands_still_) return task();
    held_.push_back(std::move(task));
  }

  template <typename Told, typename Answer>
  void Tell(Duration delay, Told done, Answer answer) {
    PostAfter(delay, [told = std::move(done), what = std::move(answer)]() mutable {
      told(std::move(what));
    });
  }

  static std::unexpected<Error> Away(ErrorCode code) { return Fail(code, "a fault"); }

  World& world_;
  const std::int64_t number_;
  bool stands_still_ = false;
  bool is_cut_off_ = false;
  bool is_outdated_ = false;
  std::deque<Task> held_;
  std::unique_ptr<Insertion> insertion_;  // null: none is being saved
  bool has_sent_ = false;                 // what took effect, or will
  std::optional<Result<void>> last_result_;
  ClaimedSaves saves_;
};

class ClaimedSavesWorld : public testing::TestWithParam<std::uint64_t> {
 protected:
  ClaimedSavesWorld() {
    for (std::int64_t number = 1; number <= 3; ++number)
      servers_.push_back(std::make_unique<Server>(world_, number));
  }

  /// A tenth of a second.
  void Step() {
    if (++steps_ % 10 == 0)
      for (const auto& server : servers_) server->Beat();
    world_.executor.Advance(milliseconds(100));
  }
  void Disturb(Server& server) {
    if (world_.Happens(2)) server.StandStill();
    if (world_.Happens(4)) server.GoOn();
    if (world_.Happens(2)) server.CutOff(true);
    if (world_.Happens(5)) server.CutOff(false);
    if (world_.Happens(1)) server.Outdate(true);
    if (world_.Happens(10)) server.Outdate(false);
    if (server.is_free() && world_.Happens(eagerness_)) server.Save();
  }
  void SaveEverywhere() {
    for (const auto& server : servers_) {
      if (server->is_free()) server->Save();
    }
  }
  void SaveAnywhere() {
    Server& server = *servers_[world_.random.Below(servers_.size())];
    if (server.is_free()) server.Save();
  }
  [[nodiscard]] bool AnySaves() const {
    return std::ranges::any_of(servers_, [](const auto& server) { return server->is_saving(); });
  }

  World world_{GetParam()};
  const std::uint64_t eagerness_ = 1 + world_.random.Below(10);  // of clients, in percent
  std::vector<std::unique_ptr<Server>> servers_;
  int steps_ = 0;
};

TEST_P(ClaimedSavesWorld, TheBackendGetsItOnceAndEverybodyTheTruth) {
  for (std::uint64_t left = world_.random.Below(1 + world_.random.Below(600)); left > 0; --left) {
    for (const auto& server : servers_) Disturb(*server);
    Step();
  }
  world_.is_faulty = false;
  for (const auto& server : servers_) {
    server->CutOff(false);
    server->Outdate(false);
    server->GoOn();
  }
  if (GetParam() % 3 == 0) servers_.front()->StandStill();  // the others must do without it
  for (int round = 0; round < 3; ++round) {                 // in the last one all is known
    // Clients send it again, at first not to every server: what came to the database when its attempt was over must
    // block nobody.
    for (int step = 0; step < 600 && (step == 0 || AnySaves() || world_.landing > 0); ++step) {
      if (step % 100 == 0) round < 2 ? SaveAnywhere() : SaveEverywhere();
      Step();
    }
    ASSERT_FALSE(AnySaves()) << "somebody waits for ever";
  }
  for (const auto& server : servers_) {
    if (!server->is_free()) continue;
    const auto& result = *server->last_result();
    EXPECT_EQ(result.has_value(), world_.effects == 1);
    if (result) continue;
    EXPECT_EQ(result.error().code, ErrorCode::kParked);
    EXPECT_TRUE(world_.table.is_parked());
  }
  servers_.front()->GoOn();
  for (int step = 0; step < 600 && AnySaves(); ++step) Step();
  ASSERT_FALSE(AnySaves());
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClaimedSavesWorld, testing::Range<std::uint64_t>(1, 10001));

}  // namespace
}  // namespace itemgate
