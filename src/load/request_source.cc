#include "load/request_source.h"

#include <array>
#include <charconv>

#include "base/bytes.h"

namespace itemgate::load {
namespace {

void AppendNumber(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

/// "1.250": seconds, never rounded up to a longer time.
void AppendSeconds(std::string& out, Duration duration) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(duration).count();
  AppendNumber(out, static_cast<std::uint64_t>(milliseconds / 1000));
  const auto fraction = static_cast<std::uint64_t>(milliseconds % 1000);
  out += fraction < 10 ? ".00" : fraction < 100 ? ".0" : ".";
  AppendNumber(out, fraction);
}

std::string FixedHead(const RequestOptions& options) {
  std::string fields = " HTTP/1.1\r\nHost: " + options.host + "\r\n";
  if (!options.scope.empty()) fields += "Item-Scope: " + options.scope + "\r\n";
  switch (options.kind) {
    case RequestKind::kItem:
      return "POST " + options.prefix + "/v1/items" + fields + "Content-Type: application/json\r\n";
    case RequestKind::kBatch:
      return "POST " + options.prefix + "/v1/items:batch" + fields +
             (options.framing == BatchFraming::kNdjson
                  ? "Content-Type: application/x-ndjson\r\n"
                  : "Content-Type: application/vnd.itemgate.batch\r\n");
    case RequestKind::kGet:
      return fields;
  }
  return {};
}

}  // namespace

RequestSource::RequestSource(const RequestOptions& options, const Contents& contents, Share share)
    : options_(options),
      contents_(contents),
      share_(share),
      head_(FixedHead(options)),
      random_(share.index) {}

std::size_t RequestSource::Append(std::string& out, Duration budget) {
  switch (options_.kind) {
    case RequestKind::kItem:
      return AppendItem(out, budget);
    case RequestKind::kBatch:
      return AppendBatch(out, budget);
    case RequestKind::kGet:
      return AppendGet(out, budget);
  }
  return 0;
}

void RequestSource::AppendHead(std::string& out, Duration budget, std::size_t body_bytes) const {
  out += head_;
  if (budget > Duration::zero()) {
    out += "Request-Timeout: ";
    AppendSeconds(out, budget);
    out += "\r\n";
  }
  if (body_bytes > 0) {
    out += "Content-Length: ";
    AppendNumber(out, body_bytes);
    out += "\r\n";
  }
  out += "\r\n";
}

std::size_t RequestSource::AppendItem(std::string& out, Duration budget) {
  const auto number = TakeNumber();
  if (!number) return 0;
  AppendHead(out, budget, contents_.bytes());
  contents_.Append(*number, out);
  return 1;
}

std::size_t RequestSource::AppendBatch(std::string& out, Duration budget) {
  batch_.clear();
  std::size_t items = 0;
  for (; items < options_.items_per_batch; ++items) {
    const auto number = TakeNumber();
    if (!number) break;
    if (options_.framing == BatchFraming::kBinary) {
      std::array<char, sizeof(std::uint32_t)> length;
      StoreLittle(length.data(), static_cast<std::uint32_t>(contents_.bytes()));
      batch_.append(length.data(), length.size());
      contents_.Append(*number, batch_);
    } else {
      content_.clear();
      contents_.Append(*number, content_);
      batch_ += R"({"content":)";
      contents_.AppendJson(content_, batch_);
      batch_ += "}\n";
    }
  }
  if (items == 0) return 0;
  AppendHead(out, budget, batch_.size());
  out += batch_;
  return items;
}

std::size_t RequestSource::AppendGet(std::string& out, Duration budget) {
  out += "GET ";
  out += options_.prefix;
  out += "/v1/items/";
  AppendNumber(out, 1 + random_.Below(options_.ids));
  AppendHead(out, budget, 0);
  return 1;
}

std::optional<std::uint32_t> RequestSource::TakeNumber() {
  const auto number = contents_.NumberAt(share_.index + taken_ * share_.count);
  if (number) ++taken_;
  return number;
}

}  // namespace itemgate::load
