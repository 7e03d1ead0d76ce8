#include "cache/redis/patience.h"

#include <gtest/gtest.h>

namespace itemgate::seen {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PatienceTest : public testing::Test {
 protected:
  /// Asks at that time, and has no answer 20 ms later.
  void AskInVain(Duration at) {
    ASSERT_TRUE(patience_.MayAsk(Instant(at)));
    patience_.Late(Instant(at), Instant(at + milliseconds(20)));
  }
  Patience patience_;
};

TEST_F(PatienceTest, BearsTwoLateAnswers) {
  AskInVain(milliseconds(0));
  AskInVain(milliseconds(0));
  EXPECT_TRUE(patience_.MayAsk(Instant(milliseconds(20))));
}

TEST_F(PatienceTest, AfterThreeItAsksOnceInAPauseThatGrows) {
  for (int i = 0; i < 3; ++i) AskInVain(milliseconds(0));
  EXPECT_FALSE(patience_.MayAsk(Instant(milliseconds(119))));
  AskInVain(milliseconds(120));
  EXPECT_FALSE(patience_.MayAsk(Instant(milliseconds(121))));  // one question is enough
  EXPECT_FALSE(patience_.MayAsk(Instant(milliseconds(339))));
  AskInVain(milliseconds(340));
  EXPECT_FALSE(patience_.MayAsk(Instant(milliseconds(759))));
  EXPECT_TRUE(patience_.MayAsk(Instant(milliseconds(760))));
}

TEST_F(PatienceTest, ThePauseIsNeverLongerThanFiveSeconds) {
  for (int i = 0; i < 3; ++i) AskInVain({});
  Instant now{};
  for (int i = 0; i < 40; ++i) {
    now += seconds(6);
    ASSERT_TRUE(patience_.MayAsk(now));
    patience_.Late(now, now);
  }
  EXPECT_FALSE(patience_.MayAsk(now + milliseconds(4999)));
  EXPECT_TRUE(patience_.MayAsk(now + seconds(5)));
}

TEST_F(PatienceTest, OneHiccupOfManyQuestionsIsOneHiccup) {
  for (int i = 0; i < 100; ++i) patience_.Late(Instant{}, Instant(milliseconds(20)));
  EXPECT_FALSE(patience_.MayAsk(Instant(milliseconds(119))));
  EXPECT_TRUE(patience_.MayAsk(Instant(milliseconds(120))));
}

TEST_F(PatienceTest, AnAnswerInTimeMendsAll) {
  for (int i = 0; i < 3; ++i) AskInVain(milliseconds(0));
  EXPECT_TRUE(patience_.MayAsk(Instant(milliseconds(120))));
  patience_.InTime();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(patience_.MayAsk(Instant(milliseconds(121))));
}

}  // namespace
}  // namespace itemgate::seen
