#pragma once
/// \file
/// Differentiable functions: each runs its kernel and, when the context records, puts the adjoint on the tape. Plans
/// (index maps, stencils) are referred to, not copied: they must outlive the backward pass.
///
/// Fields may be bfloat16 while parameters are float32: products then take rounded weights, sums are made in float32,
/// and parameters' gradients arrive in float32.

#include <rossby/autograd/tape.hpp>
#include <rossby/dist/box_map.hpp>
#include <rossby/ops/attention.hpp>
#include <rossby/ops/conv.hpp>
#include <rossby/ops/cosine_attention.hpp>
#include <rossby/ops/shuffle.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby {

/// A weight as layers use it: `scale` times the stored one (1/sigma of spectral norm). The gradient that arrives in
/// `value` is that of the scaled weight. `bias` may be empty.
struct Weight {
  Var value;
  ops::Scale scale = {};
  Var bias{};
  Weight without_bias() const { return {value, scale}; }
};

/// One convolution of a cross-embedding; its channels follow those of the branch before it.
struct ConvBranch {
  Weight weight;
  ops::ConvShape shape;
};

/// x [..., in] -> [..., out].
Var linear(Context&, Var const& x, Weight const&);
/// All branches side by side in the channels of one result [B, rows, cols, sum of out]; x carries the border. The
/// result is of x's type unless `result` says that it be left in the type of the sums.
Var convolution(Context&, Var const& x, std::vector<ConvBranch> const&, index_t rows, index_t cols,
                std::optional<DType> result = {});
/// convolution(map_cells(x)) for a map that gives x its border. What needs nothing of other ranks is computed while
/// messages are under way, in both passes.
Var map_convolution(Context&, BoxMap const& border, Var const& x, std::vector<ConvBranch> const&, index_t rows,
                    index_t cols, std::optional<DType> result = {});
Var channel_norm(Context&, Var const& x, Var const& gain, Var const& bias, double eps);
/// Group norm over the tiles of `group`. x: [B, rows, cols, C].
Var group_norm(Context&, Communicator const& group, Var const& x, index_t groups, double eps, Var const& gain,
               Var const& bias);
Var activation(Context&, ops::Activation, Var const& x);
/// Dropout in training mode; `x` itself otherwise or when p is 0. x: [B, cells, C].
Var dropout(Context&, std::string const& layer, double p, ops::GlobalNumbers const& cells, ops::ChannelShare,
            Var const& x);
/// In training mode each sample of x [B, ...] is dropped with probability p, or divided by 1 - p (Huang et al., "Deep
/// networks with stochastic depth", ECCV 2016); `x` itself otherwise or when p is 0. Samples are drawn by their global
/// number.
Var drop_path(Context&, std::string const& layer, double p, Var const& x);
/// x in another type; x itself when it has it.
Var cast(Context&, Var const& x, DType);
Var add(Context&, Var const& a, Var const& b);
/// Channels of `a`, then of `b`.
Var concatenate(Context&, Var const& a, Var const& b);
Var reshape(Context&, Var const& x, Shape);
Var pixel_shuffle(Context&, Var const& x);
Var window_attention(Context&, ops::WindowAttention const&, Var const& qkv, Var const& bias);
/// logit_scale: [heads]; bias: [heads, tokens, tokens].
Var cosine_attention(Context&, ops::CosineAttention const&, Var const& qkv, Var const& logit_scale, Var const& bias);
/// Cells of x [B, ..., C] taken to the targets of `map`; the result has `shape` with B in front and C behind.
Var map_cells(Context&, IndexMap const& map, Var const& x, Shape const& cells);
/// The adjoint of `map` as a forward operator: brings back what map_cells took away, if every cell was taken once.
Var map_cells_back(Context&, IndexMap const& map, Var const& x, Shape const& cells);
Var apply_stencil(Context&, ops::Stencil const&, Var const& x, Shape const& cells);

/// Coordinates of a layer's random numbers in this forward pass.
ops::DropoutKey dropout_key(Context const&, std::string const& layer);

/// y = W map(x), for weights whose inputs come from other ranks: what arrived is not kept but fetched again in the
/// backward pass. The result is [B, cells..., out].
Var map_linear(Context&, IndexMap const& map, Var const& x, Shape const& cells, Weight const&);
/// y + bias, where y is a sum over ranks.
Var add_bias(Context&, Var const& y, Var const& bias);
/// y + x + bias, the bias of the layer that made y: added once, after the sum over the ranks that share the layer.
Var add_with_bias(Context&, Var const& y, Var const& bias, Var const& x);

/// The parameters of a unit, as its passes see them. This one has none.
class UnitScope {
public:
  enum class Direction { forward, backward };
  virtual ~UnitScope() = default;
  /// Values are there from here ...
  virtual void enter(Exec const&, Direction) {}
  /// ... to here.
  virtual void leave(Exec const&) {}
  /// After a backward pass, before leave(): hands gradients on to what is stored, and tells so.
  virtual void finish(Exec const&, GradientSink*) {}
};

/// A region of the model with parameters of its own. When `checkpoint` is true nothing inside is kept, and the backward
/// pass runs `body` once more, on the same inputs, with the same weights and the same coordinates of random numbers,
/// before it goes backwards through it.
Var unit(Context&, char const* name, bool checkpoint, std::shared_ptr<UnitScope> const&, std::vector<Var> const& inputs,
         std::function<Var(Context&, std::vector<Var> const&)> body);

} // namespace rossby
