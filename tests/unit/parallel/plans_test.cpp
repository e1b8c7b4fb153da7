#include "params/share_table.hpp"
#include <rossby/core/deck.hpp>
#include <rossby/parallel/plans.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace rossby {
namespace {

std::shared_ptr<Spec const> one_degree()
{
  auto const deck = Deck::load(ROSSBY_SOURCE_DIR "/inputs/wxformer_1deg.yml");
  Problems problems;
  auto const config = read_spec(deck["model"], problems);
  problems.raise();
  return config;
}

struct Spread {
  double of_mean;  ///< what the rank with most stores, in means over the ranks
  double of_share; ///< the same in 1/N of what one rank stores alone
};

Spread spread(int ranks, int tensor)
{
  auto const alone = make_model(*one_degree());
  auto const one = stored_elements(alone->parameters(), {}, 1).front().sum();
  ParallelismConfig p;
  p.data = ParallelismConfig::Data::fsdp2;
  p.tensor = tensor;
  p.tensor_whole = {0};
  auto const model = make_model(*one_degree());
  cut_tensor_blocks(*model, tensor, p.tensor_whole);
  double most = 0, total = 0;
  for (auto const& s : stored_elements(model->parameters(), p, ranks)) {
    most = std::max(most, static_cast<double>(s.sum()));
    total += static_cast<double>(s.sum());
  }
  return {most * ranks / total, most * ranks / static_cast<double>(one)};
}

TEST(StoredElements, OfTheOneDegreeModelAreEven)
{
  for (int const ranks : {2, 4, 8, 16, 32})
    for (int tensor = 1; tensor <= 2; ++tensor) {
      SCOPED_TRACE(::testing::Message() << ranks << " ranks, tensor " << tensor);
      auto const [of_mean, of_share] = spread(ranks, tensor);
      EXPECT_LE(of_mean, 1.01);
      // On more ranks spectral norm's vectors weigh, which every rank stores.
      EXPECT_LE(of_share, ranks <= 8 ? 1.05 : 2);
    }
}

// Every row of a block is some holder's, in order; trained parameters are shared, vectors are not.
TEST(ShareTable, SharesTogetherAreTheBlock)
{
  auto const model = make_model(*one_degree());
  cut_tensor_blocks(*model, 2, {0});
  auto const& parameters = model->parameters();
  int const ranks = 12;
  for (int member = 0; member < 2; ++member) {
    ShareTable const table(parameters.all(), member, 2, ranks);
    for (int i = 0; i < parameters.size(); ++i) {
      auto const& spec = parameters[i].spec;
      Part const block = tensor_block(spec, member, 2);
      if (!spec.trainable) {
        EXPECT_EQ(table.share(i, 1), block);
        continue;
      }
      int const holders = spec.cut == TensorCut::none ? ranks : ranks / 2;
      std::vector<index_t> rows, found;
      for (auto const& r : block.rows)
        for (index_t row = r.begin; row < r.end; ++row)
          rows.push_back(row);
      for (int h = 0; h < holders; ++h) {
        Part const share = table.share(i, h);
        EXPECT_EQ(share.columns, block.columns);
        for (auto const& r : share.rows)
          for (index_t row = r.begin; row < r.end; ++row)
            found.push_back(row);
      }
      EXPECT_EQ(found, rows) << spec.name;
    }
  }
}

TEST(Plans, StagesThatTheModelHasNot)
{
  auto const model = make_model(*one_degree());
  try {
    cut_tensor_blocks(*model, 1, {4});
    ADD_FAILURE() << "accepted";
  } catch (Error const& e) {
    EXPECT_EQ(e.where(), "trainer.tensor_whole");
    EXPECT_EQ(e.fix(), "the model's stages are 0 to 3");
  }
}

} // namespace
} // namespace rossby
