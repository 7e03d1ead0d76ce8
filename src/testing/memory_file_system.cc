#include "testing/memory_file_system.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace itemgate {
namespace {

constexpr std::size_t kSectorBytes = 512;

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

struct MemoryFileSystem::Node {
  std::string bytes;   // as the process sees them
  std::string synced;  // as they are sure to be after a crash
};

struct MemoryFileSystem::State {
  explicit State(std::uint64_t seed) : random(seed) {}

  /// Counts an operation that changes something; an error if it is its turn to fail.
  Result<void> Mutate(const std::string& path) REQUIRES(mutex) {
    ++mutations;
    if (countdown && *countdown > 0) {
      --*countdown;
      return {};
    }
    if (!countdown) return {};
    if (failing == Failing::kOnce) countdown.reset();
    return Fail(ErrorCode::kIo, "injected fault at " + path);
  }

  /// How many of the bytes by which a file is to grow there is room for; takes that room.
  std::uint64_t TakeRoom(std::uint64_t bytes) REQUIRES(mutex) {
    const std::uint64_t taken = std::min(bytes, room.value_or(bytes));
    if (room) *room -= taken;
    return taken;
  }

  Mutex mutex;
  Random random GUARDED_BY(mutex);
  std::map<std::string, std::shared_ptr<Node>> files GUARDED_BY(mutex);
  std::set<std::string> directories GUARDED_BY(mutex);
  std::set<std::string> locked GUARDED_BY(mutex);
  std::optional<std::uint64_t> countdown GUARDED_BY(mutex);
  Failing failing GUARDED_BY(mutex) = Failing::kOnce;
  std::uint64_t mutations GUARDED_BY(mutex) = 0;
  std::optional<std::uint64_t> room GUARDED_BY(mutex);
};

class MemoryFileSystem::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<State> state, std::shared_ptr<Node> node, std::string path)
      : state_(std::move(state)), node_(std::move(node)), path_(std::move(path)) {}

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<char> buffer) override {
    const MutexLock lock(state_->mutex);
    if (offset >= node_->bytes.size()) return 0;
    return node_->bytes.copy(buffer.data(), buffer.size(), offset);
  }

  Result<void> WriteAt(std::uint64_t offset, std::string_view data) override {
    const MutexLock lock(state_->mutex);
    auto allowed = state_->Mutate(path_);
    if (!allowed) data = data.substr(0, state_->random.Below(data.size() + 1));
    const std::uint64_t end = offset + data.size();
    const std::uint64_t growth = end - std::min<std::uint64_t>(end, node_->bytes.size());
    const std::uint64_t missing = growth - state_->TakeRoom(growth);
    if (missing > 0) {
      data.remove_suffix(std::min<std::uint64_t>(missing, data.size()));
      allowed = Fail(ErrorCode::kStorageFull, "no space left for " + path_);
    }
    if (offset + data.size() > node_->bytes.size()) node_->bytes.resize(offset + data.size());
    std::memcpy(node_->bytes.data() + offset, data.data(), data.size());
    return allowed;
  }

  Result<void> Sync() override {
    const MutexLock lock(state_->mutex);
    if (auto allowed = state_->Mutate(path_); !allowed) return allowed;
    node_->synced = node_->bytes;
    return {};
  }

  Result<void> Truncate(std::uint64_t size) override {
    const MutexLock lock(state_->mutex);
    if (auto allowed = state_->Mutate(path_); !allowed) return allowed;
    if (state_->room && size < node_->bytes.size()) *state_->room += node_->bytes.size() - size;
    node_->bytes.resize(size);
    return {};
  }

  Result<std::uint64_t> Size() override {
    const MutexLock lock(state_->mutex);
    return node_->bytes.size();
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<Node> node_;
  std::string path_;
};

class MemoryFileSystem::HeldLock final : public FileLock {
 public:
  HeldLock(std::shared_ptr<State> state, std::string path)
      : state_(std::move(state)), path_(std::move(path)) {}
  ~HeldLock() override {
    const MutexLock lock(state_->mutex);
    state_->locked.erase(path_);
  }

 private:
  std::shared_ptr<State> state_;
  std::string path_;
};

MemoryFileSystem::MemoryFileSystem(std::uint64_t seed) : state_(std::make_shared<State>(seed)) {}

MemoryFileSystem::~MemoryFileSystem() = default;

Result<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path, OpenMode mode) {
  const MutexLock lock(state_->mutex);
  const auto found = state_->files.find(path);
  const bool exists = found != state_->files.end();
  if (mode != OpenMode::kCreate) {
    if (!exists) return Fail(ErrorCode::kNotFound, "no file " + path);
    return std::make_unique<OpenFile>(state_, found->second, path);
  }
  if (exists) return Fail(ErrorCode::kIo, "already there: " + path);
  if (auto allowed = state_->Mutate(path); !allowed) return std::unexpected(allowed.error());
  auto node = std::make_shared<Node>();
  state_->files.emplace(path, node);
  return std::make_unique<OpenFile>(state_, std::move(node), path);
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::Lock(const std::string& path) {
  const MutexLock lock(state_->mutex);
  if (!state_->locked.insert(path).second) return Fail(ErrorCode::kBusy, "locked: " + path);
  return std::make_unique<HeldLock>(state_, path);
}

Result<std::vector<DirectoryEntry>> MemoryFileSystem::List(const std::string& path) {
  const MutexLock lock(state_->mutex);
  if (!state_->directories.contains(path)) return Fail(ErrorCode::kNotFound, "no " + path);
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, node] : state_->files) {
    if (ParentOf(name) == path)
      entries.push_back({name.substr(path.size() + 1), node->bytes.size(), false});
  }
  for (const std::string& name : state_->directories) {
    if (ParentOf(name) == path) entries.push_back({name.substr(path.size() + 1), 0, true});
  }
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<void> MemoryFileSystem::CreateDirectories(const std::string& path) {
  const MutexLock lock(state_->mutex);
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    state_->directories.insert(path.substr(0, end));
  state_->directories.insert(path);
  return {};
}

Result<void> MemoryFileSystem::Remove(const std::string& path) {
  const MutexLock lock(state_->mutex);
  if (auto allowed = state_->Mutate(path); !allowed) return allowed;
  if (state_->files.erase(path) + state_->directories.erase(path) == 0)
    return Fail(ErrorCode::kNotFound, "no file " + path);
  return {};
}

Result<void> MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  const MutexLock lock(state_->mutex);
  if (auto allowed = state_->Mutate(from); !allowed) return allowed;
  const auto found = state_->files.find(from);
  if (found == state_->files.end()) return Fail(ErrorCode::kNotFound, "no file " + from);
  state_->files[to] = found->second;
  state_->files.erase(from);
  return {};
}

Result<void> MemoryFileSystem::SyncDirectory(const std::string& path) {
  const MutexLock lock(state_->mutex);
  return state_->Mutate(path);
}

void MemoryFileSystem::Crash() {
  const MutexLock lock(state_->mutex);
  for (auto& [path, node] : state_->files) {
    // Each sector is the synced or the newer one; the length is the synced or the newer one.
    std::string image = state_->random.Below(2) == 0 ? node->synced : node->bytes;
    for (std::size_t at = 0; at < image.size(); at += kSectorBytes) {
      const std::string& source = state_->random.Below(2) == 0 ? node->synced : node->bytes;
      const std::size_t size = std::min(kSectorBytes, image.size() - at);
      const std::size_t kept = at < source.size() ? source.copy(&image[at], size, at) : 0;
      std::fill_n(&image[at] + kept, size - kept, '\0');
    }
    node = std::make_shared<Node>(image, image);
  }
  state_->locked.clear();
}

void MemoryFileSystem::FailAfter(std::uint64_t countdown, Failing failing) {
  const MutexLock lock(state_->mutex);
  state_->countdown = countdown;
  state_->failing = failing;
}

void MemoryFileSystem::DisarmFaults() {
  const MutexLock lock(state_->mutex);
  state_->countdown.reset();
}

std::uint64_t MemoryFileSystem::mutation_count() const {
  const MutexLock lock(state_->mutex);
  return state_->mutations;
}

void MemoryFileSystem::SetRoom(std::optional<std::uint64_t> bytes) {
  const MutexLock lock(state_->mutex);
  state_->room = bytes;
}

std::string& MemoryFileSystem::Bytes(const std::string& path) {
  const MutexLock lock(state_->mutex);
  const auto found = state_->files.find(path);
  ITEMGATE_CHECK(found != state_->files.end());
  return found->second->bytes;
}

}  // namespace itemgate
