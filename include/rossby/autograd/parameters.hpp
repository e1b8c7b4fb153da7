#pragma once
/// \file
/// Model parameters: declared first (name, global shape, initial distribution), stored once the parallel plan is known.

#include <rossby/autograd/tape.hpp>

#include <map>
#include <string>
#include <vector>

namespace rossby {

/// How a parameter's elements lie in memory, against PyTorch's order in files.
enum class ParameterLayout {
  natural,        ///< as in the file
  conv,           ///< file [out, in, kh, kw], memory [out, kh, kw, in]: a row is a patch of channels-last cells
  conv_transpose, ///< file [in, out, kh, kw], memory [out, kh, kw, in]
  patch           ///< a vector over (in, kh, kw) in the file, over (kh, kw, in) in memory: spectral norm's v
};

/// Initial distribution, drawn per element at its global index.
struct Initial {
  enum class Kind { constant, uniform, normal, icnr, unit_vector } kind = Kind::constant;
  /// constant: the value; uniform: on [-scale, scale]; normal, icnr: standard deviation (icnr repeats each output
  /// kernel four times, so that pixel shuffle starts smooth); unit_vector: normal, scaled to length one.
  double scale = 0;
};

struct ParameterSpec {
  std::string name; ///< state_dict name of CREDIT: "layers.0.1.layers.0.0.to_qkv.weight_orig"
  Shape shape;      ///< global, PyTorch's order
  ParameterLayout layout = ParameterLayout::natural;
  Shape patch{}; ///< (in, kh, kw) of layout `patch`
  Initial initial;
  bool trainable = true; ///< false: spectral-norm vectors, which training steps update by themselves
  bool used = true;      ///< false: kept in files for CREDIT, never touched (no gradient, no optimizer state)
};

/// A parameter and its storage. `value` and, once a backward pass has run, `var.grad()` are in memory order.
struct Parameter {
  ParameterSpec spec;
  Var var;
  Array const& value() const { return var.value(); }
};

/// All parameters of a model, in order of declaration.
class Parameters {
public:
  /// Returns the parameter's number. Names are unique.
  int declare(ParameterSpec);
  /// Allocates and draws initial values; each element depends only on (seed, name, global index).
  void allocate(Exec const&, DType, std::uint64_t seed);

  int size() const { return static_cast<int>(list_.size()); }
  Parameter& operator[](int i) { return list_[static_cast<std::size_t>(i)]; }
  Parameter const& operator[](int i) const { return list_[static_cast<std::size_t>(i)]; }
  std::vector<Parameter>& all() { return list_; }
  std::vector<Parameter> const& all() const { return list_; }
  /// Null when there is none of that name.
  Parameter* find(std::string const& name);
  DType dtype() const { return dtype_; }
  index_t count_trainable() const; ///< elements of trainable parameters, unused ones included
  void drop_grads();

private:
  std::vector<Parameter> list_;
  std::map<std::string, int> by_name_;
  DType dtype_ = DType::float32;
};

/// Shape in memory.
Shape memory_shape(ParameterSpec const&);
/// Host values in file order from an array in memory order, and back. `spec` says the permutation; any array shaped
/// like the parameter (gradient, moment) can be passed.
std::vector<double> to_file_order(Exec const&, ParameterSpec const&, Array const& memory);
void from_file_order(Exec const&, ParameterSpec const&, std::vector<double> const& file, Array const& memory);

} // namespace rossby
