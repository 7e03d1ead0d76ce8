#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/error.h"
#include "itemgate/item.h"

namespace itemgate {

enum class ServerState : std::uint8_t {
  kServing,
  kDraining,  // takes nothing new
  kNotReady,
  kUnknown,  // a program that only uses the store, or a server of another version
};

/// "serving", "draining", "not-ready", "unknown".
[[nodiscard]] std::string_view ServerStateName(ServerState state);
/// kUnknown for every other name.
[[nodiscard]] ServerState ServerStateNamed(std::string_view name);

/// What a server tells of itself.
struct ServerReport {
  std::string name;
  std::vector<std::string> addresses;  // where it serves, for others
  std::string version;
  ServerState state = ServerState::kUnknown;
  std::string reason;  // why it is not ready
  std::string redis;   // how it stands with what it uses beside the store; empty: nobody knows
  std::string lock;    // the same
  std::uint64_t created = 0;  // items, since it was started
  std::uint64_t in_flight = 0;
};

/// A server, as seen by another or by itself.
struct Member {
  std::uint64_t id = 0;  // another one after each start
  bool is_self = false;
  ServerReport report;
  WallTime started_at{};
  std::chrono::nanoseconds heartbeat_age{};  // since it last moved, on the clock of whoever looks
  bool is_gone = false;                      // it did not move for too long
  std::int64_t schema_version = 0;           // of the tables, that it knows; 0: it uses none
  std::int64_t generation = 0;  // of the store, that it was started with; 0: it has none
};

/// All servers of a store.
struct Cluster {
  std::vector<Member> members;      // by name
  std::int64_t schema_version = 0;  // of the tables; 0: the store has none
  std::int64_t generation = 0;
  std::uint64_t parked = 0;    // contents, see ParkedContent
  std::uint64_t claimed = 0;   // contents that servers are giving to the backend
  std::uint64_t orphaned = 0;  // claims of servers that are gone: until their contents come again
  std::string problem;  // why the last look failed, so that this is from before; empty: it did not
};

/// Who else serves a store, and telling them of oneself.
///
/// A server that joined counts up a heartbeat, and removes itself when it leaves. That another one is gone is seen by a
/// heartbeat that does not move while one looks; clocks are never compared. No promise about items rests on it.
///
/// Threads: any. Failure: a heartbeat that does not arrive is made up for by the next.
class Membership {
 public:
  virtual ~Membership() = default;

  /// From now on others see this process. `report` is called at heartbeats and looks, from any thread, must be quick,
  /// and must stay valid until Leave has returned. At most once. Does not block.
  virtual void Join(std::function<ServerReport()> report) = 0;

  /// Tells now what has changed. Waits until others can see it, but no longer than told.
  virtual void Announce(std::chrono::nanoseconds wait_max) = 0;

  /// Removes this process from those that are seen. Waits for that, but no longer than told. Then nothing is reported
  /// any more.
  virtual void Leave(std::chrono::nanoseconds wait_max) = 0;

  /// What is to be seen, by one who has looked for at least `watch_min`: the longer, the surer it is who is gone.
  /// Blocks until then, so not at all if a server that joined before asks.
  [[nodiscard]] virtual Result<Cluster> Look(std::chrono::nanoseconds watch_min) = 0;
};

}  // namespace itemgate
