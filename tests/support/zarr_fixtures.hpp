#pragma once
/// \file
/// Zarr stores that other programs wrote, and copies of them to be damaged; see tests/reference/zarr.

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <support/files.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace rossby::test {

inline std::string zarr_fixture(std::string const& name) { return std::string(ROSSBY_ZARR_FIXTURES) + "/" + name; }

/// Names of the stores, with or without those that hold what is not read.
inline std::vector<std::string> zarr_stores(bool refused)
{
  std::vector<std::string> names;
  for (auto const& entry : std::filesystem::directory_iterator(ROSSBY_ZARR_FIXTURES)) {
    std::string const name = entry.path().filename().string();
    if (name.size() > 5 && name.substr(name.size() - 5) == ".zarr" &&
        refused == (name.find("refuse") != std::string::npos))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// A copy of a store that is the test's own.
class ZarrCopy {
public:
  explicit ZarrCopy(std::string const& store)
  {
    auto const* const test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(::testing::TempDir()) /
            (std::string("rossby_") + test->test_suite_name() + "_" + test->name() + "_" + store);
    std::filesystem::remove_all(path_);
    std::filesystem::copy(zarr_fixture(store), path_, std::filesystem::copy_options::recursive);
  }
  ~ZarrCopy() { std::filesystem::remove_all(path_); }
  ZarrCopy(ZarrCopy const&) = delete;
  ZarrCopy& operator=(ZarrCopy const&) = delete;

  std::string path() const { return path_.string(); }
  std::filesystem::path operator/(std::string const& name) const { return path_ / name; }
  std::string text(std::string const& name) const { return bytes_of_file(path_ / name); }
  void write(std::string const& name, std::string const& bytes) const { write_bytes(path_ / name, bytes); }
  /// Replaces the one place of a text in a file.
  void replace(std::string const& name, std::string const& from, std::string const& to) const
  {
    std::string all = text(name);
    auto const at = all.find(from);
    ASSERT_NE(at, std::string::npos) << name << " has no " << from;
    write(name, all.replace(at, from.size(), to));
  }
  template <class F> void edit(std::string const& name, F&& change) const
  {
    auto node = nlohmann::json::parse(text(name));
    change(node);
    write(name, node.dump());
  }
  void set(std::string const& name, char const* key, nlohmann::json const& value) const
  {
    edit(name, [&](auto& node) { node[key] = value; });
  }

private:
  std::filesystem::path path_;
};

} // namespace rossby::test
