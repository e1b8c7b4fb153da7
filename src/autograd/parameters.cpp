#include <rossby/autograd/parameters.hpp>

#include <rossby/core/random.hpp>

#include <cmath>

namespace rossby {

namespace {

/// Walks the elements in memory order: calls f(memory index, file index).
template <class F> void for_each_element(ParameterSpec const& spec, F const& f)
{
  Shape const& s = spec.shape;
  std::size_t m = 0;
  auto const call = [&](index_t file) { f(m++, static_cast<std::size_t>(file)); };
  switch (spec.layout) {
  case ParameterLayout::natural:
    for (index_t i = 0; i < product(s); ++i)
      call(i);
    break;
  case ParameterLayout::conv:
    for (index_t o = 0; o < s[0]; ++o)
      for (index_t k = 0; k < s[2] * s[3]; ++k)
        for (index_t c = 0; c < s[1]; ++c)
          call((o * s[1] + c) * s[2] * s[3] + k);
    break;
  case ParameterLayout::conv_transpose:
    for (index_t o = 0; o < s[1]; ++o)
      for (index_t k = 0; k < s[2] * s[3]; ++k)
        for (index_t c = 0; c < s[0]; ++c)
          call((c * s[1] + o) * s[2] * s[3] + k);
    break;
  case ParameterLayout::patch: {
    index_t const in = spec.patch[0], kernel = spec.patch[1] * spec.patch[2];
    for (index_t k = 0; k < kernel; ++k)
      for (index_t c = 0; c < in; ++c)
        call(c * kernel + k);
    break;
  }
  }
}

/// Initial values in file order.
std::vector<double> draw(ParameterSpec const& spec, std::uint64_t seed)
{
  std::vector<double> values(static_cast<std::size_t>(product(spec.shape)));
  std::uint64_t const stream = stream_of(spec.name);
  Initial const& initial = spec.initial;
  // The four output kernels that pixel shuffle interleaves start as one: [4c + r, ...] = drawn[c, ...].
  std::uint64_t const kernel =
      spec.shape.empty() || spec.shape[0] == 0 ? 1 : values.size() / static_cast<std::size_t>(spec.shape[0]);
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    switch (initial.kind) {
    case Initial::Kind::constant:
      values[i] = initial.scale;
      break;
    case Initial::Kind::uniform:
      values[i] = initial.scale * (2 * Philox::uniform(seed, stream, i) - 1);
      break;
    case Initial::Kind::normal:
      values[i] = initial.scale * Philox::normal(seed, stream, i);
      break;
    case Initial::Kind::icnr:
      values[i] = initial.scale * Philox::normal(seed, stream, i / (4 * kernel) * kernel + i % kernel);
      break;
    case Initial::Kind::unit_vector:
      values[i] = Philox::normal(seed, stream, i);
      break;
    }
    squares += values[i] * values[i];
  }
  if (initial.kind == Initial::Kind::unit_vector)
    for (auto& v : values)
      v /= std::sqrt(squares);
  return values;
}

} // namespace

Shape memory_shape(ParameterSpec const& spec)
{
  Shape const& s = spec.shape;
  switch (spec.layout) {
  case ParameterLayout::conv:
    return {s[0], s[2], s[3], s[1]};
  case ParameterLayout::conv_transpose:
    return {s[1], s[2], s[3], s[0]};
  default:
    return s;
  }
}

std::vector<double> to_file_order(Exec const& exec, ParameterSpec const& spec, Array const& memory)
{
  auto const values = memory.to_host(exec);
  std::vector<double> file(values.size());
  for_each_element(spec, [&](std::size_t m, std::size_t f) { file[f] = values[m]; });
  return file;
}

void from_file_order(Exec const& exec, ParameterSpec const& spec, std::vector<double> const& file, Array const& memory)
{
  ROSSBY_EXPECT(static_cast<index_t>(file.size()) == memory.size());
  std::vector<double> values(file.size());
  for_each_element(spec, [&](std::size_t m, std::size_t f) { values[m] = file[f]; });
  memory.copy_from_host(exec, values);
}

int Parameters::declare(ParameterSpec spec)
{
  int const number = size();
  bool const fresh = by_name_.emplace(spec.name, number).second;
  ROSSBY_EXPECT(fresh);
  list_.push_back({std::move(spec), Var()});
  return number;
}

void Parameters::allocate(Exec const& exec, DType dtype, std::uint64_t seed)
{
  dtype_ = dtype;
  for (auto& p : list_) {
    Array const value = Array::empty(dtype, memory_shape(p.spec));
    from_file_order(exec, p.spec, draw(p.spec, seed), value);
    p.var = Var(value, p.spec.trainable && p.spec.used);
  }
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

void Parameters::drop_grads()
{
  for (auto& p : list_)
    p.var.drop_grad();
}

} // namespace rossby
