#include "http/request.h"

#include "http/ascii.h"

namespace itemgate::http {

std::optional<std::string_view> Request::Find(std::string_view name) const {
  for (const Field& field : fields) {
    if (EqualsIgnoringCase(field.name, name)) return field.value;
  }
  return std::nullopt;
}

}  // namespace itemgate::http
