#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/error.h"

/// A distributed lock over independent Redis servers, the RedLock algorithm, wire-compatible with RedLock.net.
///
/// A lease is not a proof: whoever holds it may pause, and find it gone. Where two holders would do harm, let the store
/// that is written to decide (a unique key, a fencing token); the lock then saves the work of doing things twice.
namespace itemgate {
namespace redlock {
class LockEntry;
}  // namespace redlock

enum class RedLockStatus {
  kUnlocked = 0,    // released
  kAcquired = 1,    // held, or was when it was last looked at
  kNoQuorum = 2,    // too many of the servers cannot be reached or gave errors
  kConflicted = 3,  // somebody else has it
  kExpired = 4,     // a quorum was reached, but too late to be worth anything
};

/// "Acquired", "NoQuorum", …
[[nodiscard]] std::string_view RedLockStatusName(RedLockStatus status);

/// What the servers said last: how many hold our key, how many another one, how many gave an error or lost the key.
struct RedLockInstanceSummary {
  int acquired = 0;
  int conflicted = 0;
  int error = 0;

  /// "Acquired: 3, Conflicted: 1, Error: 1"
  [[nodiscard]] std::string ToString() const;
  friend bool operator==(const RedLockInstanceSummary&, const RedLockInstanceSummary&) = default;
};

/// One vote: one Redis server, or a replicated group of which the master votes. A group outlives its master, but a
/// promoted replica may not have heard of a lock yet: then that vote is given twice.
struct RedLockEndPoint {
  /// A connection text: `host:port`, a StackExchange.Redis string (`host:6379,password=…,ssl=true`), or a URI
  /// (`redis://`, `rediss://`). Several hosts, or Sentinels (`serviceName=…`, `redis+sentinel://`), are a group.
  RedLockEndPoint(std::string text) : end_points({std::move(text)}) {}  // NOLINT: as in RedLock.net
  RedLockEndPoint(const char* text) : end_points({text}) {}             // NOLINT: as in RedLock.net
  /// Several servers that are one vote: whichever is the master. But for the hosts, their texts must be alike.
  explicit RedLockEndPoint(std::vector<std::string> texts) : end_points(std::move(texts)) {}

  std::vector<std::string> end_points;
  std::string tls_ca_file;  // PEM, with ssl=true or rediss://; empty: what the system trusts
  std::string tls_certificate_file;              // of the client; empty: none
  std::string tls_key_file;                      // empty: the certificate's file has it
  int redis_database = -1;                       // -1: what the connection text says
  std::string redis_key_format = "redlock:{0}";  // {0} stands for the resource, and is there once
};

/// How often one attempt to acquire asks the servers, and the longest random pause between.
struct RedLockRetryConfiguration {
  int count = 3;                                                     // at least 1
  std::chrono::milliseconds delay = std::chrono::milliseconds(400);  // at least 10 ms
};

/// What becomes of a key that a renewal finds gone from a server.
enum class RedLockMissingKey {
  kCountAsLost,  // it is set again only while a quorum still has it, and never counts towards that quorum
  kRecreate,  // it is set again and counts as held, silently, as RedLock.net does
};

/// Whether `wait` may be overshot.
enum class RedLockDeadline {
  kCompatible,  // the attempt that is under way is finished, as in RedLock.net
  kStrict,      // the answer comes within `wait`
};

enum class RedLockLossReason {
  kExpired,
  kTaken,
  kMissing,
  kHoldMax,
  kFactoryClosed,  // its factory was destroyed first
};

/// How to take one lock.
struct RedLockOptions {
  /// How long the key lives without renewal: how long others wait after a crash of the holder. At least 10 ms.
  std::chrono::milliseconds expiry = std::chrono::seconds(30);
  /// How long to wait for somebody else's lock; 0: only the attempts of the retry configuration.
  std::chrono::milliseconds wait{};
  /// The longest pause between looking again while waiting; a release by this library wakes earlier. At least 10 ms.
  std::chrono::milliseconds retry = std::chrono::milliseconds(200);
  RedLockDeadline deadline = RedLockDeadline::kCompatible;
  std::stop_token cancellation;

  bool renew = true;                        // false: it ends at its expiry
  std::chrono::milliseconds hold_max{};     // not renewed beyond, and then lost; 0: no limit
  std::chrono::milliseconds lost_margin{};  // before its expiry it counts as lost; 0: a twentieth
  RedLockMissingKey missing_key = RedLockMissingKey::kCountAsLost;
  /// Called once when the lock is lost, on the factory's thread: must not block. It may still be
  /// running when the lock is destroyed: call Release() first if it uses what ends with the lock.
  std::function<void(RedLockLossReason)> on_lost;
};

/// How a release went, by server, when that was told: it is not waited for those that a quorum can do without.
struct RedLockRelease {
  int released = 0;
  int absent = 0;  // the key had expired, or was somebody else's
  int error = 0;   // a failure, or no answer yet: may keep the key until it expires
};

/// A lock, acquired or not. The destructor releases it without waiting; Release waits and tells how it went.
///
/// Threads: every method may be called from any thread. May outlive its factory; then it is lost. Failure: as values.
/// Cost: the accessors take a short lock; no I/O.
class RedLock {
 public:
  RedLock(RedLock&&) noexcept;
  RedLock& operator=(RedLock&&) noexcept;
  ~RedLock();

  [[nodiscard]] const std::string& resource() const;
  /// The value of the key: a random GUID, one for each lock object.
  [[nodiscard]] const std::string& lock_id() const;

  /// Held, and not yet past its deadline by this machine's monotonic clock.
  [[nodiscard]] bool IsAcquired() const;
  [[nodiscard]] RedLockStatus status() const;
  [[nodiscard]] RedLockInstanceSummary instance_summary() const;
  [[nodiscard]] int extend_count() const;

  /// When it ends unless it is renewed, reckoned from before the servers were asked and less the drift of clocks. Check
  /// it right before what must not happen twice.
  [[nodiscard]] std::chrono::steady_clock::time_point deadline() const;
  /// deadline() less now; zero if it is over or was never acquired.
  [[nodiscard]] std::chrono::nanoseconds remaining() const;

  /// Stop is requested when the lock is lost, a margin before it ends, not by a release; from the start if it is lost
  /// or was never acquired. Stop callbacks run on the factory's thread, as on_lost does: they must not block.
  [[nodiscard]] std::stop_token lost_token() const;
  [[nodiscard]] std::optional<RedLockLossReason> loss_reason() const;

  /// Deletes the key wherever it is ours and waits until a quorum has said so, every server has answered, or they took
  /// too long. Again, or for a lock that was not acquired: nothing to do. Not from a callback.
  RedLockRelease Release();
  /// The same without waiting; `done` is called on the factory's thread, or here if there is nothing to do.
  void ReleaseAsync(std::function<void(RedLockRelease)> done);

  /// For the factory.
  explicit RedLock(std::shared_ptr<redlock::LockEntry> entry);

 private:
  std::shared_ptr<redlock::LockEntry> entry_;  // co-owned by the thread while it works for it
};

/// Whether the value of a key also tells who holds it.
enum class RedLockIdStyle {
  kGuid,             // 36 characters, as RedLock.net writes it
  kHostProcessGuid,  // "host/process-id/" before it, for diagnosis; other libraries honour it all the same
};

/// How one vote stands.
struct RedLockInstance {
  std::string end_point;
  bool is_connected = false;  // of a group: to its master
  bool is_duplicate = false;  // it is the same server as one before it, and so has no vote
  std::string failure;        // why it is not connected, or gave no vote; empty: all is well
};

/// How all votes stand.
struct RedLockConfigurationChange {
  std::vector<RedLockInstance> instances;  // in the order of the end points
  int quorum = 0;

  [[nodiscard]] int ConnectedCount() const;  // those that can vote
  [[nodiscard]] bool HasQuorum() const { return ConnectedCount() >= quorum; }
};

struct RedLockFactoryOptions {
  RedLockRetryConfiguration retry;
  /// How long one server may take for one answer before it counts as an error; 0: a twentieth of the lock's expiry,
  /// between 10 ms and 1 s.
  std::chrono::milliseconds node_timeout{};
  RedLockIdStyle id_style = RedLockIdStyle::kGuid;
  bool publish_releases = true;  // wakes who waits in other processes, if the ACL allows PUBLISH
  std::string client_name = "itemgate-redlock";
  std::chrono::milliseconds connect_wait = std::chrono::milliseconds(100);
  /// Who was started less than this ago has no vote, for it may have forgotten locks; they end by the longest expiry.
  std::chrono::seconds uptime_min{};
  /// Called on the factory's thread when servers have come or gone; must not block.
  std::function<void(const RedLockConfigurationChange&)> on_configuration_changed;
};

/// Makes locks. Reuse one factory: it owns the connections and one thread, however many locks it holds.
///
/// Threads: every method from any thread; those that wait not from callbacks, nor those of a lost_token: it ends the
/// process. Failure: kInvalidArgument, kTooLarge (a name above 64 KiB), kCancelled, kUnavailable (closing); no lock is
/// no error, its status tells why. Cost: one round trip to the nearest quorum for a lock that is free.
class RedLockFactory {
 public:
  /// Connects, and waits for that at most `connect_wait`: servers that are not there now do no harm, and are tried
  /// again and again in the background. Fails with kInvalidArgument if there are no end points or their text is wrong.
  [[nodiscard]] static Result<std::unique_ptr<RedLockFactory>> Create(
      std::vector<RedLockEndPoint> end_points, RedLockFactoryOptions options = {});

  /// Releases what is still held; waits for that a second at most, and for a look-up of a host. Not from a callback.
  ~RedLockFactory();
  RedLockFactory(const RedLockFactory&) = delete;
  RedLockFactory& operator=(const RedLockFactory&) = delete;

  [[nodiscard]] Result<RedLock> CreateLock(std::string_view resource,
                                           std::chrono::milliseconds expiry);
  [[nodiscard]] Result<RedLock> CreateLock(std::string_view resource,
                                           std::chrono::milliseconds expiry,
                                           std::chrono::milliseconds wait,
                                           std::chrono::milliseconds retry,
                                           std::stop_token cancellation = {});
  [[nodiscard]] Result<RedLock> CreateLock(std::string_view resource,
                                           const RedLockOptions& options);

  /// Asks once: "taken" is told after one round trip, maybe to all callers of a moment, if each has a minority.
  [[nodiscard]] Result<RedLock> TryLock(std::string_view resource,
                                        const RedLockOptions& options = {});

  /// Independent locks in one round trip; one answer each, in their order.
  [[nodiscard]] std::vector<Result<RedLock>> CreateLocks(std::span<const std::string> resources,
                                                         const RedLockOptions& options);

  using Done = std::move_only_function<void(Result<RedLock>)>;
  /// `done` is called once, on the factory's thread, or here if the arguments are wrong; it must not block.
  void CreateLockAsync(std::string_view resource, const RedLockOptions& options, Done done);
  void TryLockAsync(std::string_view resource, const RedLockOptions& options, Done done);

  /// The servers, in the order in which they were given.
  [[nodiscard]] std::vector<RedLockInstance> Instances() const;
  [[nodiscard]] int quorum() const;

 private:
  class Impl;
  explicit RedLockFactory(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate
