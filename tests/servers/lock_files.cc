#include "lock_files.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <stop_token>
#include <utility>

#include "net/descriptor.h"

namespace itemgate {
namespace {

constexpr Duration kPause = std::chrono::milliseconds(5);  // until whoever waits looks again

class HeldFile final : public Lease {
 public:
  explicit HeldFile(Descriptor file) : file_(std::move(file)) {}
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> Deadline() const override {
    return std::nullopt;
  }
  [[nodiscard]] std::stop_token LostToken() const override { return {}; }

 private:
  const Descriptor file_;  // closing it ends its lock
};

}  // namespace

void LockFiles::Acquire(std::string_view name, const AcquireOptions& options, Acquired done) {
  std::string path = folder_ + "/" + std::string(name);
  std::replace(path.begin() + static_cast<std::ptrdiff_t>(folder_.size()) + 1, path.end(), '/',
               '.');
  Ask(std::move(path), clock_.Now() + options.wait, std::move(done));
}

void LockFiles::Ask(std::string path, Instant until, Acquired done) {
  if (auto lease = Take(path)) return done(std::move(lease));
  const Duration left = until - clock_.Now();
  if (left <= Duration::zero()) return done(Fail(ErrorCode::kBusy, "others have it"));
  executor_.PostAfter(std::min(left, kPause),
                      [this, path = std::move(path), until, told = std::move(done)]() mutable {
                        Ask(std::move(path), until, std::move(told));
                      });
}

std::unique_ptr<Lease> LockFiles::Take(const std::string& path) const {
  for (int place = 0; place < holders_max_; ++place) {
    const std::string name = path + "." + std::to_string(place);
    Descriptor file(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (file.is_open() && flock(file.get(), LOCK_EX | LOCK_NB) == 0)
      return std::make_unique<HeldFile>(std::move(file));
  }
  return nullptr;
}

}  // namespace itemgate
