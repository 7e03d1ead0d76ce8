#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "itemgate/backend.h"
#include "net/executor.h"

namespace itemgate {

/// How one save at the simulated backend ends.
enum class SimulatedEnding {
  kSaved,        // appended, and reported so
  kRefused,      // kFailed: not appended
  kRequestLost,  // kUnknown: not appended
  kAnswerLost,   // kUnknown: appended all the same
};

struct SimulatedBackendOptions {
  /// What a save takes: evenly between both.
  Duration delay_min = std::chrono::seconds(2);
  Duration delay_max = std::chrono::seconds(2);
  /// What a look-up takes.
  Duration find_delay{};

  /// The endings of the first saves, in the order in which they begin. Those after them end by chance:
  std::vector<SimulatedEnding> script;
  double refused_rate = 0;      // the share that ends in kRefused
  double answer_lost_rate = 0;  // the share that ends in kAnswerLost

  std::uint64_t seed = 1;  // of delays and chance
};

/// The outside system that stands for all of them: slow, sometimes failing, and with no idea of duplicates. A plain
/// list behind a delay.
///
/// Threads: any. Waiting costs a timer of the executor, never a thread. The executor must outlive the backend, and run
/// until every save has reported: what it drops is never reported.
class SimulatedBackend final : public ItemBackend {
 public:
  /// An item as the backend has it: it gives ids of its own, in the order in which saves end.
  struct Record {
    std::uint64_t id = 0;
    std::string content;
  };

  SimulatedBackend(Executor& executor, SimulatedBackendOptions options);

  void SaveItem(const BackendItem& item, SaveDone done) override EXCLUDES(mutex_);
  void FindItemsWithContent(const ContentKey& key, std::string_view content, FindDone done) override
      EXCLUDES(mutex_);

  /// Everything saved, in the order of the ids.
  [[nodiscard]] std::vector<Record> GetAllItems() const EXCLUDES(mutex_);

  /// Saves that were begun, whatever became of them.
  [[nodiscard]] std::uint64_t save_count() const EXCLUDES(mutex_);
  /// The most saves that ever ran at once.
  [[nodiscard]] std::uint64_t running_peak() const EXCLUDES(mutex_);

 private:
  struct Plan {
    Duration delay;
    SimulatedEnding ending;
  };

  [[nodiscard]] Plan PlanNext() EXCLUDES(mutex_);
  [[nodiscard]] SimulatedEnding NextEnding() REQUIRES(mutex_);
  /// The end of a save that leaves an item, and of one that does not.
  void Append(const ContentKey& key, std::string_view content) EXCLUDES(mutex_);
  void Drop() EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t CountOf(const ContentKey& key) const EXCLUDES(mutex_);

  // Constant after construction.
  Executor& executor_;
  const SimulatedBackendOptions options_;

  mutable Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  std::uint64_t save_count_ GUARDED_BY(mutex_) = 0;
  std::uint64_t running_ GUARDED_BY(mutex_) = 0;
  std::uint64_t running_peak_ GUARDED_BY(mutex_) = 0;
  std::vector<Record> records_ GUARDED_BY(mutex_);
  /// How many records there are of each content, so that looking for one does not read the whole list.
  std::unordered_map<ContentKey, std::uint64_t, ContentKeyHash> counts_ GUARDED_BY(mutex_);
};

}  // namespace itemgate
