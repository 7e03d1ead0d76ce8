#include "store/memory/memory_store.h"

#include <algorithm>

#include <boost/unordered/unordered_flat_set.hpp>

#include "base/mutex.h"

namespace itemgate {
namespace {

/// Immutable bytes, packed into blocks that never move.
class Arena {
 public:
  /// Copies both, one behind the other.
  const char* Copy(std::string_view first, std::string_view second) {
    const std::size_t size = first.size() + second.size();
    if (blocks_.empty() || size > room_) AddBlock(size);
    char* const place = blocks_.back().get() + used_;
    second.copy(place + first.copy(place, first.size()), second.size());
    used_ += size;
    room_ -= size;
    return place;
  }

 private:
  static constexpr std::size_t kBlockBytes = 1 << 20;

  void AddBlock(std::size_t size_min) {
    room_ = std::max(kBlockBytes, size_min);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(room_));
    used_ = 0;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t used_ = 0;  // of the last block
  std::size_t room_ = 0;
};

struct Record {
  ContentKey key;
  const char* bytes;             // the content, then the media type
  std::uint32_t content_length;  // the key's length is that of the canonical form
  std::uint8_t media_type_length;
  WallTime saved_at;
};
static_assert(sizeof(Record) == 64);

/// Records never move, so that growing costs no copy.
class Records {
 public:
  static constexpr std::size_t kBlockRecords = 4096;

  [[nodiscard]] const Record& operator[](std::uint64_t id) const {
    return blocks_[(id - 1) / kBlockRecords][(id - 1) % kBlockRecords];
  }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  void Append(const Record& record) {
    if (size_ % kBlockRecords == 0)
      blocks_.push_back(std::make_unique_for_overwrite<Record[]>(kBlockRecords));
    blocks_.back()[size_++ % kBlockRecords] = record;
  }

 private:
  std::vector<std::unique_ptr<Record[]>> blocks_;
  std::uint64_t size_ = 0;
};

/// Hash and equality of ids by the keys of their records, so that a key is held once.
struct KeyOfId {
  const Records* records;
  ContentKeyHash hash;

  using is_transparent = void;
  using is_avalanching = void;
  [[nodiscard]] const ContentKey& Key(std::uint64_t id) const { return (*records)[id].key; }
  [[nodiscard]] static const ContentKey& Key(const ContentKey& key) { return key; }
  [[nodiscard]] std::uint64_t operator()(const auto& of) const { return hash(Key(of)); }
  [[nodiscard]] bool operator()(const auto& a, const auto& b) const { return Key(a) == Key(b); }
};

class MemoryStore final : public ItemStore {
 public:
  MemoryStore(const Clock& clock, std::uint64_t seed)
      : clock_(clock), ids_(0, KeyOfId{&records_, {seed}}, KeyOfId{&records_, {seed}}) {}

  void Insert(std::span<Insertion* const> batch, InsertDone done) override EXCLUDES(mutex_) {
    {
      const WriterLock lock(mutex_);
      const WallTime now = clock_.WallNow();
      for (Insertion* insertion : batch) InsertOne(*insertion, now);
    }
    done({});
  }

  Result<std::vector<std::optional<ItemId>>> Find(std::span<const ContentKey> keys) override
      EXCLUDES(mutex_) {
    std::vector<std::optional<ItemId>> found(keys.size());
    const ReaderLock lock(mutex_);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (const auto it = ids_.find(keys[i]); it != ids_.end()) found[i] = ItemId{*it};
    }
    return found;
  }

  Result<Item> Get(ItemId id) override EXCLUDES(mutex_) {
    const ReaderLock lock(mutex_);
    if (id.value == 0 || id.value > records_.size())
      return Fail(ErrorCode::kNotFound, "there is no item " + std::to_string(id.value));
    return ItemOf(id);
  }

  Result<std::vector<Item>> List(ItemId after, PageLimits limits) override EXCLUDES(mutex_) {
    std::vector<Item> page;
    std::size_t bytes = 0;
    const ReaderLock lock(mutex_);
    for (std::uint64_t id = after.value; id < records_.size();) {
      ++id;
      bytes += records_[id].content_length;
      if (!page.empty() && (page.size() >= limits.items_max || bytes > limits.content_bytes_max))
        break;
      page.push_back(ItemOf(ItemId{id}));
    }
    return page;
  }

  StoreStatistics Statistics() const override EXCLUDES(mutex_) {
    const ReaderLock lock(mutex_);
    return {.items = records_.size(), .content_bytes = content_bytes_};
  }

 private:
  void InsertOne(Insertion& insertion, WallTime now) REQUIRES(mutex_) {
    const auto found = ids_.find(insertion.key);
    insertion.created = found == ids_.end();
    if (!insertion.created) {
      insertion.id = ItemId{*found};
      return;
    }
    records_.Append({.key = insertion.key,
                     .bytes = arena_.Copy(insertion.content, insertion.media_type),
                     .content_length = static_cast<std::uint32_t>(insertion.content.size()),
                     .media_type_length = static_cast<std::uint8_t>(insertion.media_type.size()),
                     .saved_at = now});
    insertion.id = ItemId{records_.size()};
    ids_.insert(insertion.id.value);
    content_bytes_ += insertion.content.size();
  }

  [[nodiscard]] Item ItemOf(ItemId id) const REQUIRES_SHARED(mutex_) {
    const Record& record = records_[id.value];
    return {
        .id = id,
        .key = record.key,
        .content = std::string(record.bytes, record.content_length),
        .media_type = std::string(record.bytes + record.content_length, record.media_type_length),
        .saved_at = record.saved_at};
  }

  const Clock& clock_;

  mutable SharedMutex mutex_;
  Arena arena_ GUARDED_BY(mutex_);
  Records records_ GUARDED_BY(mutex_);
  std::uint64_t content_bytes_ GUARDED_BY(mutex_) = 0;
  boost::unordered_flat_set<std::uint64_t, KeyOfId, KeyOfId> ids_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<ItemStore> NewMemoryStore(const Clock& clock, std::uint64_t seed) {
  return std::make_unique<MemoryStore>(clock, seed);
}

}  // namespace itemgate
