#pragma once

#include <string>
#include <vector>

#include "redis/call.h"

namespace itemgate::redis {

/// What a callback was told, copied.
struct Told {
  std::vector<std::string>
      replies;  // an error begins with "-", nil is "nil", an integer its digits
  FailureKind failure = FailureKind::kOtherError;
  std::string message;
  bool ok = false;
  bool may_have_run = false;
  bool late = false;

  explicit Told(const Answer& answer) : ok(answer.ok()), late(answer.late) {
    for (const Reply& reply : answer.replies) {
      if (reply.type() == Reply::Type::kInteger)
        replies.push_back(std::to_string(reply.integer()));
      else if (reply.is_nil())
        replies.emplace_back("nil");
      else
        replies.push_back((reply.is_error() ? "-" : "") + std::string(reply.text()));
    }
    if (answer.failure == nullptr) return;
    failure = answer.failure->kind;
    message = answer.failure->message;
    may_have_run = answer.failure->may_have_run;
  }
};

}  // namespace itemgate::redis
