// The forward pass of a pyramid: an encoder of stages, each a cross-embedding and transformer layers, and a decoder
// whose blocks double the grid and join what the encoder had there. Parameters are declared in the order in which
// CREDIT constructs them.

#include <rossby/models/model.hpp>
#include <rossby/models/pyramid/config.hpp>
#include <rossby/models/pyramid/spatial_plan.hpp>
#include <rossby/nn/decoder.hpp>
#include <rossby/nn/transformer.hpp>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

Shape extents(Box const& b) { return {b.rows(), b.cols()}; }

class Pyramid final : public Model {
public:
  explicit Pyramid(std::shared_ptr<PyramidConfig const> config)
      : config_(std::move(config)), variant_(config_->variant()), book_(parameters_, config_->spectral_norm)
  {
    declare_encoder();
    declare_cube_embedding();
    declare_decoder();
  }

  FieldShape const& fields() const override { return config_->fields; }
  std::vector<TensorBlock> const& tensor_blocks() const override { return book_.tensor_blocks(); }
  Tiling const& input_tiling() const override { return plan_->image(); }
  Tiling const& output_tiling() const override { return plan_->output(); }
  Cut cut(ProcessGrid const& grid) const override
  {
    auto const tiles = cut_tiles(*config_, grid);
    return {tiles.image, tiles.stage.back()};
  }
  Var forward(Context&, Var const& x) override;

private:
  struct Branch {
    int weight;
    ops::ConvShape shape;
  };
  void plan() override { plan_ = std::make_unique<SpatialPlan>(*config_, layout_.spatial, layout_.grid); }

  void declare_encoder();
  void declare_cube_embedding();
  void declare_decoder();
  LayerGrid layer_grid(int stage) const;
  DecoderGrid decoder_grid(int level) const;
  void show(std::string const& name, Var const& value, Tiling const& tiling) const
  {
    if (observer_)
      observer_(name, value, tiling);
  }
  /// A unit of the model: `body` may use the parameters declared since begin_unit() returned `number`.
  Var unit(Context&, std::shared_ptr<PreparedWeights const> const&, int number, bool checkpoint, Var const& x,
           std::function<Var(Context&, PreparedWeights const&, Var const&)> body) const;
  Var encode(Context&, std::shared_ptr<PreparedWeights const> const&, int stage, Var const& x) const;

  std::shared_ptr<PyramidConfig const> config_;
  PyramidConfig::Variant variant_;
  std::unique_ptr<SpatialPlan> plan_;
  WeightBook book_;
  std::array<std::vector<Branch>, 4> embed_;
  std::array<int, 4> embed_unit_;
  struct Layer {
    int unit;
    TransformerLayer layer;
  };
  std::array<std::vector<Layer>, 4> layers_;
  std::array<int, 4> up_unit_;
  std::vector<UpBlock> up_;
  std::vector<FinalBlock> final_;
};

void Pyramid::declare_encoder()
{
  index_t in = config_->embedded_channels();
  for (std::size_t s = 0; s < 4; ++s) {
    std::string const stage = "layers." + std::to_string(s);
    auto kernels = config_->kernels[s];
    auto const channels = config_->branch_channels(static_cast<int>(s));
    std::sort(kernels.begin(), kernels.end());
    index_t const stride = config_->strides[s], dim = config_->dim[s];
    embed_unit_[s] = parameters_.begin_unit(stage + ".0");
    for (std::size_t j = 0; j < kernels.size(); ++j) {
      index_t const out = channels[j], k = kernels[j];
      auto const initial = default_initial(in * k * k);
      // A padding layer of its own ahead of the convolution gives the latter the number 1; versions differ in it.
      std::string name = stage + ".0.convs." + std::to_string(j), other = name + ".1";
      if (!variant_.centred_kernels)
        std::swap(name, other);
      int const weight = book_.declare(name, {out, in, k, k}, ParameterLayout::conv, initial, initial, true, other);
      embed_[s].push_back({weight, {k, stride, (kernels.back() - stride) / 2 - (k - stride) / 2}});
    }
    TransformerConfig const layer{dim,
                                  config_->dim_head,
                                  config_->local_window[s],
                                  config_->global_window[s],
                                  config_->attn_dropout,
                                  config_->ff_dropout,
                                  static_cast<int>(s)};
    for (int n = 0; n < config_->depth[s]; ++n) {
      std::string const name = stage + ".1.layers." + std::to_string(n);
      int const unit = parameters_.begin_unit(name);
      layers_[s].push_back({unit, TransformerLayer(parameters_, book_, name, layer)});
    }
    in = dim;
  }
}

void Pyramid::declare_cube_embedding()
{
  parameters_.begin_unit("cube_embedding");
  // CREDIT allocates it and never calls it with patches of one cell; its files carry it.
  index_t const in = config_->fields.input_channels(), frames = config_->fields.frames, dim = config_->dim[0];
  auto const initial = default_initial(in * frames);
  auto const declare = [&](char const* name, Shape shape, Initial i) {
    parameters_.declare(
        {std::string("cube_embedding.") + name, std::move(shape), ParameterLayout::natural, {}, i, true, false});
  };
  declare("proj.weight", {dim, in, frames, 1, 1}, initial);
  declare("proj.bias", {dim}, initial);
  declare("norm.weight", {dim}, {Initial::Kind::constant, 1});
  declare("norm.bias", {dim}, {Initial::Kind::constant, 0});
}

void Pyramid::declare_decoder()
{
  auto const kind = variant_.upsampling;
  index_t const last = config_->dim[3], groups = config_->dim[0];
  std::array<index_t, 4> const in{last, last / 2 + config_->dim[2], last / 4 + config_->dim[1],
                                  last / 8 + config_->dim[0]};
  for (std::size_t k = 0; k < 3; ++k) {
    std::string const name = "up_block" + std::to_string(k + 1);
    up_unit_[k] = parameters_.begin_unit(name);
    up_.emplace_back(parameters_, book_, name, kind, variant_.details, in[k], last / (index_t(2) << k), groups);
  }
  up_unit_[3] = parameters_.begin_unit("up_block4");
  final_.emplace_back(book_, "up_block4", kind, variant_.details, in[3], config_->fields.output_channels());
}

LayerGrid Pyramid::layer_grid(int s) const
{
  auto const tokens = [](WindowMap const& w) { return LayerTokens{&w.map, w.windows, w.tokens, w.numbers}; };
  return {extents(plan_->tile(plan_->stage(s))),
          tokens(plan_->short_windows(s)),
          tokens(plan_->long_windows(s)),
          tokens(plan_->cells(s)),
          plan_->share(s),
          plan_->shares(s)};
}

DecoderGrid Pyramid::decoder_grid(int k) const
{
  return {plan_->group(),
          &plan_->border(k),
          &plan_->border(k + 1),
          extents(plan_->tile(plan_->level(k))),
          extents(plan_->tile(plan_->level(k + 1))),
          &plan_->doubling(k)};
}

Var Pyramid::unit(Context& ctx, std::shared_ptr<PreparedWeights const> const& weights, int number, bool checkpoint,
                  Var const& x, std::function<Var(Context&, PreparedWeights const&, Var const&)> body) const
{
  return rossby::unit(
      ctx, parameters_.units()[static_cast<std::size_t>(number)].name.c_str(), checkpoint, weights->scope(number), {x},
      [weights, body = std::move(body)](Context& c, std::vector<Var> const& in) { return body(c, *weights, in[0]); });
}

Var Pyramid::encode(Context& ctx, std::shared_ptr<PreparedWeights const> const& weights, int stage,
                    Var const& input) const
{
  auto const s = static_cast<std::size_t>(stage);
  Var x = unit(ctx, weights, embed_unit_[s], false, input,
               [this, s, stage](Context& c, PreparedWeights const& w, Var const& in) {
                 std::vector<ConvBranch> branches;
                 for (auto const& b : embed_[s])
                   branches.push_back({w[b.weight], b.shape});
                 Box const tile = plan_->tile(plan_->stage(stage));
                 return map_convolution(c, plan_->embed_input(stage), in, branches, tile.rows(), tile.cols());
               });
  show("embed" + std::to_string(stage), x, plan_->stage(stage));
  for (auto const& layer : layers_[s])
    x = unit(ctx, weights, layer.unit, activation_checkpoint_, x,
             [&layer, grid = layer_grid(stage)](Context& c, PreparedWeights const& w, Var const& in) {
               return layer.layer.forward(c, w, grid, in);
             });
  show("encoder" + std::to_string(stage), x, plan_->stage(stage));
  return x;
}

Var Pyramid::forward(Context& ctx, Var const& input)
{
  Box const mine = plan_->tile(plan_->image());
  ROSSBY_EXPECT(input.value().rank() == 4 && input.value().extent(1) * input.value().extent(2) == mine.cells() &&
                input.value().extent(3) == config_->fields.input_channels());
  auto const weights = book_.prepare(ctx);
  std::array<Var, 4> encoded;
  Var x = cast(ctx, input, precision_.fields);
  for (int s = 0; s < 4; ++s)
    x = encoded[static_cast<std::size_t>(s)] = encode(ctx, weights, s, x);
  for (int k = 0; k < 3; ++k) {
    auto const i = static_cast<std::size_t>(k);
    x = unit(ctx, weights, up_unit_[i], activation_checkpoint_, x,
             [&block = up_[i], grid = decoder_grid(k)](Context& c, PreparedWeights const& w, Var const& in) {
               return block.forward(c, w, grid, in);
             });
    show("up_block" + std::to_string(k + 1), x, plan_->level(k + 1));
    x = concatenate(ctx, x, encoded[2 - i]);
  }
  x = unit(ctx, weights, up_unit_[3], false, x,
           [this, grid = decoder_grid(3)](Context& c, PreparedWeights const& w, Var const& in) {
             return final_.front().forward(c, w, grid, in, precision_.output);
           });
  show("up_block4", x, plan_->level(4));
  return unpad_shard_interp(ctx, cast(ctx, x, precision_.parameters), plan_->unpad());
}

} // namespace

std::unique_ptr<Model> PyramidConfig::make() const { return std::make_unique<Pyramid>(clone()); }

} // namespace rossby
