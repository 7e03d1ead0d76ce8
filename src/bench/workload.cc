#include "bench/workload.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "base/random.h"

namespace itemgate {
namespace {

constexpr std::size_t kBlock =
    4096;                            // items within which both copies of a content lie in W1 and W2
constexpr std::uint64_t kSeed = 42;  // of every stream
constexpr double kZipfExponent = 0.99;         // of W4
constexpr std::size_t kItemsPerContent = 100;  // in W4

std::vector<std::uint32_t> MakeDistinct(std::size_t count) {
  std::vector<std::uint32_t> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<std::uint32_t>(i);
  return numbers;
}

std::vector<std::uint32_t> MakePairs(std::size_t count) {
  std::vector<std::uint32_t> numbers(count);
  std::mt19937_64 random(kSeed);
  std::size_t base = 0;
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::span<std::uint32_t> block(numbers.data() + begin, std::min(kBlock, count - begin));
    const std::size_t half = (block.size() + 1) / 2;
    for (std::size_t i = 0; i < block.size(); ++i) {
      block[i] = static_cast<std::uint32_t>(base + i % half);
    }
    std::shuffle(block.begin(), block.end(), random);
    base += half;
  }
  return numbers;
}

/// Draws ranks with a probability that falls with the rank: the inverse of the cumulative weights, looked up through a
/// table of entry points so that a draw costs a step or two and not a binary search.
class ZipfRanks {
 public:
  explicit ZipfRanks(std::size_t count) : cumulative_(count), entry_(count) {
    double total = 0;
    for (std::size_t i = 0; i < count; ++i) {
      total += 1.0 / std::pow(static_cast<double>(i + 1), kZipfExponent);
      cumulative_[i] = total;
    }
    std::size_t rank = 0;
    for (std::size_t i = 0; i < count; ++i) {
      while (cumulative_[rank] * static_cast<double>(count) < total * static_cast<double>(i))
        ++rank;
      entry_[i] = rank;
    }
  }

  [[nodiscard]] double total() const { return cumulative_.back(); }

  /// The first rank whose cumulative weight is not below `weight`.
  [[nodiscard]] std::size_t RankOf(double weight) const {
    const auto slot =
        static_cast<std::size_t>(weight / total() * static_cast<double>(entry_.size()));
    std::size_t rank = entry_[std::min(slot, entry_.size() - 1)];
    while (rank > 0 && cumulative_[rank - 1] >= weight) --rank;
    while (cumulative_[rank] < weight) ++rank;
    return rank;
  }

 private:
  std::vector<double> cumulative_;
  std::vector<std::size_t> entry_;
};

std::vector<std::uint32_t> MakeSkewed(std::size_t count) {
  std::vector<std::uint32_t> numbers(count);
  const ZipfRanks ranks(std::max<std::size_t>(1, count / kItemsPerContent));
  std::mt19937_64 random(kSeed);
  std::uniform_real_distribution<double> weight(0, ranks.total());
  for (std::uint32_t& number : numbers) {
    number = static_cast<std::uint32_t>(ranks.RankOf(weight(random)));
  }
  return numbers;
}

/// Writes hexadecimal digits, sixteen out of every number drawn; returns the end.
char* WriteDigits(char* out, std::size_t digits, Random& random) {
  static constexpr char kDigits[] = "0123456789abcdef";
  while (digits > 0) {
    std::uint64_t value = random.Next();
    for (int i = 0; i < 16 && digits > 0; ++i, --digits) {
      *out++ = kDigits[value & 15];
      value >>= 4;
    }
  }
  return out;
}

}  // namespace

std::string_view WorkloadName(Workload workload) {
  static constexpr std::array<std::string_view, kAllWorkloads.size()> kNames = {"W1", "W2", "W3",
                                                                                "W4"};
  return kNames[static_cast<std::size_t>(workload)];
}

std::string_view WorkloadMeaning(Workload workload) {
  static constexpr std::array<std::string_view, kAllWorkloads.size()> kMeanings = {
      "half duplicates, durable", "half duplicates, in memory", "all distinct, durable",
      "99 % duplicates, durable"};
  return kMeanings[static_cast<std::size_t>(workload)];
}

std::optional<Workload> WorkloadNamed(std::string_view name) {
  if (name.size() != 2 || (name[0] != 'W' && name[0] != 'w')) return std::nullopt;
  for (const Workload workload : kAllWorkloads) {
    if (WorkloadName(workload)[1] == name[1]) return workload;
  }
  return std::nullopt;
}

bool IsDurable(Workload workload) { return workload != Workload::kW2; }

void FillContent(std::uint32_t number, std::span<char, kContentBytes> content) {
  static constexpr std::string_view kHead = R"({"sku":")";
  static constexpr std::string_view kMiddle = R"(","kind":"order","body":")";
  static constexpr std::string_view kTail = R"("})";
  static constexpr std::size_t kSkuDigits = 16;
  static constexpr std::size_t kBodyDigits =
      kContentBytes - kHead.size() - kSkuDigits - kMiddle.size() - kTail.size();
  Random random(number * 0x2545F4914F6CDD1Du + 12345);
  char* out = std::ranges::copy(kHead, content.data()).out;
  out = WriteDigits(out, kSkuDigits, random);
  out = std::ranges::copy(kMiddle, out).out;
  out = WriteDigits(out, kBodyDigits, random);
  std::ranges::copy(kTail, out);
}

std::vector<std::uint32_t> MakeStream(Workload workload, std::size_t count) {
  switch (workload) {
    case Workload::kW1:
    case Workload::kW2:
      return MakePairs(count);
    case Workload::kW3:
      return MakeDistinct(count);
    case Workload::kW4:
      return MakeSkewed(count);
  }
  return {};
}

std::uint64_t CountDistinct(std::span<const std::uint32_t> numbers) {
  if (numbers.empty()) return 0;
  std::vector<bool> seen(std::size_t{*std::ranges::max_element(numbers)} + 1);
  std::uint64_t distinct = 0;
  for (const std::uint32_t number : numbers) {
    distinct += seen[number] ? 0 : 1;
    seen[number] = true;
  }
  return distinct;
}

}  // namespace itemgate
