#include "server/save_terms.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/base64.h"
#include "http/ascii.h"
#include "key/digest.h"
#include "server/call.h"
#include "server/target.h"

namespace itemgate::server {
namespace {

std::unexpected<Problem> Refuse(ProblemCode code, std::string detail) {
  return std::unexpected(Problem{.code = code, .detail = std::move(detail)});
}

std::string SecondsText(Duration duration) {
  std::array<char, 32> digits;
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), seconds,
                                          std::chars_format::fixed);
  return {digits.data(), end};
}

/// The string of a structured field (RFC 8941), or the bare text.
std::expected<std::string_view, Problem> ParseIdempotencyKey(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  const std::string_view key = quoted ? text.substr(1, text.size() - 2) : text;
  const char first_allowed = quoted ? ' ' : '!';
  const auto is_allowed = [&](char c) {
    return c >= first_allowed && c < '\x7F' && c != '"' && c != '\\';
  };
  if (!key.empty() && key.size() <= 255 && std::ranges::all_of(key, is_allowed)) return key;
  return Refuse(ProblemCode::kKeyInvalid,
                "Idempotency-Key must be a quoted string of 1 to 255 visible ASCII characters and "
                "spaces, none of them a quote or a backslash");
}

std::expected<IfInFlight, Problem> ParseIfInFlight(const RequestHead& head) {
  const std::string_view text = head[Header::kIfInFlight];
  if (!head.Has(Header::kIfInFlight) || http::EqualsIgnoringCase(text, "join"))
    return IfInFlight::kJoin;
  if (http::EqualsIgnoringCase(text, "reject")) return IfInFlight::kReject;
  return Refuse(ProblemCode::kInvalidArgument, "If-In-Flight must be join or reject");
}

/// Checks one digest of a header, "algorithm=:base64:", if its algorithm is known.
std::optional<Problem> CheckMember(std::string_view member, std::string_view body) {
  const std::size_t equals = std::min(member.find('='), member.size());
  const std::string_view algorithm = Trimmed(member.substr(0, equals));
  const bool is_long = http::EqualsIgnoringCase(algorithm, "sha-512");
  if (!is_long && !http::EqualsIgnoringCase(algorithm, "sha-256")) return std::nullopt;
  const std::string_view rest = member.substr(std::min(equals + 1, member.size()));
  const std::string_view value = Trimmed(rest.substr(0, rest.find(';')));  // without parameters
  const bool framed = value.size() >= 2 && value.front() == ':' && value.back() == ':';
  const auto given =
      framed ? DecodeBase64(value.substr(1, value.size() - 2)) : std::optional<std::string>();
  const std::size_t digest_bytes = is_long ? 64 : 32;
  if (!given || given->size() != digest_bytes)
    return Problem{.code = ProblemCode::kInvalidArgument,
                   .detail = "a digest must be written sha-256=:BASE64: or sha-512=:BASE64:"};
  const auto is_given = [&](const auto& digest) {
    return std::ranges::equal(
        digest, *given, [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
  };
  if (is_long ? is_given(Sha512(body)) : is_given(Sha256(body).bytes)) return std::nullopt;
  return Problem{.code = ProblemCode::kDigestMismatch,
                 .detail =
                     "the body does not have the digest that the request gives: it was "
                     "damaged on its way, or the digest is of something else"};
}

bool IsAscii(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

WaitTerms WaitTermsOf(const RequestHead& head, const ApiOptions& options) {
  const Preferences preferences = ParsePreferences(head);
  WaitTerms terms{.wait_max = options.wait_default};
  if (preferences.wait) {
    terms.wait_max = std::min(*preferences.wait, options.wait_max);
    terms.preference_applied = "wait=" + SecondsText(terms.wait_max);
  }
  if (preferences.respond_async) {
    terms.respond_async = !preferences.wait;  // with both: wait, and only then answer 202
    terms.preference_applied.append(preferences.wait ? ", respond-async" : "respond-async");
  }
  return terms;
}

std::expected<Scope, Problem> ScopeOf(const RequestHead& head, std::string_view path_scope) {
  if (!path_scope.empty()) {
    const auto name = PercentDecoded(path_scope);
    if (!name)
      return Refuse(ProblemCode::kInvalidArgument,
                    "the path has a '%' without two hexadecimal digits behind it");
    if (head.Has(Header::kItemScope) && head[Header::kItemScope] != *name)
      return Refuse(ProblemCode::kInvalidArgument,
                    "Item-Scope is another scope than that of the path; leave it out");
    return ScopeNamed(*name, "the scope in the path");
  }
  if (!head.Has(Header::kItemScope)) return Scope();
  return ScopeNamed(head[Header::kItemScope], "Item-Scope");
}

std::expected<SaveTerms, Problem> ParseSaveTerms(const ApiOptions& options, const RequestHead& head,
                                                 std::string_view path_scope, Instant began) {
  const auto scope = ScopeOf(head, path_scope);
  if (!scope) return std::unexpected(scope.error());
  const auto if_in_flight = ParseIfInFlight(head);
  if (!if_in_flight) return std::unexpected(if_in_flight.error());
  const auto deadline = DeadlineOf(head, began);
  if (!deadline) return std::unexpected(deadline.error());
  for (const Header kept : {Header::kContentType, Header::kItemMediaType}) {
    if (!IsAscii(head[kept]))  // it could not be written in JSON
      return Refuse(ProblemCode::kInvalidArgument,
                    std::string(NameOf(kept)).append(" must be of ASCII characters"));
  }

  SaveTerms terms{.scope = *scope,
                  .if_in_flight = *if_in_flight,
                  .wait = WaitTermsOf(head, options),
                  .deadline = *deadline,
                  .media_type = head[Header::kContentType],
                  .content_digest = head[Header::kContentDigest],
                  .repr_digest = head[Header::kReprDigest]};
  if (head.Has(Header::kIfNoneMatch)) {
    if (head[Header::kIfNoneMatch] != "*" || head.IsRepeated(Header::kIfNoneMatch))
      return Refuse(ProblemCode::kInvalidArgument, "If-None-Match of a save must be *, once");
    terms.only_create = true;
    terms.if_in_flight = IfInFlight::kReject;
  }
  if (terms.deadline) {
    if (*terms.deadline <= began) return std::unexpected(DeadlinePassed());
    terms.wait.wait_max = std::min(terms.wait.wait_max, *terms.deadline - began);
  }
  return terms;
}

std::optional<Problem> TakeIdempotencyKey(const RequestHead& head, SaveTerms& terms) {
  if (!head.Has(Header::kIdempotencyKey)) return std::nullopt;
  const auto key = ParseIdempotencyKey(head[Header::kIdempotencyKey]);
  if (!key) return key.error();
  terms.idempotency_key = *key;
  return std::nullopt;
}

std::optional<Problem> CheckDigest(std::string_view header, std::string_view body) {
  // sha-256=:base64:, sha-512=:base64:
  while (!header.empty()) {
    const std::size_t comma = std::min(header.find(','), header.size());
    if (auto problem = CheckMember(Trimmed(header.substr(0, comma)), body)) return problem;
    header.remove_prefix(std::min(header.size(), comma + 1));
  }
  return std::nullopt;
}

}  // namespace itemgate::server
