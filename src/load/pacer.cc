#include "load/pacer.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace itemgate::load {

Pacer::Pacer(const PacerOptions& options, Instant start, Instant end)
    : options_(options), start_(start), end_(end), random_(options.seed), due_seconds_(0) {
  ITEMGATE_CHECK(options.per_second > 0);
  ITEMGATE_CHECK(options.share_count > 0);
  if (options_.arrivals == Arrivals::kConstant) {
    due_seconds_ = options_.share_index / options_.per_second;
  } else {
    Advance();
  }
}

std::optional<Instant> Pacer::Take(Instant now) {
  DropMissed(now);
  const auto due = next();
  if (!due || *due > now) return std::nullopt;
  Advance();
  return due;
}

void Pacer::DropMissed(Instant now) {
  for (auto due = next(); due && *due + options_.patience <= now; due = next()) {
    ++missed_;
    Advance();
  }
}

void Pacer::EndAt(Instant end) { end_ = std::min(end_, end); }

std::optional<Instant> Pacer::next() const {
  const Instant due =
      start_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(due_seconds_));
  if (due >= end_) return std::nullopt;
  return due;
}

void Pacer::Advance() {
  ++index_;
  const double gap = options_.share_count / options_.per_second;
  if (options_.arrivals == Arrivals::kConstant) {  // by multiplication: no error adds up
    due_seconds_ = options_.share_index / options_.per_second + static_cast<double>(index_) * gap;
  } else {
    due_seconds_ += -std::log1p(-random_.Fraction()) * gap;
  }
}

}  // namespace itemgate::load
