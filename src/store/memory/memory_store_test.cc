#include "store/memory/memory_store.h"

#include "testing/manual_executor.h"
#include "testing/store_conformance.h"

namespace itemgate {
namespace {

class MemoryStoreUnderTest final : public StoreUnderTest {
 public:
  ItemStore& store() override { return *store_; }

 private:
  ManualClock clock_;
  std::unique_ptr<ItemStore> store_ = NewMemoryStore(clock_, 1);
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance,
                         testing::Values(StoreMaker{
                             "memory", [] { return std::make_unique<MemoryStoreUnderTest>(); }}));

}  // namespace
}  // namespace itemgate
