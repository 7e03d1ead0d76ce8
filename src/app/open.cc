#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "itemgate/itemgate.h"
#include "net/thread_executor.h"
#include "store/embedded/embedded_store.h"
#include "store/memory/memory_store.h"

namespace itemgate {
namespace {

class LocalItemgate final : public Itemgate {
 public:
  explicit LocalItemgate(std::uint64_t seed) : seed_(seed) {}

  ~LocalItemgate() override {
    service_.reset();  // ends what is under way, for which it needs all the rest
    committer_.Stop();
    executor_.Stop();
    background_.Stop();
  }

  Result<void> Start(const OpenOptions& options) {
    if (options.directory.empty()) {
      store_ = NewMemoryStore(clock_, seed_);
    } else {
      auto opened = EmbeddedStore::Open(
          {.files = files_, .clock = clock_, .background = background_},
          {.directory = options.directory, .must_exist = options.must_exist, .seed = seed_});
      if (!opened) return std::unexpected(opened.error());
      embedded_ = opened->get();
      store_ = std::move(*opened);
    }
    service_ = std::make_unique<ItemIntegrationService>(ServiceParts{.store = *store_,
                                                                     .backend = options.backend,
                                                                     .clock = clock_,
                                                                     .executor = executor_,
                                                                     .committer = committer_,
                                                                     .seed = seed_,
                                                                     .on_saved = options.on_saved},
                                                        options.service);
    return {};
  }

  ItemIntegrationService& service() override { return *service_; }
  StoreStatistics StoreStatisticsNow() const override { return store_->Statistics(); }

  Result<VerifyReport> Verify(std::move_only_function<void(std::uint64_t)> progress) override {
    if (embedded_ == nullptr)
      return Fail(ErrorCode::kUnsupported, "a store in memory has nothing on disk to verify");
    return embedded_->Verify(std::move(progress));
  }

 private:
  const std::uint64_t seed_;
  PosixFileSystem files_;
  SystemClock clock_;
  ThreadExecutor executor_{"itemgate", 1};
  ThreadExecutor committer_{"committer", 1};
  ThreadExecutor background_{"background", 1};
  std::unique_ptr<ItemStore> store_;
  EmbeddedStore* embedded_ = nullptr;  // store_, if it is embedded
  std::unique_ptr<ItemIntegrationService> service_;
};

}  // namespace

Result<std::unique_ptr<Itemgate>> Open(const OpenOptions& options) {
  if (options.service.content_bytes_max > kContentBytesLimit)
    return Fail(ErrorCode::kInvalidArgument, "the limit of a content's size can be at most 1 GiB");
  auto itemgate = std::make_unique<LocalItemgate>(UnpredictableSeed());
  if (auto started = itemgate->Start(options); !started) return std::unexpected(started.error());
  return itemgate;
}

}  // namespace itemgate
