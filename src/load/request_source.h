#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "load/batch_answer.h"
#include "load/contents.h"

namespace itemgate::load {

enum class RequestKind : std::uint8_t {
  kItem,   // POST /v1/items: one item
  kBatch,  // POST /v1/items:batch
  kGet,    // GET /v1/items/{id}
};

struct RequestOptions {
  RequestKind kind = RequestKind::kItem;
  BatchFraming framing = BatchFraming::kNdjson;
  std::size_t items_per_batch = 1000;
  std::uint64_t ids = 1;  // of kGet: those from 1 to this are read, evenly at random
  std::string host;       // "127.0.0.1:8080"
  std::string prefix;     // of all paths: "/prefix", or empty
  std::string scope;      // empty: the server's default
};

/// Writes the requests of one of `share_count` senders, one after the other. One thread; allocates nothing but what the
/// output needs to grow.
class RequestSource {
 public:
  struct Share {
    std::size_t index = 0;
    std::size_t count = 1;
  };

  /// `contents` must outlive the source.
  RequestSource(const RequestOptions& options, const Contents& contents, Share share);

  /// Appends the next request, and gives the number of its items; 0 at the end of the contents. A `budget` above zero
  /// goes along as Request-Timeout.
  [[nodiscard]] std::size_t Append(std::string& out, Duration budget);

  /// How many contents were taken so far.
  [[nodiscard]] std::size_t taken() const { return taken_; }

 private:
  void AppendHead(std::string& out, Duration budget, std::size_t body_bytes) const;
  [[nodiscard]] std::size_t AppendItem(std::string& out, Duration budget);
  [[nodiscard]] std::size_t AppendBatch(std::string& out, Duration budget);
  [[nodiscard]] std::size_t AppendGet(std::string& out, Duration budget);
  /// The number of the next content, if there is one.
  [[nodiscard]] std::optional<std::uint32_t> TakeNumber();

  const RequestOptions options_;
  const Contents& contents_;
  const Share share_;
  const std::string head_;  // the request line and the fields that never change
  std::size_t taken_ = 0;
  Random random_;
  std::string content_;  // the one being written
  std::string batch_;    // the body being written
};

}  // namespace itemgate::load
