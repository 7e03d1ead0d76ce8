#include "bench/report.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/json_writer.h"
#include "bench/figures.h"

namespace itemgate {
namespace {

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double Microseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e3; }

/// Tenths are enough for anybody, and keep the document short.
double Rounded(double value) { return std::round(value * 10) / 10; }

double PerSecond(std::uint64_t count, Duration elapsed) {
  return elapsed > Duration::zero() ? static_cast<double>(count) / Seconds(elapsed) : 0;
}

constexpr std::array<std::size_t, 8> kColumnWidths = {8, 18, 10, 10, 10, 9, 11, 22};

std::string AlignedRow(const std::array<std::string, kColumnWidths.size()>& cells) {
  std::string row;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(kColumnWidths[i] - std::min(kColumnWidths[i], cells[i].size()), ' ');
    row += i < 2 ? cells[i] + padding : padding + cells[i];
  }
  return row;
}

void WriteCase(JsonWriter& json, const CaseResult& result) {
  json.BeginObject()
      .Field("workload", WorkloadName(result.workload))
      .Field("durable", IsDurable(result.workload))
      .Field("callers", result.callers)
      .Field("items_per_call", result.items_per_call)
      .Field("items", result.items)
      .Field("created", result.created)
      .Field("duplicates", result.duplicates)
      .Field("seconds", Seconds(result.elapsed))
      .Field("items_per_second", std::llround(result.ItemsPerSecond()))
      .Field("latency_p50_us", Microseconds(result.latency_p50))
      .Field("latency_p99_us", Microseconds(result.latency_p99))
      .Field("syncs_per_second", Rounded(result.SyncsPerSecond()))
      .Field("bytes_per_item", Rounded(result.BytesPerItem()));
  if (result.interrupted) json.Field("interrupted", true);
  if (result.problem) json.Field("problem", *result.problem);
  json.EndObject();
}

}  // namespace

double CaseResult::ItemsPerSecond() const { return PerSecond(items, elapsed); }

double CaseResult::SyncsPerSecond() const { return PerSecond(syncs, elapsed); }

double CaseResult::BytesPerItem() const {
  return created > 0 ? static_cast<double>(bytes) / static_cast<double>(created) : 0;
}

std::string CaseName(const CaseResult& result) {
  const std::string callers = std::to_string(result.callers);
  if (result.items_per_call > 1)
    return callers + " x batch " + std::to_string(result.items_per_call);
  return callers + (result.callers == 1 ? " caller" : " callers");
}

std::string TableHead() {
  return AlignedRow(
      {"", "callers", "items/s", "p50", "p99", "syncs/s", "bytes/item", "created/duplicates"});
}

std::string TableRow(const CaseResult& result) {
  return AlignedRow({std::string(WorkloadName(result.workload)), CaseName(result),
                     ShortNumber(result.ItemsPerSecond()), ShortDuration(result.latency_p50),
                     ShortDuration(result.latency_p99), ShortNumber(result.SyncsPerSecond()),
                     Decimal(result.BytesPerItem(), 0),
                     std::to_string(result.created) + "/" + std::to_string(result.duplicates)}) +
         (result.interrupted ? "  interrupted after " + ShortDuration(result.elapsed) : "");
}

std::string PeerLine(const CaseResult& result) {
  const std::string batch =
      result.items_per_call > 1 ? "_b" + std::to_string(result.items_per_call) : "";
  const std::string promise = IsDurable(result.workload) ? "_sync" : "_mem";
  return "peer=itemgate" + batch + promise +                          //
         " workload=" + std::string(WorkloadName(result.workload)) +  //
         " clients=" + std::to_string(result.callers) +               //
         " items_per_s=" + Decimal(result.ItemsPerSecond(), 0) +      //
         " p50_us=" + Decimal(Microseconds(result.latency_p50), 1) +  //
         " p99_us=" + Decimal(Microseconds(result.latency_p99), 1) +  //
         " bytes_per_item=" + Decimal(result.BytesPerItem(), 0) +     //
         " items=" + std::to_string(result.items) +                   //
         " saved=" + std::to_string(result.created) +                 //
         " dup=" + std::to_string(result.duplicates) +                //
         " secs=" + Decimal(Seconds(result.elapsed), 2) +             //
         " syncs_per_s=" + Decimal(result.SyncsPerSecond(), 0) +      //
         (result.interrupted ? " interrupted=1" : "");
}

std::string ReportJson(std::span<const CaseResult> results, std::string_view version) {
  JsonWriter json;
  json.BeginObject().Field("itemgate", version).Field("content_bytes", kContentBytes);
  json.Name("cases").BeginArray();
  for (const CaseResult& result : results) WriteCase(json, result);
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace itemgate
