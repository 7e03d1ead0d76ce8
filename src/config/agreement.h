#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace itemgate::config {

/// What a setting expects of the others, and they are not so.
struct Contradiction {
  std::string_view key;
  std::string expected;  // "expected …"
};
[[nodiscard]] std::vector<Contradiction> ContradictionsIn(const Settings& settings);

/// Why the setting of that key changes nothing, because of others; empty if it may.
[[nodiscard]] std::string_view WhyWithoutEffect(std::string_view key, const Settings& settings);

}  // namespace itemgate::config
