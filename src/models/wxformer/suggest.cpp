// What new decks begin with. Strides of two, four times, as the decoder wants them: padded to multiples of 16 (of 32
// where that is a small part of the grid, so that windows have room), every stage's grid is whole, and each window is
// the largest common divisor of its rows and columns up to what CREDIT's decks use.
#include "models/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <numeric>

namespace rossby {

namespace {
constexpr std::array<int, 4> long_windows{8, 4, 2, 1};
constexpr int short_window = 10;

int padded(int n)
{
  int const step = n >= 64 ? 32 : 16;
  return (n + step - 1) / step * step;
}

int largest_divisor(int n, int most)
{
  int d = std::min(n, most);
  while (n % d != 0)
    --d;
  return d;
}

struct Size {
  std::array<int, 4> dim, depth;
  int dim_head;
};

Size size_for(std::int64_t cells)
{
  if (cells >= 40000)
    return {{64, 128, 256, 512}, {2, 2, 8, 2}, 32};
  if (cells >= 4000)
    return {{32, 64, 128, 256}, {2, 2, 2, 2}, 32};
  return {{16, 32, 64, 128}, {1, 1, 1, 1}, 16};
}
} // namespace

std::string suggest_model(FieldShape const& f, bool global)
{
  int const rows = padded(f.height), columns = padded(f.width);
  std::array<int, 4> near{}, far{};
  for (std::size_t s = 0; s < near.size(); ++s) {
    int const common = std::gcd(rows, columns) >> (s + 1);
    near[s] = largest_divisor(common, short_window);
    far[s] = largest_divisor(common, long_windows[s]);
  }
  Size const size = size_for(std::int64_t{f.height} * f.width);
  std::string text = "  type: wxformer\n";
  auto const line = [&](char const* key, auto const& value) { text += fmt::format("  {}: {}\n", key, value); };
  line("image_height", f.height);
  line("image_width", f.width);
  line("frames", f.frames);
  line("levels", f.levels);
  line("channels", f.channels);
  line("surface_channels", f.surface_channels);
  line("input_only_channels", f.input_only_channels);
  line("output_only_channels", f.output_only_channels);
  line("dim", size.dim);
  line("depth", size.depth);
  line("dim_head", size.dim_head);
  line("local_window_size", near);
  line("global_window_size", far);
  line("cross_embed_kernel_sizes", "[[2, 4, 8, 16], [2, 4], [2, 4], [2, 4]]");
  line("cross_embed_strides", "[2, 2, 2, 2]");
  line("use_spectral_norm", "true");
  line("interp", "false");
  if (int const more_rows = rows - f.height, more_columns = columns - f.width; more_rows + more_columns > 0)
    text += fmt::format("  padding_conf: # to {} x {}\n    activate: true\n    mode: {}\n    pad_lat: [{}, {}]\n"
                        "    pad_lon: [{}, {}]\n",
                        rows, columns, global ? "earth" : "mirror", more_rows / 2, more_rows - more_rows / 2,
                        more_columns / 2, more_columns - more_columns / 2);
  return text;
}

} // namespace rossby
