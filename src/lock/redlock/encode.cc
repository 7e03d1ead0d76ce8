#include "lock/redlock/encode.h"

#include <chrono>
#include <string_view>

#include "lock/redlock/lock_entry.h"
#include "lock/redlock/scripts.h"

namespace itemgate::redlock {
namespace {

void BeginScript(const Script& script, ScriptForm form, std::size_t key_count,
                 std::size_t argument_count, redis::CommandList& commands) {
  commands.Begin(3 + key_count + argument_count);
  commands.Append(form == ScriptForm::kByText ? "EVAL" : "EVALSHA");
  commands.Append(form == ScriptForm::kByText ? script.text : script.digest);
  commands.Append(key_count);
}

std::int64_t ExpiryMs(const LockEntry& lock) {
  return std::chrono::ceil<std::chrono::milliseconds>(lock.protocol.plan().expiry).count();
}

void EncodeSet(const LockEntry& lock, redis::CommandList& commands) {
  const std::int64_t expiry = ExpiryMs(lock);
  const bool is_whole = expiry % 1000 == 0;
  commands.Add("SET", lock.key, lock.id, std::string_view(is_whole ? "EX" : "PX"),
               is_whole ? expiry / 1000 : expiry, std::string_view("NX"));
}

void EncodeExtend(const LockEntry& lock, ScriptForm form, redis::CommandList& commands) {
  const bool recreate = lock.protocol.plan().missing_key == RedLockMissingKey::kRecreate;
  BeginScript(recreate ? kExtendOrSetScript : kExtendScript, form, 1, 2, commands);
  commands.Append(lock.key);
  commands.Append(lock.id);
  commands.Append(ExpiryMs(lock));
}

void EncodeUnlock(const LockEntry& lock, EncodeOptions options, redis::CommandList& commands) {
  BeginScript(options.publish ? kUnlockAndPublishScript : kUnlockScript, options.form, 1, 1,
              commands);
  commands.Append(lock.key);
  commands.Append(lock.id);
}

void EncodeUnlockBatch(std::span<const Question> questions, EncodeOptions options,
                       redis::CommandList& commands) {
  BeginScript(kUnlockManyScript, options.form, questions.size(), questions.size() + 1, commands);
  for (const Question& question : questions) commands.Append(question.lock->key);
  for (const Question& question : questions) commands.Append(question.lock->id);
  commands.Append(options.publish ? "publish" : "");
}

}  // namespace

void EncodeQuestions(std::span<const Question> questions, EncodeOptions options,
                     redis::CommandList& commands) {
  if (questions.size() > 1) return EncodeUnlockBatch(questions, options, commands);
  const LockEntry& lock = *questions[0].lock;
  switch (questions[0].kind) {
    case Question::Kind::kSet:
      return EncodeSet(lock, commands);
    case Question::Kind::kExtend:
      return EncodeExtend(lock, options.form, commands);
    case Question::Kind::kUnlock:
      return EncodeUnlock(lock, options, commands);
  }
}

}  // namespace itemgate::redlock
