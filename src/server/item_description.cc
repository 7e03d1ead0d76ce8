#include "server/item_description.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "itemgate/store.h"
#include "server/json_object_reading.h"
#include "server/target.h"

namespace itemgate::server {

/// One description being read.
class ItemDescriptionReader::Parsing final : JsonObjectReading {
 public:
  Parsing(ItemDescriptionReader& reader, std::string_view json)
      : JsonObjectReading(json, {.code = ProblemCode::kInvalidContent,
                                 .detail = "an item must be a JSON object"}),
        reader_(reader) {
    item_.scope = reader.default_scope_;
  }

  std::expected<ItemDescription, Problem> Run() {
    if (!ReadAll()) return std::unexpected(*json_.problem());
    if (!meaning_ && !has_content_) {
      Mind(ProblemCode::kInvalidContent,
           "the object has no content; give it as \"content\" or \"contentBase64\"");
    }
    if (meaning_) return std::unexpected(std::move(*meaning_));
    return std::move(item_);
  }

 private:
  bool ReadMember(std::string_view name) override {
    if (name == "content") return ReadContent(&Parsing::TakeText, saw_content_);
    if (name == "contentBase64") return ReadContent(&Parsing::TakeBase64, saw_base64_);
    if (name == "mediaType") return ReadText(&Parsing::TakeMediaType, saw_media_type_);
    if (name == "scope") return ReadText(&Parsing::TakeScope, saw_scope_);
    Mind(ProblemCode::kUnknownField,
         "the object has a field that is not known; known are: content, contentBase64, mediaType, "
         "scope");
    return json_.Skip();
  }

  using Taker = void (Parsing::*)(std::string_view);

  bool ReadContent(Taker take, bool& seen) {
    if (!See(seen)) return false;
    if (has_content_)
      Mind(ProblemCode::kInvalidContent, "give \"content\" or \"contentBase64\", not both");
    has_content_ = true;
    if (json_.NextKind() == JsonReader::Kind::kString) return TakeString(take);
    Mind(ProblemCode::kInvalidContent, "the content must be a string");
    return json_.Skip();
  }

  bool ReadText(Taker take, bool& seen) {
    if (!See(seen)) return false;
    if (json_.NextKind() == JsonReader::Kind::kString) return TakeString(take);
    Mind(ProblemCode::kInvalidArgument, "mediaType and scope must be strings");
    return json_.Skip();
  }

  bool TakeString(Taker take) {
    const auto text = json_.ReadString();
    if (!text) return false;
    (this->*take)(*text);
    return true;
  }

  void TakeText(std::string_view text) {
    if (text.empty()) Mind(ProblemCode::kInvalidContent, "the content is empty");
    item_.content = text;
  }
  void TakeBase64(std::string_view text) {
    auto bytes = DecodeBase64(text);
    if (!bytes) return Mind(ProblemCode::kInvalidContent, "contentBase64 is not Base64 (RFC 4648)");
    if (bytes->empty()) Mind(ProblemCode::kInvalidContent, "the content is empty");
    item_.content = std::move(*bytes);
  }
  void TakeMediaType(std::string_view text) {
    if (text.size() > kMediaTypeBytesMax)
      return Mind(ProblemCode::kInvalidArgument, "mediaType is longer than 255 bytes");
    if (!std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7F'; }))
      return Mind(ProblemCode::kInvalidArgument, "mediaType must be of visible ASCII characters");
    item_.media_type = text;
  }
  void TakeScope(std::string_view name) {
    if (name != reader_.last_scope_.name()) {
      auto scope = ScopeNamed(name, "scope");
      if (!scope) return Mind(std::move(scope.error()));
      reader_.last_scope_ = *scope;
    }
    item_.scope = reader_.last_scope_;
  }

  ItemDescriptionReader& reader_;
  ItemDescription item_;
  bool has_content_ = false;
  bool saw_content_ = false;
  bool saw_base64_ = false;
  bool saw_media_type_ = false;
  bool saw_scope_ = false;
};

std::expected<ItemDescription, Problem> ItemDescriptionReader::Read(std::string_view json) {
  return Parsing(*this, json).Run();
}

}  // namespace itemgate::server
