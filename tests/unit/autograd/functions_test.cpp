#include <rossby/autograd/functions.hpp>
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;
using ops::Activation;
using Vars = std::vector<Var>;
using Function = std::function<Var(Context&, Vars const&)>;

Context context(Tape* tape) { return {Exec(), tape, true, 42, 5, 2}; }

Array input(Shape shape, std::uint64_t seed) { return random_array(DType::float64, std::move(shape), seed); }

/// Gradients of the inputs that `needs` names; empty arrays for those that got none.
Arrays gradients(Function const& f, Arrays const& inputs, std::vector<bool> const& needs, Array const& dy)
{
  Tape tape;
  Context ctx = context(&tape);
  Vars vars;
  for (std::size_t k = 0; k < inputs.size(); ++k)
    vars.emplace_back(inputs[k], needs[k]);
  Var const y = f(ctx, vars);
  EXPECT_TRUE(y.needs_grad());
  tape.backward(Exec(), y, dy);
  EXPECT_EQ(tape.nodes(), 0u);
  Arrays result;
  for (auto const& v : vars)
    result.push_back(v.grad());
  return result;
}

/// Finite differences of all inputs together; and each input alone gets the same gradient while the others get none.
void check(char const* what, Arrays const& inputs, Function const& f)
{
  SCOPED_TRACE(what);
  std::vector<bool> const all(inputs.size(), true);
  auto const forward = [&](Arrays const& in) {
    Context ctx = context(nullptr);
    Vars vars;
    for (auto const& a : in)
      vars.emplace_back(a, true);
    Var const y = f(ctx, vars);
    EXPECT_FALSE(y.needs_grad()); // nobody records
    return y.value();
  };
  check_gradients(inputs, forward, [&](Arrays const& in, Array const& dy) { return gradients(f, in, all, dy); });
  Array const dy = random_array(DType::float64, forward(inputs).shape(), 99);
  auto const together = gradients(f, inputs, all, dy);
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    std::vector<bool> only(inputs.size(), false);
    only[k] = true;
    auto const alone = gradients(f, inputs, only, dy);
    for (std::size_t other = 0; other < inputs.size(); ++other) {
      ASSERT_EQ(static_cast<bool>(alone[other]), other == k) << "input " << other;
    }
    EXPECT_EQ(alone[k].to_host(Exec()), together[k].to_host(Exec()));
  }
}

TEST(Functions, Layers)
{
  check("linear", {input({2, 3, 4}, 1), input({5, 4}, 2), input({5}, 3)}, [](Context& ctx, Vars const& v) {
    return linear(ctx, v[0], {v[1], {}, v[2]});
  });
  check("linear without bias", {input({6, 4}, 1), input({5, 4}, 2)},
        [](Context& ctx, Vars const& v) { return linear(ctx, v[0], {v[1]}); });
  check("convolution of two branches",
        {input({2, 6, 7, 2}, 1), input({3, 4, 4, 2}, 2), input({3}, 3), input({2, 2, 2, 2}, 4), input({2}, 5)},
        [](Context& ctx, Vars const& v) {
          return convolution(ctx, v[0], {{{v[1], {}, v[2]}, {4, 2, 0}}, {{v[3], {}, v[4]}, {2, 2, 1}}}, 2, 2);
        });
  check("convolution without bias", {input({1, 4, 5, 3}, 1), input({2, 3, 3, 3}, 2)}, [](Context& ctx, Vars const& v) {
    return convolution(ctx, v[0], {{{v[1]}, {3, 1, 0}}}, 2, 3);
  });
  check("convolution with wide kernels",
        {input({1, 12, 10, 1}, 1), input({2, 4, 4, 1}, 2), input({2}, 3), input({1, 8, 8, 1}, 4)},
        [](Context& ctx, Vars const& v) {
          return convolution(ctx, v[0], {{{v[1], {}, v[2]}, {4, 2, 2}}, {{v[3]}, {8, 2, 0}}}, 3, 2);
        });
  auto const bordered = box_map(Exec(), Communicator(), Tiling::whole(3, 4), {-1, 4, -1, 5}, [](index_t r, index_t c) {
    return r < 0 || r >= 3 ? IndexMap::nothing : r * 4 + (c + 4) % 4;
  });
  check("convolution of a tile with its border", {input({2, 3, 4, 2}, 1), input({3, 3, 3, 2}, 2), input({3}, 3)},
        [&](Context& ctx, Vars const& v) {
          return map_convolution(ctx, bordered, v[0], {{{v[1], {}, v[2]}, {3, 1, 0}}}, 3, 4);
        });
  for (auto const kind : {Activation::gelu, Activation::silu, Activation::relu})
    check("activation", {input({3, 5}, 1)},
          [kind](Context& ctx, Vars const& v) { return activation(ctx, kind, v[0]); });
}

TEST(Functions, Norms)
{
  check("channel norm", {input({2, 3, 5}, 1), input({5}, 2), input({5}, 3)},
        [](Context& ctx, Vars const& v) { return channel_norm(ctx, v[0], v[1], v[2], 1e-5); });
  Communicator const self;
  check("group norm", {input({2, 3, 2, 6}, 1), input({6}, 2), input({6}, 3)},
        [&](Context& ctx, Vars const& v) { return group_norm(ctx, self, v[0], 2, 1e-5, v[1], v[2]); });
}

TEST(Functions, AttentionAndDropout)
{
  ops::GlobalNumbers const windows{IndexList(Exec(), {3, 1}), 4, 0}, cells{IndexList(Exec(), {4, 0, 2}), 6, 0};
  check("window attention", {input({4, 3, 12}, 1), input({3, 3}, 2)}, [&](Context& ctx, Vars const& v) {
    return window_attention(ctx, {3, 2, 2, 0.3, dropout_key(ctx, "attention"), windows}, v[0], v[1]);
  });
  check("cosine attention", {input({4, 4, 12}, 1), input({2}, 2), input({2, 4, 4}, 3)},
        [&](Context& ctx, Vars const& v) {
          ops::CosineAttention shape{2, 2, 2, 2, 1, 1};
          shape.seams = IndexList(Exec(), {1, 3});
          shape.dropout = 0.3;
          shape.key = dropout_key(ctx, "cosine");
          shape.windows = windows;
          return cosine_attention(ctx, shape, v[0], v[1], v[2]);
        });
  check("drop path", {input({8, 2, 3}, 1)},
        [&](Context& ctx, Vars const& v) { return drop_path(ctx, "path", 0.5, v[0]); });
  check("dropout", {input({2, 3, 5}, 1)}, [&](Context& ctx, Vars const& v) {
    return dropout(ctx, "layer", 0.4, cells, {0, v[0].value().shape().back()}, v[0]);
  });
}

TEST(Functions, Rearrangements)
{
  check("add", {input({2, 3}, 1), input({2, 3}, 2)}, [](Context& ctx, Vars const& v) { return add(ctx, v[0], v[1]); });
  check("add bias", {input({2, 3, 4}, 1), input({4}, 2)},
        [](Context& ctx, Vars const& v) { return add_bias(ctx, v[0], v[1]); });
  check("concatenate", {input({2, 3, 2}, 1), input({2, 3, 4}, 2)},
        [](Context& ctx, Vars const& v) { return concatenate(ctx, v[0], v[1]); });
  check("concatenate with itself", {input({2, 3, 2}, 1)},
        [](Context& ctx, Vars const& v) { return concatenate(ctx, v[0], v[0]); });
  check("reshape", {input({2, 3, 4}, 1)}, [](Context& ctx, Vars const& v) { return reshape(ctx, v[0], {6, 4}); });
  check("pixel shuffle", {input({2, 2, 3, 8}, 1)},
        [](Context& ctx, Vars const& v) { return pixel_shuffle(ctx, v[0]); });
  IndexMap const map(Exec(), Communicator(), Tiling::whole(2, 3), {5, IndexMap::nothing, 0, 5});
  check("index map", {input({2, 2, 3, 2}, 1)}, [&](Context& ctx, Vars const& v) {
    return map_cells(ctx, map, v[0], {2, 2});
  });
  check("index map backwards", {input({2, 2, 2, 2}, 1)}, [&](Context& ctx, Vars const& v) {
    return map_cells_back(ctx, map, v[0], {2, 3});
  });
  ops::Stencil const stencil(Exec(), 3, 4, {{0, 1, 0.5}, {0, 2, 0.5}, {2, 3, -1}});
  check("stencil", {input({2, 2, 2, 3}, 1)},
        [&](Context& ctx, Vars const& v) { return apply_stencil(ctx, stencil, v[0], {3}); });
}

TEST(Functions, Diamonds)
{
  check("value used by three", {input({3, 4}, 1), input({4, 4}, 2)}, [](Context& ctx, Vars const& v) {
    Var const a = linear(ctx, v[0], {v[1]}), b = activation(ctx, Activation::gelu, v[0]);
    return concatenate(ctx, add(ctx, linear(ctx, b, {v[1]}), a), add(ctx, v[0], v[0]));
  });
}

TEST(Functions, ScaledWeights)
{
  // y = scale w x: what arrives in the weight is the gradient of scale w.
  Tape tape;
  Context ctx = context(&tape);
  Var const x(Array::from_host(Exec(), DType::float64, {1, 1}, {3}), true),
      w(Array::from_host(Exec(), DType::float64, {1, 1}, {2}), true);
  Var const y = linear(ctx, x, {w, scale_by(0.125)});
  EXPECT_EQ(y.value().to_host(Exec()), (Values{0.75}));
  tape.backward(Exec(), y, Array::from_host(Exec(), DType::float64, {1, 1}, {1}));
  EXPECT_EQ(x.grad().to_host(Exec()), (Values{0.25}));
  EXPECT_EQ(w.grad().to_host(Exec()), (Values{3}));
}

TEST(Functions, DropoutHasCoordinates)
{
  ops::GlobalNumbers const cells{IndexList(Exec(), {0, 1, 2, 3}), 4, 0};
  Var const x(input({2, 4, 20}, 1));
  auto const values = [&](Context ctx, char const* layer) {
    return dropout(ctx, layer, 0.5, cells, {0, 20}, x).value().to_host(Exec());
  };
  Context const here = context(nullptr);
  EXPECT_EQ(values(here, "a"), values(here, "a"));
  EXPECT_NE(values(here, "a"), values(here, "b"));
  Context other = here;
  ++other.step;
  EXPECT_NE(values(here, "a"), values(other, "a"));
  other = here;
  ++other.seed;
  EXPECT_NE(values(here, "a"), values(other, "a"));
  // The second sample of a batch that begins one earlier is the first of this one.
  Var const turned(Array::from_host(Exec(), DType::float64, {2, 4, 20}, [&] {
    auto const h = x.value().to_host(Exec());
    Values v(h.begin() + 80, h.end());
    v.insert(v.end(), h.begin(), h.begin() + 80);
    return v;
  }()));
  other = here;
  --other.first_sample;
  auto const before = dropout(other, "a", 0.5, cells, {0, 20}, turned).value().to_host(Exec()), now = values(here, "a");
  EXPECT_TRUE(std::equal(now.begin(), now.begin() + 80, before.begin() + 80));
  // A forecast drops nothing and copies nothing.
  other.training = false;
  EXPECT_EQ(dropout(other, "a", 0.5, cells, {0, 20}, x).value().data(), x.value().data());
}

// Whole samples go, by their global number; what stays is as much larger.
TEST(Functions, DropPathFollowsGlobalSamples)
{
  Context here = context(nullptr);
  index_t const samples = 400;
  Var const x(Array::from_host(Exec(), DType::float64, {samples, 1, 2}, Values(at(2 * samples), 1.0)));
  auto const all = drop_path(here, "path", 0.25, x).value().to_host(Exec());
  index_t dropped = 0;
  for (index_t b = 0; b < samples; ++b) {
    EXPECT_EQ(all[at(2 * b)], all[at(2 * b + 1)]);
    if (all[at(2 * b)] == 0)
      ++dropped;
    else
      EXPECT_DOUBLE_EQ(all[at(2 * b)], 1 / 0.75);
  }
  EXPECT_NEAR(static_cast<double>(dropped), 0.25 * static_cast<double>(samples), 30);
  EXPECT_NE(drop_path(here, "other", 0.25, x).value().to_host(Exec()), all);
  here.first_sample += 100; // another rank's share of the batch
  auto const rest = drop_path(here, "path", 0.25, Var(x.value().rows(0, 300))).value().to_host(Exec());
  EXPECT_TRUE(std::equal(rest.begin(), rest.end(), all.begin() + 200));
  here.training = false;
  EXPECT_EQ(drop_path(here, "path", 0.25, x).value().data(), x.value().data());
}

/// What a transformer layer looks like: normalised, dropped, added to a second input and to itself.
Var layer(Context& ctx, Vars const& in, Vars const& weights, ops::GlobalNumbers const& cells)
{
  Var h = channel_norm(ctx, in[0], weights[0], weights[1], 1e-5);
  h = linear(ctx, h, {weights[2], scale_by(0.7), weights[1]});
  h = dropout(ctx, "layer", 0.3, cells, {0, in[0].value().shape().back()}, activation(ctx, Activation::gelu, h));
  return add(ctx, add(ctx, h, in[0]), in[1]);
}

/// These units have no parameters of their own.
std::shared_ptr<UnitScope> const nothing = std::make_shared<UnitScope>();

struct Result {
  Values y;
  std::vector<Values> gradients;
  std::size_t nodes;
};

/// Two layers, the first also feeding the result, as skips do; `checkpoint`: 0 never, 1 each layer, 2 both in one, 3
/// both in one and each inside it.
Result run_layers(int checkpoint, bool first_needs_grad)
{
  ops::GlobalNumbers const cells{IndexList(Exec(), {0, 1, 2}), 3, 0};
  index_t const width = 6;
  Vars weights;
  for (std::uint64_t k = 0; k < 2; ++k) {
    weights.emplace_back(input({width}, 10 * k), true);
    weights.emplace_back(input({width}, 10 * k + 1), true);
    weights.emplace_back(input({width, width}, 10 * k + 2), true);
  }
  Vars const first(weights.begin(), weights.begin() + 3), second(weights.begin() + 3, weights.end());
  Var const a(input({2, 3, width}, 30), first_needs_grad), b(input({2, 3, width}, 31), true);
  auto const both = [=](Context& ctx, Vars const& in) {
    bool const inner = checkpoint == 1 || checkpoint == 3;
    Var const h =
        unit(ctx, "first", inner, nothing, in, [=](Context& c, Vars const& x) { return layer(c, x, first, cells); });
    return concatenate(ctx,
                       unit(ctx, "second", inner, nothing, {h, in[1]},
                            [=](Context& c, Vars const& x) { return layer(c, x, second, cells); }),
                       h);
  };
  Tape tape;
  Context ctx = context(&tape);
  Var const y = add(ctx, unit(ctx, "both", checkpoint >= 2, nothing, {a, b}, both), concatenate(ctx, b, a));
  Result result{y.value().to_host(Exec()), {}, tape.nodes()};
  tape.backward(Exec(), y, input({2, 3, 2 * width}, 40));
  weights.push_back(a);
  weights.push_back(b);
  for (auto const& v : weights)
    result.gradients.push_back(v.grad() ? v.grad().to_host(Exec()) : Values());
  return result;
}

TEST(Unit, CheckpointsChangeNoBit)
{
  for (bool const first_needs_grad : {true, false}) {
    auto const kept = run_layers(0, first_needs_grad);
    EXPECT_EQ(kept.gradients[6].empty(), !first_needs_grad);
    for (int const checkpoint : {1, 2, 3}) {
      SCOPED_TRACE(checkpoint);
      auto const again = run_layers(checkpoint, first_needs_grad);
      EXPECT_EQ(again.y, kept.y);
      EXPECT_EQ(again.gradients, kept.gradients);
      EXPECT_LT(again.nodes, kept.nodes);
    }
  }
}

TEST(Unit, OfNothingIsItsInput)
{
  Tape tape;
  Context ctx = context(&tape);
  Var const x(input({3}, 1), true);
  Var const y = unit(ctx, "identity", true, nothing, {x}, [](Context&, Vars const& in) { return in[0]; });
  tape.backward(Exec(), add(ctx, y, x), Array::from_host(Exec(), DType::float64, {3}, {1, 2, 3}));
  EXPECT_EQ(x.grad().to_host(Exec()), (Values{2, 4, 6}));
}

} // namespace
} // namespace rossby
