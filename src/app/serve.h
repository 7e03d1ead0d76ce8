#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/settings.h"
#include "itemgate/error.h"
#include "itemgate/lock.h"
#include "itemgate/store.h"
#include "net/descriptor.h"
#include "obs/log.h"

namespace itemgate {

/// The running HTTP service: the store, the API in front of it, and the listeners.
///
/// One thread starts, drains and destroys it; it has threads of its own. Knows nothing of signals.
class Serve {
 public:
  struct Parts {
    const Clock& clock;  // these two must outlive it
    LogSink& log_sink;
    std::string version;
    std::vector<Descriptor> inherited;  // listening sockets, instead of those of `listen`
    /// POST /drain was asked for: the owner should call Drain. From any thread, at most once, and not after Drain.
    std::function<void()> drain_requested;
    /// As OpenOptions has it; or null.
    ContentLock* lock = nullptr;
  };

  /// Opens the store and begins to serve. Fails as Open does, and with kIo if it cannot listen.
  [[nodiscard]] static Result<std::unique_ptr<Serve>> Start(const config::Settings& settings,
                                                            Parts parts);
  virtual ~Serve() = default;  // waits for the saves that are under way

  /// "127.0.0.1:8080": where the API and the management listener are, with the ports that the system chose.
  [[nodiscard]] virtual std::vector<std::string> addresses() const = 0;
  [[nodiscard]] virtual std::vector<std::string> management_addresses() const = 0;
  [[nodiscard]] virtual StoreStatistics store_statistics() const = 0;
  [[nodiscard]] virtual Log& log() = 0;

  /// Takes over those settings that can be changed while it runs, and reads the files again that they name. Of a file
  /// that cannot be used the old contents stay.
  [[nodiscard]] virtual Result<void> Reload(const config::Settings& loaded) = 0;
  /// The last attempt to reload failed: for the metrics.
  virtual void ReloadFailed() = 0;

  enum class Drained {
    kAll,  // nothing is under way any more
    kSomethingLeft,  // saves that take longer, whose callers were answered 202; clients that do not take their
                     // answers; or a verification of the store
  };
  /// Ends the service in order: not ready, no new saves or connections, then what was begun is finished; what takes
  /// longer than `drain.time` is handed back. Nothing is served or logged afterwards. After kSomethingLeft the process
  /// may just end: what was acknowledged is durable, and the destructor would wait for the rest.
  [[nodiscard]] virtual Drained Drain() = 0;
};

}  // namespace itemgate
