#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/json_reader.h"

namespace itemgate::server {

/// Reads a text that is one JSON object, member by member. What is wrong with its JSON goes before what is wrong with
/// what it says, and of that the first thing counts.
class JsonObjectReading {
 public:
  JsonObjectReading(const JsonObjectReading&) = delete;
  JsonObjectReading& operator=(const JsonObjectReading&) = delete;

 protected:
  /// `text` must outlive it.
  JsonObjectReading(std::string_view text, Problem no_object)
      : json_(text), no_object_(std::move(no_object)) {}
  ~JsonObjectReading() = default;

  /// Reads the member of this name, whose value comes next. False after a refusal of the JSON.
  virtual bool ReadMember(std::string_view name) = 0;

  /// False if it is no JSON; `json_` tells why.
  [[nodiscard]] bool ReadAll() {
    if (json_.NextKind() != JsonReader::Kind::kObject) {
      Mind(no_object_);
      return json_.Skip() && json_.AtEnd();
    }
    if (!json_.Enter()) return false;
    while (const auto name = json_.NextMember()) {
      if (!ReadMember(*name)) return false;
    }
    return json_.AtEnd();
  }

  /// False, a refusal, if that member was seen before.
  [[nodiscard]] bool See(bool& seen) {
    if (!std::exchange(seen, true)) return true;
    return json_.RefuseSyntax("a name that the object has twice");
  }

  void Mind(Problem problem) {
    if (!meaning_) meaning_ = std::move(problem);
  }
  void Mind(ProblemCode code, std::string_view detail) {
    if (!meaning_) meaning_ = {.code = code, .detail = std::string(detail)};
  }

  JsonReader json_;
  std::optional<Problem> meaning_;  // the first thing that is wrong with what the object says

 private:
  const Problem no_object_;
};

}  // namespace itemgate::server
