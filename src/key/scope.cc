#include "itemgate/scope.h"

#include "key/scope_loan.h"
#include "key/scope_table.h"

namespace itemgate {
namespace {

ScopeTable& Table() {
  // Never destroyed: a handle may be used while static objects are being destroyed.
  static ScopeTable& table = *new ScopeTable;
  return table;
}

}  // namespace

Result<Scope> Scope::Named(std::string_view name) {
  if (name == kDefaultName) return Scope();
  const auto index = Table().Intern(name);
  if (!index) return std::unexpected(index.error());
  return Scope(*index);
}

Result<ScopeLoan> ScopeLoan::Named(std::string_view name) {
  if (name == Scope::kDefaultName) return ScopeLoan();
  const auto found = Table().FindOrLend(name);
  if (!found) return std::unexpected(found.error());
  return ScopeLoan(Scope(found->index), found->is_lent);
}

ScopeLoan::~ScopeLoan() {
  if (is_lent_) Table().TakeBack(scope_.index_);
}

std::string_view Scope::name() const { return is_default() ? kDefaultName : Table().Name(index_); }

KeyStrategy Scope::strategy() const {
  return name().ends_with("+json") ? KeyStrategy::kJson : KeyStrategy::kBytes;
}

}  // namespace itemgate
