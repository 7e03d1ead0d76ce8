#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <utility>

#include "base/check.h"
#include "core/known_items.h"
#include "core/save_call.h"
#include "core/save_room.h"
#include "core/save_way.h"
#include "index/in_flight_table.h"
#include "itemgate/service.h"

namespace itemgate {

// The way of one item:
//
//   Start ─► Admit: limits, key, near cache, in-flight table ─┬─ known: Answer
//                                                             ├─ joined: waits for the owner's Settle
//                                                             └─ owner: SaveWay, with the call's others
//   Settle: near cache, in-flight table, Answer for the owner and all who joined; or the next of them tries
class ItemIntegrationService::Impl final : public SaveCall::Host, public SaveWay::Host {
 public:
  Impl(ServiceParts parts, ServiceOptions options)
      : parts_(parts),
        options_(options),
        known_(parts, options),
        in_flight_table_(parts.seed, options.waiters_max),
        room_(options),
        way_(parts, options, *this) {}

  ~Impl() override {
    room_.Close();
    DropHold();
    drained_->acquire();
  }

  SaveResult SaveOne(std::string_view content, const SaveOptions& options);
  std::vector<SaveResult> SaveAll(std::span<const std::string_view> contents,
                                  const SaveOptions& options);
  std::optional<ContentKey> SaveOneDetached(std::string_view content, const SaveOptions& options,
                                            SaveDone done);
  void SaveDetached(DetachedCall::Given given, const SaveOptions& options);
  void AwaitSave(const ContentKey& key, std::chrono::nanoseconds wait_max, SaveDone done);

  Result<std::vector<Item>> FindItemsWithContent(std::string_view content, Scope scope);
  std::vector<InFlightSave> InFlightSaves(std::size_t saves_max) const {
    return OldestSaves(in_flight_table_, saves_max);
  }
  std::size_t StopAllWaiting();
  ItemStore& store() { return parts_.store; }
  ServiceStatistics Statistics() const;

 private:
  void Start(SaveCall& call, const SaveOptions& options, const ContentKey* known_key = nullptr);
  void Submit(const std::shared_ptr<DetachedCall>& call, const SaveOptions& options);
  void StartTimer(const std::shared_ptr<DetachedCall>& call, std::chrono::nanoseconds wait_max);
  [[nodiscard]] Result<void> TakeRoom(const SaveCall& call);
  void Admit(SaveCall& call, const SaveOptions& options);
  void Admit(Saving& examined, const SaveOptions& options);
  void Enter(Saving& saving, const SaveOptions& options);
  [[nodiscard]] Result<ContentKey> Examine(const Insertion& insertion, Scope scope) const;
  void WaitFor(WaitingCall& call, const SaveOptions& options);
  void StopWaiting(DetachedCall& call);

  void Settle(Saving& saving, const Result<void>& saved) override;
  void Answer(Saving& saving, SaveResult result);
  void Count(Outcome outcome);

  void CallCommitted(SaveCall& call, const Result<void>& result) override;
  void FreeRoom(const SaveCall& call) override { room_.Free(call); }
  void CallEnded() override { DropHold(); }
  void TimerCancelled() override { DropHold(); }
  void DropHold();

  // Constant after construction, or synchronise themselves.
  const ServiceParts parts_;
  const ServiceOptions options_;
  KnownItems known_;
  InFlightTable in_flight_table_;
  SaveRoom room_;
  DetachedCalls detached_calls_;
  SaveWay way_;
  const std::shared_ptr<std::binary_semaphore> drained_ =
      std::make_shared<std::binary_semaphore>(0);  // shared with the call that ends last

  // Counters; relaxed, for each stands alone.
  std::array<std::atomic<std::uint64_t>, 7> answers_{};  // by outcome
  std::atomic<std::uint64_t> joined_ = 0;

  // Calls and timers that will still touch the service, and one for itself until it closes: whoever drops the last
  // hold tells the destructor.
  std::atomic<std::size_t> holds_ = 1;
};

SaveResult ItemIntegrationService::Impl::SaveOne(std::string_view content,
                                                 const SaveOptions& options) {
  Saving saving;
  saving.insertion.content = content;
  saving.insertion.media_type = options.media_type;
  saving.sender = options.sender;
  WaitingCall call(*this, {&saving, 1});
  WaitFor(call, options);
  return std::move(saving.result);
}

std::vector<SaveResult> ItemIntegrationService::Impl::SaveAll(
    std::span<const std::string_view> contents, const SaveOptions& options) {
  const auto savings = std::make_unique<Saving[]>(contents.size());
  for (std::size_t i = 0; i < contents.size(); ++i) {
    savings[i].insertion.content = contents[i];
    savings[i].insertion.media_type = options.media_type;
    savings[i].sender = options.sender;
  }
  WaitingCall call(*this, {savings.get(), contents.size()});
  WaitFor(call, options);
  std::vector<SaveResult> results;
  results.reserve(contents.size());
  for (Saving& saving : call.savings()) results.push_back(std::move(saving.result));
  return results;
}

void ItemIntegrationService::Impl::WaitFor(WaitingCall& call, const SaveOptions& options) {
  Start(call, options);
  Bell* bell = nullptr;
  if (!way_.is_direct() || std::ranges::any_of(call.savings(), [](const Saving& s) {
        return s.way == Saving::Way::kElsewhere;
      }))
    call.WakeByItself();
  if (!call.insertions.empty()) bell = way_.SaveOrRun(call);
  call.Release();
  call.Wait(bell);
}

std::optional<ContentKey> ItemIntegrationService::Impl::SaveOneDetached(std::string_view content,
                                                                        const SaveOptions& options,
                                                                        SaveDone done) {
  const Result<ContentKey> key =
      Examine({.content = content, .media_type = options.media_type}, options.scope);
  std::optional<SaveResult> known = key ? known_.Recall(*key) : std::optional(Refused(key.error()));
  if (known) {
    Count(known->outcome);
    done(std::move(*known));
    return key ? std::optional(*key) : std::nullopt;
  }
  std::vector<std::string> contents(1);
  contents.front() = content;
  const auto call = DetachedCall::Create(
      *this, detached_calls_,
      {.contents = std::move(contents),
       .media_type = std::string(options.media_type),
       .sender = std::string(options.sender),
       .done = [done = std::move(done)](std::vector<SaveResult> results) mutable {
         done(std::move(results.front()));
       }});
  Start(*call, options, &*key);
  Submit(call, options);
  return *key;
}

void ItemIntegrationService::Impl::SaveDetached(DetachedCall::Given given,
                                                const SaveOptions& options) {
  const std::shared_ptr<DetachedCall> call =
      DetachedCall::Create(*this, detached_calls_, std::move(given));
  Start(*call, options);
  Submit(call, options);
}

void ItemIntegrationService::Impl::Submit(const std::shared_ptr<DetachedCall>& call,
                                          const SaveOptions& options) {
  call->Register();
  if (options.wait_max) StartTimer(call, *options.wait_max);
  if (!call->insertions.empty()) way_.Save(*call);
  call->Release();
}

void ItemIntegrationService::Impl::StartTimer(const std::shared_ptr<DetachedCall>& call,
                                              std::chrono::nanoseconds wait_max) {
  holds_.fetch_add(1);
  call->StartTimer(parts_.executor, wait_max, [this, call] {
    StopWaiting(*call);
    DropHold();
  });
}

void ItemIntegrationService::Impl::AwaitSave(const ContentKey& key,
                                             std::chrono::nanoseconds wait_max, SaveDone done) {
  if (auto known = known_.Recall(key)) return done(std::move(*known));
  const auto call = DetachedCall::Create(
      *this, detached_calls_,
      {.contents = std::vector<std::string>(1),
       .done = [done = std::move(done)](std::vector<SaveResult> results) mutable {
         done(std::move(results.front()));
       }});
  Saving& saving = call->savings().front();
  saving.key = key;
  saving.only_waits = true;
  saving.way = Saving::Way::kElsewhere;
  call->Register();
  if (const auto room = TakeRoom(*call); !room) {
    Answer(saving, Refused(room.error()));
  } else if (const auto joined = in_flight_table_.Join(saving); !joined) {
    known_.Ask(saving.key,
               [this, &saving](SaveResult answer) { Answer(saving, std::move(answer)); });
  } else if (*joined == InFlightTable::Entered::kTaken) {
    Answer(saving, {.outcome = Outcome::kInProgress, .joined = true});
  } else if (wait_max > std::chrono::nanoseconds::zero()) {
    StartTimer(call, wait_max);
  } else {
    StopWaiting(*call);
  }
  call->Release();
}

void ItemIntegrationService::Impl::Start(SaveCall& call, const SaveOptions& options,
                                         const ContentKey* known_key) {
  if (const auto room = TakeRoom(call); !room) {
    for (Saving& saving : call.savings()) Answer(saving, Refused(room.error()));
    return;
  }
  if (known_key != nullptr) {
    Saving& only = call.savings().front();
    only.key = only.insertion.key = *known_key;
    Enter(only, options);
  } else {
    Admit(call, options);
  }
  // The way has it in hand until all of its insertions are settled.
  if (!call.insertions.empty()) call.Retain();
}

Result<void> ItemIntegrationService::Impl::TakeRoom(const SaveCall& call) {
  holds_.fetch_add(1);
  return room_.Take(call);
}

void ItemIntegrationService::Impl::Admit(SaveCall& call, const SaveOptions& options) {
  // While a content is digested, what the near cache knows of the one before comes from memory.
  Saving* examined = nullptr;
  for (Saving& saving : call.savings()) {
    const Result<ContentKey> key = Examine(saving.insertion, options.scope);
    if (!key) {
      Answer(saving, Refused(key.error()));
      continue;
    }
    saving.key = saving.insertion.key = *key;
    known_.Prefetch(*key);
    if (examined != nullptr) Admit(*examined, options);
    examined = &saving;
  }
  if (examined != nullptr) Admit(*examined, options);
}

void ItemIntegrationService::Impl::Admit(Saving& examined, const SaveOptions& options) {
  if (auto known = known_.Recall(examined.key)) return Answer(examined, std::move(*known));
  Enter(examined, options);
}

void ItemIntegrationService::Impl::Enter(Saving& saving, const SaveOptions& options) {
  if (options.if_new == IfNew::kRefuse) {
    return Answer(saving, Refused(Error(ErrorCode::kBusy,
                                        "new contents are not taken now; send it again later")));
  }
  const auto if_taken = options.if_in_flight == IfInFlight::kJoin ? InFlightTable::IfTaken::kJoin
                                                                  : InFlightTable::IfTaken::kLeave;
  saving.way = Saving::Way::kElsewhere;
  saving.since = parts_.clock.WallNow();
  switch (in_flight_table_.Enter(saving, if_taken)) {
    case InFlightTable::Entered::kTaken:
      saving.way = Saving::Way::kAnsweredAtOnce;
      return Answer(saving, {.outcome = Outcome::kInProgress, .joined = true});
    case InFlightTable::Entered::kJoined:
      return;
    case InFlightTable::Entered::kOwner:
      break;
  }
  saving.way = Saving::Way::kWithCall;
  saving.call->insertions.push_back(&saving.insertion);
}

Result<ContentKey> ItemIntegrationService::Impl::Examine(const Insertion& insertion,
                                                         Scope scope) const {
  if (insertion.content.empty())
    return Fail(ErrorCode::kInvalidArgument,
                "the content is empty; an item needs at least one byte");
  if (insertion.content.size() > options_.content_bytes_max)
    return Fail(ErrorCode::kTooLarge,
                "the content has " + std::to_string(insertion.content.size()) +
                    " bytes, more than the limit of " + std::to_string(options_.content_bytes_max));
  if (insertion.media_type.size() > kMediaTypeBytesMax)
    return Fail(ErrorCode::kInvalidArgument, "the media type has more than 255 bytes");
  return MakeContentKey(scope, insertion.content);
}

void ItemIntegrationService::Impl::CallCommitted(SaveCall& call, const Result<void>& result) {
  way_.CallCommitted(call, result);
  call.Release();
}

void ItemIntegrationService::Impl::Settle(Saving& saving, const Result<void>& saved) {
  if (!saved) {
    const SaveResult refused = Refused(saved.error());  // the error ends with the saving
    // What may have taken effect is not begun again by us: all who joined it are told the same.
    const bool nobody_knows = refused.outcome == Outcome::kUnknown;
    auto* next = static_cast<Saving*>(in_flight_table_.PromoteNext(saving));
    Answer(saving, refused);
    while (next != nullptr && (next->only_waits || nobody_knows)) {
      Saving& waiting = *next;
      next = static_cast<Saving*>(in_flight_table_.PromoteNext(waiting));
      Answer(waiting, refused);
    }
    if (next != nullptr) way_.SaveAgain(*next);
    return;
  }
  const ItemId id = saving.insertion.id;
  known_.Remember(saving.key, id);
  in_flight_table_.Finish(saving, [this, id](InFlightEntry& joined) {
    joined_.fetch_add(1, std::memory_order_relaxed);
    Answer(static_cast<Saving&>(joined),
           {.outcome = Outcome::kDuplicate, .joined = true, .id = id});
  });
  const bool created = saving.insertion.created;
  if (created && parts_.on_saved) parts_.on_saved();
  Answer(saving, {.outcome = created ? Outcome::kCreated : Outcome::kDuplicate, .id = id});
}

void ItemIntegrationService::Impl::Answer(Saving& saving, SaveResult result) {
  if (!saving.only_waits) Count(result.outcome);
  saving.result = std::move(result);
  saving.answered.store(true, std::memory_order_release);
  saving.call->Release();
}

void ItemIntegrationService::Impl::Count(Outcome outcome) {
  answers_[static_cast<std::size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
}

void ItemIntegrationService::Impl::StopWaiting(DetachedCall& call) {
  for (Saving& saving : call.savings()) {
    if (in_flight_table_.Quit(saving))
      Answer(saving, {.outcome = Outcome::kInProgress, .joined = true});
  }
  call.AnswerCaller();
}

std::size_t ItemIntegrationService::Impl::StopAllWaiting() {
  const auto calls = detached_calls_.All();
  for (const auto& call : calls) StopWaiting(*call);
  return calls.size();
}

void ItemIntegrationService::Impl::DropHold() {
  const std::shared_ptr<std::binary_semaphore> drained =
      drained_;  // the service may end with the last hold
  if (holds_.fetch_sub(1) == 1) drained->release();
}

Result<std::vector<Item>> ItemIntegrationService::Impl::FindItemsWithContent(
    std::string_view content, Scope scope) {
  const Result<ContentKey> key = Examine({.content = content}, scope);
  if (!key) return std::unexpected(key.error());
  return known_.Find(*key);
}

ServiceStatistics ItemIntegrationService::Impl::Statistics() const {
  const auto count = [this](Outcome outcome) {
    return answers_[static_cast<std::size_t>(outcome)].load(std::memory_order_relaxed);
  };
  return {.created = count(Outcome::kCreated),
          .duplicates = count(Outcome::kDuplicate),
          .joined = joined_.load(std::memory_order_relaxed),
          .in_progress = count(Outcome::kInProgress),
          .refused = count(Outcome::kRejected) + count(Outcome::kFailed) +
                     count(Outcome::kUnknown) + count(Outcome::kUnavailable),
          .near_cache_hits = known_.hits(),
          .in_flight = room_.savings(),
          .in_flight_peak = room_.peak(),
          .commits = way_.commit_count(),
          .seen_cache = way_.Seen(),
          .lock = way_.Locks(),
          .backend = way_.Backend()};
}

ItemIntegrationService::ItemIntegrationService(ServiceParts parts, ServiceOptions options)
    : impl_(std::make_unique<Impl>(parts, options)) {}

ItemIntegrationService::~ItemIntegrationService() = default;

SaveResult ItemIntegrationService::SaveItem(std::string_view content, const SaveOptions& options) {
  if (!options.wait_max) return impl_->SaveOne(content, options);
  return std::move(SaveItems({&content, 1}, options).front());
}

std::vector<SaveResult> ItemIntegrationService::SaveItems(
    std::span<const std::string_view> contents, const SaveOptions& options) {
  if (!options.wait_max) return impl_->SaveAll(contents, options);
  std::promise<std::vector<SaveResult>> answer;
  SaveItemsAsync({contents.begin(), contents.end()}, options,
                 [&](std::vector<SaveResult> results) { answer.set_value(std::move(results)); });
  return answer.get_future().get();
}

std::optional<ContentKey> ItemIntegrationService::SaveItemAsync(std::string_view content,
                                                                const SaveOptions& options,
                                                                SaveDone done) {
  return impl_->SaveOneDetached(content, options, std::move(done));
}

void ItemIntegrationService::SaveItemsAsync(std::vector<std::string> contents,
                                            const SaveOptions& options, SaveAllDone done) {
  impl_->SaveDetached({.contents = std::move(contents),
                       .media_type = std::string(options.media_type),
                       .sender = std::string(options.sender),
                       .done = std::move(done)},
                      options);
}

void ItemIntegrationService::AwaitSaveAsync(const ContentKey& key,
                                            std::chrono::nanoseconds wait_max, SaveDone done) {
  impl_->AwaitSave(key, wait_max, std::move(done));
}

Result<std::vector<std::optional<ItemId>>> ItemIntegrationService::FindIds(
    std::span<const ContentKey> keys) {
  return impl_->store().Find(keys);
}

std::size_t ItemIntegrationService::StopWaiting() { return impl_->StopAllWaiting(); }

std::vector<InFlightSave> ItemIntegrationService::InFlightSaves(std::size_t saves_max) const {
  return impl_->InFlightSaves(saves_max);
}

Result<std::vector<Item>> ItemIntegrationService::FindItemsWithContent(std::string_view content,
                                                                       Scope scope) {
  return impl_->FindItemsWithContent(content, scope);
}

Result<Item> ItemIntegrationService::GetItem(ItemId id) { return impl_->store().Get(id); }

Result<std::vector<Item>> ItemIntegrationService::GetAllItems(ItemId after, PageLimits limits) {
  return impl_->store().List(after, limits);
}

ServiceStatistics ItemIntegrationService::Statistics() const { return impl_->Statistics(); }

}  // namespace itemgate
