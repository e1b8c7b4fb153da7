#pragma once
/// \file
/// What this build is.

namespace rossby {

/// "0.1.0".
char const* version();
/// The first twelve hexadecimal digits of a SHA-256 over names and contents of all sources of the library, the same for
/// builds of the same sources anywhere.
char const* source_hash();

} // namespace rossby
