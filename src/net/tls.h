#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "itemgate/error.h"

struct ssl_ctx_st;  // OpenSSL's
struct ssl_st;

namespace itemgate {

class TlsSession;

/// How to secure a connection. Files are PEM and are read once.
struct TlsOptions {
  enum class Verify : std::uint8_t {
    kChainAndName,
    kNothing,  // encrypted, but anybody may be the server: for tests only
  };

  std::string ca_file;           // empty: what the system trusts
  std::string certificate_file;  // of the client; empty: none
  std::string key_file;          // empty: the certificate's file has it
  std::string server_name;       // sent and verified; empty: the host
  Verify verify = Verify::kChainAndName;
  enum class Versions : std::uint8_t { kAll, kOnly12, kOnly13 };  // all: 1.2 and later
  Versions versions = Versions::kAll;

  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

/// How whoever sets up a client gives what a failure misses, and where a server has it: for messages. One for each
/// kind of client, and a constant.
struct TlsWords {
  std::string_view ca_file;      // "sslCaFile=..."
  std::string_view certificate;  // of the client, and its key
  std::string_view server_name;
  std::string_view plain;  // what to do about a server that does not speak TLS
  std::string_view
      server_ca_file;  // where to look: which clients it trusts, which versions it speaks
  std::string_view server_versions;
};

/// What all TLS connections to one server share: trust, our certificate. Does not change: any thread may ask it for a
/// session.
class TlsContext {
 public:
  /// Reads the files. Fails with kInvalidArgument; the message names the file and what is wrong with it, or the server
  /// name that is none.
  [[nodiscard]] static Result<TlsContext> Make(TlsOptions options, const TlsWords& words);

  /// A client's session for a server of that name or address, unless the options name another. Fails with
  /// kInvalidArgument if a certificate cannot be checked against it.
  [[nodiscard]] Result<std::unique_ptr<TlsSession>> NewSession(const std::string& host) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  TlsContext(TlsOptions options, const TlsWords& words, std::unique_ptr<ssl_ctx_st, Free> context);

  TlsOptions options_;
  const TlsWords* words_;
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
  TlsSession(std::unique_ptr<ssl_st, Free> ssl, std::string server_name, const TlsWords& words);

  void TakeOutput();
  [[nodiscard]] std::string Explain(int result) const;

  const std::unique_ptr<ssl_st, Free> ssl_;
  const std::string server_name_;
  const TlsWords& words_;
  std::string output_;
  std::size_t output_sent_ = 0;
};

}  // namespace itemgate
