// One reader of named arrays over several kinds of files. The kinds differ in how they list arrays and in how the
// numbers of a box come from the disk (ArrayBody); names, boxes and the meaning of the numbers (CfDecoding) are the
// same for all.
#include "array_body.hpp"
#include "cf_decoding.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <mutex>
#include <optional>

namespace rossby::io {

namespace {
/// Metadata can claim any size. Elements of one read: a field of 137 levels at a tenth of a degree has half as many.
/// And of a variable that is read whole: a coordinate, or a field of one time.
constexpr index_t most_elements = index_t{1} << 31, most_whole = index_t{1} << 27;
} // namespace

struct ArrayReader::Impl {
  std::string file;
  std::unique_ptr<ArrayBody> body;
  std::mutex mutex;
  std::vector<std::optional<CfDecoding>> decoding; ///< of each array, from its first use on; guarded by mutex
  std::map<std::string, int> number;

  int find(std::string const& name) const
  {
    auto const it = number.find(name);
    if (it == number.end()) {
      std::vector<std::string> names;
      for (auto const& a : body->arrays())
        names.push_back(a.name);
      fail(file, fmt::format("has no variable {}", name), fmt::format("its variables are: {}", fmt::join(names, ", ")));
    }
    return it->second;
  }

  /// Attributes of variables that nobody reads are nobody's fault.
  CfDecoding const& decoding_of(int i)
  {
    std::lock_guard<std::mutex> const lock(mutex);
    auto const n = static_cast<std::size_t>(i);
    if (!decoding[n])
      decoding[n] = CfDecoding::of(*body, i, fmt::format("{}, variable {}", file, body->arrays()[n].name));
    return *decoding[n];
  }

  std::vector<double> stored(int i, Shape const& start, Shape const& count) const
  {
    std::vector<double> values(static_cast<std::size_t>(product(count)));
    if (!values.empty())
      body->read(i, start, count, values.data());
    return values;
  }

  /// The number of a variable, for a box that lies within it and of which there may be room in memory.
  int checked(std::string const& name, Shape const& start, Shape const& count, index_t most = most_elements) const
  {
    int const i = find(name);
    Shape const& shape = body->arrays()[static_cast<std::size_t>(i)].shape;
    ROSSBY_EXPECT(start.size() == shape.size() && count.size() == shape.size());
    index_t elements = 1;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      ROSSBY_EXPECT(start[d] >= 0 && count[d] >= 0 && start[d] <= shape[d] - count[d]);
      if (count[d] > 0 && elements > most / count[d])
        fail(fmt::format("{}, variable {}", file, name),
             fmt::format("more than {} elements are to be read at once", most),
             "its shape may be damaged: look at the file");
      elements *= count[d];
    }
    return i;
  }
};

ArrayReader::ArrayReader(std::string path) : impl_(std::make_unique<Impl>())
{
  impl_->file = std::move(path);
  impl_->body = is_zarr(impl_->file) ? open_zarr(impl_->file) : open_netcdf(impl_->file);
  int const count = static_cast<int>(impl_->body->arrays().size());
  impl_->decoding.resize(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    impl_->number[impl_->body->arrays()[static_cast<std::size_t>(i)].name] = i;
}

ArrayReader::~ArrayReader() = default;
ArrayReader::ArrayReader(ArrayReader&&) noexcept = default;
ArrayReader& ArrayReader::operator=(ArrayReader&&) noexcept = default;

std::string const& ArrayReader::file() const { return impl_->file; }
std::vector<ArrayInfo> const& ArrayReader::variables() const { return impl_->body->arrays(); }
bool ArrayReader::has(std::string const& variable) const { return impl_->number.count(variable) > 0; }

ArrayInfo const& ArrayReader::variable(std::string const& name) const
{
  return impl_->body->arrays()[static_cast<std::size_t>(impl_->find(name))];
}

std::optional<index_t> ArrayReader::dimension(std::string const& name) const { return impl_->body->dimension(name); }

std::optional<std::string> ArrayReader::text(std::string const& variable, std::string const& attribute) const
{
  return impl_->body->text(variable.empty() ? ArrayBody::of_file : impl_->find(variable), attribute);
}

std::vector<double> ArrayReader::numbers(std::string const& variable, std::string const& attribute) const
{
  return impl_->body->numbers(variable.empty() ? ArrayBody::of_file : impl_->find(variable), attribute);
}

std::vector<double> ArrayReader::read(std::string const& name) const
{
  Shape const& shape = variable(name).shape;
  Shape const start(shape.size(), 0);
  impl_->checked(name, start, shape, most_whole);
  return read(name, start, shape);
}

std::vector<double> ArrayReader::read(std::string const& name, Shape const& start, Shape const& count) const
{
  int const i = impl_->checked(name, start, count);
  CfDecoding const& decoding = impl_->decoding_of(i);
  auto values = impl_->stored(i, start, count);
  decoding.decode(values);
  return values;
}

std::string ArrayReader::why_missing(std::string const& name, Shape const& start, Shape const& count) const
{
  int const i = impl_->checked(name, start, count);
  return impl_->decoding_of(i).why_missing(impl_->stored(i, start, count));
}

} // namespace rossby::io
