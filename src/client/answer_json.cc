#include "client/answer_json.h"

#include <array>
#include <charconv>
#include <string>
#include <utility>

#include <simdjson.h>

#include "base/base64.h"
#include "client/problem_error.h"
#include "http/response.h"

namespace itemgate::client {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

std::unexpected<Error> NotUnderstood(std::string_view what) {
  return Fail(ErrorCode::kUnsupported,
              "not the answer of an Itemgate server of this version: " + std::string(what));
}

// Getters of members; nothing if there is no such member, or it is of another type.

template <typename T>
std::optional<T> Get(const object& from, std::string_view name) {
  T value;
  if (from[name].get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::uint64_t GetCount(const object& from, std::string_view name) {
  return Get<std::uint64_t>(from, name).value_or(0);
}

std::string_view GetText(const object& from, std::string_view name) {
  return Get<std::string_view>(from, name).value_or("");
}

/// A JSON document that is an object, with the memory that it lies in.
class Document {
 public:
  [[nodiscard]] Result<object> Parse(std::string_view json) {
    object root;
    if (parser_.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS)
      return NotUnderstood("it should be a JSON object");
    return root;
  }

 private:
  simdjson::dom::parser parser_;
};

std::optional<Outcome> OutcomeNamed(std::string_view name) {
  if (name == "joined") return Outcome::kDuplicate;
  if (name == "in-progress") return Outcome::kInProgress;
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(Outcome::kUnavailable); ++i)
    if (OutcomeName(Outcome{i}) == name) return Outcome{i};
  return std::nullopt;
}

Error ErrorIn(const object& problem, int status) {
  const std::string_view code = GetText(problem, "code");
  std::string_view detail = GetText(problem, "detail");
  if (detail.empty()) detail = GetText(problem, "title");
  if (detail.empty()) detail = http::ReasonPhrase(status);
  return {ErrorCodeOfProblem(status, code), std::string(detail)};
}

SaveResult RefusedWith(const object& problem, int status) {
  const std::string_view code = GetText(problem, "code");
  SaveResult result{.outcome = OutcomeOfProblem(status, code)};
  if (result.outcome == Outcome::kDuplicate) {
    result.id = ItemId{GetCount(problem, "itemId")};
  } else if (result.outcome != Outcome::kInProgress) {
    result.error = ErrorIn(problem, status);
  }
  return result;
}

/// The answer whose outcome is that of a save which is done, or is under way.
std::optional<SaveResult> Accepted(const object& answer) {
  const std::string_view name = GetText(answer, "outcome");
  const auto outcome = OutcomeNamed(name);
  if (!outcome) return std::nullopt;
  SaveResult result{.outcome = *outcome,
                    .joined = name == "joined" || Get<bool>(answer, "joined").value_or(false),
                    .id = ItemId{GetCount(answer, "id")}};
  if (result.saved() ? result.id == ItemId{} : result.outcome != Outcome::kInProgress)
    return std::nullopt;
  return result;
}

SaveResult NobodyKnows(const Error& error) {
  return {.outcome = Outcome::kUnknown, .error = Error(ErrorCode::kUnknown, error.message)};
}

/// Reads exactly so many decimal digits off the front.
std::optional<int> TakeDigits(std::string_view& text, std::size_t count, char end) {
  int value = 0;
  if (text.size() < count + 1 || text[count] != end) return std::nullopt;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc() || stop != text.data() + count) return std::nullopt;
  text.remove_prefix(count + 1);
  return value;
}

/// What FormatTime has written: RFC 3339, UTC, to the microsecond.
std::optional<WallTime> ParseTime(std::string_view text) {
  constexpr std::size_t kCount = 7;
  constexpr std::array<std::pair<std::size_t, char>, kCount> kParts{
      {{4, '-'}, {2, '-'}, {2, 'T'}, {2, ':'}, {2, ':'}, {2, '.'}, {6, 'Z'}}};
  std::array<int, kCount> values{};
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto value = TakeDigits(text, kParts[i].first, kParts[i].second);
    if (!value) return std::nullopt;
    values[i] = *value;
  }
  const std::chrono::year_month_day date{std::chrono::year(values[0]),
                                         std::chrono::month(static_cast<unsigned>(values[1])),
                                         std::chrono::day(static_cast<unsigned>(values[2]))};
  if (!date.ok() || !text.empty()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(values[3]) +
         std::chrono::minutes(values[4]) + std::chrono::seconds(values[5]) +
         std::chrono::microseconds(values[6]);
}

Result<ContentKey> ParseKey(const object& from) {
  const auto digest = Digest::FromHex(GetText(from, "sha256"));
  if (!digest) return NotUnderstood("sha256");
  const auto scope = Scope::Named(GetText(from, "scope"));
  if (!scope) return std::unexpected(scope.error());
  return ContentKey{.digest = *digest, .scope = *scope};
}

Result<Item> ParseItem(const object& from) {
  const auto key = ParseKey(from);
  if (!key) return std::unexpected(key.error());
  const auto saved_at = ParseTime(GetText(from, "saved_at"));
  if (!saved_at) return NotUnderstood("saved_at");
  Item item{.id = ItemId{GetCount(from, "id")},
            .key = *key,
            .media_type = std::string(GetText(from, "media_type")),
            .saved_at = *saved_at};
  if (const auto text = Get<std::string_view>(from, "content")) {
    item.content = *text;
  } else if (auto bytes = DecodeBase64(GetText(from, "content_base64"))) {
    item.content = *std::move(bytes);
  }
  if (item.id == ItemId{} || item.content.size() != GetCount(from, "length"))
    return NotUnderstood("an item without its id or its whole content");
  if (item.key.scope.strategy() == KeyStrategy::kBytes)
    item.key.length = static_cast<std::uint32_t>(item.content.size());
  return item;
}

/// The parts of an array, each read by `parse` out of an object.
template <typename T, typename Parse>
Result<std::vector<T>> ParseEach(std::string_view body, std::string_view name, Parse parse) {
  Document document;
  const auto root = document.Parse(body);
  if (!root) return std::unexpected(root.error());
  const auto array = Get<simdjson::dom::array>(*root, name);
  if (!array) return NotUnderstood(name);
  std::vector<T> values;
  for (const element part : *array) {
    Result<T> value = parse(part);
    if (!value) return std::unexpected(value.error());
    values.push_back(*std::move(value));
  }
  return values;
}

Result<InFlightSave> ParseInFlightSave(const object& from) {
  const auto key = ParseKey(from);
  if (!key) return std::unexpected(key.error());
  const auto since = ParseTime(GetText(from, "since"));
  if (!since) return NotUnderstood("since");
  return InFlightSave{.key = *key,
                      .since = *since,
                      .sender = std::string(GetText(from, "sender")),
                      .waiters = static_cast<std::size_t>(GetCount(from, "waiters"))};
}

Result<ParkedContent> ParseParkedContent(const object& from) {
  const auto key = ParseKey(from);
  if (!key) return std::unexpected(key.error());
  const auto since = ParseTime(GetText(from, "since"));
  if (!since) return NotUnderstood("since");
  return ParkedContent{
      .key = *key,
      .since = *since,
      .by = std::string(GetText(from, "by")),
      .is_resolved_as_saved = Get<bool>(from, "resolved_as_saved").value_or(false)};
}

Result<Member> ParseMember(const object& from) {
  const std::string_view id = GetText(from, "id");
  const auto started_at = ParseTime(GetText(from, "started_at"));
  if (!started_at) return NotUnderstood("started_at");
  const std::string_view state = GetText(from, "state");
  Member member{
      .is_self = Get<bool>(from, "self").value_or(false),
      .report = {.name = std::string(GetText(from, "name")),
                 .version = std::string(GetText(from, "version")),
                 .state = ServerStateNamed(state),
                 .reason = std::string(GetText(from, "reason")),
                 .redis = std::string(GetText(from, "redis")),
                 .lock = std::string(GetText(from, "lock")),
                 .created = GetCount(from, "created"),
                 .in_flight = GetCount(from, "in_flight")},
      .started_at = *started_at,
      .heartbeat_age = std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::duration<double>(Get<double>(from, "heartbeat_age_seconds").value_or(0))),
      .is_gone = state == "gone",
      .schema_version = Get<std::int64_t>(from, "schema_version").value_or(0),
      .generation = Get<std::int64_t>(from, "generation").value_or(0)};
  constexpr int kBase = 16;
  std::from_chars(id.data(), id.data() + id.size(), member.id, kBase);
  const auto addresses = Get<simdjson::dom::array>(from, "addresses");
  if (!addresses) return NotUnderstood("addresses");
  for (const element address : *addresses) {
    std::string_view text;
    if (address.get(text) != simdjson::SUCCESS) return NotUnderstood("addresses");
    member.report.addresses.emplace_back(text);
  }
  return member;
}

/// Of an element that should be an object.
template <typename T>
auto OfObject(Result<T> (*parse)(const object&)) {
  return [parse](const element& part) -> Result<T> {
    object from;
    if (part.get(from) != simdjson::SUCCESS) return NotUnderstood("an object is missing");
    return parse(from);
  };
}

}  // namespace

Error ErrorOfProblem(int status, std::string_view body) {
  Document document;
  const auto root = document.Parse(body);
  if (root) return ErrorIn(*root, status);
  return {ErrorCodeOfProblem(status, ""), "the server answered " + std::to_string(status) + " " +
                                              std::string(http::ReasonPhrase(status))};
}

SaveResult SaveResultOf(int status, std::string_view body) {
  Document document;
  const auto root = document.Parse(body);
  if (status >= 200 && status < 300) {
    if (!root) return NobodyKnows(root.error());
    const auto accepted = Accepted(*root);
    return accepted ? *accepted : NobodyKnows(NotUnderstood("outcome").error());
  }
  if (root) return RefusedWith(*root, status);
  return {.outcome = OutcomeOfProblem(status, ""), .error = ErrorOfProblem(status, body)};
}

SaveResult OperationResultOf(int status, std::string_view body) {
  if (status != 200) return SaveResultOf(status, body);
  Document document;
  const auto root = document.Parse(body);
  if (!root) return NobodyKnows(root.error());
  const std::string_view state = GetText(*root, "state");
  if (state == "saved" && GetCount(*root, "id") > 0)
    return {.outcome = Outcome::kDuplicate, .joined = true, .id = ItemId{GetCount(*root, "id")}};
  if (state == "in-progress") return {.outcome = Outcome::kInProgress, .joined = true};
  const auto problem = Get<object>(*root, "problem");
  if (state != "failed" || !problem) return NobodyKnows(NotUnderstood("state").error());
  const auto problem_status = static_cast<int>(GetCount(*problem, "status"));
  SaveResult failed = RefusedWith(*problem, problem_status > 0 ? problem_status : 502);
  failed.joined = true;
  return failed;
}

Result<BatchLine> ParseBatchLine(std::string_view line) {
  // Lines are short and many: each thread keeps one parser.
  thread_local Document document;
  const auto root = document.Parse(line);
  if (!root) return std::unexpected(root.error());
  BatchLine parsed{.done = Get<bool>(*root, "done").value_or(false)};
  if (parsed.done) return parsed;
  parsed.index = static_cast<std::size_t>(GetCount(*root, "index"));
  parsed.status = static_cast<int>(GetCount(*root, "status"));
  if (const auto problem = Get<object>(*root, "problem")) {
    parsed.result = RefusedWith(*problem, parsed.status);
    // The outcome stands beside the problem, and says it better.
    parsed.result.outcome = OutcomeNamed(GetText(*root, "outcome")).value_or(parsed.result.outcome);
    return parsed;
  }
  const auto accepted = Accepted(*root);
  if (!accepted) return NotUnderstood("outcome");
  parsed.result = *accepted;
  return parsed;
}

Result<std::vector<Item>> ParseItems(std::string_view body) {
  return ParseEach<Item>(body, "items", OfObject(ParseItem));
}

Result<Item> ParseItemLine(std::string_view line) {
  Document document;
  const auto root = document.Parse(line);
  if (!root) return std::unexpected(root.error());
  return ParseItem(*root);
}

Result<std::vector<Digest>> ParseMissing(std::string_view body) {
  return ParseEach<Digest>(body, "missing", [](const element& part) -> Result<Digest> {
    std::string_view hex;
    if (part.get(hex) != simdjson::SUCCESS) return NotUnderstood("missing");
    return Digest::FromHex(hex);
  });
}

Result<std::vector<InFlightSave>> ParseInFlight(std::string_view body) {
  return ParseEach<InFlightSave>(body, "saves", OfObject(ParseInFlightSave));
}

Result<std::vector<ParkedContent>> ParseParked(std::string_view body) {
  return ParseEach<ParkedContent>(body, "parked", OfObject(ParseParkedContent));
}

Result<Cluster> ParseCluster(std::string_view body) {
  auto members = ParseEach<Member>(body, "servers", OfObject(ParseMember));
  if (!members) return std::unexpected(members.error());
  Document document;
  const auto root = document.Parse(body);
  if (!root) return std::unexpected(root.error());
  return Cluster{.members = *std::move(members),
                 .schema_version = Get<std::int64_t>(*root, "schema_version").value_or(0),
                 .generation = Get<std::int64_t>(*root, "generation").value_or(0),
                 .parked = GetCount(*root, "parked"),
                 .claimed = GetCount(*root, "claimed"),
                 .orphaned = GetCount(*root, "orphaned"),
                 .problem = std::string(GetText(*root, "problem"))};
}

Result<AllStatistics> ParseStatistics(std::string_view body) {
  Document document;
  const auto root = document.Parse(body);
  if (!root) return std::unexpected(root.error());
  if (!Get<std::uint64_t>(*root, "items")) return NotUnderstood("items");
  return AllStatistics{.service = {.created = GetCount(*root, "created"),
                                   .duplicates = GetCount(*root, "duplicates"),
                                   .joined = GetCount(*root, "joined"),
                                   .in_progress = GetCount(*root, "in_progress"),
                                   .refused = GetCount(*root, "refused"),
                                   .near_cache_hits = GetCount(*root, "near_cache_hits"),
                                   .in_flight = GetCount(*root, "in_flight"),
                                   .in_flight_peak = GetCount(*root, "in_flight_peak"),
                                   .commits = GetCount(*root, "commits")},
                       .store = {.items = GetCount(*root, "items"),
                                 .content_bytes = GetCount(*root, "content_bytes"),
                                 .disk_bytes = GetCount(*root, "disk_bytes"),
                                 .syncs = GetCount(*root, "syncs")}};
}

Result<std::variant<std::uint64_t, VerifyReport>> ParseVerifyLine(std::string_view line) {
  Document document;
  const auto root = document.Parse(line);
  if (!root) return std::unexpected(root.error());
  if (!Get<bool>(*root, "done").value_or(false)) return GetCount(*root, "items_done");
  VerifyReport report{.items = GetCount(*root, "items"),
                      .content_bytes = GetCount(*root, "content_bytes"),
                      .problem_count = GetCount(*root, "problem_count")};
  const auto problems = Get<simdjson::dom::array>(*root, "problems");
  if (!problems) return NotUnderstood("problems");
  for (const element problem : *problems) {
    std::string_view text;
    if (problem.get(text) == simdjson::SUCCESS) report.problems.emplace_back(text);
  }
  return report;
}

}  // namespace itemgate::client
