#include "postgres/parameters.h"

#include <gmock/gmock.h>

namespace itemgate::postgres {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Parameters, IntegersAreBigEndian) {
  Parameters parameters;
  parameters.Add(std::int64_t{0x0102}).Add(std::int64_t{-1});
  EXPECT_THAT(parameters.wires(), ElementsAre(std::string("\0\0\0\0\0\0\1\2", 8),
                                              std::string("\xff\xff\xff\xff\xff\xff\xff\xff")));
  EXPECT_EQ(parameters.bytes(), 16U);
}

TEST(Parameters, AnArrayHasItsTypeItsLengthAndItsElements) {
  ArrayBuilder array(ElementType::kBytes, 2);
  array.Add("a");
  array.Add(std::string_view("\0b", 2));
  EXPECT_EQ(array.Take(), std::string("\0\0\0\1\0\0\0\0\0\0\0\x11\0\0\0\2\0\0\0\1"
                                      "\0\0\0\1a"
                                      "\0\0\0\2\0b",
                                      20 + 5 + 6));
}

TEST(Parameters, AnEmptyArrayHasNoDimension) {
  EXPECT_EQ(ArrayBuilder(ElementType::kText, 0).Take(),
            std::string("\0\0\0\0\0\0\0\0\0\0\0\x19", 12));
}

TEST(ReadIntegers, ReadsWhatAnArrayBuilderBuilt) {
  ArrayBuilder array(ElementType::kInteger, 2);
  array.Add(std::int64_t{7});
  array.Add(std::int64_t{-8});
  EXPECT_THAT(*ReadIntegers(array.Take()), ElementsAre(7, -8));
  EXPECT_THAT(*ReadIntegers(ArrayBuilder(ElementType::kInteger, 0).Take()), IsEmpty());
}

TEST(ReadIntegers, KnowsNulls) {
  ArrayBuilder array(ElementType::kInteger, 2);
  array.Add(std::int64_t{7});
  std::string wire = array.Take() + "\xff\xff\xff\xff";
  EXPECT_THAT(*ReadIntegers(wire), ElementsAre(7, std::nullopt));
}

TEST(ReadIntegers, RefusesEveryCutAndEveryOtherType) {
  ArrayBuilder array(ElementType::kInteger, 2);
  array.Add(std::int64_t{7});
  array.Add(std::int64_t{8});
  const std::string wire = array.Take();
  for (std::size_t length = 0; length < wire.size(); ++length)
    EXPECT_FALSE(ReadIntegers(std::string_view(wire).substr(0, length))) << length;
  EXPECT_FALSE(ReadIntegers(wire + "x"));
  EXPECT_FALSE(ReadIntegers(ArrayBuilder(ElementType::kBytes, 0).Take()));
}

TEST(ReadInteger, ReadsBothSizesAndNothingElse) {
  EXPECT_EQ(ReadInteger(std::string_view("\0\0\0\0\0\0\0\7", 8)), 7);
  EXPECT_EQ(ReadInteger("\xff\xff\xff\xfe"), -2);
  EXPECT_EQ(ReadInteger("7"), std::nullopt);
}

}  // namespace
}  // namespace itemgate::postgres
