// A bug put in on purpose: no seed shows it, and a mutation must. If it is not found, neither would be a real one.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "key/canonical_json.h"
#include "property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto canonical = itemgate::CanonicalJson(text);
  itemgate::Require(!canonical || !canonical->contains("[-"), "the canary sings");
  return 0;
}
