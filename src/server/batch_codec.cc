#include "server/batch_codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/bytes.h"
#include "base/json_writer.h"
#include "server/save_answer.h"

namespace itemgate::server {
namespace {

constexpr std::uint8_t kEndOutcome = 255;
constexpr std::uint8_t kJoinedFlag = 1;

void AppendNumber(std::uint64_t number, std::string& out) {
  std::array<char, 20> digits;
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void AppendRecord(std::uint8_t outcome, std::uint8_t flags, int status, std::uint64_t id,
                  std::string& out) {
  std::array<char, 12> record;
  record[0] = static_cast<char>(outcome);
  record[1] = static_cast<char>(flags);
  StoreLittle(record.data() + 2, static_cast<std::uint16_t>(status));
  StoreLittle(record.data() + 4, id);
  out.append(record.data(), record.size());
}

void AppendProblem(const Problem& problem, std::string& out) {
  const ProblemKind& kind = KindOf(problem.code);
  out.append(R"(,"problem":{"code":")").append(kind.name).append(R"(","detail":)");
  AppendJsonString(out, PublicDetail(problem));
  out.append("}");
}

constexpr std::size_t kFreeBytes = 64
                                   << 10;  // of an unfinished item, as a connection may keep them

/// True if the beginning of an item may be kept until more of it comes.
bool MayKeep(std::size_t bytes, ByteBudget::Share& share) {
  return bytes <= kFreeBytes || share.GrowTo(bytes - kFreeBytes);
}

/// Makes room for the next item, and keeps no more memory than that may have for nothing.
void Empty(std::string& item, ByteBudget::Share& share) {
  share.GiveBack();
  if (item.capacity() > kFreeBytes) item = std::string();
  item.clear();
}

Problem TooMuchGathered() {
  return {.code = ProblemCode::kOverloaded,
          .detail = "too many long items are being received; send it again later"};
}

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

void NdjsonReader::Read(std::string_view piece, BatchSink& sink) {
  while (!piece.empty()) {
    const std::size_t line_end = piece.find('\n');
    const std::string_view part = piece.substr(0, line_end);
    const bool ends = line_end != std::string_view::npos;
    piece.remove_prefix(ends ? line_end + 1 : piece.size());
    if (!skipping_ && line_.size() + part.size() > line_bytes_max_) {
      Skip({.code = ProblemCode::kTooLarge,
            .detail = "the line has more than " + std::to_string(line_bytes_max_) + " bytes"},
           sink);
    }
    if (!ends) {
      if (skipping_) continue;
      line_.append(part);
      if (!MayKeep(line_.size(), share_)) Skip(TooMuchGathered(), sink);
    } else if (std::exchange(skipping_, false)) {
      // Its answer was given when it became too long.
    } else if (line_.empty()) {
      LineArrived(part, sink);
    } else {
      line_.append(part);
      LineArrived(line_, sink);
      Empty(line_, share_);
    }
  }
}

void NdjsonReader::Skip(Problem problem, BatchSink& sink) {
  skipping_ = true;
  line_ = std::string();
  share_.GiveBack();
  sink.ItemRefused(std::move(problem));
}

void NdjsonReader::End(BatchSink& sink) {
  if (!skipping_) LineArrived(line_, sink);
}

void NdjsonReader::LineArrived(std::string_view line, BatchSink& sink) {
  if (IsBlank(line)) return;
  auto item = items_.Read(line);
  if (item) {
    sink.ItemArrived(std::move(*item));
  } else {
    sink.ItemRefused(std::move(item.error()));
  }
}

void BatchFrameReader::Read(std::string_view piece, BatchSink& sink) {
  while (!piece.empty()) {
    if (skipping_ > 0) {
      const std::size_t taken = std::min(skipping_, piece.size());
      skipping_ -= taken;
      piece.remove_prefix(taken);
    } else if (missing_ > 0) {
      const std::size_t taken = std::min(missing_, piece.size());
      ContentArrived(piece.substr(0, taken), sink);
      piece.remove_prefix(taken);
    } else {
      const std::size_t taken = std::min(kHeaderBytes - header_.size(), piece.size());
      header_.append(piece.substr(0, taken));
      piece.remove_prefix(taken);
      if (header_.size() == kHeaderBytes) HeaderArrived(sink);
    }
  }
}

void BatchFrameReader::ContentArrived(std::string_view piece, BatchSink& sink) {
  content_.append(piece);
  missing_ -= piece.size();
  if (missing_ == 0) {
    share_.GiveBack();
    sink.ItemArrived({.content = std::exchange(content_, {}),
                      .scope = options_.scope,
                      .media_type = options_.media_type});
  } else if (!MayKeep(content_.size(), share_)) {
    Empty(content_, share_);
    skipping_ = std::exchange(missing_, 0);
    sink.ItemRefused(TooMuchGathered());
  }
}

void BatchFrameReader::HeaderArrived(BatchSink& sink) {
  const std::size_t length = LoadLittle<std::uint32_t>(header_.data());
  header_.clear();
  if (length == 0) {
    sink.ItemRefused({.code = ProblemCode::kEmptyContent,
                      .detail = "the content is empty; an item needs at least one byte"});
  } else if (length > options_.content_bytes_max) {
    skipping_ = length;
    sink.ItemRefused({.code = ProblemCode::kTooLarge,
                      .detail = "the content has more than " +
                                std::to_string(options_.content_bytes_max) + " bytes"});
  } else {
    missing_ = length;
  }
}

void BatchFrameReader::End(BatchSink& sink) {
  if (header_.empty() && missing_ == 0) return;
  sink.ItemRefused({.code = ProblemCode::kInvalidContent,
                    .detail = "the body ends within this item; send all of it"});
}

void BatchWriter::Append(const SaveResult& result, std::string& out) {
  Write(result, out);
  ++totals_.items;
  switch (result.outcome) {
    case Outcome::kCreated:
      ++totals_.created;
      break;
    case Outcome::kDuplicate:
      ++(result.joined ? totals_.joined : totals_.duplicate);
      break;
    case Outcome::kInProgress:
      ++totals_.in_progress;
      break;
    case Outcome::kUnknown:
    case Outcome::kRejected:
    case Outcome::kFailed:
    case Outcome::kUnavailable:
      ++totals_.failed;
  }
}

void BatchWriter::Append(const Problem& refusal, std::string& out) {
  Write(refusal, out);
  ++totals_.items;
  ++totals_.failed;
}

int BatchWriter::StatusFor(const SaveResult& result) const {
  const bool refused = result.outcome == Outcome::kInProgress && result.joined &&
                       if_in_flight_ == IfInFlight::kReject;
  return refused ? KindOf(ProblemCode::kContentInProgress).status : StatusOf(result);
}

void NdjsonWriter::Write(const SaveResult& result, std::string& out) const {
  out.append(R"({"index":)");
  AppendNumber(totals().items, out);
  out.append(R"(,"status":)");
  AppendNumber(static_cast<std::uint64_t>(StatusFor(result)), out);
  out.append(R"(,"outcome":")").append(OutcomeText(result)).append("\"");
  if (result.saved()) {
    out.append(R"(,"id":)");
    AppendNumber(result.id.value, out);
  } else if (result.outcome != Outcome::kInProgress) {
    AppendProblem(ProblemOf(result), out);
  }
  out.append("}\n");
}

void NdjsonWriter::Write(const Problem& refusal, std::string& out) const {
  out.append(R"({"index":)");
  AppendNumber(totals().items, out);
  out.append(R"(,"status":)");
  AppendNumber(static_cast<std::uint64_t>(KindOf(refusal.code).status), out);
  out.append(R"(,"outcome":")").append(OutcomeName(OutcomeOf(refusal))).append("\"");
  AppendProblem(refusal, out);
  out.append("}\n");
}

void NdjsonWriter::AppendEnd(std::string& out) const {
  JsonWriter json;
  json.BeginObject()
      .Field("done", true)
      .Field("created", totals().created)
      .Field("duplicate", totals().duplicate)
      .Field("joined", totals().joined)
      .Field("in_progress", totals().in_progress)
      .Field("failed", totals().failed)
      .EndObject();
  out.append(json.Take()).append("\n");
}

void BatchRecordWriter::Write(const SaveResult& result, std::string& out) const {
  AppendRecord(static_cast<std::uint8_t>(result.outcome), result.joined ? kJoinedFlag : 0,
               StatusFor(result), result.id.value, out);
}

void BatchRecordWriter::Write(const Problem& refusal, std::string& out) const {
  AppendRecord(static_cast<std::uint8_t>(OutcomeOf(refusal)), 0, KindOf(refusal.code).status, 0,
               out);
}

void BatchRecordWriter::AppendEnd(std::string& out) const {
  AppendRecord(kEndOutcome, 0, 200, totals().items, out);
}

Outcome OutcomeOf(const Problem& refusal) {
  return KindOf(refusal.code).status == 503 ? Outcome::kUnavailable : Outcome::kRejected;
}

}  // namespace itemgate::server
