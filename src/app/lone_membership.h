#pragma once

#include <functional>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "itemgate/membership.h"

namespace itemgate {

/// The only server of its store. Never blocks.
class LoneMembership final : public Membership {
 public:
  /// `clock` must outlive it.
  LoneMembership(const Clock& clock, std::uint64_t id) : id_(id), started_at_(clock.WallNow()) {}

  void Join(std::function<ServerReport()> report) override {
    const MutexLock lock(mutex_);
    report_ = std::move(report);
  }
  void Announce(std::chrono::nanoseconds) override {}
  void Leave(std::chrono::nanoseconds) override {
    const MutexLock lock(mutex_);
    report_ = nullptr;
  }
  Result<Cluster> Look(std::chrono::nanoseconds) override {
    const MutexLock lock(mutex_);
    Cluster cluster;
    if (report_)
      cluster.members.push_back(
          {.id = id_, .is_self = true, .report = report_(), .started_at = started_at_});
    return cluster;
  }

 private:
  const std::uint64_t id_;
  const WallTime started_at_;
  Mutex mutex_;  // held while the report is made, so that none is when Leave has returned
  std::function<ServerReport()> report_ GUARDED_BY(mutex_);
};

}  // namespace itemgate
