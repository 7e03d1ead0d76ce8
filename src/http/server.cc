#include "http/server.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "http/connection_census.h"
#include "http/server_loop.h"

namespace itemgate::http {

class Server::Impl {
 public:
  Impl(Application& application, const Clock& clock, Options options)
      : options_(std::move(options)), census_(options_.limits) {
    for (int i = 0; i < options_.thread_count; ++i) {
      loops_.push_back(
          std::make_unique<ServerLoop>(ServerLoop::Surroundings{.application = application,
                                                                .clock = clock,
                                                                .limits = options_.limits,
                                                                .census = census_}));
    }
  }

  [[nodiscard]] Result<void> Listen() {
    for (const SocketAddress& address : options_.addresses) {
      if (auto done = ListenOn(address); !done) return done;
    }
    for (Descriptor& socket : options_.inherited) {
      if (auto done = Inherit(std::move(socket)); !done) return done;
    }
    return {};
  }

  void Run() {
    for (const auto& loop : loops_) loop->Start(options_.thread_name);
  }

  [[nodiscard]] std::size_t Drain(Duration time_max) {
    for (const auto& loop : loops_) loop->Drain();
    EventLoop& timers = loops_.front()->events();
    const TimerId timer = timers.PostAfter(time_max, [this] { census_.GiveUp(); });
    const std::size_t left = census_.WaitUntilEmpty(loops_.size());
    static_cast<void>(timers.Cancel(timer));
    return left;
  }

  [[nodiscard]] std::vector<SocketAddress> addresses() const { return addresses_; }

  [[nodiscard]] ServerStatistics Statistics() const {
    ServerStatistics sum;
    for (const auto& loop : loops_) {
      const LoopCounters& counters = loop->counters();
      const std::uint64_t closed = counters.connections_closed.value();  // first: never negative
      sum.connections_accepted += counters.connections_accepted.value();
      sum.connections += counters.connections_accepted.value() - closed;
      sum.connections_refused += counters.connections_refused.value();
      sum.requests += counters.requests.value();
      sum.protocol_errors += counters.protocol_errors.value();
      sum.bytes_received += counters.bytes_received.value();
      sum.bytes_sent += counters.bytes_sent.value();
    }
    return sum;
  }

 private:
  [[nodiscard]] Result<void> ListenOn(const SocketAddress& wanted) {
    const bool is_shared = loops_.size() > 1;
    SocketAddress address = wanted;
    if (is_shared) {
      // Whoever shares its port with itself would share it with another process too: take it alone first.
      auto alone = ListenTcp(address, SharePort::kNo);
      if (!alone) return std::unexpected(std::move(alone.error()));
      auto bound = LocalAddress(alone->get());
      if (!bound) return std::unexpected(std::move(bound.error()));
      address = *bound;
    }
    for (const auto& loop : loops_) {
      auto socket = ListenTcp(address, is_shared ? SharePort::kYes : SharePort::kNo);
      if (!socket) return std::unexpected(std::move(socket.error()));
      auto bound = LocalAddress(socket->get());
      if (!bound) return std::unexpected(std::move(bound.error()));
      address = *bound;
      if (auto added = loop->AddListener(*std::move(socket)); !added) return added;
    }
    addresses_.push_back(address);
    return {};
  }

  [[nodiscard]] Result<void> Inherit(Descriptor socket) {
    auto bound = LocalAddress(socket.get());
    if (!bound) return std::unexpected(std::move(bound.error()));
    addresses_.push_back(*bound);
    const int flags = ::fcntl(socket.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) < 0) {
      return Fail(ErrorCode::kIo,
                  std::string("cannot use an inherited socket: ") + std::strerror(errno));
    }
    for (std::size_t i = 1; i < loops_.size(); ++i) {
      Descriptor copy(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
      if (!copy.is_open()) {
        return Fail(ErrorCode::kIo,
                    std::string("cannot share an inherited socket: ") + std::strerror(errno));
      }
      if (auto added = loops_[i]->AddListener(std::move(copy)); !added) return added;
    }
    return loops_.front()->AddListener(std::move(socket));
  }

  Options options_;
  ConnectionCensus census_;
  std::vector<SocketAddress> addresses_;
  std::vector<std::unique_ptr<ServerLoop>> loops_;
};

Result<std::unique_ptr<Server>> Server::Start(Application& application, const Clock& clock,
                                              Options options) {
  auto impl = std::make_unique<Impl>(application, clock, std::move(options));
  if (auto listening = impl->Listen(); !listening) {
    return std::unexpected(std::move(listening.error()));
  }
  impl->Run();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() = default;

std::vector<SocketAddress> Server::addresses() const { return impl_->addresses(); }

std::size_t Server::Drain(Duration time_max) { return impl_->Drain(time_max); }

ServerStatistics Server::Statistics() const { return impl_->Statistics(); }

}  // namespace itemgate::http
