#pragma once

#include <memory>

#include "base/file.h"

namespace rocksdb {
class Env;
}

namespace itemgate {

/// RocksDB's view of our files, so that the index goes through the same seam as the log. Time, threads and what we have
/// no notion of come from RocksDB's own environment. `files` must outlive it.
[[nodiscard]] std::shared_ptr<rocksdb::Env> NewRocksdbEnvironment(FileSystem& files);

}  // namespace itemgate
