#include <rossby/nn/weights.hpp>

#include <rossby/ops/spectral.hpp>

#include <cmath>

namespace rossby {

Initial default_initial(index_t fan_in) { return {Initial::Kind::uniform, 1 / std::sqrt(static_cast<double>(fan_in))}; }

int WeightBook::declare(std::string const& name, Shape shape, ParameterLayout layout, Initial weight,
                        std::optional<Initial> bias)
{
  bool const transposed = layout == ParameterLayout::conv_transpose;
  index_t const out = shape[transposed ? 1 : 0], in = shape[transposed ? 0 : 1];
  index_t const columns = product(shape) / out;
  Entry e{-1, -1, -1, -1};
  auto const declare_bias = [&] {
    if (bias)
      e.bias = parameters_->declare({name + ".bias", {out}, ParameterLayout::natural, {}, *bias});
  };
  if (spectral_) { // PyTorch's hook moves the weight behind the bias
    declare_bias();
    e.weight = parameters_->declare({name + ".weight_orig", shape, layout, {}, weight});
    e.u = parameters_->declare(
        {name + ".weight_u", {out}, ParameterLayout::natural, {}, {Initial::Kind::unit_vector, 1}, false});
    bool const permuted = layout != ParameterLayout::natural;
    e.v = parameters_->declare({name + ".weight_v",
                                {columns},
                                permuted ? ParameterLayout::patch : ParameterLayout::natural,
                                permuted ? Shape{in, shape[2], shape[3]} : Shape{},
                                {Initial::Kind::unit_vector, 1},
                                false});
  } else {
    e.weight = parameters_->declare({name + ".weight", shape, layout, {}, weight});
    declare_bias();
  }
  entries_.push_back(e);
  return static_cast<int>(entries_.size()) - 1;
}

std::shared_ptr<PreparedWeights const> WeightBook::prepare(Context& ctx) const
{
  auto prepared = std::make_shared<PreparedWeights>();
  Parameters& p = *parameters_;
  std::vector<double> sigma(entries_.size(), 1);
  if (spectral_) {
    Array const all = Array::empty(p.dtype(), {static_cast<index_t>(entries_.size())});
    for (std::size_t i = 0; i < entries_.size(); ++i)
      ops::spectral_sigma(ctx.exec, p[entries_[i].weight].value(), ctx.training, p[entries_[i].u].value(),
                          p[entries_[i].v].value(), all.slice(static_cast<index_t>(i), {1}));
    sigma = all.to_host(ctx.exec);
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry const& e = entries_[i];
    Var const stored = p[e.weight].var;
    Weight w{stored, 1 / sigma[i], e.bias >= 0 ? p[e.bias].var : Var()};
    if (spectral_ && ctx.recording(stored)) {
      // A variable of its own over the same memory: its gradient is that of the normalised weight.
      w.value = Var(stored.value(), true);
      Array const u = p[e.u].value().clone(ctx.exec), v = p[e.v].value().clone(ctx.exec); // of this forward pass
      ctx.tape->record("spectral_norm", w.value, [stored, normalised = w.value, u, v, s = sigma[i]](Exec const& exec) {
        ops::spectral_backward(exec, stored.value(), u, v, s, normalised.grad(), stored.grad_to_add_to(exec));
      });
    }
    prepared->list_.push_back(std::move(w));
  }
  return prepared;
}

} // namespace rossby
