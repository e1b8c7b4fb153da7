#include <rossby/nn/weight_book.hpp>

#include "ops/spectral.hpp"
#include "params/flat_layout.hpp"
#include "params/pass.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace rossby {

Initial default_initial(index_t fan_in) { return {Initial::Kind::uniform, 1 / std::sqrt(static_cast<double>(fan_in))}; }

int WeightBook::declare(std::string const& name, Shape shape, ParameterLayout layout, Initial weight,
                        std::optional<Initial> bias, bool normalised, std::string const& other_name)
{
  bool const transposed = layout == ParameterLayout::conv_transpose;
  index_t const out = shape[transposed ? 1 : 0], in = shape[transposed ? 0 : 1];
  index_t const columns = product(shape) / out;
  Entry e{-1, -1, -1, -1};
  auto const declare_one = [&](char const* what, ParameterSpec spec) {
    spec.name = name + what;
    spec.other_name = other_name.empty() ? "" : other_name + what;
    return parameters_->declare(std::move(spec));
  };
  auto const declare_bias = [&] {
    if (bias)
      e.bias = declare_one(".bias", {{}, {out}, ParameterLayout::natural, {}, *bias});
  };
  if (spectral_ && normalised) { // PyTorch's hook moves the weight behind the bias
    declare_bias();
    e.weight = declare_one(".weight_orig", {{}, shape, layout, {}, weight});
    e.u = declare_one(".weight_u", {{}, {out}, ParameterLayout::natural, {}, {Initial::Kind::unit_vector, 1}, false});
    bool const permuted = layout != ParameterLayout::natural;
    e.v = declare_one(".weight_v", {{},
                                    {columns},
                                    permuted ? ParameterLayout::patch : ParameterLayout::natural,
                                    permuted ? Shape{in, shape[2], shape[3]} : Shape{},
                                    {Initial::Kind::unit_vector, 1},
                                    false});
  } else {
    e.weight = declare_one(".weight", {{}, shape, layout, {}, weight});
    declare_bias();
  }
  entries_.push_back(e);
  return static_cast<int>(entries_.size()) - 1;
}

namespace {

/// The rows of a part that lies dense from `at` on, with vectors that begin at `u` and `v`.
std::vector<ops::SpectralRows> rows_of(index_t matrix, Part const& part, index_t at, index_t u, index_t v)
{
  std::vector<ops::SpectralRows> rows;
  index_t const columns = part.columns.size();
  for (auto const& r : part.rows) {
    rows.push_back({matrix, at, r.size(), columns, u + r.begin, v + part.columns.begin});
    at += r.size() * columns;
  }
  return rows;
}

/// Where the blocks of a unit's parameters lie in one array (params/flat_layout.hpp), stored or gathered: of those that
/// tensor groups cut, or of the others. By number.
std::map<int, index_t> places_of_blocks(Parameters const& p, ParameterUnit const& unit, bool cut)
{
  std::map<int, index_t> places;
  index_t at = 0;
  for (int i = unit.begin; i < unit.end; ++i)
    if (is_optimized(p[i].spec) && is_cut(p[i].spec) == cut) {
      places[i] = at;
      at += p.layout().padded(p[i].block.size());
    }
  return places;
}

/// Normalised weights of a unit whose blocks lie in one array.
struct SpectralGroup {
  bool cut = false;
  std::vector<std::size_t> entries{};
  index_t first_matrix = 0;  ///< their matrices follow one another
  std::vector<index_t> at{}; ///< of each block from the first on
  index_t elements = 0;      ///< from the first to the end of the last
  ops::SpectralTable blocks{};
};

} // namespace

/// What spectral norm does for all weights at once, made once for a model. Matrices are numbered group by group.
struct WeightBook::SpectralPlan {
  Array values;                                   ///< of the parameters for which it was made
  std::vector<std::vector<SpectralGroup>> groups; ///< by unit
  std::vector<index_t> matrix;                    ///< by entry; -1: not normalised
  ops::SpectralTable stored;                      ///< what this rank multiplies in a forward pass
  ops::Pieces left, right;                        ///< all u, all v
  bool spread = false;                            ///< products are sums over ranks

  /// All u and v: what parameters have behind their trainable ones.
  Array vectors(Parameters const& p) const
  {
    index_t const begin = p.layout().trainable();
    return p.values().slice(begin, {p.layout().elements() - begin});
  }
};

std::shared_ptr<WeightBook::SpectralPlan const> WeightBook::spectral_plan(Exec const& exec) const
{
  Parameters const& p = *parameters_;
  if (spectral_plan_ && spectral_plan_->values.data() == p.values().data())
    return spectral_plan_;
  auto const plan = std::make_shared<SpectralPlan>();
  plan->values = p.values();
  plan->matrix.assign(entries_.size(), -1);
  plan->groups.resize(p.units().size());
  for (auto const& e : entries_)
    plan->spread = plan->spread || (e.normalised() && p.parts(e.weight).size() > 1);
  auto const place = [&](int vector) { return p.layout().begin(vector) - p.layout().trainable(); };
  std::vector<ops::SpectralRows> stored;
  std::vector<index_t> left, left_end, right, right_end;
  for (std::size_t u = 0; u < p.units().size(); ++u)
    for (bool const cut : {false, true}) {
      auto const places = places_of_blocks(p, p.units()[u], cut);
      SpectralGroup group{cut};
      group.first_matrix = static_cast<index_t>(left.size());
      std::vector<ops::SpectralRows> blocks;
      for (std::size_t i = 0; i < entries_.size(); ++i) {
        Entry const& e = entries_[i];
        if (!e.normalised() || places.count(e.weight) == 0)
          continue;
        auto const& w = p[e.weight];
        auto const matrix = static_cast<index_t>(left.size()), inside = matrix - group.first_matrix;
        plan->matrix[i] = matrix;
        left.push_back(place(e.u));
        left_end.push_back(left.back() + p[e.u].value().size());
        right.push_back(place(e.v));
        right_end.push_back(right.back() + p[e.v].value().size());
        group.entries.push_back(i);
        group.at.push_back(places.at(e.weight) - places.at(entries_[group.entries.front()].weight));
        group.elements = group.at.back() + w.block.size();
        auto const block = rows_of(inside, w.block, group.at.back(), left.back(), right.back());
        blocks.insert(blocks.end(), block.begin(), block.end());
        // What others have whole as well counts once in a sum over ranks.
        if (!plan->spread || p.parts(e.weight).size() > 1 || p.placement().part_ranks().rank() == 0) {
          auto const part = rows_of(matrix, w.part, p.layout().begin(e.weight), left.back(), right.back());
          stored.insert(stored.end(), part.begin(), part.end());
        }
      }
      if (group.entries.empty())
        continue;
      group.blocks = ops::SpectralTable(exec, static_cast<index_t>(group.entries.size()), blocks);
      plan->groups[u].push_back(std::move(group));
    }
  plan->stored = ops::SpectralTable(exec, static_cast<index_t>(left.size()), stored);
  plan->left = ops::Pieces(exec, left, left_end);
  plan->right = ops::Pieces(exec, right, right_end);
  return spectral_plan_ = plan;
}

namespace {

/// What spectral norm needs in the backward pass of a forward pass: the vectors as they were, and sigma of all.
struct SpectralState {
  Array vectors, sigmas;
  Communicator tensor;
};

/// The normalised weights of a unit.
class NormalisedWeights final : public DerivedWeights {
public:
  /// Those of a group: a variable whose gradient is that of the normalised weight, and the weight's own, whose values
  /// are the same.
  struct Set {
    SpectralGroup const* group;
    std::vector<Var> weights{}, raw{};
    Array gradients{}; ///< of the normalised weights
  };

  NormalisedWeights(std::shared_ptr<void const> plan, std::shared_ptr<SpectralState const> state, std::vector<Set> sets)
      : plan_(std::move(plan)), state_(std::move(state)), sets_(std::move(sets))
  {
  }
  void arrive() override
  {
    for (auto const& set : sets_)
      for (std::size_t k = 0; k < set.raw.size(); ++k)
        set.weights[k].set_value(set.raw[k].value());
  }
  void leave() override
  {
    for (auto const& set : sets_)
      for (auto const& w : set.weights)
        w.set_value(Array());
  }
  void begin_backward(Exec const& exec) override
  {
    for (auto& set : sets_) {
      set.gradients = Array::zeros(exec, set.raw.front().value().dtype(), {set.group->elements});
      for (std::size_t k = 0; k < set.raw.size(); ++k)
        set.weights[k].keep_grad_in(exec, set.gradients.slice(set.group->at[k], set.raw[k].value().shape()));
    }
  }
  void add_gradients(Exec const& exec) override
  {
    for (auto& set : sets_) {
      if (set.group->cut || std::any_of(set.weights.begin(), set.weights.end(), [](Var const& w) { return w.grad(); }))
        add_gradients(exec, set);
      for (auto const& w : set.weights) {
        w.drop_grad();
        w.keep_grad_in(exec, Array());
      }
      set.gradients = Array();
    }
  }

private:
  void add_gradients(Exec const& exec, Set const& set) const
  {
    SpectralGroup const& group = *set.group;
    auto const count = static_cast<index_t>(set.raw.size());
    std::vector<char> reached;
    for (std::size_t k = 0; k < set.raw.size(); ++k) {
      reached.push_back(group.cut || set.weights[k].grad() || set.raw[k].grad());
      set.raw[k].grad_to_add_to(exec);
      auto const in_its_place = [&](Array const& a, Array const& first) {
        return static_cast<char*>(a.data()) - static_cast<char*>(first.data()) ==
               group.at[k] * static_cast<std::ptrdiff_t>(size_of(a.dtype()));
      };
      ROSSBY_EXPECT(in_its_place(set.raw[k].value(), set.raw[0].value()) &&
                    in_its_place(set.raw[k].grad(), set.raw[0].grad()));
    }
    Array const products = Array::empty(DType::float64, {count});
    ops::spectral_inner_products(exec, group.blocks, set.raw[0].value(), set.gradients, products);
    if (group.cut) // <g, w> is of the whole matrix
      state_->tensor.all_reduce_sum(exec, products);
    ops::spectral_backward(exec, group.blocks, state_->vectors, state_->sigmas.slice(group.first_matrix, {count}),
                           products, set.gradients, set.raw[0].grad());
    for (std::size_t k = 0; k < set.raw.size(); ++k)
      if (!reached[k])
        set.raw[k].drop_grad();
  }

  std::shared_ptr<void const> plan_; ///< which has the groups
  std::shared_ptr<SpectralState const> state_;
  std::vector<Set> sets_;
};

} // namespace

Array WeightBook::sigmas(Context& ctx, SpectralPlan const& plan) const
{
  Parameters& p = *parameters_;
  Exec const& exec = ctx.exec;
  Array const vectors = plan.vectors(p);
  auto const images = [&](auto const& product) {
    Array const result = Array::zeros(exec, p.dtype(), vectors.shape());
    product(exec, plan.stored, p.values(), vectors, result);
    if (plan.spread)
      p.placement().part_ranks().all_reduce_sum(exec, result);
    return result;
  };
  if (ctx.training)
    ops::spectral_normalise(exec, plan.right, images(ops::spectral_transposed_products), vectors);
  Array const left = images(ops::spectral_products);
  if (ctx.training)
    ops::spectral_normalise(exec, plan.left, left, vectors);
  Array const result = Array::empty(DType::float64, {plan.left.slices()});
  ops::spectral_sigmas(exec, plan.left, vectors, left, result);
  return result;
}

std::shared_ptr<PreparedWeights const> WeightBook::prepare(Context& ctx) const
{
  auto prepared = std::make_shared<PreparedWeights>();
  Parameters& p = *parameters_;
  auto const plan = spectral_plan(ctx.exec);
  auto const state = std::make_shared<SpectralState>();
  if (plan->left.slices() > 0) {
    state->sigmas = sigmas(ctx, *plan);
    if (ctx.tape)
      state->vectors = plan->vectors(p).clone(ctx.exec);
    state->tensor = p.placement().tensor;
  }
  ParameterPass const pass(ctx, p);
  prepared->parameters_ = pass.variables();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry const& e = entries_[i];
    Weight w{prepared->parameter(e.weight), {}, e.bias >= 0 ? prepared->parameter(e.bias) : Var()};
    if (e.normalised()) {
      w.scale = ops::Scale(state->sigmas.slice(plan->matrix[i], {1}));
      if (ctx.recording(w.value)) // a variable of its own over the same memory
        w.value = Var(w.value.value(), true);
    }
    prepared->weights_.push_back(std::move(w));
  }
  for (std::size_t u = 0; u < plan->groups.size(); ++u) {
    std::vector<NormalisedWeights::Set> sets;
    for (auto const& group : plan->groups[u])
      if (ctx.tape) {
        sets.push_back({&group});
        for (std::size_t const i : group.entries) {
          sets.back().weights.push_back(prepared->weights_[i].value);
          sets.back().raw.push_back(prepared->parameter(entries_[i].weight));
        }
      }
    prepared->scopes_.push_back(
        pass.scope(static_cast<int>(u), std::make_shared<NormalisedWeights>(plan, state, std::move(sets))));
  }
  return prepared;
}

} // namespace rossby
