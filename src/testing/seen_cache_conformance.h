#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "itemgate/seen_cache.h"

namespace itemgate {

/// The key of that content.
[[nodiscard]] ContentKey SeenKeyOf(std::string_view content, Scope scope = {});

/// So many items of distinct contents, with the ids from 1 on.
[[nodiscard]] std::vector<SeenItem> SeenItemsOf(std::string_view prefix, std::size_t count);
[[nodiscard]] std::vector<ContentKey> KeysOf(const std::vector<SeenItem>& items);

/// Looks and waits for the answer; fails the test if it does not come for a minute.
[[nodiscard]] std::vector<std::optional<ItemId>> LookAndWait(SeenCache& cache,
                                                             std::vector<ContentKey> keys);

/// Fills again and again until all is known, as servers do that come back; false after a minute.
[[nodiscard]] bool FillUntilKnown(SeenCache& cache, const std::vector<SeenItem>& items);

/// A cache under test, with whatever it lives in.
class SeenCacheUnderTest {
 public:
  virtual ~SeenCacheUnderTest() = default;
  [[nodiscard]] virtual SeenCache& cache() = 0;
};

struct SeenCacheMaker {
  std::string name;
  std::function<std::unique_ptr<SeenCacheUnderTest>()> make;
};

/// What every SeenCache must do. Instantiate it beside each implementation, as StoreConformance.
class SeenCacheConformance : public testing::TestWithParam<SeenCacheMaker> {
 protected:
  [[nodiscard]] SeenCache& cache() { return under_test_->cache(); }

 private:
  std::unique_ptr<SeenCacheUnderTest> under_test_ = GetParam().make();
};

}  // namespace itemgate
