// Transformer layers and decoder blocks: every parameter's gradient by finite differences, and the two pieces whose
// arithmetic is not a plain chain of tested functions (position bias, transposed convolution) against loops.
#include <rossby/nn/decoder.hpp>
#include <rossby/nn/transformer.hpp>
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;

/// A module, its parameters at random values, and its grids: a coarse one and its double.
struct Bench {
  Parameters parameters;
  WeightBook book{parameters, false};
  GridBook grids;
  GridId coarse, fine;

  Bench(index_t rows, index_t cols) : coarse(grids.coarsest(rows, cols)), fine(grids.refined(2, 2, 2 * rows, 2 * cols))
  {
  }
  Books books() { return {parameters, book, grids}; }
  Doubler doubler(Upsampling kind) const { return {kind, {}, coarse, fine}; }

  void allocate()
  {
    grids.build(Exec(), Communicator(), {});
    parameters.allocate(Exec(), DType::float64, 1);
    std::uint64_t seed = 1000;
    for (auto& p : parameters.all()) // also what starts as zero or one
      p.value().copy_from(Exec(), random_array(DType::float64, p.value().shape(), ++seed));
  }
  /// `module` maps x to y with this bench's parameters.
  void check(Array const& x, std::function<Var(Context&, PreparedWeights const&, Var const&)> const& module)
  {
    Arrays inputs{x};
    for (auto const& p : parameters.all())
      inputs.push_back(p.value().clone(Exec()));
    auto const forward = [&](Context ctx, Var const& in, Arrays const& values) {
      for (std::size_t k = 1; k < values.size(); ++k)
        parameters[static_cast<int>(k) - 1].value().copy_from(Exec(), values[k]);
      auto const weights = book.prepare(ctx);
      return module(ctx, *weights, in);
    };
    check_gradients(
        inputs,
        [&](Arrays const& in) {
          return forward({Exec(), nullptr, true}, Var(in[0]), in).value();
        },
        [&](Arrays const& in, Array const& dy) {
          Tape tape;
          Var const field(in[0], true);
          tape.backward(Exec(), forward({Exec(), &tape, true}, field, in), dy);
          Arrays result{field.grad()};
          for (auto const& p : parameters.all())
            result.push_back(p.var.grad());
          return result;
        },
        1e-7, 3e-4);
  }
};

TEST(TransformerLayer, Gradients)
{
  Bench b(4, 8);
  TransformerLayer const layer(b.books(), "layer", {b.coarse, 16, 8, 2, 2, 0.2, 0.2, 1});
  b.allocate();
  b.check(random_array(DType::float64, {2, 4, 8, 16}, 1),
          [&](Context& ctx, PreparedWeights const& w, Var const& x) { return layer.forward(ctx, w, x); });
}

TEST(UpBlock, Gradients)
{
  for (auto const kind : {Upsampling::pixel_shuffle, Upsampling::transposed, Upsampling::bilinear}) {
    SCOPED_TRACE(static_cast<int>(kind));
    Bench b(2, 4);
    UpBlock const block(b.books(), "up", b.doubler(kind), 3, 4, 2);
    b.allocate();
    b.check(random_array(DType::float64, {2, 2, 4, 3}, 1),
            [&](Context& ctx, PreparedWeights const& w, Var const& x) { return block.forward(ctx, w, x); });
  }
}

TEST(FinalBlock, Gradients)
{
  for (auto const kind : {Upsampling::pixel_shuffle, Upsampling::transposed, Upsampling::bilinear}) {
    SCOPED_TRACE(static_cast<int>(kind));
    Bench b(2, 4);
    FinalBlock const block(b.books(), "up", b.doubler(kind), 3, 2);
    b.allocate();
    b.check(random_array(DType::float64, {2, 2, 4, 3}, 1),
            [&](Context& ctx, PreparedWeights const& w, Var const& x) { return block.forward(ctx, w, x); });
  }
}

TEST(FinalBlock, IsPyTorchsTransposedConvolution)
{
  index_t const in = 3, out = 2, rows = 2, cols = 4;
  Bench b(rows, cols);
  FinalBlock const block(b.books(), "up", b.doubler(Upsampling::transposed), in, out);
  b.allocate();
  Context ctx{Exec()};
  Array const x = random_array(DType::float64, {1, rows, cols, in}, 1);
  auto const weights = b.book.prepare(ctx);
  auto const y = block.forward(ctx, *weights, Var(x)).value();
  EXPECT_EQ(y.shape(), (Shape{1, 2 * rows, 2 * cols, out}));
  auto const hx = x.to_host(Exec()), bias = b.parameters.find("up.bias")->value().to_host(Exec());
  auto const& p = *b.parameters.find("up.weight");
  auto const w = to_file_order(Exec(), p.spec, p.value()); // [in, out, 4, 4]
  Values wanted(at(y.size()));
  for (std::size_t e = 0; e < wanted.size(); ++e)
    wanted[e] = bias[e % at(out)];
  // Every coarse cell (i, j) stamps its kernel at (2i - 1, 2j - 1).
  for (index_t i = 0; i < rows; ++i)
    for (index_t j = 0; j < cols; ++j)
      for (index_t k = 0; k < 16; ++k) {
        index_t const r = 2 * i - 1 + k / 4, c = 2 * j - 1 + k % 4;
        if (r < 0 || c < 0 || r >= 2 * rows || c >= 2 * cols)
          continue;
        for (index_t n = 0; n < in; ++n)
          for (index_t o = 0; o < out; ++o)
            wanted[at((r * 2 * cols + c) * out + o)] += hx[at((i * cols + j) * in + n)] * w[at((n * out + o) * 16 + k)];
      }
  expect_close(y, wanted);
}

/// One linear layer, its norm and a rectifier (but for the last layer), for one vector.
Values dense(Bench& b, std::string const& name, int layer, Values const& x)
{
  auto const values = [&](std::string const& what) { return b.parameters.find(name + what)->value().to_host(Exec()); };
  std::string const linear = ".layers." + std::to_string(3 * layer), norm = ".layers." + std::to_string(3 * layer + 1);
  auto const w = values(linear + ".weight"), bias = values(linear + ".bias");
  Values y = bias;
  for (std::size_t o = 0; o < y.size(); ++o)
    for (std::size_t i = 0; i < x.size(); ++i)
      y[o] += w[o * x.size() + i] * x[i];
  if (layer == 3)
    return y;
  auto const gain = values(norm + ".weight"), shift = values(norm + ".bias");
  double mean = 0, variance = 0;
  auto const n = static_cast<double>(y.size());
  for (double const e : y)
    mean += e / n;
  for (double const e : y)
    variance += (e - mean) * (e - mean) / n;
  for (std::size_t o = 0; o < y.size(); ++o)
    y[o] = std::max(0.0, (y[o] - mean) / std::sqrt(variance + 1e-5) * gain[o] + shift[o]);
  return y;
}

// Trained weights expect the index of a table of (2w - 1)^2 offsets to be used on one of (2w + 1)^2.
TEST(PositionBias, ReadsTheTableWithTheShorterStride)
{
  index_t const w = 3, tokens = w * w;
  Bench b(1, 1);
  PositionBias const position(b.parameters, b.book, "dpb", 16, w);
  b.allocate();
  Context ctx{Exec()};
  auto const weights = b.book.prepare(ctx);
  auto const table = position.forward(ctx, *weights).value();
  ASSERT_EQ(table.shape(), (Shape{tokens, tokens}));
  Values wanted;
  for (index_t p = 0; p < tokens; ++p)
    for (index_t q = 0; q < tokens; ++q) {
      index_t const row = p / w - q / w + w - 1, col = p % w - q % w + w - 1, entry = row * (2 * w - 1) + col;
      Values x{static_cast<double>(entry / (2 * w + 1) - w), static_cast<double>(entry % (2 * w + 1) - w)};
      for (int layer = 0; layer < 4; ++layer)
        x = dense(b, "dpb", layer, x);
      wanted.push_back(x[0]);
    }
  expect_close(table, wanted, 1e-12);
}

} // namespace
} // namespace rossby
