#include "train/config.hpp"
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rossby {
namespace {

using test::text_of;
using ::testing::HasSubstr;

TEST(InferenceConfig, Batch)
{
  auto const deck = Deck::parse(R"(
inference:
  run_mode: batch
  save_forecast: out
  batch_forecast: {forecast_length: 10d, first_init_date: 2020-01-01, last_init_date: 2020-01-03, init_interval: 12h}
  single_forecast: {start_datetime: nonsense}
  output: {group_by: day, output_interval: 6h, variables: [{name: SP}, {name: T, levels: [1, 2]}],
           encoding: {zlib: true, SP: {dtype: float64}}}
)");
  Problems problems;
  auto const c = InferenceConfig::read(deck["inference"], Calendar::standard, problems);
  deck.check_all_read(problems);
  EXPECT_EQ(text_of(problems), "");
  EXPECT_EQ(c.initial_times().size(), 5u);
  EXPECT_EQ(c.output.encoding_of("A/SP", "SP").dtype, DType::float64);
  EXPECT_TRUE(c.output.encoding_of("A/SP", "SP").zlib);
  EXPECT_EQ(c.output.encoding_of("A/T", "T").dtype, DType::float32);
  EXPECT_EQ(c.output.variables[1].levels->size(), 2u);
}

TEST(InferenceConfig, Refusals)
{
  auto const deck = Deck::parse(
      "inference: {run_mode: both, batch_forecast: {first_init_date: 2020-02-30, "
      "last_init_date: 2020-01-01}, output: {format: grib, group_by: week, encoding: {chunksizes: [1, 0]}}}");
  Problems problems;
  InferenceConfig::read(deck["inference"], Calendar::standard, problems);
  auto const messages = text_of(problems);
  for (char const* expected :
       {"run_mode", "save_forecast: is missing", "forecast_length: is missing", "first_init_date", "output.format",
        "output.group_by", "chunksizes: holds a length below 1"})
    EXPECT_THAT(messages, HasSubstr(expected));
}

} // namespace
} // namespace rossby
