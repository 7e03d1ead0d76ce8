#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "itemgate/client.h"

namespace itemgate::client {

// What the server's JSON says (docs/http-api.md). Unknown members are passed over; what is missing or of another type
// is kUnsupported: "not the answer of an Itemgate server". From any thread.

/// The error that a refusal means to the caller: of its problem+json, or of its status if there is none.
[[nodiscard]] Error ErrorOfProblem(int status, std::string_view body);

/// The answer to one save: of 200, 201 and 202 the outcome, of everything else the problem.
[[nodiscard]] SaveResult SaveResultOf(int status, std::string_view body);

/// How a save stands: the answer to GET /v1/operations/.
[[nodiscard]] SaveResult OperationResultOf(int status, std::string_view body);

/// One line of the answer to a batch.
struct BatchLine {
  bool done = false;  // the last line: there is nothing else in it
  std::size_t index = 0;
  int status = 0;
  SaveResult result;
};
[[nodiscard]] Result<BatchLine> ParseBatchLine(std::string_view line);

[[nodiscard]] Result<std::vector<Item>> ParseItems(std::string_view body);
/// One item with its content, as ItemJson writes it.
[[nodiscard]] Result<Item> ParseItemLine(std::string_view line);
[[nodiscard]] Result<std::vector<Digest>> ParseMissing(std::string_view body);
[[nodiscard]] Result<std::vector<InFlightSave>> ParseInFlight(std::string_view body);
[[nodiscard]] Result<std::vector<ParkedContent>> ParseParked(std::string_view body);
[[nodiscard]] Result<Cluster> ParseCluster(std::string_view body);

struct AllStatistics {
  ServiceStatistics service;
  StoreStatistics store;
};
[[nodiscard]] Result<AllStatistics> ParseStatistics(std::string_view body);

/// One line of the answer to POST /v1/store:verify: how many items were read, or the report.
[[nodiscard]] Result<std::variant<std::uint64_t, VerifyReport>> ParseVerifyLine(
    std::string_view line);

}  // namespace itemgate::client
