#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "load/answer_scanner.h"
#include "load/outcomes.h"
#include "obs/histogram.h"

namespace itemgate::load {

/// A request that waits for its answer.
struct SentRequest {
  Instant due{};  // when it should have been sent: its latency begins here, whenever it was
  std::uint32_t items = 0;  // in it
};

/// Why a request was not a success.
enum class Failure : std::uint8_t {
  kMissed,          // never sent: no connection was free within its budget
  kLate,            // answered with a success, but after its budget
  kUnanswered,      // no answer long after its budget: its connection was closed
  kRefused,         // answered, but not that all its items are saved
  kIncomplete,      // the answer to a batch does not tell of all its items
  kConnectionLost,  // the server closed the connection instead of answering
  kMalformed,       // no HTTP
};
inline constexpr std::size_t kFailureCount = 7;
/// "connection_lost".
[[nodiscard]] std::string_view FailureName(Failure failure);
/// A few words for a person.
[[nodiscard]] std::string_view FailureMeaning(Failure failure);

/// What happened in one short stretch of the time.
struct Stretch {
  std::uint64_t succeeded = 0;  // answered then
  std::uint64_t failed = 0;     // found out then
  Duration latency_p99{};       // of those that succeeded; with several threads the worst of theirs
};

/// What is the same for all requests of a load.
struct TallyOptions {
  Duration budget = std::chrono::seconds(10);  // a success that takes longer is late
  Duration stretch = std::chrono::seconds(1);
  bool of_items = true;  // answers are about saving items, and not about reading them
};

/// Keeps the account of a load: each request that was due ends as one success or one failure.
///
/// One thread: each has its own, and they are merged in the end. Counting allocates nothing but for the first answer
/// of a status that is no success, which is kept as an example, and now and then for another stretch.
class Tally {
 public:
  Tally() = default;
  explicit Tally(const TallyOptions& options) : options_(options) {}

  /// The time begins; what succeeds until `end` is `succeeded_in_window`.
  void Begin(Instant start, Instant end);

  void Sent(const SentRequest& request);
  /// `outcomes` is of all items of the request; `complete` is false if the answer says that it is not.
  struct Received {
    const Answer& answer;
    const Outcomes& outcomes;
    bool complete = true;
    std::string_view excerpt;  // of the answer's body, for an example
  };
  void Answered(const SentRequest& request, const Received& received, Instant now);
  void Failed(Failure failure, std::uint64_t requests, Instant now);
  void ConnectFailed(std::string_view reason);
  /// A request was sent so much later than it could have been, because of this program.
  void OwnDelay(Duration delay) { own_delay_.Record(delay); }

  /// Nothing more will be counted.
  void End();
  /// Adds all that `other` has counted, which has ended.
  void Merge(const Tally& other);

  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t sent_items() const { return sent_items_; }
  [[nodiscard]] std::uint64_t succeeded() const { return succeeded_; }
  [[nodiscard]] std::uint64_t succeeded_in_window() const { return succeeded_in_window_; }
  /// Saved, or read, by requests that succeeded.
  [[nodiscard]] std::uint64_t items() const { return items_; }
  [[nodiscard]] std::uint64_t items_in_window() const { return items_in_window_; }
  [[nodiscard]] std::uint64_t failed() const;
  [[nodiscard]] std::uint64_t Of(Failure failure) const {
    return failures_[static_cast<std::size_t>(failure)];
  }
  [[nodiscard]] std::uint64_t connect_failures() const { return connect_failures_; }
  [[nodiscard]] const Outcomes& outcomes() const { return outcomes_; }
  [[nodiscard]] const std::map<int, std::uint64_t>& statuses() const { return statuses_; }
  /// An answer of each status that is no success, and of what was no answer (0); cut off.
  [[nodiscard]] const std::map<int, std::string>& examples() const { return examples_; }
  /// Of requests that were answered with a success, late ones too.
  [[nodiscard]] const Histogram& latency() const { return latency_; }
  /// The latency that such a share of them did not exceed; never above the maximum, as a bucket's middle may be.
  [[nodiscard]] Duration LatencyAt(double fraction) const {
    return std::min(latency_.Quantile(fraction), latency_max_);
  }
  [[nodiscard]] Duration latency_max() const { return latency_max_; }
  [[nodiscard]] const Histogram& own_delay() const { return own_delay_; }
  [[nodiscard]] Duration stretch() const { return options_.stretch; }
  [[nodiscard]] Instant last_answer() const { return last_answer_; }
  /// One after the other, each `stretch()` long.
  [[nodiscard]] const std::vector<Stretch>& stretches() const { return stretches_; }

 private:
  [[nodiscard]] Stretch& StretchAt(Instant now);
  void KeepExample(int status, std::string_view text);

  TallyOptions options_;
  Instant start_{};
  Instant end_{};
  std::uint64_t sent_ = 0;
  std::uint64_t sent_items_ = 0;
  std::uint64_t succeeded_ = 0;
  std::uint64_t succeeded_in_window_ = 0;
  std::uint64_t items_ = 0;
  std::uint64_t items_in_window_ = 0;
  std::uint64_t connect_failures_ = 0;
  std::array<std::uint64_t, kFailureCount> failures_{};
  Outcomes outcomes_;
  std::map<int, std::uint64_t> statuses_;
  std::map<int, std::string> examples_;
  Histogram latency_;
  Duration latency_max_{};
  Histogram own_delay_;
  Instant last_answer_{};
  std::vector<Stretch> stretches_;
  Histogram stretch_latency_;  // of the last stretch
};

}  // namespace itemgate::load
