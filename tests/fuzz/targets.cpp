#include "targets.hpp"

#include "data/scaler.hpp"
#include "io/array_reader.hpp"
#include "io/netcdf_classic.hpp"
#include "io/tensor_file.hpp"
#include "io/zarr_codecs.hpp"
#include "train/config.hpp"
#include <rossby/core/error.hpp>
#include <rossby/session.hpp>
#include <support/files.hpp>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <typeinfo>

namespace rossby::fuzz {

namespace fs = std::filesystem;

namespace {
std::string big_endian(std::uint64_t value, int bytes)
{
  std::string text;
  for (int i = bytes - 1; i >= 0; --i)
    text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

/// The header of our own that goes before netCDF's library.
class Netcdf : public Target {
public:
  explicit Netcdf(std::string const& folder) : file_(folder + "/input.nc") {}

  std::vector<std::string> seeds() override
  {
    std::vector<std::string> all;
    for (int const version : {1, 2, 5}) {
      int const size = version == 5 ? 8 : 4;
      auto const n = [&](std::uint64_t value) { return big_endian(value, size); };
      auto const word = [](std::uint64_t value) { return big_endian(value, 4); };
      auto const name = [&](std::string text) {
        std::string const length = n(text.size());
        text.resize((text.size() + 3) / 4 * 4);
        return length + text;
      };
      std::string s = std::string("CDF") + static_cast<char>(version) + n(2);
      s += word(10) + n(2) + name("time") + n(0) + name("x") + n(3);
      s += word(12) + n(1) + name("title") + word(2) + name("made up");
      s += word(11) + n(2);
      for (int const record : {0, 1}) {
        s += name(record ? "w" : "v") + n(record ? 2 : 1) + (record ? n(0) : "") + n(1);
        s += word(12) + n(1) + name("scale") + word(6) + n(1) + big_endian(0x3ff0000000000000u, 8);
        s += word(5) + n(12) + big_endian(400, version == 1 ? 4 : 8);
      }
      s.resize(460);
      all.push_back(s);
    }
    return all;
  }
  void read(std::string const& input) override
  {
    test::write_bytes(file_, input);
    io::expect_whole_netcdf_file(file_);
  }

private:
  std::string file_;
};

/// A store in which one file is not what it was: the first byte of the input chooses which, the rest is its content.
class Zarr : public Target {
public:
  explicit Zarr(std::string const& folder)
  {
    for (std::string const store :
         {"v2_shuffle_zlib", "v2_none", "v2_slash", "v3_crc32c", "v3_sharded", "v3_transpose"}) {
      fs::path const path = fs::path(folder) / store;
      fs::remove_all(path);
      fs::copy(fs::path(ROSSBY_ZARR_FIXTURES) / (store + ".zarr"), path, fs::copy_options::recursive);
      bool const third = store[1] == '3';
      std::vector<std::string> const names =
          third ? std::vector<std::string>{"zarr.json", "T/zarr.json", "packed/zarr.json", "T/c/0/0/0/0"}
                : std::vector<std::string>{".zattrs", "T/.zarray", "packed/.zattrs",
                                           store == "v2_slash" ? "T/0/0/0/0" : "T/0.0.0.0"};
      for (auto const& name : names)
        files_.push_back({path, name, test::bytes_of_file(path / name)});
    }
  }
  std::vector<std::string> seeds() override
  {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < files_.size(); ++i)
      all.push_back(static_cast<char>(i) + files_[i].content);
    return all;
  }
  void read(std::string const& input) override
  {
    if (input.empty())
      return;
    auto const& file = files_[static_cast<unsigned char>(input[0]) % files_.size()];
    test::write_bytes(file.store / file.name, input.substr(1));
    struct Restore {
      File const& f;
      ~Restore() { test::write_bytes(f.store / f.name, f.content); }
    } const restore{file};
    io::ArrayReader const reader(file.store.string());
    for (auto const& v : reader.variables()) {
      (void)reader.text(v.name, "units");
      index_t elements = 1;
      for (auto const n : v.shape)
        elements = n > 0 && elements > (1 << 20) / n ? (1 << 20) : elements * n;
      try { // one that can't be read does not keep the others from being tried
        if (elements < 1 << 20)
          (void)reader.read(v.name);
        else
          (void)reader.read(v.name, Shape(v.shape.size(), 0), Shape(v.shape.size(), 1));
      } catch (Error const&) {
      }
    }
  }

private:
  struct File {
    fs::path store;
    std::string name, content;
  };
  std::vector<File> files_;
};

/// Compressed bytes: the first byte of the input chooses the codecs.
class Codecs : public Target {
public:
  std::vector<std::string> seeds() override
  {
    std::vector<std::string> all;
    fs::path const fixtures = ROSSBY_ZARR_FIXTURES;
    for (auto const& [codec, store] : std::vector<std::pair<char, std::string>>{{0, "v2_blosc_lz4_shuffle"},
                                                                                {0, "v2_blosc_zstd_bitshuffle"},
                                                                                {0, "v2_blosc_blosclz_shuffle"},
                                                                                {0, "v2_blosc_zlib_shuffle"},
                                                                                {1, "v2_zstd"},
                                                                                {2, "v2_zlib"},
                                                                                {3, "v2_gzip"},
                                                                                {4, "v2_lz4"},
                                                                                {5, "v2_shuffle_zlib"}})
      for (char const* chunk : {"T/0.0.0.0", "T/1.1.1.0", "Z/0.0"})
        all.push_back(codec + test::bytes_of_file(fixtures / (store + ".zarr") / chunk));
    all.push_back('\6' + test::bytes_of_file(fixtures / "v3_crc32c.zarr/T/c/0/0/0/0"));
    return all;
  }
  void read(std::string const& input) override
  {
    using Kind = io::ZarrCodec::Kind;
    static std::vector<std::vector<io::ZarrCodec>> const chains{{{Kind::blosc}},
                                                                {{Kind::zstd}},
                                                                {{Kind::zlib}},
                                                                {{Kind::gzip}},
                                                                {{Kind::lz4}},
                                                                {{Kind::shuffle, 4}, {Kind::zlib}},
                                                                {{Kind::zstd}, {Kind::crc32c}},
                                                                {{Kind::lz4}, {Kind::gzip}, {Kind::zstd}}};
    if (input.empty())
      return;
    for (std::size_t const decoded : {std::size_t{192}, std::size_t{96}, std::size_t{1} << 30}) {
      io::Bytes encoded(input.size() - 1);
      std::copy(input.begin() + 1, input.end(), encoded.data.get());
      try {
        (void)io::decode(chains[static_cast<unsigned char>(input[0]) % chains.size()], std::move(encoded), decoded);
      } catch (io::CodecError const&) {
      }
    }
  }
};

/// torch.save's files, or safetensors.
class Tensors : public Target {
public:
  Tensors(std::string const& folder, std::vector<std::string> seeds)
      : file_(folder + "/input.pt"), seeds_(std::move(seeds))
  {
  }
  std::vector<std::string> seeds() override
  {
    std::vector<std::string> all;
    for (auto const& name : seeds_)
      all.push_back(test::bytes_of_file(fs::path(ROSSBY_TORCH_FIXTURES) / name));
    return all;
  }
  void read(std::string const& input) override
  {
    test::write_bytes(file_, input);
    io::TensorFile const file(file_);
    file.verify();
    read_all(file, file.root());
  }

private:
  static void read_all(io::TensorFile const& file, io::PickledValue const& value)
  {
    if (auto const* t = value.tensor())
      if (product(t->shape) < 1 << 22)
        (void)file.read(*t);
    for (auto const& item : value.items())
      read_all(file, item);
    for (auto const& [key, item] : value.entries())
      read_all(file, item);
  }
  std::string file_;
  std::vector<std::string> seeds_;
};

class ScalerText : public Target {
public:
  std::vector<std::string> seeds() override
  {
    ScalerFile file;
    Scaler levels, cells;
    levels.mean = {1, 2}, levels.variance = {3, 4}, levels.count = 10;
    cells.kind = Scaler::Kind::minmax, cells.minimum = {0, 0, 0}, cells.maximum = {1, 2, 3};
    file.set("input", "ERA5/prognostic/3d/U", levels);
    file.set("target", "ERA5/prognostic/2d/SP", cells);
    return {file.to_json(),
            R"({"input": {"ERA5": {"ERA5/prognostic/2d/SP": "{\"type\": \"DStandardScalerTensor\", )"
            R"(\"mean_x_\": [1.5], \"var_x_\": {\"object\": \"ndarray\", \"data\": [2.0]}, \"n_\": 4}"}}})"};
  }
  void read(std::string const& input) override { ScalerFile::parse(input, "scaler.json").to_json(); }
};

class DeckText : public Target {
public:
  std::vector<std::string> seeds() override
  {
    std::vector<std::string> all;
    for (auto const& entry : fs::directory_iterator(fs::path(ROSSBY_SOURCE_DIR) / "inputs"))
      if (entry.path().extension() == ".yml")
        all.push_back(test::bytes_of_file(entry.path()));
    return all;
  }
  void read(std::string const& input) override
  {
    auto const deck = Deck::parse(input);
    Problems problems;
    RunConfig::read(deck, Purpose::check, problems);
    deck.check_all_read(problems);
  }
};
} // namespace

std::unique_ptr<Target> make_target(std::string const& name, std::string const& folder)
{
  if (name == "netcdf")
    return std::make_unique<Netcdf>(folder);
  if (name == "zarr")
    return std::make_unique<Zarr>(folder);
  if (name == "codecs")
    return std::make_unique<Codecs>();
  if (name == "torch")
    return std::make_unique<Tensors>(
        folder, std::vector<std::string>{"layouts_legacy_format.pt", "layouts_protocol2.pt", "layouts_protocol4.pt"});
  if (name == "safetensors")
    return std::make_unique<Tensors>(folder, std::vector<std::string>{"cf_plain.safetensors"});
  if (name == "scaler")
    return std::make_unique<ScalerText>();
  if (name == "deck")
    return std::make_unique<DeckText>();
  return nullptr;
}

bool survives(Target& target, std::string const& input)
{
  try {
    target.read(input);
  } catch (Error const&) { // refused, as it should be
  } catch (std::exception const& e) {
    std::fprintf(stderr, "escaped: %s (%s)\n", typeid(e).name(), e.what());
    return false;
  }
  return true;
}

} // namespace rossby::fuzz
