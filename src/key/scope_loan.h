#pragma once

#include <string_view>
#include <utility>

#include "itemgate/error.h"
#include "itemgate/scope.h"

namespace itemgate {

/// A scope to look something up in. A name that the process does not know is known as long as the loan lives, so that
/// asking for ever new names fills no table.
///
/// Two loans of one unknown name are two scopes; whoever looks up under them finds what a store knows by the name, and
/// nothing that came to this process after the loan. Never to be saved under. Threads: as for any value; the scope may
/// be used from any thread, but not after the loan.
class ScopeLoan {
 public:
  /// The scope called "default".
  ScopeLoan() = default;
  ScopeLoan(ScopeLoan&& other) noexcept
      : scope_(other.scope_), is_lent_(std::exchange(other.is_lent_, false)) {}
  ScopeLoan& operator=(ScopeLoan&& other) noexcept {
    std::swap(scope_, other.scope_);
    std::swap(is_lent_, other.is_lent_);
    return *this;
  }
  ~ScopeLoan();

  /// Fails with kInvalidArgument as Scope::Named does, and with kBusy while too many names are lent.
  [[nodiscard]] static Result<ScopeLoan> Named(std::string_view name);

  [[nodiscard]] Scope scope() const { return scope_; }

 private:
  ScopeLoan(Scope scope, bool is_lent) : scope_(scope), is_lent_(is_lent) {}

  Scope scope_;
  bool is_lent_ = false;  // goes back to the table
};

}  // namespace itemgate
