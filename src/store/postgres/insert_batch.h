#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "itemgate/error.h"
#include "itemgate/store.h"
#include "postgres/command.h"
#include "postgres/parameters.h"

namespace itemgate {

/// One batch on its way into the database: what to ask, and what to make of the answer. Sans I/O. One thread at a time.
///
/// A batch may be sent again as often as one likes, for each content is saved once; and since every attempt is kept
/// with the items it made, an answer that was lost is found out by asking again: what this attempt made is created,
/// even if the first answer never came.
class InsertBatch {
 public:
  struct Options {
    std::int64_t attempt = 0;  // never used before: random
    Instant deadline{};        // of all tries together, but for the time that the contents travel
    Duration try_timeout{};    // of one, likewise
    int tries_max = 10;
  };

  /// The insertions must outlive it. REQUIRES: at least one.
  InsertBatch(std::span<Insertion* const> batch, const Options& options);

  /// Bytes of content; those that came twice count once.
  [[nodiscard]] std::size_t content_bytes() const { return content_bytes_; }
  /// How many items it made; known once it is done.
  [[nodiscard]] std::size_t made_count() const { return made_count_; }
  [[nodiscard]] ItemId last_id() const { return last_id_; }

  /// The parameters of kInsertItems. Under another generation nothing is inserted.
  [[nodiscard]] postgres::Parameters MakeParameters(std::int64_t generation) const;
  [[nodiscard]] Instant TryDeadline(Instant now) const;
  /// See postgres::Command.
  [[nodiscard]] bool is_long() const;
  [[nodiscard]] postgres::IfUnreachable if_unreachable() const;

  /// For each distinct content the id of its item, negative if this attempt made it.
  using Ids = std::vector<std::optional<std::int64_t>>;

  enum class Next : std::uint8_t {
    kDone,      // all insertions are filled in
    kTryAgain,  // the same, at once
  };
  /// What to do after one try; an error is the answer to the caller.
  [[nodiscard]] Result<Next> Take(const std::expected<Ids, postgres::Failure>& answer, Instant now);

 private:
  struct Repeat {
    Insertion* insertion;
    std::size_t first;  // in distinct_
  };

  [[nodiscard]] Instant Deadline() const;
  [[nodiscard]] Result<Next> Fill(const Ids& ids);
  [[nodiscard]] Result<Next> AfterFailure(const postgres::Failure& failure, Instant now);

  const Options options_;
  std::vector<Insertion*> distinct_;
  std::vector<Repeat> repeats_;
  std::size_t content_bytes_ = 0;
  std::size_t made_count_ = 0;
  ItemId last_id_;
  int tries_ = 0;
  bool in_doubt_ = false;  // a try was sent and not answered
};

}  // namespace itemgate
