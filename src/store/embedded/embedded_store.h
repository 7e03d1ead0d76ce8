#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "itemgate/itemgate.h"
#include "itemgate/store.h"
#include "net/executor.h"

namespace itemgate {

/// The durable store of one server: an item log, written once, and a key index that can be rebuilt from it.
///
/// Insert blocks until the disk has it and reports before it returns; concurrent Inserts take turns, so gather them.
/// After an error of the disk (not a full one) it refuses to insert until it is opened anew, for nobody knows then what
/// is on the disk; reading goes on.
class EmbeddedStore : public ItemStore {
 public:
  struct Options {
    std::string directory;
    bool must_exist = false;
    std::uint64_t seed = 0;  // unpredictable; also becomes the id of a new store
    std::uint64_t segment_bytes = 256 << 20;
    std::size_t run_keys = 430'000;
  };

  /// What it runs on. All must outlive the store, and `background` must be stopped before it is destroyed.
  struct Parts {
    FileSystem& files;
    const Clock& clock;
    Executor& background;
  };

  /// Opens or creates a store, and reads into the index what a crash kept from it.
  [[nodiscard]] static Result<std::unique_ptr<EmbeddedStore>> Open(Parts parts, Options options);

  /// Proves that log and index say the same (see Itemgate::Verify).
  [[nodiscard]] virtual Result<VerifyReport> Verify(
      std::move_only_function<void(std::uint64_t)> progress) = 0;
};

}  // namespace itemgate
