#include "server/idempotency.h"

#include <cstring>
#include <string>

#include "base/check.h"
#include "key/digest.h"

namespace itemgate::server {

std::size_t IdempotencyTable::HandleHash::operator()(const Handle& handle) const {
  std::size_t hash;
  std::memcpy(&hash, handle.bytes.data(), sizeof hash);
  return hash;
}

IdempotencyTable::Handle IdempotencyTable::HandleOf(const Name& name) const {
  // None of the three contains a NUL.
  std::string text = std::to_string(seed_);
  for (const std::string_view part : {name.scope, name.route, name.key})
    text.append(1, '\0').append(part);
  return Sha256(text);
}

IdempotencyTable::Found IdempotencyTable::Begin(const Name& name, const Digest& content,
                                                Instant now) {
  const Handle handle = HandleOf(name);
  const MutexLock lock(mutex_);
  ForgetOld(running_, now);
  ForgetOld(finished_, now);
  if (const auto found = entries_.find(handle); found != entries_.end()) {
    const Entry& entry = found->second;
    if (entry.content != content) return {.state = State::kOtherContent};
    if (entry.running) return {.state = State::kRunning};
    return {.state = State::kFinished,
            .answer = {.outcome = entry.created ? Outcome::kCreated : Outcome::kDuplicate,
                       .joined = entry.joined,
                       .id = entry.id}};
  }
  if (entries_.size() >= options_.entries_max) {
    if (finished_.empty()) return {.state = State::kFull};
    Forget(entries_.find(finished_.front()));
  }
  running_.push_back(handle);
  entries_.emplace(handle, Entry{.content = content,
                                 .began = now,
                                 .number = ++last_number_,
                                 .place = std::prev(running_.end())});
  return {.state = State::kNew, .handle = {.handle = handle, .number = last_number_}};
}

void IdempotencyTable::Finish(const Ticket& ticket, const SaveResult& answer) {
  ITEMGATE_CHECK(answer.saved());
  const MutexLock lock(mutex_);
  const auto found = Find(ticket);
  if (found == entries_.end()) return;  // it ran longer than entries live
  Entry& entry = found->second;
  finished_.splice(finished_.end(), running_, entry.place);
  entry.running = false;
  entry.created = answer.outcome == Outcome::kCreated;
  entry.joined = answer.joined;
  entry.id = answer.id;
}

void IdempotencyTable::Abandon(const Ticket& ticket) {
  const MutexLock lock(mutex_);
  if (const auto found = Find(ticket); found != entries_.end()) Forget(found);
}

IdempotencyTable::Entries::iterator IdempotencyTable::Find(const Ticket& ticket) {
  const auto found = entries_.find(ticket.handle);
  return found != entries_.end() && found->second.number == ticket.number ? found : entries_.end();
}

void IdempotencyTable::Forget(Entries::iterator entry) {
  (entry->second.running ? running_ : finished_).erase(entry->second.place);
  entries_.erase(entry);
}

void IdempotencyTable::ForgetOld(const std::list<Handle>& oldest_first, Instant now) {
  while (!oldest_first.empty()) {
    const auto oldest = entries_.find(oldest_first.front());
    if (now - oldest->second.began < options_.lifetime) return;
    Forget(oldest);
  }
}

std::size_t IdempotencyTable::size() const {
  const MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace itemgate::server
