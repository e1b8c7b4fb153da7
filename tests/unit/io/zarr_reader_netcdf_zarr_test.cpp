#include "io/array_reader.hpp"
#include "io/netcdf.hpp"
#include <support/messages.hpp>
#include <support/torch_fixtures.hpp>
#include <support/zarr_fixtures.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

namespace rossby::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Reading a variable, or opening the store, ends in this message.
std::string message_of(std::string const& store, std::string const& variable = "T")
{
  return test::message_of([&] { (void)ArrayReader(store).read(variable); });
}

TEST(ZarrReader, ReadsEveryStoreToTheLastBit)
{
  ArrayReader const truth(test::zarr_fixture("truth.nc"));
  auto const stores = test::zarr_stores(false);
  EXPECT_GE(stores.size(), 36u);
  for (auto const& store : stores) {
    ArrayReader const zarr(test::zarr_fixture(store));
    for (auto const& v : truth.variables()) {
      SCOPED_TRACE(store + " " + v.name);
      ASSERT_TRUE(zarr.has(v.name));
      EXPECT_EQ(zarr.variable(v.name).shape, v.shape);
      EXPECT_EQ(zarr.variable(v.name).dimensions, v.dimensions);
      EXPECT_EQ(zarr.variable(v.name).type, v.type);
      EXPECT_EQ(zarr.text(v.name, "units"), truth.text(v.name, "units"));
      EXPECT_TRUE(test::same_bits(zarr.read(v.name), truth.read(v.name)));
    }
    EXPECT_EQ(zarr.dimension("latitude"), 7);
    EXPECT_EQ(zarr.dimension("nothing"), std::nullopt);
    EXPECT_EQ(zarr.text("T", "_ARRAY_DIMENSIONS"), std::nullopt);
  }
}

TEST(ZarrReader, ReadsBoxesAcrossChunks)
{
  ArrayReader const truth(test::zarr_fixture("truth.nc"));
  std::vector<std::pair<Shape, Shape>> const boxes{{{0, 0, 0, 0}, {1, 1, 1, 1}}, {{1, 0, 2, 3}, {3, 2, 3, 4}},
                                                   {{4, 2, 6, 7}, {1, 1, 1, 1}}, {{0, 1, 0, 0}, {5, 1, 7, 8}},
                                                   {{3, 0, 1, 2}, {2, 3, 6, 0}}, {{2, 2, 5, 0}, {2, 1, 2, 8}}};
  for (char const* store : {"v2_none.zarr", "v2_order_f.zarr", "v2_big_endian.zarr", "v3_transpose.zarr",
                            "v3_sharded.zarr", "v3_sharded_index_start.zarr", "v3_crc32c.zarr"}) {
    ArrayReader const zarr(test::zarr_fixture(store));
    for (auto const& [start, count] : boxes)
      for (char const* name : {"T", "U"})
        EXPECT_TRUE(test::same_bits(zarr.read(name, start, count), truth.read(name, start, count))) << store;
  }
}

TEST(ZarrReader, SeveralThreadsReadAtOnce)
{
  ArrayReader const zarr(test::zarr_fixture("v3_sharded_blosc.zarr"));
  auto const expected = ArrayReader(test::zarr_fixture("truth.nc")).read("U");
  std::vector<std::thread> threads;
  std::vector<int> same(8, 0);
  for (std::size_t k = 0; k < same.size(); ++k)
    threads.emplace_back([&, k] { same[k] = test::same_bits(zarr.read("U"), expected); });
  for (auto& t : threads)
    t.join();
  EXPECT_EQ(same, std::vector<int>(8, 1));
}

TEST(ZarrReader, TimesOfTheirOwnTypeAreSeconds)
{
  ArrayReader const zarr(test::zarr_fixture("v2_none.zarr"));
  EXPECT_EQ(zarr.text("stamp", "units"), "seconds since 1970-01-01 00:00:00");
  auto const stamps = zarr.read("stamp");
  ASSERT_EQ(stamps.size(), 5u);
  EXPECT_EQ(stamps[0], 951696000.0); // 2000-02-28
}

TEST(ZarrReader, ReadsHalfPrecisionAndTruthValues)
{
  namespace fs = std::filesystem;
  auto const folder = fs::path(::testing::TempDir()) / "half.zarr";
  auto const put = [&](std::string const& name, std::string const& bytes) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  // 1.5, -2, the smallest number, infinity, the largest number: sign, five bits of exponent, ten of mantissa
  std::string const little("\x00\x3e\x00\xc0\x01\x00\x00\x7c\xff\x7b", 10),
      big("\x3e\x00\xc0\x00\x00\x01\x7c\x00\x7b\xff", 10);
  std::vector<double> const expected{1.5, -2, 0x1p-24, std::numeric_limits<double>::infinity(), 65504};
  put(".zgroup", R"({"zarr_format": 2})");
  auto const array = [&](std::string const& name, std::string const& type, int size, std::string const& bytes) {
    put(name + "/.zarray", R"({"zarr_format": 2, "shape": [)" + std::to_string(size) + R"(], "chunks": [)" +
                               std::to_string(size) + R"(], "dtype": ")" + type +
                               R"(", "order": "C", "fill_value": null, "compressor": null, "filters": null})");
    put(name + "/.zattrs", R"({"_ARRAY_DIMENSIONS": ["n)" + std::to_string(size) + R"("]})");
    put(name + "/0", bytes);
  };
  array("little", "<f2", 5, little);
  array("big", ">f2", 5, big);
  array("mask", "|b1", 3, std::string("\x01\x00\x01", 3));
  ArrayReader const reader(folder.string());
  EXPECT_EQ(reader.read("little"), expected);
  EXPECT_EQ(reader.read("big"), expected);
  EXPECT_EQ(reader.read("mask"), (std::vector<double>{1, 0, 1}));
}

TEST(ZarrReader, NamesWhatItDoesNotRead)
{
  for (auto const& [store, variable, codec] :
       {std::tuple{"v2_bz2_refuse.zarr", "T", "bz2"}, {"v2_delta_refuse.zarr", "level", "delta"}}) {
    EXPECT_THAT(message_of(test::zarr_fixture(store), variable),
                AllOf(HasSubstr(store), HasSubstr(std::string("variable ") + variable), HasSubstr(codec),
                      HasSubstr("not read here")));
    EXPECT_EQ(ArrayReader(test::zarr_fixture(store)).variable("T").shape, (Shape{5, 3, 7, 8}));
  }
  test::ZarrCopy const copy("v2_none.zarr");
  copy.replace("T/.zarray", "\"<f4\"", "\"<U10\"");
  EXPECT_THAT(message_of(copy.path()), AllOf(HasSubstr("variable T"), HasSubstr("<U10")));
  EXPECT_EQ(ArrayReader(copy.path()).read("latitude").size(), 7u);
  copy.replace("T/.zarray", "\"<U10\"", "[[\"a\", \"<f4\"]]");
  EXPECT_THAT(message_of(copy.path()), HasSubstr("structure"));

  test::ZarrCopy const third("v3_bytes.zarr");
  third.replace("T/zarr.json", "\"node_type\"", "\"new\": {\"name\": \"x\"}, \"node_type\"");
  EXPECT_THAT(message_of(third.path()), HasSubstr("'new' in its metadata"));
  third.replace("T/zarr.json", "{\"name\": \"x\"}", "{\"name\": \"x\", \"must_understand\": false}");
  EXPECT_EQ(ArrayReader(third.path()).read("T").size(), 840u);
  third.replace("T/zarr.json", "\"regular\"", "\"rectilinear\"");
  EXPECT_THAT(message_of(third.path()), HasSubstr("rectilinear"));
}

TEST(ZarrReader, FillValuesOfVersion2AreMissingUnlessZero)
{
  test::ZarrCopy const copy("v2_none.zarr");
  std::filesystem::remove(copy / "Z/0.0");
  copy.replace("Z/.zarray", "\"fill_value\": null", "\"fill_value\": -5");
  auto const z = ArrayReader(copy.path()).read("Z");
  EXPECT_TRUE(std::isnan(z[0]));
  EXPECT_FALSE(std::isnan(z[24]));
  copy.replace("Z/.zarray", "\"fill_value\": -5", "\"fill_value\": 0");
  EXPECT_EQ(ArrayReader(copy.path()).read("Z")[0], 0);
  copy.replace("Z/.zarray", "\"fill_value\": 0", "\"fill_value\": Infinity");
  EXPECT_TRUE(std::isnan(ArrayReader(copy.path()).read("Z")[0]));
}

TEST(ZarrReader, FillValuesOfVersion3AreNumbersUnlessAnAttributeSaysSo)
{
  test::ZarrCopy const copy("v3_bytes.zarr");
  std::filesystem::remove(copy / "Z/c/0/0");
  EXPECT_EQ(ArrayReader(copy.path()).read("Z")[0], 0);
  copy.replace("Z/zarr.json", "\"attributes\": {", "\"attributes\": {\"_FillValue\": \"AAAAAAAAAAA=\", ");
  EXPECT_TRUE(std::isnan(ArrayReader(copy.path()).read("Z")[0]));
  copy.replace("Z/zarr.json", "AAAAAAAAAAA=", "AAAAAAAA+H8="); // NaN
  EXPECT_EQ(ArrayReader(copy.path()).read("Z")[0], 0);
}

TEST(ZarrReader, RefusesDamagedChunks)
{
  test::ZarrCopy const blosc("v2_blosc_lz4_shuffle.zarr"), sums("v3_crc32c.zarr"), shards("v3_sharded.zarr"),
      plain("v2_none.zarr"), zstd("v2_zstd.zarr"), gzip("v2_gzip.zarr"), lz4("v2_lz4.zarr");
  for (auto const* const copy : {&blosc, &plain, &zstd, &gzip, &lz4}) {
    std::string const whole = copy->text("T/1.2.0.0");
    copy->write("T/1.2.0.0", whole.substr(0, whole.size() - 3));
    EXPECT_THAT(message_of(copy->path()), AllOf(HasSubstr("variable T, chunk 1.2.0.0"), HasSubstr("damaged")));
    copy->write("T/1.2.0.0", "");
    EXPECT_THAT(message_of(copy->path()), HasSubstr("damaged")) << "empty";
    copy->write("T/1.2.0.0", std::string(200000, 'x'));
    EXPECT_THAT(message_of(copy->path()), HasSubstr("damaged")) << "long";
  }
  auto flip = [](std::string bytes, std::size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return bytes;
  };
  sums.write("T/c/0/0/0/0", flip(sums.text("T/c/0/0/0/0"), 30));
  EXPECT_THAT(message_of(sums.path()), AllOf(HasSubstr("chunk c/0/0/0/0"), HasSubstr("crc32c")));
  std::string const shard = shards.text("T/c/0/0/0/0");
  shards.write("T/c/0/0/0/0", flip(shard, shard.size() - 10));
  EXPECT_THAT(message_of(shards.path()), HasSubstr("checksum of the shard's index"));
  shards.write("T/c/0/0/0/0", shard.substr(0, 10));
  EXPECT_THAT(message_of(shards.path()), HasSubstr("the index of a shard has"));
}

TEST(ZarrReader, TakesNoMemoryForWhatIsOnlyClaimed)
{
  for (char const* store :
       {"v2_blosc_lz4_shuffle.zarr", "v2_zstd.zarr", "v2_lz4.zarr", "v2_zlib.zarr", "v2_none.zarr"}) {
    test::ZarrCopy const copy(store);
    copy.set("Z/.zarray", "chunks", {30000, 15000}); // 1.8 GB that a few bytes claim to hold
    EXPECT_THAT(message_of(copy.path(), "Z"), AllOf(HasSubstr("chunk 0.0"), HasSubstr("damaged"))) << store;
    copy.set("Z/.zarray", "chunks", {30000, 150000});
    EXPECT_THAT(message_of(copy.path(), "Z"), HasSubstr("chunks of more than"));
    copy.set("Z/.zarray", "chunks", {3, 8});
    copy.set("Z/.zarray", "shape", {1000000, 8000000});
    copy.set("Z/.zattrs", "_ARRAY_DIMENSIONS", {"i", "j"});
    EXPECT_THAT(message_of(copy.path(), "Z"), AllOf(HasSubstr("variable Z"), HasSubstr("are to be read at once")));
    copy.set("Z/.zarray", "shape", {9000000000000000, 9000000000000000});
    EXPECT_THAT(message_of(copy.path(), "Z"), HasSubstr("more elements than can be counted"));
  }
  test::ZarrCopy const copy("v3_sharded.zarr");
  copy.edit("Z/zarr.json", [](auto& node) {
    node["chunk_grid"]["configuration"]["chunk_shape"] = {30000, 80000};
    node["codecs"][0]["configuration"]["chunk_shape"] = {3, 8};
  });
  EXPECT_THAT(message_of(copy.path(), "Z"), HasSubstr("the index of a shard has"));
  copy.edit("Z/zarr.json", [](auto& node) { node["chunk_grid"]["configuration"]["chunk_shape"] = {300000, 800000}; });
  EXPECT_THAT(message_of(copy.path(), "Z"), HasSubstr("shards with an index of more than"));
}

TEST(ZarrReader, RefusesDamagedMetadata)
{
  test::ZarrCopy const copy("v2_none.zarr");
  std::string const whole = copy.text("T/.zarray");
  auto const with = [&](char const* key, nlohmann::json const& value) {
    copy.write("T/.zarray", whole);
    copy.set("T/.zarray", key, value);
    return message_of(copy.path());
  };
  for (std::string const& text : {std::string(), std::string("{"), std::string("[1]"), whole.substr(0, 80),
                                  std::string(100000, '['), std::string("\"") + std::string(100, '\\')}) {
    copy.write("T/.zarray", text);
    EXPECT_THAT(message_of(copy.path()), AllOf(HasSubstr(copy.path()), HasSubstr("T"))) << text.substr(0, 10);
    EXPECT_NE(message_of(copy.path()), "no error");
  }
  EXPECT_THAT(with("shape", {5, 3, 7}), HasSubstr("names of dimensions"));
  EXPECT_THAT(with("shape", {5, 3, 7, -8}), HasSubstr("shape has a length of -8"));
  EXPECT_THAT(with("shape", {5, 3, 7, 9}), HasSubstr("dimension longitude has the length"));
  EXPECT_THAT(with("chunks", {5, 3, 7, 0}), HasSubstr("chunks has a length of 0"));
  EXPECT_THAT(with("chunks", {5, 3, 7}), HasSubstr("shape has 4 lengths and chunks 3"));
  EXPECT_THAT(with("dtype", "f"), HasSubstr("dtype is 'f'"));
  EXPECT_THAT(with("order", "A"), HasSubstr("order is 'A'"));
  EXPECT_THAT(with("dimension_separator", ":"), HasSubstr("dimension_separator"));
  EXPECT_THAT(with("compressor", {{"level", 1}}), HasSubstr("id of a compressor"));
  EXPECT_THAT(with("filters", 3), HasSubstr("filters are not a list"));
  EXPECT_THAT(with("fill_value", "none"), HasSubstr("fill_value"));
  EXPECT_THAT(with("zarr_format", 4), HasSubstr("zarr_format is 4"));
}

TEST(ZarrReader, StaysWithinTheStore)
{
  test::ZarrCopy const copy("v2_none.zarr"), slash("v2_slash.zarr");
  std::string const outside = test::zarr_fixture("v2_none.zarr");
  std::filesystem::remove(copy / "T/0.0.0.0");
  std::filesystem::create_symlink(outside + "/T/0.0.0.0", copy / "T/0.0.0.0");
  EXPECT_THAT(message_of(copy.path()), AllOf(HasSubstr("T/0.0.0.0"), HasSubstr("is a link")));
  std::filesystem::remove_all(slash / "T/0/0");
  std::filesystem::create_directory_symlink(test::zarr_fixture("v2_slash.zarr") + "/T/0/0", slash / "T/0/0");
  EXPECT_THAT(message_of(slash.path()), AllOf(HasSubstr("T/0/0"), HasSubstr("is a link")));
  std::filesystem::remove_all(copy / "T");
  std::filesystem::create_directory_symlink(outside + "/T", copy / "T");
  EXPECT_THAT(message_of(copy.path()), HasSubstr("is a link"));
  // The store itself may be one.
  std::string const link = copy.path() + "_link";
  std::filesystem::remove(link);
  std::filesystem::create_directory_symlink(outside, link);
  EXPECT_EQ(ArrayReader(link).read("T").size(), 840u);
  std::filesystem::remove(link);
}

TEST(ZarrReader, TellsFoldersApart)
{
  EXPECT_THAT(message_of(test::zarr_fixture("v2_none.zarr/T")), HasSubstr("a single Zarr array"));
  EXPECT_THAT(message_of(test::zarr_fixture("v3_bytes.zarr/T")), HasSubstr("a single Zarr array"));
  EXPECT_THAT(message_of(::testing::TempDir()), HasSubstr("a folder without the metadata of a Zarr store"));
  EXPECT_THAT(message_of(test::zarr_fixture("v2_none.zarr"), "Q"),
              AllOf(HasSubstr("has no variable Q"), HasSubstr("SP")));
}

} // namespace
} // namespace rossby::io
