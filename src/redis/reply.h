#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "redis/failure.h"

namespace itemgate::redis {

class Reply;

/// Several replies, one after the other: those of a call, or the elements of an array. A view.
class Replies {
 public:
  class Iterator;

  Replies() = default;
  Replies(const Reply* first, std::size_t size) : first_(first), size_(size) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;
  /// Costs `index` steps: iterate over many. REQUIRES: index < size().
  [[nodiscard]] const Reply& operator[](std::size_t index) const;

 private:
  const Reply* first_ = nullptr;
  std::size_t size_ = 0;
};

/// One value as RESP2 has it. Looks into the memory of its reader: holds for the length of the callback that gets it.
class Reply {
 public:
  enum class Type : std::uint8_t { kNil, kStatus, kError, kInteger, kString, kArray };

  [[nodiscard]] Type type() const { return type_; }
  [[nodiscard]] bool is_nil() const { return type_ == Type::kNil; }
  [[nodiscard]] bool is_error() const { return type_ == Type::kError; }
  [[nodiscard]] bool is_array() const { return type_ == Type::kArray; }
  [[nodiscard]] bool IsStatus(std::string_view text) const {
    return type_ == Type::kStatus && text_ == text;
  }
  [[nodiscard]] bool IsInteger(std::int64_t value) const {
    return type_ == Type::kInteger && integer_ == value;
  }

  /// Of a status, an error or a string; else empty.
  [[nodiscard]] std::string_view text() const { return text_; }
  /// Of an integer; else 0.
  [[nodiscard]] std::int64_t integer() const { return type_ == Type::kInteger ? integer_ : 0; }
  /// Of an array; else empty.
  [[nodiscard]] Replies elements() const {
    return is_array() ? Replies(this + 1, static_cast<std::size_t>(integer_)) : Replies();
  }
  /// REQUIRES: is_error().
  [[nodiscard]] FailureKind error_kind() const { return KindOfServerError(text_); }

 private:
  friend class ReplyReader;
  friend class Replies;
  friend class Replies::Iterator;

  // Replies lie one after the other, an array before its elements.
  Type type_ = Type::kNil;
  std::uint32_t length_ = 1;  // of this reply with all that is in it
  std::int64_t integer_ =
      0;  // the value, or the number of elements; while it is being read, the place of the text
  std::string_view text_;
};

class Replies::Iterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = Reply;
  using difference_type = std::ptrdiff_t;
  using pointer = const Reply*;
  using reference = const Reply&;

  Iterator() = default;
  Iterator(const Reply* reply, std::size_t left) : reply_(reply), left_(left) {}
  const Reply& operator*() const { return *reply_; }
  const Reply* operator->() const { return reply_; }
  Iterator& operator++() {
    reply_ += reply_->length_;
    --left_;
    return *this;
  }
  Iterator operator++(int) {
    const Iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

 private:
  const Reply* reply_ = nullptr;
  std::size_t left_ = 0;
};

inline Replies::Iterator Replies::begin() const { return {first_, size_}; }
inline Replies::Iterator Replies::end() const { return {nullptr, 0}; }
inline const Reply& Replies::operator[](std::size_t index) const {
  const Reply* reply = first_;
  for (; index > 0; --index) reply += reply->length_;
  return *reply;
}

/// The value behind a name, in a reply of names and values; empty if it is not there.
[[nodiscard]] std::string_view ValueOf(Replies names_and_values, std::string_view name);

}  // namespace itemgate::redis
