// How fast RedLock locks are acquired and released, against the floor (the same commands, pipelined, without any lock
// logic) and against what the common libraries do (one server after the other, one connection for each caller). Starts
// its own redis-servers on the loopback. What the rows mean: docs/redlock.md.
//   redlock_bench [seconds-per-row]
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "itemgate/redlock.h"
#include "lock/redlock/lock_entry.h"
#include "lock/redlock/redis_node.h"
#include "lock/redlock/scripts.h"
#include "net/thread_executor.h"
#include "redis/command_list.h"
#include "testing/redis_fleet.h"

namespace itemgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kId = "0f8fad5b-d9cb-469f-a165-70867728950e";
constexpr milliseconds kRetry(100);  // of who waits for a name
const SystemClock kClock;

struct Row {
  std::uint64_t cycles = 0;
  Duration elapsed{};
  std::vector<std::int64_t> acquire_ns;
  Duration longest{};                // wait, also of those who got nothing in the end
  std::uint64_t cycles_of_most = 0;  // of the caller that had most

  /// What one caller did.
  void Add(const Row& caller) {
    cycles += caller.cycles;
    acquire_ns.insert(acquire_ns.end(), caller.acquire_ns.begin(), caller.acquire_ns.end());
    longest = std::max(longest, caller.longest);
    cycles_of_most = std::max(cycles_of_most, caller.cycles);
  }
  void Waited(Instant began, bool has_got_it) {
    const Duration time = kClock.Now() - began;
    longest = std::max(longest, time);
    if (has_got_it) acquire_ns.push_back(time.count());
  }

  /// Of callers of one name, whom it may treat unlike each other.
  void PrintFairness(const std::string& name) {
    Print(name, "   ");
    std::printf("longest %8.1f ms   luckiest %3.0f %%\n",
                static_cast<double>(longest.count()) * 1e-6,
                100 * static_cast<double>(cycles_of_most) / static_cast<double>(cycles));
  }

  void Print(const std::string& name, const char* end = "\n") {
    std::ranges::sort(acquire_ns);
    const auto at = [&](double share) {
      if (acquire_ns.empty()) return 0.0;
      const auto index =
          static_cast<std::size_t>(share * static_cast<double>(acquire_ns.size() - 1));
      return static_cast<double>(acquire_ns[index]) / 1000;
    };
    std::printf("%-52s %9.0f /s   p50 %8.1f us   p99 %8.1f us%s", name.c_str(),
                static_cast<double>(cycles) / (static_cast<double>(elapsed.count()) * 1e-9),
                at(0.5), at(0.99), end);
    std::fflush(stdout);
  }
};

/// The floor: so many names at once, each set on every server, and deleted by the script when all have answered.
class Floor final : public redlock::VoteReceiver {
 public:
  Floor(const std::vector<std::string>& addresses, int in_flight, Duration time)
      : time_(time),
        quorum_(static_cast<int>(addresses.size()) / 2 + 1),
        slots_(static_cast<std::size_t>(in_flight)) {
    for (const std::string& address : addresses) {
      const int number = static_cast<int>(nodes_.size());
      nodes_.push_back(*redlock::RedisNode::Make({loop_, kClock, resolver_}, *this, number,
                                                 *redis::ParseConnectionText(address)));
      nodes_.back()->Start();
    }
  }

  Row Run() {
    loop_.Post([this] { BeginWhenConnected(); });
    loop_.Run();
    row_.elapsed = kClock.Now() - start_;
    for (const auto& node : nodes_) node->Close();
    return std::move(row_);
  }

  void OnVote(const redlock::Question& question, int, redlock::Vote) override {
    Slot& slot = slots_[question.round];
    const bool is_set = question.kind == redlock::Question::Kind::kSet;
    ++slot.answers;
    if (is_set && slot.answers == quorum_)
      row_.acquire_ns.push_back((kClock.Now() - slot.began).count());
    if (slot.answers < static_cast<int>(nodes_.size())) return;
    slot.answers = 0;
    if (is_set) return Ask(question.round, redlock::Question::Kind::kUnlock);
    ++row_.cycles;
    if (kClock.Now() < end_) return Begin(question.round);
    if (--running_ == 0) loop_.Stop();
  }
  void OnNoScript(std::span<const redlock::Question>, int) override { std::abort(); }
  void OnBatchRefused(std::span<const redlock::Question>, int) override { std::abort(); }
  void OnIdentity(int, std::string_view) override {}
  void OnConnectionChanged(int) override {}
  void OnReleased(std::string_view) override {}

 private:
  struct Slot {
    int answers = 0;
    Instant began;
  };

  void BeginWhenConnected() {
    for (const auto& node : nodes_)
      if (!node->is_connected())
        return (void)loop_.PostAfter(milliseconds(5), [this] { BeginWhenConnected(); });
    start_ = kClock.Now();
    end_ = start_ + time_;
    running_ = static_cast<int>(slots_.size());
    for (std::uint32_t i = 0; i < slots_.size(); ++i) Begin(i);
  }

  void Begin(std::uint32_t slot) {
    slots_[slot].began = kClock.Now();
    Ask(slot, redlock::Question::Kind::kSet);
  }

  void Ask(std::uint32_t slot, redlock::Question::Kind kind) {
    command_.Clear();
    const std::string key = "redlock:bench" + std::to_string(slot);
    if (kind == redlock::Question::Kind::kSet)
      command_.Add("SET", key, kId, std::string_view("EX"), 30, std::string_view("NX"));
    else
      command_.Add("EVALSHA", redlock::kUnlockScript.digest, 1, key, kId);
    const redlock::Question question{kind, slot, &dummy_};
    for (const auto& node : nodes_) (void)node->Send({&question, 1}, command_);
    if (std::exchange(is_flush_posted_, true)) return;
    loop_.Post([this] {
      is_flush_posted_ = false;
      for (const auto& node : nodes_) node->Flush();
    });
  }

  const Duration time_;
  Instant end_;
  const int quorum_;
  EventLoop loop_{kClock};
  ThreadExecutor resolver_{"names", 1};
  std::vector<std::unique_ptr<redlock::RedisNode>> nodes_;
  std::vector<Slot> slots_;
  Random random_{1};
  redlock::LockEntry dummy_{"", "", {}, random_};
  redis::CommandList command_;
  bool is_flush_posted_ = false;
  int running_ = 0;
  Instant start_;
  Row row_;
};

void Pass(Duration time) {
  EventLoop loop(kClock);
  (void)loop.PostAfter(time, [&] { loop.Stop(); });
  loop.Run();
}

/// What the common libraries do for one caller: each server in turn is asked, and waited for, over a connection of its
/// own.
class InTurn {
 public:
  InTurn(const std::vector<std::string>& addresses, const std::string& name, std::uint64_t seed)
      : random_(seed) {
    for (const std::string& address : addresses) {
      const auto resolved = Resolve(*Endpoint::Parse(address));
      sockets_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (connect(sockets_.back().get(), reinterpret_cast<const sockaddr*>(&resolved->storage),
                  resolved->length) != 0)
        std::abort();
    }
    const std::string key = "redlock:" + name;
    const std::string id = std::to_string(seed) + std::string(kId);  // the callers' own
    set_.Add("SET", key, id, std::string_view("EX"), 30, std::string_view("NX"));
    unlock_.Add("EVALSHA", redlock::kUnlockScript.digest, 1, key, id);
  }

  /// Until it is acquired, with random pauses as long as ours are when nobody wakes; false: the time was over before.
  [[nodiscard]] bool Acquire(Instant end) {
    const Duration half = kRetry / 2;
    while (true) {
      std::size_t granted = 0;
      for (const Descriptor& socket : sockets_) granted += Ask(socket, set_) == '+' ? 1 : 0;
      if (granted >= sockets_.size() / 2 + 1) return true;
      Release();
      if (kClock.Now() >= end) return false;
      Pass(half + Duration(random_.Below(static_cast<std::uint64_t>(half.count()))));
    }
  }
  void Release() {
    for (const Descriptor& socket : sockets_) (void)Ask(socket, unlock_);
  }

 private:
  /// The first letter of the answer.
  static char Ask(const Descriptor& socket, const redis::CommandList& command) {
    std::array<char, 256> buffer;
    const std::string_view bytes = command.bytes();
    if (send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) std::abort();
    if (recv(socket.get(), buffer.data(), buffer.size(), 0) <= 0) std::abort();
    return buffer[0];
  }

  std::vector<Descriptor> sockets_;
  redis::CommandList set_;
  redis::CommandList unlock_;
  Random random_;
};

/// So many callers; `name` is empty: each has a name of its own.
Row Sequential(const std::vector<std::string>& addresses, int callers, Duration time,
               const std::string& name) {
  Row all;
  Mutex mutex;  // guards all
  const Instant start = kClock.Now();
  const Instant end = start + time;
  {
    std::vector<std::jthread> threads;
    for (int caller = 0; caller < callers; ++caller) {
      threads.emplace_back([&, caller] {
        InTurn in_turn(addresses, name.empty() ? "sequential" + std::to_string(caller) : name,
                       static_cast<std::uint64_t>(caller) + 1);
        Row row;
        while (kClock.Now() < end) {
          const Instant began = kClock.Now();
          const bool has_got_it = in_turn.Acquire(end);
          row.Waited(began, has_got_it);
          if (!has_got_it) break;
          in_turn.Release();
          ++row.cycles;
        }
        const MutexLock lock(mutex);
        all.Add(row);
      });
    }
  }
  all.elapsed = kClock.Now() - start;
  return all;
}

std::unique_ptr<RedLockFactory> Connect(const std::vector<std::string>& addresses,
                                        std::size_t connected) {
  auto factory = *RedLockFactory::Create({addresses.begin(), addresses.end()});
  while (true) {
    std::size_t count = 0;
    for (const RedLockInstance& instance : factory->Instances())
      count += instance.is_connected ? 1 : 0;
    if (count >= connected) return factory;
    std::this_thread::yield();
  }
}

enum class Release { kWaitedFor, kByDestructor };

/// Threads that each acquire and release, one after the other.
Row Blocking(RedLockFactory& factory, int callers, Duration time, const std::string& shared_name,
             Release release = Release::kWaitedFor) {
  Row all;
  Mutex mutex;  // guards all
  const Instant start = kClock.Now();
  {
    std::vector<std::jthread> threads;
    for (int caller = 0; caller < callers; ++caller) {
      threads.emplace_back([&, caller] {
        const std::string name =
            shared_name.empty() ? "blocking" + std::to_string(caller) : shared_name;
        Row row;
        while (kClock.Now() < start + time) {
          const Instant began = kClock.Now();
          auto lock = factory.CreateLock(
              name, {.wait = milliseconds(shared_name.empty() ? 0 : 60'000), .retry = kRetry});
          if (!lock->IsAcquired()) std::abort();
          row.Waited(began, true);
          if (release == Release::kWaitedFor) lock->Release();
          ++row.cycles;
        }
        const MutexLock lock(mutex);
        all.Add(row);
      });
    }
  }
  all.elapsed = kClock.Now() - start;
  return all;
}

/// So many names at once on the factory's own thread, each acquired again when it was released.
class InFlight {
 public:
  InFlight(RedLockFactory& factory, int count, Duration time)
      : factory_(factory), running_(count), start_(kClock.Now()), end_(start_ + time) {
    for (int i = 0; i < count; ++i)
      Begin(std::make_shared<const std::string>("flight" + std::to_string(i)));
  }

  Row Run() {
    for (int left = running_; left != 0; left = running_) running_.wait(left);
    row_.elapsed = kClock.Now() - start_;
    return std::move(row_);
  }

 private:
  void Begin(const std::shared_ptr<const std::string>& name) {
    const Instant began = kClock.Now();
    factory_.CreateLockAsync(*name, {}, [this, began, name](Result<RedLock> acquired) {
      if (!acquired->IsAcquired()) std::abort();
      row_.acquire_ns.push_back((kClock.Now() - began).count());
      const auto lock = std::make_shared<RedLock>(*std::move(acquired));
      lock->ReleaseAsync([this, name, lock](RedLockRelease) {
        ++row_.cycles;
        if (kClock.Now() < end_) return Begin(name);
        --running_;
        running_.notify_one();
      });
    });
  }

  RedLockFactory& factory_;
  std::atomic<int> running_;
  const Instant start_;
  const Instant end_;
  Row row_;  // the factory's thread's
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

void Renewals(const std::vector<std::string>& addresses) {
  const auto factory = Connect(addresses, addresses.size());
  std::vector<std::string> names;
  for (int i = 0; i < 10'000; ++i) names.push_back("held" + std::to_string(i));
  const auto locks = factory->CreateLocks(names, {.expiry = seconds(30)});
  const double before = CpuSeconds();
  const Instant start = kClock.Now();
  while (std::ranges::any_of(locks, [](const auto& lock) { return lock->extend_count() < 2; }))
    Pass(milliseconds(500));
  const double elapsed = static_cast<double>((kClock.Now() - start).count()) * 1e-9;
  std::printf("%-52s %9.2f %% of one core, of the client\n",
              "10,000 held locks of 30 s, renewed (5 servers)",
              (CpuSeconds() - before) / elapsed * 100);
  if (!std::ranges::all_of(locks, [](const auto& lock) { return lock->IsAcquired(); }))
    std::abort();
}

void Measure(RedisFleet& fleet, Duration time) {
  for (const std::size_t nodes : {std::size_t{1}, std::size_t{3}, std::size_t{5}}) {
    const auto addresses = fleet.Addresses(nodes);
    const std::string with = " (" + std::to_string(nodes) + (nodes == 1 ? " server)" : " servers)");
    const auto factory = Connect(addresses, nodes);
    for (const int count : {1, 64, 512}) {
      const std::string at_once = std::to_string(count) + " at once" + with;
      Floor(addresses, count, time).Run().Print("floor, " + at_once);
      InFlight(*factory, count, time).Run().Print("ours, asynchronous, " + at_once);
      if (count == 512) continue;
      Blocking(*factory, count, time, "").Print("ours, blocking, " + at_once);
      Blocking(*factory, count, time, "", Release::kByDestructor)
          .Print("ours, blocking, destructor, " + at_once);
      Sequential(addresses, count, time, "").Print("one server after the other, " + at_once);
    }
    Blocking(*factory, 8, time, "contended")
        .PrintFairness("ours, 8 blocking callers of one name" + with);
    Sequential(addresses, 8, time, "contended")
        .PrintFairness("one server after the other, 8 callers of one name" + with);
  }
  const auto factory = Connect(fleet.Addresses(5), 5);
  for (const int count : {1, 64}) {
    const std::string at_once = std::to_string(count) + " at once (5 servers";
    Blocking(*factory, count, time, "").Print("ours, blocking, " + at_once + ", healthy)");
    fleet[4].Pause();
    Blocking(*factory, count, time, "").Print("ours, blocking, " + at_once + ", 1 silent)");
    fleet[4].Resume();
  }
  Renewals(fleet.Addresses(5));
}

}  // namespace
}  // namespace itemgate

int main(int argc, char** argv) {
  itemgate::RedisFleet fleet(5);
  itemgate::Measure(fleet, std::chrono::milliseconds(
                               argc > 1 ? static_cast<int>(std::atof(argv[1]) * 1000) : 2000));
}
