#pragma once
/// \file
/// One sample of every postblock that couples channels or cells, on fields of the atmosphere's sizes.

#include "data/postblocks.hpp"
#include "train/postblocks.hpp"

#include <cmath>
#include <map>
#include <string>

namespace rossby::test {

/// Prediction: T, q, u, v (3 levels), then surface fields; input: T, q, u, v, ps, sun, surface geopotential.
struct PostblockWorld {
  static constexpr index_t height = 9, width = 14, levels = 3, samples = 2, cells = height * width;
  static constexpr index_t T = 0, q = 3, u = 6, v = 9, ps = 12, rain = 13, evaporation = 14, flux = 15, t2m = 23,
                           channels = 24;
  static constexpr index_t input_ps = 12, sun = 13, surface = 14, input_channels = 15;
  static constexpr index_t room = 40; ///< channels that blocks may add

  Columns columns() const
  {
    Columns c;
    for (index_t i = 0; i < cells; ++i)
      c.area.push_back(1e12 * (1 + 0.5 * std::sin(0.3 * static_cast<double>(i / width))));
    c.a = {3000, 4000, 1000}; // level weights: a_k + b_k p_s sum up to p_s nearly
    c.b = {0.02, 0.3, 0.6};
    return c;
  }
  static std::vector<double> terrain()
  {
    std::vector<double> z;
    for (index_t i = 0; i < cells; ++i)
      z.push_back(9.80665 * (i % 3 == 0 ? 0.0 : 1400.0 + 1300 * std::sin(1.7 * static_cast<double>(i))));
    return z;
  }

  std::map<std::string, CoupledBlock> blocks() const
  {
    std::map<std::string, CoupledBlock> list;
    list["mass"] = {"mass", MassFixer{columns(), {q, 3}, {ps, 1}, {3, 3}, {input_ps, 1}}};
    HumidityFixer humidity{columns(), {3000, 1500, 0}, {0, 2500, 900}, 1, {q, 3}, {3, 3}};
    list["mass on pressure levels"] = {"mass", humidity};
    list["water"] = {"water",
                     WaterFixer{columns(), {q, 3}, {ps, 1}, {rain, 1}, {evaporation, 1}, {3, 3}, {input_ps, 1}, 21600}};
    EnergyFixer energy;
    energy.columns = columns();
    energy.surface_geopotential = terrain();
    energy.T = energy.input_T = {T, 3};
    energy.q = energy.input_q = {q, 3};
    energy.u = energy.input_u = {u, 3};
    energy.v = energy.input_v = {v, 3};
    energy.pressure = {ps, 1};
    energy.input_pressure = {input_ps, 1};
    energy.seconds = 21600;
    energy.top = {{true, sun, 1}, {false, flux, -1}, {false, flux + 1, -1}};
    for (index_t k = 2; k < 8; ++k)
      energy.surface.push_back({false, flux + k, (k == 3 || k == 5 ? -1 : 1) / energy.seconds});
    list["energy"] = {"energy", energy};
    WindFilter wind;
    wind.u = u + 1;
    wind.v = v + 1;
    wind.channels = {T + 1, q, u, u + 1, v + 2};
    wind.threshold = 22;
    wind.sigma_rows = 0.5;
    wind.sigma_columns = 0.8;
    wind.dilation_rows = 3;
    wind.dilation_columns = 5;
    wind.falloff = 0.7;
    list["wind"] = {"wind", wind};
    wind.preserve_amplitude = true;
    list["wind, amplitude kept"] = {"wind", wind};
    list["sea level pressure"] = {"mslp", SeaLevelPressure{{ps, 1}, {t2m, 1}, {channels, 1}, surface}};
    GeopotentialDiagnostic geopotential;
    geopotential.a_half = {0, 5000, 9000, 0};
    geopotential.b_half = {0, 0.1, 0.5, 1};
    geopotential.T = {T, 3};
    geopotential.q = {q, 3};
    geopotential.pressure = {ps, 1};
    geopotential.output = {channels, 3};
    geopotential.surface_geopotential = surface;
    list["geopotential"] = {"geopotential", geopotential};
    PressureInterpolation to_pressure;
    to_pressure.a = {2500, 7000, 4500};
    to_pressure.b = {0.05, 0.3, 0.75};
    to_pressure.pressures = {3000, 30000, 50000, 85000, 101000, 108000};
    to_pressure.held = {{{u, 3}, {channels, 6}}, {{q, 3}, {channels + 6, 6}}};
    to_pressure.T = {{T, 3}, {channels + 12, 6}};
    to_pressure.geopotential = {{v, 3}, {channels + 18, 6}}; // any field will do: it only finds a level
    to_pressure.pressure = {ps, 1};
    to_pressure.surface_geopotential = surface;
    list["pressure levels"] = {"pressure", to_pressure};
    to_pressure.reversed = true;
    list["pressure levels, from the ground up"] = {"pressure", to_pressure};
    HybridInterpolation hybrid;
    hybrid.a = {2500, 7000, 4500};
    hybrid.b = {0.05, 0.3, 0.75};
    hybrid.to_a = {0, 100, 6000, 5000, 0};
    hybrid.to_b = {0, 0.1, 0.2, 0.6, 0.99};
    hybrid.variables = {{{T, 3}, {channels, 5}}, {{v, 3}, {channels + 5, 5}}};
    hybrid.pressure = {ps, 1};
    list["hybrid levels"] = {"hybrid", hybrid};
    return list;
  }

  /// A run whose only postblock is this one.
  DataPlan plan(CoupledBlock const& block) const
  {
    DataPlan plan;
    auto const entry = [](std::string const& key, index_t first, index_t count) {
      SchemaEntry e;
      e.key = key;
      e.levels.assign(static_cast<std::size_t>(count), 0);
      e.first_channel = static_cast<int>(first);
      return e;
    };
    plan.schema.target = {entry("y", 0, channels)};
    plan.schema.input = {entry("x", 0, input_channels)};
    plan.schema.n_time = 1;
    plan.grid.latitude.assign(height, 0);
    plan.grid.longitude.assign(width, 0);
    plan.transforms.output.resize(static_cast<std::size_t>(channels));
    plan.transforms.derived = {entry("added", channels, room)};
    plan.transforms.stages = {{std::make_shared<CoupledBlock const>(block), {}}};
    return plan;
  }

  /// A value of the size that the channel has in nature, of the prediction or (`input`) of the state before.
  static double scale(index_t c)
  {
    return c < q              ? 30
           : c < u            ? 0.005
           : c < ps           ? 15
           : c == ps          ? 2000
           : c == rain        ? 0.002
           : c == evaporation ? 0.001
           : c < t2m          ? (c < flux + 2 ? 50 : 1e6)
                              : 40;
  }
  static double middle(index_t c)
  {
    return c < q              ? 250 + 15 * static_cast<double>(c)
           : c < u            ? 0.006
           : c < ps           ? 10
           : c == ps          ? 97000
           : c == rain        ? 0.003
           : c == evaporation ? -0.002
           : c < t2m          ? (c < flux + 2 ? 200 : 4e6)
                              : 280;
  }
  static double value(index_t sample, index_t cell, index_t c, double phase)
  {
    double const s = static_cast<double>(sample), i = static_cast<double>(cell), k = static_cast<double>(c);
    return middle(c) + scale(c) * std::sin(phase + 0.9 * s + 0.37 * i * (1 + 0.13 * k) + k);
  }
  /// [samples, cells of the box, channels]
  std::vector<double> y(Box const& box) const
  {
    std::vector<double> values;
    for (index_t s = 0; s < samples; ++s)
      for (auto const cell : cells_of(box, width))
        for (index_t c = 0; c < channels; ++c)
          values.push_back(value(s, cell, c, 0));
    return values;
  }
  std::vector<double> x(Box const& box) const
  {
    auto const z = terrain();
    std::vector<double> values;
    for (index_t s = 0; s < samples; ++s)
      for (auto const cell : cells_of(box, width))
        for (index_t c = 0; c < input_channels; ++c)
          values.push_back(c == surface ? z[static_cast<std::size_t>(cell)]
                           : c == sun   ? 340 + 200 * std::sin(0.2 * static_cast<double>(cell))
                                        : value(s, cell, c == input_ps ? index_t{ps} : c, 0.4));
    return values;
  }
  /// What the result's gradient is, so that every channel counts alike.
  std::vector<double> seed(Box const& box) const
  {
    std::vector<double> values;
    for (index_t s = 0; s < samples; ++s)
      for (auto const cell : cells_of(box, width))
        for (index_t c = 0; c < channels + room; ++c)
          values.push_back(
              std::sin(1.3 * static_cast<double>(s) + 0.71 * static_cast<double>(cell) + 2.1 * static_cast<double>(c)) /
              (c < channels ? scale(c) : 30));
    return values;
  }

  struct Result {
    std::vector<double> y, dy;
  };
  /// The block on this rank's tile, and what it passes back of seed().
  Result run(CoupledBlock const& block, Tiling const& tiling, Communicator const& ranks, std::vector<double> const& y_,
             DType type = DType::float64) const
  {
    Box const tile = tiling.box(ranks.rank());
    Postblocks const postblocks(plan(block), tile, tiling, ranks);
    Shape const shape{samples, tile.rows(), tile.cols(), channels};
    Context context;
    Tape tape;
    context.tape = &tape;
    Var const raw(Array::from_host(Exec(), type, shape, y_), true);
    Array const input = Array::from_host(Exec(), type, {samples, tile.cells(), input_channels}, x(tile));
    Var const result = postblocks.apply(context, raw, input);
    Result out{result.value().to_host(Exec()), {}};
    Shape whole = shape;
    whole.back() = channels + room;
    tape.backward(Exec(), result, Array::from_host(Exec(), type, whole, seed(tile)));
    out.dy = raw.grad().to_host(Exec());
    return out;
  }
};

} // namespace rossby::test
