#include <rossby/nn/weight_book.hpp>
#include <support/gradient_check.hpp>
#include <support/kokkos_callbacks.hpp>

namespace rossby {
namespace {
using namespace test;

struct Book {
  Parameters parameters;
  WeightBook book;
  explicit Book(bool spectral) : book(parameters, spectral) { parameters.begin_unit("all"); }
  std::vector<std::string> names() const
  {
    std::vector<std::string> list;
    for (auto const& p : parameters.all())
      list.push_back(p.spec.name);
    return list;
  }
  /// x through one linear layer, which is the whole model.
  Var forward(Context& ctx, int weight, Var const& x)
  {
    auto const weights = book.prepare(ctx);
    return unit(ctx, "all", false, weights->scope(0), {x},
                [&](Context& c, std::vector<Var> const& in) { return linear(c, in[0], (*weights)[weight]); });
  }
  Values file(std::string const& name)
  {
    auto const* p = parameters.find(name);
    return to_file_order(Exec(), p->spec, p->value());
  }
};

TEST(WeightBook, NamesInPyTorchsOrder)
{
  Book plain(false), normalised(true);
  for (Book* b : {&plain, &normalised}) {
    EXPECT_EQ(b->book.declare("a", {3, 4}, ParameterLayout::natural, default_initial(4), default_initial(4)), 0);
    EXPECT_EQ(b->book.declare("b", {3, 4, 2, 2}, ParameterLayout::conv, default_initial(16), std::nullopt), 1);
  }
  EXPECT_EQ(plain.names(), (std::vector<std::string>{"a.weight", "a.bias", "b.weight"}));
  EXPECT_EQ(normalised.names(), (std::vector<std::string>{"a.bias", "a.weight_orig", "a.weight_u", "a.weight_v",
                                                          "b.weight_orig", "b.weight_u", "b.weight_v"}));
  EXPECT_FALSE(normalised.parameters.find("a.weight_u")->spec.trainable);
  EXPECT_EQ(normalised.parameters.find("b.weight_v")->spec.shape, (Shape{16}));
}

/// The weight in file order as PyTorch's matrix: output channels by the rest.
Values torch_matrix(Values const& file, Shape const& s, bool transposed)
{
  if (!transposed)
    return file;
  index_t const kernel = s[2] * s[3];
  Values m;
  for (index_t o = 0; o < s[1]; ++o)
    for (index_t i = 0; i < s[0]; ++i)
      for (index_t k = 0; k < kernel; ++k)
        m.push_back(file[at((i * s[1] + o) * kernel + k)]);
  return m;
}

Values normalised(Values z)
{
  double squares = 0;
  for (double const e : z)
    squares += e * e;
  for (double& e : z)
    e /= std::sqrt(squares);
  return z;
}

TEST(WeightBook, PowerStepsAreThoseOfTheFilesMatrix)
{
  for (auto const layout : {ParameterLayout::natural, ParameterLayout::conv, ParameterLayout::conv_transpose}) {
    bool const transposed = layout == ParameterLayout::conv_transpose;
    Shape const shape = layout == ParameterLayout::natural ? Shape{3, 4}
                        : transposed                       ? Shape{4, 3, 2, 2}
                                                           : Shape{3, 4, 2, 2};
    index_t const out = 3, in = product(shape) / out;
    Book b(true);
    int const w = b.book.declare("w", shape, layout, default_initial(4), std::nullopt);
    b.parameters.allocate(Exec(), DType::float64, 1);
    auto const m = torch_matrix(b.file("w.weight_orig"), shape, transposed), u = b.file("w.weight_u"),
               v = b.file("w.weight_v");
    Values image(at(out), 0.0), v_next(at(in), 0.0), u_next(at(out), 0.0);
    double sigma = 0, sigma_next = 0;
    for (index_t i = 0; i < out; ++i)
      for (index_t j = 0; j < in; ++j) {
        sigma += u[at(i)] * m[at(i * in + j)] * v[at(j)];
        v_next[at(j)] += m[at(i * in + j)] * u[at(i)];
      }
    v_next = normalised(v_next);
    for (index_t i = 0; i < out; ++i)
      for (index_t j = 0; j < in; ++j)
        u_next[at(i)] += m[at(i * in + j)] * v_next[at(j)];
    for (double const e : u_next)
      sigma_next += e * e;

    Context evaluation{Exec()}, training{Exec(), nullptr, true};
    auto const sigma_of = [&](Context& context) { return *(*b.book.prepare(context))[w].scale.sigma(); };
    EXPECT_NEAR(sigma_of(evaluation), sigma, 1e-12 * std::abs(sigma));
    EXPECT_EQ(b.file("w.weight_u"), u);
    EXPECT_NEAR(sigma_of(training), std::sqrt(sigma_next), 1e-12);
    expect_close(b.file("w.weight_v"), v_next, 1e-13);
    expect_close(b.file("w.weight_u"), normalised(u_next), 1e-13);
  }
}

TEST(WeightBook, GradientsThroughTheNormalisation)
{
  for (bool const spectral : {true, false}) {
    Book b(spectral);
    int const w = b.book.declare("w", {3, 4}, ParameterLayout::natural, default_initial(4), default_initial(4));
    b.parameters.allocate(Exec(), DType::float64, 1);
    Parameter& weight = *b.parameters.find(spectral ? "w.weight_orig" : "w.weight");
    Parameter& bias = *b.parameters.find("w.bias");
    auto const forward = [&](Context ctx, Var const& x, Arrays const& in) {
      weight.value().copy_from(Exec(), in[1]);
      bias.value().copy_from(Exec(), in[2]);
      return b.forward(ctx, w, x);
    };
    check_gradients(
        {random_array(DType::float64, {5, 4}, 1), weight.value().clone(Exec()), bias.value().clone(Exec())},
        [&](Arrays const& in) { return forward({Exec()}, Var(in[0]), in).value(); },
        [&](Arrays const& in, Array const& dy) {
          Tape tape;
          Var const x(in[0], true);
          tape.backward(Exec(), forward({Exec(), &tape}, x, in), dy);
          return Arrays{x.grad(), weight.var.grad(), bias.var.grad()};
        });
  }
}

// A forward pass in training moves u and v; what was recorded before must go backwards with the old ones.
TEST(WeightBook, BackwardUsesTheVectorsOfItsOwnForward)
{
  auto const gradient = [](bool pass_in_between) {
    Book b(true);
    int const w = b.book.declare("w", {3, 4}, ParameterLayout::natural, default_initial(4), std::nullopt);
    b.parameters.allocate(Exec(), DType::float64, 1);
    Tape tape;
    Context ctx{Exec(), &tape, true};
    Var const y = b.forward(ctx, w, Var(random_array(DType::float64, {5, 4}, 1)));
    Context silent{Exec(), nullptr, true};
    if (pass_in_between)
      b.book.prepare(silent);
    tape.backward(Exec(), y, random_array(DType::float64, {5, 3}, 2));
    return b.parameters.find("w.weight_orig")->var.grad().to_host(Exec());
  };
  EXPECT_EQ(gradient(true), gradient(false));
}

int kernels_and_copies = 0; // Kokkos' callbacks are plain functions

TEST(WeightBook, LaunchesDoNotGrowWithTheNumberOfWeights)
{
  auto const launches = [](int count) {
    Book b(true);
    std::vector<int> numbers;
    for (int i = 0; i < count; ++i)
      numbers.push_back(
          b.book.declare("w" + std::to_string(i), {4, 4}, ParameterLayout::natural, default_initial(4), std::nullopt));
    b.parameters.allocate(Exec(), DType::float32, 1);
    int seen = 0;
    for (int step = 0; step < 2; ++step) { // in the first, tables are made
      Tape tape;
      Context ctx{Exec(), &tape, true};
      using Kokkos::Tools::SpaceHandle;
      test::KokkosCallbacks const watch({[](char const*, std::uint32_t, std::uint64_t*) { ++kernels_and_copies; },
                                         [](SpaceHandle, char const*, void const*, SpaceHandle, char const*,
                                            void const*, std::uint64_t) { ++kernels_and_copies; }});
      kernels_and_copies = 0;
      auto const weights = b.book.prepare(ctx);
      auto const& scope = weights->scope(0);
      scope->enter(Exec(), UnitScope::Direction::backward);
      for (int const w : numbers)
        (*weights)[w].value.grad_to_add_to(Exec());
      scope->finish(Exec(), nullptr);
      seen = kernels_and_copies;
    }
    return seen;
  };
  EXPECT_EQ(launches(2), launches(30));
  EXPECT_LT(launches(2), 40);
}

TEST(WeightBook, UnusedWeightsGetNoGradient)
{
  Book b(true);
  int const used = b.book.declare("used", {3, 4}, ParameterLayout::natural, default_initial(4), std::nullopt);
  b.book.declare("idle", {3, 4}, ParameterLayout::natural, default_initial(4), std::nullopt);
  b.parameters.allocate(Exec(), DType::float64, 1);
  Tape tape;
  Context ctx{Exec(), &tape};
  tape.backward(Exec(), b.forward(ctx, used, Var(random_array(DType::float64, {5, 4}, 1))),
                random_array(DType::float64, {5, 3}, 2));
  EXPECT_TRUE(static_cast<bool>(b.parameters.find("used.weight_orig")->var.grad()));
  EXPECT_FALSE(static_cast<bool>(b.parameters.find("idle.weight_orig")->var.grad()));
}

} // namespace
} // namespace rossby
