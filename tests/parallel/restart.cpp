// ranks: 4
// A run moves from any mesh to any other between two steps: the checkpoint is the same file whatever mesh wrote it, and
// what follows is what one rank would have done without stopping.

#include "io/hdf5.hpp"
#include "train/checkpoint.hpp"
#include "train/weights.hpp"
#include <rossby/parallel.hpp>
#include <support/shared_folder.hpp>
#include <support/small_model.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

namespace rossby {
namespace {
using namespace test;
using Data = ParallelismConfig::Data;

struct Place {
  char const* name;
  int ranks;
  ParallelismConfig mesh;
};

ParallelismConfig mesh(Data data, int tensor, int rows)
{
  ParallelismConfig c;
  c.data = data;
  c.tensor = tensor;
  c.domain = {rows, 1};
  return c;
}

std::vector<Place> places()
{
  return {{"one rank", 1, mesh(Data::none, 1, 1)},           {"domain 2", 2, mesh(Data::none, 1, 2)},
          {"tensor 2", 2, mesh(Data::none, 2, 1)},           {"ddp 2", 2, mesh(Data::ddp, 1, 1)},
          {"fsdp2 2", 2, mesh(Data::fsdp2, 1, 1)},           {"fsdp2 2 x tensor 2", 4, mesh(Data::fsdp2, 2, 1)},
          {"fsdp2 2 x domain 2", 4, mesh(Data::fsdp2, 1, 2)}};
}

/// Four heads or more in every stage, a parameter that nothing uses, and dropout.
WXFormerConfig small()
{
  auto m = small_model();
  m.dim_head = 2;
  m.fields.height = 33; // four by four coarse cells and a row
  m.fields.width = 58;
  m.padding.top = m.padding.bottom = 16;
  m.local_window = {2, 2, 2, 2};
  return m;
}

/// Biases ahead of a group norm have gradients that are round-off alone; with this epsilon AdamW makes no steps of it.
AdamWConfig const adamw{0.9, 0.95, 1e-6, 0.01};

/// A model in training on one mesh.
class SmallTraining {
public:
  SmallTraining(Place const& place, Communicator const& ranks)
      : mesh_(build_device_mesh(place.mesh, ranks)), model_(make_model(small())), placed_(parallelised(place.mesh)),
        optimizer_(placed_.parameters(), adamw), averages_(exec_, placed_.parameters(), 0.9)
  {
  }

  /// Steps of AdamW on mean squared error over two samples; their losses go to `losses`.
  void steps(int count, std::vector<double>& losses)
  {
    auto& parameters = placed_.parameters();
    auto const manager = get_domain_manager(placed_);
    index_t const share = 2 / mesh_.data.size(), first = share * mesh_.data.rank();
    Gradients gradients(parameters);
    for (int i = 0; i < count; ++i, ++state.update) {
      Tape tape;
      Context ctx{exec_, &tape, true};
      ctx.first_sample = first;
      ctx.step = static_cast<std::uint64_t>(state.update);
      auto const stream = static_cast<std::uint64_t>(2 * state.update);
      auto const samples = [&](Tiling const& tiling, index_t channels, std::uint64_t s) {
        return tile_of_field(DType::float64, tiling, manager.ranks().rank(), first + share, channels, s)
            .rows(first, share);
      };
      Var const y = placed_.forward(ctx, Var(samples(manager.input(), small().fields.input_channels(), stream + 1)));
      auto const out = y.value().to_host(exec_);
      auto seed = samples(manager.output(), small().fields.output_channels(), stream + 2).to_host(exec_);
      double const cells = static_cast<double>(2 * manager.output().height() * manager.output().width());
      double loss = 0;
      for (std::size_t k = 0; k < seed.size(); ++k) {
        double const d = out[k] - seed[k];
        loss += d * d / cells;
        seed[k] = 2 * d / cells;
      }
      mesh_.world.all_reduce_sum(&loss, 1);
      losses.push_back(loss);
      tape.backward(exec_, y, Array::from_host(Exec(), DType::float64, y.value().shape(), seed));
      gradients.collect(exec_, parameters);
      optimizer_.step(exec_, parameters, gradients, 1e-3, 1);
      averages_.update(exec_, parameters);
    }
  }
  void save(std::string const& file, std::size_t bytes_per_writer = std::size_t{1} << 30)
  {
    write_checkpoint(file, mesh_.world, exec_, placed_.parameters(), optimizer_, &averages_, state, about,
                     bytes_per_writer);
  }
  void load(std::string const& file)
  {
    state = read_checkpoint(file, exec_, placed_.parameters(), optimizer_, &averages_, {}, about);
  }
  Parameters const& parameters() const { return placed_.parameters(); }

  TrainingState state;
  RunDescription const about{"deck", "model: small\n", "schema"};

private:
  Model& parallelised(ParallelismConfig const& config)
  {
    parallelise(*model_, mesh_, config);
    model_->allocate(exec_, DType::float64, 3);
    return *model_;
  }

  Exec exec_;
  Mesh mesh_;
  std::unique_ptr<Model> model_;
  Model& placed_;
  AdamW optimizer_;
  Ema averages_;
};

/// Every dataset of numbers below a group, by path.
void collect(io::Hdf5File const& file, std::string const& group, std::map<std::string, std::vector<double>>& found)
{
  for (auto const& name : file.list(group)) {
    std::string const path = group + "/" + name;
    if (file.is_group(path))
      collect(file, path, found);
    else if (path != "/trainer/log")
      found[path] = read_verified(file, path);
  }
}

/// What a checkpoint says of model, optimizer and averages.
std::map<std::string, std::vector<double>> content(std::string const& path)
{
  auto const file = io::Hdf5File::open_read(path);
  std::map<std::string, std::vector<double>> found;
  for (auto const* group : {"/model", "/optimizer", "/ema", "/trainer"})
    collect(file, group, found);
  return found;
}

/// The largest difference of any dataset, against the largest number of its own, or against a fraction of the largest
/// of its kind where its own are all but zero.
double deviation(std::string const& file, std::map<std::string, std::vector<double>> const& expected,
                 std::string& where)
{
  auto const found = content(file);
  auto const kind = [](std::string const& path) {
    return path.rfind("/optimizer", 0) == 0 ? path.substr(path.rfind('/')) : path.substr(0, path.find('/', 1));
  };
  std::map<std::string, double> largest;
  for (auto const& [path, values] : expected)
    for (double const v : values)
      largest[kind(path)] = std::max(largest[kind(path)], std::abs(v));
  double worst = 0;
  EXPECT_EQ(found.size(), expected.size());
  for (auto const& [path, values] : expected) {
    auto const it = found.find(path);
    if (it == found.end() || it->second.size() != values.size()) {
      ADD_FAILURE() << path << " is missing or of another size";
      continue;
    }
    double scale = 0;
    for (double const v : values)
      scale = std::max(scale, std::abs(v));
    bool const moment = path.rfind("/optimizer", 0) == 0;
    scale = std::max(scale, (moment ? 1e-4 : 0.1) * largest[kind(path)]);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (double const d = std::abs(it->second[i] - values[i]) / std::max(scale, 1e-300); d > worst) {
        worst = d;
        where = path;
      }
  }
  return worst;
}

/// Runs `f` on the first ranks of the world, as many as the place has.
template <class F> void at(Place const& place, F&& f)
{
  auto const world = Communicator::world();
  bool const in = world.rank() < place.ranks;
  auto const ranks = world.split(in ? 0 : 1, world.rank());
  if (in)
    f(ranks);
  world.barrier();
}

struct Restart : ::testing::Test {
  test::SharedFolder const folder{"restart"};
  std::string file(std::string const& name) const { return folder / (name + ".h5"); }
};

TEST_F(Restart, FromEveryMeshOnEveryOther)
{
  auto const all = places();
  bool const first = Communicator::world().rank() == 0;
  std::vector<double> unbroken;
  at(all[0], [&](Communicator const& ranks) {
    SmallTraining run(all[0], ranks);
    run.steps(3, unbroken);
    run.save(file("three"));
    run.steps(3, unbroken);
    run.save(file("six"));
  });
  auto const three = content(file("three")), six = content(file("six"));
  auto const compare = [&](std::string const& name, std::string const& path, auto const& expected,
                           std::vector<double> const& losses, std::size_t from) {
    if (!first)
      return;
    double worst = 0;
    for (std::size_t i = 0; i < losses.size(); ++i)
      worst = std::max(worst, std::abs(losses[i] / unbroken[from + i] - 1));
    EXPECT_EQ(losses.size(), 3u);
    EXPECT_LE(worst, 1e-10) << name;
    std::string where;
    double const files = deviation(path, expected, where);
    EXPECT_LE(files, 1e-10) << name << " in " << where;
    std::printf("    %s: losses %.1e, files %.1e (%s)\n", name.c_str(), worst, files, where.c_str());
  };

  // Three steps here ...
  for (std::size_t a = 1; a < all.size(); ++a)
    at(all[a], [&](Communicator const& ranks) {
      std::vector<double> losses;
      SmallTraining run(all[a], ranks);
      run.steps(3, losses);
      run.save(file("from" + std::to_string(a)), 1); // as many writers as can be
      compare(all[a].name, file("from" + std::to_string(a)), three, losses, 0);
    });
  // ... and three there, each mesh once as the one and once as the other, so that others follow from
  // EveryMeshWritesTheSameFile.
  for (std::size_t from = 0; from < all.size(); ++from) {
    std::size_t const to = (from + 1) % all.size();
    at(all[to], [&](Communicator const& ranks) {
      std::vector<double> losses;
      SmallTraining run(all[to], ranks);
      run.load(from == 0 ? file("three") : file("from" + std::to_string(from)));
      run.steps(3, losses);
      run.save(file("moved"));
      compare(std::string(all[from].name) + " to " + all[to].name, file("moved"), six, losses, 3);
    });
  }
}

/// The file does not tell which mesh wrote it: what one rank wrote and a mesh has read, the mesh writes again bit by
/// bit, with as many writers as it has (three and three steps above: as few).
TEST_F(Restart, EveryMeshWritesTheSameFile)
{
  auto const all = places();
  at(all[0], [&](Communicator const& ranks) {
    std::vector<double> losses;
    SmallTraining run(all[0], ranks);
    run.steps(2, losses);
    run.save(file("one"));
  });
  auto const expected = content(file("one"));
  for (auto const& place : all) {
    at(place, [&](Communicator const& ranks) {
      SmallTraining run(place, ranks);
      run.load(file("one"));
      run.save(file("again"), 1); // as many writers as can be
    });
    if (Communicator::world().rank() == 0) {
      EXPECT_EQ(content(file("again")), expected) << place.name;
    }
    Communicator::world().barrier();
  }
}

/// One bit of a part that only one rank reads: all ranks refuse the file.
TEST_F(Restart, DamageInAnyPartIsSeenByAllRanks)
{
  auto const all = places();
  auto const world = Communicator::world();
  auto const& place = all[5];
  at(place, [&](Communicator const& ranks) {
    std::vector<double> losses;
    SmallTraining run(place, ranks);
    run.steps(1, losses);
    run.save(file("good"));
    std::string const name = "/model/layers.0.1.layers.0.0.to_qkv.weight_orig";
    if (ranks.rank() == 0) {
      auto const values = io::Hdf5File::open_read(file("good")).read(name);
      std::FILE* const f = std::fopen(file("good").c_str(), "r+b");
      std::vector<char> bytes(std::filesystem::file_size(file("good")));
      ASSERT_EQ(std::fread(bytes.data(), 1, bytes.size(), f), bytes.size());
      auto const* last = reinterpret_cast<char const*>(&values.back());
      auto const found = std::search(bytes.begin(), bytes.end(), last, last + sizeof(double));
      ASSERT_NE(found, bytes.end());
      std::fseek(f, found - bytes.begin(), SEEK_SET);
      std::fputc(*found ^ 1, f);
      std::fclose(f);
    }
    ranks.barrier();
    run.steps(1, losses);
    auto const before = run.parameters()[0].value().to_host(Exec());
    try {
      run.load(file("good"));
      ADD_FAILURE() << "a damaged file was taken";
    } catch (Error const& e) {
      EXPECT_NE(std::string(e.what()).find(name), std::string::npos) << e.what();
    }
    // The part with the damage and all others are what they were.
    auto const& first = run.parameters()[0].value();
    EXPECT_EQ(first.to_host(Exec()), before);
  });
}

} // namespace
} // namespace rossby
