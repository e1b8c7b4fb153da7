#include <rossby/core/error.hpp>
#include <rossby/io/netcdf.hpp>

namespace rossby::io {

namespace {
[[noreturn]] void refuse(std::string const& file)
{
  fail(file, "this build of Rossby has no netCDF", "configure with -DROSSBY_ENABLE_NETCDF=ON and a netCDF library");
}
} // namespace

struct NetcdfReader::Impl {};
NetcdfReader::NetcdfReader(std::string file) { refuse(file); }
NetcdfReader::~NetcdfReader() = default;
NetcdfReader::NetcdfReader(NetcdfReader&&) noexcept = default;
NetcdfReader& NetcdfReader::operator=(NetcdfReader&&) noexcept = default;
std::string const& NetcdfReader::file() const { refuse(""); }
std::vector<NetcdfVariable> const& NetcdfReader::variables() const { refuse(""); }
bool NetcdfReader::has(std::string const&) const { refuse(""); }
NetcdfVariable const& NetcdfReader::variable(std::string const&) const { refuse(""); }
std::optional<index_t> NetcdfReader::dimension(std::string const&) const { refuse(""); }
std::optional<std::string> NetcdfReader::text(std::string const&, std::string const&) const { refuse(""); }
std::vector<double> NetcdfReader::numbers(std::string const&, std::string const&) const { refuse(""); }
std::vector<double> NetcdfReader::read(std::string const&) const { refuse(""); }
std::vector<double> NetcdfReader::read(std::string const&, Shape const&, Shape const&) const { refuse(""); }

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
