#include <rossby/nn/weight_book.hpp>

#include "ops/spectral.hpp"
#include "params/pass.hpp"

#include <cmath>

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

/// The elements of a vector that belong to a part's rows: a slice, or a copy where they are not consecutive.
Array rows_of(Exec const& exec, Array const& vector, Part const& part)
{
  if (part.rows.size() == 1)
    return vector.slice(part.rows[0].begin, {part.rows[0].size()});
  Array const rows = Array::empty(vector.dtype(), {part.row_count()});
  index_t at = 0;
  for (auto const& r : part.rows) {
    rows.slice(at, {r.size()}).copy_from(exec, vector.slice(r.begin, {r.size()}));
    at += r.size();
  }
  return rows;
}

Array columns_of(Array const& vector, Part const& part)
{
  return vector.slice(part.columns.begin, {part.columns.size()});
}

/// Vectors of all layers one after the other; those whose sum is over other ranks come first, for one reduction.
class VectorBatch {
public:
  VectorBatch(Exec const& exec, DType dtype) : exec_(exec), dtype_(dtype) {}
  void add(index_t length, bool spread)
  {
    lengths_.push_back(length);
    (spread ? spread_ : alone_) += length;
    is_spread_.push_back(spread);
  }
  void allocate()
  {
    all_ = Array::zeros(exec_, dtype_, {spread_ + alone_});
    index_t next_spread = 0, next_alone = spread_;
    for (std::size_t i = 0; i < lengths_.size(); ++i) {
      index_t& next = is_spread_[i] ? next_spread : next_alone;
      vectors_.push_back(all_.slice(next, {lengths_[i]}));
      next += lengths_[i];
    }
  }
  Array const& operator[](std::size_t i) const { return vectors_[i]; }
  void reduce(Communicator const& ranks) const
  {
    if (spread_ > 0)
      ranks.all_reduce_sum(exec_, all_.slice(0, {spread_}));
  }

private:
  Exec exec_;
  DType dtype_;
  index_t spread_ = 0, alone_ = 0;
  std::vector<index_t> lengths_;
  std::vector<char> is_spread_;
  std::vector<Array> vectors_;
  Array all_;
};

/// What spectral norm needs for the gradient of one weight.
struct Normalised {
  Var weight; ///< its gradient is that of the normalised weight
  Var raw;    ///< the same values; its gradient is that of the weight
  Part block;
  bool cut;
  Array u, v; ///< of this forward pass
  double sigma;
};

void add_spectral_gradients(Exec const& exec, std::vector<Normalised> const& weights, Communicator const& tensor)
{
  index_t cut = 0;
  for (auto const& w : weights)
    cut += w.cut;
  Array const products = Array::zeros(exec, DType::float64, {static_cast<index_t>(weights.size())});
  index_t next_cut = 0, next_whole = cut;
  std::vector<Array> product;
  for (auto const& w : weights) {
    product.push_back(products.slice((w.cut ? next_cut : next_whole)++, {1}));
    if (w.weight.grad())
      ops::spectral_inner_product(exec, w.weight.value(), w.weight.grad(), product.back());
  }
  if (cut > 0) // <g, w> is of the whole matrix
    tensor.all_reduce_sum(exec, products.slice(0, {cut}));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    auto const& w = weights[i];
    if (!w.weight.grad() && !w.cut)
      continue;
    Array const u = rows_of(exec, w.u, w.block);
    ops::spectral_backward(exec, u, columns_of(w.v, w.block), w.sigma, product[i], w.weight.grad_to_add_to(exec),
                           w.raw.grad_to_add_to(exec));
    w.weight.drop_grad();
  }
}

/// The normalised weights of a unit.
class NormalisedWeights final : public DerivedWeights {
public:
  NormalisedWeights(std::vector<Normalised> weights, Communicator tensor)
      : weights_(std::move(weights)), tensor_(std::move(tensor))
  {
  }
  void arrive() override
  {
    for (auto const& w : weights_)
      w.weight.set_value(w.raw.value());
  }
  void leave() override
  {
    for (auto const& w : weights_)
      w.weight.set_value(Array());
  }
  void add_gradients(Exec const& exec) override { add_spectral_gradients(exec, weights_, tensor_); }

private:
  std::vector<Normalised> weights_;
  Communicator tensor_;
};

} // namespace

std::vector<double> WeightBook::sigmas(Context& ctx) const
{
  Parameters& p = *parameters_;
  Exec const& exec = ctx.exec;
  std::vector<double> sigma(entries_.size(), 1);
  std::vector<std::size_t> numbers; // of the weights that are normalised
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].normalised()) {
      numbers.push_back(i);
      entries.push_back(entries_[i]);
    }
  if (entries.empty())
    return sigma;
  // Those of the parts that other ranks hold too are summed over the ranks that share them: one group for all.
  Communicator const& others = p.placement().part_ranks();
  auto const spread = [&](Entry const& e) { return p.parts(e.weight).size() > 1; };
  if (ctx.training) {
    VectorBatch right(exec, p.dtype());
    for (auto const& e : entries)
      right.add(p[e.v].value().size(), spread(e));
    right.allocate();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      auto const& w = p[entries[i].weight];
      if (w.part.size() > 0)
        ops::spectral_transposed_product(exec, w.value(), rows_of(exec, p[entries[i].u].value(), w.part),
                                         columns_of(right[i], w.part));
    }
    right.reduce(others);
    for (std::size_t i = 0; i < entries.size(); ++i)
      ops::spectral_normalise(exec, right[i], p[entries[i].v].value());
  }
  VectorBatch left(exec, p.dtype());
  for (auto const& e : entries)
    left.add(p[e.u].value().size(), spread(e));
  left.allocate();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto const& w = p[entries[i].weight];
    if (w.part.size() == 0)
      continue;
    Array const image = Array::empty(p.dtype(), {w.part.row_count()});
    ops::spectral_product(exec, w.value(), columns_of(p[entries[i].v].value(), w.part), image);
    index_t at = 0;
    for (auto const& r : w.part.rows) {
      left[i].slice(r.begin, {r.size()}).copy_from(exec, image.slice(at, {r.size()}));
      at += r.size();
    }
  }
  left.reduce(others);
  Array const all = Array::empty(p.dtype(), {static_cast<index_t>(entries.size())});
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Array const& u = p[entries[i].u].value();
    if (ctx.training)
      ops::spectral_normalise(exec, left[i], u);
    ops::spectral_sigma(exec, u, left[i], all.slice(static_cast<index_t>(i), {1}));
  }
  auto const values = all.to_host(exec);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    sigma[numbers[i]] = values[i];
  return sigma;
}

std::shared_ptr<PreparedWeights const> WeightBook::prepare(Context& ctx) const
{
  auto prepared = std::make_shared<PreparedWeights>();
  Parameters& p = *parameters_;
  auto const sigma = sigmas(ctx);
  ParameterPass const pass(ctx, p);
  prepared->parameters_ = pass.variables();
  std::vector<std::vector<Normalised>> normalised(p.units().size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry const& e = entries_[i];
    Var const raw = prepared->parameter(e.weight);
    Weight w{raw, 1 / sigma[i], e.bias >= 0 ? prepared->parameter(e.bias) : Var()};
    if (e.normalised() && ctx.recording(raw)) {
      // A variable of its own over the same memory: its gradient is that of the normalised weight.
      w.value = Var(raw.value(), true);
      auto const& spec = p[e.weight].spec;
      normalised[static_cast<std::size_t>(p.unit_of(e.weight))].push_back(
          {w.value, raw, p[e.weight].block, spec.cut != TensorCut::none, p[e.u].value().clone(ctx.exec),
           p[e.v].value().clone(ctx.exec), sigma[i]});
    }
    prepared->weights_.push_back(std::move(w));
  }
  Communicator const& tensor = p.placement().tensor;
  for (std::size_t u = 0; u < normalised.size(); ++u)
    prepared->scopes_.push_back(
        pass.scope(static_cast<int>(u), std::make_shared<NormalisedWeights>(std::move(normalised[u]), tensor)));
  return prepared;
}

} // namespace rossby
