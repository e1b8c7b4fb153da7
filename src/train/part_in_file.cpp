#include "part_in_file.hpp"

#include "train/weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace rossby {

PartInFile::PartInFile(ParameterSpec const& spec, Part const& part)
    : order_(static_cast<std::size_t>(part.size())), positions_(file_positions(spec, part))
{
  for (auto& box : file_boxes(spec, part))
    boxes_.push_back({std::move(box.offset), std::move(box.count)});
  std::iota(order_.begin(), order_.end(), index_t(0));
  if (std::is_sorted(positions_.begin(), positions_.end()))
    return;
  std::sort(order_.begin(), order_.end(), [&](index_t a, index_t b) {
    return positions_[static_cast<std::size_t>(a)] < positions_[static_cast<std::size_t>(b)];
  });
  std::sort(positions_.begin(), positions_.end());
}

std::vector<double> PartInFile::to_file(std::vector<double> const& memory) const
{
  ROSSBY_EXPECT(memory.size() == order_.size());
  std::vector<double> file;
  file.reserve(memory.size());
  for (index_t const i : order_)
    file.push_back(memory[static_cast<std::size_t>(i)]);
  return file;
}

std::vector<double> PartInFile::to_memory(std::vector<double> const& file) const
{
  ROSSBY_EXPECT(file.size() == order_.size());
  std::vector<double> memory(file.size());
  for (std::size_t i = 0; i < file.size(); ++i)
    memory[static_cast<std::size_t>(order_[i])] = file[i];
  return memory;
}

std::int64_t PartInFile::checksum(std::vector<double> const& file) const { return rossby::checksum(file, positions_); }

WrittenShare written_share(Parameters const& parameters, int parameter, int writers)
{
  auto const& p = parameters[parameter];
  auto const& copies = parameters.copies(parameter);
  if (parameters.placement().sharded && p.spec.trainable)
    return {p.part};
  int const count = p.spec.trainable ? std::min(copies.size(), writers) : 1; // the others are short vectors
  if (copies.rank() >= count)
    return {};
  index_t const rows = p.block.row_count(), begin = rows * copies.rank() / count;
  return {some_rows(p.block, {begin, rows * (copies.rank() + 1) / count}), begin * p.block.columns.size()};
}

Array PartReader::read(int i, std::string const& dataset, Accept accept)
{
  auto const& p = (*parameters_)[i];
  if (auto const shape = source_->shape(dataset); shape != p.spec.shape)
    fail(source_->path() + ": " + dataset,
         fmt::format("has shape {}, but the parameter has {}", to_string(shape), to_string(p.spec.shape)));
  PartInFile const place(p.spec, p.part);
  auto const values = source_->read_boxes(dataset, place.boxes());
  if (auto const expected = source_->checksum(dataset))
    sums_.push_back({i, dataset, place.checksum(values), *expected});
  if (accept == Accept::finite && !std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    fail(fmt::format("{}: {}", source_->path(), dataset), "holds NaN or infinite values");
  Array const array = Array::empty(parameters_->dtype(), p.value().shape());
  array.copy_from_host(exec_, place.to_memory(values));
  return array;
}

void PartReader::read_to(Array const& to, int i, std::string const& dataset, Accept accept)
{
  when_sound([exec = exec_, to, from = read(i, dataset, accept)] { to.copy_from(exec, from); });
}

void verify_parts(Parameters const& parameters, std::string const& file, std::vector<PartReader::Sum> sums)
{
  // Every rank's reading is part of a sum over ranks that together have read the whole dataset.
  auto const& placement = parameters.placement();
  using Holders = Parameters::Holders;
  for (auto const& [holders, group] :
       {std::pair(Holders::world, &placement.world), std::pair(Holders::tensor, &placement.tensor)}) {
    std::vector<std::int64_t> found;
    for (auto const& s : sums)
      if (parameters.holders(s.parameter) == holders)
        found.push_back(s.found);
    group->all_reduce_sum(found.data(), found.size());
    auto next = found.begin();
    for (auto& s : sums)
      if (parameters.holders(s.parameter) == holders)
        s.found = *next++;
  }
  collectively(placement.world, [&] {
    for (auto const& s : sums)
      expect_checksum(file, s.dataset, s.found, s.expected);
  });
}

} // namespace rossby
