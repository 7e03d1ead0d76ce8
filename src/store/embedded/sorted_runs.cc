#include "store/embedded/sorted_runs.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include "base/bytes.h"
#include "base/mutex.h"
#include "store/embedded/rocksdb_file_system.h"

namespace itemgate {
namespace {

// A key is the digest and then the scope's name, nothing for the default scope. This one is shorter than any digest;
// its value, 8 bytes, says through which id the runs are complete.
constexpr std::string_view kCompleteThrough("\0", 1);

// A value is the id and the length of what was digested.
constexpr std::size_t kValueBytes = sizeof(std::uint64_t) + sizeof(std::uint32_t);

// New contents are in no run: with 16 bits a filter says so of all but one in a thousand, and a wrong one costs as much
// as a hundred right ones.
constexpr double kFilterBitsPerKey = 16;
constexpr std::size_t kLookupKeys = 64;

// Runs are written in small pieces, and synced while they grow: the kernel gives no processor away while it copies, and
// a commit would wait behind whatever is on its way to the disk.
constexpr std::size_t kWriteBytes = 64 << 10;
constexpr std::size_t kUnsyncedBytes = 1 << 20;

std::string DiskKey(const ContentKey& key) {
  std::string bytes(reinterpret_cast<const char*>(key.digest.bytes.data()),
                    key.digest.bytes.size());
  if (!key.scope.is_default()) bytes += key.scope.name();
  return bytes;
}

/// The key on disk, without a copy if it is the digest alone; else it stands in `scoped`.
rocksdb::Slice SliceOf(const ContentKey& key, std::string& scoped) {
  if (key.scope.is_default())
    return {reinterpret_cast<const char*>(key.digest.bytes.data()), key.digest.bytes.size()};
  scoped = DiskKey(key);
  return scoped;
}

/// An entry and the head of its key, by which almost any two are told apart without a look at either.
struct Ranked {
  explicit Ranked(const SortedRuns::Entry* ranked)
      : head(LoadBig<std::uint64_t>(ranked->first.digest.bytes.data())), entry(ranked) {}

  friend bool operator<(const Ranked& left, const Ranked& right) {
    if (left.head != right.head) return left.head < right.head;
    const ContentKey& one = left.entry->first;
    const ContentKey& other = right.entry->first;
    if (one.digest != other.digest) return one.digest < other.digest;
    return DiskKey(one) < DiskKey(other);
  }

  std::uint64_t head;
  const SortedRuns::Entry* entry;
};

/// Keys that are looked up together, and where their ids belong. Small enough for the stack: a batch of thousands would
/// else ask the system for fresh memory each time.
struct Lookup {
  void Add(const ContentKey& key, ItemId& id) {
    keys[count] = &key;
    ids[count] = &id;
    slices[count] = SliceOf(key, scoped[count]);
    ++count;
  }
  [[nodiscard]] bool is_full() const { return count == kLookupKeys; }

  std::size_t count = 0;
  std::array<const ContentKey*, kLookupKeys> keys;
  std::array<ItemId*, kLookupKeys> ids;
  std::array<rocksdb::Slice, kLookupKeys> slices;  // of the digest, or of what stands in scoped
  std::array<std::string, kLookupKeys> scoped;
};

Error ErrorOf(const rocksdb::Status& status) {
  const ErrorCode code = status.IsNoSpace()      ? ErrorCode::kStorageFull
                         : status.IsCorruption() ? ErrorCode::kCorrupt
                                                 : ErrorCode::kIo;
  return {code, "key index: " + status.ToString()};
}

rocksdb::Options MakeOptions(rocksdb::Env* environment) {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  table.block_cache = rocksdb::NewLRUCache(64 << 20);

  rocksdb::Options options;
  options.env = environment;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kNoCompression;  // digests do not compress
  options.compaction_style = rocksdb::kCompactionStyleUniversal;
  options.max_background_jobs = 2;
  options.writable_file_max_buffer_size = kWriteBytes;
  options.bytes_per_sync = kUnsyncedBytes;
  options.level0_slowdown_writes_trigger = 40;
  options.level0_stop_writes_trigger = 60;
  options.allow_mmap_reads = false;
  options.write_buffer_size = 1 << 20;  // nothing is written through the memtable
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

/// RocksDB insists on a log; this one listens to nothing.
class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

}  // namespace

class SortedRuns::Impl {
 public:
  Impl(FileSystem& files, std::string directory)
      : files_(files),
        directory_(std::move(directory)),
        environment_(NewRocksdbEnvironment(files)),
        options_(MakeOptions(environment_.get())) {
    options_.info_log = std::make_shared<SilentLogger>();
    // Nobody waits for a merge. That it cannot be had costs time only.
    static_cast<void>(
        environment_->LowerThreadPoolCPUPriority(rocksdb::Env::LOW, rocksdb::CpuPriority::kLow));
  }

  Result<void> Open() {
    if (auto made = files_.CreateDirectories(directory_); !made) return made;
    if (auto removed = RemoveEmptyLogs(); !removed) return removed;
    rocksdb::Status status = OpenForWriting();
    // A full disk takes not even what RocksDB writes at each start; what is there can be read.
    if (status.IsNoSpace() && OpenForReading().ok()) status = rocksdb::Status::OK();
    if (!status.ok()) {
      Error error = ErrorOf(status);
      if (error.code == ErrorCode::kCorrupt)
        error.message += "; remove " + directory_ + ", and it is built again from the log";
      return std::unexpected(std::move(error));
    }
    std::string value;
    status = database()->Get(rocksdb::ReadOptions(), kCompleteThrough, &value);
    if (!status.ok() && !status.IsNotFound()) return std::unexpected(ErrorOf(status));
    if (value.size() == sizeof(std::uint64_t))
      complete_through_ = LoadLittle<std::uint64_t>(value.data());
    return {};
  }

  Result<void> AddRun(std::span<const Entry* const> entries, ItemId through) {
    if (only_reads_) {
      if (const auto status = OpenForWriting(); !status.ok())
        return std::unexpected(ErrorOf(status));
    }
    const std::shared_ptr<rocksdb::DB> database = this->database();
    // After an error RocksDB takes nothing until it is told that things may have changed.
    static_cast<void>(database->Resume());
    std::vector<Ranked> sorted(entries.begin(), entries.end());
    std::sort(sorted.begin(), sorted.end());
    const std::string path = directory_ + "/run.new";
    if (const auto status = WriteRun(path, sorted, through); !status.ok())
      return std::unexpected(ErrorOf(status));
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    ingest.write_global_seqno = false;
    if (const auto status = database->IngestExternalFile({path}, ingest); !status.ok())
      return std::unexpected(ErrorOf(status));
    complete_through_.store(through.value, std::memory_order_release);
    return {};
  }

  Result<void> Find(std::span<const ContentKey* const> keys, std::span<ItemId> ids) const {
    if (complete_through() == 0) return {};
    const std::shared_ptr<rocksdb::DB> database = this->database();
    Lookup lookup;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (ids[i].value != 0) continue;
      lookup.Add(*keys[i], ids[i]);
      if (!lookup.is_full()) continue;
      if (auto done = Search(*database, lookup); !done) return done;
    }
    return Search(*database, lookup);
  }

  Result<std::uint64_t> Count(ItemId through) const {
    rocksdb::ReadOptions read;
    read.fill_cache = false;
    const std::shared_ptr<rocksdb::DB> database = this->database();
    const std::unique_ptr<rocksdb::Iterator> it(database->NewIterator(read));
    std::uint64_t count = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (it->key() == kCompleteThrough) continue;
      count += LoadLittle<std::uint64_t>(it->value().data()) <= through.value ? 1 : 0;
    }
    if (!it->status().ok()) return std::unexpected(ErrorOf(it->status()));
    return count;
  }

  [[nodiscard]] std::uint64_t complete_through() const {
    return complete_through_.load(std::memory_order_acquire);
  }

 private:
  [[nodiscard]] rocksdb::Status OpenForWriting() EXCLUDES(mutex_) {
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options_, directory_, &opened);
    if (status.ok()) Use(opened, /*only_reads=*/false);
    return status;
  }

  [[nodiscard]] rocksdb::Status OpenForReading() EXCLUDES(mutex_) {
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options_, directory_, &opened);
    if (status.ok()) Use(opened, /*only_reads=*/true);
    return status;
  }

  void Use(rocksdb::DB* opened, bool only_reads) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    database_.reset(opened);
    only_reads_ = only_reads;
  }

  [[nodiscard]] std::shared_ptr<rocksdb::DB> database() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return database_;
  }

  /// RocksDB creates a log at every start and keeps the empty ones for as long as nothing goes through its memtable.
  Result<void> RemoveEmptyLogs() {
    const auto entries = files_.List(directory_);
    if (!entries) return std::unexpected(entries.error());
    for (const DirectoryEntry& entry : *entries) {
      if (!entry.name.ends_with(".log") || entry.size != 0) continue;
      if (auto removed = files_.Remove(directory_ + "/" + entry.name); !removed) return removed;
    }
    return {};
  }

  /// Fills in what is found, and empties the look-up.
  static Result<void> Search(rocksdb::DB& database, Lookup& lookup) {
    std::array<rocksdb::PinnableSlice, kLookupKeys> values;
    std::array<rocksdb::Status, kLookupKeys> statuses;
    const std::size_t count = std::exchange(lookup.count, 0);
    database.MultiGet(rocksdb::ReadOptions(), database.DefaultColumnFamily(), count,
                      lookup.slices.data(), values.data(), statuses.data());
    for (std::size_t i = 0; i < count; ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) return std::unexpected(ErrorOf(statuses[i]));
      const rocksdb::PinnableSlice& value = values[i];
      const ContentKey& key = *lookup.keys[i];
      // A length of 0: the asker does not know it.
      if (value.size() != kValueBytes ||
          (key.length != 0 &&
           LoadLittle<std::uint32_t>(value.data() + sizeof(std::uint64_t)) != key.length))
        return Fail(ErrorCode::kCorrupt,
                    "key index: another length under the digest " + key.digest.ToHex());
      *lookup.ids[i] = ItemId{LoadLittle<std::uint64_t>(value.data())};
    }
    return {};
  }

  rocksdb::Status WriteRun(const std::string& path, std::span<const Ranked> sorted,
                           ItemId through) const {
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(options_), options_);
    if (auto status = writer.Open(path); !status.ok()) return status;
    char value[kValueBytes];
    StoreLittle(value, through.value);
    if (auto status = writer.Put(kCompleteThrough, {value, sizeof through.value}); !status.ok())
      return status;
    std::string scoped;
    for (const Ranked& ranked : sorted) {
      const auto& [key, id] = *ranked.entry;
      StoreLittle(value, id.value);
      StoreLittle(value + sizeof id.value, key.length);
      if (auto status = writer.Put(SliceOf(key, scoped), {value, sizeof value}); !status.ok())
        return status;
    }
    return writer.Finish();
  }

  FileSystem& files_;
  std::string directory_;
  std::shared_ptr<rocksdb::Env> environment_;
  rocksdb::Options options_;
  bool only_reads_ = false;  // of whoever opens or adds
  mutable Mutex mutex_;
  std::shared_ptr<rocksdb::DB> database_
      GUARDED_BY(mutex_);  // shared with whoever reads it just now
  // Release/acquire: whoever sees the id finds the run, which was there before.
  std::atomic<std::uint64_t> complete_through_ = 0;
};

SortedRuns::SortedRuns(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SortedRuns::~SortedRuns() = default;

Result<std::unique_ptr<SortedRuns>> SortedRuns::Open(FileSystem& files,
                                                     const std::string& directory) {
  auto impl = std::make_unique<Impl>(files, directory);
  if (auto opened = impl->Open(); !opened) return std::unexpected(opened.error());
  return std::unique_ptr<SortedRuns>(new SortedRuns(std::move(impl)));
}

ItemId SortedRuns::complete_through() const { return ItemId{impl_->complete_through()}; }

Result<void> SortedRuns::AddRun(std::span<const Entry* const> entries, ItemId through) {
  return impl_->AddRun(entries, through);
}

Result<void> SortedRuns::Find(std::span<const ContentKey* const> keys,
                              std::span<ItemId> ids) const {
  return impl_->Find(keys, ids);
}

Result<std::uint64_t> SortedRuns::Count(ItemId through) const { return impl_->Count(through); }

}  // namespace itemgate
