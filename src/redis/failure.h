#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace itemgate::redis {

/// Why a call, or a command of it, had no effect or an unknown one.
enum class FailureKind : std::uint8_t {
  // The node was not asked.
  kDisconnected,  // no connection now; the node's reason says why
  kUnresponsive,  // the circuit is open: connected, but the last calls were not answered in time
  kQueueFull,     // too many calls, or bytes, wait for this node
  kStopped,       // the node was stopped by its owner

  // Nobody can know whether it ran.
  kTimeout,         // no answer before the deadline
  kConnectionLost,  // the connection ended before the answer came
  kProtocol,        // the peer does not speak RESP2, or an answer was beyond a limit

  // Why there is no connection.
  kUnreachable,  // refused, no route, no such host, or no answer to the attempt to connect
  kTls,          // the TLS handshake failed; the message explains the certificate's fault

  // What the server answered instead of doing it.
  kNoAuth,          // NOAUTH: it wants a password
  kWrongPassword,   // WRONGPASS: or no such user, or the user is off
  kNoPermission,    // NOPERM: the user's ACL forbids the command or the key
  kReadOnly,        // READONLY: it is a replica
  kLoading,         // LOADING, BUSYLOADING: it still reads its data set
  kOutOfMemory,     // OOM: maxmemory is reached
  kMisconfigured,   // MISCONF: it cannot save to disk and therefore refuses writes
  kNoScript,        // NOSCRIPT; Node::Eval mends it, unless the deadline has passed
  kBusyScript,      // BUSY: a script does not end
  kMasterDown,      // MASTERDOWN, NOREPLICAS, NOMASTERLINK
  kMoved,           // MOVED: another node of the cluster has the slot
  kAsk,             // ASK: the slot is on its way to another node
  kClusterDown,     // CLUSTERDOWN, TRYAGAIN, CROSSSLOT
  kTooManyClients,  // max number of clients reached
  kOtherError,      // any other error, such as ERR or WRONGTYPE: the command is wrong as it stands
};

/// The stable, lower-case name of a kind ("wrong_password"); for labels and messages.
[[nodiscard]] std::string_view FailureKindName(FailureKind kind);

/// A failure as a value: what kind, whether it may have taken effect all the same, what happened and what to do.
struct Failure {
  FailureKind kind = FailureKind::kDisconnected;
  bool may_have_run = false;
  std::string message;  // one sentence for an operator; never a password
};

/// The kind of a server's error by its first word ("WRONGPASS invalid username-password pair ...").
[[nodiscard]] FailureKind KindOfServerError(std::string_view text);

/// What an operator should do about a server's error of that kind; empty if that depends on the command.
[[nodiscard]] std::string_view AdviceFor(FailureKind kind);

/// The failure that a server's error text stands for, with the advice. `may_have_run` is false: it refused.
[[nodiscard]] Failure ServerFailure(std::string_view text);

}  // namespace itemgate::redis
