#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "http/response.h"
#include "net/executor.h"

namespace itemgate::http {

class ServerConnection;

/// Brings deferred answers, from whatever thread they come, to the loop of their connections; one task of the loop for
/// all that arrive together.
///
/// Safe from any thread, except Close. Outlives its loop as long as somebody still owes an answer.
class AnswerMailbox final : public std::enable_shared_from_this<AnswerMailbox> {
 public:
  struct Answer {
    std::weak_ptr<ServerConnection> connection;
    std::uint64_t sequence = 0;        // of the request on its connection
    std::optional<Response> response;  // nothing: whoever owed it dropped it
  };

  class Receiver {
   public:
    virtual ~Receiver() = default;
    /// On the loop's thread.
    virtual void Deliver(std::vector<Answer> answers) = 0;
  };

  /// `loop` and `receiver` must live until Close.
  AnswerMailbox(Executor& loop, Receiver& receiver) : loop_(&loop), receiver_(receiver) {}

  void Put(Answer answer) EXCLUDES(mutex_);
  /// What is put later is dropped. REQUIRES: on the loop's thread, or the loop does not run any more.
  void Close() EXCLUDES(mutex_);

 private:
  void Deliver() EXCLUDES(mutex_);

  Mutex mutex_;
  Executor* loop_ GUARDED_BY(mutex_);  // null once closed
  std::vector<Answer> answers_ GUARDED_BY(mutex_);
  Receiver& receiver_;  // used on the loop's thread only, and not after Close
};

}  // namespace itemgate::http
