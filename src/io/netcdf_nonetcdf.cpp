#include "array_body.hpp"

#include "io/netcdf.hpp"
#include <rossby/core/error.hpp>

namespace rossby::io {

namespace {
[[noreturn]] void refuse(std::string const& file)
{
  fail(file, "this build of Rossby has no netCDF", "configure with -DROSSBY_ENABLE_NETCDF=ON and a netCDF library");
}
} // namespace

std::unique_ptr<ArrayBody> open_netcdf(std::string const& file) { refuse(file); }

struct NetcdfWriter::Impl {};
NetcdfWriter::NetcdfWriter(std::string file) { refuse(file); }
NetcdfWriter::~NetcdfWriter() = default;
NetcdfWriter::NetcdfWriter(NetcdfWriter&&) noexcept = default;
NetcdfWriter& NetcdfWriter::operator=(NetcdfWriter&&) noexcept = default;
void NetcdfWriter::dimension(std::string const&, index_t) { refuse(""); }
void NetcdfWriter::variable(std::string const&, NetcdfType, std::vector<std::string> const&, NetcdfEncoding const&)
{
  refuse("");
}
void NetcdfWriter::attribute(std::string const&, std::string const&, std::string const&) { refuse(""); }
void NetcdfWriter::attribute(std::string const&, std::string const&, double) { refuse(""); }
void NetcdfWriter::attribute(std::string const&, std::string const&, double, NetcdfType) { refuse(""); }
void NetcdfWriter::write(std::string const&, std::vector<double> const&) { refuse(""); }
void NetcdfWriter::write(std::string const&, Shape const&, Shape const&, std::vector<double> const&) { refuse(""); }
void NetcdfWriter::write(std::string const&, Shape const&, Shape const&, std::vector<float> const&) { refuse(""); }
void NetcdfWriter::close() { refuse(""); }

} // namespace rossby::io
