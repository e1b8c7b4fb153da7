#include "node.hpp"

#include "dist/group_norm.hpp"
#include "ops/linear.hpp"
#include "ops/norm.hpp"
#include <rossby/core/random.hpp>

namespace rossby {

Var linear(Context& ctx, Var const& x, Weight const& w)
{
  Shape shape = x.value().shape();
  shape.back() = w.value.value().extent(0);
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), shape), {x, w.value, w.bias});
  ops::linear_forward(ctx.exec, x.value(), w.value.value(), w.scale, value_or_nothing(w.bias), y.value());
  if (y.needs_grad())
    ctx.tape->record("linear", y, [x, w, y](Exec const& exec) {
      Array const dx = wanted_gradient(x);
      ops::linear_backward(exec, x.value(), w.value.value(), w.scale, y.grad(), dx, shared_gradient(exec, w.value),
                           shared_gradient(exec, w.bias));
      if (dx)
        x.accumulate(exec, dx);
    });
  return y;
}

Var channel_norm(Context& ctx, Var const& x, Var const& gain, Var const& bias, double eps)
{
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), x.value().shape()), {x, gain, bias});
  ops::channel_norm_forward(ctx.exec, x.value(), gain.value(), bias.value(), eps, y.value());
  if (y.needs_grad())
    ctx.tape->record("channel_norm", y, [x, gain, bias, eps, y](Exec const& exec) {
      Array const dx = wanted_gradient(x);
      ops::channel_norm_backward(exec, x.value(), gain.value(), eps, y.grad(), dx, shared_gradient(exec, gain),
                                 shared_gradient(exec, bias));
      if (dx)
        x.accumulate(exec, dx);
    });
  return y;
}

Var group_norm(Context& ctx, Communicator const& group, Var const& x, index_t groups, double eps, Var const& gain,
               Var const& bias)
{
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), x.value().shape()), {x, gain, bias});
  auto const statistics = group_norm_forward(ctx.exec, group, as_cells(x.value()), groups, eps, gain.value(),
                                             bias.value(), as_cells(y.value()));
  if (y.needs_grad())
    ctx.tape->record("group_norm", y, [group, x, gain, bias, statistics, y](Exec const& exec) {
      Array const dx = Array::empty(x.value().dtype(), x.value().shape());
      group_norm_backward(exec, group, statistics, as_cells(x.value()), gain.value(), as_cells(y.grad()), as_cells(dx),
                          shared_gradient_or_scratch(exec, gain), shared_gradient_or_scratch(exec, bias));
      x.accumulate(exec, dx);
    });
  return y;
}

Var activation(Context& ctx, ops::Activation kind, Var const& x)
{
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), x.value().shape()), {x});
  ops::activation_forward(ctx.exec, kind, x.value(), y.value());
  if (y.needs_grad())
    ctx.tape->record("activation", y, [kind, x, y](Exec const& exec) {
      Array const dx = wanted_gradient(x);
      ops::activation_backward(exec, kind, x.value(), y.grad(), dx);
      x.accumulate(exec, dx);
    });
  return y;
}

ops::DropoutKey dropout_key(Context const& ctx, std::string const& layer)
{
  // Philox mixes well: an odd multiple of the step keeps the streams of one layer apart.
  return {ctx.seed, stream_of(layer) + 0x9E3779B97F4A7C15ull * (ctx.step + 1)};
}

Var dropout(Context& ctx, std::string const& layer, double p, ops::GlobalNumbers const& cells, ops::ChannelShare share,
            Var const& x)
{
  if (!ctx.training || p == 0)
    return x;
  auto const key = dropout_key(ctx, layer);
  auto numbers = cells;
  numbers.first_sample = ctx.first_sample;
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), x.value().shape()), {x});
  ops::dropout(ctx.exec, key, p, numbers, share, as_cells(x.value()), as_cells(y.value()));
  if (y.needs_grad())
    ctx.tape->record("dropout", y, [key, p, numbers, share, x, y](Exec const& exec) {
      Array const dx = wanted_gradient(x);
      ops::dropout(exec, key, p, numbers, share, as_cells(y.grad()), as_cells(dx));
      x.accumulate(exec, dx);
    });
  return y;
}

Var drop_path(Context& ctx, std::string const& layer, double p, Var const& x)
{
  if (!ctx.training || p == 0)
    return x;
  auto const key = dropout_key(ctx, layer);
  std::vector<double> factors;
  for (index_t b = 0; b < x.value().extent(0); ++b) {
    auto const number = static_cast<std::uint64_t>(ctx.first_sample + b);
    factors.push_back(Philox::uniform(key.seed, key.stream, number) < p ? 0 : 1 / (1 - p));
  }
  auto const scaled = [factors](Exec const& exec, Array const& from) {
    Array const to = Array::zeros(exec, from.dtype(), from.shape());
    for (std::size_t b = 0; b < factors.size(); ++b)
      if (factors[b] != 0)
        ops::add_scaled(exec, factors[b], from.rows(static_cast<index_t>(b), 1), to.rows(static_cast<index_t>(b), 1));
    return to;
  };
  Var const y = result_of(ctx, scaled(ctx.exec, x.value()), {x});
  if (y.needs_grad())
    ctx.tape->record("drop_path", y, [scaled, x, y](Exec const& exec) { x.accumulate(exec, scaled(exec, y.grad())); });
  return y;
}

Var cast(Context& ctx, Var const& x, DType to)
{
  if (x.value().dtype() == to)
    return x;
  Var const y = result_of(ctx, x.value().cast(ctx.exec, to), {x});
  if (y.needs_grad())
    ctx.tape->record("cast", y,
                     [x, y](Exec const& exec) { x.accumulate(exec, y.grad().cast(exec, x.value().dtype())); });
  return y;
}

Var add(Context& ctx, Var const& a, Var const& b)
{
  Var const y = result_of(ctx, Array::empty(a.value().dtype(), a.value().shape()), {a, b});
  ops::add(ctx.exec, a.value(), b.value(), y.value());
  if (y.needs_grad())
    ctx.tape->record("add", y, [a, b, y](Exec const& exec) {
      a.accumulate(exec, y.grad());
      b.accumulate(exec, y.grad());
    });
  return y;
}

Var concatenate(Context& ctx, Var const& a, Var const& b)
{
  index_t const ca = a.value().shape().back(), cb = b.value().shape().back();
  Shape shape = a.value().shape();
  shape.back() = ca + cb;
  Var const y = result_of(ctx, Array::empty(a.value().dtype(), shape), {a, b});
  ops::copy_channels(ctx.exec, a.value(), 0, y.value(), 0, ca);
  ops::copy_channels(ctx.exec, b.value(), 0, y.value(), ca, cb);
  if (y.needs_grad())
    ctx.tape->record("concatenate", y, [a, b, ca, cb, y](Exec const& exec) {
      Array const da = wanted_gradient(a), db = wanted_gradient(b);
      if (da) {
        ops::copy_channels(exec, y.grad(), 0, da, 0, ca);
        a.accumulate(exec, da);
      }
      if (db) {
        ops::copy_channels(exec, y.grad(), ca, db, 0, cb);
        b.accumulate(exec, db);
      }
    });
  return y;
}

Var reshape(Context& ctx, Var const& x, Shape shape)
{
  Var const y = result_of(ctx, x.value().reshaped(std::move(shape)), {x});
  if (y.needs_grad())
    ctx.tape->record("reshape", y, [x, y](Exec const& exec) { x.accumulate(exec, y.grad()); });
  return y;
}

Var pixel_shuffle(Context& ctx, Var const& x)
{
  Shape const& s = x.value().shape();
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), {s[0], 2 * s[1], 2 * s[2], s[3] / 4}), {x});
  ops::pixel_shuffle_forward(ctx.exec, x.value(), y.value());
  if (y.needs_grad())
    ctx.tape->record("pixel_shuffle", y, [x, y](Exec const& exec) {
      Array const dx = wanted_gradient(x);
      ops::pixel_shuffle_backward(exec, y.grad(), dx);
      x.accumulate(exec, dx);
    });
  return y;
}

Var window_attention(Context& ctx, ops::WindowAttention const& shape, Var const& qkv, Var const& bias)
{
  auto attention = shape;
  attention.windows.first_sample = ctx.first_sample;
  if (!ctx.training)
    attention.dropout = 0;
  index_t const windows = qkv.value().extent(0);
  Var const y = result_of(ctx, Array::empty(qkv.value().dtype(), {windows, shape.tokens, shape.heads * shape.dim_head}),
                          {qkv, bias});
  ops::window_attention_forward(ctx.exec, attention, qkv.value(), bias.value(), y.value());
  if (y.needs_grad())
    ctx.tape->record("window_attention", y, [attention, qkv, bias, y](Exec const& exec) {
      Array const dqkv = Array::empty(qkv.value().dtype(), qkv.value().shape());
      ops::window_attention_backward(exec, attention, qkv.value(), bias.value(), y.grad(), dqkv,
                                     shared_gradient_or_scratch(exec, bias));
      qkv.accumulate(exec, dqkv);
    });
  return y;
}

Var cosine_attention(Context& ctx, ops::CosineAttention const& shape, Var const& qkv, Var const& logit_scale,
                     Var const& bias)
{
  auto attention = shape;
  attention.windows.first_sample = ctx.first_sample;
  if (!ctx.training)
    attention.dropout = 0;
  Shape const out{qkv.value().extent(0), shape.tokens(), shape.heads * shape.dim_head};
  Var const y = result_of(ctx, Array::empty(qkv.value().dtype(), out), {qkv, logit_scale, bias});
  ops::cosine_attention_forward(ctx.exec, attention, qkv.value(), logit_scale.value(), bias.value(), y.value());
  if (y.needs_grad())
    ctx.tape->record("cosine_attention", y, [attention, qkv, logit_scale, bias, y](Exec const& exec) {
      Array const dqkv = Array::empty(qkv.value().dtype(), qkv.value().shape());
      ops::cosine_attention_backward(exec, attention, qkv.value(), logit_scale.value(), bias.value(), y.grad(), dqkv,
                                     shared_gradient_or_scratch(exec, logit_scale),
                                     shared_gradient_or_scratch(exec, bias));
      qkv.accumulate(exec, dqkv);
    });
  return y;
}

Var map_cells(Context& ctx, IndexMap const& map, Var const& x, Shape const& cells)
{
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), with_cells(x, cells)), {x});
  map.apply(ctx.exec, as_cells(x.value()), as_cells(y.value()));
  if (y.needs_grad())
    ctx.tape->record("map_cells", y, [plan = &map, x, y](Exec const& exec) {
      Array const dx = wanted_gradient(x);
      plan->adjoint(exec, as_cells(y.grad()), as_cells(dx));
      x.accumulate(exec, dx);
    });
  return y;
}

Var map_cells_back(Context& ctx, IndexMap const& map, Var const& x, Shape const& cells)
{
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), with_cells(x, cells)), {x});
  map.adjoint(ctx.exec, as_cells(x.value()), as_cells(y.value()));
  if (y.needs_grad())
    ctx.tape->record("map_cells_back", y, [plan = &map, x, y](Exec const& exec) {
      Array const dx = wanted_gradient(x);
      plan->apply(exec, as_cells(y.grad()), as_cells(dx));
      x.accumulate(exec, dx);
    });
  return y;
}

Var apply_stencil(Context& ctx, ops::Stencil const& stencil, Var const& x, Shape const& cells)
{
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), with_cells(x, cells)), {x});
  stencil.apply(ctx.exec, as_cells(x.value()), as_cells(y.value()));
  if (y.needs_grad())
    ctx.tape->record("stencil", y, [plan = &stencil, x, y](Exec const& exec) {
      Array const dx = wanted_gradient(x);
      plan->adjoint(exec, as_cells(y.grad()), as_cells(dx));
      x.accumulate(exec, dx);
    });
  return y;
}

Var map_linear(Context& ctx, IndexMap const& map, Var const& x, Shape const& cells, Weight const& w)
{
  auto const fetch = [plan = &map, x, shape = with_cells(x, cells)](Exec const& exec) {
    Array const fetched = Array::empty(x.value().dtype(), shape);
    plan->apply(exec, as_cells(x.value()), as_cells(fetched));
    return fetched;
  };
  Array const input = fetch(ctx.exec);
  Shape shape = input.shape();
  shape.back() = w.value.value().extent(0);
  Var const y = result_of(ctx, Array::empty(x.value().dtype(), shape), {x, w.value, w.bias});
  ops::linear_forward(ctx.exec, input, w.value.value(), w.scale, value_or_nothing(w.bias), y.value());
  if (y.needs_grad())
    ctx.tape->record("map_linear", y, [plan = &map, fetch, x, w, y](Exec const& exec) {
      Array const again = fetch(exec), down = Array::empty(again.dtype(), again.shape());
      ops::linear_backward(exec, again, w.value.value(), w.scale, y.grad(), down, shared_gradient(exec, w.value),
                           shared_gradient(exec, w.bias));
      Array const dx = Array::empty(x.value().dtype(), x.value().shape());
      plan->adjoint(exec, as_cells(down), as_cells(dx));
      x.accumulate(exec, dx);
    });
  return y;
}

Var add_bias(Context& ctx, Var const& y, Var const& bias)
{
  Var const sum = result_of(ctx, Array::empty(y.value().dtype(), y.value().shape()), {y, bias});
  ops::add_bias(ctx.exec, y.value(), bias.value(), sum.value());
  if (sum.needs_grad())
    ctx.tape->record("add_bias", sum, [y, bias, sum](Exec const& exec) {
      if (bias.needs_grad())
        ops::bias_backward(exec, sum.grad(), bias.grad_to_add_to(exec));
      y.accumulate(exec, sum.grad());
    });
  return sum;
}

Var add_with_bias(Context& ctx, Var const& y, Var const& bias, Var const& x)
{
  Var const sum = result_of(ctx, Array::empty(x.value().dtype(), x.value().shape()), {y, bias, x});
  ops::add_with_bias(ctx.exec, y.value(), bias.value(), x.value(), sum.value());
  if (sum.needs_grad())
    ctx.tape->record("add_with_bias", sum, [y, bias, x, sum](Exec const& exec) {
      if (bias.needs_grad())
        ops::bias_backward(exec, sum.grad(), bias.grad_to_add_to(exec));
      y.accumulate(exec, sum.grad());
      x.accumulate(exec, sum.grad());
    });
  return sum;
}

namespace {
/// The forward pass of a checkpointed unit again, recorded, and its backward pass.
void repeat(Exec const& exec, GradientSink* sink, Context recording, UnitScope& scope, std::vector<Var> const& inputs,
            std::function<Var(Context&, std::vector<Var> const&)> const& body, Array const& gradient)
{
  // Gradients that the inputs have from elsewhere go in and come out again: terms are added in the same order as
  // without a checkpoint, so that the sums are the same to the last bit.
  std::vector<Var> again;
  for (auto const& x : inputs) {
    again.emplace_back(x.value(), x.needs_grad());
    if (x.grad())
      again.back().accumulate(exec, x.grad());
    x.drop_grad();
  }
  Tape tape;
  recording.tape = &tape;
  scope.enter(exec, UnitScope::Direction::backward);
  Var const result = body(recording, again);
  tape.backward(exec, result, gradient);
  scope.finish(exec, sink);
  scope.leave(exec);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (again[i].grad())
      inputs[i].accumulate(exec, again[i].grad());
}
} // namespace

Var unit(Context& ctx, char const* name, bool checkpoint, std::shared_ptr<UnitScope> const& scope,
         std::vector<Var> const& inputs, std::function<Var(Context&, std::vector<Var> const&)> body)
{
  using Direction = UnitScope::Direction;
  scope->enter(ctx.exec, Direction::forward);
  if (!ctx.tape) {
    Var const y = body(ctx, inputs);
    scope->leave(ctx.exec);
    return y;
  }
  if (!checkpoint) {
    ctx.tape->record_always("end of unit", [scope](Exec const& exec, GradientSink* sink) {
      scope->finish(exec, sink);
      scope->leave(exec);
    });
    Var const y = body(ctx, inputs);
    scope->leave(ctx.exec);
    ctx.tape->record_always("begin of unit",
                            [scope](Exec const& exec, GradientSink*) { scope->enter(exec, Direction::backward); });
    return y;
  }
  Context silent = ctx;
  silent.tape = nullptr;
  Var const y(body(silent, inputs).value(), true);
  scope->leave(ctx.exec);
  ctx.tape->record_unit(name, y,
                        [silent, scope, inputs, body = std::move(body), y](Exec const& on, GradientSink* sink) {
                          repeat(on, sink, silent, *scope, inputs, body, y.grad());
                        });
  return y;
}

} // namespace rossby
