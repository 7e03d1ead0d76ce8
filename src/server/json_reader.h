#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/problem.h"

namespace itemgate::server {

/// Reads one JSON text (RFC 8259) of a request from left to right, strictly and on a flat stack: no byte order mark,
/// nothing behind the value, no lone surrogates, no numbers beyond a double, at most kDepthMax levels.
///
/// Whoever reads asks for what should come next. After the first refusal every call says so, and `problem` tells why:
/// kInvalidUtf8, kJsonTooDeep or kInvalidJson, with the place and never with the content. The text must outlive it.
class JsonReader {
 public:
  static constexpr std::size_t kDepthMax = 32;
  enum class Kind : std::uint8_t { kNothing, kObject, kArray, kString, kNumber, kWord };

  explicit JsonReader(std::string_view text);

  /// What comes next; kNothing is a refusal.
  [[nodiscard]] Kind NextKind();

  /// Enters the object or array that comes next. REQUIRES: NextKind said so.
  [[nodiscard]] bool Enter();
  /// The name of the object's next member, whose value comes next; nothing at its end or after a refusal. Valid until
  /// the next call.
  [[nodiscard]] std::optional<std::string_view> NextMember();
  /// True if the array has another element, which comes next.
  [[nodiscard]] bool NextElement();

  /// REQUIRES: NextKind said kString. Valid until the next call.
  [[nodiscard]] std::optional<std::string_view> ReadString();
  /// Reads over the value that comes next, whatever it is.
  [[nodiscard]] bool Skip();
  /// True if nothing follows but space.
  [[nodiscard]] bool AtEnd();

  /// For what a reader itself finds wrong here. Always false.
  bool RefuseSyntax(std::string_view what);

  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

 private:
  [[nodiscard]] char Next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipSpace();
  bool Take(char c);
  bool TakeSeparator(char closing);
  bool ReadEscape(std::size_t run_begin);
  bool SkipScalar(Kind kind);
  bool SkipWord();
  bool SkipNumber();
  [[nodiscard]] bool InObject() const { return ((objects_ >> depth_) & 1) != 0; }
  bool Refuse(ProblemCode code, std::string_view what);

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::uint64_t objects_ = 0;  // bit d: what was entered at depth d is an object
  bool first_ = false;         // nothing of what was entered last has been read
  std::string scratch_;        // of strings with escapes
  std::optional<Problem> problem_;
};

}  // namespace itemgate::server
