// The reader of torch's and safetensors' files on files that those wrote, on damaged ones and on hostile ones.
#include "io/tensor_file.hpp"
#include <rossby/core/random.hpp>
#include <support/messages.hpp>
#include <support/torch_fixtures.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace {
using namespace rossby;
using namespace rossby::test;
using io::TensorFile;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Kind = io::PickledValue::Kind;
namespace fs = std::filesystem;

struct TensorFiles : ::testing::Test {
  std::string path = (fs::temp_directory_path() / ("rossby_tensor_file_" + std::to_string(::getpid()))).string();
  void TearDown() override { fs::remove(path); }
};

std::vector<std::string> const layouts{"layouts_protocol2.pt", "layouts_protocol3.pt", "layouts_protocol4.pt",
                                       "layouts_protocol5.pt", "layouts_legacy_format.pt"};

TEST_F(TensorFiles, EveryLayoutAndTypeInEveryProtocol)
{
  auto const expected = io::Hdf5File::open_read(torch_fixture("expected_layouts.h5"));
  auto const names = expected.list("/model");
  EXPECT_EQ(names.size(), 26u);
  for (auto const& name : layouts) {
    TensorFile const file(torch_fixture(name));
    EXPECT_EQ(file.format(), name == layouts.back() ? "torch (before 1.6)" : "torch");
    file.verify();
    auto const model = file.root().find("model_state_dict");
    ASSERT_TRUE(model);
    EXPECT_EQ(model->entries().size(), names.size());
    for (auto const& key : names) {
      auto const value = model->find(key);
      ASSERT_TRUE(value && value->tensor()) << name << ": " << key;
      auto const& t = *value->tensor();
      EXPECT_EQ(t.shape, expected.shape("/model/" + key)) << key;
      auto const values = // HDF5 has no booleans; h5py makes them an enumeration
          key == "bool" ? std::vector<double>{1, 0, 1} : expected.read("/model/" + key);
      EXPECT_TRUE(same_bits(file.read(t), values)) << name << ": " << key;
    }
  }
}

TEST_F(TensorFiles, PlainValues)
{
  for (auto const& name : layouts) {
    TensorFile const file(torch_fixture(name));
    auto const get = [&](char const* key) { return file.root().find(key).value(); };
    EXPECT_EQ(get("numpy_scalar").number(), 0.25) << name;
    EXPECT_EQ(get("numpy_int").integer(), 7);
    EXPECT_EQ(get("best").number(), std::numeric_limits<double>::infinity());
    EXPECT_TRUE(get("flag").is(Kind::boolean) && get("flag").integer() == 1);
    EXPECT_TRUE(get("none").is(Kind::none));
    ASSERT_TRUE(get("text").text());
    EXPECT_EQ(*get("text").text(), "\u00b5");
    auto const nested = get("nested").items();
    ASSERT_EQ(nested.size(), 3u);
    EXPECT_EQ(nested[0].integer(), 1);
    EXPECT_TRUE(nested[1].is(Kind::tuple));
    EXPECT_EQ(nested[1].items().at(1).integer(), 3);
    EXPECT_TRUE(nested[2].find("a")->is(Kind::other)) << "2^70 fits into no integer of ours";
    EXPECT_EQ(get("size").items().at(1).integer(), 3);
    EXPECT_TRUE(get("device").is(Kind::other) && get("dtype").is(Kind::other));
    EXPECT_FALSE(get("text").number() || get("best").integer() || get("flag").text() || get("text").find("x"));
  }
}

/// Any box of any layout is the same part of the whole tensor.
TEST_F(TensorFiles, Boxes)
{
  TensorFile const file(torch_fixture("layouts_protocol2.pt"));
  std::uint64_t draw = 0;
  auto const pick = [&](index_t low, index_t high) {
    return low + static_cast<index_t>(Philox::uniform(1, 2, draw++) * static_cast<double>(high - low + 1));
  };
  for (auto const& [key, value] : file.root().find("model_state_dict")->entries()) {
    auto const& t = *value.tensor();
    auto const whole = file.read(t);
    for (int repeat = 0; repeat < 20 && !t.shape.empty(); ++repeat) {
      // Two boxes side by side along a random axis, so that their rows alternate in the tensor.
      auto const axis = static_cast<std::size_t>(pick(0, static_cast<index_t>(t.shape.size()) - 1));
      io::Hyperslab a, b;
      for (index_t const n : t.shape) {
        a.offset.push_back(pick(0, n));
        a.count.push_back(pick(0, n - a.offset.back()));
      }
      b = a;
      b.offset[axis] = pick(a.offset[axis] + a.count[axis], t.shape[axis]);
      b.count[axis] = pick(0, t.shape[axis] - b.offset[axis]);
      std::vector<double> expected;
      for (index_t i = 0; i < static_cast<index_t>(whole.size()); ++i) {
        index_t rest = i;
        bool in_a = true, in_b = true;
        for (std::size_t d = t.shape.size(); d-- > 0; rest /= t.shape[d]) {
          index_t const at = rest % t.shape[d];
          in_a = in_a && at >= a.offset[d] && at < a.offset[d] + a.count[d];
          in_b = in_b && at >= b.offset[d] && at < b.offset[d] + b.count[d];
        }
        if (in_a || in_b)
          expected.push_back(whole[static_cast<std::size_t>(i)]);
      }
      EXPECT_TRUE(same_bits(file.read_boxes(t, {b, a}), expected)) << *key.text();
    }
  }
}

TEST_F(TensorFiles, Safetensors)
{
  TensorFile const file(torch_fixture("cf_plain.safetensors"));
  EXPECT_EQ(file.format(), "safetensors");
  auto const expected = io::Hdf5File::open_read(torch_fixture("expected_cf_plain.h5"));
  EXPECT_EQ(file.root().entries().size(), expected.list("/model").size());
  for (auto const& [key, value] : file.root().entries())
    EXPECT_TRUE(same_bits(file.read(*value.tensor()), expected.read("/model/" + *key.text()))) << *key.text();
}

/// What the reader says of a file: reading all of it, or an Error. Anything else ends the test.
std::string judge(std::string const& path)
{
  return message_of([&] {
    TensorFile const file(path);
    file.verify();
    read_all(file, file.root());
  });
}

TEST_F(TensorFiles, HostileOnesAreRefusedByNameWithTheReason)
{
  std::vector<std::pair<std::string, std::string>> const cases{{"beyond.safetensors", "beyond"},
                                                               {"big_endian.pt", "order of bytes"},
                                                               {"bit_flipped.pt", "checksum"},
                                                               {"empty.pt", "empty"},
                                                               {"eval.pt", "__builtin__.eval"},
                                                               {"header_too_long.safetensors", "header"},
                                                               {"negative_size.pt", "negative"},
                                                               {"no_data_pkl.pt", "data.pkl"},
                                                               {"not_a_torch_file.pt", "neither a file of torch.save"},
                                                               {"os_system.pt", "system"},
                                                               {"overlap.safetensors", "overlap"},
                                                               {"pickle_cut.pt", "too early"},
                                                               {"pickle_nested.pt", "lists within lists"},
                                                               {"shape_differs.safetensors", "takes"},
                                                               {"size_beyond_storage.pt", "beyond its storage"},
                                                               {"size_overflows.pt", "beyond its storage"},
                                                               {"storage_claims_more.pt", "larger than the file"},
                                                               {"storage_missing.pt", "missing"},
                                                               {"storage_short.pt", "should have"},
                                                               {"stride_beyond_storage.pt", "beyond its storage"},
                                                               {"subprocess_in_list.pt", "subprocess"},
                                                               {"truncated.safetensors", "end"},
                                                               {"truncated_half.pt", "end"},
                                                               {"truncated_tail.pt", "end"}};
  std::size_t files = 0;
  for (auto const& entry : fs::directory_iterator(torch_fixture("hostile")))
    files += entry.path().filename() != "path_in_name.pt"; // a name like any other to this layer
  EXPECT_EQ(files, cases.size());
  for (auto const& [name, reason] : cases) {
    std::string const file = torch_fixture("hostile/" + name);
    EXPECT_THAT(judge(file), AllOf(StartsWith(file + ": "), HasSubstr(reason)));
  }
  EXPECT_EQ(judge(torch_fixture("hostile/path_in_name.pt")), "no error");
}

TEST_F(TensorFiles, WhatIsNoOrdinaryFileIsRefused)
{
  EXPECT_THAT(judge("/dev/zero"), HasSubstr("not an ordinary file"));
  EXPECT_THAT(judge("/"), HasSubstr("not an ordinary file"));
  EXPECT_THAT(judge(path), HasSubstr("No such file"));
  EXPECT_THAT(judge(torch_fixture("expected_cf.h5")), HasSubstr("neither a file of torch.save"));
}

/// A pickle in the container from before 1.6, which has no checksums in the way.
std::string old_file(std::string const& pickle)
{
  std::string const all = bytes_of_file(torch_fixture("layouts_legacy_format.pt"));
  auto const object = all.find("model_state_dict");
  auto const begin = all.rfind("\x80\x02", object);
  return all.substr(0, begin) + "\x80\x02" + pickle + ".\x80\x02].";
}

TEST_F(TensorFiles, ProgramsThatBreakTheMachineAreRefused)
{
  std::string const a_million_lists(1000000, '(');
  std::vector<std::pair<std::string, std::string>> const cases{
      {"]q", "too early"},
      {std::string("]q\0h\0a", 6), "contains itself"},
      {std::string("]q\0]q\x01h\0ah\0h\x01"
                   "a0",
                   15),
       "contains itself"},
      {a_million_lists, "more values than it has made"},
      {a_million_lists + std::string(1000000, 't'), "lists within lists"},
      {"0", "more values than it has made"},
      {"K\x01"
       "a",
       "more values"},
      {"K\x01K\x02"
       "a",
       "not a list"},
      {"}K\x01K\x02K\x03u", "has not begun"},
      {"}(K\x01u", "not a dict"},
      {"h\x05", "has not kept"},
      {"X\xff\xff\xff\x7f"
       "abc",
       "ends within a text"},
      {"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "ends within a text"},
      {"cos\nsystem\n(X\x04\0\0\0true\x85R", "os.system"},
      {"cposix\nsystem\n", "posix.system"},
      {"\x8c\x08"
       "builtins\x8c\x04"
       "exec\x93",
       "builtins.exec"},
      {"(ios\nsystem\n", "INST"},
      {")\x81", "NEWOBJ"},
      {"Pabc\n", "PERSID"},
      {"K\x01K\x02R", "not a function"},
      {"ccollections\nOrderedDict\nK\x01R", "too few arguments"},
      {"ctorch\nFloatStorage\n)R", "calls torch.FloatStorage"},
      {"K\x01K\x02"
       "b",
       "state"},
      {"K\x01Q", "storage that is none"},
      {"\x80\x09", "protocol 9"},
      {"Iabc\n", "integer"},
      {"\xfe", "0xfe"}};
  for (auto const& [pickle, reason] : cases) {
    write_bytes(path, old_file(pickle));
    EXPECT_THAT(judge(path), AllOf(StartsWith(path), HasSubstr(reason))) << pickle.substr(0, 40);
  }
  write_bytes(path, old_file("I99999999999999999999\nL5L\nI01\n\x87"));
  EXPECT_EQ(judge(path), "no error");
}

/// Values that share parts: 2^60 of them when they are counted one by one, 60 lists in the file.
TEST_F(TensorFiles, SharedValuesCostNothing)
{
  std::string pickle = "]";
  for (int i = 0; i < 60; ++i)
    pickle += "2\x86";
  write_bytes(path, old_file(pickle));
  EXPECT_EQ(message_of([&] { TensorFile const file(path); }), "no error");
}

/// Every outcome but an Error or success would be a crash, a hang or memory without bound.
TEST_F(TensorFiles, DamagedFilesEndInErrors)
{
  for (auto const& name :
       {"layouts_protocol2.pt", "layouts_protocol4.pt", "layouts_legacy_format.pt", "cf_plain.safetensors"}) {
    std::string const good = bytes_of_file(torch_fixture(name));
    std::uint64_t draw = 0;
    auto const pick = [&](std::size_t n) {
      return static_cast<std::size_t>(Philox::uniform(3, 4, draw++) * static_cast<double>(n));
    };
    int refused = 0;
    for (int repeat = 0; repeat < 400; ++repeat) {
      std::string bad = good;
      for (std::size_t n = 1 + pick(3); n-- > 0;)
        bad[pick(bad.size())] = static_cast<char>(pick(256));
      if (repeat % 8 == 0)
        bad.resize(pick(bad.size()));
      write_bytes(path, bad);
      auto const message = judge(path);
      refused += message != "no error";
      EXPECT_TRUE(message == "no error" || message.rfind(path, 0) == 0) << message;
    }
    EXPECT_GT(refused, 50) << name;
  }
}

/// In the pickle alone, where a checksum would hide most of what damage can do.
TEST_F(TensorFiles, DamagedPicklesEndInErrors)
{
  std::string const good = bytes_of_file(torch_fixture("layouts_legacy_format.pt"));
  std::uint64_t draw = 0;
  auto const pick = [&](std::size_t n) {
    return static_cast<std::size_t>(Philox::uniform(5, 6, draw++) * static_cast<double>(n));
  };
  std::size_t const begin = good.find("model_state_dict"), end = good.find("device");
  int refused = 0;
  for (int repeat = 0; repeat < 1500; ++repeat) {
    std::string bad = good;
    bad[begin + pick(end - begin)] = static_cast<char>(pick(256));
    write_bytes(path, bad);
    refused += judge(path) != "no error";
  }
  EXPECT_GT(refused, 500);
}
} // namespace
