// A server like `itemgate serve`, but with a lock instead of claims: the control that shows what the claims are for.
//
//   itemgate_naive_server serve --store URL --backend.url URL --redis HOST:PORT,… --lock-expiry-ms N
//       --addresses-file FILE
//
// Other flags are passed over.

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend/http/http_backend.h"
#include "base/random.h"
#include "http/server.h"
#include "itemgate/redlock.h"
#include "itemgate/service.h"
#include "lock/redlock/redlock_content_lock.h"
#include "locked_saves.h"
#include "net/thread_executor.h"
#include "obs/log.h"
#include "server/api.h"
#include "server/request_recorder.h"
#include "store/postgres/postgres_store.h"
#include "test_server.h"

namespace itemgate::naive {
namespace {

std::vector<RedLockEndPoint> EndPointsOf(std::string_view list) {
  std::vector<RedLockEndPoint> end_points;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    end_points.emplace_back(std::string(list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return end_points;
}

int Run(const Flags& flags) {
  const SystemClock clock;
  ThreadExecutor executor("itemgate", 1);
  ThreadExecutor committer("committer", 1);
  ThreadExecutor workers("worker", 2);
  const auto backend = Must(HttpBackend::Make(clock, {.url = flags.at("--backend.url")}));
  const auto store =
      Must(PostgresStore::Open(clock, {.url = flags.at("--store"), .seed = UnpredictableSeed()}));
  const auto factory = Must(RedLockFactory::Create(EndPointsOf(flags.at("--redis"))));
  redlock::RedLockContentLock lock(
      *factory, std::chrono::milliseconds(std::stol(flags.at("--lock-expiry-ms"))));
  LockedSaves locked({.lock = lock, .backend = *backend, .store = *store}, std::chrono::seconds(5));

  ItemIntegrationService service({.store = locked,
                                  .backend = &locked,
                                  .clock = clock,
                                  .executor = executor,
                                  .committer = committer,
                                  .seed = UnpredictableSeed()},
                                 {});
  const auto sink = NewStandardErrorSink();
  Log log(clock, *sink, LogFormat::kText);
  server::RequestRecorder recorder(log, clock);
  server::FeedHub feeds(workers);
  server::Api api({.service = service,
                   .store_statistics = [&] { return store->Statistics(); },
                   .verify = [&](auto progress) { return store->Verify(std::move(progress)); },
                   .workers = workers,
                   .savers = workers,
                   .clock = clock,
                   .log = recorder,
                   .feeds = feeds,
                   .seed = UnpredictableSeed()},
                  {.admission = {.delay_target = Duration::zero()}});
  const auto server =
      Must(http::Server::Start(api, clock, {.addresses = {Must(Resolve({.host = "127.0.0.1"}))}}));
  const std::string address = server->addresses().front().ToString();
  WriteAddresses(flags.at("--addresses-file"), address, address);
  while (true) pause();
}

}  // namespace
}  // namespace itemgate::naive

int main(int argc, char** argv) {
  return itemgate::naive::Run(itemgate::FlagsOf({argv, static_cast<std::size_t>(argc)}));
}
