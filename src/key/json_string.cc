#include <bit>
#include <cstdint>

#include "base/bytes.h"
#include "base/utf8.h"
#include "key/json_scan.h"

namespace itemgate {
namespace {

bool IsHighSurrogate(char32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool IsLowSurrogate(char32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

// RFC 7493 section 2.1 forbids the 66 code points that Unicode keeps for ever unassigned.
bool IsNoncharacter(char32_t point) {
  return (point >= 0xFDD0 && point <= 0xFDEF) || (point & 0xFFFE) == 0xFFFE;
}

// The end of the run that starts at `begin` and is copied as it stands: ASCII without controls,
// quote and backslash.
std::size_t PlainRunEnd(std::string_view text, std::size_t begin) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::size_t at = begin;
  for (; at + 8 <= text.size(); at += 8) {
    const auto bytes = LoadLittle<std::uint64_t>(text.data() + at);
    // The top bit of each byte tells; a borrow spoils only bytes above one that is told anyway.
    const std::uint64_t special = ((bytes - kOnes * 0x20) | ((bytes ^ (kOnes * '"')) - kOnes) |
                                   ((bytes ^ (kOnes * '\\')) - kOnes) | bytes) &
                                  (kOnes * 0x80);
    if (special != 0) return at + static_cast<std::size_t>(std::countr_zero(special)) / 8;
  }
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
  }
  return at;
}

void AppendUtf8(char32_t point, std::string& out) {
  const auto continuation = [point](int shift) {
    return static_cast<char>(0x80 | ((point >> shift) & 0x3F));
  };
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out.append({static_cast<char>(0xC0 | (point >> 6)), continuation(0)});
  } else if (point < 0x10000) {
    out.append({static_cast<char>(0xE0 | (point >> 12)), continuation(6), continuation(0)});
  } else {
    out.append({static_cast<char>(0xF0 | (point >> 18)), continuation(12), continuation(6),
                continuation(0)});
  }
}

// RFC 8785 section 3.2.2.2: the shortest escape for what must be escaped, and no escape for
// anything else.
void AppendCanonical(char32_t point, std::string& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  static constexpr std::string_view kNames = "btn\0fr";  // of 8 to 13, but for 11
  if (point == '"' || point == '\\') {
    out.append({'\\', static_cast<char>(point)});
  } else if (point >= 0x20) {
    AppendUtf8(point, out);
  } else if (point >= 8 && point <= 13 && point != 11) {
    out.append({'\\', kNames[point - 8]});
  } else {
    out.append("\\u00").append({kDigits[point >> 4], kDigits[point & 15]});
  }
}

char32_t DecodeUtf8(std::string_view sequence) {
  char32_t point = static_cast<unsigned char>(sequence[0]) & (0x7Fu >> sequence.size());
  for (const char c : sequence.substr(1))
    point = (point << 6) | (static_cast<unsigned char>(c) & 0x3Fu);
  return point;
}

bool RefuseNoncharacter(JsonScan& scan, std::size_t offset) {
  return scan.Refuse(offset, "a Unicode noncharacter, which I-JSON forbids",
                     "remove it (U+FDD0 to U+FDEF, and the last two of each plane)");
}

bool ScanUtf8(JsonScan& scan) {
  const std::size_t length = Utf8SequenceLength(scan.text.substr(scan.at));
  if (length == 0) return scan.Refuse(scan.at, "invalid UTF-8", "encode the text as UTF-8");
  const std::string_view sequence = scan.text.substr(scan.at, length);
  if (IsNoncharacter(DecodeUtf8(sequence))) return RefuseNoncharacter(scan, scan.at);
  scan.canonical.append(sequence);
  scan.at += length;
  return true;
}

// The code unit of the `\uXXXX` at the start of `text`, if there is one.
std::optional<char32_t> UnitOfEscape(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  char32_t unit = 0;
  for (const char c : text.substr(2, 4)) {
    unit <<= 4;
    if (c >= '0' && c <= '9') {
      unit |= static_cast<char32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      unit |= static_cast<char32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      unit |= static_cast<char32_t>(c - 'A' + 10);
    } else {
      return std::nullopt;
    }
  }
  return unit;
}

bool ScanUnicodeEscape(JsonScan& scan) {
  const std::size_t begin = scan.at;
  const auto unit = UnitOfEscape(scan.text.substr(begin));
  if (!unit) {
    return scan.Refuse(begin, "an escape \\u without four hexadecimal digits", "complete it");
  }
  char32_t point = *unit;
  scan.at += 6;
  if (IsHighSurrogate(*unit)) {
    const auto low = UnitOfEscape(scan.text.substr(scan.at));
    if (low && IsLowSurrogate(*low)) {
      point = 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00);
      scan.at += 6;
    }
  }
  if (point >= 0xD800 && point <= 0xDFFF) {
    return scan.Refuse(begin, "a lone surrogate, which is no character",
                       "write both halves of the pair, or remove it");
  }
  if (IsNoncharacter(point)) return RefuseNoncharacter(scan, begin);
  AppendCanonical(point, scan.canonical);
  return true;
}

bool ScanEscape(JsonScan& scan) {
  static constexpr std::string_view kEscapes = "\"\\/bfnrt";
  static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const char kind = scan.at + 1 < scan.text.size() ? scan.text[scan.at + 1] : '\0';
  if (kind == 'u') return ScanUnicodeEscape(scan);
  const std::size_t which = kEscapes.find(kind);
  if (which == std::string_view::npos) {
    return scan.Refuse(scan.at, "an escape that JSON does not have",
                       "use one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
  }
  AppendCanonical(static_cast<unsigned char>(kMeanings[which]), scan.canonical);
  scan.at += 2;
  return true;
}

}  // namespace

bool ScanString(JsonScan& scan) {
  const std::size_t begin = scan.at++;
  scan.canonical.push_back('"');
  for (;;) {
    const std::size_t end = PlainRunEnd(scan.text, scan.at);
    scan.canonical.append(scan.text.substr(scan.at, end - scan.at));
    scan.at = end;
    if (scan.AtEnd()) return scan.Refuse(begin, "a string without end", "close it with a quote");
    const auto byte = static_cast<unsigned char>(scan.Next());
    if (byte == '"') break;
    if (byte < 0x20) {
      return scan.Refuse(scan.at, "a bare control character in a string",
                         "escape it (line feed: \\n, others: \\u00XX)");
    }
    if (byte == '\\' ? !ScanEscape(scan) : !ScanUtf8(scan)) return false;
  }
  scan.canonical.push_back('"');
  ++scan.at;
  return true;
}

}  // namespace itemgate
