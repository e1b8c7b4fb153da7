// Version 2 of Zarr: `.zarray` has the layout, `.zattrs` the attributes, among them the names of dimensions as xarray
// keeps them. A chunk's elements pass the filters, then the compressor.
#include "zarr_metadata.hpp"

#include <fmt/format.h>

#include <cmath>

namespace rossby::io {

using nlohmann::json;

namespace {
/// NumPy's form of a type: byte order, kind, bytes, and for times the unit.
void read_type(ZarrArray& a, json const& dtype, ZarrMetadata const& m)
{
  if (!dtype.is_string()) {
    a.refusal = "has elements of a structure, which hold no field";
    return;
  }
  auto const text = dtype.get<std::string>();
  if (text.size() < 3 || std::string("<>|").find(text[0]) == std::string::npos)
    m.damaged("dtype is '" + text + "'");
  std::size_t end = 2, width = 0;
  for (; end < text.size() && text[end] >= '0' && text[end] <= '9' && width < 100000; ++end)
    width = width * 10 + static_cast<std::size_t>(text[end] - '0');
  a.type.big_endian = text[0] == '>';
  if (text[1] == 'M' && width == 8 && text.size() > end + 2 && text[end] == '[' && text.back() == ']') {
    set_number(a.type, 'i', 8);
    a.type.seconds = seconds_of_unit(text.substr(end + 1, text.size() - end - 2));
    if (a.type.seconds > 0)
      return;
  } else if (end == text.size() && set_number(a.type, text[1], width)) {
    return;
  }
  a.type = {};
  a.refusal = fmt::format("has elements of type '{}', which hold no field", text);
}

void read_codecs(ZarrArray& a, json const& filters, json const& compressor, ZarrMetadata const& m)
{
  if (!filters.is_null() && !filters.is_array())
    m.damaged("filters are not a list");
  auto const add = [&](json const& settings, char const* what) {
    auto const name = m.text(ZarrMetadata::member(settings, "id"), fmt::format("the id of a {}", what));
    if (name == "bitround") // rounds before anything is stored: nothing to undo
      return;
    if (auto const codec = zarr_codec(name, settings))
      a.codecs.push_back(*codec);
    else if (a.refusal.empty())
      a.refusal = fmt::format("was written with the {} '{}', which is not read here", what, name);
  };
  for (auto const& filter : filters)
    add(filter, "filter");
  if (!compressor.is_null())
    add(compressor, "compressor");
}
} // namespace

std::optional<ZarrArray> read_zarr_v2(std::string const& name, std::string const& where, json const& array,
                                      json const& attributes)
{
  ZarrMetadata const m(where, array);
  if (m["zarr_format"] != 2)
    m.damaged(fmt::format("zarr_format is {}, not 2", m["zarr_format"].dump()));
  ZarrArray a;
  a.info.name = name;
  a.info.shape = m.lengths(m["shape"], "shape", 0);
  a.chunk = m.lengths(m["chunks"], "chunks", 1);
  a.attributes = attributes.is_null() ? json::object() : attributes;
  if (!a.attributes.is_object())
    m.damaged("the attributes are not a JSON object");
  std::size_t const rank = a.info.shape.size();
  auto const names = m.dimensions(ZarrMetadata::member(a.attributes, "_ARRAY_DIMENSIONS"), rank);
  if (!names)
    return std::nullopt;
  a.info.dimensions = *names;
  a.attributes.erase("_ARRAY_DIMENSIONS");
  a.per_file.assign(rank, 1);

  read_type(a, m["dtype"], m);
  a.info.type = a.type.stored;
  auto const order = m.text(m["order"], "order");
  if (order != "C" && order != "F")
    m.damaged("order is '" + order + "', neither C nor F");
  for (std::size_t i = 0; i < rank; ++i)
    a.axes.push_back(static_cast<int>(order == "C" ? i : rank - 1 - i));
  if (auto const& separator = m["dimension_separator"]; !separator.is_null()) {
    auto const text = m.text(separator, "dimension_separator");
    if (text != "." && text != "/")
      m.damaged("dimension_separator is '" + text + "', neither . nor /");
    a.separator = text[0];
  }
  read_codecs(a, m["filters"], m["compressor"], m);
  if (a.refusal.empty()) {
    a.fill = m.fill(m["fill_value"], a.type);
    // xarray keeps _FillValue here. 0 is what Zarr itself writes where nobody has chosen, and is a number like others.
    if (a.fill != 0 && !std::isnan(a.fill))
      a.missing = a.fill;
  }
  m.check(a);
  return a;
}

} // namespace rossby::io
