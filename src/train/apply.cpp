#include <rossby/forecast.hpp>

#include "io/hdf5.hpp"
#include "io/output_lock.hpp"
#include "io/replace.hpp"
#include "train/config.hpp"
#include "train/loss.hpp"
#include "train/weights.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/models/model.hpp>
#include <rossby/parallel/mesh.hpp>
#include <rossby/parallel/plans.hpp>

#include "part_in_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

namespace rossby {

namespace {

/// A field of a file, (B, C, T, H, W), and the part of it that one rank holds, [b, rows, cols, C * T].
struct FieldPart {
  Shape global;
  index_t first, count; ///< samples
  Box box;

  io::Hyperslab slab() const
  {
    return {{first, 0, 0, box.row0, box.col0}, {count, global[1], global[2], box.rows(), box.cols()}};
  }
  /// Moves the channel (and frame) axis behind the cells, or back.
  std::vector<double> turned(std::vector<double> const& from, bool channels_last) const
  {
    index_t const channels = global[1] * global[2], cells = box.cells();
    std::vector<double> to(from.size());
    for (index_t b = 0; b < count; ++b)
      for (index_t c = 0; c < channels; ++c)
        for (index_t i = 0; i < cells; ++i) {
          auto const first_form = static_cast<std::size_t>((b * channels + c) * cells + i);
          auto const last_form = static_cast<std::size_t>((b * cells + i) * channels + c);
          channels_last ? to[last_form] = from[first_form] : to[first_form] = from[last_form];
        }
    return to;
  }
};

Shape expect_field(io::Hdf5File const& file, std::string const& name, index_t batch, index_t channels, index_t frames,
                   Tiling const& grid)
{
  std::string const where = file.path() + ": /" + name;
  if (!file.exists(name))
    fail(where, "there is no such dataset",
         fmt::format("write (batch, {}, {}, {}, {}) under this name", channels, frames, grid.height(), grid.width()));
  auto const shape = file.shape(name);
  Shape const expected{shape.empty() ? 1 : shape[0], channels, frames, grid.height(), grid.width()};
  if (shape != expected || (batch > 0 && shape[0] != batch))
    fail(where,
         fmt::format("has shape {}; the deck's model needs {}", to_string(shape),
                     to_string({batch > 0 ? batch : expected[0], channels, frames, grid.height(), grid.width()})),
         "use the deck that belongs to this file");
  return shape;
}

Array read_field(io::Hdf5File const& file, std::string const& name, FieldPart const& part, DType dtype)
{
  auto const values = file.read(name, part.slab());
  for (double const v : values)
    if (!std::isfinite(v))
      fail(file.path() + ": /" + name, "holds a value that is not finite", "fill or remove missing values first");
  return Array::from_host(Exec(), dtype,
                          {part.count, part.box.rows(), part.box.cols(), part.global[1] * part.global[2]},
                          part.turned(values, true));
}

/// By parts: every element by one rank.
void fill_gradient(io::Hdf5File const& file, Exec const& exec, Parameters const& parameters, int i)
{
  auto const& p = parameters[i];
  auto const share = written_share(parameters, i, 1);
  if (share.part.size() == 0)
    return;
  PartInFile const place(p.spec, share.part);
  file.fill("grad/" + p.spec.name, place.to_file(share.values(exec, p.var.grad_to_add_to(exec))), place.boxes());
}

} // namespace

void apply(Session& session, ApplyOptions const& options)
{
  auto const scope = session.enter();
  auto const& world = session.ranks();
  Exec const exec;
  for (auto const& [name, file] : {std::pair{"--weights", &options.weights}, std::pair{"--input", &options.input}})
    if (std::error_code none; std::filesystem::equivalent(options.output, *file, none))
      fail("--output", fmt::format("{} is also the file of {}, which it would replace", options.output, name),
           "choose another name");
  std::optional<io::OutputLock> lock;
  on_first_rank(world, [&] { lock.emplace(options.output); });
  auto const& config = session.config();
  FieldShape const& fields = config.model->fields;
  Model* const model = &session.model();
  Mesh const& mesh = session.mesh();
  DType const dtype = config.trainer.precision.parameters;
  load_model_weights(exec, model->parameters(), options.weights);

  auto const input_file = io::Hdf5File::open_read(options.input);
  auto const &in = model->input_tiling(), &out = model->output_tiling();
  Shape const in_shape = expect_field(input_file, "input", 0, fields.in(), fields.frames, in);
  index_t const batch = in_shape[0];
  if (batch == 0)
    fail(options.input + ": /input", "holds no sample", "give at least one");
  index_t const ranks = mesh.data.size(), first = batch * mesh.data.rank() / ranks,
                end = batch * (mesh.data.rank() + 1) / ranks;
  // A rank without a sample computes another's, which counts for nothing: under fsdp2 all ranks take part in every
  // unit.
  index_t const from = std::min(first, batch - 1), count = std::max(end - first, index_t(1));
  Box const input_tile = in.box(mesh.spatial.rank()), output_tile = out.box(mesh.spatial.rank());
  FieldPart const input{in_shape, from, count, input_tile};
  FieldPart const result{
      {batch, fields.out(), fields.output_frames, out.height(), out.width()}, first, end - first, output_tile};

  Tape tape;
  Context ctx{exec, options.gradients ? &tape : nullptr, options.training};
  ctx.first_sample = from;
  Var const y = model->forward(ctx, Var(read_field(input_file, "input", input, dtype)));

  double loss_value = 0;
  if (options.gradients) {
    expect_field(input_file, "target", batch, fields.out(), fields.output_frames, out);
    if (config.loss.use_latitude_weights && !input_file.exists("latitude"))
      fail(options.input + ": /latitude", "the deck's loss is weighted by latitude and the file has none",
           "write the latitudes in degrees, north first, or set loss.use_latitude_weights to false");
    LossDomain domain;
    domain.variables = unnamed_variables(fields.output_channels());
    domain.latitude = config.loss.use_latitude_weights ? input_file.read("latitude")
                                                       : std::vector<double>(static_cast<std::size_t>(out.height()), 0);
    if (static_cast<index_t>(domain.latitude.size()) != out.height())
      fail(options.input + ": /latitude",
           fmt::format("has {} values for {} rows", domain.latitude.size(), out.height()));
    domain.width = out.width();
    domain.tile = result.box;
    domain.tiling = out;
    domain.ranks = mesh.spatial;
    Loss const loss(config.loss, Loss::Use::training, domain);
    FieldPart const target{result.global, from, count, output_tile};
    Var const local = loss.sums(ctx, y, read_field(input_file, "target", target, dtype), result.count);
    auto sums = local.value().to_host(exec);
    tape.backward(exec, local, loss.seed(exec, batch));
    world.all_reduce_sum(sums.data(), sums.size());
    loss_value = loss.value(sums, batch).total;
    sync_domain_gradients(exec, *model);
  }

  // Laid out by the first rank and filled in by each on its own: a failure of one leaves none waiting.
  std::string const unfinished = io::unfinished_name(options.output);
  auto const& parameters = model->parameters();
  auto const has_gradient = [&](int i) { return options.gradients && parameters[i].var.needs_grad(); };
  try {
    on_first_rank(world, [&] {
      io::begin_file(options.output);
      auto file = io::Hdf5File::create(unfinished);
      file.make_dataset("output", dtype, result.global);
      if (options.gradients)
        file.write("loss", DType::float64, {}, {loss_value});
      for (int i = 0; i < parameters.size(); ++i)
        if (has_gradient(i))
          file.make_dataset("grad/" + parameters[i].spec.name, dtype, parameters[i].spec.shape);
      file.close();
    });
    std::optional<io::Hdf5File> file;
    collectively(world, [&] { file.emplace(io::Hdf5File::open_fill(unfinished, world)); });
    collectively(world, [&] {
      if (result.count > 0)
        file->fill("output", result.turned(y.value().to_host(exec), false), {result.slab()});
      for (int i = 0; i < parameters.size(); ++i)
        if (has_gradient(i))
          fill_gradient(*file, exec, parameters, i);
    });
    collectively(world, [&] { file->close(); });
    on_first_rank(world, [&] { io::finish_file(options.output); });
  } catch (Error const&) {
    if (world.rank() == 0)
      io::discard_unfinished(options.output);
    throw;
  }
}

} // namespace rossby
