#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "itemgate/content_key.h"
#include "itemgate/error.h"

namespace itemgate {

/// An item on its way to a backend.
struct BackendItem {
  ContentKey key;
  std::string_view content;
  std::string_view media_type;  // as it was given; may be empty, and any bytes
};

/// An outside system that each item must also reach: slow, failing, and not ours.
///
/// Threads: methods are called from any thread, for many contents at once, but never for one content twice at a time.
/// They return at once and report later. What views show stays valid until `done` was called.
class ItemBackend {
 public:
  /// kFailed: certainly not saved. kUnknown: nobody can know. Every other code counts as kUnknown.
  using SaveDone = std::move_only_function<void(Result<void>)>;
  /// How many items with that content the backend holds.
  using FindDone = std::move_only_function<void(Result<std::uint64_t>)>;

  virtual ~ItemBackend() = default;

  /// Saves one more item, whether or not there is one with that content already. Calls `done` exactly once.
  virtual void SaveItem(const BackendItem& item, SaveDone done) = 0;

  /// Looks for items with that content; sees every save reported as done before. Calls `done` exactly once.
  virtual void FindItemsWithContent(const ContentKey& key, std::string_view content,
                                    FindDone done) = 0;
};

}  // namespace itemgate
