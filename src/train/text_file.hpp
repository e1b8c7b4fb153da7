#pragma once
/// \file
/// Private to src/train: small texts.

#include <fstream>
#include <sstream>
#include <string>

namespace rossby {

/// The text of a file; "" where there is none.
inline std::string text_of_file(std::string const& path)
{
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

} // namespace rossby
