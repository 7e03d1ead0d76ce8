// Whatever bytes come to the load generator as answers: no crash, and taken apart in random pieces they give the same
// answers, or the same refusal, as in one piece; so do the results of a batch.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "load/answer_scanner.h"
#include "load/batch_answer.h"
#include "property.h"

namespace itemgate::load {
namespace {

constexpr std::size_t kPieceMax = 64;

/// What a scanner has told, in one comparable form.
struct Seen final : AnswerSink {
  void BodyArrived(const Answer& answer, std::string_view piece) override {
    Require(answer.status >= 200, "an interim answer has no body");
    Require(!piece.empty(), "no piece is empty");
    text += piece;
  }
  void AnswerEnded(const Answer& answer) override {
    text += "\n" + std::to_string(answer.status) + (answer.closes ? " closes " : " ") +
            (answer.outcome ? std::string(ItemOutcomeName(*answer.outcome)) : "") + "\n";
  }

  std::string text;
};

/// Calls `take` with random pieces of the bytes until it gives false.
template <typename Take>
void InPieces(std::string_view bytes, Random& random, Take take) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, 1 + random.Below(kPieceMax));
    // A copy, so that reading beyond its end is seen.
    if (!take(std::string(piece))) return;
    bytes.remove_prefix(piece.size());
  }
}

void CheckAnswers(std::string_view bytes, Random& random) {
  Seen whole;
  AnswerScanner scanner(whole);
  const bool accepted = scanner.Consume(bytes).has_value();

  Seen parts;
  AnswerScanner part_scanner(parts);
  bool parts_accepted = true;
  InPieces(bytes, random, [&](const std::string& piece) {
    parts_accepted = part_scanner.Consume(piece).has_value();
    return parts_accepted;
  });
  Require(accepted == parts_accepted, "pieces are accepted as the whole is");
  Require(whole.text == parts.text, "pieces give the same answers as the whole");
}

void CheckBatch(BatchFraming framing, std::string_view bytes, Random& random) {
  BatchAnswer whole(framing);
  whole.Consume(bytes);
  BatchAnswer parts(framing);
  InPieces(bytes, random, [&](const std::string& piece) {
    parts.Consume(piece);
    return true;
  });
  Require(whole.outcomes().counts == parts.outcomes().counts, "pieces give the same results");
  Require(whole.complete() == parts.complete(), "pieces end where the whole does");
  Require(whole.complaint() == parts.complaint(), "pieces give the same complaint");
}

}  // namespace
}  // namespace itemgate::load

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using itemgate::load::BatchFraming;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  itemgate::Random random(size);
  itemgate::load::CheckAnswers(bytes, random);
  itemgate::load::CheckBatch(BatchFraming::kNdjson, bytes, random);
  itemgate::load::CheckBatch(BatchFraming::kBinary, bytes, random);
  return 0;
}
