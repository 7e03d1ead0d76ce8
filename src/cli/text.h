#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace itemgate::cli {

/// 1234567 as "1,234,567".
[[nodiscard]] std::string FormatCount(std::uint64_t count);

/// "1 item", "1,234 items", of a noun whose plural takes an s.
[[nodiscard]] std::string Counted(std::uint64_t count, std::string_view noun);

/// 1536 as "1.5 KiB"; below 1024 "17 bytes".
[[nodiscard]] std::string FormatBytes(std::uint64_t bytes);

/// Events for each second, short: "812/s", "35.1 k/s", "1.4 M/s".
[[nodiscard]] std::string FormatRate(double per_second);

/// "0:07", "12:05", "3:04:09"; parts of a second are cut off.
[[nodiscard]] std::string FormatDuration(std::chrono::nanoseconds duration);

/// The start of a content, fit to be shown in `columns` columns of any terminal: control characters, invalid UTF-8 and
/// whatever could turn, hide or overwrite text appear as escapes, and what was cut off as "…".
[[nodiscard]] std::string Preview(std::string_view content, std::size_t columns);

/// The argument as a POSIX shell reads it back.
[[nodiscard]] std::string ShellQuote(std::string_view argument);

}  // namespace itemgate::cli
