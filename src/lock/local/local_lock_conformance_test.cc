#include "lock/local/local_lock.h"
#include "net/thread_executor.h"
#include "testing/content_lock_conformance.h"

namespace itemgate {
namespace {

class LocalLockUnderTest final : public ContentLockUnderTest {
 public:
  ContentLock& lock() override { return lock_; }

 private:
  ThreadExecutor executor_{"local-lock", 1};
  LocalLock lock_{executor_};
};

INSTANTIATE_TEST_SUITE_P(Local, ContentLockConformance,
                         testing::Values(ContentLockMaker{
                             "local", [] { return std::make_unique<LocalLockUnderTest>(); }}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace itemgate
