#include "server/find_missing.h"

#include <string>
#include <utility>

#include "server/json_object_reading.h"
#include "server/target.h"

namespace itemgate::server {
namespace {

using Kind = JsonReader::Kind;

class Reading final : JsonObjectReading {
 public:
  Reading(std::string_view body, std::optional<ScopeLoan> scope)
      : JsonObjectReading(body, {.code = ProblemCode::kInvalidArgument,
                                 .detail = "the body must be a JSON object"}),
        header_scope_(std::move(scope)) {}

  std::expected<FindMissing, Problem> Run() {
    if (!ReadAll()) return std::unexpected(*json_.problem());
    if (!has_digests_) Mind(ProblemCode::kInvalidArgument, "the object has no sha256");
    if (meaning_) return std::unexpected(std::move(*meaning_));
    if (header_scope_) request_.scope = *std::move(header_scope_);
    for (ContentKey& key : request_.keys) key.scope = request_.scope.scope();
    return std::move(request_);
  }

 private:
  bool ReadMember(std::string_view name) override {
    if (name == "sha256") return See(has_digests_) && ReadDigests();
    if (name == "scope") return See(has_scope_) && ReadScope();
    Mind(ProblemCode::kUnknownField,
         "the object has a field that is not known; known are: scope, sha256");
    return json_.Skip();
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
    if (!scope) return Mind(std::move(scope.error()));
    request_.scope = *std::move(scope);
  }

  std::optional<ScopeLoan> header_scope_;
  FindMissing request_;
  bool has_digests_ = false;
  bool has_scope_ = false;
};

}  // namespace

std::expected<FindMissing, Problem> ReadFindMissing(std::string_view body,
                                                    std::optional<ScopeLoan> scope) {
  return Reading(body, std::move(scope)).Run();
}

}  // namespace itemgate::server
