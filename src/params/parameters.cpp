#include <rossby/params/parameters.hpp>

#include "params/flat_layout.hpp"
#include "params/shards.hpp"
#include "params/share_table.hpp"
#include <rossby/core/random.hpp>

#include <cmath>

namespace rossby {

namespace {

/// Initial value of the element at a position in the file.
double draw(ParameterSpec const& spec, std::uint64_t seed, std::uint64_t stream, index_t position)
{
  Initial const& initial = spec.initial;
  auto const i = static_cast<std::uint64_t>(position);
  switch (initial.kind) {
  case Initial::Kind::constant:
    break;
  case Initial::Kind::uniform:
    return initial.scale * (2 * Philox::uniform(seed, stream, i) - 1);
  case Initial::Kind::normal:
    return initial.scale * Philox::normal(seed, stream, i);
  case Initial::Kind::icnr: {
    // The four output kernels that pixel shuffle interleaves start as one: [4c + r, ...] = drawn[c, ...].
    auto const kernel = static_cast<std::uint64_t>(product(spec.shape) / spec.shape[0]);
    return initial.scale * Philox::normal(seed, stream, i / (4 * kernel) * kernel + i % kernel);
  }
  case Initial::Kind::unit_vector:
    return Philox::normal(seed, stream, i);
  }
  return initial.scale;
}

/// Initial values of a part, in memory order.
std::vector<double> draw(ParameterSpec const& spec, Part const& part, std::uint64_t seed)
{
  std::uint64_t const stream = stream_of(spec.name);
  std::vector<double> values;
  for (index_t const position : file_positions(spec, part))
    values.push_back(draw(spec, seed, stream, position));
  if (spec.initial.kind == Initial::Kind::unit_vector) {
    double squares = 0;
    for (index_t i = 0; i < product(spec.shape); ++i)
      squares += std::pow(draw(spec, seed, stream, i), 2);
    for (auto& v : values)
      v /= std::sqrt(squares);
  }
  return values;
}

} // namespace

int Parameters::declare(ParameterSpec spec)
{
  int const number = size();
  bool const fresh = by_name_.emplace(spec.name, number).second;
  ROSSBY_EXPECT(fresh);
  list_.push_back({std::move(spec)});
  if (!units_.empty())
    units_.back().end = size();
  return number;
}

int Parameters::begin_unit(std::string name)
{
  units_.push_back({std::move(name), size(), size()});
  return static_cast<int>(units_.size()) - 1;
}

int Parameters::unit_of(int i) const
{
  for (std::size_t u = 0; u < units_.size(); ++u)
    if (i >= units_[u].begin && i < units_[u].end)
      return static_cast<int>(u);
  return -1;
}

Parameters::Parameters() : layout_(std::make_shared<FlatLayout const>()) {}

Array Parameters::slice(Array const& flat, int i) const
{
  return flat.slice(layout_->begin(i), (*this)[i].value().shape());
}

void Parameters::place(ParameterPlacement const& placement) { placement_ = placement; }

Communicator const& Parameters::copies(int i) const
{
  return is_cut((*this)[i].spec) ? placement_.replicas : placement_.world;
}

Parameters::Holders Parameters::holders(int i) const
{
  auto const& spec = (*this)[i].spec;
  if (placement_.sharded && spec.trainable)
    return Holders::world;
  return is_cut(spec) ? Holders::tensor : Holders::alone;
}

Communicator const& Parameters::parts(int i) const
{
  switch (holders(i)) {
  case Holders::world:
    return placement_.world;
  case Holders::tensor:
    return placement_.tensor;
  case Holders::alone:
    break;
  }
  return alone_;
}

Part Parameters::share(int i, int holder) const
{
  ROSSBY_EXPECT(shares_ != nullptr);
  return shares_->share(i, holder);
}

void Parameters::allocate(Exec const& exec, DType dtype, std::uint64_t seed)
{
  dtype_ = dtype;
  if (placement_.sharded)
    shares_ = std::make_shared<ShareTable>(list_, placement_.tensor.rank(), placement_.tensor.size(),
                                           placement_.world.size());
  for (int i = 0; i < size(); ++i) {
    auto& p = list_[static_cast<std::size_t>(i)];
    p.block = tensor_block(p.spec, placement_.tensor.rank(), placement_.tensor.size());
    p.part = shares_ ? shares_->share(i, copies(i).rank()) : p.block;
  }
  layout_ = std::make_shared<FlatLayout const>(exec, dtype, list_, units_);
  values_ = Array::zeros(exec, dtype, {layout_->elements()});
  gradients_ = Array();
  for (int i = 0; i < size(); ++i) {
    auto& p = list_[static_cast<std::size_t>(i)];
    Array const value = values_.slice(layout_->begin(i), memory_shape(p.spec, p.part));
    value.copy_from_host(exec, draw(p.spec, p.part, seed));
    p.var = Var(value, is_optimized(p.spec));
  }
  if (placement_.sharded)
    shards_ = std::make_shared<ShardStore>(exec, *this);
}

Parameter* Parameters::find(std::string const& name)
{
  auto const it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &list_[static_cast<std::size_t>(it->second)];
}

index_t Parameters::count_trainable() const
{
  index_t count = 0;
  for (auto const& p : list_)
    count += p.spec.trainable ? product(p.spec.shape) : 0;
  return count;
}

void Parameters::ready_gradients(Exec const& exec)
{
  bool held = false, stale = false;
  for (int const i : layout_->order()) {
    held = held || (*this)[i].var.grad();
    stale = stale || (*this)[i].var.grad_place_is_stale();
  }
  if (!gradients_)
    gradients_ = Array::zeros(exec, dtype_, {layout_->optimized()});
  else if (stale && !held)
    gradients_.fill(exec, 0);
  else
    return;
  for (int const i : layout_->order())
    (*this)[i].var.keep_grad_in(exec, slice(gradients_, i));
}

void Parameters::drop_grads()
{
  for (auto& p : list_)
    p.var.drop_grad();
}

} // namespace rossby
