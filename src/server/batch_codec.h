#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "itemgate/save_result.h"
#include "itemgate/service.h"
#include "server/byte_budget.h"
#include "server/item_description.h"
#include "server/problem.h"

namespace itemgate::server {

/// Is given the items of a batch, one after the other.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  virtual void ItemArrived(ItemDescription item) = 0;
  /// The next one is no item.
  virtual void ItemRefused(Problem problem) = 0;
};

/// Takes the body of a batch apart, in whatever pieces it comes. One thread; keeps at most one unfinished item, which
/// takes from a budget what it has above 64 KiB, and is refused if there is nothing left.
class BatchReader {
 public:
  virtual ~BatchReader() = default;
  virtual void Read(std::string_view piece, BatchSink& sink) = 0;
  /// The body has ended.
  virtual void End(BatchSink& sink) = 0;
};

/// Lines of JSON, each an item as ItemDescriptionReader reads it; empty lines are skipped.
class NdjsonReader final : public BatchReader {
 public:
  /// What the lines do not say, and how long one may be.
  NdjsonReader(Scope scope, std::size_t line_bytes_max, ByteBudget& gathered)
      : line_bytes_max_(line_bytes_max), items_(scope), share_(gathered) {}

  void Read(std::string_view piece, BatchSink& sink) override;
  void End(BatchSink& sink) override;

 private:
  void LineArrived(std::string_view line, BatchSink& sink);
  void Skip(Problem problem, BatchSink& sink);

  const std::size_t line_bytes_max_;
  ItemDescriptionReader items_;
  std::string line_;  // the beginning of one
  ByteBudget::Share share_;
  bool skipping_ = false;  // to the end of a line that was refused for its length
};

/// Frames of a little-endian u32 length and so many bytes of content.
class BatchFrameReader final : public BatchReader {
 public:
  /// What the items have besides their contents, and how long one may be.
  struct Options {
    Scope scope;
    std::string media_type;
    std::size_t content_bytes_max;
  };
  BatchFrameReader(Options options, ByteBudget& gathered)
      : options_(std::move(options)), share_(gathered) {}

  void Read(std::string_view piece, BatchSink& sink) override;
  void End(BatchSink& sink) override;

 private:
  static constexpr std::size_t kHeaderBytes = 4;

  void HeaderArrived(BatchSink& sink);
  void ContentArrived(std::string_view piece, BatchSink& sink);

  const Options options_;
  std::string header_;
  std::string content_;
  ByteBudget::Share share_;
  std::size_t missing_ = 0;   // of the content
  std::size_t skipping_ = 0;  // of a content that was refused for its length
};

/// How many there were of each.
struct BatchTotals {
  std::uint64_t items = 0;
  std::uint64_t created = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t joined = 0;
  std::uint64_t in_progress = 0;
  std::uint64_t failed = 0;
};

/// Writes the answers to a batch, in order. One thread.
class BatchWriter {
 public:
  /// Those who asked not to wait for others (IfInFlight::kReject) are told 409 instead of 202.
  explicit BatchWriter(IfInFlight if_in_flight = IfInFlight::kJoin) : if_in_flight_(if_in_flight) {}
  virtual ~BatchWriter() = default;

  [[nodiscard]] virtual std::string_view media_type() const = 0;
  /// Appends the answer to the next item.
  void Append(const SaveResult& result, std::string& out);
  void Append(const Problem& refusal, std::string& out);
  /// Appends what ends a complete answer.
  virtual void AppendEnd(std::string& out) const = 0;

 protected:
  [[nodiscard]] const BatchTotals& totals() const { return totals_; }
  [[nodiscard]] int StatusFor(const SaveResult& result) const;

 private:
  virtual void Write(const SaveResult& result, std::string& out) const = 0;
  virtual void Write(const Problem& refusal, std::string& out) const = 0;

  const IfInFlight if_in_flight_;
  BatchTotals totals_;
};

/// A line of JSON for each item, and one that ends them.
class NdjsonWriter final : public BatchWriter {
 public:
  using BatchWriter::BatchWriter;
  [[nodiscard]] std::string_view media_type() const override { return "application/x-ndjson"; }
  void AppendEnd(std::string& out) const override;

 private:
  void Write(const SaveResult& result, std::string& out) const override;
  void Write(const Problem& refusal, std::string& out) const override;
};

inline constexpr std::string_view kBatchResultsType = "application/vnd.itemgate.results";

/// A record of 12 bytes for each item, and one that ends them (docs/http-api.md).
class BatchRecordWriter final : public BatchWriter {
 public:
  using BatchWriter::BatchWriter;
  [[nodiscard]] std::string_view media_type() const override { return kBatchResultsType; }
  void AppendEnd(std::string& out) const override;

 private:
  void Write(const SaveResult& result, std::string& out) const override;
  void Write(const Problem& refusal, std::string& out) const override;
};

/// What an item that was refused counts as: not tried, or not acceptable.
[[nodiscard]] Outcome OutcomeOf(const Problem& refusal);

}  // namespace itemgate::server
