#include "testing/memory_seen_cache.h"
#include "testing/seen_cache_conformance.h"

namespace itemgate {
namespace {

class MemoryCacheUnderTest final : public SeenCacheUnderTest {
 public:
  SeenCache& cache() override { return cache_; }

 private:
  MemorySeenCache cache_;
};

INSTANTIATE_TEST_SUITE_P(Memory, SeenCacheConformance,
                         testing::Values(SeenCacheMaker{
                             "memory", [] { return std::make_unique<MemoryCacheUnderTest>(); }}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace itemgate
