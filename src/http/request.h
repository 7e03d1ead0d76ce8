#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace itemgate::http {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kPatch,
  kDelete,
  kOptions,
  kTrace,
  kConnect,
  kUnknown
};

struct Field {
  std::string_view name;   // as it was sent; compare without regard to case
  std::string_view value;  // without the spaces around it
};

/// The head of a request, checked for framing: views into the connection's memory. Whoever gets it is told how long
/// they stay valid.
struct Request {
  Method method = Method::kUnknown;
  std::string_view method_name;
  std::string_view
      path;  // of the target, still percent-encoded; begins with '/', or is "*" of OPTIONS
  std::string_view query;  // what follows '?', still percent-encoded
  bool http_1_0 = false;
  bool has_body = false;  // Content-Length above 0, or chunked
  std::vector<Field> fields;

  /// What the application has made of this head. It ends with the head, which many requests may share.
  class Finding {
   public:
    virtual ~Finding() = default;
  };
  mutable std::unique_ptr<const Finding> finding;  // the application's; null: it did not look yet

  /// The value of the first field of that name (ASCII case does not count), or nothing.
  [[nodiscard]] std::optional<std::string_view> Find(std::string_view name) const;
};

}  // namespace itemgate::http
