// Whatever bytes come to a server's connection, in whatever pieces: no crash, every answer is one of HTTP/1.1, and what
// is answered, and what the application sees, does not depend on where the input was split.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "http/request_parser.h"
#include "property.h"
#include "testing/connection_under_test.h"

namespace itemgate::http {
namespace {

// Small, so that short inputs reach them.
constexpr ServerLimits kLimits{.request_line_bytes_max = 64,
                               .head_bytes_max = 256,
                               .fields_max = 6,
                               .pipelined_max = 3,
                               .unsent_bytes_max = 4096};

struct Transcript {
  std::string received;
  std::vector<std::string> handled;
  std::vector<std::string> streamed;
  friend bool operator==(const Transcript&, const Transcript&) = default;
};

Transcript Converse(const std::vector<std::string_view>& pieces) {
  ConnectionUnderTest connection(kLimits);
  ScriptedApplication& application = connection.application;
  application.body_bytes_max = 100;
  for (const std::string_view piece : pieces) connection.Send(piece);
  connection.EndInput();
  do {
    for (Responder& answer : std::exchange(application.owed, {})) answer({.body = "later"});
    connection.Advance({});
  } while (!application.owed.empty());

  Transcript transcript{connection.Take(), application.handled};
  for (const auto& streamed : application.streams) transcript.streamed.push_back(streamed->body);
  // Where one chunk of a streamed answer ends and the next begins is up to the moment of sending.
  if (!application.streams.empty()) transcript.received.clear();
  return transcript;
}

std::vector<std::string_view> Split(std::string_view input, Random& random) {
  std::vector<std::string_view> pieces;
  while (!input.empty()) {
    const std::size_t length = 1 + random.Below(1 + random.Below(input.size()));
    pieces.push_back(input.substr(0, length));
    input.remove_prefix(pieces.back().size());
  }
  return pieces;
}

/// A head that is read again is the same head, and ends where it ended.
void ExamineHead(std::string_view input) {
  const auto length = HeadScanner().Scan(input, kLimits);
  if (!length || !*length) return;
  const std::string_view head = input.substr(0, **length);
  HeadReader heads;
  const auto first = heads.Read(head);
  Require(heads.Recognize(input) == (first ? head.size() : 0), "a sound head is recognized");
  const auto again = heads.Read(head);
  Require(first.has_value() == again.has_value(), "a head is sound or not");
  Require(!first || (first->content_length == again->content_length &&
                     first->chunked == again->chunked && first->keep_alive == again->keep_alive),
          "and says the same each time");
}

void Examine(std::string_view input) {
  ExamineHead(input);
  const Transcript whole = Converse({input});
  Require(whole.received.empty() || whole.received.starts_with("HTTP/1.1 "),
          "an answer is one of HTTP/1.1");
  Random random(input.size());
  Require(Converse(Split(input, random)) == whole, "a split changes nothing");
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < input.size(); ++i) bytes.push_back(input.substr(i, 1));
  Require(Converse(bytes) == whole, "neither does coming byte by byte");
}

}  // namespace
}  // namespace itemgate::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  itemgate::http::Examine({reinterpret_cast<const char*>(data), size});
  return 0;
}
