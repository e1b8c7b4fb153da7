#include <rossby/autograd/functions.hpp>
#include <rossby/core/environment.hpp>
#include <support/arrays.hpp>

#include <utility>

namespace rossby {
namespace {
using namespace test;

Var variable(Values const& v, bool needs_grad = true)
{
  return Var(Array::from_host(Exec(), DType::float64, {static_cast<index_t>(v.size())}, v), needs_grad);
}
Array numbers(Values const& v) { return variable(v).value(); }

TEST(Tape, ReplaysBackwardsOnceAndFreesAsItGoes)
{
  Exec const exec;
  Tape tape;
  Var const a = variable({1}), b = variable({1}), c = variable({1});
  std::vector<int> order;
  auto first_kept = std::make_shared<int>(1), second_kept = std::make_shared<int>(2);
  std::weak_ptr<int> const first = first_kept, second = second_kept;
  tape.record("first", b, [&order, a, b, first_kept](Exec const& e) {
    order.push_back(*first_kept);
    a.accumulate(e, b.grad());
  });
  tape.record("second", c, [&order, &first, b, c, second_kept](Exec const& e) {
    order.push_back(*second_kept);
    EXPECT_FALSE(first.expired());
    b.accumulate(e, c.grad());
  });
  first_kept.reset();
  second_kept.reset();
  EXPECT_EQ(tape.nodes(), 2u);
  EXPECT_FALSE(second.expired());
  tape.backward(exec, c, numbers({3}));
  EXPECT_EQ(order, (std::vector<int>{2, 1}));
  EXPECT_EQ(tape.nodes(), 0u);
  EXPECT_TRUE(first.expired() && second.expired());
  EXPECT_EQ(a.grad().to_host(Exec()), (Values{3}));
  EXPECT_FALSE(b.grad() || c.grad()); // of intermediate values nothing stays
}

TEST(Tape, SkipsWhatNoGradientReaches)
{
  Tape tape;
  Var const a = variable({1}), side = variable({1}), c = variable({1});
  tape.record("side", side, [](Exec const&) { FAIL() << "nobody reads this result"; });
  tape.record("main", c, [a, c](Exec const& e) { a.accumulate(e, c.grad()); });
  tape.backward(Exec(), c, numbers({2}));
  EXPECT_EQ(a.grad().to_host(Exec()), (Values{2}));
  EXPECT_FALSE(side.grad());
}

TEST(Tape, GivesMemoryBackDuringReplay)
{
  auto const& pool = *Environment::current().pool();
  Tape tape;
  Context ctx{Exec(), &tape};
  Var const x(Array::zeros(Exec(), DType::float64, {1000}), true);
  auto const before = pool.bytes_in_use();
  Var y = x;
  for (int i = 0; i < 10; ++i)
    y = activation(ctx, ops::Activation::gelu, y);
  auto const recorded = pool.bytes_in_use();
  EXPECT_GE(recorded - before, 10u * 8000);
  Array seed = Array::zeros(Exec(), DType::float64, {1000});
  tape.backward(Exec(), std::exchange(y, Var()), std::exchange(seed, Array()));
  EXPECT_LE(pool.bytes_in_use() - before, 2u * 8192); // x's gradient
}

TEST(Tape, MemoryTableNamesOperations)
{
  Tape tape;
  Context ctx{Exec(), &tape};
  Var const x(Array::zeros(Exec(), DType::float64, {1 << 17}), true);
  activation(ctx, ops::Activation::relu, x);
  activation(ctx, ops::Activation::relu, x);
  reshape(ctx, x, {1 << 10, 1 << 7});
  auto const table = tape.memory_table();
  EXPECT_NE(table.find("activation                         2         2.0"), std::string::npos) << table;
}

TEST(Var, ConstantsTakeNoGradient)
{
  Var const constant = variable({1, 2}, false);
  constant.accumulate(Exec(), numbers({5, 5}));
  EXPECT_FALSE(constant.grad());
  EXPECT_FALSE(Var().needs_grad());
  EXPECT_THROW(variable({1}).accumulate(Exec(), numbers({1, 2})), std::logic_error);
}

TEST(Var, AGradientHandedToTwoIsTwoGradients)
{
  Exec const exec;
  Var const a = variable({1, 1}), b = variable({1, 1});
  Array const g = numbers({1, 2});
  a.accumulate(exec, g);
  b.accumulate(exec, g);
  a.accumulate(exec, numbers({10, 10}));
  b.grad_to_add_to(exec).fill(exec, 7);
  EXPECT_EQ(a.grad().to_host(Exec()), (Values{11, 12}));
  EXPECT_EQ(b.grad().to_host(Exec()), (Values{7, 7}));
  EXPECT_EQ(g.to_host(Exec()), (Values{1, 2}));
}

TEST(Var, AGradientThatIsPartOfAnArrayIsNotAddedToInPlace)
{
  Exec const exec;
  Var const a = variable({1, 1}), b = variable({1, 1});
  {
    Array const both = Array::from_host(Exec(), DType::float64, {2, 2}, {1, 2, 3, 4});
    a.accumulate(exec, both.rows(0, 1));
    b.accumulate(exec, both.rows(1, 1));
  }
  a.accumulate(exec, numbers({1, 1}));
  EXPECT_EQ(a.grad().to_host(Exec()), (Values{2, 3}));
  EXPECT_EQ(b.grad().to_host(Exec()), (Values{3, 4}));
}

TEST(Var, AGradientWithAPlaceOfItsOwnIsMadeThere)
{
  Exec const exec;
  Array const all = Array::zeros(exec, DType::float64, {4});
  Var const a = variable({1, 1}), b = variable({1, 1});
  b.accumulate(exec, numbers({5, 6}));
  a.keep_grad_in(exec, all.slice(0, {2}));
  b.keep_grad_in(exec, all.slice(2, {2}));
  EXPECT_FALSE(a.grad());
  EXPECT_EQ(all.to_host(exec), (Values{0, 0, 5, 6})) << "what was there moves";
  Array const g = numbers({1, 2});
  a.accumulate(exec, g);
  a.accumulate(exec, numbers({10, 10}));
  b.grad_to_add_to(exec).fill(exec, 7);
  EXPECT_EQ(all.to_host(exec), (Values{11, 12, 7, 7}));
  EXPECT_EQ(g.to_host(exec), (Values{1, 2}));
  // What is left of a dropped one does not get into the next.
  a.drop_grad();
  b.drop_grad();
  EXPECT_TRUE(a.grad_place_is_stale());
  EXPECT_EQ(a.grad_to_add_to(exec).to_host(exec), (Values{0, 0}));
  b.accumulate(exec, numbers({3, 4}));
  EXPECT_EQ(all.to_host(exec), (Values{0, 0, 3, 4}));
}

TEST(Var, ArraysToAddToBeginAtZeroAndKeepWhatCame)
{
  Exec const exec;
  Var const a = variable({1, 1});
  EXPECT_EQ(a.grad_to_add_to(exec).to_host(Exec()), (Values{0, 0}));
  ops::add_scaled(exec, 1, numbers({1, 2}), a.grad_to_add_to(exec));
  a.accumulate(exec, numbers({1, 1}));
  EXPECT_EQ(a.grad_to_add_to(exec).to_host(Exec()), (Values{2, 3}));
}

TEST(Tape, SumsOverAllPaths)
{
  Exec const exec;
  Array const seed = numbers({1, 10});
  {
    Tape tape;
    Context ctx{exec, &tape};
    Var const x = variable({1, 2});
    tape.backward(exec, add(ctx, x, x), seed);
    EXPECT_EQ(x.grad().to_host(Exec()), (Values{2, 20}));
  }
  {
    // A diamond whose arms have different lengths, with an arm's middle used again.
    Tape tape;
    Context ctx{exec, &tape};
    Var const x = variable({1, 2}), other = variable({1, 1});
    Var const p = add(ctx, x, other), q = add(ctx, p, x), y = add(ctx, add(ctx, q, p), x);
    tape.backward(exec, y, seed);
    EXPECT_EQ(x.grad().to_host(Exec()), (Values{4, 40}));
    EXPECT_EQ(other.grad().to_host(Exec()), (Values{2, 20}));
  }
  EXPECT_EQ(seed.to_host(Exec()), (Values{1, 10}));
}

TEST(Tape, GradientsOfTwoPassesAddUp)
{
  Exec const exec;
  Var const x = variable({1, 2});
  for (int pass = 0; pass < 2; ++pass) {
    Tape tape;
    Context ctx{exec, &tape};
    tape.backward(exec, add(ctx, x, x), numbers({1, 1}));
  }
  EXPECT_EQ(x.grad().to_host(Exec()), (Values{4, 4}));
}

} // namespace
} // namespace rossby
