#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

// Thread-safety annotations, checked by clang (-Wthread-safety); they mean nothing to other compilers.
#if defined(__clang__)
#define ITEMGATE_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define ITEMGATE_THREAD_ANNOTATION(x)
#endif
#define GUARDED_BY(x) ITEMGATE_THREAD_ANNOTATION(guarded_by(x))
#define REQUIRES(...) ITEMGATE_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) ITEMGATE_THREAD_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define EXCLUDES(...) ITEMGATE_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace itemgate {

/// std::mutex with annotations.
class ITEMGATE_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void Lock() ITEMGATE_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void Unlock() ITEMGATE_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  friend class ConditionVariable;
  std::mutex mutex_;
};

/// Holds a Mutex for the length of a block.
class ITEMGATE_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ITEMGATE_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ITEMGATE_THREAD_ANNOTATION(release_capability()) { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// std::condition_variable for a Mutex. Wake-ups may be spurious: wait in a loop over the condition.
class ConditionVariable {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  /// Returns at that time at the latest.
  void WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point time) REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_until(lock, time);
    lock.release();
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

/// std::shared_mutex with annotations: many readers or one writer.
class ITEMGATE_THREAD_ANNOTATION(capability("shared_mutex")) SharedMutex {
 public:
  void Lock() ITEMGATE_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void Unlock() ITEMGATE_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  void LockShared() ITEMGATE_THREAD_ANNOTATION(acquire_shared_capability()) {
    mutex_.lock_shared();
  }
  void UnlockShared() ITEMGATE_THREAD_ANNOTATION(release_shared_capability()) {
    mutex_.unlock_shared();
  }

 private:
  std::shared_mutex mutex_;
};

/// Holds a SharedMutex as a reader for the length of a block.
class ITEMGATE_THREAD_ANNOTATION(scoped_lockable) ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex)
      ITEMGATE_THREAD_ANNOTATION(acquire_shared_capability(mutex))
      : mutex_(mutex) {
    mutex_.LockShared();
  }
  ~ReaderLock() ITEMGATE_THREAD_ANNOTATION(release_capability()) { mutex_.UnlockShared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Holds a SharedMutex as the writer for the length of a block.
class ITEMGATE_THREAD_ANNOTATION(scoped_lockable) WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) ITEMGATE_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~WriterLock() ITEMGATE_THREAD_ANNOTATION(release_capability()) { mutex_.Unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace itemgate
