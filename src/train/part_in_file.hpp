#pragma once
/// \file
/// Private to src/train: parameters in HDF5 files of which each rank reads and writes no more than it holds.

#include <rossby/comm/agree.hpp>
#include <rossby/params/parameters.hpp>

#include "array_source.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

/// Where the elements of a part are in a dataset of the parameter's shape.
class PartInFile {
public:
  PartInFile(ParameterSpec const&, Part const&);

  std::vector<io::Hyperslab> const& boxes() const { return boxes_; }
  /// Values in memory order as they follow one another in the file, and back.
  std::vector<double> to_file(std::vector<double> const& memory) const;
  std::vector<double> to_memory(std::vector<double> const& file) const;
  /// The part's share of the dataset's checksum; values in file order.
  std::int64_t checksum(std::vector<double> const& file) const;

private:
  std::vector<io::Hyperslab> boxes_;
  std::vector<index_t> order_;     ///< by place in the file: place in memory
  std::vector<index_t> positions_; ///< by place in the file: index in the dataset
};

/// Elements [begin, begin + part.size()) of what a rank stores of a parameter.
struct WrittenShare {
  Part part;
  index_t begin = 0;
  std::vector<double> values(Exec const& exec, Array const& stored) const
  {
    return stored.slice(begin, {part.size()}).to_host(exec);
  }
};
/// What this rank writes so that everything is written once: its part, if no other rank stores it; otherwise the first
/// `writers` of the ranks with copies divide the rows among themselves.
WrittenShare written_share(Parameters const&, int parameter, int writers);

/// Reads what this rank stores from an open file. Nothing in the model changes before everything has been read and all
/// checksums have been compared.
class PartReader {
public:
  PartReader(Exec const& exec, Parameters& parameters, ArraySource const& source)
      : exec_(exec), parameters_(&parameters), source_(&source)
  {
  }
  enum class Accept { all, finite };
  /// A new array shaped like the stored part of parameter `i`, from a dataset of its global shape.
  Array read(int i, std::string const& dataset, Accept = Accept::all);
  /// The same, to be copied to `to` once the file has proved sound.
  void read_to(Array const& to, int i, std::string const& dataset, Accept = Accept::all);
  /// All weights of a group; see load_model_weights.
  void read_weights(std::string const& group);
  /// The name of parameter `i` in the file, once read_weights() has found it.
  std::string const& name_in_file(int i) const { return names_.at(static_cast<std::size_t>(i)); }
  /// What to do once the file has proved sound, in the order of the calls.
  void when_sound(std::function<void()> action) { actions_.push_back(std::move(action)); }
  std::vector<std::function<void()>> const& actions() const { return actions_; }

  struct Sum {
    int parameter;
    std::string dataset;
    std::int64_t found, expected; ///< checksums: of what this rank has read, and of the whole dataset
  };
  std::vector<Sum> const& sums() const { return sums_; }

private:
  Exec exec_;
  Parameters* parameters_;
  ArraySource const* source_;
  std::vector<std::string> names_;
  std::vector<Sum> sums_;
  std::vector<std::function<void()>> actions_;
};

/// Compares the sums of what the ranks have read with the checksums of the datasets. Collective over all ranks of the
/// placement.
void verify_parts(Parameters const&, std::string const& file, std::vector<PartReader::Sum>);

/// Opens a file on every rank of the placement, each for itself (collective opening costs more than it saves), and lets
/// `f` read parts of it, without collective calls. `open` returns a pointer to an ArraySource, which `f` gets beside
/// the reader. \throws Error on all ranks when one fails or something is damaged; everything is then as it was.
template <class Open, class F> void read_parts(Exec const& exec, Parameters& parameters, Open&& open, F&& f)
{
  std::string path;
  std::vector<PartReader::Sum> sums;
  std::vector<std::function<void()>> actions;
  auto const& ranks = parameters.placement().world;
  collectively(ranks, [&] {
    auto const source = open();
    PartReader reader(exec, parameters, *source);
    f(reader, *source);
    source->verify(ranks.rank(), ranks.size());
    path = source->path();
    sums = reader.sums();
    actions = reader.actions();
  });
  verify_parts(parameters, path, std::move(sums));
  for (auto const& action : actions)
    action();
}

} // namespace rossby
