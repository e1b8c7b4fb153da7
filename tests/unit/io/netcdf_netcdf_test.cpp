#include "io/array_reader.hpp"
#include "io/netcdf.hpp"
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/file.h>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

namespace rossby::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string path_of(std::string const& name)
{
  auto const folder = std::filesystem::path(::testing::TempDir()) / "rossby_netcdf";
  std::filesystem::create_directories(folder);
  return (folder / name).string();
}

/// What reading variable v ends in.
std::string message_of(std::string const& file)
{
  return test::message_of([&] { (void)ArrayReader(file).read("v"); });
}

/// Turns one bit of the first place that holds the number.
void damage(std::string const& file, double number)
{
  std::ifstream in(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  std::string pattern(sizeof number, 0);
  std::memcpy(pattern.data(), &number, sizeof number);
  auto const place = bytes.find(pattern);
  ASSERT_NE(place, std::string::npos);
  bytes[place] ^= 1;
  std::ofstream(file, std::ios::binary) << bytes;
}

TEST(Netcdf, ChecksumsFindDamagedValues)
{
  for (bool const checksum : {false, true}) {
    std::string const file = path_of(checksum ? "sums.nc" : "no_sums.nc");
    NetcdfWriter w(file);
    w.dimension("x", 4);
    w.variable("v", NetcdfType::float64, {"x"}, {0, false, checksum, {2}});
    w.write("v", {0.1, 0.2, 0.3, 0.4});
    w.close();
    EXPECT_EQ(message_of(file), "no error");
    damage(file, 0.3);
    EXPECT_EQ(message_of(file) == "no error", !checksum);
  }
}

TEST(Netcdf, WritesAndReadsBoxesAndAttributes)
{
  std::string const file = path_of("round_trip.nc");
  std::filesystem::remove(file);
  {
    NetcdfWriter w(file);
    w.dimension("time", 0);
    w.dimension("x", 3);
    w.variable("v", NetcdfType::float32, {"time", "x"}, {4});
    w.variable("n", NetcdfType::int64, {"x"});
    w.attribute("v", "units", "m s-1");
    w.attribute("v", "_FillValue", 1e20);
    w.attribute("", "Conventions", "CF-1.11");
    w.write("v", {0, 0}, {2, 3}, std::vector<double>{1, 2, 3, 4, 1e20, 6});
    w.write("n", {7, 8, 9});
    EXPECT_FALSE(std::filesystem::exists(file)) << "the name appears only when the file is whole";
    w.close();
  }
  EXPECT_FALSE(std::filesystem::exists(file + ".tmp"));
  ArrayReader r(file);
  EXPECT_EQ(r.variable("v").shape, (Shape{2, 3}));
  EXPECT_EQ(r.variable("v").dimensions, (std::vector<std::string>{"time", "x"}));
  EXPECT_EQ(r.text("v", "units"), "m s-1");
  EXPECT_EQ(r.text("", "Conventions"), "CF-1.11");
  EXPECT_EQ(r.text("v", "nothing"), std::nullopt);
  EXPECT_EQ(r.dimension("x"), 3);
  EXPECT_EQ(r.read("n"), (std::vector<double>{7, 8, 9}));
  auto const box = r.read("v", {1, 1}, {1, 2});
  EXPECT_TRUE(std::isnan(box[0]));
  EXPECT_EQ(box[1], 6);
  EXPECT_THROW(r.variable("w"), Error);
}

TEST(Netcdf, UnpacksIntegers)
{
  std::string const file = path_of("packed.nc");
  NetcdfWriter w(file);
  w.dimension("x", 4);
  w.variable("v", NetcdfType::int16, {"x"});
  w.attribute("v", "scale_factor", 0.5, NetcdfType::float64);
  w.attribute("v", "add_offset", 100, NetcdfType::float64);
  w.attribute("v", "missing_value", -999);
  w.attribute("v", "valid_max", 1000);
  w.write("v", {0, 10, -999, 2000});
  w.close();
  auto const v = ArrayReader(file).read("v");
  EXPECT_EQ(v[0], 100);
  EXPECT_EQ(v[1], 105);
  EXPECT_TRUE(std::isnan(v[2]));
  EXPECT_TRUE(std::isnan(v[3]));
}

/// A variable of these stored values and attributes.
std::string packed_file(std::string const& name, NetcdfType type, std::vector<double> const& values,
                        std::vector<std::tuple<std::string, double, NetcdfType>> const& numbers,
                        std::vector<std::pair<std::string, std::string>> const& texts = {})
{
  std::string const file = path_of(name);
  NetcdfWriter w(file);
  w.dimension("x", static_cast<index_t>(values.size()));
  w.variable("v", type, {"x"});
  for (auto const& [key, value, of] : numbers)
    w.attribute("v", key, value, of);
  for (auto const& [key, value] : texts)
    w.attribute("v", key, value);
  w.write("v", values);
  w.close();
  return file;
}

/// Positions of the missing ones among the values of v.
std::vector<std::size_t> missing_in(std::string const& file)
{
  std::vector<std::size_t> missing;
  auto const v = ArrayReader(file).read("v");
  for (std::size_t i = 0; i < v.size(); ++i)
    if (std::isnan(v[i]))
      missing.push_back(i);
  return missing;
}

using Positions = std::vector<std::size_t>;

TEST(Netcdf, LimitsOfTheTypeOfTheScaleAreInUnitsOfUnpackedValues)
{
  using T = NetcdfType;
  // 0.01 * 655 is 6.55 and a bit, which must not exceed the limit 6.55.
  EXPECT_EQ(missing_in(packed_file(
                "a.nc", T::int16, {-1, 0, 655, 656},
                {{"scale_factor", 0.01, T::float64}, {"valid_min", 0, T::float64}, {"valid_max", 6.55, T::float64}})),
            (Positions{0, 3}));
  // Of another type than the scale: in units of packed values.
  EXPECT_EQ(missing_in(packed_file("b.nc", T::int16, {-1, 0, 655, 656},
                                   {{"scale_factor", 0.01, T::float64}, {"valid_max", 6.55, T::float32}})),
            (Positions{2, 3}));
  // A falling scale turns low and high round.
  EXPECT_EQ(missing_in(packed_file("c.nc", T::int16, {-1, 0, 655, 656},
                                   {{"scale_factor", -0.01, T::float64}, {"valid_min", -6.55, T::float64}})),
            (Positions{3}));
}

TEST(Netcdf, TextsThatHoldNumbersCountAsNumbers)
{
  EXPECT_EQ(missing_in(packed_file("d.nc", NetcdfType::float32, {-999.9, 1, -99}, {}, {{"missing_value", "-999.9"}})),
            (Positions{0}));
  EXPECT_EQ(missing_in(packed_file("e.nc", NetcdfType::int16, {-999, 1, -99}, {}, {{"missing_value", "-999, -99s"}})),
            (Positions{0, 2}));
  EXPECT_EQ(missing_in(packed_file("f.nc", NetcdfType::float32, {-999, 1}, {}, {{"missing_value", "none"}})),
            (Positions{}));
  EXPECT_EQ(ArrayReader(packed_file("g.nc", NetcdfType::int16, {10}, {}, {{"scale_factor", "0.5"}})).read("v")[0], 5);
  EXPECT_THAT(message_of(packed_file("h.nc", NetcdfType::int16, {10}, {}, {{"scale_factor", "half"}})),
              HasSubstr("its scale_factor is the text 'half'"));
}

TEST(Netcdf, BytesHaveNoDefaultFill)
{
  EXPECT_EQ(missing_in(packed_file("i.nc", NetcdfType::int8, {-127, 1}, {})), (Positions{}));
  EXPECT_EQ(missing_in(packed_file("j.nc", NetcdfType::int16, {-32767, 1}, {})), (Positions{0}));
  EXPECT_EQ(missing_in(packed_file("k.nc", NetcdfType::int16, {-32767, 1}, {{"_FillValue", 1, NetcdfType::int16}})),
            (Positions{1}))
      << "the default counts only where no _FillValue is given";
}

TEST(Netcdf, SaysWhichAttributeMakesValuesMissing)
{
  using T = NetcdfType;
  ArrayReader const reader(
      packed_file("l.nc", T::int16, {-1, -1, 5, 200, 7},
                  {{"_FillValue", -1, T::int16}, {"missing_value", 5, T::int16}, {"valid_max", 100, T::int16}}));
  EXPECT_EQ(reader.why_missing("v", {0}, {5}),
            "2 equal _FillValue (-1), 1 equal missing_value (5), 1 lie outside valid_max (-inf to 100 as stored)");
  EXPECT_EQ(reader.why_missing("v", {4}, {1}), "");
}

TEST(Netcdf, AnUnclosedWriterLeavesNothing)
{
  std::string const file = path_of("dropped.nc");
  std::filesystem::remove(file);
  {
    NetcdfWriter w(file);
    w.dimension("x", 1);
    w.variable("v", NetcdfType::float64, {"x"});
    w.write("v", {1});
  }
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_FALSE(std::filesystem::exists(file + ".tmp"));
}

TEST(Netcdf, SaysWhatIsWrongWithAFile)
{
  EXPECT_THAT(message_of(path_of("absent.nc")), HasSubstr("no such file"));
  std::ofstream(path_of("empty.nc")).flush();
  EXPECT_THAT(message_of(path_of("empty.nc")), HasSubstr("empty"));
  std::ofstream(path_of("text.nc")) << "temperature,12\n";
  EXPECT_THAT(message_of(path_of("text.nc")), HasSubstr("not a netCDF file"));
  EXPECT_THROW(NetcdfWriter(path_of("no/such/folder.nc")), Error);

  std::string const whole = path_of("whole.nc"), cut = path_of("cut.nc");
  NetcdfWriter w(whole);
  w.dimension("x", 20000);
  w.variable("v", NetcdfType::float64, {"x"});
  w.write("v", std::vector<double>(20000, 1.0));
  w.close();
  std::filesystem::copy_file(whole, cut, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::resize_file(cut, 60000);
  EXPECT_THAT(message_of(cut), HasSubstr("cut.nc"));
  EXPECT_THAT(message_of(cut), HasSubstr("copy or make it again"));
}

/// A classic file made by hand: dimension x = 2, double v(x).
std::string classic_file()
{
  auto const word = [](std::uint32_t n) {
    return std::string{static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                       static_cast<char>(n)};
  };
  auto const name = [&](char c) { return word(1) + std::string{c, '\0', '\0', '\0'}; };
  std::string s = std::string("CDF\001", 4) + word(0);
  s += word(10) + word(1) + name('x') + word(2); // dimensions
  s += word(0) + word(0);                        // attributes
  s += word(11) + word(1) + name('v') + word(1) + word(0) + word(0) + word(0) + word(6) + word(16);
  s += word(static_cast<std::uint32_t>(s.size()) + 4); // where the values begin
  s += std::string{'\x3f', '\xf0', 0, 0, 0, 0, 0, 0} + std::string{'\x40', 0, 0, 0, 0, 0, 0, 0};
  return s;
}

TEST(Netcdf, FindsThatAClassicFileIsCutShort)
{
  std::string const file = path_of("classic.nc"), bytes = classic_file();
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_EQ(ArrayReader(file).read("v"), (std::vector<double>{1, 2}));
  std::ofstream(file, std::ios::binary) << bytes.substr(0, bytes.size() - 3);
  EXPECT_THAT(message_of(file), HasSubstr("cut short"));
  std::ofstream(file, std::ios::binary) << bytes.substr(0, 40);
  EXPECT_THAT(message_of(file), HasSubstr("cut short"));
}

/// CDF-5 with one list of dimensions of the given count, whose first name has the given length.
std::string hostile_header(std::uint64_t count, std::uint64_t name_length)
{
  auto const number = [](std::uint64_t n, int bytes) {
    std::string s;
    for (int b = bytes - 1; b >= 0; --b)
      s += static_cast<char>(n >> (8 * b) & 0xff);
    return s;
  };
  return std::string("CDF\005", 4) + number(0, 8) + number(10, 4) + number(count, 8) + number(name_length, 8) +
         std::string(200, '\0');
}

TEST(Netcdf, HostileHeadersAreRefusedAtOnce)
{
  std::string const file = path_of("hostile.nc");
  for (std::uint64_t const count : {std::uint64_t{1}, std::uint64_t{1} << 40, ~std::uint64_t{0}})
    for (std::uint64_t const length : {std::uint64_t{1} << 40, ~std::uint64_t{0}, ~std::uint64_t{0} - 30}) {
      std::ofstream(file, std::ios::binary) << hostile_header(count, length);
      EXPECT_THAT(message_of(file), HasSubstr("header is damaged or cut short")) << count << " " << length;
    }
  EXPECT_THAT(message_of("/dev/zero"), HasSubstr("is not an ordinary file"));
}

/// Leaves the bytes as they are.
std::size_t filter_nothing(unsigned, std::size_t, unsigned const*, std::size_t bytes, std::size_t*, void**)
{
  return bytes;
}

TEST(Netcdf, NamesTheFilterThatIsNotInstalled)
{
  constexpr H5Z_filter_t id = 32004;
  if (H5Zfilter_avail(id) > 0)
    GTEST_SKIP() << "lz4 is installed here";
  H5Z_class2_t const filter{H5Z_CLASS_T_VERS, id, 1, 1, "test", nullptr, nullptr, filter_nothing};
  ASSERT_GE(H5Zregister(&filter), 0);
  std::string const file = path_of("filtered.nc");
  std::filesystem::remove(file);
  hsize_t const size = 4;
  std::vector<double> const values(size, 1.0);
  hid_t const out = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
              space = H5Screate_simple(1, &size, nullptr), how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(how, 1, &size);
  H5Pset_filter(how, id, H5Z_FLAG_MANDATORY, 0, nullptr);
  hid_t const data = H5Dcreate2(out, "v", H5T_IEEE_F64LE, space, H5P_DEFAULT, how, H5P_DEFAULT);
  EXPECT_GE(H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  H5Dclose(data);
  H5Pclose(how);
  H5Sclose(space);
  H5Fclose(out);
  H5Zunregister(id);
  EXPECT_THAT(message_of(file),
              AllOf(HasSubstr("filtered.nc"), HasSubstr("HDF5 filter 32004 (lz4), which is not installed"),
                    HasSubstr("HDF5_PLUGIN_PATH")));
}

TEST(Netcdf, SaysThatAFileIsLocked)
{
  std::string const file = packed_file("locked.nc", NetcdfType::float64, {1}, {});
  int const handle = ::open(file.c_str(), O_RDWR);
  ASSERT_EQ(::flock(handle, LOCK_EX | LOCK_NB), 0);
  EXPECT_THAT(message_of(file), HasSubstr("is locked: another program has it open for writing"));
  ::close(handle);
  EXPECT_EQ(message_of(file), "no error");
}

} // namespace
} // namespace rossby::io
