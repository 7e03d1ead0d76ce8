#include "transfer/decompress.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zlib.h>
#include <zstd.h>

#include "base/check.h"

namespace itemgate {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kInputBytes = 128 << 10;
constexpr auto kGzipMagic = "\x1F\x8B"sv;

/// A window on the encoded bytes.
class Input {
 public:
  explicit Input(std::unique_ptr<ByteSource> source)
      : source_(std::move(source)), buffer_(kInputBytes) {}

  /// Reads on until the window holds `size` bytes or the stream ends.
  Result<void> Ensure(std::size_t size) {
    while (bytes().size() < size && !at_end_) {
      std::ranges::copy(bytes(), buffer_.begin());
      end_ -= std::exchange(begin_, 0);
      const auto n = source_->Read(std::span(buffer_).subspan(end_));
      if (!n) return std::unexpected(n.error());
      at_end_ = *n == 0;
      end_ += *n;
    }
    return {};
  }

  [[nodiscard]] std::string_view bytes() const { return {buffer_.data() + begin_, end_ - begin_}; }

  void Use(std::size_t count) {
    begin_ += count;
    used_ += count;
  }

  [[nodiscard]] std::uint64_t used() const { return used_; }

  [[nodiscard]] std::unexpected<Error> Damaged(std::string_view what) const {
    return Fail(ErrorCode::kCorrupt, std::string(what) + " at byte " + std::to_string(used_) +
                                         " of the compressed data");
  }

 private:
  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t used_ = 0;
  bool at_end_ = false;
};

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(Input input) : input_(std::move(input)) {}

  Result<std::size_t> Read(std::span<char> buffer) override {
    if (const auto filled = input_.Ensure(1); !filled) return std::unexpected(filled.error());
    const std::string_view bytes = input_.bytes().substr(0, buffer.size());
    std::ranges::copy(bytes, buffer.begin());
    input_.Use(bytes.size());
    return bytes.size();
  }

  [[nodiscard]] std::uint64_t BytesUsed() const override { return input_.used(); }

 private:
  Input input_;
};

/// What the two formats share: reading until there is output, and telling what came before an error first.
class DecodingSource : public ByteSource {
 public:
  explicit DecodingSource(Input input) : input_(std::move(input)) {}

  Result<std::size_t> Read(std::span<char> buffer) final {
    while (!failure_) {
      const auto step = Decode(buffer);
      if (!step) return std::unexpected(step.error());
      if (step->at_end || step->bytes > 0) return step->bytes;
    }
    return std::unexpected(*failure_);
  }

  [[nodiscard]] std::uint64_t BytesUsed() const final { return input_.used(); }

 protected:
  struct Step {
    std::size_t bytes = 0;
    bool at_end = false;
  };

  /// Decodes some more; a format error found behind decoded bytes goes to FailNext.
  virtual Result<Step> Decode(std::span<char> buffer) = 0;

  void FailNext(std::string_view what) { failure_ = input_.Damaged(what).error(); }
  [[nodiscard]] Input& input() { return input_; }

 private:
  Input input_;
  std::optional<Error> failure_;
};

class GzipSource final : public DecodingSource {
 public:
  explicit GzipSource(Input input) : DecodingSource(std::move(input)) {
    constexpr int kGzipOnly = 15 + 16;
    ITEMGATE_CHECK(inflateInit2(&stream_, kGzipOnly) == Z_OK);
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

 private:
  Result<Step> Decode(std::span<char> buffer) override {
    if (const auto filled = input().Ensure(kGzipMagic.size()); !filled)
      return std::unexpected(filled.error());
    if (!inside_member_) return BeginMember();
    if (input().bytes().empty()) return input().Damaged("gzip data is cut off");
    return Inflate(buffer);
  }

  Result<Step> BeginMember() {
    const std::string_view bytes = input().bytes();
    if (bytes.empty()) return Step{.at_end = true};
    if (bytes.front() == '\0' && members_ > 0) {
      input().Use(std::min(bytes.find_first_not_of('\0'), bytes.size()));
      return Step{};
    }
    if (!bytes.starts_with(kGzipMagic)) return input().Damaged("something that is not gzip");
    inside_member_ = true;
    ++members_;
    ITEMGATE_CHECK(inflateReset(&stream_) == Z_OK);
    return Step{};
  }

  Result<Step> Inflate(std::span<char> buffer) {
    const std::string_view bytes = input().bytes();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    const auto room = static_cast<uInt>(std::min<std::size_t>(buffer.size(), 1 << 30));
    stream_.avail_out = room;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    input().Use(bytes.size() - stream_.avail_in);
    if (status == Z_STREAM_END) {
      inside_member_ = false;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      FailNext("gzip data is damaged");
    }
    return Step{.bytes = room - stream_.avail_out};
  }

  z_stream stream_{};
  bool inside_member_ = false;
  std::uint64_t members_ = 0;
};

class ZstdSource final : public DecodingSource {
 public:
  explicit ZstdSource(Input input) : DecodingSource(std::move(input)), stream_(ZSTD_createDCtx()) {
    ITEMGATE_CHECK(stream_ != nullptr);
  }
  ~ZstdSource() override { ZSTD_freeDCtx(stream_); }
  ZstdSource(const ZstdSource&) = delete;
  ZstdSource& operator=(const ZstdSource&) = delete;

 private:
  Result<Step> Decode(std::span<char> buffer) override {
    if (const auto filled = input().Ensure(1); !filled) return std::unexpected(filled.error());
    const std::string_view bytes = input().bytes();
    // At the end of the input a frame may still have output to give.
    if (bytes.empty() && !inside_frame_) return Step{.at_end = true};
    ZSTD_inBuffer in{.src = bytes.data(), .size = bytes.size(), .pos = 0};
    ZSTD_outBuffer out{.dst = buffer.data(), .size = buffer.size(), .pos = 0};
    const std::size_t status = ZSTD_decompressStream(stream_, &out, &in);
    input().Use(in.pos);
    if (ZSTD_isError(status) != 0) {
      FailNext(std::string("zstd data is damaged (") + ZSTD_getErrorName(status) + ")");
    } else if (bytes.empty() && out.pos == 0 && status != 0) {
      return input().Damaged("zstd data is cut off");
    } else {
      inside_frame_ = status != 0;
    }
    return Step{.bytes = out.pos};
  }

  ZSTD_DCtx* stream_;
  bool inside_frame_ = false;
};

enum class FormatKind { kGzip, kZstd, kOther };

/// A format that is known by its first bytes.
struct Format {
  std::string_view magic;
  FormatKind kind = FormatKind::kOther;
  const char* name = "";
  const char* reader = "";  // the program that decodes it, if we do not
};

constexpr std::array<Format, 5> kFormats{
    {{.magic = kGzipMagic, .kind = FormatKind::kGzip},
     {.magic = "\x28\xB5\x2F\xFD"sv, .kind = FormatKind::kZstd},
     {.magic = "\x04\x22\x4D\x18"sv, .name = "lz4", .reader = "lz4cat"},
     {.magic = "\xFD\x37\x7A\x58\x5A\x00"sv, .name = "xz", .reader = "xzcat"},
     {.magic = "BZh91AY&SY"sv, .name = "bzip2", .reader = "bzcat"}}};

/// A zstd stream may also begin with a frame to skip: one byte 0x50 to 0x5F, then these.
constexpr auto kZstdSkippable = "\x2A\x4D\x18"sv;
constexpr Format kSkippableZstd{.kind = FormatKind::kZstd};

/// The format that the bytes begin with; null if none. Nothing if more bytes could still make it one.
std::optional<const Format*> FormatOf(std::string_view bytes) {
  bool undecided = bytes.empty();
  for (const Format& format : kFormats) {
    if (bytes.starts_with(format.magic)) return &format;
    undecided = undecided || format.magic.starts_with(bytes);
  }
  if (!bytes.empty() && (bytes[0] & 0xF0) == 0x50) {
    if (bytes.substr(1).starts_with(kZstdSkippable)) return &kSkippableZstd;
    undecided = undecided || kZstdSkippable.starts_with(bytes.substr(1));
  }
  if (undecided) return std::nullopt;
  return nullptr;
}

/// Reads no more than it takes to tell: whoever sends a short line through a pipe may wait before sending more.
Result<const Format*> Detect(Input& input) {
  while (true) {
    const std::size_t size = input.bytes().size();
    if (const auto format = FormatOf(input.bytes())) return *format;
    if (const auto filled = input.Ensure(size + 1); !filled) return std::unexpected(filled.error());
    if (input.bytes().size() == size) return nullptr;
  }
}

}  // namespace

Result<std::unique_ptr<ByteSource>> Decompressed(std::unique_ptr<ByteSource> source,
                                                 OtherCompression others) {
  Input input(std::move(source));
  const auto format = Detect(input);
  if (!format) return std::unexpected(format.error());
  if (*format == nullptr) return std::make_unique<PlainSource>(std::move(input));
  switch ((*format)->kind) {
    case FormatKind::kGzip:
      return std::make_unique<GzipSource>(std::move(input));
    case FormatKind::kZstd:
      return std::make_unique<ZstdSource>(std::move(input));
    case FormatKind::kOther:
      break;
  }
  if (others == OtherCompression::kRefuse)
    return Fail(ErrorCode::kUnsupported, std::string((*format)->name) +
                                             " data is not decompressed here; pipe it in with " +
                                             (*format)->reader);
  return std::make_unique<PlainSource>(std::move(input));
}

}  // namespace itemgate
