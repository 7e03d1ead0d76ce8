#include "config/setting.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/database_url.h"
#include "net/tcp.h"
#include "redis/connection_text.h"

namespace itemgate::config {
namespace {

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

struct SizeUnit {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr std::array<SizeUnit, 8> kSizeUnits{{
    {"GiB", 1 << 30},
    {"MiB", 1 << 20},
    {"KiB", 1 << 10},
    {"B", 1},
    {"", 1},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1000},
}};

struct Number {
  std::uint64_t value;
  std::string_view unit;  // what follows the digits
};

std::optional<Number> ParseNumber(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return Number{value, {end, static_cast<std::size_t>(text.data() + text.size() - end)}};
}

std::optional<std::uint64_t> ParseSize(std::string_view text) {
  const auto number = ParseNumber(text);
  if (!number) return std::nullopt;
  const auto* unit = std::ranges::find(kSizeUnits, number->unit, &SizeUnit::name);
  if (unit == kSizeUnits.end() || number->value > UINT64_MAX / unit->bytes) return std::nullopt;
  return number->value * unit->bytes;
}

std::optional<std::uint64_t> ParseCount(std::string_view text) {
  const auto number = ParseNumber(text);
  return number && number->unit.empty() ? std::optional(number->value) : std::nullopt;
}

std::string DurationOf(std::uint64_t nanoseconds) {
  return DurationText(Duration(static_cast<Duration::rep>(nanoseconds)));
}

/// The value within the bounds, or nothing.
std::optional<std::uint64_t> Within(const Setting& setting, std::optional<std::uint64_t> value) {
  return value && setting.min <= *value && *value <= setting.max ? value : std::nullopt;
}

/// What the setting expects, to stand behind "expected ".
std::string Expected(const Setting& setting) {
  const auto between = [&](auto text) { return text(setting.min) + " to " + text(setting.max); };
  return std::visit(
      Overloaded{
          [&](Addresses Settings::*) -> std::string {
            return setting.min == 0 ? "addresses such as \"127.0.0.1:8080\", or none"
                                    : "one or more addresses such as \"127.0.0.1:8080\"";
          },
          [](ServerTexts Settings::*) -> std::string { return "connection texts of servers"; },
          [&](std::string Settings::*) -> std::string {
            return setting.choices.empty() ? "a text" : "one of " + std::string(setting.choices);
          },
          [&](std::uint64_t Settings::*) {
            return "a number, " + between([](std::uint64_t v) { return std::to_string(v); });
          },
          [&](ByteSize Settings::*) { return "a size such as \"64KiB\", " + between(SizeText); },
          [&](Duration Settings::*) {
            return "a duration such as \"10s\" or \"250ms\", " + between(DurationOf);
          },
          [&](std::optional<DelayRange> Settings::*) -> std::string {
            return "\"off\" or a delay such as \"2s\" or \"2s..40s\", at most 1h";
          }},
      setting.member);
}

/// Cuts a list at its commas; no text gives no parts.
std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

/// Cuts a list of connection texts at those commas behind which another server begins, and not one more option of the
/// server before: "a:6379,password=p,b:6379" has two.
std::vector<std::string> SplitServers(std::string_view text) {
  std::vector<std::string> servers;
  for (std::string& part : SplitList(text)) {
    const bool is_option = part.find('=') < part.find("://");
    if (is_option && !servers.empty())
      servers.back() += "," + part;
    else
      servers.push_back(std::move(part));
  }
  return servers;
}

bool IsChoice(std::string_view choices, std::string_view text) {
  if (text.empty()) return false;
  if (choices.empty()) return true;
  for (std::size_t begin = 0; begin <= choices.size();) {
    const std::size_t end = std::min(choices.find('|', begin), choices.size());
    if (choices.substr(begin, end - begin) == text) return true;
    begin = end + 1;
  }
  return false;
}

/// Parses the one text into the member; false if it is not as expected.
bool SetOne(const Setting& setting, Settings& settings, const std::string& text) {
  return std::visit(Overloaded{[](Addresses Settings::*) { return false; },
                               [](ServerTexts Settings::*) { return false; },
                               [&](std::string Settings::* member) {
                                 if (!IsChoice(setting.choices, text)) return false;
                                 settings.*member = text;
                                 return true;
                               },
                               [&](std::uint64_t Settings::* member) {
                                 const auto count = Within(setting, ParseCount(text));
                                 if (count) settings.*member = *count;
                                 return count.has_value();
                               },
                               [&](ByteSize Settings::* member) {
                                 const auto size = Within(setting, ParseSize(text));
                                 if (size) settings.*member = {*size};
                                 return size.has_value();
                               },
                               [&](Duration Settings::* member) {
                                 const auto duration = ParseDuration(text);
                                 if (!duration) return false;
                                 const auto count = static_cast<std::uint64_t>(duration->count());
                                 if (!Within(setting, count)) return false;
                                 settings.*member = *duration;
                                 return true;
                               },
                               [&](std::optional<DelayRange> Settings::* member) {
                                 const auto delay = ParseDelayRange(text);
                                 if (!delay && text != "off") return false;
                                 settings.*member = delay ? std::optional(*delay) : std::nullopt;
                                 return true;
                               }},
                    setting.member);
}

Result<void> SetAddresses(const Setting& setting, Addresses& addresses,
                          std::span<const std::string> texts) {
  for (const std::string& text : texts)
    if (const auto endpoint = Endpoint::Parse(text); !endpoint)
      return Fail(ErrorCode::kInvalidArgument, endpoint.error().message);
  if (texts.size() < setting.min || texts.size() > setting.max)
    return Fail(ErrorCode::kInvalidArgument, "expected " + Expected(setting));
  addresses.assign(texts.begin(), texts.end());
  return {};
}

Result<void> SetServers(const Setting& setting, ServerTexts& servers,
                        std::span<const std::string> texts) {
  for (const std::string& text : texts)
    if (const auto parsed = redis::ParseConnectionText(text); !parsed)
      return Fail(ErrorCode::kInvalidArgument, parsed.error().message);
  if (texts.size() > setting.max)
    return Fail(ErrorCode::kInvalidArgument,
                "expected at most " + std::to_string(setting.max) + " servers");
  servers.value.assign(texts.begin(), texts.end());
  return {};
}

/// The connection text without its passwords.
std::string ShownServer(const std::string& text) {
  const auto parsed = redis::ParseConnectionText(text);
  return parsed ? redis::DescribeConnection(*parsed) : "";
}

}  // namespace

Result<void> Setting::Set(Settings& settings, std::span<const std::string> texts) const {
  if (const auto* list = std::get_if<Addresses Settings::*>(&member))
    return SetAddresses(*this, settings.*(*list), texts);
  if (const auto* servers = std::get_if<ServerTexts Settings::*>(&member))
    return SetServers(*this, settings.*(*servers), texts);
  if (texts.size() == 1 && SetOne(*this, settings, texts.front())) return {};
  std::string message = "expected " + Expected(*this);
  if (texts.size() == 1) message += "; it is \"" + texts.front() + "\"";
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::vector<std::string> Setting::Split(const std::string& text) const {
  if (std::holds_alternative<ServerTexts Settings::*>(member)) return SplitServers(text);
  return is_list() ? SplitList(text) : std::vector{text};
}

std::vector<std::string> Setting::Texts(const Settings& settings) const {
  using Result = std::vector<std::string>;
  return std::visit(
      Overloaded{
          [&](Addresses Settings::* list) { return settings.*list; },
          [&](ServerTexts Settings::* list) { return (settings.*list).value; },
          [&](std::string Settings::* text) { return Result{settings.*text}; },
          [&](std::uint64_t Settings::* count) { return Result{std::to_string(settings.*count)}; },
          [&](ByteSize Settings::* size) { return Result{SizeText((settings.*size).value)}; },
          [&](Duration Settings::* time) { return Result{DurationText(settings.*time)}; },
          [&](std::optional<DelayRange> Settings::* delay) {
            const auto& value = settings.*delay;
            return Result{value ? DelayRangeText(*value) : "off"};
          }},
      member);
}

std::vector<std::string> Setting::ShownTexts(const Settings& settings) const {
  std::vector<std::string> texts = Texts(settings);
  const bool are_servers = std::holds_alternative<ServerTexts Settings::*>(member);
  for (std::string& text : texts) text = are_servers ? ShownServer(text) : WithoutPassword(text);
  return texts;
}

std::string Setting::Text(const Settings& settings) const {
  std::string joined;
  for (const std::string& text : ShownTexts(settings)) joined += (joined.empty() ? "" : ",") + text;
  return joined;
}

std::string Setting::TypeName() const {
  return std::visit(
      Overloaded{
          [](Addresses Settings::*) -> std::string { return "ADDRESS,..."; },
          [](ServerTexts Settings::*) -> std::string { return "SERVER,..."; },
          [this](std::string Settings::*) {
            return choices.empty() ? std::string("TEXT") : std::string(choices);
          },
          [](std::uint64_t Settings::*) -> std::string { return "COUNT"; },
          [](ByteSize Settings::*) -> std::string { return "SIZE"; },
          [](Duration Settings::*) -> std::string { return "DURATION"; },
          [](std::optional<DelayRange> Settings::*) -> std::string { return "off|DELAY"; },
      },
      member);
}

std::string Setting::EnvironmentName() const {
  std::string name = "ITEMGATE_";
  for (const char c : key)
    name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string Setting::FlagName() const {
  std::string name = "--" + std::string(key);
  std::ranges::replace(name, '_', '-');
  return name;
}

const Setting* FindSetting(std::string_view key) {
  const auto table = SettingTable();
  const auto found = std::ranges::find(table, key, &Setting::key);
  return found == table.end() ? nullptr : &*found;
}

std::string SizeText(std::uint64_t bytes) {
  for (const SizeUnit& unit : std::span(kSizeUnits).first(3))
    if (bytes >= unit.bytes && bytes % unit.bytes == 0)
      return std::to_string(bytes / unit.bytes) + std::string(unit.name);
  return std::to_string(bytes) + "B";
}

}  // namespace itemgate::config
