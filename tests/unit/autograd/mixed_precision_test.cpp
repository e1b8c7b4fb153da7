// Fields in bfloat16, parameters in float32. Every function is held to itself in float64, on inputs that bfloat16 holds
// exactly: results may differ by the one rounding of what is stored, half a unit in the last of eight places, and sums
// over many terms by the round-off of float32. A sum kept in bfloat16 anywhere shows at once.

#include <rossby/autograd/functions.hpp>
#include <support/arrays.hpp>

namespace rossby {
namespace {
using namespace test;
using ops::Activation;
using Vars = std::vector<Var>;
using Function = std::function<Var(Context&, Vars const&)>;

struct Input {
  Shape shape;
  bool field; ///< else a parameter
};

constexpr double half_unit = 1.0 / 256 * 1.02; ///< of the smallest significand, and a little for float32

/// Random numbers of bfloat16.
Values exact_values(index_t n, std::uint64_t seed)
{
  return Array::from_host(Exec(), DType::bfloat16, {n}, random_values(n, seed)).to_host(Exec());
}

struct Results {
  Array y;
  std::vector<Array> gradients;
};

Results run(Function const& f, std::vector<Input> const& inputs, bool mixed)
{
  Tape tape;
  Context ctx{Exec(), &tape, true, 42, 5, 2};
  Vars vars;
  for (auto const& in : inputs) {
    DType const dtype = !mixed ? DType::float64 : in.field ? DType::bfloat16 : DType::float32;
    vars.emplace_back(Array::from_host(Exec(), dtype, in.shape, exact_values(product(in.shape), vars.size() + 1)),
                      true);
  }
  Var const y = f(ctx, vars);
  Results r{y.value(), {}};
  tape.backward(Exec(), y,
                Array::from_host(Exec(), y.value().dtype(), y.value().shape(), exact_values(y.value().size(), 99)));
  for (auto const& v : vars)
    r.gradients.push_back(v.grad());
  return r;
}

/// `rounded_terms`: what was added up had been rounded, which counts against the sum's typical size.
void expect_rounded(Array const& got, Array const& wanted, bool rounded_terms)
{
  auto const g = got.to_host(Exec()), w = wanted.to_host(Exec());
  ASSERT_EQ(g.size(), w.size());
  double square = 0;
  for (double const x : w)
    square += x * x;
  bool const narrow = got.dtype() == DType::bfloat16;
  double const typical = std::sqrt(square / static_cast<double>(w.size()));
  int wrong = 0;
  for (std::size_t i = 0; i < g.size() && wrong < 5; ++i) {
    double const allowed = (narrow ? half_unit * std::abs(w[i]) : 0) + (rounded_terms ? 2 * half_unit * typical : 0) +
                           5e-6 * (typical + std::abs(w[i]));
    if (!(std::abs(g[i] - w[i]) <= allowed)) {
      ADD_FAILURE() << "element " << i << ": " << g[i] << ", not " << w[i];
      ++wrong;
    }
  }
}

void check(char const* what, std::vector<Input> const& inputs, Function const& f, bool rounded_terms = false)
{
  SCOPED_TRACE(what);
  auto const mixed = run(f, inputs, true), reference = run(f, inputs, false);
  {
    SCOPED_TRACE("result");
    expect_rounded(mixed.y, reference.y, false);
  }
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    SCOPED_TRACE("gradient of input " + std::to_string(k));
    EXPECT_EQ(mixed.gradients[k].dtype(), inputs[k].field ? DType::bfloat16 : DType::float32);
    expect_rounded(mixed.gradients[k], reference.gradients[k], rounded_terms);
  }
}

Input field(Shape s) { return {std::move(s), true}; }
Input parameter(Shape s) { return {std::move(s), false}; }

TEST(MixedPrecision, Products)
{
  for (index_t const n : {7, 9000}) // one block and several
    check("linear", {field({2, n, 40}), parameter({24, 40}), parameter({24})}, [](Context& ctx, Vars const& v) {
      return linear(ctx, v[0], {v[1], scale_by(0.5), v[2]});
    });
  check("linear without bias", {field({300, 40}), parameter({24, 40})},
        [](Context& ctx, Vars const& v) { return linear(ctx, v[0], {v[1]}); });
  check("3x3 convolution", {field({2, 30, 40, 20}), parameter({12, 3, 3, 20}), parameter({12})},
        [](Context& ctx, Vars const& v) {
          return convolution(ctx, v[0], {{{v[1], {}, v[2]}, {3, 1, 0}}}, 28, 38);
        });
  check("two strided branches",
        {field({1, 18, 18, 6}), parameter({5, 4, 4, 6}), parameter({5}), parameter({3, 2, 2, 6}), parameter({3})},
        [](Context& ctx, Vars const& v) {
          return convolution(ctx, v[0], {{{v[1], {}, v[2]}, {4, 2, 0}}, {{v[3], {}, v[4]}, {2, 2, 1}}}, 8, 8);
        });
  check(
      "wide-kernel embedding",
      {field({1, 32, 40, 6}), parameter({4, 16, 16, 6}), parameter({4}), parameter({4, 4, 4, 6}), parameter({4})},
      [](Context& ctx, Vars const& v) {
        return convolution(ctx, v[0], {{{v[1], scale_by(0.5), v[2]}, {16, 4, 0}}, {{v[3], {}, v[4]}, {4, 4, 4}}}, 5, 7);
      });
}

TEST(MixedPrecision, ResultsThatStayWide)
{
  auto const last = [](Context& ctx, Vars const& v) {
    DType const wide = wide_dtype(v[0].value().dtype());
    Var const y = convolution(ctx, v[0], {{{v[1], {}, v[2]}, {3, 1, 0}}}, 8, 10, wide);
    EXPECT_EQ(y.value().dtype(), wide);
    return y;
  };
  check("last convolution", {field({2, 10, 12, 20}), parameter({12, 3, 3, 20}), parameter({12})}, last);
}

TEST(MixedPrecision, Norms)
{
  check("channel norm", {field({2, 30, 70}), parameter({70}), parameter({70})},
        [](Context& ctx, Vars const& v) { return channel_norm(ctx, v[0], v[1], v[2], 1e-5); });
  Communicator const self;
  check("group norm", {field({2, 30, 20, 12}), parameter({12}), parameter({12})},
        [&](Context& ctx, Vars const& v) { return group_norm(ctx, self, v[0], 4, 1e-5, v[1], v[2]); });
}

TEST(MixedPrecision, AttentionAndDropout)
{
  ops::GlobalNumbers const windows{IndexList(Exec(), {3, 1}), 4, 0}, cells{IndexList(Exec(), {4, 0, 2}), 6, 0};
  check("window attention", {field({4, 25, 96}), parameter({25, 25})}, [&](Context& ctx, Vars const& v) {
    return window_attention(ctx, {25, 2, 16, 0.25, dropout_key(ctx, "attention"), windows}, v[0], v[1]);
  });
  check("dropout", {field({2, 3, 20})}, [&](Context& ctx, Vars const& v) {
    return dropout(ctx, "layer", 0.25, cells, {0, v[0].value().shape().back()}, v[0]);
  });
}

TEST(MixedPrecision, ElementByElement)
{
  for (auto const kind : {Activation::gelu, Activation::silu, Activation::relu})
    check("activation", {field({30, 50})}, [kind](Context& ctx, Vars const& v) { return activation(ctx, kind, v[0]); });
  check("add", {field({2, 30}), field({2, 30})}, [](Context& ctx, Vars const& v) { return add(ctx, v[0], v[1]); });
  check("add with bias", {field({9000, 3}), parameter({3}), field({9000, 3})},
        [](Context& ctx, Vars const& v) { return add_with_bias(ctx, v[0], v[1], v[2]); });
  check("concatenate", {field({2, 3, 2}), field({2, 3, 4})},
        [](Context& ctx, Vars const& v) { return concatenate(ctx, v[0], v[1]); });
  check("pixel shuffle", {field({2, 2, 3, 8})}, [](Context& ctx, Vars const& v) { return pixel_shuffle(ctx, v[0]); });
  check("cast", {field({2, 30})},
        [](Context& ctx, Vars const& v) { return cast(ctx, v[0], wide_dtype(v[0].value().dtype())); });
}

TEST(MixedPrecision, CellsThatManyTake)
{
  std::vector<index_t> wanted(300);
  std::vector<ops::Stencil::Entry> entries;
  for (index_t t = 0; t < 300; ++t) {
    wanted[at(t)] = t % 5 == 4 ? IndexMap::nothing : t % 7;
    entries.push_back({t % 7, t, 0.25});
  }
  IndexMap const map(Exec(), Communicator(), Tiling::whole(2, 4), wanted);
  check("index map", {field({2, 2, 4, 40})},
        [&](Context& ctx, Vars const& v) { return map_cells(ctx, map, v[0], {300}); });
  check("index map backwards", {field({2, 300, 40})}, [&](Context& ctx, Vars const& v) {
    return map_cells_back(ctx, map, v[0], {2, 4});
  });
  ops::Stencil const stencil(Exec(), 8, 300, entries);
  check("stencil", {field({2, 300, 40})},
        [&](Context& ctx, Vars const& v) { return apply_stencil(ctx, stencil, v[0], {8}); });
  check(
      "mapped linear", {field({2, 2, 4, 40}), parameter({24, 40})},
      [&](Context& ctx, Vars const& v) { return map_linear(ctx, map, v[0], {300}, {v[1]}); }, true);
}

} // namespace
} // namespace rossby
