#include "load/worker.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace itemgate::load {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReadBytes = 256 << 10;
constexpr Duration kTickPeriod = 50ms;
constexpr Duration kConnectTimeMax = 5s;  // then those that are made begin
constexpr int kBudgetShareOfSender =
    2;  // a request sent with less than this part left can only fail
constexpr Duration kOverdueGrace = 500ms;  // after the budget, before the connection is given up
constexpr Duration kTimerStep = 50us;      // the timer wakes no oftener than this
constexpr std::size_t kStretches = 100;    // of the time, at most, but see kStretchMin
constexpr Duration kStretchMin = 100ms;
constexpr std::size_t kExcerptBytesMax = 300;
constexpr Duration kUselessPause = 250ms;  // before a connection that answered nothing is made anew

Duration CpuTimeOfThread() {
  rusage usage{};
  ITEMGATE_CHECK(::getrusage(RUSAGE_THREAD, &usage) == 0);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

std::size_t ShareOf(std::size_t all, Worker::Share share) {
  const std::size_t more = share.index < all % share.count ? 1 : 0;
  return std::max<std::size_t>(1, all / share.count + more);
}

TallyOptions TallyOptionsOf(const LoadOptions& options) {
  return {.budget = options.budget,
          .stretch = std::max<Duration>(kStretchMin, options.time / kStretches),
          .of_items = options.requests.kind != RequestKind::kGet};
}

}  // namespace

struct Worker::Slot {
  Slot(const Connection::Shared& shared, std::size_t index, BatchFraming framing)
      : connection(shared, index), batch(framing) {}

  Connection connection;
  BatchAnswer batch;       // the one that is arriving
  std::string excerpt;     // of an answer that is no success
  bool settled = false;    // made or failed once
  bool is_free = false;    // in free_
  bool is_useful = false;  // has answered something since it was connected
  Instant retry_at{};      // when to connect again
};

Worker::Worker(const LoadOptions& options, const Contents& contents, Share share,
               const Clock& clock)
    : options_(options),
      clock_(clock),
      share_(share),
      loop_(clock),
      source_(options.requests, contents, {.index = share.index, .count = share.count}),
      read_buffer_(kReadBytes),
      shared_{.loop = loop_,
              .clock = clock,
              .owner = *this,
              .address = options.address,
              .pipelined_max = options.pipelined,
              .read_buffer = read_buffer_},
      tally_(TallyOptionsOf(options)) {
  const std::size_t count = ShareOf(options.connections, share);
  for (std::size_t i = 0; i < count; ++i)
    slots_.push_back(std::make_unique<Slot>(shared_, i, options.requests.framing));
}

Worker::~Worker() = default;

void Worker::Run(Hooks hooks) {
  hooks_ = std::move(hooks);
  connecting_since_ = clock_.Now();
  if (IsOpenLoop()) {
    auto timer = PreciseTimer::Make(loop_, [this] {
      armed_for_.reset();
      Dispatch(clock_.Now());
    });
    if (!timer) tally_.ConnectFailed(timer.error().message);
    if (timer) timer_ = std::move(*timer);
  }
  if (IsOpenLoop() && !timer_) {
    (void)hooks_.wait_for_start(0);
    return;
  }
  ConnectAll();
  loop_.PostAfter(kTickPeriod, [this] { Tick(); });
  loop_.Run();
  tally_.End();
}

void Worker::ConnectAll() {
  for (const auto& slot : slots_) slot->connection.Connect();
}

void Worker::Connected(Connection& connection) {
  Slot& slot = *slots_[connection.index()];
  slot.batch.Restart();
  slot.excerpt.clear();
  slot.is_useful = false;
  if (!std::exchange(slot.settled, true)) ++settled_;
  if (phase_ == Phase::kConnecting) {
    StartWhenConnected();
  } else if (phase_ == Phase::kSending) {
    Offer(connection, clock_.Now());
  }
}

void Worker::StartWhenConnected() {
  if (settled_ < slots_.size() && clock_.Now() - connecting_since_ < kConnectTimeMax &&
      !hooks_.stop.stop_requested())
    return;
  const auto connected = static_cast<std::size_t>(std::ranges::count_if(
      slots_, [](const auto& slot) { return slot->connection.is_connected(); }));
  const std::optional<Instant> start = hooks_.wait_for_start(connected);
  if (start) {
    Start(*start);
  } else {
    phase_ = Phase::kEnded;
    loop_.Stop();
  }
}

void Worker::Start(Instant now) {
  phase_ = Phase::kSending;
  start_ = now;
  end_ = now + options_.time;
  free_since_ = now;
  cpu_at_start_ = CpuTimeOfThread();
  tally_.Begin(start_, end_);
  if (IsOpenLoop())
    pacer_.emplace(PacerOptions{.arrivals = options_.arrivals,
                                .per_second = *options_.rate,
                                .patience = options_.budget / kBudgetShareOfSender,
                                .seed = options_.seed + share_.index,
                                .share_index = static_cast<int>(share_.index),
                                .share_count = static_cast<int>(share_.count)},
                   start_, end_);
  for (const auto& slot : slots_)
    if (slot->connection.is_connected()) Offer(slot->connection, now);
}

void Worker::Offer(Connection& connection, Instant now) {
  if (!IsOpenLoop()) {
    Fill(connection, now);
    return;
  }
  Slot& slot = *slots_[connection.index()];
  if (!slot.is_free && connection.HasRoom()) {
    if (free_.empty()) free_since_ = now;
    free_.push_back(&connection);
    slot.is_free = true;
  }
  Dispatch(now);
}

void Worker::Fill(Connection& connection, Instant now) {
  if (phase_ == Phase::kSending && now >= end_) EndSending(now);
  const std::size_t before = connection.unanswered();
  while (phase_ == Phase::kSending && connection.HasRoom() && Append(connection, now, now)) {
  }
  if (connection.unanswered() > before) connection.Flush();
}

void Worker::Dispatch(Instant now) {
  if (phase_ != Phase::kSending) return;
  while (!free_.empty()) {
    Connection& connection = *free_.front();
    Slot& slot = *slots_[connection.index()];
    if (!connection.HasRoom()) {  // lost while it stood in the queue
      free_.pop_front();
      slot.is_free = false;
      continue;
    }
    const auto due = pacer_->Take(now);
    if (!due) break;
    free_.pop_front();
    slot.is_free = false;
    if (*due >= free_since_) tally_.OwnDelay(now - *due);
    if (!Append(connection, *due, now)) break;
    unflushed_.push_back(&connection);
    if (connection.HasRoom()) {
      free_.push_back(&connection);
      slot.is_free = true;
    }
  }
  for (Connection* connection : unflushed_) connection->Flush();  // again costs nothing
  unflushed_.clear();
  ArmTimer(now);
}

bool Worker::Append(Connection& connection, Instant due, Instant now) {
  const Duration left = options_.budget - (now - due);
  const std::size_t items =
      source_.Append(connection.output(), options_.tell_budget ? left : Duration::zero());
  if (items == 0) {
    EndSending(now);
    return false;
  }
  const SentRequest request{.due = due, .items = static_cast<std::uint32_t>(items)};
  connection.AddSent(request);
  tally_.Sent(request);
  ++unanswered_;
  return true;
}

void Worker::ArmTimer(Instant now) {
  // With no connection free, the next one that is makes it go on; the tick counts what is missed meanwhile.
  const auto next = pacer_->next();
  if (!next || free_.empty()) return;
  const Instant wake = std::max(*next, now + kTimerStep);
  if (armed_for_ && *armed_for_ <= wake) return;
  armed_for_ = wake;
  timer_->Arm(wake - now);
}

void Worker::AnswerBody(Connection& connection, const Answer& answer, std::string_view piece) {
  Slot& slot = *slots_[connection.index()];
  if (answer.status != 200 && answer.status != 201) {
    const std::size_t room = kExcerptBytesMax - std::min(kExcerptBytesMax, slot.excerpt.size());
    slot.excerpt += piece.substr(0, room);
  } else if (options_.requests.kind == RequestKind::kBatch) {
    slot.batch.Consume(piece);
  }
}

void Worker::Answered(Connection& connection, const Answer& answer, const SentRequest& request,
                      Instant now) {
  Slot& slot = *slots_[connection.index()];
  --unanswered_;
  slot.is_useful = true;
  if (options_.requests.kind == RequestKind::kBatch) {
    const bool complete = slot.batch.complete() && slot.batch.outcomes().Total() == request.items;
    std::string_view shown = slot.excerpt.empty() ? slot.batch.complaint() : slot.excerpt;
    if (shown.empty()) shown = "the answer does not tell of all items";
    tally_.Answered(request,
                    {.answer = answer,
                     .outcomes = slot.batch.outcomes(),
                     .complete = complete,
                     .excerpt = shown},
                    now);
    slot.batch.Restart();
  } else {
    Outcomes outcomes;
    if (answer.outcome) outcomes.Add(*answer.outcome);
    tally_.Answered(request, {.answer = answer, .outcomes = outcomes, .excerpt = slot.excerpt},
                    now);
  }
  slot.excerpt.clear();
}

void Worker::ReadDone(Connection& connection, Instant now) {
  if (phase_ == Phase::kSending) Offer(connection, now);
  if (phase_ == Phase::kEnding) EndWhenAnswered();
}

void Worker::Lost(Connection& connection, const Error& why, std::size_t unanswered) {
  Slot& slot = *slots_[connection.index()];
  const Instant now = clock_.Now();
  const bool was_settled = std::exchange(slot.settled, true);
  if (!was_settled) ++settled_;
  slot.retry_at = slot.is_useful ? now : now + kUselessPause;
  unanswered_ -= unanswered;
  const Failure failure =
      why.code == ErrorCode::kInvalidArgument ? Failure::kMalformed : Failure::kConnectionLost;
  if (phase_ == Phase::kConnecting || !was_settled || unanswered == 0)
    tally_.ConnectFailed(why.message);
  tally_.Failed(failure, unanswered, now);
  if (phase_ == Phase::kConnecting) StartWhenConnected();
  if (phase_ == Phase::kEnding) EndWhenAnswered();
}

void Worker::Tick() {
  const Instant now = clock_.Now();
  if (phase_ == Phase::kConnecting) StartWhenConnected();
  if (phase_ == Phase::kSending) {
    if (IsOpenLoop()) Dispatch(now);
    if (hooks_.stop.stop_requested() || now >= end_) EndSending(now);
  }
  if (phase_ == Phase::kSending) {
    for (const auto& slot : slots_)
      if (slot->connection.is_closed() && now >= slot->retry_at) slot->connection.Connect();
  }
  if (phase_ == Phase::kSending || phase_ == Phase::kEnding) GiveUpOverdue(now);
  if (phase_ == Phase::kEnding) EndWhenAnswered();
  Publish();
  if (hooks_.tick) hooks_.tick();
  if (phase_ != Phase::kEnded) loop_.PostAfter(kTickPeriod, [this] { Tick(); });
}

void Worker::GiveUpOverdue(Instant now) {
  for (const auto& slot : slots_) {
    Connection& connection = slot->connection;
    if (connection.unanswered() == 0 ||
        now - connection.oldest().due < options_.budget + kOverdueGrace)
      continue;
    const std::size_t unanswered = connection.unanswered();
    unanswered_ -= unanswered;
    tally_.Failed(Failure::kUnanswered, unanswered, now);
    connection.Close();
  }
}

void Worker::EndSending(Instant now) {
  if (phase_ != Phase::kSending) return;
  phase_ = Phase::kEnding;
  end_ = std::min(end_, now);
  if (pacer_) {  // what was due by then and could not be sent any more
    pacer_->EndAt(end_);
    pacer_->DropMissed(end_ + options_.budget);
  }
  busy_ = static_cast<double>((CpuTimeOfThread() - cpu_at_start_).count()) /
          static_cast<double>(std::max<Duration>(now - start_, 1ns).count());
  Publish();
}

void Worker::EndWhenAnswered() {
  if (unanswered_ > 0) return;
  phase_ = Phase::kEnded;
  loop_.Stop();
}

void Worker::Publish() {
  if (pacer_)
    tally_.Failed(Failure::kMissed, pacer_->missed() - std::exchange(missed_, pacer_->missed()),
                  clock_.Now());
  // Relaxed: each number is only shown.
  live_.succeeded.store(tally_.succeeded(), std::memory_order_relaxed);
  live_.items.store(tally_.items(), std::memory_order_relaxed);
  live_.failed.store(tally_.failed(), std::memory_order_relaxed);
}

}  // namespace itemgate::load
