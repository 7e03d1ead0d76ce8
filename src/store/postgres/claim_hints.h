#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "itemgate/claim_store.h"
#include "postgres/command.h"

namespace itemgate {

/// What servers tell each other through the database when they end or park a claim: the ClaimNumber, for those who wait
/// for it.
///
/// Threads: any. Failure: none; who hears nothing looks again later.
class ClaimHints {
 public:
  static constexpr std::string_view kChannel = "itemgate_claim";

  /// To be sent in the transaction that changes the claim: it leaves when that is committed.
  [[nodiscard]] static postgres::Statement Telling(const ContentKey& key);

  /// As ClaimStore has it.
  void Watch(ClaimStore::Changed changed) EXCLUDES(mutex_);

  /// What came over the channel; empty: some may have been missed.
  void Heard(std::string_view payload) EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::vector<ClaimStore::Changed> watchers_ GUARDED_BY(mutex_);
};

}  // namespace itemgate
