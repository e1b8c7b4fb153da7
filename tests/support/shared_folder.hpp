#pragma once
/// \file
/// A folder that all ranks of a test see, and that goes with it.

#include <rossby/comm/communicator.hpp>

#include <filesystem>
#include <string>
#include <unistd.h>

namespace rossby::test {

/// Made and removed by the first rank while the others wait.
class SharedFolder {
public:
  explicit SharedFolder(std::string const& name)
  {
    int id = static_cast<int>(::getpid());
    world_.broadcast(&id, sizeof id, 0);
    path_ = (std::filesystem::temp_directory_path() / ("rossby_" + name + std::to_string(id))).string();
    if (world_.rank() == 0) {
      std::filesystem::remove_all(path_);
      std::filesystem::create_directories(path_);
    }
    world_.barrier();
  }
  SharedFolder(SharedFolder const&) = delete;
  SharedFolder& operator=(SharedFolder const&) = delete;
  ~SharedFolder()
  {
    world_.barrier();
    if (world_.rank() == 0)
      std::filesystem::remove_all(path_);
    world_.barrier();
  }
  std::string const& path() const { return path_; }
  std::string operator/(std::string const& name) const { return path_ + "/" + name; }

private:
  Communicator world_ = Communicator::world();
  std::string path_;
};

} // namespace rossby::test
