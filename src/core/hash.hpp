#pragma once
/// \file
/// A hash of text that is the same on every machine and in every version.

#include <cstdint>
#include <string>

namespace rossby {

/// 64-bit FNV-1a.
std::uint64_t hash_of(std::string const&);

} // namespace rossby
