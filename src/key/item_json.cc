#include "key/item_json.h"

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/time_text.h"
#include "base/utf8.h"

namespace itemgate {

std::string ItemJson(const Item& item, ItemContent content) {
  JsonWriter json;
  json.BeginObject()
      .Field("id", item.id.value)
      .Field("scope", item.key.scope.name())
      .Field("saved_at", FormatTime(item.saved_at))
      .Field("length", item.content.size())
      .Field("sha256", item.key.digest.ToHex());
  if (!item.media_type.empty()) json.Field("media_type", item.media_type);
  if (content == ItemContent::kInclude) {
    if (IsUtf8(item.content)) {
      json.Field("content", item.content);
    } else {
      json.Field("content_base64", Base64(item.content));
    }
  }
  return json.EndObject().Take();
}

}  // namespace itemgate
