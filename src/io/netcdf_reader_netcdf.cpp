#include "array_body.hpp"
#include "io/lock.hpp"
#include "netcdf_classic.hpp"
#include "netcdf_reasons.hpp"

#include <fmt/format.h>
#include <netcdf.h>

namespace rossby::io {

namespace {

StoredType stored_type(nc_type type)
{
  switch (type) {
  case NC_BYTE:
    return StoredType::int8;
  case NC_UBYTE:
    return StoredType::uint8;
  case NC_SHORT:
    return StoredType::int16;
  case NC_USHORT:
    return StoredType::uint16;
  case NC_INT:
    return StoredType::int32;
  case NC_UINT:
    return StoredType::uint32;
  case NC_INT64:
    return StoredType::int64;
  case NC_UINT64:
    return StoredType::uint64;
  case NC_FLOAT:
    return StoredType::float32;
  case NC_DOUBLE:
    return StoredType::float64;
  default:
    return StoredType::other;
  }
}

class NetcdfBody : public ArrayBody {
public:
  explicit NetcdfBody(std::string const& file) : file_(file)
  {
    auto const lock = library_lock();
    int id = -1;
    int const status = nc_open(file_.c_str(), NC_NOWRITE, &id);
    if (auto const reason = status == NC_NOERR || status == NC_ENOTNC ? Reason{} : why_not_opened(file_);
        !reason.what.empty())
      fail(file_, reason.what, reason.fix);
    check(status, "", "can't be opened as netCDF");
    id_ = id;
    list_variables();
  }
  ~NetcdfBody() override
  {
    auto const lock = library_lock();
    if (id_ >= 0)
      nc_close(id_);
  }
  NetcdfBody(NetcdfBody const&) = delete;
  NetcdfBody& operator=(NetcdfBody const&) = delete;

  std::vector<ArrayInfo> const& arrays() const override { return arrays_; }

  std::optional<index_t> dimension(std::string const& name) const override
  {
    auto const lock = library_lock();
    int dim = 0;
    std::size_t length = 0;
    if (nc_inq_dimid(id_, name.c_str(), &dim) != NC_NOERR || nc_inq_dimlen(id_, dim, &length) != NC_NOERR)
      return std::nullopt;
    return static_cast<index_t>(length);
  }

  std::optional<std::string> text(int array, std::string const& attribute) const override
  {
    auto const lock = library_lock();
    int const v = array == of_file ? NC_GLOBAL : array;
    nc_type type = NC_NAT;
    std::size_t length = 0;
    if (nc_inq_att(id_, v, attribute.c_str(), &type, &length) != NC_NOERR)
      return std::nullopt;
    if (type == NC_CHAR) {
      std::string value(length, '\0');
      if (length > 0 && nc_get_att_text(id_, v, attribute.c_str(), value.data()) != NC_NOERR)
        return std::nullopt;
      while (!value.empty() && value.back() == '\0')
        value.pop_back();
      return value;
    }
    if (type == NC_STRING && length == 1) {
      char* value = nullptr;
      if (nc_get_att_string(id_, v, attribute.c_str(), &value) != NC_NOERR || value == nullptr)
        return std::nullopt;
      std::string copy = value;
      nc_free_string(1, &value);
      return copy;
    }
    return std::nullopt;
  }

  std::vector<double> numbers(int array, std::string const& attribute) const override
  {
    auto const lock = library_lock();
    int const v = array == of_file ? NC_GLOBAL : array;
    nc_type type = NC_NAT;
    std::size_t length = 0;
    if (nc_inq_att(id_, v, attribute.c_str(), &type, &length) != NC_NOERR || type == NC_CHAR || type == NC_STRING)
      return {};
    std::vector<double> values(length);
    if (nc_get_att_double(id_, v, attribute.c_str(), values.data()) != NC_NOERR)
      return {};
    return values;
  }

  std::optional<StoredType> attribute_type(int array, std::string const& attribute) const override
  {
    auto const lock = library_lock();
    nc_type type = NC_NAT;
    if (nc_inq_atttype(id_, array == of_file ? NC_GLOBAL : array, attribute.c_str(), &type) != NC_NOERR)
      return std::nullopt;
    return stored_type(type);
  }

  void read(int array, Shape const& start, Shape const& count, double* values) const override
  {
    std::vector<std::size_t> const from(start.begin(), start.end()), n(count.begin(), count.end());
    auto const lock = library_lock();
    std::string const& name = arrays_[static_cast<std::size_t>(array)].name;
    int const status = nc_get_vara_double(id_, array, from.data(), n.data(), values);
    if (auto const reason = status == NC_NOERR ? Reason{} : why_not_read(id_, array); !reason.what.empty())
      fail(fmt::format("{}, variable {}", file_, name), reason.what, reason.fix);
    check(status, name, "can't be read");
  }

  /// Numbers never written hold the library's default, unless filling was switched off; single bytes have no such
  /// value.
  std::optional<double> fill(int array) const override
  {
    auto const lock = library_lock();
    int no_fill = 0;
    if (nc_inq_var_fill(id_, array, &no_fill, nullptr) == NC_NOERR && no_fill == 1)
      return std::nullopt;
    switch (arrays_[static_cast<std::size_t>(array)].type) {
    case StoredType::float32:
      return static_cast<double>(NC_FILL_FLOAT);
    case StoredType::float64:
      return NC_FILL_DOUBLE;
    case StoredType::int16:
      return NC_FILL_SHORT;
    case StoredType::uint16:
      return NC_FILL_USHORT;
    case StoredType::int32:
      return NC_FILL_INT;
    case StoredType::uint32:
      return NC_FILL_UINT;
    case StoredType::int64:
      return static_cast<double>(NC_FILL_INT64);
    case StoredType::uint64:
      return static_cast<double>(NC_FILL_UINT64);
    default:
      return std::nullopt;
    }
  }

private:
  void check(int status, std::string const& variable, std::string const& what) const
  {
    if (status != NC_NOERR)
      fail(variable.empty() ? file_ : fmt::format("{}, variable {}", file_, variable),
           fmt::format("{}: {}", what, nc_strerror(status)), "the file may be damaged: copy or make it again");
  }

  void list_variables()
  {
    int count = 0;
    check(nc_inq_nvars(id_, &count), "", "can't list its variables");
    for (int v = 0; v < count; ++v) {
      char name[NC_MAX_NAME + 1] = {};
      int rank = 0, dims[NC_MAX_VAR_DIMS];
      nc_type type = NC_NAT;
      check(nc_inq_var(id_, v, name, &type, &rank, dims, nullptr), "", "can't list its variables");
      ArrayInfo array;
      array.name = name;
      array.type = stored_type(type);
      for (int d = 0; d < rank; ++d) {
        std::size_t length = 0;
        char dim_name[NC_MAX_NAME + 1] = {};
        check(nc_inq_dim(id_, dims[d], dim_name, &length), name, "can't read its dimensions");
        array.dimensions.emplace_back(dim_name);
        array.shape.push_back(static_cast<index_t>(length));
      }
      arrays_.push_back(std::move(array));
    }
  }

  std::string file_;
  int id_ = -1;
  std::vector<ArrayInfo> arrays_;
};

} // namespace

std::unique_ptr<ArrayBody> open_netcdf(std::string const& file)
{
  expect_whole_netcdf_file(file);
  return std::make_unique<NetcdfBody>(file);
}

} // namespace rossby::io
