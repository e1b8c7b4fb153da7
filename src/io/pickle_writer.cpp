#include "pickle_writer.hpp"

#include "little_endian.hpp"

#include <cstring>
#include <limits>

namespace rossby::io {

void PickleWriter::integer(std::int64_t value)
{
  if (value >= 0 && value < 256) {
    bytes_ += 'K';
    put_little(bytes_, static_cast<std::uint8_t>(value));
  } else if (value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max()) {
    bytes_ += 'J';
    put_little(bytes_, static_cast<std::uint32_t>(value));
  } else {
    bytes_ += "\x8a\x08"; // LONG1 of eight bytes
    put_little(bytes_, static_cast<std::uint64_t>(value));
  }
}

void PickleWriter::real(double value)
{
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bytes_ += 'G';
  for (int i = 7; i >= 0; --i) // the only number that has its highest byte first
    bytes_ += static_cast<char>((bits >> (8 * i)) & 0xffu);
}

void PickleWriter::text(std::string const& value)
{
  bytes_ += 'X';
  put_little(bytes_, static_cast<std::uint32_t>(value.size()));
  bytes_ += value;
}

void PickleWriter::begin_ordered_dict()
{
  global("collections", "OrderedDict");
  bytes_ += ")R(";
}

void PickleWriter::sizes(Shape const& values)
{
  begin_tuple();
  for (auto const n : values)
    integer(n);
  end_tuple();
}

void PickleWriter::tensor(std::string const& key, DType dtype, Shape const& shape)
{
  Shape strides(shape.size());
  index_t stride = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= shape[d] > 0 ? shape[d] : 1;
  }
  global("torch._utils", "_rebuild_tensor_v2");
  begin_tuple();
  begin_tuple();
  text("storage");
  global("torch", dtype == DType::float64 ? "DoubleStorage" : "FloatStorage");
  text(key);
  text("cpu");
  integer(product(shape));
  end_tuple();
  bytes_ += 'Q'; // the storage with this id
  integer(0);
  sizes(shape);
  sizes(strides);
  boolean(false); // needs no gradient
  begin_ordered_dict();
  end_dict(); // no hooks
  end_tuple();
  bytes_ += 'R';
}

} // namespace rossby::io
