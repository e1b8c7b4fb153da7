#include "io/tensor_file.hpp"
#include "io/torch_writer.hpp"
#include <support/messages.hpp>
#include <support/torch_fixtures.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <unistd.h>

namespace {
using namespace rossby;
using namespace rossby::test;
using io::TensorFile;
using io::TorchWriter;
using ::testing::HasSubstr;
using Kind = io::PickledValue::Kind;
namespace fs = std::filesystem;

struct TorchWriters : ::testing::Test {
  std::string path = (fs::temp_directory_path() / ("rossby_torch_writer_" + std::to_string(::getpid()))).string();
  void TearDown() override { fs::remove(path); }
};

TEST_F(TorchWriters, PlainValuesComeBack)
{
  std::vector<std::int64_t> const integers{0,         1,         255,         256, 65535, -1, 1 << 20, -(1ll << 31),
                                           1ll << 31, 1ll << 62, -(1ll << 62)};
  std::vector<double> const reals{0, -0.0, 0.1, -1e300, 5e-324, std::numeric_limits<double>::infinity()};
  TorchWriter out("folder");
  out.begin_dict();
  out.text("integers");
  out.begin_list();
  for (auto const i : integers)
    out.integer(i);
  out.end_list();
  out.text("reals");
  out.begin_tuple();
  for (auto const r : reals)
    out.real(r);
  out.end_tuple();
  out.text("gr\u00f6\u00dfe");
  out.none();
  out.text("yes");
  out.boolean(true);
  out.text("nothing");
  out.begin_ordered_dict();
  out.end_dict();
  out.end_dict();
  out.lay_out(path);
  out.seal(path, out.checksums(path));
  EXPECT_EQ(fs::file_size(path), out.bytes());

  TensorFile const file(path);
  auto const root = file.root();
  EXPECT_EQ(root.entries().size(), 5u);
  auto const i = root.find("integers")->items();
  ASSERT_EQ(i.size(), integers.size());
  for (std::size_t k = 0; k < i.size(); ++k)
    EXPECT_EQ(i[k].integer(), integers[k]);
  EXPECT_TRUE(root.find("reals")->is(Kind::tuple));
  std::vector<double> back;
  for (auto const& r : root.find("reals")->items())
    back.push_back(r.number().value());
  EXPECT_TRUE(same_bits(back, reals));
  EXPECT_TRUE(root.find("gr\u00f6\u00dfe")->is(Kind::none));
  EXPECT_EQ(root.find("yes")->integer(), 1);
  EXPECT_TRUE(root.find("nothing")->is(Kind::dict));
}

/// Filled in by boxes, as ranks that store a part each do; also where every size is told by ZIP64 records.
TEST_F(TorchWriters, TensorsComeBackFromBoxes)
{
  std::vector<double> values(4 * 3 * 5);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<double>(i));
  for (std::uint64_t const zip64_from : {0xffffffffull, 0ull}) {
    TorchWriter out("folder", zip64_from);
    out.begin_list();
    int const wide = out.tensor(DType::float64, {4, 3, 5}), narrow = out.tensor(DType::float32, {60}),
              one = out.tensor(DType::float32, {}), none = out.tensor(DType::float64, {0, 3});
    out.end_list();
    out.lay_out(path);
    std::vector<double> sides, middle; // columns 0 and 2 of the second axis, and column 1
    for (std::size_t i = 0; i < values.size(); ++i)
      (i / 5 % 3 == 1 ? middle : sides).push_back(values[i]);
    out.fill(path, wide, sides, {{{0, 2, 0}, {4, 1, 5}}, {{0, 0, 0}, {4, 1, 5}}});
    out.fill(path, wide, middle, {{{0, 1, 0}, {4, 1, 5}}});
    out.fill(path, narrow, {values.begin(), values.begin() + 31}, {{{0}, {31}}});
    out.fill(path, narrow, {values.begin() + 31, values.end()}, {{{31}, {29}}});
    out.fill(path, narrow, {}, {});
    out.fill(path, one, {7}, {{{}, {}}});
    auto sums = out.checksums(path, 0, 2), others = out.checksums(path, 1, 2);
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] += others[i];
    out.seal(path, sums);

    TensorFile const file(path);
    file.verify();
    auto const items = file.root().items();
    EXPECT_TRUE(same_bits(file.read(*items[static_cast<std::size_t>(wide)].tensor()), values));
    auto rounded = values;
    for (auto& v : rounded)
      v = static_cast<float>(v);
    EXPECT_TRUE(same_bits(file.read(*items[static_cast<std::size_t>(narrow)].tensor()), rounded));
    EXPECT_EQ(file.read(*items[static_cast<std::size_t>(one)].tensor()), std::vector<double>{7});
    EXPECT_EQ(items[static_cast<std::size_t>(none)].tensor()->shape, (Shape{0, 3}));
  }
}

TEST_F(TorchWriters, DataBeginAtMultiplesOf64AndChecksumsCount)
{
  TorchWriter out("folder");
  out.tensor(DType::float64, {2});
  out.lay_out(path);
  out.fill(path, 0, {0.125, 3.5}, {{{0}, {2}}});
  out.seal(path, out.checksums(path));
  auto bytes = bytes_of_file(path);
  double const first = 0.125;
  auto const at = bytes.find(std::string(reinterpret_cast<char const*>(&first), sizeof first));
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(at % 64, 0u);
  bytes[at + 6] ^= 1;
  write_bytes(path, bytes);
  EXPECT_THAT(message_of([&] { TensorFile(path).verify(); }), HasSubstr("folder/data/0"));
}

TEST_F(TorchWriters, AFolderThatIsNotThere)
{
  TorchWriter out("folder");
  out.none();
  EXPECT_THAT(message_of([&] { out.lay_out(path + "/no/file.pt"); }), HasSubstr("can't be written"));
}
} // namespace
