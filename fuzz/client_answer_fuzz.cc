// Whatever JSON a server answers: nothing is taken for saved that is not said to be, with its id.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "client/answer_json.h"
#include "property.h"

namespace {

void RequireHonest(const itemgate::SaveResult& result) {
  itemgate::Require(!result.saved() || result.id.value > 0, "what is saved has an id");
  itemgate::Require(result.saved() || result.outcome == itemgate::Outcome::kInProgress ||
                        result.error.has_value(),
                    "what is not saved has a reason");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const int status : {200, 201, 202, 400, 409, 412, 502}) {
    RequireHonest(itemgate::client::SaveResultOf(status, text));
    RequireHonest(itemgate::client::OperationResultOf(status, text));
  }
  const auto line = itemgate::client::ParseBatchLine(text);
  if (line && !line->done) RequireHonest(line->result);
  if (const auto items = itemgate::client::ParseItems(text)) {
    for (const itemgate::Item& item : *items)
      itemgate::Require(item.id.value > 0, "an item has an id");
  }
  (void)itemgate::client::ParseMissing(text);
  (void)itemgate::client::ParseInFlight(text);
  (void)itemgate::client::ParseStatistics(text);
  (void)itemgate::client::ParseVerifyLine(text);
  return 0;
}
