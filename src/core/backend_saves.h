#pragma once

#include <functional>

#include "core/group_commit.h"
#include "itemgate/backend.h"
#include "itemgate/error.h"
#include "itemgate/store.h"

namespace itemgate {

/// What the backend is given of an insertion.
[[nodiscard]] inline BackendItem BackendItemOf(const Insertion& insertion) {
  return {.key = insertion.key, .content = insertion.content, .media_type = insertion.media_type};
}

/// Sees to it that the backend has an item, and only then saves it here.
///
/// Threads: any. Every save must have ended before it is destroyed.
class BackendSaves {
 public:
  using Done = std::move_only_function<void(Result<void>)>;

  virtual ~BackendSaves() = default;

  /// Fills the insertion in, as a store does. kFailed: nothing was saved; kUnknown: nobody knows. The insertion and its
  /// views must live until `done` is called, once.
  virtual void Save(Insertion& insertion, Done done) = 0;
};

/// Saves through a backend that nobody but this process gives contents to: a restart proves the earlier owner dead, so
/// asking the backend before it is given anything is enough. May block on the disk.
class UnsharedSaves final : public BackendSaves {
 public:
  /// All must outlive it.
  UnsharedSaves(ItemStore& store, ItemBackend& backend, GroupCommit& group_commit)
      : store_(store), backend_(backend), group_commit_(group_commit) {}

  void Save(Insertion& insertion, Done done) override;

 private:
  ItemStore& store_;
  ItemBackend& backend_;
  GroupCommit& group_commit_;
};

}  // namespace itemgate
