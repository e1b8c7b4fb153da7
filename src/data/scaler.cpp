#include "data/scaler.hpp"

#include "core/base64.hpp"
#include "core/suggest.hpp"
#include "io/replace.hpp"
#include <rossby/core/error.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <optional>

namespace rossby {

namespace {

using Json = nlohmann::ordered_json;

/// How deep arrays and objects are nested in a JSON text.
int depth_of(std::string const& text)
{
  int depth = 0, deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

/// Nothing for what is no JSON, or is nested deeper than any scaler: that takes long, and exhausts the stack.
std::optional<Json> parse_json(std::string const& text)
{
  constexpr int deepest = 64;
  if (depth_of(text) > deepest)
    return std::nullopt;
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded())
    return std::nullopt;
  return json;
}

/// Little-endian raw bytes to numbers.
template <class T> std::vector<double> numbers_from(std::string const& bytes)
{
  std::vector<double> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T x;
    std::memcpy(&x, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(x);
  }
  return values;
}

std::vector<double> decode(std::string const& text, std::string const& dtype, std::string const& where)
{
  auto const bytes = decode_base64(text);
  if (!bytes)
    fail(where, "holds text that is not base64", "fit the scaler again with rossby preprocess");
  std::string const type =
      dtype.empty() || std::isalpha(static_cast<unsigned char>(dtype[0])) ? dtype : dtype.substr(1);
  if (!dtype.empty() && dtype[0] == '>')
    fail(where, fmt::format("array type {} is big-endian, which is not supported", dtype));
  if (type == "f4" || type == "float32")
    return numbers_from<float>(*bytes);
  if (type == "f8" || type == "float64")
    return numbers_from<double>(*bytes);
  if (type == "i8" || type == "int64")
    return numbers_from<std::int64_t>(*bytes);
  if (type == "i4" || type == "int32")
    return numbers_from<std::int32_t>(*bytes);
  fail(where, fmt::format("array type {} is not supported", dtype), "use float32 or float64");
}

void flatten(Json const& list, std::vector<double>& values, std::string const& where)
{
  for (auto const& item : list)
    if (item.is_array())
      flatten(item, values, where);
    else if (item.is_number())
      values.push_back(item.get<double>());
    else
      fail(where, "holds something else than numbers");
}

/// A text, `otherwise` where it is absent.
std::string text_of(Json const& object, char const* key, char const* otherwise, std::string const& where)
{
  auto const value = object.find(key);
  if (value == object.end())
    return otherwise;
  if (!value->is_string())
    fail(where, fmt::format("has a {} that is not a text", key), "fit the scaler again with rossby preprocess");
  return value->get<std::string>();
}

/// An array in any of bridgescaler's forms: {"__numpy__": base64}, {"object": "ndarray", "data": ...}, a list, a
/// number.
std::vector<double> array_of(Json const& a, std::string const& where)
{
  std::vector<double> values;
  if (a.is_number())
    return {a.get<double>()};
  if (a.is_object()) {
    auto const data = a.contains("__numpy__") ? a.find("__numpy__") : a.find("data");
    if (data == a.end())
      fail(where, "is an object without __numpy__ or data");
    if (data->is_string())
      return decode(data->get<std::string>(), text_of(a, "dtype", "<f4", where), where);
    flatten(*data, values, where);
    return values;
  }
  if (!a.is_array())
    fail(where, "is not an array");
  flatten(a, values, where);
  return values;
}

/// Two arrays of one length, one value for each column.
void read_columns(Json const& s, char const* first_name, char const* second_name, std::string const& where,
                  std::vector<double>& first, std::vector<double>& second)
{
  for (char const* key : {first_name, second_name})
    if (!s.contains(key))
      fail(where, fmt::format("has no {}", key), "the scaler was not fitted: run rossby preprocess");
  first = array_of(s[first_name], fmt::format("{}, {}", where, first_name));
  second = array_of(s[second_name], fmt::format("{}, {}", where, second_name));
  if (first.size() != second.size())
    fail(where, fmt::format("has {} values of {} but {} of {}", first.size(), first_name, second.size(), second_name));
  for (std::size_t i = 0; i < first.size(); ++i)
    if (!std::isfinite(first[i]) || !std::isfinite(second[i]))
      fail(where, fmt::format("column {} has {} {} and {} {}", i, first_name, first[i], second_name, second[i]),
           "fit the scaler again on data without gaps");
}

Scaler scaler_of(Json const& entry, std::string const& where)
{
  Json parsed;
  Json const* s = &entry;
  if (entry.is_string()) {
    auto inner = parse_json(entry.get<std::string>());
    if (!inner)
      fail(where, "holds a text that is no JSON", "fit the scaler again with rossby preprocess");
    parsed = std::move(*inner);
    s = &parsed;
  }
  if (!s->is_object())
    fail(where, "is not a scaler",
         "expected bridgescaler's JSON form of a DStandardScalerTensor or DMinMaxScalerTensor");
  std::string const type = text_of(*s, "type", "DStandardScalerTensor", where);
  bool const minmax = type.find("MinMaxScaler") != std::string::npos;
  if (!minmax && type.find("StandardScaler") == std::string::npos)
    fail(where, fmt::format("is a {}; only standard and min-max scalers are supported", type),
         "fit with scaler_type: standard");
  if (auto const last = s->find("channels_last"); last != s->end() && last->is_boolean() && last->get<bool>())
    fail(where, "was fitted with channels_last: true, which mixes up levels", "fit it again with channels_last: false");
  Scaler scaler;
  if (auto const n = s->find("n_"); n != s->end() && !n->is_null()) {
    auto const count = array_of(*n, where + ", n_");
    scaler.count = count.empty() ? 0 : count.front();
  }
  if (auto const levels = s->find("levels"); levels != s->end())
    scaler.levels = array_of(*levels, where + ", levels");
  if (auto const units = s->find("level_units"); units != s->end() && units->is_string())
    scaler.level_units = units->get<std::string>();
  if (minmax) {
    scaler.kind = Scaler::Kind::minmax;
    read_columns(*s, "min_x_", "max_x_", where, scaler.minimum, scaler.maximum);
    return scaler;
  }
  read_columns(*s, "mean_x_", "var_x_", where, scaler.mean, scaler.variance);
  for (std::size_t i = 0; i < scaler.variance.size(); ++i)
    if (scaler.variance[i] < 0)
      fail(where, fmt::format("column {} has the variance {}", i, scaler.variance[i]), "fit the scaler again");
  return scaler;
}

/// CREDIT computes in float32 and takes the type of these arrays over, so that is how they are stored.
Json numpy_array(std::vector<double> const& values)
{
  std::string bytes(values.size() * sizeof(float), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto const x = static_cast<float>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(float), &x, sizeof(float));
  }
  return Json{{"__numpy__", encode_base64(bytes)}, {"dtype", "<f4"}, {"shape", {values.size()}}};
}

/// "ERA5/prognostic/3d/temperature" belongs to the source before the first slash.
std::string source_of(std::string const& key) { return key.substr(0, key.find('/')); }

} // namespace

ScalerFile ScalerFile::load(std::string const& file)
{
  namespace fs = std::filesystem;
  std::error_code code;
  if (!fs::exists(file, code))
    fail(file, "no such scaler file", "fit it first: rossby preprocess DECK");
  if (!fs::is_regular_file(file, code))
    fail(file, "is not an ordinary file", "name a scaler file: rossby preprocess DECK writes one");
  constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 31;
  auto const bytes = fs::file_size(file, code);
  if (code || bytes > most_bytes)
    fail(file, fmt::format("has {} bytes, more than scalers have", bytes), "name a scaler file");
  std::ifstream in(file, std::ios::binary);
  std::string text(static_cast<std::size_t>(bytes), '\0');
  if (!in || !in.read(text.data(), static_cast<std::streamsize>(bytes)))
    fail(file, "can't be read", "check its permissions");
  if (text.empty())
    fail(file, "is empty", "fit the scaler again: rossby preprocess DECK");
  return parse(text, file);
}

ScalerFile ScalerFile::parse(std::string const& json, std::string const& name)
{
  auto const parsed = parse_json(json);
  Json const root = parsed ? *parsed : Json();
  if (!root.is_object())
    fail(name, "is no JSON object, or is cut short", "fit the scaler again: rossby preprocess DECK");
  ScalerFile file;
  file.name_ = name;
  for (auto const& [data_type, sources] : root.items()) {
    if (!sources.is_object())
      fail(name, fmt::format("entry {} is not an object", data_type),
           "expected {input|target: {source: {var_key: scaler}}}");
    for (auto const& [source, variables] : sources.items()) {
      if (!variables.is_object())
        fail(name, fmt::format("entry {}/{} is not an object", data_type, source),
             "expected {input|target: {source: {var_key: scaler}}}");
      for (auto const& [key, scaler] : variables.items())
        file.entries_[data_type][key] = scaler_of(scaler, fmt::format("{}, {} {}", name, data_type, key));
    }
  }
  return file;
}

bool ScalerFile::has(std::string const& data_type, std::string const& var_key) const
{
  auto const type = entries_.find(data_type);
  return type != entries_.end() && type->second.count(var_key) > 0;
}

Scaler const& ScalerFile::get(std::string const& data_type, std::string const& var_key) const
{
  std::vector<std::string> keys;
  if (auto const type = entries_.find(data_type); type != entries_.end()) {
    if (auto const it = type->second.find(var_key); it != type->second.end())
      return it->second;
    for (auto const& entry : type->second)
      keys.push_back(entry.first);
  }
  fail(name_, fmt::format("has no {} scaler for {}", data_type, var_key),
       fmt::format("it has: {}; fit it again with rossby preprocess DECK", keys.empty() ? "none" : join(keys)));
}

double ScalerFile::target_variance(std::string const& var_key) const
{
  Scaler const& s = get("target", var_key);
  if (s.kind != Scaler::Kind::standard)
    fail(name_, fmt::format("holds a min-max scaler for {}, which says nothing of its variance", var_key),
         "set var_weighting to none or manual");
  return std::accumulate(s.variance.begin(), s.variance.end(), 0.0) / static_cast<double>(s.variance.size());
}

void ScalerFile::set(std::string const& data_type, std::string const& var_key, Scaler scaler)
{
  entries_[data_type][var_key] = std::move(scaler);
}

std::string ScalerFile::to_json() const
{
  Json root = Json::object();
  for (auto const& [data_type, scalers] : entries_)
    for (auto const& [key, scaler] : scalers) {
      Json columns = Json::array();
      for (std::size_t i = 0; i < scaler.columns(); ++i)
        columns.push_back(i);
      bool const standard = scaler.kind == Scaler::Kind::standard;
      Json s{{"type", standard ? "DStandardScalerTensor" : "DMinMaxScalerTensor"}};
      if (standard) {
        s["mean_x_"] = numpy_array(scaler.mean);
        s["n_"] = scaler.count;
        s["var_x_"] = numpy_array(scaler.variance);
      } else {
        s["max_x_"] = numpy_array(scaler.maximum);
        s["min_x_"] = numpy_array(scaler.minimum);
      }
      s["x_columns_"] = columns;
      if (!scaler.levels.empty()) { // bridgescaler keeps what it does not know
        s["levels"] = scaler.levels;
        s["level_units"] = scaler.level_units;
      }
      s["_fit"] = true;
      s["channels_last"] = false;
      root[data_type][source_of(key)][key] = s.dump();
    }
  return root.dump(1) + "\n";
}

std::string ScalerFile::save(std::string const& file) const
{
  namespace fs = std::filesystem;
  std::error_code code;
  if (auto const folder = fs::path(file).parent_path(); !folder.empty())
    fs::create_directories(folder, code);
  std::string backup;
  if (fs::exists(file, code)) {
    std::time_t const now = std::time(nullptr);
    backup = fmt::format("{}.{:%Y%m%dT%H%M%SZ}.bak", file, fmt::gmtime(now));
    io::keep_as(file, backup); // another name, not a rename: a scaler of the name exists at every moment
  }
  try {
    io::replace_text(file, to_json());
  } catch (...) {
    if (!backup.empty()) // the file is as it was
      fs::remove(backup, code);
    throw;
  }
  return backup;
}

double Scaler::origin(std::size_t column) const { return kind == Kind::standard ? mean[column] : minimum[column]; }

double Scaler::width(std::size_t column) const
{
  return kind == Kind::standard ? std::sqrt(variance[column]) : maximum[column] - minimum[column];
}

char const* name_of(Scaler::Kind kind) { return kind == Scaler::Kind::standard ? "standard" : "minmax"; }

void ColumnStatistics::add(double value)
{
  minimum = std::min(minimum, value);
  maximum = std::max(maximum, value);
  moments.add(value);
}

void ColumnStatistics::merge(ColumnStatistics const& other)
{
  minimum = std::min(minimum, other.minimum);
  maximum = std::max(maximum, other.maximum);
  moments.merge(other.moments);
}

} // namespace rossby
