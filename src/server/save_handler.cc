#include "server/save_handler.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/ascii.h"
#include "key/digest.h"
#include "server/item_description.h"
#include "server/save_answer.h"
#include "server/save_terms.h"
#include "server/target.h"

namespace itemgate::server {
namespace {

/// The entry of an Idempotency-Key, given back unless the answer is one to remember.
class Attempt {
 public:
  Attempt() = default;
  Attempt(IdempotencyTable& table, const IdempotencyTable::Ticket& handle)
      : table_(&table), handle_(handle) {}
  Attempt(Attempt&& other) noexcept
      : table_(std::exchange(other.table_, nullptr)), handle_(other.handle_) {}
  Attempt& operator=(Attempt&& other) noexcept {
    std::swap(table_, other.table_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Attempt() {
    if (table_ != nullptr) table_->Abandon(handle_);
  }

  /// False if there is no key, or it was ended.
  [[nodiscard]] bool is_open() const { return table_ != nullptr; }

  /// Only what is answered 201 or 200 is remembered.
  void End(const SaveResult& result, const ReplyTerms& terms) {
    if (table_ == nullptr) return;
    IdempotencyTable& table = *std::exchange(table_, nullptr);
    const bool refused =
        terms.only_create && result.outcome == Outcome::kDuplicate && !result.joined;  // 412
    if (result.saved() && !refused) {
      table.Finish(handle_, result);
    } else {
      table.Abandon(handle_);
    }
  }

 private:
  IdempotencyTable* table_ = nullptr;
  IdempotencyTable::Ticket handle_;
};

/// What is to be saved, and for whom. Views into the request or into `described`.
struct Saving {
  SaveTerms terms;
  std::string_view content;
  std::string_view media_type;
  Scope scope;
  std::unique_ptr<ItemDescription> described;  // null: the body is the content
  Attempt attempt;
  std::optional<SaveResult> replay;  // what the first request with this key was answered
};

ReplyTerms ReplyTermsOf(const SaveTerms& terms) {
  using Replayed = ReplyTerms::Replayed;
  return {.refuse_in_progress = terms.if_in_flight == IfInFlight::kReject,
          .only_create = terms.only_create,
          .replayed = terms.idempotency_key ? Replayed::kFirst : Replayed::kNoKey,
          .preference_applied = terms.wait.preference_applied};
}

std::optional<Problem> BeginAttempt(ApiState& api, const Route& route, Saving& saving) {
  using State = IdempotencyTable::State;
  IdempotencyTable& table = api.idempotency;
  const auto found = table.Begin({.scope = saving.scope.name(),
                                  .route = route.operation_id,
                                  .key = *saving.terms.idempotency_key},
                                 Sha256(saving.content), api.parts.clock.Now());
  switch (found.state) {
    case State::kNew:
      saving.attempt = Attempt(table, found.handle);
      return std::nullopt;
    case State::kFinished:
      if (api.parts.may_have_lost_items())
        return Problem{.code = ProblemCode::kStoreUnavailable,
                       .detail = "what was saved may be lost since; send it again later"};
      saving.replay = found.answer;
      return std::nullopt;
    case State::kRunning:
      return Problem{.code = ProblemCode::kRequestInProgress,
                     .detail = "the first request with this Idempotency-Key is still under way"};
    case State::kOtherContent:
      return Problem{.code = ProblemCode::kKeyReused,
                     .detail =
                         "this Idempotency-Key was used with another content; make a new key "
                         "for each content"};
    case State::kFull:
      break;
  }
  return Problem{.code = ProblemCode::kOverloaded,
                 .detail = "too many requests with an Idempotency-Key are under way"};
}

/// Whether the content is the one that the path names. One of which no key can be made is refused later on.
std::optional<Problem> CheckNamed(const Saving& saving) {
  if (!saving.terms.named) return std::nullopt;
  const Result<ContentKey> key = MakeContentKey(saving.scope, saving.content);
  if (!key || key->digest == *saving.terms.named) return std::nullopt;
  return Problem{.code = ProblemCode::kOtherContent,
                 .detail =
                     "the content has another SHA-256 than the path says: it was damaged on its "
                     "way, or the path is that of something else"};
}

/// Finds out what the body asks to be saved.
std::optional<Problem> Examine(ApiState& api, const Route& route, std::string_view body,
                               Saving& saving) {
  const SaveTerms& terms = saving.terms;
  for (const std::string_view digest : {terms.content_digest, terms.repr_digest}) {
    if (digest.empty()) continue;
    if (auto problem = CheckDigest(digest, body)) return problem;
  }
  saving.content = body;
  saving.media_type = terms.media_type;
  saving.scope = terms.scope;
  if (http::EqualsIgnoringCase(MediaTypeEssence(terms.media_type), kItemDescriptionType)) {
    auto described = ItemDescriptionReader(terms.scope).Read(body);
    if (!described) return std::move(described.error());
    saving.described = std::make_unique<ItemDescription>(std::move(*described));
    saving.content = saving.described->content;
    saving.media_type = saving.described->media_type;
    saving.scope = saving.described->scope;
  }
  if (saving.content.empty()) {
    return Problem{.code = ProblemCode::kEmptyContent,
                   .detail = "the body is empty; an item needs at least one byte"};
  }
  if (auto problem = CheckNamed(saving)) return problem;
  return terms.idempotency_key ? BeginAttempt(api, route, saving) : std::nullopt;
}

/// Why this server did not let the service begin, if that is what the service says.
std::optional<Problem> RefusalByServer(const ApiState& api, const SaveResult& result,
                                       Admission::Verdict verdict) {
  if (result.outcome != Outcome::kUnavailable) return std::nullopt;
  if (api.is_draining()) return api.DrainingProblem();
  if (verdict != Admission::Verdict::kOverloaded) return std::nullopt;
  return Problem{.code = ProblemCode::kOverloaded,
                 .detail = "the server has more to save than it can; send it again later"};
}

struct Asker {
  std::string_view peer;
  std::string_view request_id;
  Instant began;
};

struct Reply {
  SaveResult result;
  ReplyTerms terms;
  Admission::Verdict verdict = Admission::Verdict::kAdmit;
};

template <typename Caller>
void AnswerWith(ApiState& api, Caller& caller, const Reply& reply,
                const std::optional<ContentKey>& key) {
  if (const auto refusal = RefusalByServer(api, reply.result, reply.verdict))
    return caller.Answer(*refusal);
  const Outcome outcome = reply.result.outcome;
  const bool may_go_on = outcome == Outcome::kInProgress || outcome == Outcome::kUnknown;
  const std::string operation = key && may_go_on ? OperationName(*key) : std::string();
  auto response = SaveResponse(reply.result, reply.terms, operation, api.admission.typical_delay());
  if (!response) return caller.Answer(response.error());
  caller.Answer(std::move(*response));
}

/// One save handed to the service, from before its answer is known until it is given.
///
/// Co-owned by the callback that the service holds and by whoever started it; after the start the callback alone.
/// Whoever comes last, the answer or the caller who has prepared for a late one, answers.
class PendingSave {
 public:
  /// For the callback: what it came to.
  void Settle(SaveResult result);

  /// The answer, if it is there already; then this may be used for another save.
  [[nodiscard]] std::optional<SaveResult> TakeEarlyAnswer();

  /// From now on the answer goes to `caller`; to nobody, if there is none.
  struct Late {
    ApiState& api;
    std::optional<DeferredCall> caller;
    ReplyTerms terms;
    std::string preference_applied;
    std::optional<ContentKey> key;
    Attempt attempt;
    Admission::Verdict verdict;
    Instant began;
  };
  void AnswerLate(Late late);

 private:
  enum class Stage : std::uint8_t { kStarted, kSettled, kAwaited };

  void Answer();
  /// The caller does not wait any longer: the key is that of the save, until it ends.
  static void EndWithSave(Late& late);

  std::atomic<Stage> stage_ =
      Stage::kStarted;  // release: what was written before; acquire: read it
  SaveResult result_;
  std::optional<Late> late_;
};

void PendingSave::Settle(SaveResult result) {
  result_ = std::move(result);
  if (stage_.exchange(Stage::kSettled, std::memory_order_acq_rel) == Stage::kAwaited) Answer();
}

std::optional<SaveResult> PendingSave::TakeEarlyAnswer() {
  if (stage_.load(std::memory_order_acquire) != Stage::kSettled) return std::nullopt;
  stage_.store(Stage::kStarted, std::memory_order_relaxed);
  return std::move(result_);
}

void PendingSave::AnswerLate(Late late) {
  late.api.admission.Began();
  late_.emplace(std::move(late));
  Stage expected = Stage::kStarted;
  if (!stage_.compare_exchange_strong(expected, Stage::kAwaited, std::memory_order_acq_rel))
    Answer();
}

void PendingSave::Answer() {
  Late late = std::move(*late_);
  late_.reset();  // the service may keep the callback for as long as the save goes on
  ApiState& api = late.api;
  api.admission.Ended();
  if (result_.outcome == Outcome::kCreated) {
    const Instant now = api.parts.clock.Now();
    api.admission.Observe(now - late.began, now);
  }
  late.terms.preference_applied = late.preference_applied;
  if (result_.outcome == Outcome::kInProgress && late.attempt.is_open()) {
    EndWithSave(late);
  } else {
    late.attempt.End(result_, late.terms);
  }
  if (!late.caller) return;
  AnswerWith(api, *late.caller,
             {.result = std::move(result_), .terms = late.terms, .verdict = late.verdict},
             late.key);
}

void PendingSave::EndWithSave(Late& late) {
  constexpr std::chrono::hours kAtMost(24);
  late.api.parts.service.AwaitSaveAsync(
      *late.key, kAtMost,
      [attempt = std::move(late.attempt),
       terms = ReplyTerms{.only_create = late.terms.only_create}](const SaveResult& saved) mutable {
        attempt.End(saved, terms);
      });
}

/// Each thread keeps one for its next save, so that a known duplicate needs no allocation.
std::shared_ptr<PendingSave> TakeSpare(std::shared_ptr<PendingSave>& spare) {
  if (!spare || spare.use_count() != 1) spare = std::make_shared<PendingSave>();
  return std::exchange(spare, nullptr);
}
thread_local std::shared_ptr<PendingSave> spare_save;

/// "peer request-id", written without an allocation.
class Sender {
 public:
  Sender(std::string_view peer, std::string_view request_id) {
    Append(peer);
    Append(" ");
    Append(request_id);
  }
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  void Append(std::string_view part) {
    const std::size_t fitting = std::min(part.size(), text_.size() - size_);
    std::copy_n(part.data(), fitting, text_.data() + size_);
    size_ += fitting;
  }

  std::array<char, 192> text_;  // an address has at most 45 characters, a request id 128
  std::size_t size_ = 0;
};

/// Hands a save to the service, which says the content's key. The answer may be there when this returns.
std::optional<ContentKey> Start(ApiState& api, const std::shared_ptr<PendingSave>& pending,
                                const Saving& saving, std::string_view sender,
                                Admission::Verdict verdict) {
  const WaitTerms& wait = saving.terms.wait;
  return api.parts.service.SaveItemAsync(
      saving.content,
      {.scope = saving.scope,
       .media_type = saving.media_type,
       .if_in_flight = saving.terms.if_in_flight,
       .if_new = verdict == Admission::Verdict::kAdmit ? IfNew::kSave : IfNew::kRefuse,
       .sender = sender,
       .wait_max = wait.respond_async ? std::nullopt : std::optional(wait.wait_max)},
      [pending](SaveResult result) { pending->Settle(std::move(result)); });
}

DeferredCall ForLater(Call& call) { return call.Defer(); }
DeferredCall ForLater(DeferredCall& call) { return std::move(call); }

/// Whoever is answered: a Call within its handler, or a DeferredCall on a saver.
template <typename Caller>
void Save(ApiState& api, Caller& caller, Saving& saving, const Asker& asker) {
  Reply reply{.terms = ReplyTermsOf(saving.terms)};
  if (saving.replay) {
    reply.result = *saving.replay;
    reply.terms.replayed = ReplyTerms::Replayed::kReplay;
    reply.terms.only_create = false;  // the answer of the first request, whatever it was
    return AnswerWith(api, caller, reply, {});
  }
  reply.verdict = api.admission.Ask();
  std::shared_ptr<PendingSave> pending = TakeSpare(spare_save);
  const std::optional<ContentKey> key =
      Start(api, pending, saving, Sender(asker.peer, asker.request_id).text(), reply.verdict);

  if (auto result = pending->TakeEarlyAnswer()) {
    saving.attempt.End(*result, reply.terms);
    reply.result = std::move(*result);
    AnswerWith(api, caller, reply, key);
    spare_save = std::move(pending);
    return;
  }
  PendingSave::Late late{.api = api,
                         .caller = std::nullopt,
                         .terms = reply.terms,
                         .preference_applied = saving.terms.wait.preference_applied,
                         .key = key,
                         .attempt = std::move(saving.attempt),
                         .verdict = reply.verdict,
                         .began = asker.began};
  if (saving.terms.wait.respond_async) {
    reply.result.outcome = Outcome::kInProgress;
    AnswerWith(api, caller, reply, key);
  } else {
    late.caller.emplace(ForLater(caller));
  }
  pending->AnswerLate(std::move(late));
}

/// A save whose content is long: all that is done with it is done by a saver. Keeps what the terms are views of.
struct LongSave {
  explicit LongSave(ByteBudget& waiting_bodies) : room(waiting_bodies) {}

  ByteBudget::Share room;  // for the body
  std::string body;
  std::string media_type;
  std::string content_digest;
  std::string repr_digest;
  std::string idempotency_key;
  Saving saving;
};

void SaveElsewhere(ApiState& api, Call& call, Saving saving) {
  auto save = std::make_unique<LongSave>(api.waiting_bodies);
  if (!save->room.GrowTo(call.body().size()))
    return call.Answer(Problem{.code = ProblemCode::kOverloaded,
                               .detail = "too many long contents wait; send it again later"});
  const SaveTerms& terms = saving.terms;
  save->body = call.body();
  save->media_type = terms.media_type;
  save->content_digest = terms.content_digest;
  save->repr_digest = terms.repr_digest;
  save->idempotency_key = terms.idempotency_key.value_or("");
  save->saving = std::move(saving);
  SaveTerms& kept = save->saving.terms;
  kept.media_type = save->media_type;
  kept.content_digest = save->content_digest;
  kept.repr_digest = save->repr_digest;
  if (kept.idempotency_key) kept.idempotency_key = save->idempotency_key;
  api.parts.savers.Post([&api, save = std::move(save), caller = call.Defer()]() mutable {
    SaveTerms& asked_for = save->saving.terms;
    if (asked_for.deadline) {
      const Duration left = *asked_for.deadline - api.parts.clock.Now();
      if (left <= Duration::zero()) return caller.Answer(DeadlinePassed());
      asked_for.wait.wait_max = std::min(asked_for.wait.wait_max, left);
    }
    if (const auto problem = Examine(api, *caller.asked().route, save->body, save->saving))
      return caller.Answer(*problem);
    const Asked asked = caller.asked();
    Save(api, caller, save->saving,
         {.peer = asked.peer, .request_id = asked.request_id, .began = asked.began});
  });
}

void HandleSingle(ApiState& api, Call& call, std::expected<SaveTerms, Problem> terms) {
  if (!terms) return call.Answer(terms.error());
  if (const auto problem = TakeIdempotencyKey(call.head(), *terms)) return call.Answer(*problem);
  Saving saving{.terms = std::move(*terms)};
  if (call.body().size() > api.options.loop_body_bytes_max)
    return SaveElsewhere(api, call, std::move(saving));
  if (const auto problem = Examine(api, call.route(), call.body(), saving))
    return call.Answer(*problem);
  Save(api, call, saving,
       {.peer = call.peer(), .request_id = call.request_id(), .began = call.began()});
}

}  // namespace

void HandleSave(ApiState& api, Call& call) {
  HandleSingle(api, call,
               ParseSaveTerms(api.options, call.head(), call.path_parameter(), call.began()));
}

void HandlePutContent(ApiState& api, Call& call) {
  const auto digest = ParseDigest(call.path_parameter());
  if (!digest) return call.Answer(digest.error());
  auto terms = ParseSaveTerms(api.options, call.head(), {}, call.began());
  if (terms) terms->named = *digest;
  HandleSingle(api, call, std::move(terms));
}

}  // namespace itemgate::server
