#include "backend/simulated/simulated_backend.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace itemgate {
namespace {

bool TakesEffect(SimulatedEnding ending) {
  return ending == SimulatedEnding::kSaved || ending == SimulatedEnding::kAnswerLost;
}

Result<void> AnswerOf(SimulatedEnding ending) {
  switch (ending) {
    case SimulatedEnding::kSaved:
      return {};
    case SimulatedEnding::kRefused:
      return Fail(ErrorCode::kFailed, "the simulated backend refused the item");
    case SimulatedEnding::kRequestLost:
    case SimulatedEnding::kAnswerLost:
      return Fail(ErrorCode::kUnknown, "the simulated backend gave no answer");
  }
  return Fail(ErrorCode::kUnknown, "the simulated backend has no such ending");
}

}  // namespace

SimulatedBackend::SimulatedBackend(Executor& executor, SimulatedBackendOptions options)
    : executor_(executor), options_(std::move(options)), random_(options_.seed) {
  ITEMGATE_CHECK(options_.delay_min >= Duration::zero());
  ITEMGATE_CHECK(options_.delay_max >= options_.delay_min);
  ITEMGATE_CHECK(options_.refused_rate + options_.answer_lost_rate <= 1);
}

void SimulatedBackend::SaveItem(const BackendItem& item, SaveDone done) {
  const Plan plan = PlanNext();
  executor_.PostAfter(plan.delay,
                      [this, item, ending = plan.ending, done = std::move(done)]() mutable {
                        if (TakesEffect(ending)) {
                          Append(item.key, item.content);
                        } else {
                          Drop();
                        }
                        done(AnswerOf(ending));
                      });
}

void SimulatedBackend::FindItemsWithContent(const ContentKey& key, std::string_view /*content*/,
                                            FindDone done) {
  executor_.PostAfter(options_.find_delay,
                      [this, key, done = std::move(done)]() mutable { done(CountOf(key)); });
}

std::vector<SimulatedBackend::Record> SimulatedBackend::GetAllItems() const {
  const MutexLock lock(mutex_);
  return records_;
}

std::uint64_t SimulatedBackend::save_count() const {
  const MutexLock lock(mutex_);
  return save_count_;
}

std::uint64_t SimulatedBackend::running_peak() const {
  const MutexLock lock(mutex_);
  return running_peak_;
}

SimulatedBackend::Plan SimulatedBackend::PlanNext() {
  const MutexLock lock(mutex_);
  const auto span = static_cast<std::uint64_t>((options_.delay_max - options_.delay_min).count());
  const Duration extra(random_.Below(span + 1));
  const Plan plan{options_.delay_min + extra, NextEnding()};
  ++save_count_;
  running_peak_ = std::max(running_peak_, ++running_);
  return plan;
}

SimulatedEnding SimulatedBackend::NextEnding() {
  const double chance =
      random_.Fraction();  // drawn for scripted saves, too: a script changes nothing else
  if (save_count_ < options_.script.size()) return options_.script[save_count_];
  if (chance < options_.refused_rate) return SimulatedEnding::kRefused;
  if (chance < options_.refused_rate + options_.answer_lost_rate)
    return SimulatedEnding::kAnswerLost;
  return SimulatedEnding::kSaved;
}

void SimulatedBackend::Append(const ContentKey& key, std::string_view content) {
  std::string copy(content);
  const MutexLock lock(mutex_);
  records_.push_back({records_.size() + 1, std::move(copy)});
  ++counts_[key];
  --running_;
}

void SimulatedBackend::Drop() {
  const MutexLock lock(mutex_);
  --running_;
}

std::uint64_t SimulatedBackend::CountOf(const ContentKey& key) const {
  const MutexLock lock(mutex_);
  const auto found = counts_.find(key);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace itemgate
