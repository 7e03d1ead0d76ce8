#include "cache/redis/thrift.h"

#include <gtest/gtest.h>

namespace itemgate::seen {
namespace {

int AskedOf(Thrift& thrift, int questions) {
  int asked = 0;
  for (int i = 0; i < questions; ++i) asked += thrift.Pays() ? 1 : 0;
  return asked;
}

TEST(Thrift, AsksUntilItHasLearntSomething) {
  Thrift thrift(0.05);
  thrift.Learn(500, 0);
  EXPECT_EQ(AskedOf(thrift, 160), 160);
}

TEST(Thrift, AsksOneOfSixteenWhileHardlyAnythingIsKnown) {
  Thrift thrift(0.05);
  thrift.Learn(2000, 90);
  EXPECT_EQ(AskedOf(thrift, 160), 10);
}

TEST(Thrift, AsksWhenEnoughIsKnown) {
  Thrift thrift(0.05);
  thrift.Learn(2000, 110);
  EXPECT_EQ(AskedOf(thrift, 160), 160);
}

TEST(Thrift, NoticesFromTheSamplesThatDuplicatesHaveCome) {
  Thrift thrift(0.05);
  thrift.Learn(1'000'000, 0);
  int questions = 0;
  while (AskedOf(thrift, 16) == 1) {
    thrift.Learn(1, 1);
    questions += 16;
  }
  EXPECT_LE(questions, 16 * 32);
}

TEST(Thrift, NoticesThatDuplicatesHaveCeased) {
  Thrift thrift(0.05);
  thrift.Learn(1'000'000, 1'000'000);
  int answered = 0;
  while (AskedOf(thrift, 16) == 16) {
    thrift.Learn(16, 0);
    answered += 16;
  }
  EXPECT_LE(answered, 10'000);
}

TEST(Thrift, ASetShareOfNothingMeansAlways) {
  Thrift thrift(0);
  thrift.Learn(1'000'000, 0);
  EXPECT_EQ(AskedOf(thrift, 160), 160);
}

}  // namespace
}  // namespace itemgate::seen
