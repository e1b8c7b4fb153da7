// WXFormer (CREDIT's wxformer/crossformer.py) and its predecessor CrossFormer (crossformer.py): the same encoder,
// another decoder. Parameters are declared in the order in which CREDIT constructs them.

#include <rossby/models/model.hpp>
#include <rossby/models/spatial_plan.hpp>
#include <rossby/nn/decoder.hpp>
#include <rossby/nn/transformer.hpp>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

Shape extents(Box const& b) { return {b.rows(), b.cols()}; }

class WXFormer final : public Model {
public:
  WXFormer(ModelConfig const& config, Communicator const& spatial, int rows, int columns)
      : config_(config), plan_(config, spatial, rows, columns), book_(parameters_, config.spectral_norm)
  {
    declare_encoder();
    declare_cube_embedding();
    declare_decoder();
  }

  ModelConfig const& config() const override { return config_; }
  Tiling const& input_tiling() const override { return plan_.image(); }
  Tiling const& output_tiling() const override { return plan_.output(); }
  Var forward(Context&, Var const& x) override;

private:
  struct Branch {
    int weight;
    ops::ConvShape shape;
  };

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
  Var encode(Context&, std::shared_ptr<PreparedWeights const> const&, int stage, Var const& x) const;

  ModelConfig config_;
  SpatialPlan plan_;
  WeightBook book_;
  std::array<std::vector<Branch>, 4> embed_;
  std::array<std::vector<TransformerLayer>, 4> layers_;
  std::vector<UpBlock> up_;
  std::vector<FinalBlock> final_;
};

void WXFormer::declare_encoder()
{
  bool const legacy = config_.type == ModelConfig::Type::crossformer;
  index_t in = config_.input_channels();
  for (std::size_t s = 0; s < 4; ++s) {
    std::string const stage = "layers." + std::to_string(s);
    auto kernels = config_.kernels[s];
    std::sort(kernels.begin(), kernels.end());
    index_t const stride = config_.strides[s], dim = config_.dim[s];
    index_t left = dim;
    for (std::size_t j = 0; j < kernels.size(); ++j) {
      // Half the channels to the smallest kernel, a quarter to the next, ...; the last takes what is left.
      index_t const out = j + 1 == kernels.size() ? left : dim / (index_t(1) << (j + 1));
      left -= out;
      index_t const k = kernels[j];
      auto const initial = default_initial(in * k * k);
      int const weight = book_.declare(stage + ".0.convs." + std::to_string(j) + (legacy ? "" : ".1"), {out, in, k, k},
                                       ParameterLayout::conv, initial, initial);
      embed_[s].push_back({weight, {k, stride, (kernels.back() - stride) / 2 - (k - stride) / 2}});
    }
    TransformerConfig const layer{dim,
                                  config_.dim_head,
                                  config_.local_window[s],
                                  config_.global_window[s],
                                  config_.attn_dropout,
                                  config_.ff_dropout};
    for (int n = 0; n < config_.depth[s]; ++n)
      layers_[s].emplace_back(parameters_, book_, stage + ".1.layers." + std::to_string(n), layer);
    in = dim;
  }
}

void WXFormer::declare_cube_embedding()
{
  // CREDIT allocates it and never calls it with patches of one cell; its files carry it.
  index_t const in = config_.input_channels(), frames = config_.frames, dim = config_.dim[0];
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

void WXFormer::declare_decoder()
{
  auto const kind = config_.type == ModelConfig::Type::wxformer ? Upsampling::pixel_shuffle
                    : config_.upsample_v_conv                   ? Upsampling::bilinear
                                                                : Upsampling::transposed;
  index_t const last = config_.dim[3], groups = config_.dim[0];
  up_.emplace_back(parameters_, book_, "up_block1", kind, last, last / 2, groups);
  up_.emplace_back(parameters_, book_, "up_block2", kind, last / 2 + config_.dim[2], last / 4, groups);
  up_.emplace_back(parameters_, book_, "up_block3", kind, last / 4 + config_.dim[1], last / 8, groups);
  final_.emplace_back(book_, "up_block4", kind, last / 8 + config_.dim[0], config_.output_channels());
}

LayerGrid WXFormer::layer_grid(int s) const
{
  auto const &near = plan_.short_windows(s), &far = plan_.long_windows(s);
  return {extents(plan_.tile(plan_.stage(s))),
          &near.map,
          &far.map,
          near.windows,
          far.windows,
          near.numbers,
          far.numbers,
          plan_.cells(s)};
}

DecoderGrid WXFormer::decoder_grid(int k) const
{
  return {plan_.group(),
          &plan_.border(k).map,
          &plan_.border(k + 1).map,
          extents(plan_.tile(plan_.level(k))),
          extents(plan_.tile(plan_.level(k + 1))),
          &plan_.doubling(k)};
}

Var WXFormer::encode(Context& ctx, std::shared_ptr<PreparedWeights const> const& weights, int stage,
                     Var const& input) const
{
  auto const s = static_cast<std::size_t>(stage);
  Var x = map_cells(ctx, plan_.embed_input(stage).map, input, plan_.embed_input(stage).cells);
  std::vector<ConvBranch> branches;
  for (auto const& b : embed_[s])
    branches.push_back({(*weights)[b.weight], b.shape});
  Box const tile = plan_.tile(plan_.stage(stage));
  x = convolution(ctx, x, branches, tile.rows(), tile.cols());
  show("embed" + std::to_string(stage), x, plan_.stage(stage));
  for (auto const& layer : layers_[s])
    x = unit(ctx, "transformer_layer", activation_checkpoint_, {x},
             [&layer, weights, grid = layer_grid(stage)](Context& c, std::vector<Var> const& in) {
               return layer.forward(c, *weights, grid, in[0]);
             });
  show("encoder" + std::to_string(stage), x, plan_.stage(stage));
  return x;
}

Var WXFormer::forward(Context& ctx, Var const& input)
{
  Box const mine = plan_.tile(plan_.image());
  ROSSBY_EXPECT(input.value().rank() == 4 && input.value().extent(1) * input.value().extent(2) == mine.cells() &&
                input.value().extent(3) == config_.input_channels());
  auto const weights = book_.prepare(ctx);
  std::array<Var, 4> encoded;
  Var x = input;
  for (int s = 0; s < 4; ++s)
    x = encoded[static_cast<std::size_t>(s)] = encode(ctx, weights, s, x);
  for (int k = 0; k < 3; ++k) {
    UpBlock const& block = up_[static_cast<std::size_t>(k)];
    x = unit(ctx, "up_block", activation_checkpoint_, {x},
             [&block, weights, grid = decoder_grid(k)](Context& c, std::vector<Var> const& in) {
               return block.forward(c, *weights, grid, in[0]);
             });
    show("up_block" + std::to_string(k + 1), x, plan_.level(k + 1));
    x = concatenate(ctx, x, encoded[static_cast<std::size_t>(2 - k)]);
  }
  x = final_.front().forward(ctx, *weights, decoder_grid(3), x);
  show("up_block4", x, plan_.level(4));
  x = map_cells(ctx, plan_.to_output().map, x, plan_.to_output().cells);
  if (plan_.interpolates()) {
    Box const out = plan_.tile(plan_.output());
    x = apply_stencil(ctx, plan_.interpolation(), x, {out.rows(), out.cols()});
  }
  return x;
}

} // namespace

std::unique_ptr<Model> make_model(ModelConfig const& config, Communicator const& spatial, int rows, int columns)
{
  return std::make_unique<WXFormer>(config, spatial, rows, columns);
}

} // namespace rossby
