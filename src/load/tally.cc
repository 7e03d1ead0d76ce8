#include "load/tally.h"

#include <algorithm>
#include <numeric>

namespace itemgate::load {
namespace {

constexpr std::size_t kExampleBytesMax = 300;
constexpr std::size_t kExamplesMax = 20;
constexpr std::size_t kStretchesMax = 100'000;  // what is later counts in the last
constexpr double kTail = 0.99;

struct FailureText {
  std::string_view name;
  std::string_view meaning;
};
constexpr std::array<FailureText, kFailureCount> kFailureTexts = {{
    {"missed", "not sent in time: no connection was free"},
    {"late", "answered after the time budget"},
    {"unanswered", "no answer long after the time budget"},
    {"refused", "answered, but not saved"},
    {"incomplete", "the answer does not tell of all items"},
    {"connection_lost", "the server closed the connection"},
    {"malformed", "the answer was no HTTP"},
}};

bool IsSuccess(int status) { return status == 200 || status == 201; }

}  // namespace

std::string_view FailureName(Failure failure) {
  return kFailureTexts[static_cast<std::size_t>(failure)].name;
}

std::string_view FailureMeaning(Failure failure) {
  return kFailureTexts[static_cast<std::size_t>(failure)].meaning;
}

void Tally::Begin(Instant start, Instant end) {
  start_ = start;
  end_ = end;
  last_answer_ = start;
}

void Tally::Sent(const SentRequest& request) {
  ++sent_;
  sent_items_ += request.items;
}

void Tally::Answered(const SentRequest& request, const Received& received, Instant now) {
  last_answer_ = now;
  ++statuses_[received.answer.status];
  outcomes_.Add(received.outcomes);
  // A server that does not tell outcomes is taken by its status.
  const bool all_saved = !options_.of_items || received.outcomes.Total() == 0 ||
                         received.outcomes.Saved() == request.items;
  if (!IsSuccess(received.answer.status) || !received.complete || !all_saved) {
    KeepExample(received.answer.status, received.excerpt);
    const bool incomplete = IsSuccess(received.answer.status) && !received.complete;
    Failed(incomplete ? Failure::kIncomplete : Failure::kRefused, 1, now);
    return;
  }
  const Duration latency = now - request.due;
  latency_.Record(latency);
  latency_max_ = std::max(latency_max_, latency);
  if (latency > options_.budget) {
    Failed(Failure::kLate, 1, now);
    return;
  }
  ++succeeded_;
  items_ += request.items;
  if (now <= end_) {
    ++succeeded_in_window_;
    items_in_window_ += request.items;
  }
  Stretch& stretch = StretchAt(now);
  ++stretch.succeeded;
  stretch_latency_.Record(latency);
}

void Tally::Failed(Failure failure, std::uint64_t requests, Instant now) {
  if (requests == 0) return;
  failures_[static_cast<std::size_t>(failure)] += requests;
  StretchAt(now).failed += requests;
}

void Tally::ConnectFailed(std::string_view reason) {
  ++connect_failures_;
  KeepExample(0, reason);
}

std::uint64_t Tally::failed() const {
  return std::accumulate(failures_.begin(), failures_.end(), std::uint64_t{0});
}

Stretch& Tally::StretchAt(Instant now) {
  const auto place =
      static_cast<std::size_t>(std::max(now - start_, Duration::zero()) / options_.stretch);
  const std::size_t index = std::min(place, kStretchesMax - 1);
  if (index < stretches_.size()) return stretches_.back();  // as good as now
  End();
  stretch_latency_ = {};
  stretches_.resize(index + 1);
  return stretches_.back();
}

void Tally::KeepExample(int status, std::string_view text) {
  if (examples_.size() < kExamplesMax)
    examples_.try_emplace(status, text.substr(0, kExampleBytesMax));
}

void Tally::End() {
  if (!stretches_.empty()) stretches_.back().latency_p99 = stretch_latency_.Quantile(kTail);
}

void Tally::Merge(const Tally& other) {
  sent_ += other.sent_;
  sent_items_ += other.sent_items_;
  succeeded_ += other.succeeded_;
  succeeded_in_window_ += other.succeeded_in_window_;
  items_ += other.items_;
  items_in_window_ += other.items_in_window_;
  connect_failures_ += other.connect_failures_;
  for (std::size_t i = 0; i < failures_.size(); ++i) failures_[i] += other.failures_[i];
  outcomes_.Add(other.outcomes_);
  for (const auto& [status, count] : other.statuses_) statuses_[status] += count;
  for (const auto& [status, text] : other.examples_) KeepExample(status, text);
  latency_.Merge(other.latency_);
  latency_max_ = std::max(latency_max_, other.latency_max_);
  own_delay_.Merge(other.own_delay_);
  last_answer_ = std::max(last_answer_, other.last_answer_);
  stretches_.resize(std::max(stretches_.size(), other.stretches_.size()));
  for (std::size_t i = 0; i < other.stretches_.size(); ++i) {
    Stretch& mine = stretches_[i];
    const Stretch& theirs = other.stretches_[i];
    mine.succeeded += theirs.succeeded;
    mine.failed += theirs.failed;
    mine.latency_p99 = std::max(mine.latency_p99, theirs.latency_p99);
  }
}

}  // namespace itemgate::load
