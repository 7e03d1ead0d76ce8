// Whatever bytes come: no crash. If they are accepted, the canonical form is its own canonical form and UTF-8, its
// names are in order, and simdjson, a parser of other people, reads the same value from it as from what came.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "itemgate/error.h"
#include "key/canonical_json.h"
#include "property.h"

namespace itemgate {
namespace {

using simdjson::dom::element;

// simdjson refuses integers beyond 64 bits; we know which integers a double keeps.
bool HasLongInteger(std::string_view text) {
  std::size_t digits = 0;
  for (const char c : text) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits > 18) return true;
  }
  return false;
}

std::u16string Utf16(std::string_view utf8) {
  std::u16string units;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[i++]);
    const int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    char32_t point = more == 0 ? lead : lead & (0x3Fu >> more);
    for (int k = 0; k < more; ++k)
      point = point << 6 | (static_cast<unsigned char>(utf8[i++]) & 0x3F);
    if (point >= 0x10000) {
      units.push_back(static_cast<char16_t>(0xD800 + ((point - 0x10000) >> 10)));
      point = 0xDC00 + ((point - 0x10000) & 0x3FF);
    }
    units.push_back(static_cast<char16_t>(point));
  }
  return units;
}

bool IsSame(element canonical, element original);

bool IsSameArray(simdjson::dom::array canonical, simdjson::dom::array original) {
  auto other = original.begin();
  for (const element value : canonical) {
    if (other == original.end() || !IsSame(value, *other)) return false;
    ++other;
  }
  return !(other != original.end());
}

bool IsSameObject(simdjson::dom::object canonical, simdjson::dom::object original) {
  std::u16string before;
  bool first = true;
  for (const auto [name, value] : canonical) {
    std::u16string units = Utf16(name);
    Require(first || before < units, "names are in the order of their UTF-16 code units");
    first = false;
    before = std::move(units);
    element other;
    if (original.at_key(name).get(other) != simdjson::SUCCESS || !IsSame(value, other))
      return false;
  }
  return canonical.size() == original.size();
}

bool IsSame(element canonical, element original) {
  if (canonical.is_number()) {
    return original.is_number() && canonical.get_double().value() == original.get_double().value();
  }
  if (canonical.type() != original.type()) return false;
  if (canonical.is_array()) return IsSameArray(canonical, original);
  if (canonical.is_object()) return IsSameObject(canonical, original);
  if (canonical.is_string()) {
    return std::string_view(canonical.get_string().value()) == original.get_string().value();
  }
  return canonical.is_null() || canonical.get_bool().value() == original.get_bool().value();
}

void Examine(std::string_view text) {
  const auto canonical = CanonicalJson(text);
  if (!canonical) {
    Require(canonical.error().code == ErrorCode::kNotCanonical, "a refusal says what kind it is");
    return;
  }
  const auto again = CanonicalJson(*canonical);
  Require(again.has_value(), "a canonical form is accepted");
  Require(*again == *canonical, "a canonical form is its own canonical form");
  Require(simdjson::validate_utf8(*canonical), "a canonical form is UTF-8");
  if (HasLongInteger(text) || HasLongInteger(*canonical)) return;

  simdjson::dom::parser canonical_parser;
  simdjson::dom::parser original_parser;
  element canonical_value;
  element original_value;
  const simdjson::padded_string original(text);
  Require(original_parser.parse(original).get(original_value) == simdjson::SUCCESS,
          "simdjson accepts what we accept");
  Require(canonical_parser.parse(*canonical).get(canonical_value) == simdjson::SUCCESS,
          "simdjson accepts a canonical form");
  Require(IsSame(canonical_value, original_value), "a canonical form has the same value");
}

}  // namespace
}  // namespace itemgate

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  itemgate::Examine({reinterpret_cast<const char*>(data), size});
  return 0;
}
