// The conformance suite of content locks, with all servers well and with some of them away.
#include <utility>

#include "lock/redlock/redlock_content_lock.h"
#include "testing/content_lock_conformance.h"
#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

/// What befalls the third of three servers.
enum class Fault { kNone, kDead, kSilent, kFull };

class RedLockUnderTest final : public ContentLockUnderTest {
 public:
  explicit RedLockUnderTest(Fault fault) {
    if (fault == Fault::kDead) fleet_[2].Kill();
    factory_ = ConnectTo(fleet_.Addresses(3), fault == Fault::kDead ? 2 : 3);
    if (fault == Fault::kSilent) fleet_[2].Pause();
    if (fault == Fault::kFull) fleet_[2].Run({"CONFIG", "SET", "maxmemory", "1"});
    lock_ = std::make_unique<redlock::RedLockContentLock>(*factory_, kLiveExpiry);
  }
  ContentLock& lock() override { return *lock_; }

 private:
  RedisFleet fleet_{3};
  std::unique_ptr<RedLockFactory> factory_;
  std::unique_ptr<redlock::RedLockContentLock> lock_;
};

ContentLockMaker MakerOf(std::string name, Fault fault) {
  return {.name = std::move(name),
          .make = [fault] { return std::make_unique<RedLockUnderTest>(fault); }};
}

INSTANTIATE_TEST_SUITE_P(RedLock, ContentLockConformance,
                         testing::Values(MakerOf("well", Fault::kNone),
                                         MakerOf("one_dead", Fault::kDead),
                                         MakerOf("one_silent", Fault::kSilent),
                                         MakerOf("one_full", Fault::kFull)),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace itemgate
