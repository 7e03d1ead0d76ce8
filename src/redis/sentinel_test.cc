#include "redis/sentinel.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace itemgate::redis {
namespace {

std::optional<SentinelWord> Read(std::string_view flags, std::string_view epoch = "7") {
  const CommandList answer("ip", "10.0.0.1", "port", "6379", "flags", flags, "config-epoch", epoch);
  ReplyReader reader{ReplyReader::Limits{}};
  std::ranges::copy(answer.bytes(), reader.Space(answer.bytes().size()).begin());
  reader.Add(answer.bytes().size());
  const auto replies = reader.Next(1);  // a command is an array of strings, too
  return ReadSentinelWord((**replies)[0].elements());
}

TEST(SentinelWord, IsWhereThePrimaryIsAndSinceWhichEpoch) {
  const auto word = Read("master,s_down");
  ASSERT_TRUE(word);
  EXPECT_EQ(word->primary.ToString(), "10.0.0.1:6379");
  EXPECT_EQ(word->epoch, 7);
  EXPECT_FALSE(Read("master", "none"));
}

// The epoch is the new one already, the address the old one still.
TEST(SentinelWord, DoesNotCountWhileThatSentinelLeadsAFailover) {
  EXPECT_FALSE(Read("master,s_down,o_down,failover_in_progress"));
}

}  // namespace
}  // namespace itemgate::redis
