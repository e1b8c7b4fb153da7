#include "io/torch_writer.hpp"

#include "crc32.hpp"
#include "input_file.hpp"
#include "little_endian.hpp"
#include "pickle_writer.hpp"
#include "zip_layout.hpp"

#include <rossby/core/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace rossby::io {

namespace {
/// A file written at any place; each failure is an Error.
class OutputFile {
public:
  OutputFile(std::string path, int flags) : path_(std::move(path)), handle_(::open(path_.c_str(), flags, 0666))
  {
    if (handle_ < 0)
      refuse();
  }
  ~OutputFile()
  {
    if (handle_ >= 0)
      ::close(handle_);
  }
  OutputFile(OutputFile const&) = delete;
  OutputFile& operator=(OutputFile const&) = delete;

  void write(std::uint64_t at, std::string const& bytes) const
  {
    for (std::size_t done = 0; done < bytes.size();) {
      auto const n = ::pwrite(handle_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
      if (n < 0 && errno != EINTR)
        refuse();
      done += n > 0 ? static_cast<std::size_t>(n) : 0;
    }
  }
  /// Some file systems tell of a full disk only here.
  void close()
  {
    int const handle = std::exchange(handle_, -1);
    if (::close(handle) != 0)
      refuse();
  }

private:
  [[noreturn]] void refuse() const
  {
    fail(path_, std::string("can't be written (") + std::strerror(errno) + ")",
         "check that the disk has room and that you may write to the folder");
  }
  std::string path_;
  int handle_;
};

/// Values as a storage has them.
std::string stored(DType dtype, double const* values, index_t count)
{
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(count) * size_of(dtype));
  for (index_t i = 0; i < count; ++i)
    if (dtype == DType::float64) {
      std::uint64_t bits;
      std::memcpy(&bits, values + i, sizeof bits);
      put_little(bytes, bits);
    } else {
      auto const narrow = static_cast<float>(values[i]);
      std::uint32_t bits;
      std::memcpy(&bits, &narrow, sizeof bits);
      put_little(bytes, bits);
    }
  return bytes;
}

struct Run {
  index_t position, length; ///< consecutive elements of a tensor
};

/// The runs that boxes are made of, in the order of the tensor.
std::vector<Run> runs_of(std::vector<Hyperslab> const& boxes, Shape const& shape)
{
  std::vector<Run> runs;
  for (auto const& box : boxes) {
    std::vector<Run> own{{0, 1}};
    for (std::size_t d = 0; d < shape.size(); ++d) {
      std::vector<Run> finer;
      for (auto const& r : own) {
        // A run stays one where it is a single element or the next axis is whole; else each of its elements begins one.
        if (r.length == 1 || (box.count[d] == shape[d] && box.offset[d] == 0)) {
          index_t const first = r.position * shape[d] + box.offset[d];
          if (box.count[d] > 0)
            finer.push_back({first, r.length == 1 ? box.count[d] : r.length * shape[d]});
        } else {
          for (index_t i = 0; i < r.length && box.count[d] > 0; ++i)
            finer.push_back({(r.position + i) * shape[d] + box.offset[d], box.count[d]});
        }
      }
      own = std::move(finer);
    }
    runs.insert(runs.end(), own.begin(), own.end());
  }
  std::sort(runs.begin(), runs.end(), [](Run const& a, Run const& b) { return a.position < b.position; });
  return runs;
}
} // namespace

struct TorchWriter::Impl {
  struct Tensor {
    DType dtype;
    Shape shape;
  };
  std::string folder;
  std::uint64_t zip64_from = 0;
  PickleWriter pickle;
  std::vector<Tensor> tensors;

  static std::string key(std::size_t tensor) { return std::to_string(tensor); }

  /// Members: the pickle, the order of bytes, a storage for each tensor, the version. What is not a storage is known.
  struct Layout {
    ZipLayout zip;
    std::vector<std::string> contents; ///< empty: a storage
    int storage(int tensor) const { return tensor + 2; }
  };
  mutable std::optional<Layout> known;
  Layout const& layout() const
  {
    if (known)
      return *known;
    Layout l{ZipLayout(zip64_from), {}};
    l.contents = {pickle.finished(), "little"};
    l.zip.add(folder + "/data.pkl", l.contents[0].size());
    l.zip.add(folder + "/byteorder", l.contents[1].size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      auto const& t = tensors[i];
      l.zip.add(folder + "/data/" + key(i), static_cast<std::uint64_t>(product(t.shape)) * size_of(t.dtype));
      l.contents.emplace_back();
    }
    l.contents.push_back("3\n");
    l.zip.add(folder + "/version", l.contents.back().size());
    known = std::move(l);
    return *known;
  }
};

TorchWriter::TorchWriter(std::string const& folder, std::uint64_t zip64_from) : impl_(std::make_unique<Impl>())
{
  impl_->folder = folder;
  impl_->zip64_from = zip64_from;
}
TorchWriter::~TorchWriter() = default;
TorchWriter::TorchWriter(TorchWriter&&) noexcept = default;
TorchWriter& TorchWriter::operator=(TorchWriter&&) noexcept = default;

void TorchWriter::none() { impl_->pickle.none(); }
void TorchWriter::boolean(bool value) { impl_->pickle.boolean(value); }
void TorchWriter::integer(std::int64_t value) { impl_->pickle.integer(value); }
void TorchWriter::real(double value) { impl_->pickle.real(value); }
void TorchWriter::text(std::string const& value) { impl_->pickle.text(value); }
void TorchWriter::begin_dict() { impl_->pickle.begin_dict(); }
void TorchWriter::begin_ordered_dict() { impl_->pickle.begin_ordered_dict(); }
void TorchWriter::end_dict() { impl_->pickle.end_dict(); }
void TorchWriter::begin_list() { impl_->pickle.begin_list(); }
void TorchWriter::end_list() { impl_->pickle.end_list(); }
void TorchWriter::begin_tuple() { impl_->pickle.begin_tuple(); }
void TorchWriter::end_tuple() { impl_->pickle.end_tuple(); }

int TorchWriter::tensor(DType dtype, Shape const& shape)
{
  ROSSBY_EXPECT(dtype == wide_dtype(dtype) && !impl_->known);
  impl_->pickle.tensor(Impl::key(impl_->tensors.size()), dtype, shape);
  impl_->tensors.push_back({dtype, shape});
  return static_cast<int>(impl_->tensors.size()) - 1;
}

std::uint64_t TorchWriter::bytes() const
{
  auto const& zip = impl_->layout().zip;
  return zip.directory_offset() +
         zip.directory(std::vector<std::uint32_t>(static_cast<std::size_t>(zip.count()))).size();
}

void TorchWriter::lay_out(std::string const& path) const
{
  auto const& [zip, contents] = impl_->layout();
  OutputFile file(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  for (int i = 0; i < zip.count(); ++i) {
    file.write(zip.header_offset(i), zip.local_header(i, 0));
    file.write(zip.offset(i), contents[static_cast<std::size_t>(i)]);
  }
  file.write(zip.directory_offset(), zip.directory(std::vector<std::uint32_t>(contents.size())));
  file.close();
}

void TorchWriter::fill(std::string const& path, int tensor, std::vector<double> const& values,
                       std::vector<Hyperslab> const& boxes) const
{
  auto const& layout = impl_->layout();
  auto const& [dtype, shape] = impl_->tensors[static_cast<std::size_t>(tensor)];
  OutputFile file(path, O_WRONLY | O_CLOEXEC);
  index_t next = 0;
  for (auto const& run : runs_of(boxes, shape)) {
    ROSSBY_EXPECT(next + run.length <= static_cast<index_t>(values.size()));
    file.write(layout.zip.offset(layout.storage(tensor)) + static_cast<std::uint64_t>(run.position) * size_of(dtype),
               stored(dtype, values.data() + next, run.length));
    next += run.length;
  }
  ROSSBY_EXPECT(next == static_cast<index_t>(values.size()));
  file.close();
}

std::vector<std::uint32_t> TorchWriter::checksums(std::string const& path, int part, int parts) const
{
  auto const& zip = impl_->layout().zip;
  InputFile const file(path);
  std::vector<std::uint32_t> sums(static_cast<std::size_t>(zip.count()), 0);
  for (int i = part; i < zip.count(); i += parts)
    for (std::uint64_t done = 0; done < zip.size(i);) {
      auto const piece = std::min<std::uint64_t>(zip.size(i) - done, 1u << 20);
      auto const bytes = file.read(zip.offset(i) + done, static_cast<std::size_t>(piece));
      auto& sum = sums[static_cast<std::size_t>(i)];
      sum = crc32(sum, bytes.data(), bytes.size());
      done += piece;
    }
  return sums;
}

void TorchWriter::seal(std::string const& path, std::vector<std::uint32_t> const& checksums) const
{
  auto const& zip = impl_->layout().zip;
  OutputFile file(path, O_WRONLY | O_CLOEXEC);
  for (int i = 0; i < zip.count(); ++i)
    file.write(zip.header_offset(i), zip.local_header(i, checksums[static_cast<std::size_t>(i)]));
  file.write(zip.directory_offset(), zip.directory(checksums));
  file.close();
}

} // namespace rossby::io
