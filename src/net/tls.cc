#include "net/tls.h"

#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/check.h"

namespace itemgate {
namespace {

/// What OpenSSL says of the error that came first; forgets them all.
std::string TakeReason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(error)) return std::system_category().message(ERR_GET_REASON(error));
  const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "unknown error" : reason;
}

/// "; what to do (how to say it)".
std::string Advice(std::string_view what, std::string_view how) {
  return std::string("; ").append(what).append(" (").append(how).append(")");
}

struct GivenFile {
  std::string_view what;
  const std::string& path;
  std::string_view how;  // it was given
};

std::unexpected<Error> Refuse(const GivenFile& file) {
  return Fail(ErrorCode::kInvalidArgument, "cannot use the " + std::string(file.what) + " \"" +
                                               file.path + "\": " + TakeReason() +
                                               Advice("it must be PEM", file.how));
}

/// What no host name and no address has; verified against it, a certificate would be refused or, worse, not be checked.
bool IsNoServerName(const std::string& name) {
  if (name.find('\0') != std::string::npos || name.contains('%')) return true;
  if (!name.contains(':')) return false;
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(name.c_str());
  ASN1_OCTET_STRING_free(address);
  return address == nullptr;
}

std::string AdviceForCertificate(long verified, const std::string& server_name,
                                 const TlsWords& words) {
  switch (verified) {
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return Advice("give the file of the authority that signed it", words.ca_file);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return Advice("the certificate is not for \"" + server_name +
                        "\": connect by a name that it has, or give one",
                    words.server_name);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "; renew the server's certificate, or set the clock";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "; the clock of this machine, or of the one that made it, is wrong";
    default:
      return "";
  }
}

std::string AdviceForHandshake(const std::string& reason, const TlsWords& words) {
  if (reason.contains("wrong version number") || reason.contains("packet length too long"))
    return "; the server does not speak TLS on this port: " + std::string(words.plain);
  if (reason.contains("certificate required") || reason.contains("handshake failure"))
    return Advice("the server wants a client's certificate: give it and its key",
                  words.certificate);
  if (reason.contains("unknown ca") || reason.contains("bad certificate"))
    return "; the server does not trust our certificate: see " + std::string(words.server_ca_file);
  if (reason.contains("protocol"))
    return "; the server offers no such version of TLS: see " + std::string(words.server_versions);
  return "";
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsSession::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsContext::TlsContext(TlsOptions options, const TlsWords& words,
                       std::unique_ptr<ssl_ctx_st, Free> context)
    : options_(std::move(options)), words_(&words), context_(std::move(context)) {}

Result<TlsContext> TlsContext::Make(TlsOptions options, const TlsWords& words) {
  if (IsNoServerName(options.server_name))
    return Fail(
        ErrorCode::kInvalidArgument,
        "\"" + options.server_name + "\" is no name of a server to verify" +
            Advice("give a host name or an IP address, without port or zone", words.server_name));
  ERR_clear_error();
  std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  ITEMGATE_CHECK(context != nullptr);
  using Versions = TlsOptions::Versions;
  SSL_CTX_set_min_proto_version(
      context.get(), options.versions == Versions::kOnly13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (options.versions == Versions::kOnly12)
    SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  if (options.ca_file.empty())
    SSL_CTX_set_default_verify_paths(context.get());
  else if (SSL_CTX_load_verify_file(context.get(), options.ca_file.c_str()) != 1)
    return Refuse({"authority's certificate", options.ca_file, words.ca_file});
  if (!options.certificate_file.empty()) {
    const std::string& key = options.key_file.empty() ? options.certificate_file : options.key_file;
    if (SSL_CTX_use_certificate_chain_file(context.get(), options.certificate_file.c_str()) != 1)
      return Refuse({"client's certificate", options.certificate_file, words.certificate});
    if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
      return Refuse({"client's key", key, words.certificate});
  }
  const bool verifies = options.verify == TlsOptions::Verify::kChainAndName;
  SSL_CTX_set_verify(context.get(), verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  return TlsContext(std::move(options), words, std::move(context));
}

Result<std::unique_ptr<TlsSession>> TlsContext::NewSession(const std::string& host) const {
  std::unique_ptr<SSL, TlsSession::Free> ssl(SSL_new(context_.get()));
  ITEMGATE_CHECK(ssl != nullptr);
  const std::string& name = options_.server_name.empty() ? host : options_.server_name;
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str()) != 1) {
    const bool verifies = options_.verify == TlsOptions::Verify::kChainAndName;
    const bool is_set = SSL_set_tlsext_host_name(ssl.get(), name.c_str()) == 1 &&
                        SSL_set1_host(ssl.get(), name.c_str()) == 1 && !name.empty() &&
                        !name.contains('\0');
    ERR_clear_error();
    if (verifies && !is_set)
      return Fail(ErrorCode::kInvalidArgument, "\"" + name +
                                                   "\" is no name that a certificate could have" +
                                                   Advice("give one", words_->server_name));
  }
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl.get());
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(ssl), name, *words_));
}

TlsSession::TlsSession(std::unique_ptr<ssl_st, Free> ssl, std::string server_name,
                       const TlsWords& words)
    : ssl_(std::move(ssl)), server_name_(std::move(server_name)), words_(words) {}

TlsSession::~TlsSession() = default;

Result<bool> TlsSession::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  TakeOutput();
  if (result == 1) return true;
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return false;
  return Fail(ErrorCode::kUnavailable, Explain(result));
}

void TlsSession::Feed(std::string_view received) {
  const int written =
      BIO_write(SSL_get_rbio(ssl_.get()), received.data(), static_cast<int>(received.size()));
  ITEMGATE_CHECK(written == static_cast<int>(received.size()));  // memory takes all
}

Result<std::size_t> TlsSession::Read(std::span<char> bytes) {
  ERR_clear_error();
  std::size_t size = 0;
  const int result = SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &size);
  TakeOutput();  // an answer to what TLS itself asked
  if (result == 1) return size;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return 0;
    case SSL_ERROR_ZERO_RETURN:
      return Fail(ErrorCode::kIo, "the server closed the connection");
    default:
      return Fail(ErrorCode::kUnavailable, Explain(result));
  }
}

Result<void> TlsSession::Write(std::string_view bytes) {
  ERR_clear_error();
  while (!bytes.empty()) {
    std::size_t size = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &size);
    if (result != 1) return Fail(ErrorCode::kUnavailable, Explain(result));
    bytes.remove_prefix(size);
  }
  TakeOutput();
  return {};
}

std::string_view TlsSession::Output() const {
  return std::string_view(output_).substr(output_sent_);
}

void TlsSession::TakeOutput() {
  if (output_sent_ == output_.size()) {
    output_.clear();
    output_sent_ = 0;
  }
  BIO* const bio = SSL_get_wbio(ssl_.get());
  const std::size_t pending = BIO_ctrl_pending(bio);
  if (pending == 0) return;
  const std::size_t before = output_.size();
  output_.resize(before + pending);
  const int taken = BIO_read(bio, output_.data() + before, static_cast<int>(pending));
  ITEMGATE_CHECK(taken == static_cast<int>(pending));
}

std::string TlsSession::Explain(int result) const {
  const long verified = SSL_get_verify_result(ssl_.get());
  if (SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE && verified != X509_V_OK) {
    ERR_clear_error();
    return std::string("the server's certificate is refused: ") +
           X509_verify_cert_error_string(verified) +
           AdviceForCertificate(verified, server_name_, words_);
  }
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_SYSCALL) return "TLS was cut off";
  const std::string reason = TakeReason();
  return "TLS failed: " + reason + AdviceForHandshake(reason, words_);
}

}  // namespace itemgate
