#pragma once
/// \file
/// Model parameters: declared first (name, global shape, initial distribution), stored once the parallel plan is known,
/// each rank its part.

#include <rossby/autograd/tape.hpp>
#include <rossby/comm/communicator.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

/// How a parameter's elements lie in memory, against PyTorch's order in files.
enum class ParameterLayout {
  natural,        ///< as in the file
  conv,           ///< file [out, in, kh, kw], memory [out, kh, kw, in]: a row is a patch of channels-last cells; a
                  ///< file's [out, in, frames, kh, kw] likewise, channel c of frame t being c * frames + t
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

/// How the ranks of a tensor group share a layer's parameter (Shoeybi et al., "Megatron-LM", 2019).
enum class TensorCut {
  none,
  rows,   ///< of a column-parallel layer: each rank computes some of its outputs
  columns ///< of a row-parallel layer: each rank multiplies some of its inputs, results are summed
};

struct ParameterSpec {
  std::string name; ///< state_dict name of CREDIT: "layers.0.1.layers.0.0.to_qkv.weight_orig"
  Shape shape;      ///< global, PyTorch's order
  ParameterLayout layout = ParameterLayout::natural;
  Shape patch{}; ///< (in, kh, kw) of layout `patch`
  Initial initial;
  bool trainable = true; ///< false: spectral-norm vectors, which training steps update by themselves
  bool used = true;      ///< false: kept in files for CREDIT, never touched (no gradient, no optimizer state)
  TensorCut cut = TensorCut::none;
  index_t sections = 1;     ///< consecutive equal groups of rows that are cut alike: q, k and v
  std::string other_name{}; ///< in files of other versions; empty: the same
};

/// Indices [begin, end).
struct IndexRange {
  index_t begin = 0, end = 0;
  index_t size() const { return end - begin; }
  bool operator==(IndexRange const& o) const { return begin == o.begin && end == o.end; }
};

/// Some rows and columns of a parameter seen as a matrix: a weight has a row per output channel, a vector one column.
struct Part {
  std::vector<IndexRange> rows; ///< ascending, none empty
  IndexRange columns;
  index_t row_count() const;
  index_t size() const { return row_count() * columns.size(); }
  bool operator==(Part const& o) const { return rows == o.rows && columns == o.columns; }
};

/// Which ranks hold what. One rank holds everything.
struct ParameterPlacement {
  Communicator world;    ///< all ranks: copies of what no tensor group cuts
  Communicator replicas; ///< ranks of this place in their tensor group: copies of what tensor groups cut
  Communicator tensor;   ///< ranks that share the cut parameters of one copy
  bool sharded = false;  ///< each of the ranks with copies stores only a share of the rows (fsdp2)
  /// Ranks over which the parts of what is not stored whole are spread.
  Communicator const& spread() const { return sharded ? world : tensor; }
};

/// A parameter and its storage. `value` and, once a backward pass has run, `var.grad()` are in memory order.
struct Parameter {
  ParameterSpec spec;
  Part block{}; ///< what this rank computes with
  Part part{};  ///< what it stores: the block, or a share of it
  Var var{};    ///< of the stored part
  Array const& value() const { return var.value(); }
};

/// Consecutive parameters that are needed together: a transformer layer, a decoder block, an embedding.
struct ParameterUnit {
  std::string name;
  int begin = 0, end = 0; ///< numbers of parameters
};

/// True for what the optimizer moves: trainable parameters that the model uses.
inline bool is_optimized(ParameterSpec const& spec) { return spec.trainable && spec.used; }

class ShardStore;
class ShareTable;

/// All parameters of a model, in order of declaration. They stay where they are: modules and shards refer to them.
class Parameters {
public:
  Parameters() = default;
  Parameters(Parameters const&) = delete;
  Parameters& operator=(Parameters const&) = delete;
  /// Returns the parameter's number. Names are unique.
  int declare(ParameterSpec);
  /// What is declared from now on belongs to a new unit, whose number is returned.
  int begin_unit(std::string name);
  /// Decides which part each rank stores. Before allocate(); without it this rank stores everything.
  void place(ParameterPlacement const&);
  /// Allocates and draws initial values; each element depends only on (seed, name, global index).
  void allocate(Exec const&, DType, std::uint64_t seed);

  ParameterPlacement const& placement() const { return placement_; }
  /// Ranks that compute with the same block as this one: the gradient is the sum over them.
  Communicator const& copies(int i) const;
  /// Ranks over which the distinct stored parts are spread: a sum over all elements is a sum over them.
  Communicator const& parts(int i) const;
  std::vector<ParameterUnit> const& units() const { return units_; }
  int unit_of(int i) const;
  /// What rank `holder` of copies(i) stores of a sharded parameter.
  Part share(int i, int holder) const;
  /// Called when a backward pass has added all that a unit adds to the gradients of its parameters.
  void observe_units(std::function<void(Exec const&, int unit)> observer) { unit_observer_ = std::move(observer); }
  void unit_done(Exec const& exec, int unit) const
  {
    if (unit_observer_)
      unit_observer_(exec, unit);
  }
  /// Null when every rank stores what it computes with.
  std::shared_ptr<ShardStore> const& shards() const { return shards_; }

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
  std::vector<ParameterUnit> units_;
  std::shared_ptr<ShareTable const> shares_; ///< null when every rank stores what it computes with
  std::shared_ptr<ShardStore> shards_;
  std::function<void(Exec const&, int)> unit_observer_;
  ParameterPlacement placement_;
  Communicator alone_;
  DType dtype_ = DType::float32;
};

/// Shape in memory of the whole parameter, and of a part.
Shape memory_shape(ParameterSpec const&);
Shape memory_shape(ParameterSpec const&, Part const&);
/// The whole of a parameter.
Part whole_part(ParameterSpec const&);
/// The block of member `index` of a tensor group of `count`; all of the parameter when it is not cut.
Part tensor_block(ParameterSpec const&, int index, int count);
/// Rows [begin, end) of those of a block.
Part some_rows(Part const& block, IndexRange);

/// Position in the file (PyTorch's order) of each element of a part, in memory order.
std::vector<index_t> file_positions(ParameterSpec const&, Part const&);
/// A box of a parameter in its shape in files.
struct FileBox {
  Shape offset, count;
};
/// The boxes that a part fills in the file, one for each range of rows. (Parts of layout `patch`, and columns of
/// kernels wider than one cell, are no boxes: such parameters are never cut that way.)
std::vector<FileBox> file_boxes(ParameterSpec const&, Part const&);
/// Host values in file order from an array in memory order, and back. `spec` says the permutation; any array shaped
/// like the parameter (gradient, moment) can be passed.
std::vector<double> to_file_order(Exec const&, ParameterSpec const&, Array const& memory);
void from_file_order(Exec const&, ParameterSpec const&, std::vector<double> const& file, Array const& memory);
/// The same for an array that holds a part: its elements are taken from the whole file.
void from_file_order(Exec const&, ParameterSpec const&, Part const&, std::vector<double> const& file,
                     Array const& memory);

} // namespace rossby
