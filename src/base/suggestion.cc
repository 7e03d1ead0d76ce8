#include "base/suggestion.h"

#include <algorithm>
#include <utility>

namespace itemgate {
namespace {

/// Optimal string alignment distance.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last.back();
}

}  // namespace

std::optional<std::string> NearestName(std::string_view typed,
                                       const std::vector<std::string>& known) {
  const std::size_t distance_max = std::max<std::size_t>(1, typed.size() / 3);
  std::optional<std::string> nearest;
  std::size_t nearest_distance = distance_max + 1;
  for (const std::string& name : known) {
    const std::size_t distance = Distance(typed, name);
    if (distance >= nearest_distance) continue;
    nearest = name;
    nearest_distance = distance;
  }
  if (nearest || typed.find_first_not_of('-') == std::string_view::npos) return nearest;
  const auto longer =
      std::ranges::find_if(known, [&](const auto& n) { return n.starts_with(typed); });
  return longer == known.end() ? std::nullopt : std::optional(*longer);
}

}  // namespace itemgate
