#pragma once
/// \file
/// Whole files as bytes.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace rossby::test {

inline std::string bytes_of_file(std::string const& path)
{
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void write_bytes(std::string const& path, std::string const& bytes)
{
  std::filesystem::remove(path); // truncating it would wait for the disk
  std::ofstream(path, std::ios::binary) << bytes;
}

} // namespace rossby::test
