#include "postgres/client.h"

#include <sys/prctl.h>

#include <future>
#include <thread>
#include <utility>

#include "net/event_loop.h"
#include "postgres/hosts.h"

namespace itemgate::postgres {

class Client::Impl {
 public:
  Impl(const Clock& clock, PoolOptions options)
      : clock_(clock), loop_(clock), pool_(loop_, std::move(options)) {
    loop_.Post([this] { pool_.Start(); });
    thread_ = std::thread([this] {
      ::prctl(PR_SET_NAME, "postgres");
      loop_.Run();
    });
  }

  ~Impl() { Close(); }

  void Close() {
    if (!thread_.joinable()) return;
    loop_.Post([this] { pool_.Close(); });
    loop_.Stop();
    thread_.join();
  }

  void Run(Command command) {
    loop_.Post([this, command = std::move(command)]() mutable { pool_.Run(std::move(command)); });
  }

  const Clock& clock_;
  EventLoop loop_;
  Pool pool_;
  std::thread thread_;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Make(const Clock& clock, PoolOptions options) {
  if (const auto hosts = HostsFrom(options.connection.url, 0); !hosts)
    return std::unexpected(hosts.error());
  return std::unique_ptr<Client>(new Client(std::make_unique<Impl>(clock, std::move(options))));
}

void Client::Close() { impl_->Close(); }

void Client::Run(Command command) { impl_->Run(std::move(command)); }

Answer Client::Call(std::vector<Statement> statements, Duration timeout,
                    IfUnreachable if_unreachable) {
  std::promise<Answer> promise;
  std::future<Answer> answer = promise.get_future();
  Run({.statements = std::move(statements),
       .deadline = Now() + timeout,
       .if_unreachable = if_unreachable,
       .done = [&promise](Answer given) { promise.set_value(std::move(given)); }});
  return answer.get();
}

bool Client::is_reachable() const { return impl_->pool_.is_reachable(); }
Executor& Client::executor() { return impl_->loop_; }
Instant Client::Now() const { return impl_->clock_.Now(); }

}  // namespace itemgate::postgres
