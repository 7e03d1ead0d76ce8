#include "server/request_head.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>

#include "http/ascii.h"

namespace itemgate::server {
namespace {

constexpr std::array<std::string_view, kHeaderCount> kNames = {
    "Accept",       "Content-Digest", "Content-Encoding", "Content-Type", "Idempotency-Key",
    "If-In-Flight", "If-None-Match",  "Item-Media-Type",  "Item-Scope",   "Last-Event-ID",
    "Prefer",       "Repr-Digest",    "Request-Timeout",  "traceparent",  "X-Request-Id"};

constexpr std::uint32_t kLists = std::uint32_t{1} << static_cast<std::uint32_t>(Header::kAccept) |
                                 std::uint32_t{1} << static_cast<std::uint32_t>(Header::kPrefer) |
                                 std::uint32_t{1}
                                     << static_cast<std::uint32_t>(Header::kIfNoneMatch);

/// For each length of a name, which headers have it: most fields of a request are ruled out by their length alone.
constexpr std::size_t kNameBytesMax = 16;
constexpr auto kOfLength = [] {
  std::array<std::uint32_t, kNameBytesMax + 1> headers{};
  for (std::size_t i = 0; i < kHeaderCount; ++i) headers[kNames[i].size()] |= std::uint32_t{1} << i;
  return headers;
}();

/// Calls `visit` for each part between separators that stand outside quotes, without the spaces around it.
template <typename Visit>
void ForEachPart(std::string_view list, char separator, const Visit& visit) {
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && quoted && list[i] == '\\') {
      ++i;
    } else if (i < list.size() && list[i] == '"') {
      quoted = !quoted;
    } else if (i == list.size() || (!quoted && list[i] == separator)) {
      const std::string_view part = Trimmed(list.substr(begin, i - begin));
      if (!part.empty()) visit(part);
      begin = i + 1;
    }
    if (i > list.size()) break;
  }
}

/// Calls `visit` for each member of a list header, whether it stands in one line or in several.
template <typename Visit>
void ForEachMember(const RequestHead& head, Header header, const Visit& visit) {
  if (!head.IsRepeated(header)) return ForEachPart(head[header], ',', visit);
  for (const http::Field& field : head.request().fields) {
    if (http::EqualsIgnoringCase(field.name, NameOf(header))) ForEachPart(field.value, ',', visit);
  }
}

struct NameAndValue {
  std::string_view name;
  std::string_view value;
};

NameAndValue SplitParameter(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {.name = Trimmed(text), .value = {}};
  std::string_view value = Trimmed(text.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return {.name = Trimmed(text.substr(0, equals)), .value = value};
}

/// How closely a media range fits: 0 not at all, 1 "*/*", 2 "text/*", 3 the type itself.
int Closeness(std::string_view range, std::string_view media_type) {
  if (range == "*/*") return 1;
  if (http::EqualsIgnoringCase(range, media_type)) return 3;
  const std::string_view major = media_type.substr(0, media_type.find('/') + 1);
  return range.ends_with("/*") && http::EqualsIgnoringCase(range.substr(0, range.size() - 1), major)
             ? 2
             : 0;
}

bool IsHex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string_view NameOf(Header header) { return kNames[static_cast<std::size_t>(header)]; }

RequestHead::RequestHead(const http::Request& request) : request_(&request) {
  for (const http::Field& field : request.fields) {
    if (field.name.size() > kNameBytesMax) continue;
    for (std::uint32_t left = kOfLength[field.name.size()]; left != 0; left &= left - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(left));
      // Names of one length mostly begin alike and end differently.
      if (http::LowerAscii(field.name.back()) != http::LowerAscii(kNames[i].back()) ||
          !http::EqualsIgnoringCase(field.name, kNames[i]))
        continue;
      const std::uint32_t bit = std::uint32_t{1} << i;
      if ((present_ & bit) == 0) values_[i] = field.value;
      repeated_ |= present_ & bit;
      present_ |= bit;
      break;
    }
  }
}

std::optional<Header> RequestHead::RepeatedSingle() const {
  const std::uint32_t repeated = repeated_ & ~kLists;
  if (repeated == 0) return std::nullopt;
  return static_cast<Header>(std::countr_zero(repeated));
}

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string_view MediaTypeEssence(std::string_view media_type) {
  return Trimmed(media_type.substr(0, media_type.find(';')));
}

bool IsUtf8Charset(std::string_view media_type) {
  bool is_utf8 = true;
  ForEachPart(media_type, ';', [&](std::string_view part) {
    const auto [name, value] = SplitParameter(part);
    if (http::EqualsIgnoringCase(name, "charset") && !http::EqualsIgnoringCase(value, "utf-8"))
      is_utf8 = false;
  });
  return is_utf8;
}

bool Accepts(const RequestHead& head, std::string_view media_type) {
  if (!head.Has(Header::kAccept)) return true;
  int closest = 0;
  bool accepted = false;
  ForEachMember(head, Header::kAccept, [&](std::string_view range) {
    const int closeness = Closeness(MediaTypeEssence(range), media_type);
    if (closeness <= closest) return;
    closest = closeness;
    accepted = true;
    ForEachPart(range, ';', [&](std::string_view part) {
      const auto [name, value] = SplitParameter(part);
      if (http::EqualsIgnoringCase(name, "q"))
        accepted = value.find_first_not_of("0.") != std::string_view::npos;
    });
  });
  return accepted;
}

Preferences ParsePreferences(const RequestHead& head) {
  Preferences preferences;
  if (!head.Has(Header::kPrefer)) return preferences;
  ForEachMember(head, Header::kPrefer, [&](std::string_view preference) {
    const auto [name, value] = SplitParameter(preference.substr(0, preference.find(';')));
    if (http::EqualsIgnoringCase(name, "respond-async")) preferences.respond_async = true;
    if (http::EqualsIgnoringCase(name, "wait") && !preferences.wait)
      preferences.wait = ParseSeconds(value);
  });
  return preferences;
}

std::optional<Duration> ParseSeconds(std::string_view text) {
  constexpr double kYearSeconds = 365.0 * 24 * 3600;
  double seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds, std::chars_format::fixed);
  if (error != std::errc() || stop != end || text.front() == '-' || !std::isfinite(seconds))
    return std::nullopt;
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::min(seconds, kYearSeconds) * 1000));
}

std::string AllLinesOf(const RequestHead& head, Header header) {
  std::string all;
  ForEachMember(head, header, [&](std::string_view member) {
    all.append(all.empty() ? "" : ", ").append(member);
  });
  return all;
}

bool ListsEntityTag(std::string_view list, std::string_view tag) {
  bool listed = false;
  ForEachPart(list, ',', [&](std::string_view member) {
    if (member.starts_with("W/")) member.remove_prefix(2);
    listed = listed || member == tag || member == "*";
  });
  return listed;
}

std::string_view TraceIdOf(const RequestHead& head) {
  // 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
  const std::string_view text = head[Header::kTraceparent];
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  if (!IsHex(text.substr(0, 2)) || text.starts_with("ff") || !IsHex(text.substr(53, 2))) return {};
  if (text.starts_with("00") ? text.size() != 55 : text.size() > 55 && text[55] != '-') return {};
  const std::string_view trace_id = text.substr(3, 32);
  const std::string_view parent_id = text.substr(36, 16);
  const auto is_id = [](std::string_view id) {
    return IsHex(id) && id.find_first_not_of('0') != std::string_view::npos;
  };
  return is_id(trace_id) && is_id(parent_id) ? trace_id : std::string_view{};
}

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7F'; });
}

}  // namespace itemgate::server
