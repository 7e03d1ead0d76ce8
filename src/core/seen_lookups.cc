#include "core/seen_lookups.h"

#include <algorithm>
#include <utility>

#include "core/answers.h"

namespace itemgate {
namespace {

using Ids = std::vector<std::optional<ItemId>>;

}  // namespace

bool SeenLookups::ShouldLook(std::size_t key_count) {
  const bool looks = policy_.ShouldLook(key_count);
  if (!looks) skipped_.fetch_add(key_count, std::memory_order_relaxed);
  return looks;
}

void SeenLookups::Look(std::vector<ContentKey> keys, Found found) {
  const std::size_t count = keys.size();
  const auto answers =
      Answers<Ids>::Await(parts_.executor, time_max_, 1,
                          [this, count, since = parts_.clock.Now(),
                           told = std::move(found)](std::vector<std::optional<Ids>> all) mutable {
                            Ids ids = std::move(all.front()).value_or(Ids());
                            ids.resize(count);  // what has no answer is not known
                            const auto hits = static_cast<std::size_t>(std::ranges::count_if(
                                ids, [](const auto& id) { return id.has_value(); }));
                            policy_.Looked(count, hits, parts_.clock.Now() - since);
                            told(std::move(ids));
                          });
  parts_.cache.Look(std::move(keys), [answers](Ids ids) { answers->Put(0, std::move(ids)); });
}

void SeenLookups::Saved(std::size_t item_count, Duration time, std::span<const SeenItem> saved) {
  policy_.Saved(item_count, time);
  if (!saved.empty()) parts_.cache.Fill(saved);
}

SeenCacheStatistics SeenLookups::Statistics() const {
  SeenCacheStatistics statistics = parts_.cache.Statistics();
  statistics.skipped += skipped_.load(std::memory_order_relaxed);
  return statistics;
}

}  // namespace itemgate
