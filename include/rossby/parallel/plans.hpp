#pragma once
/// \file
/// Parallel plans for a model, under the names of CREDIT's `credit.parallel`; docs/parallel.md says where they differ.
///
///   auto const mesh = build_device_mesh(config, world);
///   auto const model = make_model(model_config);
///   apply_domain_parallel(*model, mesh);
///   apply_tensor_parallel(*model, mesh, config.tensor_whole);
///   apply_ddp(*model, mesh);                       // or apply_fsdp2(*model, mesh)
///   model->allocate(exec, dtype, seed);
///
/// in this order; `parallelise` does all of it. On every mesh the model is the same function: loss, outputs and
/// parameter gradients are those of one rank, to round-off.

#include <rossby/models/model.hpp>
#include <rossby/parallel/mesh.hpp>
#include <rossby/params/gradients.hpp>

namespace rossby {

/// Arranges `world` as data x tensor x domain. \throws Error (trainer.parallelism) when its size is not divisible.
Mesh build_device_mesh(ParallelismConfig const&, Communicator const& world);

/// How the ranks of one sample would be arranged.
ProcessGrid process_grid(ParallelismConfig const&);

/// Cuts the sphere into the tiles of the mesh: activations, and all work on them, are shared by the domain group.
void apply_domain_parallel(Model&, Mesh const&);
/// Lets the tensor group share every pair of layers that a block declares as column- and row-parallel, and the cells of
/// its domain tile everywhere else. \throws Error naming the blocks whose heads can't be shared evenly.
void apply_tensor_parallel(Model&, Mesh const&, std::set<int> const& whole_stages = {});
/// The part of it that needs no ranks: marks the parameters that a tensor group of `degree` ranks would share.
void cut_tensor_blocks(Model&, int degree, std::set<int> const& whole_stages = {});
/// Every rank keeps its block of the parameters and gets the summed gradients.
void apply_ddp(Model&, Mesh const&);
/// Every rank keeps a share of the parameters, their gradients and their optimizer state, and has the whole of a unit
/// (a transformer layer, a decoder block, an embedding) only while it computes with it.
void apply_fsdp2(Model&, Mesh const&);
/// All of the above, as the deck wants it.
void parallelise(Model&, Mesh const&, ParallelismConfig const&);

/// Elements that a rank stores.
struct StoredElements {
  index_t parameters = 0; ///< of all parameters, spectral norm's vectors included
  index_t moments = 0;    ///< of AdamW
  index_t sum() const { return parameters + moments; }
};
/// What each of `ranks` ranks would store, once the tensor groups' blocks are marked; no rank is asked.
std::vector<StoredElements> stored_elements(Parameters const&, ParallelismConfig const&, int ranks);

/// Where a model's tiles are. It refers to the model.
class DomainManager {
public:
  explicit DomainManager(Model const& model) : model_(&model) {}
  Communicator const& ranks() const { return model_->layout().spatial; }
  Tiling const& input() const { return model_->input_tiling(); }
  Tiling const& output() const { return model_->output_tiling(); }

private:
  Model const* model_;
};
DomainManager get_domain_manager(Model const&);
/// The model itself: plans are part of it, nothing is wrapped.
inline Model& get_raw_model(Model& model) { return model; }

/// This rank's tile [B, rows, cols, C] of a whole field [B, H, W, C] that every rank holds.
Array shard_spatial(Exec const&, Array const& whole, DomainManager const&);
/// The whole field on every rank, from tiles of the input grid or of the output grid. Collective.
Array gather_spatial(Exec const&, Array const& tile, DomainManager const&, Tiling const& tiling);

/// Sums the gradients over the ranks with a copy of each parameter, in place. Collective over all ranks of the mesh.
void sync_domain_gradients(Exec const&, Model&);

} // namespace rossby
