#pragma once
/// \file
/// Who stores what when every parameter is spread over the ranks with copies of it (fsdp2). Computed alike on all
/// ranks, and for meshes that were never started.

#include <rossby/params/parameters.hpp>

#include <vector>

namespace rossby {

/// A share is some consecutive rows of a block. Rows are dealt one by one, those of the widest parameters first, each
/// to the holder that has least so far, counted in bytes over all parameters with as many holders. Rows differ a
/// thousandfold in width (a row of a 32 x 32 kernel, an element of a bias): where each parameter is divided evenly by
/// itself, some holders get all the rows that are left over.
class ShareTable {
public:
  /// Of the blocks of member `member` of a tensor group of `tensor` ranks, among `ranks` ranks in all.
  ShareTable(std::vector<Parameter> const&, int member, int tensor, int ranks);

  /// What holder `holder` of the ranks with copies of a parameter stores of it. All of the block for parameters that
  /// are not trained: every rank reads all of spectral norm's vectors.
  Part share(int parameter, int holder) const;

private:
  std::vector<Part> blocks_;
  std::vector<std::vector<index_t>> first_rows_; ///< of each holder, and the number of rows; empty: stored whole
};

} // namespace rossby
