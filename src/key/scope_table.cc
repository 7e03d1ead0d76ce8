#include "key/scope_table.h"

#include <algorithm>

#include "base/check.h"

namespace itemgate {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._~:@+-").contains(c);
}

Result<void> CheckName(std::string_view name) {
  if (name.empty()) return Fail(ErrorCode::kInvalidArgument, "a scope name must not be empty");
  if (name.size() > Scope::kNameBytesMax) {
    return Fail(ErrorCode::kInvalidArgument,
                "a scope name has at most " + std::to_string(Scope::kNameBytesMax) +
                    " characters; this one has " + std::to_string(name.size()));
  }
  const auto bad = std::ranges::find_if_not(name, IsNameCharacter);
  if (bad != name.end()) {
    return Fail(ErrorCode::kInvalidArgument,
                "a scope name consists of A-Z a-z 0-9 . _ ~ : @ + -; the byte at offset " +
                    std::to_string(bad - name.begin()) + " is none of these");
  }
  return {};
}

}  // namespace

ScopeTable::ScopeTable(std::size_t count_max) : count_max_(count_max) {
  ITEMGATE_CHECK(count_max >= 1);
  ITEMGATE_CHECK(count_max <= Scope::kCountMax);
  const WriterLock lock(mutex_);
  Add(Scope::kDefaultName);
}

Result<std::uint32_t> ScopeTable::Intern(std::string_view name) {
  if (auto valid = CheckName(name); !valid) return std::unexpected(std::move(valid.error()));
  {
    const ReaderLock lock(mutex_);
    if (const auto known = indexes_.find(name); known != indexes_.end()) return known->second;
  }
  const WriterLock lock(mutex_);
  if (const auto known = indexes_.find(name); known != indexes_.end()) return known->second;
  if (indexes_.size() >= count_max_) {
    return Fail(ErrorCode::kBusy, "this process already knows " + std::to_string(count_max_) +
                                      " scopes, the most it can; use fewer, or another process");
  }
  return Add(name);
}

Result<ScopeTable::Found> ScopeTable::FindOrLend(std::string_view name) {
  if (auto valid = CheckName(name); !valid) return std::unexpected(std::move(valid.error()));
  {
    const ReaderLock lock(mutex_);
    if (const auto known = indexes_.find(name); known != indexes_.end())
      return Found{.index = known->second, .is_lent = false};
  }
  const WriterLock lock(mutex_);
  if (const auto known = indexes_.find(name); known != indexes_.end())
    return Found{.index = known->second, .is_lent = false};
  std::uint32_t index;
  if (!returned_.empty()) {
    index = returned_.back();
    returned_.pop_back();
  } else if (lendable_end_ < Scope::kCountMax + kLentMax) {
    index = static_cast<std::uint32_t>(lendable_end_++);
  } else {
    return Fail(ErrorCode::kBusy,
                "too many look-ups in scopes that this process does not know are under way; ask "
                "again later");
  }
  Entry(index) = name;
  return Found{.index = index, .is_lent = true};
}

void ScopeTable::TakeBack(std::uint32_t index) {
  const WriterLock lock(mutex_);
  returned_.push_back(index);
}

std::string& ScopeTable::Entry(std::size_t index) {
  std::unique_ptr<Chunk>& chunk = chunks_[index / kChunkNames];
  if (chunk == nullptr) chunk = std::make_unique<Chunk>();
  return (*chunk)[index % kChunkNames];
}

std::uint32_t ScopeTable::Add(std::string_view name) {
  const std::size_t index = indexes_.size();
  std::string& entry = Entry(index);
  entry = name;
  indexes_.emplace(entry, static_cast<std::uint32_t>(index));
  return static_cast<std::uint32_t>(index);
}

}  // namespace itemgate
