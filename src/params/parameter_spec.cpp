#include <rossby/params/parameter_spec.hpp>

#include <rossby/core/error.hpp>

#include <algorithm>

namespace rossby {

namespace {

/// The matrix that a parameter is: [rows, columns].
Shape matrix_of(ParameterSpec const& spec)
{
  Shape const& s = spec.shape;
  index_t const elements = product(s);
  if (spec.layout == ParameterLayout::conv_transpose)
    return {s[1], elements / s[1]};
  if (spec.layout == ParameterLayout::patch || s.size() < 2)
    return {elements, 1};
  if (s.size() == 4 && s[0] == 1 && s[2] == 1 && s[3] == 1) // channel norm: [1, C, 1, 1]
    return {s[1], 1};
  return {s[0], elements / s[0]};
}

/// Of a convolution [out, in, rows, columns], or [out, in, frames, rows, columns] whose frames are joined as channels.
struct Kernel {
  index_t in, rows, columns;
};
Kernel kernel_of(Shape const& s)
{
  std::size_t const n = s.size();
  return {product(s) / (s[0] * s[n - 2] * s[n - 1]), s[n - 2], s[n - 1]};
}

index_t file_position(ParameterSpec const& spec, index_t row, index_t column)
{
  Shape const& s = spec.shape;
  switch (spec.layout) {
  case ParameterLayout::natural:
    break;
  case ParameterLayout::conv: {
    auto const k = kernel_of(s);
    return (row * k.in + column % k.in) * k.rows * k.columns + column / k.in;
  }
  case ParameterLayout::conv_transpose:
    return (column % s[0] * s[1] + row) * s[2] * s[3] + column / s[0];
  case ParameterLayout::patch:
    return row % spec.patch[0] * spec.patch[1] * spec.patch[2] + row / spec.patch[0];
  }
  return row * matrix_of(spec)[1] + column;
}

} // namespace

Shape memory_shape(ParameterSpec const& spec)
{
  Shape const& s = spec.shape;
  switch (spec.layout) {
  case ParameterLayout::conv: {
    auto const k = kernel_of(s);
    return {s[0], k.rows, k.columns, k.in};
  }
  case ParameterLayout::conv_transpose:
    return {s[1], s[2], s[3], s[0]};
  default:
    return s;
  }
}

Shape memory_shape(ParameterSpec const& spec, Part const& part)
{
  Shape const matrix = matrix_of(spec);
  if (part.size() == matrix[0] * matrix[1])
    return memory_shape(spec);
  return {part.row_count(), part.columns.size()};
}

index_t Part::row_count() const
{
  index_t count = 0;
  for (auto const& r : rows)
    count += r.size();
  return count;
}

Part whole_part(ParameterSpec const& spec)
{
  Shape const matrix = matrix_of(spec);
  return {{{0, matrix[0]}}, {0, matrix[1]}};
}

Part tensor_block(ParameterSpec const& spec, int index, int count)
{
  Shape const matrix = matrix_of(spec);
  Part block = whole_part(spec);
  if (spec.cut == TensorCut::columns)
    block.columns = {matrix[1] * index / count, matrix[1] * (index + 1) / count};
  if (spec.cut == TensorCut::rows) {
    index_t const section = matrix[0] / spec.sections;
    block.rows.clear();
    for (index_t s = 0; s < spec.sections; ++s)
      block.rows.push_back({s * section + section * index / count, s * section + section * (index + 1) / count});
  }
  return block;
}

Part some_rows(Part const& block, IndexRange wanted)
{
  Part share{{}, block.columns};
  index_t before = 0; // rows of the block ahead of a range
  for (auto const& r : block.rows) {
    index_t const first = std::max(wanted.begin - before, index_t(0)), last = std::min(wanted.end - before, r.size());
    if (first < last)
      share.rows.push_back({r.begin + first, r.begin + last});
    before += r.size();
  }
  return share;
}

std::vector<index_t> file_positions(ParameterSpec const& spec, Part const& part)
{
  std::vector<index_t> positions;
  positions.reserve(static_cast<std::size_t>(part.size()));
  for (auto const& range : part.rows)
    for (index_t row = range.begin; row < range.end; ++row)
      for (index_t column = part.columns.begin; column < part.columns.end; ++column)
        positions.push_back(file_position(spec, row, column));
  return positions;
}

std::vector<FileBox> file_boxes(ParameterSpec const& spec, Part const& part)
{
  auto const coordinates = [&](index_t position) {
    Shape at(spec.shape.size(), 0);
    for (std::size_t axis = at.size(); axis-- > 0; position /= spec.shape[axis])
      at[axis] = position % spec.shape[axis];
    return at;
  };
  std::vector<FileBox> boxes;
  if (part.columns.size() == 0)
    return boxes;
  for (auto const& rows : part.rows) {
    // Positions grow with row and with column, so the first and last elements are opposite corners.
    FileBox box{coordinates(file_position(spec, rows.begin, part.columns.begin)),
                coordinates(file_position(spec, rows.end - 1, part.columns.end - 1))};
    for (std::size_t axis = 0; axis < box.count.size(); ++axis)
      box.count[axis] += 1 - box.offset[axis];
    ROSSBY_EXPECT(product(box.count) == rows.size() * part.columns.size());
    boxes.push_back(std::move(box));
  }
  return boxes;
}

std::vector<double> to_file_order(Exec const& exec, ParameterSpec const& spec, Array const& memory)
{
  auto const values = memory.to_host(exec);
  auto const positions = file_positions(spec, whole_part(spec));
  ROSSBY_EXPECT(values.size() == positions.size());
  std::vector<double> file(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    file[static_cast<std::size_t>(positions[i])] = values[i];
  return file;
}

void from_file_order(Exec const& exec, ParameterSpec const& spec, std::vector<double> const& file, Array const& memory)
{
  from_file_order(exec, spec, whole_part(spec), file, memory);
}

void from_file_order(Exec const& exec, ParameterSpec const& spec, Part const& part, std::vector<double> const& file,
                     Array const& memory)
{
  auto const positions = file_positions(spec, part);
  ROSSBY_EXPECT(static_cast<index_t>(file.size()) == product(spec.shape) &&
                static_cast<index_t>(positions.size()) == memory.size());
  std::vector<double> values;
  values.reserve(positions.size());
  for (index_t const position : positions)
    values.push_back(file[static_cast<std::size_t>(position)]);
  memory.copy_from_host(exec, values);
}

} // namespace rossby
