#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "itemgate/error.h"

struct pg_conn;  // libpq's

namespace itemgate::postgres {

/// One connection for an administrator's work: SQL scripts, one after the other, that block. One thread.
///
/// Closing (the destructor) ends a transaction that was not committed.
class Session {
 public:
  /// No step of connecting takes longer than the timeout; after one that did it begins anew with the next host of the
  /// URL. Fails with kUnavailable; the message says what to do.
  [[nodiscard]] static Result<Session> Open(const std::string& url, Duration connect_timeout);

  /// Runs statements separated by ";". The first value of the last one's first row as text; empty if there is none.
  /// What a script of several statements does happens whole or not at all.
  Result<std::string> Run(const std::string& script);

 private:
  struct Closer {
    void operator()(pg_conn* connection) const;
  };
  explicit Session(pg_conn* connection) : libpq_(connection) {}

  std::unique_ptr<pg_conn, Closer> libpq_;
};

}  // namespace itemgate::postgres
