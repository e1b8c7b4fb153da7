#include "commands.hpp"

#include "io/hdf5.hpp"
#include "io/tensor_file.hpp"
#include "train/config.hpp"
#include <rossby/core/deck_block.hpp>
#include <rossby/core/log.hpp>
#include <rossby/models/model.hpp>
#include <rossby/parallel/plans.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <numeric>

namespace rossby::app {

namespace {
struct Options {
  DeckArguments deck;
  int ranks = 0;
  bool mesh = false, parameters = false;
};

/// HDF5 files begin with this, whatever they are called.
bool is_hdf5(std::string const& file)
{
  std::ifstream in(file, std::ios::binary);
  char head[8] = {};
  return in.read(head, sizeof head) && std::string(head, sizeof head) == std::string("\x89HDF\r\n\x1a\n", 8);
}

void print_model(RunConfig const& c, bool list_parameters)
{
  Spec const& spec = *c.model;
  FieldShape const& m = spec.fields;
  auto const model = make_model(spec);
  auto const& parameters = model->parameters().all();
  Precision const& precision = c.trainer.precision;
  index_t total = 0, unused = 0;
  for (auto const& p : parameters)
    if (p.spec.initial.kind != Initial::Kind::unit_vector) { // the vectors of spectral norm are no parameters
      total += product(p.spec.shape);
      unused += p.spec.used ? 0 : product(p.spec.shape);
    }
  logging::info(fmt::format("model         {}", spec.type()));
  auto const [rows, columns] = spec.padded_grid();
  logging::info(fmt::format("grid          {} x {}, padded to {} x {}", m.height, m.width, rows, columns));
  logging::info(fmt::format("channels      {} in ({} x {} frames), {} out", m.input_channels(), m.in(), m.frames,
                            m.output_channels()));
  logging::info(fmt::format("parameters    {} ({:.1f} MB in {}; {} of them only kept for CREDIT)", total,
                            static_cast<double>(total) * static_cast<double>(size_of(precision.parameters)) / 1e6,
                            name_of(precision.parameters), unused));
  if (precision.fields != precision.parameters)
    logging::info(fmt::format("mixed         fields in {}, sums in {}", name_of(precision.fields),
                              name_of(precision.parameters)));
  logging::info(fmt::format("forward pass  {:.4g} GFLOP for one sample; a training step about three times that\n",
                            forward_flops(spec) / 1e9));
  logging::info("part         grid          channels  GFLOP");
  for (auto const& part : spec.parts())
    logging::info(fmt::format("{:<12} {:<13} {:<9} {:.4g}", part.name, fmt::format("{} x {}", part.rows, part.cols),
                              part.channels, part.flops / 1e9));
  if (!list_parameters)
    return;
  logging::info("");
  for (auto const& p : parameters)
    logging::info(fmt::format("{:<60} {}{}", p.spec.name, to_string(p.spec.shape),
                              !p.spec.used ? "  unused" : (p.spec.trainable ? "" : "  not trained")));
}

/// "0-44", counted from 0, both included.
std::string range(index_t begin, index_t end) { return begin == end ? "none" : fmt::format("{}-{}", begin, end - 1); }

void print_mesh(RunConfig const& c, int ranks)
{
  ParallelismConfig const& p = c.trainer.parallelism;
  Problems problems;
  p.check(ranks, problems);
  problems.raise();
  auto const model = make_model(*c.model);
  auto const one = stored_elements(model->parameters(), {}, 1).front().sum(); // before blocks are marked
  cut_tensor_blocks(*model, p.tensor, p.tensor_whole);
  auto const tiles = model->cut(process_grid(p));
  logging::info(fmt::format("mesh of {} ranks: data {} x tensor {} x domain {} x {}", ranks, ranks / p.group_size(),
                            p.tensor, p.domain[0], p.domain[1]));
  if (p.tensor > 1 && !p.tensor_whole.empty())
    logging::info(fmt::format("tensor ranks share every layer but those of stage {}",
                              fmt::join(p.tensor_whole.begin(), p.tensor_whole.end(), ", ")));
  logging::info(fmt::format("grid {} x {}, cut into whole cells of {} x {} coarse ones\n", tiles.input.height(),
                            tiles.input.width(), tiles.coarsest.height(), tiles.coarsest.width()));
  auto const stored = stored_elements(model->parameters(), p, ranks);
  logging::info("rank   data  tensor  domain   rows        columns     coarse cells  parameters   moments");
  for (int r = 0; r < ranks; ++r) {
    int const tile = r % p.domain_size(), place = r % p.group_size();
    Box const &box = tiles.input.box(place), &coarse = tiles.coarsest.box(place);
    logging::info(fmt::format(
        "{:<6} {:<5} {:<7} {:<8} {:<11} {:<11} {:<13} {:<12} {}", r, r / p.group_size(), r / p.domain_size() % p.tensor,
        fmt::format("{}, {}", tile / p.domain[1], tile % p.domain[1]), range(box.row0, box.row1),
        range(box.col0, box.col1), fmt::format("{} x {}", coarse.rows(), coarse.cols()),
        stored[static_cast<std::size_t>(r)].parameters, stored[static_cast<std::size_t>(r)].moments));
  }
  index_t total = 0, most = 0;
  for (auto const& s : stored) {
    total += s.sum();
    most = std::max(most, s.sum());
  }
  logging::info(
      fmt::format("\nparameters and moments of the rank with most: {:.3f} of the mean, {:.3f} / {} of one rank's",
                  static_cast<double>(most) * ranks / static_cast<double>(total),
                  static_cast<double>(most) * ranks / static_cast<double>(one), ranks));
}

int info_of_deck(Options const& o, Communicator const& world)
{
  auto const deck = o.deck.load(world, DataFiles::leave);
  Problems problems;
  RunConfig c;
  c.model = read_spec(deck["model"], problems);
  c.trainer = TrainerConfig::read(deck["trainer"], problems, false);
  for (auto const& [key, block] : deck.root().entries()) // the other blocks belong to other commands
    if (key != "model" && key != "trainer")
      block.mark_read();
  deck.check_all_read(problems);
  problems.raise();
  if (o.mesh)
    print_mesh(c, o.ranks > 0 ? o.ranks : world.size());
  else
    print_model(c, o.parameters);
  return 0;
}

/// One line for each dataset, and a count for each top-level group.
void list_group(io::Hdf5File const& file, std::string const& group, bool all)
{
  struct Tally {
    index_t datasets = 0, elements = 0;
  };
  std::function<Tally(std::string const&)> const visit = [&](std::string const& path) {
    Tally t;
    if (file.is_group(path)) {
      for (auto const& name : file.list(path)) {
        auto const inner = visit(path + "/" + name);
        t.datasets += inner.datasets;
        t.elements += inner.elements;
      }
      return t;
    }
    auto const shape = file.shape(path);
    if (all)
      logging::info(fmt::format("{:<70} {}", path, to_string(shape)));
    return Tally{1, product(shape)};
  };
  auto const t = visit(group);
  if (!all)
    logging::info(fmt::format("{:<20} {} dataset{}, {} element{}", group, t.datasets, t.datasets == 1 ? "" : "s",
                              t.elements, t.elements == 1 ? "" : "s"));
}

int info_of_file(Options const& o)
{
  auto const file = io::Hdf5File::open_read(o.deck.file);
  logging::info(fmt::format("{}: HDF5\n", o.deck.file));
  for (auto const& name : file.list("/"))
    list_group(file, "/" + name, o.parameters);
  return 0;
}

int info(Options const& o, Communicator const& world)
{
  if (io::TensorFile::is_one(o.deck.file))
    return info_of_tensors(o.deck.file, o.parameters);
  return is_hdf5(o.deck.file) ? info_of_file(o) : info_of_deck(o, world);
}
} // namespace

void add_info(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command = program.add_subcommand(
      "info", "Describe the model of a deck, its device mesh, or the contents of an HDF5, torch or safetensors file");
  o->deck.add_to(*command);
  command->add_flag("--parameters", o->parameters, "List every parameter (of a file: every dataset)");
  command->add_flag("--mesh", o->mesh, "Show which rank has which tile and how many parameters");
  command->add_option("-n,--ranks", o->ranks, "Number of ranks for --mesh (default: as started)")
      ->check(CLI::PositiveNumber);
  command->callback([o, &job] { job = {[o](Communicator const& world) { return info(*o, world); }, false}; });
}

} // namespace rossby::app
