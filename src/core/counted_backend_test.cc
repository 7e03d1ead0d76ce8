#include "core/counted_backend.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

/// Answers at once what it is told to.
class ToldBackend final : public ItemBackend {
 public:
  void SaveItem(const BackendItem&, SaveDone done) override { done(saved); }
  void FindItemsWithContent(const ContentKey&, std::string_view, FindDone done) override {
    done(found);
  }
  Result<void> saved;
  Result<std::uint64_t> found = 0;
};

TEST(CountedBackend, CountsWhatItSaysAndSaysTheSame) {
  ToldBackend told;
  CountedBackend backend(told);
  for (const Result<void>& answer :
       {Result<void>(), Result<void>(Fail(ErrorCode::kFailed, "no")),
        Result<void>(Fail(ErrorCode::kUnknown, "lost")), Result<void>(Fail(ErrorCode::kIo, "?"))}) {
    told.saved = answer;
    backend.SaveItem(
        {}, [&](const Result<void>& saved) { EXPECT_EQ(saved.has_value(), answer.has_value()); });
  }
  for (const Result<std::uint64_t>& answer :
       {Result<std::uint64_t>(0), Result<std::uint64_t>(1), Result<std::uint64_t>(2),
        Result<std::uint64_t>(Fail(ErrorCode::kUnknown, "?"))}) {
    told.found = answer;
    backend.FindItemsWithContent({}, "", [&](const Result<std::uint64_t>& found) {
      EXPECT_EQ(found.value_or(99), answer.value_or(99));
    });
  }
  const BackendStatistics counted = backend.Statistics();
  EXPECT_EQ(counted.saved, 1U);
  EXPECT_EQ(counted.failed, 1U);
  EXPECT_EQ(counted.unknown, 2U);
  EXPECT_EQ(counted.absent, 1U);
  EXPECT_EQ(counted.found, 2U);
  EXPECT_EQ(counted.found_twice, 1U);
  EXPECT_EQ(counted.not_told, 1U);
}

}  // namespace
}  // namespace itemgate
