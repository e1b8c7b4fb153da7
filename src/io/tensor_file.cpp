#include "io/tensor_file.hpp"

#include "strided_reader.hpp"
#include "torch_container.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rossby::io {

std::size_t size_of(ElementType type)
{
  switch (type) {
  case ElementType::float64:
  case ElementType::int64:
    return 8;
  case ElementType::float32:
  case ElementType::int32:
    return 4;
  case ElementType::float16:
  case ElementType::bfloat16:
  case ElementType::int16:
    return 2;
  case ElementType::int8:
  case ElementType::uint8:
  case ElementType::boolean:
    break;
  }
  return 1;
}

std::string name_of(ElementType type)
{
  static char const* const names[] = {"float64", "float32", "float16", "bfloat16", "int64",
                                      "int32",   "int16",   "int8",    "uint8",    "bool"};
  return names[static_cast<std::size_t>(type)];
}

bool is_floating(ElementType type)
{
  return type == ElementType::float64 || type == ElementType::float32 || type == ElementType::float16 ||
         type == ElementType::bfloat16;
}

namespace {
/// Row-major positions in an array of `shape` of the elements of a box, in their order.
std::vector<index_t> positions_of(Hyperslab const& box, Shape const& shape)
{
  std::vector<index_t> positions{0};
  for (std::size_t d = 0; d < shape.size(); ++d) {
    std::vector<index_t> finer;
    finer.reserve(positions.size() * static_cast<std::size_t>(box.count[d]));
    for (index_t const p : positions)
      for (index_t i = 0; i < box.count[d]; ++i)
        finer.push_back(p * shape[d] + box.offset[d] + i);
    positions = std::move(finer);
  }
  return positions;
}
} // namespace

struct TensorFile::Impl {
  explicit Impl(std::string path) : file(std::move(path)) {}
  InputFile file;
  std::string format;
  PickleTree tree;
  int root = -1;
  std::vector<ZipMember> members; ///< by number of storage; none where the format has no checksums
};

namespace {
enum class Format { torch, old_torch, safetensors, tar, none };

Format format_of(InputFile const& file)
{
  std::string const head = file.read(0, std::min<std::uint64_t>(file.size(), 512));
  if (head.compare(0, 4, "PK\x03\x04") == 0)
    return Format::torch;
  if (is_old_torch(file))
    return Format::old_torch;
  if (is_safetensors(file))
    return Format::safetensors;
  return head.size() >= 262 && head.compare(257, 5, "ustar") == 0 ? Format::tar : Format::none;
}
} // namespace

bool TensorFile::is_one(std::string const& path) noexcept
{
  try {
    return format_of(InputFile(path)) < Format::tar;
  } catch (...) {
    return false;
  }
}

TensorFile::TensorFile(std::string path) : impl_(std::make_unique<Impl>(std::move(path)))
{
  auto& [file, format, tree, root, members] = *impl_;
  switch (format_of(file)) {
  case Format::torch:
    format = "torch";
    root = read_torch_archive(file, tree, members);
    return;
  case Format::old_torch:
    format = "torch (before 1.6)";
    root = read_old_torch(file, tree);
    return;
  case Format::safetensors:
    format = "safetensors";
    root = read_safetensors(file, tree);
    return;
  case Format::tar:
    file.refuse("is a tar archive, as torch wrote before version 0.4", "load it with PyTorch and save it again");
  case Format::none:
    break;
  }
  file.refuse(file.size() == 0 ? "is empty" : "is neither a file of torch.save nor a safetensors file",
              "give a file that torch.save or safetensors has written");
}

TensorFile::~TensorFile() = default;
TensorFile::TensorFile(TensorFile&&) noexcept = default;
TensorFile& TensorFile::operator=(TensorFile&&) noexcept = default;

std::string const& TensorFile::path() const { return impl_->file.path(); }
std::string const& TensorFile::format() const { return impl_->format; }
PickledValue TensorFile::root() const { return {impl_->tree, impl_->root}; }

std::vector<double> TensorFile::read(StoredTensor const& tensor) const
{
  return read_boxes(tensor, {{Shape(tensor.shape.size(), 0), tensor.shape}});
}

std::vector<double> TensorFile::read_boxes(StoredTensor const& tensor, std::vector<Hyperslab> const& boxes) const
{
  auto const& storage = impl_->tree.storages[static_cast<std::size_t>(tensor.storage)];
  std::vector<std::pair<index_t, double>> all; // by position in the tensor
  std::vector<double> values;
  for (auto const& box : boxes) {
    ROSSBY_EXPECT(box.offset.size() == tensor.shape.size() && box.count.size() == tensor.shape.size());
    for (std::size_t d = 0; d < tensor.shape.size(); ++d)
      ROSSBY_EXPECT(box.offset[d] >= 0 && box.count[d] >= 0 && box.offset[d] + box.count[d] <= tensor.shape[d]);
    values = read_box(impl_->file, tensor, storage, box);
    if (boxes.size() == 1)
      return values;
    auto const positions = positions_of(box, tensor.shape);
    for (std::size_t i = 0; i < values.size(); ++i)
      all.emplace_back(positions[i], values[i]);
  }
  std::sort(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
  values.clear();
  for (auto const& [position, value] : all)
    values.push_back(value);
  return values;
}

void TensorFile::verify(int part, int parts) const
{
  for (std::size_t i = static_cast<std::size_t>(part); i < impl_->members.size(); i += static_cast<std::size_t>(parts))
    verify_member(impl_->file, impl_->members[i]);
}

} // namespace rossby::io
