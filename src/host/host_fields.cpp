#include "host_fields.hpp"

#include <rossby/comm/agree.hpp>
#include <rossby/dist/box_map.hpp>

#include <fmt/format.h>

namespace rossby::host {

namespace {
/// [level][cell] and [cell][level] are each other's transposes.
std::vector<double> transposed(std::vector<double> const& from, std::size_t rows)
{
  std::size_t const columns = rows == 0 ? 0 : from.size() / rows;
  std::vector<double> to(from.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      to[j * rows + i] = from[i * columns + j];
  return to;
}

/// Moves [cell][channel] by a map.
std::vector<double> moved(IndexMap const& map, std::vector<double> const& values, index_t channels)
{
  Exec const exec;
  auto const from = Array::from_host(exec, DType::float64, {1, map.sources(), channels}, values);
  auto const to = Array::empty(DType::float64, {1, map.targets(), channels});
  map.apply(exec, from, to);
  return to.to_host(exec);
}
} // namespace

bool HostFields::read(SchemaEntry const& entry, Time t, Box const& box, std::vector<double>& values)
{
  auto const found = arrived_.find(key_of(entry, t));
  if (found == arrived_.end() || !(box == model_tile_))
    return false;
  values = found->second;
  return true;
}

void HostFields::set_tiles(Communicator const& spatial, Tiling host, Tiling const& model)
{
  spatial_ = spatial;
  host_ = std::move(host);
  model_tile_ = model.box(spatial.rank());
  to_model_.emplace(Exec(), spatial, host_, cells_of(model_tile_, model.width()));
  to_host_.reset();
  put_.clear();
  arrived_.clear();
}

void HostFields::put(SchemaEntry const& entry, Time t, std::vector<double> values)
{
  put_[key_of(entry, t)] = std::move(values);
  if (entry.type == FieldType::fixed)
    fixed_.insert(key_of(entry, t));
}

void HostFields::arrive()
{
  std::string names;
  for (auto const& [key, values] : put_)
    names += fmt::format("{} at {}\n", key.first, fixed_.count(key) ? "any time" : format_time(key.second));
  expect_same(spatial_, "rossby_put", "set of fields", names, "hand over the same variables and times on all ranks");
  for (auto& [key, values] : put_) {
    auto const cells = static_cast<std::size_t>(tile().cells());
    double levels = cells == 0 ? 0 : static_cast<double>(values.size() / cells); // a rank without cells doesn't know
    spatial_.all_reduce_max(&levels, 1);
    auto const n = static_cast<std::size_t>(levels);
    arrived_[key] = transposed(moved(*to_model_, transposed(values, n), static_cast<index_t>(n)),
                               static_cast<std::size_t>(model_tile_.cells()));
  }
  put_.clear();
}

void HostFields::forget_before(Time t)
{
  for (auto it = arrived_.begin(); it != arrived_.end();)
    it = it->first.second < t && fixed_.count(it->first) == 0 ? arrived_.erase(it) : std::next(it);
}

std::vector<double> HostFields::bring_back(Tiling const& output, std::vector<double> const& values,
                                           SchemaEntry const& entry)
{
  if (!to_host_)
    to_host_.emplace(Exec(), spatial_, output, cells_of(tile(), output.width()));
  auto const cells = static_cast<std::size_t>(output.box(spatial_.rank()).cells());
  auto const levels = static_cast<std::size_t>(entry.n_levels());
  std::size_t const channels = cells == 0 ? levels : values.size() / cells;
  std::vector<double> own(cells * levels);
  for (std::size_t i = 0; i < cells; ++i)
    for (std::size_t k = 0; k < levels; ++k)
      own[i * levels + k] = values[i * channels + static_cast<std::size_t>(entry.first_channel) + k];
  return transposed(moved(*to_host_, own, static_cast<index_t>(levels)), static_cast<std::size_t>(tile().cells()));
}

} // namespace rossby::host
