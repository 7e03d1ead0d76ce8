#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend/http/lane.h"
#include "base/clock.h"

namespace itemgate::backend {

/// The connections to one backend: made when they are needed, kept while they may be of use, at most so many. Calls
/// beyond them wait, in order. Belongs to its loop's thread.
class LanePool final : private LaneOwner {
 public:
  struct Parts {  // all must outlive it, and what it posted must run or be dropped before it ends
    EventLoop& loop;
    Executor& resolver;  // looks up host names, which blocks
    const Clock& clock;
    LookUpHost look_up = &ResolveAll;
  };
  struct Options {
    Endpoint endpoint;
    Duration timeout{};  // of a call, with waiting for a connection
    std::size_t connections_max = 1;
    std::optional<TlsContext> tls = std::nullopt;
  };

  LanePool(const Parts& parts, Options options);
  ~LanePool() override;

  /// Calls its `done` once, not from within.
  void Start(Call call);

 private:
  struct UnderWay {
    Call call;
    Instant deadline{};
    Lane* lane = nullptr;  // null: waits for one
  };
  struct Kept {
    std::unique_ptr<Lane> lane;
    std::uint64_t call = 0;  // the number of its call; 0: idle
    Instant idle_since{};
    std::size_t address = 0;  // of the name's: where it went
  };

  void CallEnded(Lane& lane, Verdict verdict) override;
  void IdleLost(Lane& lane) override { Remove(lane); }

  void ServeWaiting();
  /// It waits still, and can be answered in time.
  [[nodiscard]] bool HasTime(std::uint64_t number) const;
  void ServeSoon();
  [[nodiscard]] Lane* FindRoom();
  void Assign(std::uint64_t number, Lane& lane);
  void WantAddress(Lane& lane);
  void Connect(Lane& lane, const SocketAddress& address);
  void TakeAddresses(const Result<std::vector<SocketAddress>>& addresses);
  void Remove(Lane& lane);
  void ArmTimer();
  void Expire();

  const Parts parts_;
  const Options options_;
  const Result<SocketAddress> numeric_;  // of the endpoint, if that is no name
  std::vector<char> space_;              // of all lanes
  std::size_t address_ = 0;              // of the name's: which is used, after all before it failed
  std::uint64_t last_number_ = 0;
  // In the order of their starts, which is that of their deadlines.
  std::map<std::uint64_t, UnderWay> calls_;
  std::deque<std::uint64_t> waiting_;  // those without a lane; some of them may be over
  std::unordered_map<Lane*, Kept> lanes_;
  std::vector<Lane*> idle_;         // the last used one last
  std::vector<Lane*> addressless_;  // until the name is looked up
  bool is_timer_armed_ = false;
};

}  // namespace itemgate::backend
