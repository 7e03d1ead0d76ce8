#include "transfer/compress.h"

#include <array>

#include <zlib.h>
#include <zstd.h>

#include "base/check.h"

namespace itemgate {
namespace {

constexpr std::size_t kOutputBytes = 128 << 10;

class PlainSink final : public ByteSink {
 public:
  explicit PlainSink(ByteSink& sink) : sink_(sink) {}
  Result<void> Write(std::string_view bytes) override { return sink_.Write(bytes); }
  Result<void> Flush() override { return sink_.Flush(); }
  Result<void> Finish() override { return sink_.Finish(); }

 private:
  ByteSink& sink_;
};

class GzipSink final : public ByteSink {
 public:
  explicit GzipSink(ByteSink& sink) : sink_(sink), output_(kOutputBytes, '\0') {
    constexpr int kGzipFormat = 15 + 16;
    constexpr int kDefaultMemory = 8;
    ITEMGATE_CHECK(deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipFormat,
                                kDefaultMemory, Z_DEFAULT_STRATEGY) == Z_OK);
  }
  ~GzipSink() override { deflateEnd(&stream_); }
  GzipSink(const GzipSink&) = delete;
  GzipSink& operator=(const GzipSink&) = delete;

  Result<void> Write(std::string_view bytes) override {
    constexpr std::size_t kPieceBytes = 1 << 30;  // zlib counts in 32 bits
    for (; bytes.size() > kPieceBytes; bytes.remove_prefix(kPieceBytes))
      if (auto done = Deflate(bytes.substr(0, kPieceBytes), Z_NO_FLUSH); !done) return done;
    return Deflate(bytes, Z_NO_FLUSH);
  }
  Result<void> Flush() override {
    if (auto done = Deflate({}, Z_SYNC_FLUSH); !done) return done;
    return sink_.Flush();
  }
  Result<void> Finish() override {
    if (auto done = Deflate({}, Z_FINISH); !done) return done;
    return sink_.Finish();
  }

 private:
  Result<void> Deflate(std::string_view bytes, int mode) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(output_.data());
      stream_.avail_out = static_cast<uInt>(output_.size());
      ITEMGATE_CHECK(deflate(&stream_, mode) != Z_STREAM_ERROR);
      const std::string_view made(output_.data(), output_.size() - stream_.avail_out);
      if (auto written = sink_.Write(made); !written) return written;
    } while (stream_.avail_out == 0);
    return {};
  }

  ByteSink& sink_;
  std::string output_;
  z_stream stream_{};
};

class ZstdSink final : public ByteSink {
 public:
  explicit ZstdSink(ByteSink& sink)
      : sink_(sink), output_(kOutputBytes, '\0'), stream_(ZSTD_createCCtx()) {
    ITEMGATE_CHECK(stream_ != nullptr);
    ITEMGATE_CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(stream_, ZSTD_c_checksumFlag, 1)) == 0);
  }
  ~ZstdSink() override { ZSTD_freeCCtx(stream_); }
  ZstdSink(const ZstdSink&) = delete;
  ZstdSink& operator=(const ZstdSink&) = delete;

  Result<void> Write(std::string_view bytes) override { return Encode(bytes, ZSTD_e_continue); }
  Result<void> Flush() override {
    if (auto done = Encode({}, ZSTD_e_flush); !done) return done;
    return sink_.Flush();
  }
  Result<void> Finish() override {
    if (auto done = Encode({}, ZSTD_e_end); !done) return done;
    return sink_.Finish();
  }

 private:
  Result<void> Encode(std::string_view bytes, ZSTD_EndDirective mode) {
    ZSTD_inBuffer in{.src = bytes.data(), .size = bytes.size(), .pos = 0};
    std::size_t remaining = 0;
    do {
      ZSTD_outBuffer out{.dst = output_.data(), .size = output_.size(), .pos = 0};
      remaining = ZSTD_compressStream2(stream_, &out, &in, mode);
      ITEMGATE_CHECK(ZSTD_isError(remaining) == 0);
      if (auto written = sink_.Write(std::string_view(output_.data(), out.pos)); !written)
        return written;
    } while (in.pos < in.size || (mode != ZSTD_e_continue && remaining > 0));
    return {};
  }

  ByteSink& sink_;
  std::string output_;
  ZSTD_CCtx* stream_;
};

}  // namespace

Compression CompressionOfName(std::string_view name) {
  if (name.ends_with(".gz")) return Compression::kGzip;
  if (name.ends_with(".zst")) return Compression::kZstd;
  return Compression::kNone;
}

std::unique_ptr<ByteSink> Compressed(Compression compression, ByteSink& sink) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipSink>(sink);
    case Compression::kZstd:
      return std::make_unique<ZstdSink>(sink);
    case Compression::kNone:
      break;
  }
  return std::make_unique<PlainSink>(sink);
}

std::string ZlibVersion() { return std::string("zlib ") + zlibVersion(); }
std::string ZstdVersion() { return std::string("zstd ") + ZSTD_versionString(); }

}  // namespace itemgate
