#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "redis/failure.h"
#include "redis/reply.h"

namespace itemgate::redis {

/// What became of a call: replies, one for each command, or the failure of the call as a whole. A reply may be an
/// error: that a server refuses one command is no failure of the call. Views that hold during the callback.
struct Answer {
  Replies replies;
  const Failure* failure = nullptr;
  bool late = false;  // the deadline has passed, and kTimeout was told, before

  [[nodiscard]] bool ok() const { return failure == nullptr; }
};

/// Gets the answer, once, on the loop's thread, never within the call that sends. A second time, with `late`, after a
/// kTimeout that may have run, if the call asked for that. May send; may not destroy the node. Captures of up to three
/// pointers are stored without an allocation.
using Callback = std::move_only_function<void(const Answer&)>;

struct CallOptions {
  /// From now; zero: the node's default.
  Duration timeout{};

  /// What to do while there is no connection.
  enum class WhenDown : std::uint8_t {
    kFail,  // at once, with kDisconnected
    kWait,  // keep it, and send it when the node is back, unless its deadline passes first
  } when_down = WhenDown::kFail;

  /// What to do while the circuit is open.
  enum class WhenUnresponsive : std::uint8_t {
    kFail,        // at once, with kUnresponsive
    kSendAnyway,  // for what must follow a command that may yet run, such as a release
  } when_unresponsive = WhenUnresponsive::kFail;

  /// What to do with a reply that comes after the deadline.
  enum class Late : std::uint8_t {
    kDrop,
    kTell,  // call the callback again: with the replies, or with a failure if they never come
  } late = Late::kDrop;
};

/// What a script is given.
struct ScriptInput {
  std::span<const std::string_view> keys;
  std::span<const std::string_view> arguments;
};

}  // namespace itemgate::redis
