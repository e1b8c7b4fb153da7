#pragma once
/// \file
/// Private to src/io: JSON as Python writes it.

#include "input_file.hpp"

#include <nlohmann/json.hpp>

namespace rossby::io {

/// Parses a file. Bare NaN, Infinity and -Infinity, which Python writes and JSON does not know, become strings.
/// \throws Error for what is not JSON, is nested more than 64 deep, or is larger than `most` bytes.
nlohmann::json read_json(InputFile const&, std::uint64_t most);

} // namespace rossby::io
