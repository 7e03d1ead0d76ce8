#include "itemgate/scope.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "itemgate/content_key.h"
#include "key/scope_loan.h"
#include "key/scope_table.h"

namespace itemgate {
namespace {

TEST(Scope, IsTheDefaultOneIfNothingIsSaid) {
  EXPECT_EQ(Scope().name(), "default");
  EXPECT_TRUE(Scope().is_default());
  EXPECT_EQ(Scope().strategy(), KeyStrategy::kBytes);
  EXPECT_EQ(Scope::Named("default"), Scope());
}

TEST(Scope, IsItsName) {
  const Scope a = Scope::Named("a").value();
  EXPECT_EQ(a, Scope::Named(std::string("a")).value());
  EXPECT_NE(a, Scope::Named("b").value());
  EXPECT_NE(a, Scope::Named("A").value());
  EXPECT_FALSE(a.is_default());
  EXPECT_EQ(a.name(), "a");
}

TEST(Scope, ComparesJsonIfItsNameEndsSo) {
  EXPECT_EQ(Scope::Named("events+json")->strategy(), KeyStrategy::kJson);
  EXPECT_EQ(Scope::Named("+json")->strategy(), KeyStrategy::kJson);
  EXPECT_EQ(Scope::Named("events+JSON")->strategy(), KeyStrategy::kBytes);
  EXPECT_EQ(Scope::Named("events+json.v2")->strategy(), KeyStrategy::kBytes);
  EXPECT_EQ(Scope::Named("json")->strategy(), KeyStrategy::kBytes);
}

TEST(Scope, TakesEveryAllowedCharacter) {
  const std::string name = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:@+-";
  EXPECT_EQ(Scope::Named(name)->name(), name);
  const std::string longest(Scope::kNameBytesMax, 'x');
  EXPECT_EQ(Scope::Named(longest)->name(), longest);
}

TEST(Scope, RefusesOtherNames) {
  const auto refusal = [](std::string_view name) {
    const auto scope = Scope::Named(name);
    if (scope) return std::string("accepted");
    EXPECT_EQ(scope.error().code, ErrorCode::kInvalidArgument);
    return scope.error().message;
  };
  EXPECT_TRUE(refusal("").contains("must not be empty"));
  EXPECT_TRUE(refusal(std::string(129, 'x')).contains("at most 128 characters; this one has 129"));
  for (const char c : std::string_view(" /\\*%\"'\n\0\x7F\x80\xFF", 12))
    EXPECT_TRUE(refusal(std::string("ab") + c).contains("the byte at offset 2")) << int{c};
}

TEST(ScopeLoan, IsTheKnownScopeOrHasTheNameAsLongAsItLives) {
  const Scope known = Scope::Named("known").value();
  EXPECT_EQ(ScopeLoan::Named("known")->scope(), known);
  EXPECT_TRUE(ScopeLoan::Named("default")->scope().is_default());
  EXPECT_EQ(ScopeLoan::Named("a b").error().code, ErrorCode::kInvalidArgument);
  ScopeLoan loan = ScopeLoan::Named("never+json").value();
  const ScopeLoan moved = std::move(loan);
  EXPECT_EQ(moved.scope().name(), "never+json");
  EXPECT_EQ(moved.scope().strategy(), KeyStrategy::kJson);
  EXPECT_NE(moved.scope(), Scope::Named("never+json").value());
}

TEST(ScopeTable, LendingNamesFillsNothing) {
  ScopeTable table(2);
  for (std::size_t i = 0; i < 2 * ScopeTable::kLentMax; ++i) {
    const auto lent = table.FindOrLend("name" + std::to_string(i));
    ASSERT_TRUE(lent && lent->is_lent);
    EXPECT_EQ(table.Name(lent->index), "name" + std::to_string(i));
    table.TakeBack(lent->index);
  }
  EXPECT_EQ(table.Intern("a"), 1U) << "there is still room";
  EXPECT_FALSE(table.FindOrLend("a")->is_lent);
}

TEST(ScopeTable, LendsABoundedNumberOfNamesAtATime) {
  ScopeTable table;
  std::uint32_t last = 0;
  for (std::size_t i = 0; i < ScopeTable::kLentMax; ++i) last = table.FindOrLend("x")->index;
  EXPECT_EQ(table.FindOrLend("x").error().code, ErrorCode::kBusy);
  table.TakeBack(last);
  EXPECT_EQ(table.FindOrLend("y")->index, last);
  EXPECT_EQ(table.Name(last), "y");
}

TEST(ContentKeyHash, OneContentHasAHashOfItsOwnInEachScope) {
  const ContentKeyHash hash{.seed = 1};
  const ContentKey here = MakeContentKey(Scope::Named("here").value(), "a").value();
  const ContentKey there = MakeContentKey(Scope::Named("there").value(), "a").value();
  EXPECT_NE(hash(here), hash(there));
}

TEST(ScopeTable, RefusesMoreNamesThanItsLimit) {
  ScopeTable table(3);
  const std::uint32_t a = table.Intern("a").value();
  EXPECT_TRUE(table.Intern("b"));
  const auto refused = table.Intern("c");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  EXPECT_EQ(table.Intern("a"), a) << "a known name is still found";
  EXPECT_EQ(table.Intern("default"), 0u);
}

TEST(ScopeTable, KeepsNamesWhereTheyAre) {
  ScopeTable table;
  const std::string_view first = table.Name(table.Intern("first").value());
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "name" + std::to_string(i);
    EXPECT_EQ(table.Name(table.Intern(name).value()), name);
  }
  EXPECT_EQ(table.Name(table.Intern("first").value()).data(), first.data());
}

TEST(ScopeTable, GivesOneIndexToThreadsThatRace) {
  static constexpr int kThreads = 8;
  static constexpr int kNames = 3000;  // over several chunks
  ScopeTable table;
  std::vector<std::vector<std::uint32_t>> indexes(kThreads);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : indexes) {
      threads.emplace_back([&table, &mine] {
        for (int i = 0; i < kNames; ++i) {
          const std::string name = "n" + std::to_string(i);
          mine.push_back(table.Intern(name).value());
          EXPECT_EQ(table.Name(mine.back()), name);
        }
      });
    }
  }
  for (const auto& other : indexes) EXPECT_EQ(other, indexes.front());
}

}  // namespace
}  // namespace itemgate
