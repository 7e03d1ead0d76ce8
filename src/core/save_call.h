#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "core/group_commit.h"
#include "index/in_flight_table.h"
#include "itemgate/lock.h"
#include "itemgate/save_result.h"
#include "itemgate/service.h"
#include "net/executor.h"

namespace itemgate {

/// The answer to a save that the service, the store or the backend refused.
[[nodiscard]] SaveResult Refused(Error error);

class SaveCall;

/// One content of one call, on its way to an answer. Lives with its call.
struct Saving : InFlightEntry {
  SaveCall* call = nullptr;
  WallTime since;           // it entered the in-flight table, or was about to
  std::string_view sender;  // lives as long as the call
  Insertion insertion;
  enum class Way : std::uint8_t {
    kAnsweredAtOnce,  // by whoever started the call
    kWithCall,        // it is among the call's insertions
    kElsewhere,       // joined to another's save, or on its way through the backend
  };
  Way way = Way::kAnsweredAtOnce;  // constant once the call is started
  bool only_waits = false;         // it brought no content, and cannot become the one that saves
  SaveResult result;
  std::atomic<bool> answered = false;  // release: `result` is written; acquire: it may be read
};

/// The savings that own their contents in the table, the oldest first; at most so many.
[[nodiscard]] std::vector<InFlightSave> OldestSaves(const InFlightTable& table,
                                                    std::size_t saves_max);

/// One call of the service: its contents, and how its caller is told. It lives until all its contents are answered,
/// however long its caller waits. The contents that it is the first to bring are committed together.
class SaveCall : public CommitRequest {
 public:
  /// Whoever answers the savings; told of the commit and of the end.
  class Host {
   public:
    virtual ~Host() = default;
    virtual void CallCommitted(SaveCall& call, const Result<void>& result) = 0;
    /// All savings of the call are answered. Before its caller hears of that, who may then send as many again.
    virtual void FreeRoom(const SaveCall& call) = 0;
    /// The call does not use its host any more.
    virtual void CallEnded() = 0;
    /// The timer of a call will not run any more.
    virtual void TimerCancelled() = 0;
  };

  SaveCall(Host& host, std::span<Saving> savings);
  SaveCall(const SaveCall&) = delete;
  SaveCall& operator=(const SaveCall&) = delete;

  [[nodiscard]] std::span<Saving> savings() { return savings_; }
  [[nodiscard]] std::size_t saving_count() const { return savings_.size(); }
  /// Of all its contents together.
  [[nodiscard]] std::size_t content_bytes() const;

  /// Keeps the call alive until Release is called once more.
  void Retain() { unanswered_.fetch_add(1, std::memory_order_relaxed); }
  /// One saving is answered, or one who retained the call is done with it; the last of them ends it.
  void Release();

  void Committed(const Result<void>& result) final { host_.CallCommitted(*this, result); }

  // Of whoever takes its insertions to the store.
  Instant submitted_at;
  std::vector<std::unique_ptr<Lease>> leases;  // on its contents, until they are committed

 protected:
  [[nodiscard]] Host& host() { return host_; }

  /// All savings are answered: tells the caller. The call may be gone once the caller is told.
  virtual void End(Host& host) = 0;

 private:
  Host& host_;
  const std::span<Saving> savings_;
  std::atomic<std::size_t>
      unanswered_;  // and those who retain it; one from the start, for who starts it
};

/// A call whose caller waits on its own thread until all is answered. Lives on that thread's stack.
class WaitingCall final : public SaveCall {
 public:
  using SaveCall::SaveCall;

  /// Says that some saving will be answered by others than a group commit that rings a bell for this call.
  /// REQUIRES: the starter has not released the call yet.
  void WakeByItself() { wakes_itself_ = true; }

  /// Waits for the end, and tells the host of it: the host, and so the bell, outlive the wait. `bell`, if not null,
  /// rings for this call's commit.
  void Wait(const Bell* bell);

 private:
  enum State : std::uint32_t { kRunning, kEnded, kLeft };

  void End(Host& host) override;
  void AwaitEnd(const Bell* bell) const;

  bool wakes_itself_ = false;
  // kEnded: the caller may be woken. kLeft: nobody touches the call any more, so that its stack frame may go.
  std::atomic<std::uint32_t> state_ = kRunning;
};

class DetachedCall;

/// The detached calls that have not ended. From any thread.
class DetachedCalls {
 public:
  void Add(DetachedCall& call) EXCLUDES(mutex_);
  void Remove(DetachedCall& call) EXCLUDES(mutex_);
  [[nodiscard]] std::vector<std::shared_ptr<DetachedCall>> All() const EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  DetachedCall* first_ GUARDED_BY(mutex_) = nullptr;
};

/// A call whose caller does not wait, or not to the end. Owns what it needs.
class DetachedCall final : public SaveCall, public std::enable_shared_from_this<DetachedCall> {
 public:
  struct Given {
    std::vector<std::string> contents;
    std::string media_type;
    std::string sender;
    ItemIntegrationService::SaveAllDone done;
  };

  /// The call is co-owned by itself until its end, and by its timer. `calls` must outlive it.
  [[nodiscard]] static std::shared_ptr<DetachedCall> Create(Host& host, DetachedCalls& calls,
                                                            Given given);

  /// From now until its end the call is among the registered ones. Once, after all of its savings have their keys, for
  /// others use them from here on. REQUIRES: not released by its starter.
  void Register() { calls_.Add(*this); }

  /// Lets `due` run on `executor` after `delay`, unless the call ends before. REQUIRES: not released by its starter.
  void StartTimer(Executor& executor, Duration delay, Executor::Task due);

  /// Answers the caller now, if that was not done; what has no answer yet is in progress.
  void AnswerCaller();

 private:
  friend class DetachedCalls;

  DetachedCall(Host& host, DetachedCalls& calls, Given given, std::unique_ptr<Saving[]> storage);

  void End(Host& host) override;

  DetachedCalls& calls_;
  DetachedCall* previous_ = nullptr;  // these two belong to calls_
  DetachedCall* next_ = nullptr;
  Given given_;
  std::unique_ptr<Saving[]> storage_;
  std::shared_ptr<DetachedCall> self_;  // until its end
  Executor* executor_ = nullptr;        // of the timer, if there is one
  TimerId timer_{};
  std::atomic<bool> caller_answered_ = false;
};

}  // namespace itemgate
