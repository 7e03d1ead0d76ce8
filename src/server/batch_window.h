#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "itemgate/save_result.h"
#include "itemgate/scope.h"
#include "server/item_description.h"
#include "server/problem.h"

namespace itemgate::server {

/// Some consecutive items of a batch: those of equal scope and media type are saved by one call. One thread.
class BatchWindow {
 public:
  /// More different ones begin a new window, so that finding the group of an item stays cheap.
  static constexpr std::size_t kGroupsMax = 64;

  struct Group {
    Scope scope;
    std::string media_type;
    std::vector<std::string> contents;
    std::vector<std::uint32_t> positions;  // of the contents, in the window
  };

  /// False if the item belongs to another window.
  [[nodiscard]] bool Takes(const ItemDescription& item) const;
  void Add(ItemDescription item);
  void Add(Problem refusal);

  /// Refuses all that is to be saved.
  void RefuseAll(const Problem& problem);

  [[nodiscard]] std::vector<Group>& groups() { return groups_; }
  void GroupAnswered(const std::vector<std::uint32_t>& positions, std::vector<SaveResult> results);
  [[nodiscard]] bool answered() const { return unanswered_ == 0; }

  using Answer = std::variant<SaveResult, Problem>;
  [[nodiscard]] const std::vector<Answer>& answers() const { return answers_; }
  [[nodiscard]] std::size_t size() const { return answers_.size(); }
  [[nodiscard]] std::size_t content_bytes() const { return content_bytes_; }

 private:
  [[nodiscard]] std::size_t GroupOf(const ItemDescription& item) const;

  std::vector<Group> groups_;
  std::vector<Answer> answers_;
  std::size_t last_group_ = 0;  // of the last item: most have the same
  std::size_t content_bytes_ = 0;
  std::size_t unanswered_ = 0;
};

}  // namespace itemgate::server
