#include <algorithm>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/member_json.h"
#include "cli/command.h"
#include "cli/shared_store.h"
#include "cli/text.h"

namespace itemgate::cli {
namespace {

/// Long enough to miss five heartbeats of a server.
constexpr std::chrono::seconds kWatch(6);

Result<Cluster> Look(const CommonOptions& options) {
  const auto store = OpenSharedStore(options);
  if (!store) return std::unexpected(store.error());
  if (const auto* server = std::get_if<std::unique_ptr<Client>>(&*store))
    return (*server)->ClusterNow();
  return std::get<std::unique_ptr<Itemgate>>(*store)->membership().Look(kWatch);
}

std::string_view StateOf(const Member& member) {
  return member.is_gone ? "gone" : ServerStateName(member.report.state);
}

double AgeOf(const Member& member) {
  return std::chrono::duration<double>(member.heartbeat_age).count();
}

std::string AddressesOf(const Member& member) {
  return fmt::format("{}", fmt::join(member.report.addresses, " "));
}

void PrintJson(Output& out, const Cluster& cluster) {
  for (const Member& member : cluster.members) {
    JsonWriter json;
    WriteMember(json, member);
    out.PrintLine(json.Take());
  }
}

/// What is not as it should be, in words.
std::string Remark(const Cluster& cluster, const Member& member) {
  if (!member.report.reason.empty()) return member.report.reason;
  if (member.schema_version != cluster.schema_version)
    return fmt::format("knows version {} of the tables, which have {}", member.schema_version,
                       cluster.schema_version);
  if (member.generation != cluster.generation && member.generation != 0)
    return fmt::format("of generation {}; the store has {}", member.generation, cluster.generation);
  return "";
}

void PrintTable(Output& out, const Cluster& cluster) {
  std::size_t name_width = std::string_view("NAME").size();
  std::size_t address_width = std::string_view("ADDRESSES").size();
  for (const Member& member : cluster.members) {
    name_width = std::max(name_width, member.report.name.size());
    address_width = std::max(address_width, AddressesOf(member).size());
  }
  const auto row = [&](std::string_view name, std::string_view state, std::string_view heard,
                       std::string_view version, std::string_view addresses,
                       std::string_view created, std::string_view in_flight,
                       std::string_view remark) {
    std::string line =
        fmt::format("{:<{}}  {:<9}  {:>7}  {:<8}  {:<{}}  {:>9}  {:>9}  {}", name, name_width,
                    state, heard, version, addresses, address_width, created, in_flight, remark);
    line.resize(line.find_last_not_of(' ') + 1);
    out.PrintLine(line);
  };
  row("NAME", "STATE", "HEARD", "VERSION", "ADDRESSES", "CREATED", "IN FLIGHT", "");
  for (const Member& member : cluster.members) {
    const ServerReport& report = member.report;
    row(Preview(report.name, name_width), StateOf(member), fmt::format("{:.1f} s", AgeOf(member)),
        Preview(report.version, 100), Preview(AddressesOf(member), address_width),
        FormatCount(report.created), FormatCount(report.in_flight),
        Preview(Remark(cluster, member), 200));
  }
}

ExitStatus RunCluster(Context& context) {
  const auto cluster = Look(context.options());
  if (!cluster) return context.ReportOpening(cluster.error());
  if (context.options().json) {
    PrintJson(context.out(), *cluster);
  } else if (cluster->members.empty()) {
    context.out().PrintLine("No server is there.");
  } else {
    PrintTable(context.out(), *cluster);
  }
  if (cluster->parked > 0 && !context.options().json)
    context.out().PrintLine(fmt::format("Parked contents: {}. See `itemgate parked list`.",
                                        FormatCount(cluster->parked)));
  if (cluster->orphaned > 0 && !context.options().json)
    context.out().PrintLine(
        fmt::format("Claims of servers that are gone: {}. Their contents wait to be sent again.",
                    FormatCount(cluster->orphaned)));
  if (!cluster->problem.empty())
    return context.Report({ErrorCode::kUnavailable,
                           "this is from before the last look, which failed: " + cluster->problem});
  return std::ranges::any_of(cluster->members, &Member::is_gone) ? ExitStatus::kSomeItems
                                                                 : ExitStatus::kOk;
}

}  // namespace

void AddClusterCommand(CLI::App& root, Context& context) {
  CLI::App& command = AddCommand(
      root, context,
      {.name = "cluster",
       .summary = "Show the servers that share a database",
       .details =
           "From a server at once; from the database after watching heartbeats for 6 s. HEARD: how "
           "long ago a\n"
           "server's heartbeat moved, as seen from there. Ends with code 1 if a server is gone: "
           "its "
           "heartbeat stands\n"
           "still, though it never said that it ends. Ten minutes later it is forgotten.\n",
       .examples = "  itemgate cluster --server http://127.0.0.1:8080\n"
                   "  itemgate cluster --store postgres://itemgate@db/items --json\n"},
      [&context] { return RunCluster(context); });
  AddSharedStoreOptions(command, context);
}

}  // namespace itemgate::cli
