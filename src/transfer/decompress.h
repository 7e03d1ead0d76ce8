#pragma once

#include <memory>

#include "transfer/byte_stream.h"

namespace itemgate {

/// What is done with compressed data that cannot be decoded here.
enum class OtherCompression { kRefuse, kTakeAsIs };

/// The decoded bytes of `source`: of a gzip (RFC 1952) or zstd (RFC 8878) stream, recognised by its first bytes, or
/// else its bytes as they are. Several members or frames one behind the other are one stream; zeros behind the last
/// gzip member are padding. Takes bounded memory, whatever the stream says: zstd windows up to 128 MiB.
///
/// Fails with kUnsupported for a format that is recognised but not decoded (lz4, xz, bzip2), if that is refused: taken
/// apart into lines it would be rubbish.
///
/// Reads fail with kCorrupt, and the place in the compressed stream, if it is damaged or cut off; what was read before
/// is right as far as a stream without checksums can tell.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> Decompressed(
    std::unique_ptr<ByteSource> source, OtherCompression others = OtherCompression::kRefuse);

}  // namespace itemgate
