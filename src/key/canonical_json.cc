#include "key/canonical_json.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "key/json_name_order.h"
#include "key/json_scan.h"

namespace itemgate {
namespace {

constexpr std::string_view kSendJson =
    "send one JSON value, or use a scope whose name does not end in +json";

// Why no library parses here: simdjson gives one code for all bad strings and one for all bad
// numbers, neither with a place, accepts noncharacters, and refuses integers beyond 64 bits. Two
// parsers, one to accept and one to explain, could disagree; so there is one, and the fuzzer
// compares it with simdjson.
class Canonicalizer {
 public:
  explicit Canonicalizer(std::string_view text) : scan_{.text = text} {
    scan_.canonical.reserve(text.size());
  }

  Result<std::string> Run();

 private:
  // Places in scan_.canonical, but for `source`.
  struct Member {
    std::size_t begin;
    std::size_t name_end;
    std::size_t end;
    std::size_t source;  // of the name, in the text
  };
  // An object whose members stand in another order in the text.
  struct Shuffled {
    std::size_t begin;
    std::size_t end;
    std::size_t first_member;  // in shuffled_members_
    std::size_t member_count;
  };

  bool ScanText();
  bool ScanValue(std::size_t depth);
  bool ScanWord(std::string_view word);
  bool ScanArray(std::size_t depth);
  bool ScanObject(std::size_t depth);
  bool ScanMember(std::size_t depth);
  bool Open(char bracket, std::size_t depth);
  bool Close(char bracket);
  bool RefuseValue();
  bool RefuseEnd();
  bool SortMembers(std::size_t object_begin, std::size_t first_member);
  bool RefuseDuplicate(const Member& a, const Member& b);

  void SkipSpace() {
    while (scan_.Next() == ' ' || scan_.Next() == '\n' || scan_.Next() == '\r' ||
           scan_.Next() == '\t') {
      ++scan_.at;
    }
  }
  // Passes over this byte and writes it, if it is the next one.
  bool Take(char c) {
    if (scan_.Next() != c) return false;
    ++scan_.at;
    scan_.canonical.push_back(c);
    return true;
  }
  [[nodiscard]] std::strong_ordering Compare(const Member& a, const Member& b) const {
    return CompareJsonNames(NameOf(a), NameOf(b));
  }
  [[nodiscard]] std::string_view NameOf(const Member& member) const {
    return std::string_view(scan_.canonical)
        .substr(member.begin + 1, member.name_end - member.begin - 2);
  }
  void AppendInOrder(std::size_t begin, std::size_t end, std::string& out) const;

  JsonScan scan_;
  std::vector<Member> members_;  // of the objects that are open, outermost first
  std::vector<Shuffled> shuffled_;
  std::vector<Member> shuffled_members_;  // each object's in their right order
};

// Objects are put in order at the end, all in one pass: to move each when it closes would move the
// innermost of 512 as many times.
Result<std::string> Canonicalizer::Run() {
  if (!ScanText()) return std::unexpected(std::move(*scan_.error));
  if (shuffled_.empty()) return std::move(scan_.canonical);
  std::ranges::sort(shuffled_, {}, &Shuffled::begin);
  std::string out;
  out.reserve(scan_.canonical.size());
  AppendInOrder(0, scan_.canonical.size(), out);
  return out;
}

bool Canonicalizer::ScanText() {
  if (scan_.text.starts_with("\xEF\xBB\xBF")) {
    return scan_.Refuse(0, "a byte order mark", "remove the first three bytes");
  }
  SkipSpace();
  if (scan_.AtEnd()) return scan_.Refuse(0, "the content is empty", kSendJson);
  if (!ScanValue(0)) return false;
  SkipSpace();
  if (!scan_.AtEnd()) return scan_.Refuse(scan_.at, "trailing bytes after the value", kSendJson);
  return true;
}

// Recurses, but never deeper than kJsonDepthMax.
bool Canonicalizer::ScanValue(std::size_t depth) {
  switch (const char c = scan_.Next(); c) {
    case '{':
      return ScanObject(depth + 1);
    case '[':
      return ScanArray(depth + 1);
    case '"':
      return ScanString(scan_);
    case 't':
      return ScanWord("true");
    case 'f':
      return ScanWord("false");
    case 'n':
      return ScanWord("null");
    default:
      return c == '-' || (c >= '0' && c <= '9') ? ScanNumber(scan_) : RefuseValue();
  }
}

bool Canonicalizer::RefuseValue() {
  if (scan_.AtEnd()) return RefuseEnd();
  if (scan_.Next() == 'N' || scan_.Next() == 'I') {
    return scan_.Refuse(scan_.at, "NaN and Infinity are not JSON", "send null or a string");
  }
  if (scan_.canonical.empty()) return scan_.Refuse(scan_.at, "the content is not JSON", kSendJson);
  return scan_.Refuse(scan_.at, "no JSON value where one should be",
                      "write an object, array, string, number, true, false or null");
}

bool Canonicalizer::RefuseEnd() {
  return scan_.Refuse(scan_.at, "the content ends in the middle of a value", "send all of it");
}

bool Canonicalizer::ScanWord(std::string_view word) {
  if (!scan_.text.substr(scan_.at).starts_with(word)) return RefuseValue();
  scan_.canonical.append(word);
  scan_.at += word.size();
  return true;
}

bool Canonicalizer::Open(char bracket, std::size_t depth) {
  if (depth > kJsonDepthMax) {
    return scan_.Refuse(
        scan_.at,
        "arrays and objects nested deeper than " + std::to_string(kJsonDepthMax) + " levels",
        "flatten the value, or send it as a string");
  }
  Take(bracket);
  SkipSpace();
  return true;
}

bool Canonicalizer::Close(char bracket) {
  if (Take(bracket)) return true;
  if (scan_.AtEnd()) return RefuseEnd();
  return scan_.Refuse(scan_.at, std::string("neither a comma nor ") + bracket,
                      "mend the brackets and commas");
}

bool Canonicalizer::ScanArray(std::size_t depth) {
  if (!Open('[', depth)) return false;
  if (Take(']')) return true;
  do {
    SkipSpace();
    if (!ScanValue(depth)) return false;
    SkipSpace();
  } while (Take(','));
  return Close(']');
}

bool Canonicalizer::ScanObject(std::size_t depth) {
  const std::size_t begin = scan_.canonical.size();
  const std::size_t first_member = members_.size();
  if (!Open('{', depth)) return false;
  if (Take('}')) return true;
  do {
    SkipSpace();
    if (!ScanMember(depth)) return false;
    SkipSpace();
  } while (Take(','));
  return Close('}') && SortMembers(begin, first_member);
}

bool Canonicalizer::ScanMember(std::size_t depth) {
  if (scan_.AtEnd()) return RefuseEnd();
  if (scan_.Next() != '"') {
    return scan_.Refuse(scan_.at, "no member name where one should be",
                        "write it in double quotes; a comma must not be the last");
  }
  Member member{.begin = scan_.canonical.size(), .name_end = 0, .end = 0, .source = scan_.at};
  if (!ScanString(scan_)) return false;
  member.name_end = scan_.canonical.size();
  SkipSpace();
  if (scan_.AtEnd()) return RefuseEnd();
  if (!Take(':')) return scan_.Refuse(scan_.at, "no colon after a member name", "add it");
  SkipSpace();
  if (!ScanValue(depth)) return false;
  member.end = scan_.canonical.size();
  members_.push_back(member);
  return true;
}

bool Canonicalizer::SortMembers(std::size_t object_begin, std::size_t first_member) {
  const std::span own = std::span(members_).subspan(first_member);
  const auto before = [this](const Member& a, const Member& b) { return Compare(a, b) < 0; };
  const auto not_before = [this](const Member& a, const Member& b) { return Compare(a, b) >= 0; };
  if (std::ranges::adjacent_find(own, not_before) != own.end()) {
    std::ranges::sort(own, before);
    const auto twin = std::ranges::adjacent_find(own, not_before);
    if (twin != own.end()) return RefuseDuplicate(twin[0], twin[1]);
    shuffled_.push_back({.begin = object_begin,
                         .end = scan_.canonical.size(),
                         .first_member = shuffled_members_.size(),
                         .member_count = own.size()});
    shuffled_members_.insert(shuffled_members_.end(), own.begin(), own.end());
  }
  members_.resize(first_member);
  return true;
}

bool Canonicalizer::RefuseDuplicate(const Member& a, const Member& b) {
  const auto [first, second] = std::minmax(a.source, b.source);
  return scan_.Refuse(second,
                      "a second member of the same name in one object (the first is at byte " +
                          std::to_string(first) + ")",
                      "rename or remove one");
}

// Appends what was written between these places, with the members of each object in their order.
void Canonicalizer::AppendInOrder(std::size_t begin, std::size_t end, std::string& out) const {
  std::size_t at = begin;
  auto object = std::ranges::lower_bound(shuffled_, at, {}, &Shuffled::begin);
  while (object != shuffled_.end() && object->begin < end) {
    out.append(scan_.canonical, at, object->begin - at).push_back('{');
    for (const Member& member :
         std::span(shuffled_members_).subspan(object->first_member, object->member_count)) {
      AppendInOrder(member.begin, member.end, out);
      out.push_back(',');
    }
    out.back() = '}';
    at = object->end;
    object = std::ranges::lower_bound(object, shuffled_.end(), at, {}, &Shuffled::begin);
  }
  out.append(scan_.canonical, at, end - at);
}

}  // namespace

Result<std::string> CanonicalJson(std::string_view text) { return Canonicalizer(text).Run(); }

}  // namespace itemgate
