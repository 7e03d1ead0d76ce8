#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.h"
#include "itemgate/error.h"

namespace itemgate::config {

enum class Reload {
  kNo,   // takes effect at the next start
  kYes,  // takes effect at a reload
};

/// One row of the table of settings: a name, what it means, and the member of Settings that it sets.
///
/// Immutable; the views are to literals.
struct Setting {
  using Member =
      std::variant<Addresses Settings::*, ServerTexts Settings::*, std::string Settings::*,
                   std::uint64_t Settings::*, ByteSize Settings::*, Duration Settings::*,
                   std::optional<DelayRange> Settings::*>;

  std::string_view key;  // "limits.body_bytes"
  Member member;
  std::string_view help;  // one line, for people
  std::uint64_t min =
      0;  // of the count, the bytes, the nanoseconds, or the number of a list's elements
  std::uint64_t max = 0;
  std::string_view choices = "";  // of a text: "text|json"; empty: any but the empty text
  Reload reload = Reload::kNo;

  /// Sets the member. A list takes any number of texts, everything else one. Fails with kInvalidArgument, and says what
  /// is expected.
  [[nodiscard]] Result<void> Set(Settings& settings, std::span<const std::string> texts) const;

  /// The elements of a list that stand in one text, as the environment and flags have it; else the text.
  [[nodiscard]] std::vector<std::string> Split(const std::string& text) const;

  /// The value as one writes it: each element of a list, else one text.
  [[nodiscard]] std::vector<std::string> Texts(const Settings& settings) const;
  /// The same without passwords.
  [[nodiscard]] std::vector<std::string> ShownTexts(const Settings& settings) const;
  /// That in one line: elements are separated by commas.
  [[nodiscard]] std::string Text(const Settings& settings) const;

  [[nodiscard]] bool is_list() const {
    return std::holds_alternative<Addresses Settings::*>(member) ||
           std::holds_alternative<ServerTexts Settings::*>(member);
  }
  [[nodiscard]] bool is_count() const {
    return std::holds_alternative<std::uint64_t Settings::*>(member);
  }

  /// What a value looks like, in one word: "SIZE", "DURATION", "text|json".
  [[nodiscard]] std::string TypeName() const;
  /// "ITEMGATE_LIMITS_BODY_BYTES".
  [[nodiscard]] std::string EnvironmentName() const;
  /// "--limits.body-bytes".
  [[nodiscard]] std::string FlagName() const;
};

/// All settings, in the order in which they are shown: first those without a section, then section by section.
[[nodiscard]] std::span<const Setting> SettingTable();

/// The setting of that key, or null.
[[nodiscard]] const Setting* FindSetting(std::string_view key);

/// "16MiB", "1000": what a size is read from.
[[nodiscard]] std::string SizeText(std::uint64_t bytes);

}  // namespace itemgate::config
