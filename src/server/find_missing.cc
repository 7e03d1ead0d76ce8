#include "server/find_missing.h"

#include <string>
#include <utility>

#include "server/json_reader.h"
#include "server/target.h"

namespace itemgate::server {
namespace {

using Kind = JsonReader::Kind;

class Reading {
 public:
  Reading(std::string_view body, std::optional<ScopeLoan> scope)
      : json_(body), header_scope_(std::move(scope)) {}

  std::expected<FindMissing, Problem> Run() {
    if (!ReadAll()) return std::unexpected(*json_.problem());
    if (!has_digests_) Mind(ProblemCode::kInvalidArgument, "the object has no sha256");
    if (meaning_) return std::unexpected(std::move(*meaning_));
    if (header_scope_) request_.scope = *std::move(header_scope_);
    for (ContentKey& key : request_.keys) key.scope = request_.scope.scope();
    return std::move(request_);
  }

 private:
  bool ReadAll() {
    if (json_.NextKind() != Kind::kObject) {
      Mind(ProblemCode::kInvalidArgument, "the body must be a JSON object");
      return json_.Skip() && json_.AtEnd();
    }
    if (!json_.Enter()) return false;
    while (const auto name = json_.NextMember()) {
      if (!ReadMember(*name)) return false;
    }
    return json_.AtEnd();
  }

  bool ReadMember(std::string_view name) {
    if (name == "sha256") return See(has_digests_) && ReadDigests();
    if (name == "scope") return See(has_scope_) && ReadScope();
    Mind(ProblemCode::kUnknownField,
         "the object has a field that is not known; known are: scope, sha256");
    return json_.Skip();
  }

  bool See(bool& seen) {
    if (!std::exchange(seen, true)) return true;
    return json_.RefuseSyntax("a name that the object has twice");
  }

  bool ReadDigests() {
    if (json_.NextKind() != Kind::kArray) {
      Mind(ProblemCode::kInvalidArgument, "sha256 must be an array");
      return json_.Skip();
    }
    if (!json_.Enter()) return false;
    while (json_.NextElement()) {
      if (!ReadDigest()) return false;
    }
    return !json_.problem();
  }

  bool ReadDigest() {
    if (json_.NextKind() != Kind::kString) {
      Mind(ProblemCode::kInvalidArgument, "sha256 must be an array of strings");
      return json_.Skip();
    }
    const auto text = json_.ReadString();
    if (!text) return false;
    const Result<Digest> digest = Digest::FromHex(*text);
    if (!digest) {
      Mind(ProblemCode::kInvalidArgument, "each of sha256 must be 64 hexadecimal digits");
    } else if (request_.keys.size() == FindMissing::kDigestsMax) {
      Mind(ProblemCode::kInvalidArgument, "more than 10,000 digests; ask in several requests");
    } else {
      request_.keys.push_back({.digest = *digest});
    }
    return true;
  }

  bool ReadScope() {
    if (json_.NextKind() != Kind::kString) {
      Mind(ProblemCode::kInvalidArgument, "scope must be a string");
      return json_.Skip();
    }
    const auto name = json_.ReadString();
    if (!name) return false;
    if (!header_scope_) {
      TakeScope(*name);
    } else if (*name != header_scope_->scope().name()) {
      Mind(ProblemCode::kInvalidArgument, "Item-Scope and the body's scope differ");
    }
    return true;
  }

  void TakeScope(std::string_view name) {
    auto scope = ScopeToRead(name, "scope");
    if (scope) {
      request_.scope = *std::move(scope);
    } else if (!meaning_) {
      meaning_ = std::move(scope.error());
    }
  }

  // The first thing that is wrong with what the object says.
  void Mind(ProblemCode code, std::string_view detail) {
    if (!meaning_) meaning_ = {.code = code, .detail = std::string(detail)};
  }

  JsonReader json_;
  std::optional<ScopeLoan> header_scope_;
  FindMissing request_;
  std::optional<Problem> meaning_;
  bool has_digests_ = false;
  bool has_scope_ = false;
};

}  // namespace

std::expected<FindMissing, Problem> ReadFindMissing(std::string_view body,
                                                    std::optional<ScopeLoan> scope) {
  return Reading(body, std::move(scope)).Run();
}

}  // namespace itemgate::server
