// Convolutions, and their overlap with the exchange that gives their input its border. Forward: what needs no cell of
// another rank is computed while messages are under way, then the rest. Backward: first what gives gradients to cells
// of other ranks, which are sent off, then all else. The parts follow from the map; with one rank there is one part.

#include "node.hpp"

#include "ops/embed.hpp"

#include <optional>

namespace rossby {

namespace {

/// The branches of a convolution in the form that suits their kernels.
class Branches {
public:
  explicit Branches(std::vector<ConvBranch> branches) : branches_(std::move(branches))
  {
    for (auto const& b : branches_)
      shapes_.push_back(b.shape);
    wide_ = ops::embed_suits(shapes_);
  }

  Var result(Context const& ctx, Var const& x, index_t rows, index_t cols, std::optional<DType> dtype) const
  {
    index_t channels = 0;
    bool needs = x.needs_grad();
    for (auto const& b : branches_) {
      channels += b.weight.value.value().extent(0);
      needs = needs || b.weight.value.needs_grad() || b.weight.bias.needs_grad();
    }
    return Var(Array::empty(dtype.value_or(x.value().dtype()), {x.value().extent(0), rows, cols, channels}),
               ctx.tape && needs);
  }

  /// What needs no cell of x outside of `local`, before `x_is_whole()`, and the rest after it; then y is whole.
  template <class F>
  void forward(Exec const& exec, Array const& x, Box const& local, Array const& y,
               std::function<void()> const& meanwhile, F const& x_is_whole) const
  {
    auto const list = in_ops(nullptr);
    Box const whole = wide_ ? ops::embed_cells(x, list) : ops::all_of(y).cells;
    Box const inner = wide_ ? ops::embed_cells(local, list) : cells_needing_only(local, y);
    // The wide-kernel form adds to its result term by term.
    DType const dtype = wide_dtype(y.dtype());
    Array const sum = wide_ && y.dtype() != dtype ? Array::empty(dtype, y.shape()) : y;
    auto const compute = [&](ops::Turn const& turn) {
      if (wide_)
        return ops::embed_terms(exec, x, list, sum, turn);
      for (auto const& b : list)
        ops::conv_forward(exec, b.shape, x, b.weight, b.scale, b.bias, y, b.channel0, turn);
    };
    if (wide_)
      ops::embed_biases(exec, list, sum);
    compute({inner, meanwhile});
    x_is_whole();
    for (Box const& part : frame(whole, inner))
      compute({part});
    if (sum.data() != y.data())
      y.copy_from(exec, sum.cast(exec, y.dtype()));
  }

  /// Adds into dx, which is of the type of sums: first what reaches cells outside of `local`, then, after
  /// `border_is_whole()`, the rest.
  template <class F>
  void input_backward(Exec const& exec, Array const& dy, Array const& dx, Box const& local,
                      std::function<void()> const& meanwhile, F const& border_is_whole) const
  {
    auto const list = in_ops(nullptr);
    auto const compute = [&](ops::Turn const& turn) {
      for (auto const& b : list)
        ops::conv_input_backward(exec, b.shape, b.weight, b.scale, dy, b.channel0, dx, turn);
    };
    Box const inner = cells_needing_only(local, dy);
    for (Box const& part : frame(ops::all_of(dy).cells, inner))
      compute({part});
    border_is_whole();
    compute({inner, meanwhile});
  }

  /// Adds into the gradients of weights and biases.
  void weight_backward(Exec const& exec, Array const& x, Array const& dy, std::function<void()> const& meanwhile) const
  {
    auto const list = in_ops(&exec);
    if (wide_)
      return ops::embed_backward(exec, x, list, dy);
    for (auto const& b : list)
      ops::conv_weight_backward(exec, b.shape, x, dy, b.channel0, b.dweight, b.dbias, meanwhile);
  }

private:
  Box cells_needing_only(Box const& local, Array const& y) const
  {
    return ops::cells_needing_only(shapes_, local, y.extent(1), y.extent(2));
  }

  /// As ops take them, with gradients to add into when `exec` is given.
  std::vector<ops::EmbedBranch> in_ops(Exec const* exec) const
  {
    std::vector<ops::EmbedBranch> list;
    index_t channel0 = 0;
    for (auto const& b : branches_) {
      index_t const out = b.weight.value.value().extent(0);
      list.push_back({b.shape, out, channel0, b.weight.value.value(), b.weight.scale, value_or_nothing(b.weight.bias),
                      exec ? shared_gradient(*exec, b.weight.value) : Array(),
                      exec ? shared_gradient(*exec, b.weight.bias) : Array()});
      channel0 += out;
    }
    return list;
  }

  std::vector<ConvBranch> branches_;
  std::vector<ops::ConvShape> shapes_;
  bool wide_ = false;
};

} // namespace

Var convolution(Context& ctx, Var const& x, std::vector<ConvBranch> const& list, index_t rows, index_t cols,
                std::optional<DType> result)
{
  Branches const branches(list);
  Var const y = branches.result(ctx, x, rows, cols, result);
  auto const nothing = [] {};
  branches.forward(ctx.exec, x.value(), ops::all_of(x.value()).cells, y.value(), nullptr, nothing);
  if (y.needs_grad())
    ctx.tape->record("convolution", y, [x, branches, y, nothing](Exec const& exec) {
      DType const dtype = x.value().dtype();
      Array const dy = y.grad().cast(exec, dtype);
      if (x.needs_grad()) {
        bool const in_place = dtype == wide_dtype(dtype);
        Array const dx = in_place ? x.grad_to_add_to(exec) : Array::zeros(exec, wide_dtype(dtype), x.value().shape());
        branches.input_backward(exec, dy, dx, ops::all_of(dx).cells, nullptr, nothing);
        if (!in_place)
          x.accumulate(exec, dx.cast(exec, dtype));
      }
      branches.weight_backward(exec, x.value(), dy, nullptr);
    });
  return y;
}

Var map_convolution(Context& ctx, BoxMap const& border, Var const& x, std::vector<ConvBranch> const& list, index_t rows,
                    index_t cols, std::optional<DType> result)
{
  Branches const branches(list);
  Var const y = branches.result(ctx, x, rows, cols, result);
  Array const bordered = Array::empty(x.value().dtype(), with_cells(x, border.cells));
  auto halo = border.map.start(ctx.exec, as_cells(x.value()), as_cells(bordered));
  branches.forward(
      ctx.exec, bordered, border.local, y.value(), [&] { halo.progress(); }, [&] { halo.finish(); });
  if (y.needs_grad())
    ctx.tape->record(
        "map_convolution", y,
        [plan = &border, x, saved = bordered, branches, y](Exec const& exec) mutable {
          DType const dtype = saved.dtype();
          Array dy = y.grad().cast(exec, dtype);
          if (!x.needs_grad())
            return branches.weight_backward(exec, saved, dy, nullptr);
          // Sums to the end: a cell's gradient is rounded once, when all ranks have added to it.
          Array const sum = Array::zeros(exec, wide_dtype(dtype), saved.shape());
          std::optional<IndexMap::PendingAdjoint> returning;
          auto const meanwhile = [&] { returning->progress(); };
          branches.input_backward(exec, dy, sum, plan->local, meanwhile,
                                  [&] { returning.emplace(plan->map.start_adjoint(exec, as_cells(sum))); });
          branches.weight_backward(exec, saved, dy, meanwhile);
          dy = saved = Array(); // what is done with makes room for dx
          y.drop_grad();
          Array const dx = Array::empty(sum.dtype(), x.value().shape());
          returning->finish(as_cells(dx));
          x.accumulate(exec, dx.cast(exec, dtype));
        },
        bordered.bytes());
  return y;
}

} // namespace rossby
