#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace itemgate {

/// For live tests: a network of this thread's own, with nothing in it but the loopback, and a filter that loses
/// packets. Threads and programs that this thread starts are in it, too.
class NetworkNamespace {
 public:
  /// Null, and says so loudly, where there is none to be had: it takes root, and the program nft.
  [[nodiscard]] static std::unique_ptr<NetworkNamespace> Enter();
  /// Back to where this thread was.
  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  enum class Way : std::uint8_t { kThere, kBack, kBoth };
  /// From now on packets to, or from, that port of an IPv4 address go nowhere.
  void Drop(const std::string& address, std::uint16_t port, Way way);
  /// So many of a hundred packets to and from that address go nowhere.
  void DropSome(const std::string& address, int percent);
  void Heal();

 private:
  explicit NetworkNamespace(int outside) : outside_(outside) {}

  const int outside_;  // the namespace of before
};

}  // namespace itemgate
