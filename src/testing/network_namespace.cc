#include "testing/network_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "base/check.h"
#include "testing/program.h"

namespace itemgate {
namespace {

bool Run(const std::vector<std::string>& command, std::string& said) {
  const EndedProgram ended = RunProgram(command);
  said += ended.output;
  return ended.status == 0;
}

void Filter(const std::string& hook, const std::vector<std::string>& rule) {
  std::vector<std::string> command{"nft", "add", "rule", "ip", "faults", hook};
  command.insert(command.end(), rule.begin(), rule.end());
  command.emplace_back("drop");
  std::string said;
  const bool is_done = Run(command, said);
  if (!is_done) std::fprintf(stderr, "%s\n", said.c_str());
  ITEMGATE_CHECK(is_done);
}

}  // namespace

std::unique_ptr<NetworkNamespace> NetworkNamespace::Enter() {
  const int outside = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  ITEMGATE_CHECK(outside >= 0);
  std::string said;
  if (unshare(CLONE_NEWNET) == 0) {
    std::unique_ptr<NetworkNamespace> entered(new NetworkNamespace(outside));
    bool is_made = Run({"ip", "link", "set", "lo", "up"}, said) &&
                   Run({"nft", "add", "table", "ip", "faults"}, said);
    for (const std::string hook : {"input", "output"})
      is_made = is_made && Run({"nft", "add", "chain", "ip", "faults", hook,
                                "{ type filter hook " + hook + " priority 0; }"},
                               said);
    if (is_made) return entered;
  } else {
    close(outside);
  }
  std::fprintf(stderr,
               "NOT TESTED: lost packets. This machine gives no network namespaces, which takes "
               "root, or has no nft (package nftables). %s\n",
               said.c_str());
  return nullptr;
}

NetworkNamespace::~NetworkNamespace() {
  ITEMGATE_CHECK(setns(outside_, CLONE_NEWNET) == 0);
  close(outside_);
}

void NetworkNamespace::Drop(const std::string& address, std::uint16_t port, Way way) {
  const std::string number = std::to_string(port);
  if (way != Way::kBack) Filter("output", {"ip", "daddr", address, "tcp", "dport", number});
  if (way != Way::kThere) Filter("input", {"ip", "saddr", address, "tcp", "sport", number});
}

void NetworkNamespace::DropSome(const std::string& address, int percent) {
  const std::string limit = std::to_string(percent);
  const auto some = [&](std::string_view side) {
    return std::vector<std::string>{
        "ip", std::string(side), address, "numgen", "random", "mod", "100", "<", limit};
  };
  Filter("output", some("daddr"));
  Filter("input", some("saddr"));
}

void NetworkNamespace::Heal() {
  std::string said;
  ITEMGATE_CHECK(Run({"nft", "flush", "table", "ip", "faults"}, said));
}

}  // namespace itemgate
