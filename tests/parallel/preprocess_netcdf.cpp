// ranks: 1 3 5
// Scalers fitted by several ranks equal those of one, whatever the split of the samples.
#include "../unit/data/fixture.hpp"

#include "data/preprocess.hpp"
#include "data/scaler.hpp"

namespace rossby {
namespace {

TEST(Preprocess, RanksTogetherFitWhatOneFits)
{
  Communicator const world = Communicator::world();
  std::string deck_text;
  std::unique_ptr<test::DataFolder> data; // written by rank 0, seen by all
  if (world.rank() == 0) {
    data = std::make_unique<test::DataFolder>();
    data->write_all();
    deck_text = data->deck_text();
  }
  world.broadcast(deck_text, 0);
  Deck const deck = Deck::parse(deck_text);
  std::string const path = deck["preblocks"]["per_step"]["scaler"]["args"].require<std::string>("scaler_path");

  auto const together = preprocess(deck, test::DataFolder::model(), world);
  auto const fitted = ScalerFile::load(path);
  world.barrier();
  if (world.rank() == 0) {
    auto const alone = preprocess(deck, test::DataFolder::model(), Communicator());
    ASSERT_EQ(alone.rows.size(), together.rows.size());
    EXPECT_EQ(together.files.size(), 1u);
    for (std::size_t i = 0; i < alone.rows.size(); ++i) {
      EXPECT_EQ(alone.rows[i].key, together.rows[i].key);
      EXPECT_NEAR(alone.rows[i].mean, together.rows[i].mean, 1e-12 * std::fabs(alone.rows[i].mean));
      EXPECT_NEAR(alone.rows[i].deviation, together.rows[i].deviation, 1e-11 * alone.rows[i].deviation);
    }
    EXPECT_EQ(fitted.get("input", "ERA5/prognostic/3d/U").mean.size(), 2u);
  }
  world.barrier();
}

} // namespace
} // namespace rossby
