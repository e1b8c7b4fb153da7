#include "train/weights.hpp"

#include "parameter_names.hpp"
#include "part_in_file.hpp"
#include "seal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

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
  else if (is_own(file))
    damaged(file.path(), dataset, "has lost its checksum");
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

std::int64_t checksum(std::string const& text)
{
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    sum += element(static_cast<index_t>(i), text[i]);
  return static_cast<std::int64_t>(sum);
}

void expect_checksum(std::string const& file, std::string const& dataset, std::int64_t found, std::int64_t expected)
{
  if (found != expected)
    damaged(file, dataset, "its checksum does not match");
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

namespace {
/// Some of both kinds: names that are the same thing under two names show side by side.
std::string first_ten(std::vector<std::string> const& unfit, std::vector<std::string> const& unknown)
{
  std::size_t const from_unknown = std::min(unknown.size(), 10 - std::min<std::size_t>(unfit.size(), 5)),
                    from_unfit = std::min(unfit.size(), 10 - from_unknown), all = unfit.size() + unknown.size();
  std::string list;
  for (std::size_t i = 0; i < from_unfit; ++i)
    list += "\n  " + unfit[i];
  for (std::size_t i = 0; i < from_unknown; ++i)
    list += "\n  " + unknown[i];
  if (all > from_unfit + from_unknown)
    list += fmt::format("\n  and {} more", all - from_unfit - from_unknown);
  return list;
}
} // namespace

void PartReader::read_weights(std::string const& group)
{
  auto& parameters = *parameters_;
  if (!source_->exists(group))
    fail(source_->path(), fmt::format("holds no weights: there is no group {}", group),
         "give a checkpoint of Rossby or of CREDIT");
  auto const match = match_names(parameters, source_->list(group));
  std::vector<std::string> unfit, unknown;
  for (int i = 0; i < parameters.size(); ++i) {
    auto const& spec = parameters[i].spec;
    auto const& name = match.in_file[static_cast<std::size_t>(i)];
    if (name.empty()) {
      if (spec.used)
        unfit.push_back(fmt::format("{} {} is missing", spec.name, to_string(spec.shape)));
    } else if (auto const shape = source_->shape(group + "/" + name); shape != spec.shape) {
      unfit.push_back(fmt::format("{} is {}, but the model has {}", name, to_string(shape), to_string(spec.shape)));
    }
  }
  for (auto const& name : match.unknown)
    unknown.push_back(
        fmt::format("{} {} is not a parameter of the model", name, to_string(source_->shape(group + "/" + name))));
  if (!unfit.empty() || !unknown.empty())
    fail(source_->path(), "holds the weights of another model:" + first_ten(unfit, unknown),
         "use the deck that the weights were trained with");

  names_ = match.in_file;
  for (int i = 0; i < parameters.size(); ++i)
    if (auto const& name = name_in_file(i); !name.empty())
      read_to(parameters[i].value(), i, group + "/" + name, Accept::finite);
}

void load_model_weights(Exec const& exec, Parameters& parameters, std::string const& file, std::string const& group)
{
  read_parts(
      exec, parameters, [&] { return open_weights(file, Extent::weights); },
      [&](PartReader& reader, ArraySource const&) { reader.read_weights(group); });
}

} // namespace rossby
