#include "cli/import_batch.h"

#include <utility>

#include "base/check.h"

namespace itemgate::cli {

void ImportBatch::Add(std::string_view content, const ImportTerms& terms, Origin origin) {
  if (empty()) terms_ = terms;
  ITEMGATE_CHECK(terms_ == terms);
  entries_.push_back({std::move(origin), bytes_.size(), content.size()});
  bytes_.append(content);
}

std::vector<std::string_view> ImportBatch::Contents() const {
  std::vector<std::string_view> contents;
  contents.reserve(entries_.size());
  for (const Entry& entry : entries_)
    contents.push_back(std::string_view(bytes_).substr(entry.begin, entry.bytes));
  return contents;
}

void BatchQueue::Push(ImportBatch batch) {
  const MutexLock lock(mu_);
  while (state_ == State::kOpen && batches_.size() >= batches_max_) changed_.Wait(mu_);
  ITEMGATE_CHECK(state_ != State::kClosed);
  if (state_ == State::kAbandoned) return;
  batches_.push_back(std::move(batch));
  changed_.NotifyAll();
}

std::optional<ImportBatch> BatchQueue::Pop() {
  const MutexLock lock(mu_);
  while (state_ == State::kOpen && batches_.empty()) changed_.Wait(mu_);
  if (batches_.empty()) return std::nullopt;
  std::optional<ImportBatch> batch(std::move(batches_.front()));
  batches_.pop_front();
  changed_.NotifyAll();
  return batch;
}

void BatchQueue::Close() {
  const MutexLock lock(mu_);
  if (state_ == State::kOpen) state_ = State::kClosed;
  changed_.NotifyAll();
}

void BatchQueue::Abandon() {
  const MutexLock lock(mu_);
  state_ = State::kAbandoned;
  batches_.clear();
  changed_.NotifyAll();
}

}  // namespace itemgate::cli
