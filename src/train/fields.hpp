#pragma once
/// \file
/// Private to src/train: everything of a run that has the shape of a parameter, for whatever file it goes into, and how
/// the ranks divide the writing.

#include "part_in_file.hpp"

#include "optim/adamw.hpp"
#include "optim/ema.hpp"

#include <functional>
#include <string>
#include <vector>

namespace rossby {

/// An array in the shape of a parameter, and what this rank stores of it.
struct Field {
  std::string name; ///< its path in a checkpoint: "/optimizer/up_block1.conv.bias/exp_avg"
  int parameter;
  Array stored;
};

/// The weights; with the moments that `optimizer` has and the averages, where these are given.
std::vector<Field> fields_of(Parameters const&, AdamW const* optimizer, Ema const* averages);

/// Bytes that they take in a file, with a generous share for the format's own records.
std::size_t room_for(std::vector<Field> const&, Parameters const&);

/// Which shares of parameters this rank writes when `writers` ranks divide what all of them store.
std::vector<WrittenShare> written_shares(Parameters const&, int writers);

/// Calls `f` with each field of which this rank writes something, its number, where that belongs, and the values in the
/// order of the file.
void for_each_share(Exec const&, Parameters const&, std::vector<Field> const&, std::vector<WrittenShare> const&,
                    std::function<void(std::size_t field, PartInFile const&, std::vector<double> const&)> const& f);

} // namespace rossby
