#include "cli/load_report.h"

#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "bench/figures.h"
#include "bench/workload.h"
#include "cli/text.h"

namespace itemgate::cli {
namespace {

using load::BatchFraming;
using load::Failure;
using load::ItemOutcome;
using load::RequestKind;
using load::Tally;

struct Percentile {
  std::string_view name;       // for people
  std::string_view json_name;  // of microseconds
  double fraction;
};
constexpr std::array kPercentiles = {
    Percentile{"p50", "latency_p50_us", 0.5}, Percentile{"p90", "latency_p90_us", 0.9},
    Percentile{"p99", "latency_p99_us", 0.99}, Percentile{"p99.9", "latency_p999_us", 0.999}};

double Microseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e3; }
double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string_view KindName(RequestKind kind) {
  switch (kind) {
    case RequestKind::kItem:
      return "items";
    case RequestKind::kBatch:
      return "batch";
    case RequestKind::kGet:
      return "get";
  }
  return "";
}

std::string RequestsText(const load::LoadOptions& options) {
  const load::ContentOptions& contents = options.contents;
  if (options.requests.kind == RequestKind::kGet)
    return fmt::format("GET one of {} items", FormatCount(options.requests.ids));
  const std::string which = contents.distinct > 0 ? fmt::format("{} contents over and over",
                                                                FormatCount(contents.distinct))
                                                  : std::string(WorkloadName(contents.workload));
  const std::string what = fmt::format("{} of {} bytes", which, contents.bytes);
  if (options.requests.kind == RequestKind::kItem) return "POST " + what;
  return fmt::format("POST {} batches of {}, {}",
                     options.requests.framing == BatchFraming::kNdjson ? "NDJSON" : "binary",
                     options.requests.items_per_batch, what);
}

template <typename Counts>
std::string Joined(const Counts& parts) {
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, "   "));
}

std::string OutcomesText(const Tally& tally) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < load::kItemOutcomeCount; ++i) {
    const auto outcome = static_cast<ItemOutcome>(i);
    if (const auto count = tally.outcomes().Of(outcome); count > 0)
      parts.push_back(fmt::format("{} {}", ItemOutcomeName(outcome), FormatCount(count)));
  }
  return parts.empty() ? "the server told none" : Joined(parts);
}

std::string StatusesText(const Tally& tally) {
  std::vector<std::string> parts;
  for (const auto& [status, count] : tally.statuses())
    parts.push_back(fmt::format("{}: {}", status, FormatCount(count)));
  return Joined(parts);
}

std::string LatencyText(const Tally& tally) {
  std::string text;
  for (const Percentile& percentile : kPercentiles)
    text += fmt::format("{} {}   ", percentile.name,
                        ShortDuration(tally.LatencyAt(percentile.fraction)));
  return text + "max " + ShortDuration(tally.latency_max());
}

std::string FailuresText(const Tally& tally) {
  std::string text;
  for (std::size_t i = 0; i < load::kFailureCount; ++i) {
    const auto failure = static_cast<Failure>(i);
    if (const auto count = tally.Of(failure); count > 0)
      text += fmt::format("{:>14}  {} ({})\n", FormatCount(count), FailureName(failure),
                          FailureMeaning(failure));
  }
  if (tally.connect_failures() > 0)
    text += fmt::format("{:>14}  connections refused, or closed while idle\n",
                        FormatCount(tally.connect_failures()));
  for (const auto& [status, example] : tally.examples())
    text += fmt::format("  {}: {}\n", status == 0 ? "example" : fmt::format("a {}", status),
                        Preview(example, 200));
  return text;
}

void WriteFailures(JsonWriter& json, const Tally& tally) {
  json.Name("failures").BeginObject();
  for (std::size_t i = 0; i < load::kFailureCount; ++i) {
    const auto failure = static_cast<Failure>(i);
    json.Field(FailureName(failure), tally.Of(failure));
  }
  json.Field("connect", tally.connect_failures()).EndObject();
  json.Name("examples").BeginObject();
  for (const auto& [status, example] : tally.examples())
    json.Field(fmt::format("{}", status), example);
  json.EndObject();
}

void WriteOptions(JsonWriter& json, const load::LoadOptions& options) {
  const load::ContentOptions& contents = options.contents;
  json.Field("loop", options.rate ? "open" : "closed")
      .Field("requests", KindName(options.requests.kind))
      .Field("connections", options.connections)
      .Field("pipelined", options.pipelined)
      .Field("threads", options.threads)
      .Field("budget_seconds", Seconds(options.budget));
  if (options.rate)
    json.Field("offered_per_second", *options.rate)
        .Field("arrivals", options.arrivals == load::Arrivals::kPoisson ? "poisson" : "constant");
  if (options.requests.kind == RequestKind::kGet) return;
  if (contents.distinct > 0)
    json.Field("distinct", contents.distinct);
  else
    json.Field("workload", WorkloadName(contents.workload));
  json.Field("content_bytes", contents.bytes).Field("run", contents.run);
  if (options.requests.kind == RequestKind::kBatch)
    json.Field("items_per_batch", options.requests.items_per_batch)
        .Field("framing", options.requests.framing == BatchFraming::kNdjson ? "ndjson" : "binary");
}

void WriteCounts(JsonWriter& json, const load::LoadResult& result) {
  const Tally& tally = result.tally;
  json.Field("seconds", Seconds(result.elapsed))
      .Field("requests_per_second", std::round(result.RequestsPerSecond() * 10) / 10)
      .Field("items_per_second", std::round(result.ItemsPerSecond() * 10) / 10)
      .Field("sent", tally.sent())
      .Field("sent_items", tally.sent_items())
      .Field("distinct_contents", result.distinct_contents)
      .Field("succeeded", tally.succeeded())
      .Field("failed", tally.failed());
  for (const Percentile& percentile : kPercentiles)
    json.Field(percentile.json_name, Microseconds(tally.LatencyAt(percentile.fraction)));
  json.Field("latency_max_us", Microseconds(tally.latency_max()))
      .Field("own_delay_p99_us", Microseconds(tally.own_delay().Quantile(0.99)))
      .Field("busy", std::round(result.busy * 1000) / 1000);
  json.Name("statuses").BeginObject();
  for (const auto& [status, count] : tally.statuses()) json.Field(fmt::format("{}", status), count);
  json.EndObject().Name("outcomes").BeginObject();
  for (std::size_t i = 0; i < load::kItemOutcomeCount; ++i) {
    const auto outcome = static_cast<ItemOutcome>(i);
    json.Field(ItemOutcomeName(outcome), tally.outcomes().Of(outcome));
  }
  json.EndObject();
}

void WriteStretches(JsonWriter& json, const Tally& tally) {
  json.Field("stretch_seconds", Seconds(tally.stretch())).Name("stretches").BeginArray();
  for (const load::Stretch& stretch : tally.stretches())
    json.BeginArray()
        .Value(stretch.succeeded)
        .Value(stretch.failed)
        .Value(Microseconds(stretch.latency_p99))
        .EndArray();
  json.EndArray();
}

void WriteCase(JsonWriter& json, const LoadCase& load_case) {
  json.BeginObject().Field("name", load_case.name);
  if (load_case.of_peak) json.Field("of_peak", *load_case.of_peak);
  if (load_case.recovered_in) json.Field("recovered_in_seconds", Seconds(*load_case.recovered_in));
  if (load_case.interrupted) json.Field("interrupted", true);
  WriteOptions(json, load_case.options);
  WriteCounts(json, load_case.result);
  WriteFailures(json, load_case.result.tally);
  WriteStretches(json, load_case.result.tally);
  json.Name("problems").BeginArray();
  for (const std::string& problem : LoadProblems(load_case)) json.Value(problem);
  json.EndArray().EndObject();
}

}  // namespace

std::string LoadTitle(const LoadCase& load_case) {
  const load::LoadOptions& options = load_case.options;
  const std::string loop = options.rate
                               ? fmt::format("open loop, {} requests/s", ShortNumber(*options.rate))
                               : std::string("closed loop");
  const std::string depth =
      options.pipelined > 1 ? fmt::format(" x {} pipelined", options.pipelined) : "";
  const std::string time =
      load_case.interrupted
          ? fmt::format("interrupted after {} s", Decimal(Seconds(load_case.result.elapsed), 2))
          : fmt::format("{} s", Decimal(Seconds(options.time), 1));
  return fmt::format("{}, {} connections{}, {}: {}", loop, options.connections, depth, time,
                     RequestsText(options));
}

std::string LoadText(const LoadCase& load_case) {
  const load::LoadResult& result = load_case.result;
  const Tally& tally = result.tally;
  std::string text = LoadTitle(load_case) + "\n";
  text += fmt::format("  requests/s  {}   ({} succeeded, {} failed, in {} s)\n",
                      ShortNumber(result.RequestsPerSecond()), FormatCount(tally.succeeded()),
                      FormatCount(tally.failed()), Decimal(Seconds(result.elapsed), 2));
  text += fmt::format("  items/s     {}\n", ShortNumber(result.ItemsPerSecond()));
  text += fmt::format("  latency     {}\n", LatencyText(tally));
  if (load_case.options.requests.kind != RequestKind::kGet)
    text += fmt::format("  outcomes    {}\n", OutcomesText(tally));
  text += fmt::format("  statuses    {}\n", StatusesText(tally));
  return text + FailuresText(tally);
}

std::string StepHead() {
  return fmt::format("{:<12}{:>12}{:>12}{:>10}{:>10}{:>10}{:>12}{:>12}", "step", "offered/s",
                     "goodput/s", "of peak", "p50", "p99", "failed", "recovery");
}

std::string StepRow(const LoadCase& load_case, double peak) {
  const load::LoadResult& result = load_case.result;
  const double goodput = result.RequestsPerSecond();
  const auto& rate = load_case.options.rate;
  return fmt::format(
      "{:<12}{:>12}{:>12}{:>10}{:>10}{:>10}{:>12}{:>12}{}", load_case.name,
      rate ? ShortNumber(*rate) : "-", ShortNumber(goodput),
      peak > 0 ? Decimal(goodput / peak * 100, 0) + " %" : "-",
      ShortDuration(result.tally.LatencyAt(0.5)), ShortDuration(result.tally.LatencyAt(0.99)),
      FormatCount(result.tally.failed()),
      load_case.recovered_in ? Decimal(Seconds(*load_case.recovered_in), 1) + " s" : "",
      load_case.interrupted
          ? fmt::format("  interrupted after {} s", Decimal(Seconds(result.elapsed), 2))
          : "");
}

std::vector<std::string> LoadProblems(const LoadCase& load_case) {
  std::vector<std::string> problems;
  const load::LoadResult& result = load_case.result;
  if (auto limit = result.OwnLimit()) problems.push_back(std::move(*limit));
  if (result.tally.Of(Failure::kMissed) > 0)
    problems.push_back(fmt::format(
        "{} requests were never sent, for want of a free connection: they are in no percentile",
        FormatCount(result.tally.Of(Failure::kMissed))));
  if (result.tally.sent() > 0 && result.tally.succeeded() == 0)
    problems.emplace_back("no request succeeded");
  if (load_case.contents_are_new)
    if (auto problem = result.DuplicateProblem()) problems.push_back(std::move(*problem));
  return problems;
}

std::string LoadJson(std::span<const LoadCase> cases, std::string_view server,
                     std::string_view version) {
  JsonWriter json;
  json.BeginObject().Field("itemgate", version).Field("server", server);
  json.Name("loads").BeginArray();
  for (const LoadCase& load_case : cases) WriteCase(json, load_case);
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace itemgate::cli
