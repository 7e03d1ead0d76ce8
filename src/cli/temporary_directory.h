#pragma once

#include <memory>
#include <string>

#include "itemgate/error.h"

namespace itemgate::cli {

/// A fresh directory of this process's own, removed with all that is in it when destroyed.
class TemporaryDirectory {
 public:
  /// Makes one under `parent`, which is created if need be; under $TMPDIR or /tmp if `parent` is empty.
  [[nodiscard]] static Result<std::unique_ptr<TemporaryDirectory>> Make(const std::string& parent);

  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  /// True if it lies in memory, where syncing means nothing.
  [[nodiscard]] bool IsInMemory() const;

 private:
  std::string path_;
};

}  // namespace itemgate::cli
