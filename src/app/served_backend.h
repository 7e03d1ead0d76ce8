#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "config/settings.h"
#include "itemgate/backend.h"
#include "net/executor.h"

namespace itemgate {

/// The backend that the settings name. Errors end with the flag at fault.
class ServedBackend {
 public:
  /// True if they name one.
  [[nodiscard]] static bool IsIn(const config::Settings& settings);
  /// Descriptors that it will take.
  [[nodiscard]] static std::size_t FilesMax(const config::Settings& settings);

  /// Reads the files that belong to it, and connects to nobody yet. Clock and executor must outlive it. REQUIRES: IsIn.
  [[nodiscard]] static Result<std::unique_ptr<ServedBackend>> Make(const config::Settings& settings,
                                                                   const Clock& clock,
                                                                   Executor& executor);
  virtual ~ServedBackend() = default;

  [[nodiscard]] virtual ItemBackend& backend() = 0;

  /// Reads again what may have changed: backend.headers_file. After a failure all stays as it was.
  [[nodiscard]] virtual Result<void> Reload() = 0;
};

}  // namespace itemgate
