#include "base/json_text.h"
#include "base/utf8.h"
#include "key/json_scan.h"

namespace itemgate {
namespace {

// RFC 7493 section 2.1 forbids the 66 code points that Unicode keeps for ever unassigned.
bool IsNoncharacter(char32_t point) {
  return (point >= 0xFDD0 && point <= 0xFDEF) || (point & 0xFFFE) == 0xFFFE;
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

bool ScanUnicodeEscape(JsonScan& scan) {
  const std::size_t begin = scan.at;
  const auto escape = JsonUnicodeEscapeAt(scan.text.substr(begin));
  if (!escape) {
    return scan.Refuse(begin, "an escape \\u without four hexadecimal digits", "complete it");
  }
  const char32_t point = escape->point;
  scan.at += escape->length;
  if (IsHighSurrogate(point) || IsLowSurrogate(point)) {
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
    const std::size_t end = JsonPlainRunEnd(scan.text, scan.at);
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
