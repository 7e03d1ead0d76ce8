#include "http/connection_census.h"

namespace itemgate::http {

bool ConnectionCensus::Admit(const std::string& address) {
  const MutexLock lock(mutex_);
  if (count_ >= limits_.connections_max) return false;
  std::size_t& here = by_address_[address];
  if (limits_.connections_per_address_max > 0 && here >= limits_.connections_per_address_max) {
    return false;
  }
  ++here;
  ++count_;
  return true;
}

void ConnectionCensus::Leave(const std::string& address) {
  const MutexLock lock(mutex_);
  const auto found = by_address_.find(address);
  if (--found->second == 0) by_address_.erase(found);
  if (--count_ == 0) changed_.NotifyAll();
}

std::size_t ConnectionCensus::WaitUntilEmpty(std::size_t loop_count) {
  const MutexLock lock(mutex_);
  while (!given_up_ && (count_ > 0 || loops_closed_ < loop_count)) changed_.Wait(mutex_);
  given_up_ = false;  // that was this wait; another may follow
  return count_;
}

void ConnectionCensus::LoopClosed() {
  const MutexLock lock(mutex_);
  ++loops_closed_;
  changed_.NotifyAll();
}

void ConnectionCensus::GiveUp() {
  const MutexLock lock(mutex_);
  given_up_ = true;
  changed_.NotifyAll();
}

}  // namespace itemgate::http
