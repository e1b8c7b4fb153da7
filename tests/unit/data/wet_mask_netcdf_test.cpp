// The ocean's mask, as decks spell it, with the files that it names.
#include "fixture.hpp"

#include <gmock/gmock.h>

namespace {
using namespace rossby;
using namespace rossby::test;
using ::testing::HasSubstr;

class WetMaskDecks : public ::testing::Test {
protected:
  void SetUp() override
  {
    folder.write_all();
    write("masks.nc", false);
    write("wetmask.nc", true);
  }
  static double wet(int depth, index_t row, index_t col) { return (row + 2 * col) % 5 > depth ? 1 : 0; }
  /// Rows from south to north, columns from 180E; one array of all depths, or one for each.
  void write(std::string const& name, bool one_array) const
  {
    io::NetcdfWriter w(folder.path(name));
    w.dimension("lev", 3);
    w.dimension("time", 2);
    w.dimension("lat", rows);
    w.dimension("lon", cols);
    w.variable("lat", io::NetcdfType::float64, {"lat"});
    w.variable("lon", io::NetcdfType::float64, {"lon"});
    if (one_array)
      w.variable("wetmask", io::NetcdfType::float32, {"lev", "lat", "lon"});
    else {
      w.variable("mask_0", io::NetcdfType::float32, {"lat", "lon"});
      w.variable("mask_2", io::NetcdfType::float32, {"time", "lat", "lon"}); // the first counts
    }
    std::vector<double> lat, lon, values[3], all;
    for (index_t r = rows - 1; r >= 0; --r)
      lat.push_back(latitude(r));
    for (index_t c = 0; c < cols; ++c)
      lon.push_back(longitude((c + 4) % cols));
    for (int depth = 0; depth < 3; ++depth)
      for (index_t r = rows - 1; r >= 0; --r)
        for (index_t c = 0; c < cols; ++c)
          values[depth].push_back(wet(depth, r, (c + 4) % cols));
    w.write("lat", lat);
    w.write("lon", lon);
    if (one_array) {
      for (auto const& v : values)
        all.insert(all.end(), v.begin(), v.end());
      w.write("wetmask", all);
    } else {
      w.write("mask_0", values[0]);
      all = values[2];
      all.resize(2 * all.size(), 0.5);
      w.write("mask_2", all);
    }
    w.close();
  }
  /// SP under two names: at the surface, and at depth 2.
  std::string deck(std::string const& mask, std::string const& name = "so_2", bool first = true) const
  {
    auto text = folder.deck_text();
    text = text.substr(0, text.find("preblocks:"));
    text.replace(text.find("vars_3D: [U], "), 14, "");
    std::string const block = fmt::format("    mask: {{type: wet_mask_samudra, args: {{{}}}}}\n", mask);
    return text +
           fmt::format("preblocks:\n  per_step:\n    name: {{type: rename, args: {{mapping: {{ERA5/prognostic/2d/SP: "
                       "ERA5/prognostic/2d/{}}}}}}}\n    concat: {{type: concat}}\npostblocks:\n  per_step:\n{}    "
                       "reconstruct: {{type: reconstruct}}\n{}",
                       name, first ? block : "", first ? "" : block);
  }
  std::string path(std::string const& name) const { return folder.path(name); }
  static FieldShape model()
  {
    FieldShape m = DataFolder::model();
    m.channels = 0;
    return m;
  }
  DataFolder folder;
};

TEST_F(WetMaskDecks, EachVariableHasTheMaskOfItsDepth)
{
  for (auto const& [name, depth] : {std::make_pair("so_2", 2), std::make_pair("zos", 0)})
    for (auto const& where :
         {"mask_path: " + path("masks.nc"), "conf: {data: {mean_path: none, data_path: " + path("wetmask.nc") + "}}"}) {
      auto const plan = plan_of(deck("key: y_pred, " + where, name), DataPlan::Use::training, model());
      ASSERT_EQ(plan.transforms.own_output.size(), 1u);
      EXPECT_TRUE(plan.transforms.output[0].empty());
      for (index_t cell = 0; cell < rows * cols; ++cell)
        ASSERT_EQ(apply(plan.transforms.own_output[0], 7, cell), 7 * wet(depth, cell / cols, cell % cols)) << cell;
    }
}

TEST_F(WetMaskDecks, MistakesAreNamed)
{
  auto const message = [&](std::string const& text) {
    return message_of([&] { plan_of(text, DataPlan::Use::training, model()); });
  };
  std::string const good = "key: y_pred, mask_path: " + path("masks.nc");
  EXPECT_THAT(message(deck("mask_path: " + path("masks.nc"))), HasSubstr("set key: y_pred"));
  EXPECT_THAT(message(deck("key: y_pred")), HasSubstr("postblocks.per_step.mask.args.mask_path"));
  EXPECT_THAT(message(deck("key: y_pred, mask_path: absent.zarr")), HasSubstr("absent.zarr"));
  EXPECT_THAT(message(deck("key: y_pred, mask_path: " + path("static.nc"))), HasSubstr("neither mask_0 nor wetmask"));
  EXPECT_THAT(message(deck(good, "so_1")), HasSubstr("mask_1"));
  EXPECT_THAT(message(deck(good, "so_x")), HasSubstr("does not end with the number of a depth"));
  EXPECT_THAT(message(deck("key: y_pred, mask_path: " + path("wetmask.nc"), "so_5")), HasSubstr("has 3 fields"));
  EXPECT_THAT(message(deck(good, "so_2", false)), HasSubstr("put it first"));
  EXPECT_THAT(message(deck(good + ", lon_lat_name: [lon]")), HasSubstr("has 1 names"));
}
} // namespace
