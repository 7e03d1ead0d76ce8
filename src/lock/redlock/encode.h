#pragma once

#include <cstdint>
#include <span>

#include "lock/redlock/node.h"
#include "redis/command_list.h"

namespace itemgate::redlock {

/// How a script is named: by its digest, or by its text to a server that does not know it.
enum class ScriptForm : std::uint8_t { kByDigest, kByText };

struct EncodeOptions {
  ScriptForm form = ScriptForm::kByDigest;
  bool publish = true;  // releases, for those who wait
};

/// Appends the one command that asks all that; several questions are answered by an array. REQUIRES: one question, or
/// several of kUnlock.
void EncodeQuestions(std::span<const Question> questions, EncodeOptions options,
                     redis::CommandList& commands);

}  // namespace itemgate::redlock
