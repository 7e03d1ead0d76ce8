#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "itemgate/error.h"
#include "redis/reply.h"

namespace itemgate::redis {

/// Reads RESP2 replies out of the bytes of a connection, in whatever pieces they come; does no I/O.
///
/// Bytes are received straight into its memory and replies look at them there: nothing is copied. What has been read of
/// a reply is not read again when more of it comes. Allocates nothing once its memory has grown. One thread at a time.
class ReplyReader {
 public:
  struct Limits {
    std::size_t bulk_bytes_max = 64 << 20;
    std::size_t line_bytes_max = 64 << 10;
    std::size_t elements_max = 1 << 20;  // of the replies that are read together, at all levels
    std::size_t nesting_max = 16;        // arrays in arrays
    std::size_t replies_bytes_max = 256 << 20;  // that are read together
  };

  explicit ReplyReader(const Limits& limits) : limits_(limits) {}

  /// Where to put bytes, at least `size_min` of them. Ends the life of all replies.
  [[nodiscard]] std::span<char> Space(std::size_t size_min);
  /// So many bytes were put there.
  void Add(std::size_t size) { end_ += size; }

  /// The next `count` replies, together; nothing while a part of them is missing. They hold until Next, Space or
  /// Restart. Fails with kCorrupt for what is not RESP2 and with kTooLarge at a limit; then the connection is useless.
  /// REQUIRES: the same count until they are complete.
  [[nodiscard]] Result<std::optional<Replies>> Next(std::size_t count);

  /// Bytes that were added and are not part of a reply told already.
  [[nodiscard]] bool has_bytes() const { return next_ < end_; }

  /// Forgets everything: another connection.
  void Restart();

 private:
  enum class Step : std::uint8_t { kRead, kNeedsMore };
  struct Line {
    char type;
    std::string_view text;
    std::size_t size;  // with what ends it
  };

  [[nodiscard]] Result<Step> ReadOne();
  [[nodiscard]] Result<std::optional<Line>> FindLine();
  [[nodiscard]] Result<Step> ReadBulk(const Line& line, std::int64_t length);
  [[nodiscard]] Result<void> ReadArray(std::int64_t count);
  /// The last of replies_ is complete, and with it perhaps the arrays that it ends.
  void CloseValue();
  void Complete();

  const Limits limits_;
  std::vector<char> memory_;
  std::size_t begin_ = 0;    // of the replies being read
  std::size_t next_ = 0;     // the first byte that is not read
  std::size_t scanned_ = 0;  // up to here there is no end of the line that begins at next_
  std::size_t end_ = 0;
  bool complete_ = false;  // replies_ were told, and end with the next call

  struct OpenArray {
    std::size_t place;  // in replies_
    std::size_t left;   // elements to come
  };
  std::vector<Reply> replies_;
  std::vector<OpenArray> open_;
  std::size_t told_ = 0;  // replies of the outermost level that are complete
};

}  // namespace itemgate::redis
