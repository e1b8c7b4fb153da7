#include "cf_decoding.hpp"

#include <rossby/core/error.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace rossby::io {

namespace {

/// Half of how many numbers an integer type has: 128 for single bytes. 0 for other types.
double half_range(StoredType type, bool is_signed)
{
  switch (type) {
  case StoredType::int8:
    return is_signed ? 128.0 : 0;
  case StoredType::int16:
    return is_signed ? 32768.0 : 0;
  case StoredType::int32:
    return is_signed ? 2147483648.0 : 0;
  case StoredType::int64:
    return is_signed ? 9223372036854775808.0 : 0;
  case StoredType::uint8:
    return is_signed ? 0 : 128.0;
  case StoredType::uint16:
    return is_signed ? 0 : 32768.0;
  case StoredType::uint32:
    return is_signed ? 0 : 2147483648.0;
  case StoredType::uint64:
    return is_signed ? 0 : 9223372036854775808.0;
  default:
    return 0;
  }
}

/// The order in which types are wider than others.
int width_of(StoredType type)
{
  switch (type) {
  case StoredType::int8:
  case StoredType::uint8:
    return 1;
  case StoredType::int16:
  case StoredType::uint16:
    return 2;
  case StoredType::int32:
  case StoredType::uint32:
    return 3;
  case StoredType::int64:
  case StoredType::uint64:
    return 4;
  case StoredType::float32:
    return 5;
  case StoredType::float64:
    return 6;
  default:
    return 0;
  }
}

/// Numbers in a text, parted by blanks or commas; nothing when there is anything else in it.
std::optional<std::vector<double>> numbers_in(std::string text)
{
  std::replace(text.begin(), text.end(), ',', ' ');
  std::vector<double> numbers;
  char const* at = text.c_str();
  for (;;) {
    while (*at == ' ' || *at == '\t' || *at == '\n')
      ++at;
    if (*at == '\0')
      break;
    char* end = nullptr;
    numbers.push_back(std::strtod(at, &end));
    while (*end == 'f' || *end == 'F' || *end == 's' || *end == 'b') // as in CDL: -999.f, 12s, 1b
      ++end;
    if (end == at || (*end != '\0' && *end != ' '))
      return std::nullopt;
    at = end;
  }
  return numbers;
}

/// The numbers of an attribute, also where they stand in a text; empty when it is absent.
struct Numbers {
  std::vector<double> values;
  std::string text; ///< a text that holds no numbers
};

Numbers numbers_of(ArrayBody const& body, int array, char const* name)
{
  if (auto values = body.numbers(array, name); !values.empty())
    return {std::move(values), {}};
  auto const text = body.text(array, name);
  if (!text)
    return {};
  if (auto values = numbers_in(*text))
    return {std::move(*values), {}};
  return {{}, *text};
}

/// One number that the values are scaled by: anything else would leave them in other units.
bool read_factor(ArrayBody const& body, int array, char const* name, std::string const& where, double& factor)
{
  auto const found = numbers_of(body, array, name);
  if (found.values.empty() && found.text.empty())
    return false;
  if (found.values.size() != 1 || !std::isfinite(found.values[0]))
    fail(where,
         found.values.empty()
             ? fmt::format("its {} is the text '{}'", name, found.text)
             : fmt::format("its {} holds {} numbers, where one finite number is expected", name, found.values.size()),
         "mend the attribute, for instance with ncatted");
  factor = found.values[0];
  return true;
}

} // namespace

CfDecoding CfDecoding::of(ArrayBody const& body, int array, std::string const& where)
{
  CfDecoding d;
  auto const type = body.arrays()[static_cast<std::size_t>(array)].type;
  if (type == StoredType::other)
    return d;
  d.read_sign(body, array, type);
  d.read_packing(body, array, where);
  d.read_missing(body, array, type, where);
  d.read_limits(body, array, type, where);
  return d;
}

void CfDecoding::read_sign(ArrayBody const& body, int array, StoredType type)
{
  std::string sign = body.text(array, "_Unsigned").value_or("");
  std::transform(sign.begin(), sign.end(), sign.begin(), [](unsigned char c) { return std::tolower(c); });
  if (sign == "true")
    wrap_ = 2 * half_range(type, true);
  else if (double const half = half_range(type, false); sign == "false" && half > 0)
    unwrap_ = half;
}

void CfDecoding::read_packing(ArrayBody const& body, int array, std::string const& where)
{
  read_factor(body, array, "scale_factor", where, scale_);
  read_factor(body, array, "add_offset", where, offset_);
}

double CfDecoding::as_stored(double x, StoredType type) const
{
  return with_sign(type == StoredType::float32 ? static_cast<double>(static_cast<float>(x)) : x);
}

void CfDecoding::read_missing(ArrayBody const& body, int array, StoredType type, std::string const& where)
{
  bool has_fill = false;
  for (char const* name : {"_FillValue", "missing_value"}) {
    auto const found = numbers_of(body, array, name);
    has_fill = has_fill || (name[0] == '_' && !found.values.empty());
    if (!found.text.empty())
      logging::warning_once(
          fmt::format("{}: its {} '{}' is not a number and counts for nothing", where, name, found.text));
    for (double const x : found.values)
      if (!std::isnan(x)) // which is missing anyway
        missing_.push_back({as_stored(x, type), name});
  }
  // Where _Unsigned moves the range of a type its default fill is a number amid valid ones, so it marks nothing.
  if (auto const fill = body.fill(array); fill && !has_fill && wrap_ == 0 && !std::isfinite(unwrap_))
    missing_.push_back({as_stored(*fill, type), "the library's default fill"});
}

/// "If valid_range is of the type of scale_factor (the wider of scale_factor and add_offset) and this is wider than the
/// stored type, it is in units of the unpacked data; otherwise in units of the packed data": the Users Guide.
void CfDecoding::read_limits(ArrayBody const& body, int array, StoredType type, std::string const& where)
{
  auto const type_of = [&](char const* name) { return body.attribute_type(array, name).value_or(StoredType::other); };
  StoredType const scale_type = type_of("scale_factor"), offset_type = type_of("add_offset");
  StoredType const unpacked = width_of(offset_type) > width_of(scale_type) ? offset_type : scale_type;
  bool const packed = scale_ != 1 || offset_ != 0;
  // A limit in units of the unpacked data is met up to a hundredth of a packed step: 65530 * 0.01 is 655.3 and a bit.
  double const slack = half_range(type, true) + half_range(type, false) > 0 ? 0.01 : 0;
  auto const limit = [&](char const* name, double x, bool is_low) {
    if (std::isnan(x))
      return;
    bool const of_unpacked = packed && scale_ != 0 && type_of(name) == unpacked && width_of(unpacked) > width_of(type);
    if (of_unpacked) {
      double const exact = (x - offset_) / scale_;
      is_low = is_low == (scale_ > 0);
      x = exact + (is_low ? -1 : 1) * std::max(slack, 1e-6 * std::fabs(exact));
    } else {
      x = as_stored(x, type);
    }
    (is_low ? limits_.low : limits_.high) = x;
  };
  auto const read = [&](char const* name, std::size_t count) {
    auto const found = numbers_of(body, array, name);
    bool const fits = found.values.size() == count;
    if (!fits && (!found.values.empty() || !found.text.empty()))
      logging::warning_once(fmt::format("{}: its {} counts for nothing: {} expected", where, name,
                                        count == 1 ? "one number is" : "two numbers are"));
    return fits ? found.values : std::vector<double>{};
  };
  auto const range = read("valid_range", 2);
  if (!range.empty()) {
    limit("valid_range", range[0], true);
    limit("valid_range", range[1], false);
    limits_.name = "valid_range";
    return;
  }
  for (char const* name : {"valid_min", "valid_max"})
    if (auto const x = read(name, 1); !x.empty()) {
      limit(name, x[0], name == std::string("valid_min"));
      limits_.name += (limits_.name.empty() ? "" : " and ") + std::string(name);
    }
}

/// One plain loop for each thing that a variable asks for: these vectorise.
void CfDecoding::decode(std::vector<double>& values) const
{
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (wrap_ > 0 || std::isfinite(unwrap_))
    for (double& x : values)
      x = with_sign(x);
  for (auto const& missing : missing_)
    for (double& x : values)
      x = x == missing.value ? nan : x;
  if (std::isfinite(limits_.low) || std::isfinite(limits_.high))
    for (double& x : values)
      x = limits_.exclude(x) ? nan : x;
  if (scale_ != 1 || offset_ != 0)
    for (double& x : values)
      x = x * scale_ + offset_;
}

std::string CfDecoding::why_missing(std::vector<double> const& stored) const
{
  std::vector<std::size_t> equal(missing_.size(), 0);
  std::size_t outside = 0, nan = 0;
  for (double const from_file : stored) {
    double const x = with_sign(from_file);
    auto const m =
        std::find_if(missing_.begin(), missing_.end(), [x](Missing const& candidate) { return candidate.value == x; });
    if (m != missing_.end())
      ++equal[static_cast<std::size_t>(m - missing_.begin())];
    else if (limits_.exclude(x))
      ++outside;
    else if (std::isnan(x))
      ++nan;
  }
  std::string text;
  auto const add = [&](std::string const& reason) { text += (text.empty() ? "" : ", ") + reason; };
  for (std::size_t i = 0; i < missing_.size(); ++i)
    if (equal[i] > 0)
      add(fmt::format("{} equal {} ({:g})", equal[i], missing_[i].name, missing_[i].value));
  if (outside > 0)
    add(fmt::format("{} lie outside {} ({:g} to {:g} as stored)", outside, limits_.name, limits_.low, limits_.high));
  if (nan > 0)
    add(fmt::format("{} are NaN in the file", nan));
  return text;
}

} // namespace rossby::io
