#include <rossby/train/weights.hpp>

#include "part_in_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace rossby {

namespace {
std::uint64_t mix(std::uint64_t x) // the finaliser of Steele, Lea and Flood's SplitMix64
{
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

void verify(io::Hdf5File const& file, std::string const& dataset, std::int64_t found)
{
  if (file.has_attribute(dataset, "checksum"))
    expect_checksum(file.path(), dataset, found, file.read_int_attribute(dataset, "checksum"));
}

std::uint64_t element(index_t position, double value)
{
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return mix(bits + mix(static_cast<std::uint64_t>(position + 1) * 0x9e3779b97f4a7c15ull));
}
} // namespace

std::int64_t checksum(std::vector<double> const& values)
{
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    sum += element(static_cast<index_t>(i), values[i]);
  return static_cast<std::int64_t>(sum);
}

std::int64_t checksum(std::vector<double> const& values, std::vector<index_t> const& positions)
{
  ROSSBY_EXPECT(values.size() == positions.size());
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    sum += element(positions[i], values[i]);
  return static_cast<std::int64_t>(sum);
}

std::int64_t checksum(std::string const& text) { return checksum(std::vector<double>(text.begin(), text.end())); }

void expect_checksum(std::string const& file, std::string const& dataset, std::int64_t found, std::int64_t expected)
{
  if (found != expected)
    fail(fmt::format("{}: {}", file, dataset), "its checksum does not match: the file is damaged",
         "use another copy, such as backup_checkpoint.h5");
}

std::vector<double> read_verified(io::Hdf5File const& file, std::string const& dataset)
{
  auto values = file.read(dataset);
  verify(file, dataset, checksum(values));
  return values;
}

std::string read_text_verified(io::Hdf5File const& file, std::string const& dataset)
{
  auto text = file.read_text(dataset);
  verify(file, dataset, checksum(text));
  return text;
}

void PartReader::read_weights(std::string const& group)
{
  auto const& file = *file_;
  auto& parameters = *parameters_;
  if (!file.exists(group))
    fail(file.path(), fmt::format("holds no weights: there is no group {}", group),
         "give a checkpoint of Rossby or a file converted from CREDIT");
  auto const names = file.list(group);
  std::set<std::string> unknown(names.begin(), names.end());
  std::vector<std::string> problems, source(static_cast<std::size_t>(parameters.size()));
  for (int i = 0; i < parameters.size(); ++i) {
    auto const& spec = parameters[i].spec;
    std::string name = spec.name;
    if (unknown.count(name) == 0 && !spec.other_name.empty())
      name = spec.other_name;
    if (unknown.count(name) == 0) {
      if (spec.used)
        problems.push_back(fmt::format("{} {} is missing", spec.name, to_string(spec.shape)));
      continue;
    }
    unknown.erase(name);
    std::string const dataset = group + "/" + name;
    if (auto const shape = file.shape(dataset); shape == spec.shape)
      source[static_cast<std::size_t>(i)] = dataset;
    else
      problems.push_back(fmt::format("{} is {}, but the model has {}", name, to_string(shape), to_string(spec.shape)));
  }
  for (auto const& name : unknown)
    problems.push_back(
        fmt::format("{} {} is no parameter of the model", name, to_string(file.shape(group + "/" + name))));
  if (!problems.empty()) {
    std::string list;
    for (std::size_t i = 0; i < std::min<std::size_t>(10, problems.size()); ++i)
      list += "\n  " + problems[i];
    if (problems.size() > 10)
      list += fmt::format("\n  and {} more", problems.size() - 10);
    fail(file.path(), "holds the weights of another model:" + list, "use the deck that the weights were trained with");
  }

  for (int i = 0; i < parameters.size(); ++i)
    if (auto const& dataset = source[static_cast<std::size_t>(i)]; !dataset.empty())
      read_to(parameters[i].value(), i, dataset, Accept::finite);
}

void load_model_weights(Exec const& exec, Parameters& parameters, std::string const& file, std::string const& group)
{
  read_parts(exec, parameters, file, [&](PartReader& reader) { reader.read_weights(group); });
}

} // namespace rossby
