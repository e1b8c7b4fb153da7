// A box is read in pieces: as long as what it spans in the file is mostly its own elements (or little anyway), it is
// read at one go and its elements are picked out; otherwise it is cut along the axis with the widest stride, and each
// slice is looked at in the same way. So rows of a contiguous tensor are one read, some columns of it one for each row,
// and transposed, channels-last or expanded tensors need no cases of their own.
#include "strided_reader.hpp"

#include "half.hpp"
#include "little_endian.hpp"

#include <rossby/core/bfloat16.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace rossby::io {

namespace {
template <class To, class From> To same_bits(From from)
{
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

double element(ElementType type, char const* at)
{
  switch (type) {
  case ElementType::float64:
    return same_bits<double>(little<std::uint64_t>(at));
  case ElementType::float32:
    return static_cast<double>(same_bits<float>(little<std::uint32_t>(at)));
  case ElementType::float16:
    return half(little<std::uint16_t>(at));
  case ElementType::bfloat16:
    return static_cast<double>(same_bits<float>(static_cast<std::uint32_t>(little<std::uint16_t>(at)) << 16));
  case ElementType::int64:
    return static_cast<double>(static_cast<std::int64_t>(little<std::uint64_t>(at)));
  case ElementType::int32:
    return static_cast<std::int32_t>(little<std::uint32_t>(at));
  case ElementType::int16:
    return static_cast<std::int16_t>(little<std::uint16_t>(at));
  case ElementType::int8:
    return static_cast<signed char>(*at);
  case ElementType::uint8:
    return static_cast<unsigned char>(*at);
  case ElementType::boolean:
    return *at != 0 ? 1 : 0;
  }
  return 0;
}

class BoxReader {
public:
  BoxReader(InputFile const& file, StoredTensor const& tensor, Storage const& storage, Hyperslab const& box)
      : file_(file), type_(tensor.type), width_(static_cast<index_t>(size_of(tensor.type))), storage_(storage)
  {
    index_t place = 1;
    axes_.resize(box.count.size());
    for (std::size_t d = axes_.size(); d-- > 0;) {
      axes_[d] = {box.count[d], tensor.strides[d], place};
      place *= box.count[d];
    }
    values_.resize(static_cast<std::size_t>(place));
    std::stable_sort(axes_.begin(), axes_.end(), [](Axis const& a, Axis const& b) { return a.stride > b.stride; });
  }

  std::vector<double> read(index_t first)
  {
    if (!values_.empty())
      read(0, first, 0);
    return std::move(values_);
  }

private:
  struct Axis {
    index_t count, stride; ///< in the storage
    index_t place;         ///< stride in the result
  };

  void read(std::size_t axis, index_t from, index_t to)
  {
    index_t span = 1, count = 1;
    for (std::size_t d = axis; d < axes_.size(); ++d) {
      span += (axes_[d].count - 1) * axes_[d].stride;
      count *= axes_[d].count;
    }
    constexpr index_t little_anyway = 1 << 16, most = 1 << 26; // bytes
    if (axis == axes_.size() || span * width_ <= little_anyway || (span <= 2 * count && span * width_ <= most)) {
      piece_.resize(static_cast<std::size_t>(span * width_));
      file_.read(storage_.offset + static_cast<std::uint64_t>(from * width_), piece_.data(), piece_.size());
      pick(axis, 0, to);
      return;
    }
    Axis const a = axes_[axis];
    for (index_t i = 0; i < a.count; ++i)
      read(axis + 1, from + i * a.stride, to + i * a.place);
  }

  /// The elements of the piece.
  void pick(std::size_t axis, index_t from, index_t to)
  {
    if (axis == axes_.size()) {
      values_[static_cast<std::size_t>(to)] = element(type_, piece_.data() + from * width_);
      return;
    }
    Axis const a = axes_[axis];
    for (index_t i = 0; i < a.count; ++i)
      pick(axis + 1, from + i * a.stride, to + i * a.place);
  }

  InputFile const& file_;
  ElementType type_;
  index_t width_;
  Storage const& storage_;
  std::vector<Axis> axes_; ///< widest stride first
  std::vector<double> values_;
  std::vector<char> piece_;
};
} // namespace

std::vector<double> read_box(InputFile const& file, StoredTensor const& tensor, Storage const& storage,
                             Hyperslab const& box)
{
  index_t first = tensor.offset;
  for (std::size_t d = 0; d < box.offset.size(); ++d)
    first += box.offset[d] * tensor.strides[d];
  return BoxReader(file, tensor, storage, box).read(first);
}

} // namespace rossby::io
