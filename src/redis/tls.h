#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "itemgate/error.h"
#include "redis/node_options.h"

struct ssl_ctx_st;  // OpenSSL's
struct ssl_st;

namespace itemgate::redis {

class TlsSession;

/// What all TLS connections to one node share: trust, our certificate. One thread at a time.
class TlsContext {
 public:
  /// Reads the files. Fails with kInvalidArgument; the message names the file and what is wrong with it, or the server
  /// name that is none.
  [[nodiscard]] static Result<TlsContext> Make(TlsOptions options);

  /// A client's session for a server of that name or address, unless the options name another. Fails with
  /// kInvalidArgument if a certificate cannot be checked against it.
  [[nodiscard]] Result<std::unique_ptr<TlsSession>> NewSession(const std::string& host) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  TlsContext(TlsOptions options, std::unique_ptr<ssl_ctx_st, Free> context);

  TlsOptions options_;
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

/// One TLS connection, from the client's side, without I/O: what came from the peer is fed, what must go to it is in
/// Output. Failures are final and explained: kUnavailable, or kIo for a connection that the server closed. One thread.
class TlsSession {
 public:
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Goes on with the handshake; true when it is done.
  [[nodiscard]] Result<bool> Handshake();
  void Feed(std::string_view received);
  /// Reads decrypted bytes; 0 if there are none yet. REQUIRES: the handshake is done.
  [[nodiscard]] Result<std::size_t> Read(std::span<char> bytes);
  /// Encrypts all of it. REQUIRES: as Read.
  [[nodiscard]] Result<void> Write(std::string_view bytes);

  [[nodiscard]] std::string_view Output() const;
  void Sent(std::size_t size) { output_sent_ += size; }

 private:
  friend class TlsContext;
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  TlsSession(std::unique_ptr<ssl_st, Free> ssl, std::string server_name);

  void TakeOutput();
  [[nodiscard]] std::string Explain(int result) const;

  const std::unique_ptr<ssl_st, Free> ssl_;
  const std::string server_name_;
  std::string output_;
  std::size_t output_sent_ = 0;
};

}  // namespace itemgate::redis
