#include "netcdf_classic.hpp"
#include <rossby/io/lock.hpp>
#include <rossby/io/netcdf.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netcdf.h>

#include <cmath>
#include <limits>
#include <map>

namespace rossby::io {

namespace {

/// What turns stored numbers into physical ones.
struct Packing {
  double scale = 1, offset = 0;
  std::vector<double> missing;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  double wrap = 0; ///< added to negative numbers (attribute _Unsigned)
};

/// One plain loop for each thing that a variable asks for: these vectorise.
void unpack(Packing const& p, std::vector<double>& values)
{
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (double const missing : p.missing)
    for (double& x : values)
      x = x == missing ? nan : x;
  if (std::isfinite(p.low) || std::isfinite(p.high))
    for (double& x : values)
      x = x < p.low || x > p.high ? nan : x;
  if (p.wrap > 0)
    for (double& x : values)
      x = x < 0 ? x + p.wrap : x;
  if (p.scale != 1 || p.offset != 0)
    for (double& x : values)
      x = x * p.scale + p.offset;
}

} // namespace

struct NetcdfReader::Impl {
  std::string file;
  int id = -1;
  std::vector<NetcdfVariable> variables;
  std::vector<Packing> packing;
  std::map<std::string, int> number;

  ~Impl()
  {
    auto const lock = library_lock();
    if (id >= 0)
      nc_close(id);
  }

  void check(int status, std::string const& where, std::string const& what) const
  {
    if (status != NC_NOERR)
      fail(where.empty() ? file : fmt::format("{}, variable {}", file, where),
           fmt::format("{}: {}", what, nc_strerror(status)), "the file may be damaged: copy or make it again");
  }

  int find(std::string const& name) const
  {
    auto const it = number.find(name);
    if (it == number.end()) {
      std::vector<std::string> names;
      for (auto const& v : variables)
        names.push_back(v.name);
      fail(file, fmt::format("has no variable {}", name), fmt::format("its variables are: {}", fmt::join(names, ", ")));
    }
    return it->second;
  }

  std::vector<double> numbers(int variable, char const* attribute) const
  {
    nc_type type = NC_NAT;
    std::size_t length = 0;
    if (nc_inq_att(id, variable, attribute, &type, &length) != NC_NOERR || type == NC_CHAR || type == NC_STRING)
      return {};
    std::vector<double> values(length);
    if (nc_get_att_double(id, variable, attribute, values.data()) != NC_NOERR)
      return {};
    return values;
  }

  std::optional<std::string> text(int variable, char const* attribute) const
  {
    nc_type type = NC_NAT;
    std::size_t length = 0;
    if (nc_inq_att(id, variable, attribute, &type, &length) != NC_NOERR)
      return std::nullopt;
    if (type == NC_CHAR) {
      std::string value(length, '\0');
      if (length > 0 && nc_get_att_text(id, variable, attribute, value.data()) != NC_NOERR)
        return std::nullopt;
      while (!value.empty() && value.back() == '\0')
        value.pop_back();
      return value;
    }
    if (type == NC_STRING && length == 1) {
      char* value = nullptr;
      if (nc_get_att_string(id, variable, attribute, &value) != NC_NOERR || value == nullptr)
        return std::nullopt;
      std::string copy = value;
      nc_free_string(1, &value);
      return copy;
    }
    return std::nullopt;
  }

  Packing packing_of(int v, nc_type type) const
  {
    Packing p;
    auto const as_stored = [&](double x) { return type == NC_FLOAT ? static_cast<double>(static_cast<float>(x)) : x; };
    for (char const* name : {"_FillValue", "missing_value"})
      for (double const x : numbers(v, name))
        p.missing.push_back(as_stored(x));
    // Numbers never written hold the library's default; single bytes have no such value.
    if (type == NC_FLOAT)
      p.missing.push_back(static_cast<double>(NC_FILL_FLOAT));
    else if (type == NC_DOUBLE)
      p.missing.push_back(NC_FILL_DOUBLE);
    else if (type == NC_SHORT)
      p.missing.push_back(NC_FILL_SHORT);
    else if (type == NC_INT)
      p.missing.push_back(NC_FILL_INT);
    if (auto const x = numbers(v, "valid_min"); x.size() == 1)
      p.low = as_stored(x[0]);
    if (auto const x = numbers(v, "valid_max"); x.size() == 1)
      p.high = as_stored(x[0]);
    if (auto const x = numbers(v, "valid_range"); x.size() == 2)
      p.low = as_stored(x[0]), p.high = as_stored(x[1]);
    if (auto const x = numbers(v, "scale_factor"); x.size() == 1)
      p.scale = x[0];
    if (auto const x = numbers(v, "add_offset"); x.size() == 1)
      p.offset = x[0];
    if (text(v, "_Unsigned").value_or("") == "true")
      p.wrap = type == NC_BYTE ? 256.0 : type == NC_SHORT ? 65536.0 : type == NC_INT ? 4294967296.0 : 0.0;
    return p;
  }

  void list_variables()
  {
    int count = 0;
    check(nc_inq_nvars(id, &count), "", "can't list its variables");
    for (int v = 0; v < count; ++v) {
      char name[NC_MAX_NAME + 1] = {};
      int rank = 0, dims[NC_MAX_VAR_DIMS];
      nc_type type = NC_NAT;
      check(nc_inq_var(id, v, name, &type, &rank, dims, nullptr), "", "can't list its variables");
      NetcdfVariable variable;
      variable.name = name;
      for (int d = 0; d < rank; ++d) {
        std::size_t length = 0;
        char dim_name[NC_MAX_NAME + 1] = {};
        check(nc_inq_dim(id, dims[d], dim_name, &length), name, "can't read its dimensions");
        variable.dimensions.emplace_back(dim_name);
        variable.shape.push_back(static_cast<index_t>(length));
      }
      number[variable.name] = v;
      variables.push_back(std::move(variable));
      packing.push_back(packing_of(v, type));
    }
  }
};

NetcdfReader::NetcdfReader(std::string file) : impl_(std::make_unique<Impl>())
{
  expect_whole_netcdf_file(file);
  auto const lock = library_lock();
  impl_->file = std::move(file);
  int id = -1;
  impl_->check(nc_open(impl_->file.c_str(), NC_NOWRITE, &id), "", "can't be opened as netCDF");
  impl_->id = id;
  impl_->list_variables();
}

NetcdfReader::~NetcdfReader() = default;
NetcdfReader::NetcdfReader(NetcdfReader&&) noexcept = default;
NetcdfReader& NetcdfReader::operator=(NetcdfReader&&) noexcept = default;

std::string const& NetcdfReader::file() const { return impl_->file; }
std::vector<NetcdfVariable> const& NetcdfReader::variables() const { return impl_->variables; }
bool NetcdfReader::has(std::string const& variable) const { return impl_->number.count(variable) > 0; }

NetcdfVariable const& NetcdfReader::variable(std::string const& name) const
{
  return impl_->variables[static_cast<std::size_t>(impl_->find(name))];
}

std::optional<index_t> NetcdfReader::dimension(std::string const& name) const
{
  auto const lock = library_lock();
  int dim = 0;
  std::size_t length = 0;
  if (nc_inq_dimid(impl_->id, name.c_str(), &dim) != NC_NOERR || nc_inq_dimlen(impl_->id, dim, &length) != NC_NOERR)
    return std::nullopt;
  return static_cast<index_t>(length);
}

std::optional<std::string> NetcdfReader::text(std::string const& variable, std::string const& attribute) const
{
  auto const lock = library_lock();
  return impl_->text(variable.empty() ? NC_GLOBAL : impl_->find(variable), attribute.c_str());
}

std::vector<double> NetcdfReader::numbers(std::string const& variable, std::string const& attribute) const
{
  auto const lock = library_lock();
  return impl_->numbers(variable.empty() ? NC_GLOBAL : impl_->find(variable), attribute.c_str());
}

std::vector<double> NetcdfReader::read(std::string const& name) const
{
  Shape const& shape = variable(name).shape;
  return read(name, Shape(shape.size(), 0), shape);
}

std::vector<double> NetcdfReader::read(std::string const& name, Shape const& start, Shape const& count) const
{
  int const v = impl_->find(name);
  auto const i = static_cast<std::size_t>(v);
  Shape const& shape = impl_->variables[i].shape;
  ROSSBY_EXPECT(start.size() == shape.size() && count.size() == shape.size());
  for (std::size_t d = 0; d < shape.size(); ++d)
    ROSSBY_EXPECT(start[d] >= 0 && count[d] >= 0 && start[d] + count[d] <= shape[d]);

  std::vector<std::size_t> const from(start.begin(), start.end()), n(count.begin(), count.end());
  std::vector<double> values(static_cast<std::size_t>(product(count)));
  if (values.empty())
    return values;
  {
    auto const lock = library_lock();
    impl_->check(nc_get_vara_double(impl_->id, v, from.data(), n.data(), values.data()), name, "can't be read");
  }
  unpack(impl_->packing[i], values);
  return values;
}

} // namespace rossby::io
