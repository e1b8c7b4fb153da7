#include "io/hdf5.hpp"
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace {
using namespace rossby;
using io::Hdf5File;
using test::message_of;
namespace fs = std::filesystem;

struct Hdf5 : ::testing::Test {
  fs::path folder =
      fs::temp_directory_path() / ("rossby_hdf5_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
                                   ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::string path = (folder / "file.h5").string();
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
};

TEST_F(Hdf5, DatasetsComeBackInBothTypesAndInBoxes)
{
  std::vector<double> const values{1.1, 2.2, 3.3, 4.4, 5.5, 6.6};
  {
    auto f = Hdf5File::create(path);
    f.write("/model/a.b", DType::float64, {2, 3}, values);
    f.write("model/deep/er/c", DType::float32, {3, 2}, values);
    f.write("scalar", DType::float64, {}, {7});
    f.write("none", DType::float32, {0, 4}, {});
    f.write("half", DType::float64, {2, 3}, {2, 3, 5, 6}, {{0, 1}, {2, 2}});
    f.close();
  }
  auto const f = Hdf5File::open_read(path);
  EXPECT_TRUE(f.exists("model"));
  EXPECT_TRUE(f.exists("/model/deep/er/c"));
  EXPECT_FALSE(f.exists("/nothing/of/this"));
  EXPECT_EQ(f.shape("model/a.b"), (Shape{2, 3}));
  EXPECT_EQ(f.shape("scalar"), Shape{});
  EXPECT_EQ(f.dtype("model/a.b"), DType::float64);
  EXPECT_EQ(f.dtype("model/deep/er/c"), DType::float32);
  EXPECT_EQ(f.read("model/a.b"), values);
  EXPECT_EQ(f.read("model/a.b", {{1, 1}, {1, 2}}), (std::vector<double>{5.5, 6.6}));
  EXPECT_EQ(f.read("model/deep/er/c").at(1), static_cast<double>(2.2f));
  EXPECT_EQ(f.read("scalar"), std::vector<double>{7});
  EXPECT_TRUE(f.read("none").empty());
  EXPECT_EQ(f.read("half", {{1, 1}, {1, 2}}), (std::vector<double>{5, 6}));
  EXPECT_EQ(f.list("/"), (std::vector<std::string>{"half", "model", "none", "scalar"}));
  EXPECT_EQ(f.list("/model"), (std::vector<std::string>{"a.b", "deep"}));
}

TEST_F(Hdf5, AttributesAndLongTexts)
{
  std::string const text(200000, 'x');
  {
    auto f = Hdf5File::create(path);
    f.write("a", DType::float64, {1}, {1});
    f.write_attribute("/", "title", std::string("winds"));
    f.write_attribute("a", "scale", 0.1);
    f.write_attribute("a", "count", std::int64_t{1} << 40);
    f.write_attribute("a", "empty", std::string());
    f.write_text("/deck/text", text);
    f.close();
  }
  auto const f = Hdf5File::open_read(path);
  EXPECT_EQ(f.read_string_attribute("/", "title"), "winds");
  EXPECT_EQ(f.read_double_attribute("a", "scale"), 0.1);
  EXPECT_EQ(f.read_int_attribute("a", "count"), std::int64_t{1} << 40);
  EXPECT_EQ(f.read_string_attribute("a", "empty"), "");
  EXPECT_TRUE(f.has_attribute("a", "scale"));
  EXPECT_FALSE(f.has_attribute("a", "none"));
  EXPECT_EQ(f.read_text("deck/text"), text);
  EXPECT_THAT(message_of([&] { f.read_double_attribute("a", "count"); }), ::testing::HasSubstr("count"));
  EXPECT_THAT(message_of([&] { f.read_text("a"); }), ::testing::HasSubstr("no text"));
}

TEST_F(Hdf5, ErrorsNameFileAndDataset)
{
  {
    auto f = Hdf5File::create(path);
    f.write("data", DType::float64, {4000}, std::vector<double>(4000, 1.5));
    f.close();
  }
  auto const f = Hdf5File::open_read(path);
  EXPECT_THAT(message_of([&] { f.read("wrong"); }),
              ::testing::AllOf(::testing::HasSubstr(path), ::testing::HasSubstr("/wrong")));
  EXPECT_THAT(message_of([&] { f.read("data", {{3990}, {20}}); }), ::testing::HasSubstr("[4000]"));
  EXPECT_THAT(message_of([&] { Hdf5File::open_read((folder / "no.h5").string()); }), ::testing::HasSubstr("no.h5"));
  EXPECT_THAT(message_of([&] { Hdf5File::create((folder / "no/folder.h5").string()); }),
              ::testing::HasSubstr("can't be created"));
  std::ofstream((folder / "text.h5").string()) << "these are only words";
  EXPECT_THAT(message_of([&] { Hdf5File::open_read((folder / "text.h5").string()); }), ::testing::HasSubstr("HDF5"));
  std::ofstream((folder / "empty.h5").string());
  EXPECT_THAT(message_of([&] { Hdf5File::open_read((folder / "empty.h5").string()); }), ::testing::HasSubstr("HDF5"));
  fs::copy_file(path, folder / "cut.h5");
  fs::resize_file(folder / "cut.h5", fs::file_size(path) / 2);
  EXPECT_THAT(message_of([&] { Hdf5File::open_read((folder / "cut.h5").string()).read("data"); }),
              ::testing::HasSubstr("cut.h5"));
}
} // namespace
