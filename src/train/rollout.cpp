// Autoregression on the device. The newest frame of the next input is gathered channel by channel from the model's
// output, the frame before and the new forcing, turned from the output's normalisation into the input's, and put behind
// the older frames. Where the model's output has other tiles than its input, index maps bring the output, and the
// truth, across.
#include <rossby/rollout.hpp>

#include "core/rows.hpp"
#include "core/upload.hpp"
#include "train/postblocks.hpp"
#include <rossby/dist/index_map.hpp>
#include <rossby/models/model.hpp>
#include <rossby/parallel/mesh.hpp>
#include <rossby/session.hpp>

#include <optional>

namespace rossby {

namespace {
using Channels = decltype(IndexList().view());

/// Where a channel of the newest frame comes from, as one number for kernels: an output channel, the frame before (it
/// stays), or a channel of the new forcing.
struct Origin {
  static constexpr index_t stays = -1;
  static constexpr index_t of_forcing(index_t channel) { return stays - 1 - channel; }
  KOKKOS_INLINE_FUNCTION static constexpr index_t forcing(index_t origin) { return stays - 1 - origin; }
};

/// newest[b, cell, c] = the raw value that enters channel c of the newest frame.
template <class T>
void gather_newest(Exec const& exec, Channels source, int frames, View<T const, 3> input, View<T const, 3> output,
                   View<T const, 3> forcing, View<T, 3> newest)
{
  index_t const cells = static_cast<index_t>(newest.extent(1)), channels = static_cast<index_t>(newest.extent(2));
  for_rows(
      "rossby::train::gather_newest", exec, static_cast<index_t>(newest.extent(0)) * cells, channels,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const cell = row.number() % cells, b = row.number() / cells;
        row.each(channels, [&](index_t c) {
          index_t const s = source(c);
          newest(b, cell, c) = s >= 0               ? output(b, cell, s)
                               : s == Origin::stays ? input(b, cell, c * frames + frames - 1)
                                                    : forcing(b, cell, Origin::forcing(s));
        });
      });
}

/// Frames move down by one and the newest comes last.
template <class T>
void shift_frames(Exec const& exec, int frames, View<T const, 3> input, View<T const, 3> newest, View<T, 3> next)
{
  index_t const cells = static_cast<index_t>(next.extent(1)), width = static_cast<index_t>(next.extent(2));
  for_rows(
      "rossby::train::shift_frames", exec, static_cast<index_t>(next.extent(0)) * cells, width,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const cell = row.number() % cells, b = row.number() / cells;
        row.each(width, [&](index_t k) {
          next(b, cell, k) = k % frames + 1 < frames ? input(b, cell, k + 1) : newest(b, cell, k / frames);
        });
      });
}

std::vector<TransformChain> clamp_chains(std::optional<std::pair<double, double>> const& bounds, index_t channels)
{
  std::vector<TransformChain> chains(static_cast<std::size_t>(channels));
  if (bounds) {
    TransformStep step;
    step.kind = TransformStep::Kind::clamp;
    step.low = bounds->first;
    step.high = bounds->second;
    for (auto& chain : chains)
      chain.push_back(step);
  }
  return chains;
}

/// What becomes of the model's output before all else: clamps, then the deck's own.
std::vector<TransformChain> followed_by(std::vector<TransformChain> chains, std::vector<TransformChain> const& more)
{
  for (std::size_t c = 0; c < more.size(); ++c)
    chains[c].insert(chains[c].end(), more[c].begin(), more[c].end());
  return chains;
}

bool same_tiles(Tiling const& a, Tiling const& b)
{
  bool same = a.ranks() == b.ranks();
  for (int r = 0; same && r < a.ranks(); ++r)
    same = a.box(r) == b.box(r);
  return same;
}

Array moved(Exec const& exec, std::optional<IndexMap> const& map, Box const& to, Array const& field)
{
  if (!map)
    return field;
  index_t const samples = field.extent(0), channels = field.extent(3);
  Array const result = Array::empty(field.dtype(), {samples, to.rows(), to.cols(), channels});
  map->apply(exec, field.reshaped({samples, field.extent(1) * field.extent(2), channels}),
             result.reshaped({samples, to.cells(), channels}));
  return result;
}
} // namespace

struct Rollout::Impl {
  Model* model;
  int frames;
  index_t channels, forcing_channels, target_channels;
  Box input_tile, output_tile;
  IndexList source; ///< where each base channel of the newest frame comes from; see Origin
  DeviceChains feedback, input_clamp, output_clamp;
  Postblocks postblocks;
  std::optional<IndexMap> target_map, feedback_map; ///< where input and output tiles differ

  Impl(DataPlan const& plan, Model& m, Communicator const& spatial)
      : model(&m), frames(m.fields().frames), channels(plan.schema.input_channels()),
        forcing_channels(static_cast<index_t>(plan.schema.forcing().size())),
        target_channels(plan.schema.target_channels()), input_tile(m.input_tiling().box(spatial.rank())),
        output_tile(m.output_tiling().box(spatial.rank())),
        feedback(plan.transforms.feedback, input_tile, plan.grid.width()),
        input_clamp(clamp_chains(plan.config.clamp, channels * frames), input_tile, plan.grid.width()),
        output_clamp(followed_by(clamp_chains(plan.config.clamp, target_channels), plan.transforms.own_output),
                     output_tile, plan.grid.width()),
        postblocks(plan, input_tile, m.output_tiling(), spatial)
  {
    auto const fed = plan.schema.feedback(), forced = plan.schema.forcing();
    std::vector<index_t> origins(fed.begin(), fed.end());
    for (std::size_t k = 0; k < forced.size(); ++k)
      origins[static_cast<std::size_t>(forced[k])] = Origin::of_forcing(static_cast<index_t>(k));
    source = IndexList(Exec(), origins);
    auto const &in = m.input_tiling(), &out = m.output_tiling();
    if (in.height() != out.height() || in.width() != out.width())
      fail("model", "its output grid is not the grid of the data", "set model.interp: True");
    if (!same_tiles(in, out)) {
      target_map.emplace(Exec(), spatial, in, cells_of(output_tile, in.width()));
      feedback_map.emplace(Exec(), spatial, out, cells_of(input_tile, in.width()));
    }
  }
};

Rollout::Rollout(DataPlan const& plan, Model& model, Communicator const& spatial)
    : impl_(std::make_unique<Impl>(plan, model, spatial))
{
}
Rollout::Rollout(Session& session) : Rollout(session.plan(), session.model(), session.mesh().spatial) {}
Rollout::~Rollout() = default;
Rollout::Rollout(Rollout&&) noexcept = default;
Rollout& Rollout::operator=(Rollout&&) noexcept = default;

Box const& Rollout::tile() const { return impl_->input_tile; }
Box const& Rollout::output_tile() const { return impl_->output_tile; }
Model& Rollout::model() const { return *impl_->model; }
Postblocks const& Rollout::postblocks() const { return impl_->postblocks; }
Var Rollout::clamp_output(Context& context, Var const& output) const { return impl_->output_clamp(context, output); }

Array Rollout::first_input(Exec const& exec, DType dtype, BatchStep const& batch) const
{
  Array const input =
      upload(exec, dtype,
             {batch.samples(), impl_->input_tile.rows(), impl_->input_tile.cols(), impl_->channels * impl_->frames},
             batch.input);
  if (!impl_->input_clamp.identity())
    impl_->input_clamp.apply(exec, input, input);
  return input;
}

Array Rollout::next_input(Exec const& exec, Array const& input, Array const& output, BatchStep const& batch) const
{
  index_t const samples = batch.samples(), cells = impl_->input_tile.cells();
  DType const dtype = input.dtype();
  Array const forcing = upload(exec, dtype, {samples, cells, impl_->forcing_channels}, batch.forcing);
  Array const state =
      moved(exec, impl_->feedback_map, impl_->input_tile, output).reshaped({samples, cells, output.extent(3)});
  Array const old = input.reshaped({samples, cells, impl_->channels * impl_->frames});
  Array const newest = Array::empty(dtype, {samples, cells, impl_->channels}), next = Array::empty(dtype, old.shape());
  dispatch_wide(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    gather_newest<T>(exec, impl_->source.view(), impl_->frames, old.view<T, 3>(), state.view<T, 3>(),
                     forcing.view<T, 3>(), newest.view<T, 3>());
  });
  if (!impl_->feedback.identity())
    impl_->feedback.apply(exec, newest, newest);
  dispatch_wide(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    shift_frames<T>(exec, impl_->frames, old.view<T, 3>(), newest.view<T, 3>(), next.view<T, 3>());
  });
  if (!impl_->input_clamp.identity())
    impl_->input_clamp.apply(exec, next, next);
  return next.reshaped(input.shape());
}

Array Rollout::target(Exec const& exec, DType dtype, BatchStep const& batch, bool physical) const
{
  return moved(exec, impl_->target_map, impl_->output_tile,
               upload(exec, dtype,
                      {batch.samples(), impl_->input_tile.rows(), impl_->input_tile.cols(), impl_->target_channels},
                      physical ? batch.target_physical : batch.target));
}

Array Rollout::physical_input(Exec const& exec, Array const& input) const
{
  Array const x = impl_->postblocks.physical_input(exec, input);
  return moved(exec, impl_->target_map, impl_->output_tile,
               x.reshaped({x.extent(0), impl_->input_tile.rows(), impl_->input_tile.cols(), x.extent(2)}))
      .reshaped({x.extent(0), impl_->output_tile.cells(), x.extent(2)});
}

void RolloutUnderWay::feed(Exec const& exec, BatchStep const& batch)
{
  if (batch.step == 0) {
    input_ = rollout_->first_input(exec, rollout_->model().parameters().dtype(), batch);
  } else {
    Context context;
    context.exec = exec;
    bool const corrected = rollout_->postblocks().has_stages();
    input_ = rollout_->next_input(exec, input_, corrected ? physical(context).value() : output(), batch);
  }
  physical_input_ = Array();
}

Var RolloutUnderWay::step(Context& context)
{
  output_ = again(context, input_);
  physical_ = Var();
  return output_;
}

Var RolloutUnderWay::again(Context& context, Array const& input) const
{
  return rollout_->clamp_output(context, rollout_->model().forward(context, Var(input)));
}

Array const& RolloutUnderWay::physical_input(Exec const& exec)
{
  if (!physical_input_ && rollout_->postblocks().has_stages())
    physical_input_ = rollout_->physical_input(exec, input_);
  return physical_input_;
}

Var const& RolloutUnderWay::physical(Context& context)
{
  if (!physical_)
    physical_ = rollout_->postblocks().apply(context, output_, physical_input(context.exec));
  return physical_;
}

Var RolloutUnderWay::flat(Context& context)
{
  return rollout_->postblocks().flattens() ? rollout_->postblocks().flat(context, physical(context)) : output_;
}

Array RolloutUnderWay::truth(Exec const& exec, BatchStep const& batch, bool in_physical_units, bool with_added)
{
  Array const target = rollout_->target(exec, output().dtype(), batch, in_physical_units);
  return in_physical_units && with_added ? rollout_->postblocks().with_added(exec, target, physical_input(exec))
                                         : target;
}

} // namespace rossby
