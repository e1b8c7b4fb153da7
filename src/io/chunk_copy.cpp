#include "chunk_copy.hpp"

#include "half.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace rossby::io {

namespace {
template <class T> T element(char const* chunk, index_t i)
{
  T x;
  std::memcpy(&x, chunk + i * static_cast<index_t>(sizeof(T)), sizeof(T));
  return x;
}

template <class T> void take(char const* chunk, index_t first, index_t stride, double* to, index_t n)
{
  for (index_t i = 0; i < n; ++i)
    to[i] = static_cast<double>(element<T>(chunk, first + i * stride));
}

void take_halves(char const* chunk, index_t first, index_t stride, double* to, index_t n)
{
  for (index_t i = 0; i < n; ++i)
    to[i] = half(element<std::uint16_t>(chunk, first + i * stride));
}

TakeRun run_of(ZarrType const& type)
{
  switch (type.stored) {
  case StoredType::int8:
    return take<std::int8_t>;
  case StoredType::uint8:
    return take<std::uint8_t>;
  case StoredType::int16:
    return take<std::int16_t>;
  case StoredType::uint16:
    return take<std::uint16_t>;
  case StoredType::int32:
    return take<std::int32_t>;
  case StoredType::uint32:
    return take<std::uint32_t>;
  case StoredType::int64:
    return take<std::int64_t>;
  case StoredType::uint64:
    return take<std::uint64_t>;
  case StoredType::float32:
    return type.is_half ? take_halves : take<float>;
  case StoredType::float64:
  case StoredType::other:
    break;
  }
  return take<double>;
}

/// Counts of datetime64 become seconds; its lowest number means no time.
void to_seconds(double unit, double* values, index_t n)
{
  for (index_t i = 0; i < n; ++i)
    values[i] = values[i] == -9223372036854775808.0 ? std::numeric_limits<double>::quiet_NaN() : values[i] * unit;
}
} // namespace

void copy_from_chunk(ZarrArray const& a, Shape const& place, char const* chunk, Shape const& start, Shape const& count,
                     double* values)
{
  std::size_t const rank = place.size();
  // Elements between neighbours along each axis, in the chunk and in the box.
  Shape in_chunk(rank), in_box(rank), from(rank), n(rank), at(rank, 0);
  for (std::size_t i = rank, step = 1; i-- > 0;) {
    auto const axis = static_cast<std::size_t>(a.axes[i]);
    in_chunk[axis] = static_cast<index_t>(step);
    step *= static_cast<std::size_t>(a.chunk[axis]);
  }
  index_t first = 0, to = 0;
  for (std::size_t d = rank, step = 1; d-- > 0;) {
    in_box[d] = static_cast<index_t>(step);
    step *= static_cast<std::size_t>(count[d]);
    index_t const begin = place[d] * a.chunk[d];
    from[d] = std::max(start[d], begin);
    n[d] = std::min(start[d] + count[d], begin + a.chunk[d]) - from[d];
    first += (from[d] - begin) * in_chunk[d];
    to += (from[d] - start[d]) * in_box[d];
  }
  TakeRun const run = run_of(a.type);
  index_t const length = rank > 0 ? n[rank - 1] : 1, stride = rank > 0 ? in_chunk[rank - 1] : 1;
  for (;;) {
    double* const row = values + to;
    if (chunk)
      run(chunk, first, stride, row, length);
    else
      std::fill_n(row, length, a.fill);
    if (a.type.seconds > 0)
      to_seconds(a.type.seconds, row, length);
    // The next run: the last axis but one goes fastest.
    std::size_t d = rank > 0 ? rank - 1 : 0;
    while (d-- > 0) {
      first += in_chunk[d], to += in_box[d];
      if (++at[d] < n[d])
        break;
      first -= n[d] * in_chunk[d], to -= n[d] * in_box[d];
      at[d] = 0;
    }
    if (d == static_cast<std::size_t>(-1))
      return;
  }
}

void to_native_order(ZarrArray const& a, char* chunk)
{
  std::uint16_t const one = 1;
  unsigned char low = 0;
  std::memcpy(&low, &one, 1);
  bool const machine_is_big = low == 0;
  if (a.type.big_endian == machine_is_big || !a.type.has_order())
    return;
  for (std::size_t i = 0; i < a.elements(); ++i)
    std::reverse(chunk + i * a.type.width, chunk + (i + 1) * a.type.width);
}

} // namespace rossby::io
