#include "server/json_reader.h"

#include "base/check.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "key/json_scan.h"

namespace itemgate::server {

static_assert(JsonReader::kDepthMax < 64, "a bit for each level");

JsonReader::JsonReader(std::string_view text) : text_(text) {
  if (text.starts_with("\xEF\xBB\xBF")) RefuseSyntax("a byte order mark; remove it");
}

JsonReader::Kind JsonReader::NextKind() {
  if (problem_) return Kind::kNothing;
  SkipSpace();
  switch (const char c = Next(); c) {
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kArray;
    case '"':
      return Kind::kString;
    case 't':
    case 'f':
    case 'n':
      return Kind::kWord;
    default:
      if (c == '-' || (c >= '0' && c <= '9')) return Kind::kNumber;
      RefuseSyntax(at_ >= text_.size()    ? "the text ends where a value should be"
                   : c == 'N' || c == 'I' ? "NaN and Infinity are not JSON"
                                          : "no value where one should be");
      return Kind::kNothing;
  }
}

bool JsonReader::Enter() {
  if (depth_ == kDepthMax)
    return Refuse(ProblemCode::kJsonTooDeep, "arrays and objects nested deeper than 32 levels");
  ++depth_;
  const std::uint64_t bit = std::uint64_t{1} << depth_;
  objects_ = Next() == '{' ? objects_ | bit : objects_ & ~bit;
  ++at_;
  first_ = true;
  return true;
}

// Passes over the comma before the next element. False at the end of what was entered last, which it leaves, and after
// a refusal.
bool JsonReader::TakeSeparator(char closing) {
  if (problem_) return false;
  SkipSpace();
  if (Take(closing)) {
    --depth_;
    first_ = false;
    return false;
  }
  if (!first_ && !Take(',')) {
    return RefuseSyntax(at_ >= text_.size() ? "the text ends within an array or object"
                                            : "neither a comma nor a closing bracket");
  }
  first_ = false;
  return true;
}

std::optional<std::string_view> JsonReader::NextMember() {
  if (!TakeSeparator('}')) return std::nullopt;
  SkipSpace();
  if (Next() != '"') {
    RefuseSyntax("no name where a member should be");
    return std::nullopt;
  }
  const auto name = ReadString();
  if (!name) return std::nullopt;
  SkipSpace();
  if (Take(':')) return name;
  RefuseSyntax("no colon behind a name");
  return std::nullopt;
}

bool JsonReader::NextElement() { return TakeSeparator(']'); }

std::optional<std::string_view> JsonReader::ReadString() {
  std::size_t run_begin = ++at_;
  bool copied = false;
  for (;;) {
    at_ = JsonPlainRunEnd(text_, at_);
    if (at_ >= text_.size()) {
      RefuseSyntax("a string without end");
      return std::nullopt;
    }
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte == '"') break;
    if (byte == '\\') {
      if (!copied) scratch_.clear();
      copied = true;
      if (!ReadEscape(run_begin)) return std::nullopt;
      run_begin = at_;
    } else if (byte < 0x20) {
      RefuseSyntax("a bare control character in a string; escape it");
      return std::nullopt;
    } else {
      const std::size_t length = Utf8SequenceLength(text_.substr(at_));
      if (length == 0) {
        Refuse(ProblemCode::kInvalidUtf8, "a string that is not UTF-8");
        return std::nullopt;
      }
      at_ += length;
    }
  }
  const std::string_view run = text_.substr(run_begin, at_ - run_begin);
  ++at_;
  if (!copied) return run;
  scratch_.append(run);
  return scratch_;
}

// Appends the run before the escape, and what the escape stands for.
bool JsonReader::ReadEscape(std::size_t run_begin) {
  static constexpr std::string_view kEscapes = "\"\\/bfnrt";
  static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  scratch_.append(text_.substr(run_begin, at_ - run_begin));
  const char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  if (kind != 'u') {
    const std::size_t which = kEscapes.find(kind);
    if (which == std::string_view::npos) return RefuseSyntax("an escape that JSON does not have");
    scratch_ += kMeanings[which];
    at_ += 2;
    return true;
  }
  const auto escape = JsonUnicodeEscapeAt(text_.substr(at_));
  if (!escape) return RefuseSyntax("an escape \\u without four hexadecimal digits");
  if (IsHighSurrogate(escape->point) || IsLowSurrogate(escape->point))
    return Refuse(ProblemCode::kInvalidUtf8, "a lone surrogate, which is no character");
  AppendUtf8(escape->point, scratch_);
  at_ += escape->length;
  return true;
}

bool JsonReader::Skip() {
  const std::size_t outside = depth_;
  for (;;) {
    const Kind kind = NextKind();
    if (kind == Kind::kObject || kind == Kind::kArray) {
      if (!Enter()) return false;
    } else if (!SkipScalar(kind)) {
      return false;
    }
    // To the next value within, or out of everything that ends here.
    while (depth_ > outside && !(InObject() ? NextMember().has_value() : NextElement())) {
      if (problem_) return false;
    }
    if (depth_ == outside) return true;
  }
}

bool JsonReader::SkipScalar(Kind kind) {
  if (kind == Kind::kString) return ReadString().has_value();
  if (kind == Kind::kNumber) return SkipNumber();
  return kind == Kind::kWord && SkipWord();
}

bool JsonReader::SkipWord() {
  for (const std::string_view word : {"true", "false", "null"}) {
    if (text_.substr(at_).starts_with(word)) {
      at_ += word.size();
      return true;
    }
  }
  return RefuseSyntax("no value where one should be");
}

bool JsonReader::SkipNumber() {
  JsonScan scan{.text = text_, .at = at_};
  if (!ScanNumber(scan)) return RefuseSyntax("a number that is not well-formed or not exact");
  at_ = scan.at;
  return true;
}

bool JsonReader::AtEnd() {
  if (problem_) return false;
  SkipSpace();
  return at_ >= text_.size() || RefuseSyntax("something behind the value");
}

void JsonReader::SkipSpace() {
  while (Next() == ' ' || Next() == '\n' || Next() == '\r' || Next() == '\t') ++at_;
}

bool JsonReader::Take(char c) {
  if (Next() != c || at_ >= text_.size()) return false;
  ++at_;
  return true;
}

bool JsonReader::RefuseSyntax(std::string_view what) {
  const bool is_utf8 = at_ >= text_.size() || Utf8SequenceLength(text_.substr(at_)) > 0;
  return Refuse(is_utf8 ? ProblemCode::kInvalidJson : ProblemCode::kInvalidUtf8, what);
}

bool JsonReader::Refuse(ProblemCode code, std::string_view what) {
  if (problem_) return false;
  problem_ = {.code = code,
              .detail = std::string("at byte ")
                            .append(std::to_string(at_))
                            .append(" of the JSON: ")
                            .append(what)};
  return false;
}

}  // namespace itemgate::server
