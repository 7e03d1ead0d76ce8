#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "itemgate/error.h"
#include "postgres/command.h"
#include "postgres/pool.h"

namespace itemgate::postgres {

/// A PostgreSQL database, from any thread: a pool of connections on an event loop and a thread of its own.
///
/// Failure: those of commands. Closing (the destructor) fails what is under way. `clock` must outlive it.
class Client {
 public:
  /// Connects to nothing yet: the pool does, and reports through the commands. Fails with kInvalidArgument if the URL
  /// is not one that libpq can read.
  [[nodiscard]] static Result<std::unique_ptr<Client>> Make(const Clock& clock,
                                                            PoolOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Fails what is under way, ends the thread, and drops what is posted later. Callbacks may still use the client until
  /// it returns. Once; the destructor does it otherwise.
  void Close();

  /// Returns at once; `command.done` is called on the loop's thread.
  void Run(Command command);

  /// Runs it and waits. REQUIRES: not called on the loop's thread, that is, from within a `done`.
  [[nodiscard]] Answer Call(std::vector<Statement> statements, Duration timeout,
                            IfUnreachable if_unreachable = IfUnreachable::kFail);

  [[nodiscard]] bool is_reachable() const;
  /// For tasks that come back now and then.
  [[nodiscard]] Executor& executor();
  [[nodiscard]] Instant Now() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate::postgres
