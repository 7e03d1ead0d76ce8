#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "transfer/byte_stream.h"

namespace itemgate {

enum class Compression { kNone, kGzip, kZstd };

/// By the end of a file's name: .gz or .zst.
[[nodiscard]] Compression CompressionOfName(std::string_view name);

/// A sink that compresses what it is given and hands it on to `sink`, which must outlive it. With kNone it only hands
/// on.
[[nodiscard]] std::unique_ptr<ByteSink> Compressed(Compression compression, ByteSink& sink);

/// The libraries behind this folder and their versions, as "zlib 1.2.13".
[[nodiscard]] std::string ZlibVersion();
[[nodiscard]] std::string ZstdVersion();

}  // namespace itemgate
