#include "store/postgres/insert_batch.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "postgres/sql_error.h"
#include "store/postgres/travel_time.h"

namespace itemgate {
namespace {

using postgres::ArrayBuilder;
using postgres::ElementType;
using postgres::Failure;
using postgres::Fate;

struct ByKey {
  std::size_t operator()(const ContentKey* key) const { return ContentKeyHash{}(*key); }
  bool operator()(const ContentKey* a, const ContentKey* b) const { return *a == *b; }
};

}  // namespace

InsertBatch::InsertBatch(std::span<Insertion* const> batch, const Options& options)
    : options_(options) {
  std::unordered_map<const ContentKey*, std::size_t, ByKey, ByKey> places;
  places.reserve(batch.size());
  distinct_.reserve(batch.size());
  for (Insertion* insertion : batch) {
    const auto [place, is_new] = places.try_emplace(&insertion->key, distinct_.size());
    if (!is_new) {
      repeats_.push_back({.insertion = insertion, .first = place->second});
      continue;
    }
    distinct_.push_back(insertion);
    content_bytes_ += insertion->content.size();
  }
}

postgres::Parameters InsertBatch::MakeParameters(std::int64_t generation) const {
  const std::size_t count = distinct_.size();
  ArrayBuilder digests(ElementType::kBytes, count, count * sizeof(Digest));
  ArrayBuilder scopes(ElementType::kText, count);
  ArrayBuilder lengths(ElementType::kInteger, count, count * sizeof(std::int64_t));
  ArrayBuilder media_types(ElementType::kBytes, count);
  ArrayBuilder contents(ElementType::kBytes, count, content_bytes_);
  for (const Insertion* insertion : distinct_) {
    const auto& digest = insertion->key.digest.bytes;
    digests.Add({reinterpret_cast<const char*>(digest.data()), digest.size()});
    scopes.Add(insertion->key.scope.name());
    lengths.Add(std::int64_t{insertion->key.length});
    media_types.Add(insertion->media_type);
    contents.Add(insertion->content);
  }
  postgres::Parameters parameters;
  parameters.AddWire(digests.Take())
      .AddWire(scopes.Take())
      .AddWire(lengths.Take())
      .AddWire(media_types.Take())
      .AddWire(contents.Take())
      .Add(options_.attempt)
      .Add(std::int64_t{in_doubt_})
      .Add(generation);
  return parameters;
}

Instant InsertBatch::Deadline() const {
  return options_.deadline + 2 * TravelTimeOf(content_bytes_);
}

Instant InsertBatch::TryDeadline(Instant now) const {
  return std::min(Deadline(), now + options_.try_timeout + TravelTimeOf(content_bytes_));
}

bool InsertBatch::is_long() const { return TravelTimeOf(content_bytes_) >= kLongTravel; }

postgres::IfUnreachable InsertBatch::if_unreachable() const {
  return in_doubt_ ? postgres::IfUnreachable::kWait : postgres::IfUnreachable::kFail;
}

Result<InsertBatch::Next> InsertBatch::Take(const std::expected<Ids, Failure>& answer,
                                            Instant now) {
  ++tries_;
  return answer ? Fill(*answer) : AfterFailure(answer.error(), now);
}

Result<InsertBatch::Next> InsertBatch::Fill(const Ids& ids) {
  if (ids.size() != distinct_.size() ||
      std::ranges::any_of(ids, [](const auto& id) { return !id || *id == 0; }))
    return Fail(ErrorCode::kUnknown,
                "the database did not tell the id of every item; its function insert_items is not "
                "the one that `itemgate migrate` made");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Insertion& insertion = *distinct_[i];
    const std::int64_t id = *ids[i];
    insertion.created = id < 0;
    insertion.id = ItemId{static_cast<std::uint64_t>(insertion.created ? -id : id)};
    made_count_ += insertion.created ? 1 : 0;
    last_id_ = std::max(last_id_, insertion.id);
  }
  for (const Repeat& repeat : repeats_) {
    repeat.insertion->created = false;
    repeat.insertion->id = distinct_[repeat.first]->id;
  }
  return Next::kDone;
}

Result<InsertBatch::Next> InsertBatch::AfterFailure(const Failure& failure, Instant now) {
  const bool may_try_again = tries_ < options_.tries_max && now < Deadline();
  switch (failure.fate) {
    case Fate::kDoubtful:  // asking again would find it, and call it safe
      return std::unexpected(failure.error);
    case Fate::kUnknown:
      in_doubt_ = true;
      if (may_try_again) return Next::kTryAgain;
      break;
    case Fate::kLostRace:
      if (may_try_again) return Next::kTryAgain;
      break;
    case Fate::kNotSent:
    case Fate::kRefused:
      break;
  }
  // An earlier try may still be under way in the server, whatever became of this one.
  if (in_doubt_) return Fail(ErrorCode::kUnknown, failure.error.message);
  // Never the fault of a content, so that it is not rejected.
  return std::unexpected(postgres::WhileServing(failure.error));
}

}  // namespace itemgate
