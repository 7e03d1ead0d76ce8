#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "itemgate/lock.h"

namespace itemgate {

/// A lock that servers share and that does what the test says. Threads: any; answers before it returns, but for those
/// who wait for a holder: they are answered when it is free, however long that takes.
class FaultyLock final : public ContentLock {
 public:
  enum class Mode {
    kWorks,         // to one at a time, and to who waits when that one is done
    kAlwaysGrants,  // to any number at a time
    kNeverGrants,   // somebody else has it, always
    kGrantsTwice,   // to two at a time
    kUnavailable,
    kHangs,   // keeps who asks, and never answers
    kThrows,  // now an exception, now a number
    kLoses,   // grants leases that are lost from the start
  };

  explicit FaultyLock(Mode mode) : mode_(mode) {}

  void SetMode(Mode mode) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    mode_ = mode;
  }
  /// Somebody else takes the name.
  void Hold(const std::string& name) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    ++held_[name];
  }
  void Free(const std::string& name) EXCLUDES(mutex_) {
    Acquired next;
    {
      const MutexLock lock(mutex_);
      if (--held_[name] > 0) return;
      held_.erase(name);
      const auto waiting = std::ranges::find(waiting_, name, &Waiting::first);
      if (waiting == waiting_.end()) return;
      next = std::move(waiting->second);
      waiting_.erase(waiting);
      ++held_[name];
    }
    next(NewLease(name, Mode::kWorks));
  }
  /// Grants now what hung.
  void AnswerLate() EXCLUDES(mutex_) {
    std::vector<Waiting> hung;
    {
      const MutexLock lock(mutex_);
      hung.swap(waiting_);
      for (const auto& [name, done] : hung) ++held_[name];
    }
    for (auto& [name, done] : hung) done(NewLease(name, Mode::kWorks));
  }

  [[nodiscard]] std::size_t held_count() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return held_.size();
  }
  /// Every name that was asked for, and how long whoever asked would have waited.
  using Asked = std::vector<std::pair<std::string, std::chrono::milliseconds>>;
  [[nodiscard]] Asked asked() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return asked_;
  }

  void Acquire(std::string_view name, const AcquireOptions& options, Acquired done) override
      EXCLUDES(mutex_) {
    const std::string text(name);
    std::optional<Error> refused;
    Mode mode{};
    bool is_odd = false;
    {
      const MutexLock lock(mutex_);
      mode = mode_;
      is_odd = asked_.size() % 2 == 1;
      asked_.emplace_back(text, options.wait);
      if (mode == Mode::kHangs) {
        waiting_.emplace_back(text, std::move(done));
        return;
      }
      refused = WhyNot(text);
      if (refused && mode == Mode::kWorks && options.wait.count() > 0) {
        waiting_.emplace_back(text, std::move(done));
        return;
      }
      if (!refused && mode != Mode::kThrows) ++held_[text];
    }
    if (mode == Mode::kThrows && is_odd) throw 1;
    if (mode == Mode::kThrows) throw std::runtime_error("a lock that throws");
    if (refused) return done(std::unexpected(*std::move(refused)));
    done(NewLease(text, mode));
  }

 private:
  using Waiting = std::pair<std::string, Acquired>;

  class HeldLease final : public Lease {
   public:
    HeldLease(FaultyLock& lock, std::string name, bool lost) : lock_(lock), name_(std::move(name)) {
      if (lost) lost_.request_stop();
    }
    ~HeldLease() override { lock_.Free(name_); }
    HeldLease(const HeldLease&) = delete;
    HeldLease& operator=(const HeldLease&) = delete;
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> Deadline() const override {
      return std::nullopt;
    }
    [[nodiscard]] std::stop_token LostToken() const override { return lost_.get_token(); }

   private:
    FaultyLock& lock_;
    const std::string name_;
    std::stop_source lost_;
  };

  [[nodiscard]] std::unique_ptr<Lease> NewLease(const std::string& name, Mode mode) {
    return std::make_unique<HeldLease>(*this, name, mode == Mode::kLoses);
  }

  [[nodiscard]] std::optional<Error> WhyNot(const std::string& name) const REQUIRES(mutex_) {
    const auto held = held_.find(name);
    const int holders = held == held_.end() ? 0 : held->second;
    const int holders_max = mode_ == Mode::kGrantsTwice ? 2 : 1;
    const bool grants_all = mode_ == Mode::kAlwaysGrants || mode_ == Mode::kLoses;
    if (mode_ == Mode::kUnavailable) return Error(ErrorCode::kUnavailable, "no quorum");
    if (mode_ == Mode::kNeverGrants || (!grants_all && holders >= holders_max))
      return Error(ErrorCode::kBusy, "somebody else has it");
    return std::nullopt;
  }

  mutable Mutex mutex_;
  Mode mode_ GUARDED_BY(mutex_);
  std::map<std::string, int> held_ GUARDED_BY(mutex_);
  std::vector<Waiting> waiting_ GUARDED_BY(mutex_);
  Asked asked_ GUARDED_BY(mutex_);
};

}  // namespace itemgate
