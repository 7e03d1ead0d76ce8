#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace itemgate::redlock {

/// What waits in a TimerWheel; in at most one, which must be outlived.
struct WheelEntry {
  Instant due;
  WheelEntry* next = nullptr;  // null: not in a wheel
  WheelEntry* previous = nullptr;
};

/// Timers for very many: adding, moving and removing cost the same few instructions, however many there are (a hashed
/// wheel: Varghese and Lauck, SOSP 1987). Exact to a millisecond, never early. One thread.
class TimerWheel {
 public:
  TimerWheel() {
    for (WheelEntry& slot : slots_) slot.next = slot.previous = &slot;
  }
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Moves it, if it is waiting already.
  void Add(WheelEntry& entry, Instant due) {
    Remove(entry);
    entry.due = due;
    const std::size_t index =
        IndexOf(std::max(TickOf(due), done_));  // what was due is looked at next
    WheelEntry& slot = slots_[index];
    entry.next = &slot;
    entry.previous = slot.previous;
    slot.previous->next = &entry;
    slot.previous = &entry;
    used_[index / 64] |= std::uint64_t{1} << (index % 64);
  }

  void Remove(WheelEntry& entry) {
    if (entry.next == nullptr) return;
    entry.next->previous = entry.previous;
    entry.previous->next = entry.next;
    entry.next = nullptr;
  }

  /// Takes out everything that is due.
  [[nodiscard]] std::vector<WheelEntry*> TakeDue(Instant now) {
    std::vector<WheelEntry*> due;
    const std::int64_t end = TickOf(now) + 1;
    for (std::int64_t tick = std::max(done_, end - static_cast<std::int64_t>(kSlots)); tick < end;
         ++tick)
      TakeDueOf(slots_[IndexOf(tick)], now, due);
    done_ = end - 1;  // more may become due within the last tick
    return due;
  }

  /// When to call TakeDue next, at most a millisecond late; then nothing may be due. Nothing if the wheel is empty.
  [[nodiscard]] std::optional<Instant> NextLook() {
    for (std::size_t step = 0; step < kSlots;) {
      const std::size_t index = IndexOf(done_ + static_cast<std::int64_t>(step));
      const std::uint64_t word = used_[index / 64] >> (index % 64);
      if (word == 0) {
        step += 64 - index % 64;
        continue;
      }
      step += static_cast<std::size_t>(std::countr_zero(word));
      if (step >= kSlots) break;
      const std::int64_t tick = done_ + static_cast<std::int64_t>(step);
      const WheelEntry& slot = slots_[IndexOf(tick)];
      if (slot.next != &slot) return Earliest(slot, tick);
      used_[IndexOf(tick) / 64] &= ~(std::uint64_t{1} << (IndexOf(tick) % 64));
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kSlots = 4096;
  static constexpr Duration kTick = std::chrono::milliseconds(1);

  [[nodiscard]] static std::int64_t TickOf(Instant time) { return time.time_since_epoch() / kTick; }
  [[nodiscard]] static std::size_t IndexOf(std::int64_t tick) {
    return static_cast<std::size_t>(tick) % kSlots;
  }

  static void TakeDueOf(WheelEntry& slot, Instant now, std::vector<WheelEntry*>& due) {
    for (WheelEntry* entry = slot.next; entry != &slot;) {
      WheelEntry* const next = entry->next;
      if (entry->due <= now) {
        entry->next->previous = entry->previous;
        entry->previous->next = entry->next;
        entry->next = nullptr;
        due.push_back(entry);
      }
      entry = next;
    }
  }

  /// The slot's first entry of this lap, or the time of the slot: some later lap's will be looked at in vain.
  [[nodiscard]] static Instant Earliest(const WheelEntry& slot, std::int64_t tick) {
    Instant earliest = Instant::max();
    for (const WheelEntry* entry = slot.next; entry != &slot; entry = entry->next) {
      earliest = std::min(earliest, entry->due);
      if (TickOf(earliest) <= tick) return earliest;  // no need to look at thousands
    }
    return Instant(kTick * tick);
  }

  std::array<WheelEntry, kSlots> slots_;
  std::array<std::uint64_t, kSlots / 64> used_{};  // a bit for each slot that may have entries
  std::int64_t done_ = 0;                          // every tick before it was looked at
};

}  // namespace itemgate::redlock
