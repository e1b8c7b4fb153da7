#pragma once
/// \file
/// Base64 (RFC 4648).

#include <optional>
#include <string>

namespace rossby {

std::string encode_base64(std::string const& bytes);
/// Nothing when the text holds other characters; blanks and line ends are skipped.
std::optional<std::string> decode_base64(std::string const& text);

} // namespace rossby
