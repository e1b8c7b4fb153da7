#include "core/base64.hpp"

#include <cctype>
#include <cstdint>

namespace rossby {

namespace {
constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int digit_of(char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}
} // namespace

std::string encode_base64(std::string const& bytes)
{
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::size_t const n = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= n ? alphabet[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::optional<std::string> decode_base64(std::string const& text)
{
  std::string bytes;
  std::uint32_t group = 0;
  int bits = 0;
  bool ended = false;
  for (char const c : text) {
    if (std::isspace(static_cast<unsigned char>(c)))
      continue;
    if (c == '=') {
      ended = true;
      continue;
    }
    int const digit = digit_of(c);
    if (digit < 0 || ended)
      return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(group >> bits & 255);
    }
  }
  return bits < 6 ? std::optional<std::string>(bytes) : std::nullopt;
}

} // namespace rossby
