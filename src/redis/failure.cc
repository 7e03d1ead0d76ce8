#include "redis/failure.h"

#include <array>
#include <utility>

namespace itemgate::redis {
namespace {

struct ServerError {
  std::string_view word;
  FailureKind kind;
};

constexpr std::array kServerErrors{
    ServerError{"NOAUTH", FailureKind::kNoAuth},
    ServerError{"WRONGPASS", FailureKind::kWrongPassword},
    ServerError{"NOPERM", FailureKind::kNoPermission},
    ServerError{"READONLY", FailureKind::kReadOnly},
    ServerError{"LOADING", FailureKind::kLoading},
    ServerError{"BUSYLOADING", FailureKind::kLoading},
    ServerError{"OOM", FailureKind::kOutOfMemory},
    ServerError{"MISCONF", FailureKind::kMisconfigured},
    ServerError{"NOSCRIPT", FailureKind::kNoScript},
    ServerError{"BUSY", FailureKind::kBusyScript},
    ServerError{"MASTERDOWN", FailureKind::kMasterDown},
    ServerError{"NOREPLICAS", FailureKind::kMasterDown},
    ServerError{"NOMASTERLINK", FailureKind::kMasterDown},
    ServerError{"MOVED", FailureKind::kMoved},
    ServerError{"ASK", FailureKind::kAsk},
    ServerError{"CLUSTERDOWN", FailureKind::kClusterDown},
    ServerError{"TRYAGAIN", FailureKind::kClusterDown},
    ServerError{"CROSSSLOT", FailureKind::kClusterDown},
};

struct Description {
  std::string_view name;
  std::string_view advice;
};

// By kind.
constexpr std::array kDescriptions{
    Description{"disconnected", ""},
    Description{"unresponsive",
                "see whether the server is stopped, swaps, or runs a slow command (SLOWLOG)"},
    Description{"queue_full", "send less, or raise the limit"},
    Description{"stopped", ""},
    Description{"timeout", ""},
    Description{"connection_lost", ""},
    Description{"protocol",
                "see what listens there: is it Redis, and is TLS on at both ends or at none?"},
    Description{"unreachable",
                "see whether the server runs, and whether host, port and firewall are right"},
    Description{"tls", ""},
    Description{"no_auth", "the server wants a password: add password=... (and user=...)"},
    Description{"wrong_password",
                "user or password are wrong, or the user is off: compare with ACL LIST"},
    Description{"no_permission", "let the ACL user run this command on these keys: see ACL LOG"},
    Description{
        "read_only",
        "this is a replica: give the address of the primary, or use Sentinel (serviceName=...)"},
    Description{"loading", "the server still reads its data: wait until it has"},
    Description{"out_of_memory", "the server has reached maxmemory: raise it or delete data"},
    Description{"misconfigured",
                "the server cannot save to disk and refuses writes: see its log, free disk space"},
    Description{"no_script", "the server does not know the script: send it with EVAL"},
    Description{"busy_script", "a script runs too long on the server: SCRIPT KILL ends it"},
    Description{"master_down", "the primary or its replicas are away: see INFO replication"},
    Description{"moved", "this is a cluster: use redis+cluster://"},
    Description{"ask", "this is a cluster: use redis+cluster://"},
    Description{"cluster_down", "the cluster does not serve this slot now: see CLUSTER INFO"},
    Description{"too_many_clients", "the server has as many clients as it may: raise maxclients"},
    Description{"error", ""},
};
static_assert(kDescriptions.size() == std::to_underlying(FailureKind::kOtherError) + 1);

const Description& DescriptionOf(FailureKind kind) {
  return kDescriptions[std::to_underlying(kind)];
}

}  // namespace

std::string_view FailureKindName(FailureKind kind) { return DescriptionOf(kind).name; }

std::string_view AdviceFor(FailureKind kind) { return DescriptionOf(kind).advice; }

FailureKind KindOfServerError(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(' '));
  for (const auto& [known, kind] : kServerErrors)
    if (word == known) return kind;
  if (text.contains("max number of clients")) return FailureKind::kTooManyClients;
  // What servers before Redis 6 say.
  if (text.starts_with("ERR invalid password")) return FailureKind::kWrongPassword;
  // An error within a script carries the script's place before or after it.
  if (text.starts_with("ERR") && text.contains("-READONLY")) return FailureKind::kReadOnly;
  return FailureKind::kOtherError;
}

Failure ServerFailure(std::string_view text) {
  const FailureKind kind = KindOfServerError(text);
  std::string message = "the server answered \"" + std::string(text) + "\"";
  if (const std::string_view advice = AdviceFor(kind); !advice.empty())
    message.append("; ").append(advice);
  return {.kind = kind, .may_have_run = false, .message = std::move(message)};
}

}  // namespace itemgate::redis
