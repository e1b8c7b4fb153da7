// Fields of a finer grid, brought to the model's by a file of weights.
#include "fixture.hpp"

#include <gmock/gmock.h>

namespace {
using namespace rossby;
using namespace rossby::test;
using ::testing::HasSubstr;

/// Weights from the fixture's 6 x 8 cells (files run from south to north and from 90E) to 3 x 4: means of 2 x 2, those
/// of a row with weights 1 and 3. The target runs from south to north too, and from 45 + 22.5E.
class Regrid : public ::testing::Test {
protected:
  void SetUp() override
  {
    folder.write_all();
    write_weights("weights.nc", 1);
  }
  void write_weights(std::string const& name, double first_row) const
  {
    std::vector<double> row, col, weight, lat, lon;
    for (index_t i = 0; i < 3; ++i)
      for (index_t j = 0; j < 4; ++j) {
        lat.push_back(-60 + 60.0 * static_cast<double>(i));
        lon.push_back(67.5 + 90.0 * static_cast<double>(j));
        for (index_t a = 0; a < 2; ++a)
          for (index_t b = 0; b < 2; ++b) {
            row.push_back(static_cast<double>(i * 4 + j) + first_row);
            // file column 0 is 90E: the pair that meets at 67.5E is columns 7 (45E) and 0
            col.push_back(static_cast<double>((2 * i + a) * 8 + (2 * j + 7 + b) % 8) + 1);
            weight.push_back(b == 0 ? 0.125 : 0.375);
          }
      }
    io::NetcdfWriter w(folder.path(name));
    w.dimension("n_s", static_cast<index_t>(row.size()));
    w.dimension("n_a", 48);
    w.dimension("n_b", 12);
    w.dimension("dst_grid_rank", 2);
    for (char const* field : {"row", "col"})
      w.variable(field, io::NetcdfType::int32, {"n_s"});
    w.variable("S", io::NetcdfType::float64, {"n_s"});
    w.variable("xc_b", io::NetcdfType::float64, {"n_b"});
    w.variable("yc_b", io::NetcdfType::float64, {"n_b"});
    w.variable("dst_grid_dims", io::NetcdfType::int32, {"dst_grid_rank"});
    w.write("row", row);
    w.write("col", col);
    w.write("S", weight);
    w.write("xc_b", lon);
    w.write("yc_b", lat);
    w.write("dst_grid_dims", {4, 3});
    w.close();
  }
  /// Without scalers: values come as they are. The static field is left out, since its file has the old grid.
  std::string deck(std::string const& file = "weights.nc", std::string const& more = "") const
  {
    auto text = folder.deck_text();
    text = text.substr(0, text.find("preblocks:"));
    auto const at = text.find("        static:"), end = text.find('\n', at);
    text.erase(at, end + 1 - at);
    return text +
           fmt::format("preblocks:\n  per_step:\n{}    regrid: {{type: regrid, args: {{weight_file: {}, variables: "
                       "[U, ERA5/prognostic/2d/SP]}}}}\n    concat: {{type: concat}}\n",
                       more, folder.path(file));
  }
  static FieldShape model()
  {
    FieldShape m = DataFolder::model();
    m.height = 3, m.width = 4;
    m.input_only_channels = 2;
    return m;
  }
  DataFolder folder;
  Time const t0 = time_of({1990, 12, 31, 18, 0, 0});
};

TEST_F(Regrid, FieldsComeOnTheGridOfTheWeightsTileByTile)
{
  auto const plan = plan_of(deck(), DataPlan::Use::training, model());
  EXPECT_EQ(plan.grid.latitude, (std::vector<double>{60, 0, -60}));
  EXPECT_EQ(plan.grid.longitude, (std::vector<double>{67.5, 157.5, 247.5, 337.5}));
  for (Box const box : {Box{0, 3, 0, 4}, Box{1, 2, 2, 4}, Box{2, 2, 0, 4}}) {
    auto const y = Dataset(plan, box).target(t0, true).physical;
    std::size_t at = 0;
    for (index_t r = box.row0; r < box.row1; ++r)
      for (index_t c = box.col0; c < box.col1; ++c)
        for (int k = 0; k < 3; ++k, ++at) {
          double mean = 0;
          for (index_t a = 0; a < 2; ++a)
            for (index_t b = 0; b < 2; ++b) {
              index_t const row = 2 * r + a, col = (1 + 2 * c + b) % 8; // 45E is the model's second column
              double const value = k == 2 ? pressure(t0, row, col) : wind(t0, k == 0 ? 2 : 0, row, col);
              mean += (b == 0 ? 0.125 : 0.375) * value;
            }
          ASSERT_NEAR(y[at], mean, 1e-6 * mean) << r << " " << c << " " << k;
        }
    EXPECT_EQ(at, y.size());
  }
}

TEST_F(Regrid, MistakesAreNamed)
{
  auto const message = [&](std::string const& text) {
    return message_of([&] { plan_of(text, DataPlan::Use::training, model()); });
  };
  write_weights("shifted.nc", 2);
  EXPECT_THAT(message(deck("shifted.nc")), HasSubstr("row must be 1 to 12"));
  EXPECT_THAT(message(deck("absent.nc")), HasSubstr("absent.nc"));
  EXPECT_THAT(message(deck("static.nc")), HasSubstr("has no dimension n_a"));
  EXPECT_THAT(message(deck("weights.nc", "    root: {type: sqrt_transform, args: {variables: [SP]}}\n")),
              HasSubstr("put regrid first"));
}
} // namespace
