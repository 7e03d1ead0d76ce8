#include "base/member_json.h"

#include <array>
#include <charconv>
#include <chrono>
#include <string>

#include "base/time_text.h"

namespace itemgate {
namespace {

/// Numbers of 64 bits are not safe in everybody's JSON.
std::string Hexadecimal(std::uint64_t number) {
  constexpr int kBase = 16;
  std::array<char, 2 * sizeof number> digits{};
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, kBase);
  return {digits.data(), end};
}

}  // namespace

void WriteMember(JsonWriter& json, const Member& member) {
  const ServerReport& report = member.report;
  json.BeginObject()
      .Field("id", Hexadecimal(member.id))
      .Field("name", report.name)
      .Field("self", member.is_self)
      .Field("state", member.is_gone ? "gone" : ServerStateName(report.state))
      .Field("reason", report.reason)
      .Field("heartbeat_age_seconds", std::chrono::duration<double>(member.heartbeat_age).count())
      .Field("started_at", FormatTime(member.started_at))
      .Field("version", report.version)
      .Field("schema_version", member.schema_version)
      .Field("generation", member.generation)
      .Field("redis", report.redis)
      .Field("lock", report.lock)
      .Field("created", report.created)
      .Field("in_flight", report.in_flight)
      .Name("addresses")
      .BeginArray();
  for (const std::string& address : report.addresses) json.Value(address);
  json.EndArray().EndObject();
}

}  // namespace itemgate
