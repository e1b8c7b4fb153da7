#include <rossby/parallel/plans.hpp>

#include "params/share_table.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace rossby {

namespace {
std::string weight_name(Parameters& parameters, std::string const& layer)
{
  return parameters.find(layer + ".weight") ? layer + ".weight" : layer + ".weight_orig";
}

void cut(Parameters& parameters, std::string const& name, TensorCut how, index_t sections)
{
  Parameter* const p = parameters.find(name);
  ROSSBY_EXPECT(p != nullptr);
  p->spec.cut = how;
  p->spec.sections = sections;
}
} // namespace

ProcessGrid process_grid(ParallelismConfig const& c) { return {c.domain[0], c.domain[1], c.tensor, c.tensor_whole}; }

Mesh build_device_mesh(ParallelismConfig const& config, Communicator const& world) { return Mesh(world, config); }

void apply_domain_parallel(Model& model, Mesh const& mesh)
{
  auto layout = model.layout();
  layout.spatial = mesh.domain;
  layout.grid.rows = mesh.rows;
  layout.grid.columns = mesh.columns;
  layout.parameters.world = mesh.domain;
  model.set_layout(layout);
}

void cut_tensor_blocks(Model& model, int degree, std::set<int> const& whole_stages)
{
  Problems problems;
  auto& parameters = model.parameters();
  int last = 0;
  for (auto const& block : model.tensor_blocks())
    last = std::max(last, block.stage);
  if (!whole_stages.empty() && *whole_stages.rbegin() > last)
    problems.error("trainer.tensor_whole", fmt::format("holds {}", *whole_stages.rbegin()),
                   fmt::format("the model's stages are 0 to {}", last));
  for (auto const& block : model.tensor_blocks()) {
    if (degree == 1 || whole_stages.count(block.stage))
      continue;
    if (block.indivisible % degree != 0) {
      problems.error("trainer.parallelism.tensor",
                     fmt::format("{} ranks can't share the {} of {} evenly: {}", degree, block.what, block.name,
                                 block.indivisible),
                     fmt::format("use a degree that divides them, or add {} to trainer.tensor_whole", block.stage));
      continue;
    }
    std::string const column = block.name + "." + block.column, row = block.name + "." + block.row;
    cut(parameters, weight_name(parameters, column), TensorCut::rows, block.sections);
    if (parameters.find(column + ".bias"))
      cut(parameters, column + ".bias", TensorCut::rows, block.sections);
    cut(parameters, weight_name(parameters, row), TensorCut::columns, 1);
    for (auto const& path : block.along) {
      std::string const name = block.name + "." + path;
      cut(parameters, parameters.find(name) ? name : weight_name(parameters, name), TensorCut::rows, 1);
    }
  }
  problems.raise();
}

void apply_tensor_parallel(Model& model, Mesh const& mesh, std::set<int> const& whole_stages)
{
  cut_tensor_blocks(model, mesh.tensor.size(), whole_stages);
  auto layout = model.layout();
  layout.spatial = mesh.spatial;
  layout.grid.tensor = mesh.tensor.size();
  layout.grid.tensor_whole = whole_stages;
  layout.parameters = {mesh.spatial, mesh.domain, mesh.tensor, false};
  model.set_layout(layout);
}

void apply_ddp(Model& model, Mesh const& mesh)
{
  auto layout = model.layout();
  layout.parameters.world = mesh.world;
  layout.parameters.replicas = mesh.replicas;
  model.set_layout(layout);
}

void apply_fsdp2(Model& model, Mesh const& mesh)
{
  apply_ddp(model, mesh);
  auto layout = model.layout();
  layout.parameters.sharded = true;
  model.set_layout(layout);
}

void parallelise(Model& model, Mesh const& mesh, ParallelismConfig const& config)
{
  apply_domain_parallel(model, mesh);
  apply_tensor_parallel(model, mesh, config.tensor_whole);
  switch (config.data) {
  case ParallelismConfig::Data::none:
    break;
  case ParallelismConfig::Data::ddp:
    return apply_ddp(model, mesh);
  case ParallelismConfig::Data::fsdp2:
    return apply_fsdp2(model, mesh);
  }
}

std::vector<StoredElements> stored_elements(Parameters const& parameters, ParallelismConfig const& p, int ranks)
{
  bool const sharded = p.data == ParallelismConfig::Data::fsdp2;
  std::vector<ShareTable> tables; // by place in the tensor group
  for (int member = 0; sharded && member < p.tensor; ++member)
    tables.emplace_back(parameters.all(), member, p.tensor, ranks);
  std::vector<StoredElements> stored;
  for (int rank = 0; rank < ranks; ++rank) {
    int const member = rank / p.domain_size() % p.tensor;
    int const replica = rank / p.group_size() * p.domain_size() + rank % p.domain_size();
    StoredElements mine;
    for (int i = 0; i < parameters.size(); ++i) {
      auto const& spec = parameters[i].spec;
      int const holder = is_cut(spec) ? replica : rank;
      Part const part =
          sharded ? tables[static_cast<std::size_t>(member)].share(i, holder) : tensor_block(spec, member, p.tensor);
      mine.parameters += part.size();
      mine.moments += is_optimized(spec) ? 2 * part.size() : 0;
    }
    stored.push_back(mine);
  }
  return stored;
}

DomainManager get_domain_manager(Model const& model) { return DomainManager(model); }

Array shard_spatial(Exec const& exec, Array const& whole, DomainManager const& manager)
{
  index_t const batch = whole.extent(0), channels = whole.extent(3);
  Tiling const& grid = manager.input();
  ROSSBY_EXPECT(whole.extent(1) == grid.height() && whole.extent(2) == grid.width());
  Box const mine = grid.box(manager.ranks().rank());
  IndexMap const map(exec, Communicator(), Tiling::whole(grid.height(), grid.width()), cells_of(mine, grid.width()));
  Array const tile = Array::empty(whole.dtype(), {batch, mine.rows(), mine.cols(), channels});
  map.apply(exec, whole, tile);
  return tile;
}

Array gather_spatial(Exec const& exec, Array const& tile, DomainManager const& manager, Tiling const& tiling)
{
  IndexMap const map(exec, manager.ranks(), tiling, cells_of({0, tiling.height(), 0, tiling.width()}, tiling.width()));
  Array const whole = Array::empty(tile.dtype(), {tile.extent(0), tiling.height(), tiling.width(), tile.extent(3)});
  map.apply(exec, tile, whole);
  return whole;
}

void sync_domain_gradients(Exec const& exec, Model& model)
{
  auto& parameters = model.parameters();
  Gradients gradients(parameters);
  gradients.collect(exec, parameters);
  for (int i = 0; i < parameters.size(); ++i)
    if (gradients.present(i))
      parameters[i].var.accumulate(exec, gradients.of(i));
}

} // namespace rossby
