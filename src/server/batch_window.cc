#include "server/batch_window.h"

#include <utility>

namespace itemgate::server {

std::size_t BatchWindow::GroupOf(const ItemDescription& item) const {
  const auto fits = [&](const Group& group) {
    return group.scope == item.scope && group.media_type == item.media_type;
  };
  if (last_group_ < groups_.size() && fits(groups_[last_group_])) return last_group_;
  std::size_t i = 0;
  while (i < groups_.size() && !fits(groups_[i])) ++i;
  return i;
}

bool BatchWindow::Takes(const ItemDescription& item) const { return GroupOf(item) < kGroupsMax; }

void BatchWindow::Add(ItemDescription item) {
  last_group_ = GroupOf(item);
  if (last_group_ == groups_.size())
    groups_.push_back({.scope = item.scope, .media_type = std::move(item.media_type)});
  Group& group = groups_[last_group_];
  content_bytes_ += item.content.size();
  group.contents.push_back(std::move(item.content));
  group.positions.push_back(static_cast<std::uint32_t>(answers_.size()));
  answers_.emplace_back(std::in_place_type<SaveResult>);
  ++unanswered_;
}

void BatchWindow::Add(Problem refusal) { answers_.emplace_back(std::move(refusal)); }

void BatchWindow::RefuseAll(const Problem& problem) {
  for (const Group& group : groups_) {
    for (const std::uint32_t position : group.positions) answers_[position] = problem;
  }
  groups_.clear();
  unanswered_ = 0;
}

void BatchWindow::GroupAnswered(const std::vector<std::uint32_t>& positions,
                                std::vector<SaveResult> results) {
  for (std::size_t i = 0; i < positions.size(); ++i) answers_[positions[i]] = std::move(results[i]);
  unanswered_ -= positions.size();
}

}  // namespace itemgate::server
