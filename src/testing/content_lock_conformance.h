#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "itemgate/lock.h"

namespace itemgate {

/// A lock under test, with whatever it lives in.
class ContentLockUnderTest {
 public:
  virtual ~ContentLockUnderTest() = default;
  [[nodiscard]] virtual ContentLock& lock() = 0;
};

struct ContentLockMaker {
  std::string name;
  std::function<std::unique_ptr<ContentLockUnderTest>()> make;
};

/// What every ContentLock must do, also while a part of what it stands on is away, as long as it can grant at all.
/// Instantiate it beside each implementation, as StoreConformance.
class ContentLockConformance : public testing::TestWithParam<ContentLockMaker> {
 protected:
  using Acquired = Result<std::unique_ptr<Lease>>;

  /// Acquires and waits for the answer; fails the test if it does not come for a minute.
  [[nodiscard]] Acquired Acquire(std::string_view name, const AcquireOptions& options = {});
  [[nodiscard]] ContentLock& lock() { return under_test_->lock(); }

 private:
  std::unique_ptr<ContentLockUnderTest> under_test_ = GetParam().make();
};

}  // namespace itemgate
