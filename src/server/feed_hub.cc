#include "server/feed_hub.h"

#include <utility>

namespace itemgate::server {

void FeedHub::OnSaved() {
  if (!followed_.load() || on_its_way_.exchange(true)) return;
  executor_.Post([this] {
    on_its_way_.store(false);  // before anybody looks: what is saved from now on is news again
    TellAll();
  });
}

void FeedHub::Subscribe(const std::shared_ptr<Subscriber>& subscriber) {
  {
    const MutexLock lock(mutex_);
    std::erase_if(subscribers_, [](const auto& known) { return known.expired(); });
    subscribers_.push_back(subscriber);
  }
  followed_.store(true);
}

void FeedHub::TellAll() {
  std::vector<std::shared_ptr<Subscriber>> alive;
  {
    const MutexLock lock(mutex_);
    std::erase_if(subscribers_, [](const auto& known) { return known.expired(); });
    for (const auto& known : subscribers_) {
      if (auto subscriber = known.lock()) alive.push_back(std::move(subscriber));
    }
    followed_.store(!subscribers_.empty());
  }
  for (const auto& subscriber : alive) subscriber->Wake();
}

std::size_t FeedHub::subscriber_count() const {
  const MutexLock lock(mutex_);
  std::size_t count = 0;
  for (const auto& known : subscribers_) count += known.expired() ? 0 : 1;
  return count;
}

}  // namespace itemgate::server
