#pragma once

#include <initializer_list>

#include "lock/redlock/protocol.h"

namespace itemgate::redlock {

/// A lock's protocol, with the time at which everything happens and the answers of its nodes given by the test.
class ProtocolUnderTest {
 public:
  explicit ProtocolUnderTest(const Plan& plan) : protocol(plan, random_) {}

  Step Start() { return protocol.Start(now); }
  Step Set(int node, Vote vote) { return protocol.OnSet(protocol.round(), node, vote, now); }
  Step SetAll(std::initializer_list<Vote> votes) {
    int node = 0;
    for (const Vote vote : votes) {
      const Step step = Set(node++, vote);
      if (step.answered || !step.unlock.empty()) return step;
    }
    return {};
  }
  Step Extend(int node, Vote vote) { return protocol.OnExtend(protocol.round(), node, vote, now); }
  Step Unlock(int node, Vote vote) { return protocol.OnUnlock(protocol.round(), node, vote, now); }
  Step Release() { return protocol.Release(now); }
  Step Cancel() { return protocol.Cancel(now); }
  Step Wake() { return protocol.OnWake(now); }

  /// Lets time pass until something is due. REQUIRES: something is.
  Step RunToDue() {
    now = std::max(now, *protocol.due());
    return protocol.OnTime(now);
  }

 private:
  Random random_{1};

 public:
  LockProtocol protocol;
  Instant now = Instant(std::chrono::hours(1));
};

}  // namespace itemgate::redlock
