#include "io/netcdf.hpp"
#include "io/lock.hpp"
#include "io/replace.hpp"

#include <fmt/format.h>
#include <netcdf.h>

#include <cstdio>
#include <map>

namespace rossby::io {

namespace {

nc_type nc_type_of(NetcdfType type)
{
  switch (type) {
  case NetcdfType::float64:
    return NC_DOUBLE;
  case NetcdfType::float32:
    return NC_FLOAT;
  case NetcdfType::int64:
    return NC_INT64;
  case NetcdfType::int32:
    return NC_INT;
  case NetcdfType::int16:
    return NC_SHORT;
  case NetcdfType::int8:
    return NC_BYTE;
  }
  return NC_NAT;
}
} // namespace

struct NetcdfWriter::Impl {
  std::string file, part;
  bool defining = true;
  bool damaged = false; ///< some call failed: closing or aborting such a file can crash in netCDF 4.9
  int id = -1;

  struct Variable {
    int id;
    NetcdfType type;
  };
  std::map<std::string, Variable> variables;
  std::map<std::string, int> dimensions;

  ~Impl()
  {
    if (part.empty()) // nothing made, or finished
      return;
    auto const lock = library_lock();
    if (damaged)
      mark_file_stuck();
    else if (id >= 0)
      nc_abort(id);
    std::remove(part.c_str());
  }

  void check(int status, std::string const& variable, std::string const& what)
  {
    if (status == NC_NOERR)
      return;
    damaged = true;
    fail(variable.empty() ? file : fmt::format("{}, variable {}", file, variable),
         fmt::format("{}: {}", what, nc_strerror(status)), "check free space, quota and permissions of the folder");
  }

  Variable const& find(std::string const& name) const
  {
    auto const it = variables.find(name);
    ROSSBY_EXPECT(it != variables.end());
    return it->second;
  }

  void open()
  {
    begin_file(file);
    part = unfinished_name(file);
    auto const lock = library_lock();
    int made = -1;
    check(nc_create(part.c_str(), NC_NETCDF4 | NC_CLOBBER, &made), "", "can't be created");
    id = made;
  }

  void end_definitions()
  {
    if (!defining)
      return;
    check(nc_enddef(id), "", "its header can't be written");
    defining = false;
  }

  template <class T, class Put>
  void put(std::string const& name, Shape const& start, Shape const& count, std::vector<T> const& values,
           Put&& put_vara)
  {
    ROSSBY_EXPECT(static_cast<index_t>(values.size()) == product(count));
    auto const lock = library_lock();
    end_definitions();
    std::vector<std::size_t> const from(start.begin(), start.end()), n(count.begin(), count.end());
    T const nothing{};
    check(put_vara(id, find(name).id, from.data(), n.data(), values.empty() ? &nothing : values.data()), name,
          "can't be written");
  }
};

NetcdfWriter::NetcdfWriter(std::string file) : impl_(std::make_unique<Impl>())
{
  impl_->file = std::move(file);
  impl_->open();
}

NetcdfWriter::~NetcdfWriter() = default;
NetcdfWriter::NetcdfWriter(NetcdfWriter&&) noexcept = default;
NetcdfWriter& NetcdfWriter::operator=(NetcdfWriter&&) noexcept = default;

void NetcdfWriter::dimension(std::string const& name, index_t length)
{
  auto const lock = library_lock();
  int dim = -1;
  std::size_t const n = length == 0 ? NC_UNLIMITED : static_cast<std::size_t>(length);
  impl_->check(nc_def_dim(impl_->id, name.c_str(), n, &dim), "", fmt::format("dimension {} can't be defined", name));
  impl_->dimensions[name] = dim;
}

void NetcdfWriter::variable(std::string const& name, NetcdfType type, std::vector<std::string> const& dimensions,
                            NetcdfEncoding const& encoding)
{
  auto const lock = library_lock();
  std::vector<int> dims;
  for (auto const& d : dimensions) {
    ROSSBY_EXPECT(impl_->dimensions.count(d) > 0);
    dims.push_back(impl_->dimensions[d]);
  }
  int v = -1;
  impl_->check(nc_def_var(impl_->id, name.c_str(), nc_type_of(type), static_cast<int>(dims.size()), dims.data(), &v),
               name, "can't be defined");
  if (!encoding.chunks.empty()) {
    std::vector<std::size_t> const sizes(encoding.chunks.begin(), encoding.chunks.end());
    impl_->check(nc_def_var_chunking(impl_->id, v, NC_CHUNKED, sizes.data()), name, "chunk sizes can't be set");
  }
  if (encoding.deflate > 0 && !dims.empty())
    impl_->check(nc_def_var_deflate(impl_->id, v, encoding.shuffle, 1, encoding.deflate), name,
                 "compression can't be set");
  if (encoding.fletcher32 && !dims.empty())
    impl_->check(nc_def_var_fletcher32(impl_->id, v, NC_FLETCHER32), name, "checksums can't be set");
  if (encoding.all_written)
    impl_->check(nc_def_var_fill(impl_->id, v, NC_NOFILL, nullptr), name, "can't be left unfilled");
  impl_->variables[name] = {v, type};
}

void NetcdfWriter::attribute(std::string const& variable, std::string const& name, std::string const& value)
{
  auto const lock = library_lock();
  int const v = variable.empty() ? NC_GLOBAL : impl_->find(variable).id;
  impl_->check(nc_put_att_text(impl_->id, v, name.c_str(), value.size(), value.c_str()), variable,
               fmt::format("attribute {} can't be written", name));
}

void NetcdfWriter::attribute(std::string const& variable, std::string const& name, double value)
{
  attribute(variable, name, value, variable.empty() ? NetcdfType::float64 : impl_->find(variable).type);
}

void NetcdfWriter::attribute(std::string const& variable, std::string const& name, double value, NetcdfType type)
{
  auto const lock = library_lock();
  int const v = variable.empty() ? NC_GLOBAL : impl_->find(variable).id;
  impl_->check(nc_put_att_double(impl_->id, v, name.c_str(), nc_type_of(type), 1, &value), variable,
               fmt::format("attribute {} can't be written", name));
}

void NetcdfWriter::write(std::string const& variable, std::vector<double> const& values)
{
  int const v = impl_->find(variable).id;
  Shape shape;
  {
    auto const lock = library_lock();
    int rank = 0, dims[NC_MAX_VAR_DIMS];
    impl_->check(nc_inq_var(impl_->id, v, nullptr, nullptr, &rank, dims, nullptr), variable, "can't be written");
    for (int d = 0; d < rank; ++d) {
      std::size_t length = 0;
      nc_inq_dimlen(impl_->id, dims[d], &length);
      shape.push_back(static_cast<index_t>(length));
    }
  }
  // An unlimited first dimension is as long as the values say.
  if (!shape.empty() && shape[0] == 0) {
    shape[0] = 1;
    shape[0] = static_cast<index_t>(values.size()) / product(shape);
  }
  write(variable, Shape(shape.size(), 0), shape, values);
}

void NetcdfWriter::write(std::string const& variable, Shape const& start, Shape const& count,
                         std::vector<double> const& values)
{
  impl_->put(variable, start, count, values, nc_put_vara_double);
}

void NetcdfWriter::write(std::string const& variable, Shape const& start, Shape const& count,
                         std::vector<float> const& values)
{
  impl_->put(variable, start, count, values, nc_put_vara_float);
}

void NetcdfWriter::close()
{
  int status = NC_NOERR;
  {
    auto const lock = library_lock();
    impl_->end_definitions();
    status = nc_sync(impl_->id); // after this closing needs no more room
    if (status == NC_NOERR)
      status = nc_close(impl_->id);
    else
      mark_file_stuck();
    impl_->id = -1;
  }
  impl_->check(status, "", "can't be finished");
  finish_file(impl_->file);
  impl_->part.clear();
}

} // namespace rossby::io
