#pragma once

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "itemgate/store.h"
#include "testing/insertions.h"

namespace itemgate {

/// A store under test, with whatever it lives in.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  [[nodiscard]] virtual ItemStore& store() = 0;
};

struct StoreMaker {
  std::string name;
  std::function<std::unique_ptr<StoreUnderTest>()> make;
};

/// What every ItemStore must do. Instantiate it beside each implementation:
///   INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance, testing::Values(StoreMaker{…}));
class StoreConformance : public testing::TestWithParam<StoreMaker> {
 protected:
  [[nodiscard]] ItemStore& store() { return under_test_->store(); }

 private:
  std::unique_ptr<StoreUnderTest> under_test_ = GetParam().make();
};

}  // namespace itemgate
