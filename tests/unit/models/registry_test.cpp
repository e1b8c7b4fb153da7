// Every family of models has a small configuration and a reference case, so that the tests over the registry reach it.

#include <rossby/models/model.hpp>
#include <rossby/models/wxformer/config.hpp>
#include <support/golden.hpp>
#include <support/small_model.hpp>
#include <support/small_models.hpp>

#include <set>

namespace rossby {
namespace {
using namespace test;

TEST(Registry, EveryFamilyIsTested)
{
  std::set<std::string> small, reference;
  for (auto const& model : small_models())
    small.insert(model.spec->type());
  for (auto const& name : golden_cases()) {
    Problems problems;
    auto const file = io::Hdf5File::open_read(golden_file(name));
    reference.insert(read_spec(Deck::parse(file.read_string_attribute("/", "model_yaml"))["model"], problems)->type());
  }
  for (auto const& family : families()) {
    EXPECT_TRUE(small.count(family.types.front())) << family.types.front() << " has no file in tests/models";
    if (family.types.front() != "neighbours") { // the example's: nobody has trained it before
      EXPECT_TRUE(reference.count(family.types.front())) << family.types.front() << " has no reference case";
    }
  }
}

TEST(Registry, PartsAddUpAndGridsFit)
{
  for (auto const& [name, spec] : small_models()) {
    SCOPED_TRACE(name);
    double sum = 0;
    for (auto const& part : spec->parts()) {
      EXPECT_GT(part.flops, 0) << part.name;
      EXPECT_GT(part.rows * part.cols * part.channels, 0) << part.name;
      sum += part.flops;
    }
    EXPECT_EQ(forward_flops(*spec), sum);
    EXPECT_EQ(spec->parts().back().channels, spec->fields.out());
    EXPECT_NE(spec->fingerprint().find("type: " + spec->type() + "\n"), std::string::npos);
    auto const model = make_model(*spec);
    auto const cut = model->cut({2, 3, 1, {}});
    EXPECT_EQ(cut.input.height(), spec->fields.height);
    EXPECT_EQ(cut.input.ranks(), 6);
  }
}

TEST(Registry, ATileThatIsAllPaddingHoldsNothingOfTheImage)
{
  auto m = small_model();
  m.padding.top = 42; // 113 rows: seven coarse ones, the first two all padding
  m.local_window = {1, 1, 1, 1};
  m.global_window = {1, 1, 1, 1};
  EXPECT_TRUE(make_model(m)->cut({7, 1, 1, {}}).input.box(0).empty());
  EXPECT_FALSE(make_model(m)->cut({6, 1, 1, {}}).input.box(5).empty());
}

} // namespace
} // namespace rossby
