#include <array>
#include <fstream>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "testing/insertions.h"
#include "testing/live_database.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// What docs/postgres.md tells an operator to grant to the servers' role.
std::vector<std::string> GrantsOfTheManual() {
  std::ifstream manual(ITEMGATE_SOURCE_DIR "/docs/postgres.md");
  std::vector<std::string> grants;
  for (std::string line; std::getline(manual, line);)
    if (line.starts_with("GRANT ")) grants.push_back(line);
  return grants;
}

std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> parts;
  for (std::string part; std::getline(in >> std::ws, part, ',');) parts.push_back(part);
  return parts;
}

/// Each single right of them, as "SELECT ON itemgate.item".
std::vector<std::string> SingleRights(const std::vector<std::string>& grants) {
  std::vector<std::string> rights;
  for (const std::string& grant : grants) {
    const std::size_t on = grant.find(" ON ");
    const std::size_t to = grant.find(" TO ");
    for (const std::string& right : SplitAtCommas(grant.substr(6, on - 6)))
      for (const std::string& object : SplitAtCommas(grant.substr(on + 4, to - on - 4)))
        rights.push_back(right + " ON " + object);
  }
  return rights;
}

/// Remembers the first thing that went wrong.
class Findings {
 public:
  template <typename T>
  bool Note(const Result<T>& result) {
    if (!result && first_.empty()) first_ = result.error().message;
    return result.has_value();
  }
  [[nodiscard]] const std::string& first() const { return first_; }

 private:
  std::string first_;
};

class PostgresRightsLiveTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { Server().Query("postgres", "CREATE ROLE itemgate_server LOGIN"); }

  std::string Query(const std::string& sql) { return Server().Query(DatabaseOf(url_), sql); }

  [[nodiscard]] std::string ServersUrl() const {
    std::string url = url_;
    return url.replace(url.find("postgres@"), 8, "itemgate_server");
  }

  Result<std::unique_ptr<PostgresStore>> Open() {
    return PostgresStore::Open(clock_,
                               {.url = ServersUrl(), .poll_interval = 10ms, .hears_hints = true});
  }

  ContentKey NewKey() { return InsertionOf("claimed " + std::to_string(++number_)).key; }

  ClaimHolder Asked(auto ask) {
    std::promise<Result<ClaimState>> told;
    ask([&told](Result<ClaimState> state) { told.set_value(std::move(state)); });
    const Result<ClaimState> state = told.get_future().get();
    return findings_.Note(state) ? state->holder : ClaimHolder{};
  }

  void UseItems(PostgresStore& store) {
    const std::string round = std::to_string(++number_);
    std::vector<std::string> contents;
    for (int i = 0; i < 100; ++i) contents.push_back(round + " " + std::to_string(i));
    std::vector<Insertion> batch;
    for (const std::string& content : contents) batch.push_back(InsertionOf(content));
    findings_.Note(InsertAll(store, {batch.data(), 1}));
    findings_.Note(InsertAll(store, batch));
    findings_.Note(InsertAll(store, batch));  // all known
    findings_.Note(store.Find(std::array{batch[0].key}));
    findings_.Note(store.Get(ItemId{1}));
    findings_.Note(store.List(ItemId{}, {}));
  }

  void UseClaims(PostgresStore& store) {
    ClaimStore& claims = store.claims();
    const auto claim = [&](const ContentKey& key) {
      return Asked([&](auto done) { claims.Claim(key, ++number_, std::move(done)); });
    };
    const ContentKey saved = NewKey();
    const ClaimHolder mine = claim(saved);
    Asked([&](auto done) { claims.Confirm(saved, mine, "x", "", std::move(done)); });
    const ContentKey released = NewKey();
    const ClaimHolder other = claim(released);
    Asked([&](auto done) { claims.Release(released, other, std::move(done)); });
    for (const Resolution resolution : {Resolution::kSaved, Resolution::kSendAgain}) {
      const ContentKey parked = NewKey();
      const ClaimHolder seen = claim(parked);
      const ClaimHolder taken =
          Asked([&](auto done) { claims.TakeOver(parked, seen, ++number_, std::move(done)); });
      Asked([&](auto done) { claims.Park(parked, taken, std::move(done)); });
      findings_.Note(store.ParkedContents());
      findings_.Note(store.ResolveParked(parked, resolution));
    }
  }

  /// All that a server does with the database; the first thing that it may not.
  std::string Problem() {
    findings_ = {};
    Query("TRUNCATE itemgate.claim, itemgate.server");
    {
      const auto store = Open();
      if (!findings_.Note(store)) return findings_.first();
      UseItems(**store);
      if (!findings_.first().empty()) return findings_.first();
      UseClaims(**store);
      (*store)->membership().Join([] { return ServerReport{.name = "one"}; });
      findings_.Note((*store)->membership().Look(0s));
      (*store)->membership().Announce(5s);
      (*store)->membership().Leave(5s);
    }
    if (!findings_.first().empty()) return findings_.first();
    return Query("SELECT count(*) FROM itemgate.server") == "0" ? "" : "its row is left";
  }

  std::string url_ = NewMigratedDatabase();
  SystemClock clock_;
  Findings findings_;
  int number_ = 0;
};

TEST_F(PostgresRightsLiveTest, ThoseOfTheManualAreEnoughAndNoneIsTooMuch) {
  const std::vector<std::string> grants = GrantsOfTheManual();
  for (const std::string& grant : grants) Query(grant);
  EXPECT_EQ(Problem(), "");
  const std::vector<std::string> rights = SingleRights(grants);
  EXPECT_GE(rights.size(), 10U);
  for (const std::string& right : rights) {
    Query("REVOKE " + right + " FROM itemgate_server");
    EXPECT_NE(Problem(), "") << right;
    Query("GRANT " + right + " TO itemgate_server");
  }
  EXPECT_EQ(Problem(), "");
}

TEST_F(PostgresRightsLiveTest, TheyAreEnoughForAPartitionedTable) {
  url_ = NewMigratedDatabase(4);
  for (const std::string& grant : GrantsOfTheManual()) Query(grant);
  EXPECT_EQ(Problem(), "");
}

TEST_F(PostgresRightsLiveTest, ThoseThatAreTakenAwayAreNoCallersFault) {
  for (const std::string& grant : GrantsOfTheManual()) Query(grant);
  const auto store = Open();
  ASSERT_TRUE(store) << store.error().message;
  Query("REVOKE ALL ON itemgate.item, itemgate.claim FROM itemgate_server");
  const auto item = (*store)->Get(ItemId{1});
  ASSERT_FALSE(item);
  EXPECT_EQ(item.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(item.error().message, HasSubstr("permission denied for table item [42501]"));
  EXPECT_EQ((*store)->ParkedContents().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ((*store)->ResolveParked(NewKey(), Resolution::kSaved).error().code,
            ErrorCode::kUnavailable);
  std::promise<Result<ClaimState>> told;
  (*store)->claims().Claim(NewKey(), 1, [&](Result<ClaimState> state) { told.set_value(state); });
  const Result<ClaimState> state = told.get_future().get();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kUnavailable);
}

TEST_F(PostgresRightsLiveTest, AnItemOfTablesThatAreGoneIsNotSaidToBeAbsent) {
  const auto store = OpenStore(clock_, url_);
  InsertOne(*store, "a");
  Query("DROP SCHEMA itemgate CASCADE");
  EXPECT_EQ(store->Get(ItemId{1}).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace itemgate
