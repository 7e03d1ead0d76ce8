#include "redis/reply_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"

namespace itemgate::redis {
namespace {

constexpr std::size_t kMemoryBytesMin = 64 << 10;
constexpr std::size_t kMemoryBytesKept = 1 << 20;  // more is given back when it is empty

std::unexpected<Error> Corrupt(std::string what) {
  return Fail(ErrorCode::kCorrupt, "this is not RESP2: " + std::move(what));
}

Result<std::int64_t> ParseInteger(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return Corrupt("a number is none");
  return value;
}

}  // namespace

std::span<char> ReplyReader::Space(std::size_t size_min) {
  Complete();
  if (begin_ == end_) {
    begin_ = next_ = scanned_ = end_ = 0;
    if (memory_.size() > kMemoryBytesKept && size_min <= kMemoryBytesMin) memory_ = {};
  }
  if (memory_.size() - end_ < size_min) {
    if (begin_ > 0) {
      std::memmove(memory_.data(), memory_.data() + begin_, end_ - begin_);
      next_ -= begin_;
      scanned_ -= begin_;
      end_ -= begin_;
      begin_ = 0;
    }
    if (memory_.size() - end_ < size_min)
      memory_.resize(std::max({kMemoryBytesMin, 2 * memory_.size(), end_ + size_min}));
  }
  return std::span(memory_).subspan(end_);
}

void ReplyReader::Restart() {
  begin_ = next_ = scanned_ = end_ = 0;
  complete_ = false;
  replies_.clear();
  open_.clear();
  told_ = 0;
}

void ReplyReader::Complete() {
  if (!complete_) return;
  complete_ = false;
  replies_.clear();
  told_ = 0;
  begin_ = next_;
}

Result<std::optional<Replies>> ReplyReader::Next(std::size_t count) {
  Complete();
  while (told_ < count) {
    const auto step = ReadOne();
    if (!step) return std::unexpected(step.error());
    if (*step == Step::kNeedsMore) {
      if (end_ - begin_ > limits_.replies_bytes_max)
        return Fail(ErrorCode::kTooLarge, "a reply has more than " +
                                              std::to_string(limits_.replies_bytes_max) + " bytes");
      return std::nullopt;
    }
  }
  for (Reply& reply : replies_) {
    if (reply.text_.empty()) continue;
    // Until now the view began at no byte in particular, since the memory moves; integer_ has the place.
    reply.text_ = std::string_view(memory_.data() + begin_ + reply.integer_, reply.text_.size());
    reply.integer_ = 0;
  }
  complete_ = true;
  return Replies(replies_.data(), count);
}

Result<std::optional<ReplyReader::Line>> ReplyReader::FindLine() {
  const char* const from = memory_.data() + scanned_;
  const auto* const end = static_cast<const char*>(std::memchr(from, '\n', end_ - scanned_));
  const std::size_t size = static_cast<std::size_t>(
      (end != nullptr ? end + 1 : memory_.data() + end_) - (memory_.data() + next_));
  if (size > limits_.line_bytes_max)
    return Fail(ErrorCode::kTooLarge,
                "a line has more than " + std::to_string(limits_.line_bytes_max) + " bytes");
  if (end == nullptr) {
    scanned_ = end_;
    return std::nullopt;
  }
  const std::string_view line(memory_.data() + next_, size);
  if (size < 3 || line.find('\r') != size - 2) return Corrupt("a line ends without CR LF");
  return Line{.type = line[0], .text = line.substr(1, size - 3), .size = size};
}

Result<ReplyReader::Step> ReplyReader::ReadOne() {
  if (next_ == end_) return Step::kNeedsMore;
  if (std::string_view("+-:$*").find(memory_[next_]) == std::string_view::npos)
    return Corrupt("a reply begins with byte " +
                   std::to_string(static_cast<unsigned char>(memory_[next_])));
  const auto line = FindLine();
  if (!line) return std::unexpected(line.error());
  if (!*line) return Step::kNeedsMore;
  const auto& [type, text, size] = **line;
  if (replies_.size() >= limits_.elements_max)
    return Fail(ErrorCode::kTooLarge,
                "a reply has more than " + std::to_string(limits_.elements_max) + " elements");
  Reply reply;
  if (type == '+' || type == '-') {
    reply.type_ = type == '+' ? Reply::Type::kStatus : Reply::Type::kError;
    reply.text_ = text;
    reply.integer_ = static_cast<std::int64_t>(next_ + 1 - begin_);
  } else {
    const auto number = ParseInteger(text);
    if (!number) return std::unexpected(number.error());
    if (type == '$' && *number != -1) return ReadBulk(**line, *number);
    if (type == '*' && *number != -1) {
      if (const auto read = ReadArray(*number); !read) return std::unexpected(read.error());
      next_ += size;
      scanned_ = next_;
      return Step::kRead;
    }
    if (type == ':') {
      reply.type_ = Reply::Type::kInteger;
      reply.integer_ = *number;
    }
  }
  replies_.push_back(reply);
  next_ += size;
  scanned_ = next_;
  CloseValue();
  return Step::kRead;
}

Result<ReplyReader::Step> ReplyReader::ReadBulk(const Line& line, std::int64_t length) {
  if (length < 0) return Corrupt("a length is negative");
  if (static_cast<std::uint64_t>(length) > limits_.bulk_bytes_max)
    return Fail(ErrorCode::kTooLarge, "a string has " + std::to_string(length) +
                                          " bytes; at most " +
                                          std::to_string(limits_.bulk_bytes_max) + " are taken");
  const std::size_t begin = next_ + line.size;
  const std::size_t size = static_cast<std::size_t>(length);
  if (end_ < begin + size + 2) {
    scanned_ = next_;  // the line is short: it is read again when more has come
    return Step::kNeedsMore;
  }
  if (memory_[begin + size] != '\r' || memory_[begin + size + 1] != '\n')
    return Corrupt("a string ends without CR LF");
  Reply reply;
  reply.type_ = Reply::Type::kString;
  reply.text_ = std::string_view(memory_.data() + begin, size);
  reply.integer_ = static_cast<std::int64_t>(begin - begin_);
  replies_.push_back(reply);
  next_ = begin + size + 2;
  scanned_ = next_;
  CloseValue();
  return Step::kRead;
}

Result<void> ReplyReader::ReadArray(std::int64_t count) {
  if (count < 0) return Corrupt("a length is negative");
  if (static_cast<std::uint64_t>(count) > limits_.elements_max - replies_.size())
    return Fail(ErrorCode::kTooLarge,
                "a reply has more than " + std::to_string(limits_.elements_max) + " elements");
  if (open_.size() >= limits_.nesting_max)
    return Fail(ErrorCode::kTooLarge,
                "arrays are nested more than " + std::to_string(limits_.nesting_max) + " deep");
  Reply reply;
  reply.type_ = Reply::Type::kArray;
  reply.integer_ = count;
  replies_.push_back(reply);
  if (count > 0)
    open_.push_back({.place = replies_.size() - 1, .left = static_cast<std::size_t>(count)});
  else
    CloseValue();
  return {};
}

void ReplyReader::CloseValue() {
  while (!open_.empty()) {
    if (--open_.back().left > 0) return;
    Reply& array = replies_[open_.back().place];
    array.length_ = static_cast<std::uint32_t>(replies_.size() - open_.back().place);
    open_.pop_back();
  }
  ++told_;
}

std::string_view ValueOf(Replies names_and_values, std::string_view name) {
  bool is_name = true;
  bool is_found = false;
  for (const Reply& reply : names_and_values) {
    if (is_found) return reply.text();
    is_found = is_name && reply.text() == name;
    is_name = !is_name;
  }
  return {};
}

}  // namespace itemgate::redis
