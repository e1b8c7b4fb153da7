#pragma once
/// \file
/// What a module says of a parameter when it declares it, the parts that ranks hold of it, and where the elements of a
/// part lie in memory and in files.
///
/// A parameter has three orders of elements: PyTorch's, in files; that of memory, which products want (channels last);
/// and both are a matrix of output channels by the rest, whose rows and columns ranks share. Everything about one
/// element is said by its row and column.

#include <rossby/core/array.hpp>

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

/// True for what the optimizer moves: trainable parameters that the model uses.
inline bool is_optimized(ParameterSpec const& spec) { return spec.trainable && spec.used; }
/// True for what the ranks of a tensor group share.
inline bool is_cut(ParameterSpec const& spec) { return spec.cut != TensorCut::none; }

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
