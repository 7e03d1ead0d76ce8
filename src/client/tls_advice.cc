#include "client/tls_advice.h"

#include <string>
#include <utility>

namespace itemgate::client {
namespace {

constexpr TlsWords kTlsWords{
    .ca_file = "ClientOptions::tls.ca_file, --server-ca-file",
    .certificate =
        "ClientOptions::tls.certificate_file and key_file, --client-certificate-file "
        "and --client-key-file",
    .server_name = "ClientOptions::tls.server_name, --server-name",
    .plain = "use another port, or http://",
    .server_ca_file = "which authorities it trusts",
    .server_versions = "which versions it offers"};

constexpr std::string_view kGiveCertificate =
    "the server wants a client's certificate that it trusts: give it and its key "
    "(ClientOptions::tls.certificate_file and key_file, --client-certificate-file and "
    "--client-key-file)";

}  // namespace

Result<std::optional<TlsContext>> MakeTls(const ClientTlsOptions& options, const ServerUrl& url) {
  if (!url.is_https) {
    if (options == ClientTlsOptions{}) return std::nullopt;
    return Fail(ErrorCode::kInvalidArgument,
                "certificates and the name of the server (ClientOptions::tls, --server-ca-file and "
                "the like) are for https:// only, and the address is " +
                    url.ToString());
  }
  if (!options.key_file.empty() && options.certificate_file.empty())
    return Fail(ErrorCode::kInvalidArgument,
                "the client has a key and no certificate: give both (" +
                    std::string(kTlsWords.certificate) + ")");
  auto context = TlsContext::Make({.ca_file = options.ca_file,
                                   .certificate_file = options.certificate_file,
                                   .key_file = options.key_file,
                                   .server_name = options.server_name},
                                  kTlsWords);
  if (!context) return std::unexpected(context.error());
  if (const auto session = context->NewSession(url.endpoint.host); !session)
    return std::unexpected(session.error());
  return *std::move(context);
}

bool IsTls(std::string_view received) { return received.starts_with("\x15\x03"); }

std::string_view TlsAdvice(const ServerUrl& url, int status, std::string_view body) {
  // A problem of Itemgate's is JSON. nginx: "The plain HTTP request was sent to HTTPS port", "No required SSL
  // certificate was sent"; Apache: "You're speaking plain HTTP to an SSL-enabled server port".
  if (status != 400 || body.starts_with('{')) return {};
  if (!url.is_https && (body.contains("HTTPS") || body.contains("SSL"))) return kUseHttps;
  if (url.is_https && body.contains("SSL certificate")) return kGiveCertificate;
  return {};
}

}  // namespace itemgate::client
