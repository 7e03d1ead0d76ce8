#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace itemgate {

/// The type of a coroutine that starts at once, belongs to nobody and frees itself at its end. Whatever it refers to
/// must outlive it. An exception that leaves it ends the process.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

/// Turns a call that reports through a callback into something to await:
///   Result<void> saved = co_await Reply<Result<void>>([&](auto done) { backend.SaveItem(…, std::move(done)); });
/// The coroutine goes on wherever the callback is called, which may be inside the call.
template <typename T, typename Call>
class ReplyAwaiter {
 public:
  explicit ReplyAwaiter(Call call) : call_(std::move(call)) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    call_([this, waiting](T value) {
      value_.emplace(std::move(value));
      waiting.resume();
    });
  }
  [[nodiscard]] T await_resume() { return std::move(*value_); }

 private:
  Call call_;
  std::optional<T> value_;
};

template <typename T, typename Call>
[[nodiscard]] ReplyAwaiter<T, Call> Reply(Call call) {
  return ReplyAwaiter<T, Call>(std::move(call));
}

}  // namespace itemgate
