#include "io/hdf5.hpp"

#include "hdf5_access.hpp"
#include "hdf5_impl.hpp"

#include <algorithm>
#include <utility>

namespace rossby::io {

namespace {
std::vector<hsize_t> extents(Shape const& shape) { return {shape.begin(), shape.end()}; }

index_t elements_of(std::vector<Hyperslab> const& boxes)
{
  index_t count = 0;
  for (auto const& box : boxes)
    count += product(box.count);
  return count;
}

/// Nothing for no boxes; HDF5 goes through what is selected in the order of the dataset.
void select(hid_t space, std::vector<Hyperslab> const& boxes)
{
  H5Sselect_none(space);
  for (auto const& box : boxes)
    if (product(box.count) > 0)
      H5Sselect_hyperslab(space, H5S_SELECT_OR, extents(box.offset).data(), nullptr, extents(box.count).data(),
                          nullptr);
}

std::string parent_of(std::string const& name)
{
  auto const slash = name.find_last_of('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

} // namespace

Hdf5File::Hdf5File(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;
Hdf5File::~Hdf5File() = default;

std::string const& Hdf5File::path() const { return impl_->path; }

Hdf5File Hdf5File::open(std::string const& path, Communicator const* ranks, Mode mode)
{
  auto const lock = library_lock();
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  Handle const access(ranks ? parallel_file_access(*ranks, mode != Mode::fill) : H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  if (ranks) {
    impl->ranks = *ranks;
    if (mode != Mode::fill)
      impl->transfer = collective_transfer(*ranks);
  }
  if (mode == Mode::create) {
    impl->file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (impl->file < 0)
      fail(path, fmt::format("can't be created ({})", reason()),
           "check that the folder exists, that you may write to it and that the disk has room");
  } else {
    impl->file = H5Fopen(path.c_str(), mode == Mode::read ? H5F_ACC_RDONLY : H5F_ACC_RDWR, access);
    if (impl->file < 0)
      fail(path, fmt::format("can't be opened as an HDF5 file ({})", reason()),
           "check the path; a file that is empty, cut short or of another format must be written again");
  }
  return Hdf5File(std::move(impl));
}

Hdf5File Hdf5File::open_read(std::string const& path) { return open(path, nullptr, Mode::read); }
Hdf5File Hdf5File::open_read(std::string const& path, Communicator const& ranks)
{
  return open(path, &ranks, Mode::read);
}
Hdf5File Hdf5File::create(std::string const& path) { return open(path, nullptr, Mode::create); }
Hdf5File Hdf5File::create(std::string const& path, Communicator const& ranks)
{
  return open(path, &ranks, Mode::create);
}

Hdf5File Hdf5File::open_fill(std::string const& path, Communicator const& ranks)
{
  return open(path, &ranks, Mode::fill);
}

void Hdf5File::close()
{
  auto const lock = library_lock();
  hid_t const file = std::exchange(impl_->file, -1);
  std::string const trouble = H5Fflush(file, H5F_SCOPE_LOCAL) < 0 ? reason() : "";
  if (!close_file(file) || !trouble.empty())
    fail(impl_->path, fmt::format("can't be written to the end ({})", trouble.empty() ? reason() : trouble),
         "check that the disk has room");
}

bool Hdf5File::exists(std::string const& name) const
{
  auto const lock = library_lock();
  return impl_->exists(name);
}

bool Hdf5File::is_group(std::string const& name) const
{
  auto const lock = library_lock();
  return H5Iget_type(impl_->open_object(name)) == H5I_GROUP;
}

std::vector<std::string> Hdf5File::list(std::string const& group) const
{
  auto const lock = library_lock();
  Handle const object = impl_->open_object(group);
  std::vector<std::string> names;
  auto const collect = [](hid_t, char const* name, H5L_info_t const*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  if (H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names) < 0)
    impl_->damaged(group, "can't be listed as a group");
  std::sort(names.begin(), names.end());
  return names;
}

Shape Hdf5File::shape(std::string const& dataset) const
{
  auto const lock = library_lock();
  return impl_->shape_of(impl_->open_dataset(dataset));
}

bool Hdf5File::is_text(std::string const& dataset) const
{
  auto const lock = library_lock();
  Handle const data = impl_->open_dataset(dataset);
  Handle const type(H5Dget_type(data), H5Tclose);
  return H5Tget_class(type) == H5T_STRING;
}

DType Hdf5File::dtype(std::string const& dataset) const
{
  auto const lock = library_lock();
  Handle const data = impl_->open_dataset(dataset);
  Handle const type(H5Dget_type(data), H5Tclose);
  return H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) < sizeof(double) ? DType::float32 : DType::float64;
}

std::vector<double> Hdf5File::read(std::string const& dataset) const
{
  auto const global = shape(dataset);
  return read(dataset, Hyperslab{Shape(global.size(), 0), global});
}

std::vector<double> Hdf5File::read(std::string const& dataset, Hyperslab const& box) const
{
  return read_boxes(dataset, {box});
}

std::vector<double> Hdf5File::read_boxes(std::string const& dataset, std::vector<Hyperslab> const& boxes) const
{
  auto const lock = library_lock();
  Handle const data = impl_->open_dataset(dataset);
  Handle const type(H5Dget_type(data), H5Tclose);
  auto const kind = H5Tget_class(type);
  if (kind != H5T_FLOAT && kind != H5T_INTEGER)
    fail(impl_->at(dataset), "holds no numbers");
  Shape const global = impl_->shape_of(data);
  for (auto const& box : boxes) {
    ROSSBY_EXPECT(box.offset.size() == global.size() && box.count.size() == global.size());
    for (std::size_t i = 0; i < global.size(); ++i)
      if (box.offset[i] < 0 || box.count[i] < 0 || box.offset[i] + box.count[i] > global[i])
        fail(impl_->at(dataset), fmt::format("has shape {}, but {} elements from index {} were asked for along axis {}",
                                             to_string(global), box.count[i], box.offset[i], i));
  }

  std::vector<double> values(static_cast<std::size_t>(elements_of(boxes)));
  if (product(global) == 0)
    return values;
  Handle const on_disk(H5Dget_space(data), H5Sclose);
  hsize_t const n = values.size();
  Handle const in_memory(H5Screate_simple(1, &n, nullptr), H5Sclose);
  if (values.empty())
    H5Sselect_none(in_memory);
  if (values.empty() || !global.empty())
    select(on_disk, boxes);
  double nothing;
  if (H5Dread(data, H5T_NATIVE_DOUBLE, in_memory, on_disk, impl_->transfer, values.empty() ? &nothing : values.data()) <
      0)
    impl_->damaged(dataset, "can't be read");
  return values;
}

void Hdf5File::write(std::string const& dataset, DType dtype, Shape const& global_shape,
                     std::vector<double> const& values) const
{
  ROSSBY_EXPECT(static_cast<index_t>(values.size()) == product(global_shape));
  put(dataset, dtype, global_shape, values, nullptr);
}

void Hdf5File::write(std::string const& dataset, DType dtype, Shape const& global_shape,
                     std::vector<double> const& values, Hyperslab const& box) const
{
  ROSSBY_EXPECT(box.offset.size() == global_shape.size() && box.count.size() == global_shape.size());
  std::vector<Hyperslab> const boxes{box};
  ROSSBY_EXPECT(static_cast<index_t>(values.size()) == elements_of(boxes));
  put(dataset, dtype, global_shape, values, &boxes);
}

void Hdf5File::put(std::string const& dataset, DType dtype, Shape const& global, std::vector<double> const& values,
                   std::vector<Hyperslab> const* boxes) const
{
  make_group(parent_of(dataset));
  auto const lock = library_lock();
  auto const dims = extents(global);
  Handle const on_disk(global.empty() ? H5Screate(H5S_SCALAR)
                                      : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                       H5Sclose);
  Handle const how(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_fill_time(how, H5D_FILL_TIME_NEVER); // every element is written below
  H5Pset_obj_track_times(how, false);         // the same content gives the same file
  Handle const data(H5Dcreate2(impl_->file, absolute(dataset).c_str(),
                               dtype == DType::float64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE, on_disk, H5P_DEFAULT, how,
                               H5P_DEFAULT),
                    H5Dclose);
  if (!data.ok())
    fail(impl_->at(dataset), fmt::format("can't be created ({})", reason()), "check that the disk has room");
  if (product(global) == 0)
    return; // it has no place in the file, and ranks that write to no place together fail

  hsize_t const n = values.size();
  Handle const in_memory(H5Screate_simple(1, &n, nullptr), H5Sclose);
  if (values.empty() || (!boxes && impl_->ranks && impl_->ranks->rank() != 0)) {
    H5Sselect_none(on_disk);
    H5Sselect_none(in_memory);
  } else if (boxes && !global.empty()) {
    select(on_disk, *boxes);
  }
  // Converted here, because HDF5 gives up collective transfers when it has to convert.
  std::vector<float> single;
  double nothing = 0;
  void const* source = values.empty() ? &nothing : values.data();
  if (dtype == DType::float32 && !values.empty()) {
    single.assign(values.begin(), values.end());
    source = single.data();
  }
  if (H5Dwrite(data, dtype == DType::float64 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT, in_memory, on_disk,
               impl_->transfer, source) < 0)
    fail(impl_->at(dataset), fmt::format("can't be written ({})", reason()), "check that the disk has room");
}

void Hdf5File::make_dataset(std::string const& dataset, DType dtype, Shape const& shape) const
{
  make_group(parent_of(dataset));
  auto const lock = library_lock();
  auto const dims = extents(shape);
  Handle const space(shape.empty() ? H5Screate(H5S_SCALAR)
                                   : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                     H5Sclose);
  Handle const how(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_fill_time(how, H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(how, false);
  H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY); // so that filling it changes nothing else in the file
  Handle const data(H5Dcreate2(impl_->file, absolute(dataset).c_str(),
                               dtype == DType::float64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE, space, H5P_DEFAULT, how,
                               H5P_DEFAULT),
                    H5Dclose);
  if (!data.ok())
    fail(impl_->at(dataset), fmt::format("can't be created ({})", reason()), "check that the disk has room");
}

void Hdf5File::fill(std::string const& dataset, std::vector<double> const& values,
                    std::vector<Hyperslab> const& boxes) const
{
  ROSSBY_EXPECT(static_cast<index_t>(values.size()) == elements_of(boxes));
  auto const lock = library_lock();
  Handle const data = impl_->open_dataset(dataset);
  if (values.empty())
    return;
  Handle const on_disk(H5Dget_space(data), H5Sclose);
  hsize_t const n = values.size();
  Handle const in_memory(H5Screate_simple(1, &n, nullptr), H5Sclose);
  if (!impl_->shape_of(data).empty())
    select(on_disk, boxes);
  if (H5Dwrite(data, H5T_NATIVE_DOUBLE, in_memory, on_disk, impl_->transfer, values.data()) < 0)
    fail(impl_->at(dataset), fmt::format("can't be written ({})", reason()), "check that the disk has room");
}

void Hdf5File::make_group(std::string const& group) const
{
  auto const lock = library_lock();
  if (group.empty() || impl_->exists(group))
    return;
  Handle const links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  Handle const made(H5Gcreate2(impl_->file, absolute(group).c_str(), links, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  if (!made.ok())
    fail(impl_->at(group), fmt::format("can't be created ({})", reason()), "check that the disk has room");
}

void Hdf5File::write_text(std::string const& dataset, std::string const& text) const
{
  make_group(parent_of(dataset));
  auto const lock = library_lock();
  Handle const type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, text.size() + 1);
  H5Tset_cset(type, H5T_CSET_UTF8);
  Handle const space(H5Screate(H5S_SCALAR), H5Sclose), how(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(how, false);
  Handle const data(H5Dcreate2(impl_->file, absolute(dataset).c_str(), type, space, H5P_DEFAULT, how, H5P_DEFAULT),
                    H5Dclose);
  if (impl_->ranks && impl_->ranks->rank() != 0)
    H5Sselect_none(space);
  if (!data.ok() || H5Dwrite(data, type, space, space, impl_->transfer, text.c_str()) < 0)
    fail(impl_->at(dataset), fmt::format("can't be written ({})", reason()), "check that the disk has room");
}

std::string Hdf5File::read_text(std::string const& dataset) const
{
  auto const lock = library_lock();
  Handle const data = impl_->open_dataset(dataset);
  Handle const type(H5Dget_type(data), H5Tclose);
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0)
    fail(impl_->at(dataset), "holds no text");
  std::string text(H5Tget_size(type), '\0');
  if (H5Dread(data, type, H5S_ALL, H5S_ALL, impl_->transfer, text.data()) < 0)
    impl_->damaged(dataset, "can't be read");
  text.resize(std::min(text.size(), text.find('\0')));
  return text;
}

} // namespace rossby::io
