#include "train/postblocks.hpp"

#include "postblock.hpp"

#include "core/rows.hpp"
#include <rossby/autograd/functions.hpp>
#include <rossby/ops/elementwise.hpp>

#include <algorithm>

namespace rossby {

namespace {
template <class... F> struct Overloaded : F... {
  using F::operator()...;
};
template <class... F> Overloaded(F...) -> Overloaded<F...>;

/// newest[b, cell, c] = the last frame of channel c.
template <class T> void take_newest(Exec const& exec, int frames, View<T const, 3> input, View<T, 3> newest)
{
  index_t const cells = static_cast<index_t>(newest.extent(1)), channels = static_cast<index_t>(newest.extent(2));
  for_rows(
      "rossby::train::take_newest", exec, static_cast<index_t>(newest.extent(0)) * cells, channels,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const cell = row.number() % cells, b = row.number() / cells;
        row.each(channels, [&](index_t c) { newest(b, cell, c) = input(b, cell, c * frames + frames - 1); });
      });
}

/// The same cells with `channels` channels.
Array resized(Exec const& exec, Array const& field, index_t channels)
{
  index_t const old = field.extent(field.rank() - 1);
  Shape shape = field.shape();
  shape.back() = channels;
  Array const result = channels > old ? Array::zeros(exec, field.dtype(), shape) : Array::empty(field.dtype(), shape);
  ops::copy_channels(exec, field, 0, result, 0, std::min(old, channels));
  return result;
}

Var with_channels(Context& context, Var const& field, index_t channels)
{
  index_t const old = field.value().extent(field.value().rank() - 1);
  if (channels == old)
    return field;
  bool const recording = context.recording(field);
  Var const result(resized(context.exec, field.value(), channels), recording);
  if (recording)
    context.tape->record("channels", result, [field, result, old](Exec const& exec) {
      field.accumulate(exec, resized(exec, result.grad(), old));
    });
  return result;
}

std::vector<TransformChain> padded(std::vector<TransformChain> chains, index_t channels)
{
  chains.resize(static_cast<std::size_t>(channels));
  return chains;
}
} // namespace

std::unique_ptr<Postblock> make_postblock(CoupledBlock const& block, PostblockPlace const& place)
{
  return std::visit(Overloaded{[&](MassFixer const& b) { return make_mass_fixer(b, block.deck_key, place); },
                               [&](HumidityFixer const& b) { return make_humidity_fixer(b, block.deck_key, place); },
                               [&](WaterFixer const& b) { return make_water_fixer(b, block.deck_key, place); },
                               [&](EnergyFixer const& b) { return make_energy_fixer(b, block.deck_key, place); },
                               [&](WindFilter const& b) { return make_wind_filter(b, place); },
                               [](SeaLevelPressure const& b) { return make_diagnostic(b); },
                               [](GeopotentialDiagnostic const& b) { return make_diagnostic(b); },
                               [](PressureInterpolation const& b) { return make_interpolation(b); },
                               [](HybridInterpolation const& b) { return make_interpolation(b); }},
                    block.what);
}

Postblocks::Postblocks(DataPlan const& plan, Box const& input_tile, Tiling const& output, Communicator const& spatial)
    : channels_(plan.schema.target_channels()), added_(channels_of(plan.transforms.derived)),
      input_channels_(plan.schema.input_channels()), frames_(plan.schema.n_time),
      flattens_(!plan.transforms.flatten.empty()),
      first_(plan.transforms.output, output.box(spatial.rank()), plan.grid.width()),
      flat_(padded(plan.transforms.flatten, channels_), output.box(spatial.rank()), plan.grid.width()),
      input_(padded(plan.transforms.physical_input, input_channels_), input_tile, plan.grid.width())
{
  PostblockPlace const place{spatial, output};
  for (auto const& stage : plan.transforms.stages) {
    stages_.push_back({make_postblock(*stage.block, place),
                       DeviceChains(padded(stage.after, channels_ + added_), place.tile(), plan.grid.width())});
  }
}

Array Postblocks::physical_input(Exec const& exec, Array const& input) const
{
  index_t const samples = input.extent(0), cells = input.size() / (samples * input_channels_ * frames_);
  Array const newest = Array::empty(input.dtype(), {samples, cells, input_channels_});
  Array const old = input.reshaped({samples, cells, input_channels_ * frames_});
  dispatch_wide(input.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    take_newest<T>(exec, frames_, old.view<T, 3>(), newest.view<T, 3>());
  });
  if (!input_.identity())
    input_.apply(exec, newest, newest);
  return newest;
}

Var Postblocks::apply(Context& context, Var const& raw, Array const& x) const
{
  Var const first = first_(context, raw);
  if (!has_stages())
    return first;
  Shape shape = raw.value().shape();
  Var y = reshape(context, with_channels(context, first, channels_ + added_),
                  {shape[0], shape[1] * shape[2], channels_ + added_});
  for (auto const& stage : stages_)
    y = stage.after(context, stage.block->apply(context, y, x));
  shape.back() = channels_ + added_;
  return reshape(context, y, shape);
}

Var Postblocks::flat(Context& context, Var const& physical) const
{
  return flat_(context, leading_channels(context, physical, channels_));
}

Array Postblocks::with_added(Exec const& exec, Array const& truth, Array const& x) const
{
  if (added_ == 0)
    return truth;
  Context context;
  context.exec = exec;
  Shape shape = truth.shape();
  shape.back() = channels_ + added_;
  Var y(resized(exec, truth, channels_ + added_).reshaped({shape[0], shape[1] * shape[2], shape[3]}));
  for (auto const& stage : stages_)
    if (stage.block->only_adds())
      y = stage.block->apply(context, y, x);
  return y.value().reshaped(shape);
}

Var leading_channels(Context& context, Var const& field, index_t count) { return with_channels(context, field, count); }

} // namespace rossby
