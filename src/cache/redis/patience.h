#pragma once

#include <algorithm>

#include "base/clock.h"

namespace itemgate::seen {

/// When to ask a server that was late again: after three answers in a row that did not come in time, only once in a
/// pause that grows from a tenth of a second to five seconds; as ever once an answer came in time. One thread.
class Patience {
 public:
  /// REQUIRES: if true, the server is asked.
  [[nodiscard]] bool MayAsk(Instant now) {
    if (late_in_a_row_ < kLateMax) return true;
    if (now < out_until_) return false;
    out_until_ = now + pause_;
    return true;
  }

  void InTime() { late_in_a_row_ = 0; }

  /// `asked` is when it was: what was asked before the pause began, tells nothing new.
  void Late(Instant asked, Instant now) {
    if (late_in_a_row_ < kLateMax) {
      if (++late_in_a_row_ < kLateMax) return;
      pause_ = kPauseMin;
    } else {
      if (asked < out_since_) return;
      pause_ = std::min(2 * pause_, kPauseMax);
    }
    out_since_ = now;
    out_until_ = now + pause_;
  }

  static constexpr int kLateMax = 3;
  static constexpr Duration kPauseMin = std::chrono::milliseconds(100);
  static constexpr Duration kPauseMax = std::chrono::seconds(5);

 private:
  int late_in_a_row_ = 0;
  Duration pause_ = kPauseMin;
  Instant out_since_{};
  Instant out_until_{};
};

}  // namespace itemgate::seen
