#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "itemgate/scope.h"
#include "server/problem.h"

namespace itemgate::server {

/// An item as a JSON object describes it: the body of application/vnd.itemgate.item+json, a line of a batch.
struct ItemDescription {
  std::string content;
  Scope scope;
  std::string media_type;  // empty: none
};

/// Reads `{"content": "text"}` or `{"contentBase64": "…"}`, optionally with "mediaType" and "scope", and nothing else.
///
/// One thread. Remembers the last scope, for in a batch it is mostly the same. Cost: one pass, one copy of the content.
class ItemDescriptionReader {
 public:
  /// `scope` is that of descriptions which name none.
  explicit ItemDescriptionReader(Scope scope) : default_scope_(scope), last_scope_(scope) {}

  [[nodiscard]] std::expected<ItemDescription, Problem> Read(std::string_view json);

 private:
  class Parsing;

  const Scope default_scope_;
  Scope last_scope_;
};

}  // namespace itemgate::server
