#include "cli/import_report.h"

#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/text.h"

namespace itemgate::cli {
namespace {

constexpr std::uint64_t kToldMax = 20;  // problems told to a person in full

std::string ErrorJson(const ImportBatch::Origin& origin, const Error& error) {
  JsonWriter json;
  json.BeginObject().Name("error").BeginObject();
  json.Field("code", ErrorCodeName(error.code)).Field("message", error.message);
  json.Field("source", *origin.source).Field("line", origin.line);
  return json.EndObject().EndObject().Take();
}

std::string AcknowledgementJson(const ImportBatch::Origin& origin, const SaveResult& result) {
  JsonWriter json;
  json.BeginObject().Field("source", *origin.source).Field("line", origin.line);
  json.Field("outcome", OutcomeName(result.outcome)).Field("id", result.id.value);
  return json.EndObject().Take();
}

Error ErrorOf(const SaveResult& result) {
  return result.error ? *result.error : Error(ErrorCode::kFailed, result.message());
}

}  // namespace

ImportReport::ImportReport(Context& context, const ImportReportOptions& options)
    : context_(context),
      options_(options),
      meter_(context.clock(), context.err(), options.progress) {}

void ImportReport::OnSaved(const ImportBatch& batch, std::span<const SaveResult> results) {
  const MutexLock lock(mu_);
  if (options_.acknowledge_each) Acknowledge(batch, results);
  for (std::size_t i = 0; i < results.size(); ++i) Count(batch.origin(i), results[i]);
  ShowProgress();
}

void ImportReport::OnRefused(const ImportBatch::Origin& origin, const Error& error) {
  const MutexLock lock(mu_);
  ++tally_.refused;
  Tell(origin, error);
}

void ImportReport::OnUnreadable(const ImportBatch::Origin& origin, const Error& error) {
  const MutexLock lock(mu_);
  ++tally_.unreadable;
  Tell(origin, error);
}

void ImportReport::OnRead(std::uint64_t bytes, std::uint64_t empty_records) {
  const MutexLock lock(mu_);
  tally_.bytes_read += bytes;
  tally_.empty += empty_records;
  ShowProgress();
}

void ImportReport::Finish() {
  const MutexLock lock(mu_);
  meter_.Clear();
  if (told_ > kToldMax && !context_.options().json)
    context_.err().PrintLine(
        fmt::format("itemgate: {} more problems like these", told_ - kToldMax));
  context_.err().Flush();
  context_.out().Flush();
}

std::optional<Error> ImportReport::store_failure() const {
  const MutexLock lock(mu_);
  return store_failure_;
}

ImportTally ImportReport::tally() const {
  const MutexLock lock(mu_);
  return tally_;
}

void ImportReport::Count(const ImportBatch::Origin& origin, const SaveResult& result) {
  switch (result.outcome) {
    case Outcome::kCreated:
      ++tally_.created;
      return;
    case Outcome::kDuplicate:
      ++tally_.duplicates;
      return;
    case Outcome::kRejected:
      ++tally_.refused;
      Tell(origin, ErrorOf(result));
      return;
    case Outcome::kInProgress:
    case Outcome::kUnknown:
      ++tally_.unknown;
      break;
    case Outcome::kFailed:
    case Outcome::kUnavailable:
      break;
  }
  // Not the item's fault, so the next ones would fare no better.
  ++tally_.failed;
  if (store_failure_) return;
  store_failure_ = ErrorOf(result);
  Stop();
}

void ImportReport::Tell(const ImportBatch::Origin& origin, const Error& error) {
  if (options_.on_error == OnError::kStop) Stop();
  ++told_;
  if (context_.options().json) {
    context_.err().PrintLine(ErrorJson(origin, error));
  } else if (told_ <= kToldMax) {
    meter_.Clear();
    context_.err().PrintLine(fmt::format("{}:{}: {}", *origin.source, origin.line, error.message));
    context_.err().Flush();
  }
}

void ImportReport::Acknowledge(const ImportBatch& batch, std::span<const SaveResult> results) {
  Output& out = context_.out();
  if (out.is_terminal()) meter_.Clear();
  for (std::size_t i = 0; i < results.size(); ++i)
    if (results[i].saved()) out.PrintLine(AcknowledgementJson(batch.origin(i), results[i]));
  out.Flush();
  if (out.failed()) Stop();
}

void ImportReport::ShowProgress() {
  if (!meter_.IsDue()) return;
  ProgressFigures figures{
      .items = tally_.saved(),
      .done = tally_.bytes_read,
      .total = options_.bytes_total,
      .counts = {{"created", tally_.created}, {"duplicates", tally_.duplicates}}};
  if (tally_.refused > 0) figures.counts.push_back({"refused", tally_.refused});
  meter_.Show(std::move(figures));
}

}  // namespace itemgate::cli
