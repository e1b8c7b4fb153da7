#include "hdf5_impl.hpp"

namespace rossby::io {

bool Hdf5File::has_attribute(std::string const& object, std::string const& name) const
{
  auto const lock = library_lock();
  htri_t const found = H5Aexists(impl_->open_object(object), name.c_str());
  if (found < 0)
    impl_->damaged(object, fmt::format("its attribute '{}' can't be looked for", name));
  return found > 0;
}

namespace {
void put_attribute(hid_t object, std::string const& where, std::string const& name, hid_t disk_type, hid_t memory_type,
                   void const* value)
{
  Handle const space(H5Screate(H5S_SCALAR), H5Sclose);
  Handle const attribute(H5Acreate2(object, name.c_str(), disk_type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute.ok() || H5Awrite(attribute, memory_type, value) < 0)
    fail(where, fmt::format("attribute '{}' can't be written ({})", name, reason()), "check that the disk has room");
}

/// Reads a scalar attribute after making sure of its kind.
void get_attribute(hid_t object, std::string const& where, std::string const& name, H5T_class_t kind, hid_t memory_type,
                   void* value)
{
  Handle const attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
  if (!attribute.ok())
    fail(where, fmt::format("has no attribute '{}'", name));
  Handle const type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  H5T_class_t const found = H5Tget_class(type) == H5T_ENUM ? H5T_INTEGER : H5Tget_class(type); // h5py's booleans
  if (found != kind || H5Sget_simple_extent_npoints(space) != 1)
    fail(where, fmt::format("attribute '{}' is not a single value of the expected kind", name));
  if (H5Aread(attribute, memory_type, value) < 0)
    fail(where, fmt::format("attribute '{}' can't be read ({})", name, reason()));
}
} // namespace

void Hdf5File::write_attribute(std::string const& object, std::string const& name, std::string const& value) const
{
  auto const lock = library_lock();
  Handle const type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, value.size() + 1);
  H5Tset_cset(type, H5T_CSET_UTF8);
  put_attribute(impl_->open_object(object), impl_->at(object), name, type, type, value.c_str());
}

void Hdf5File::write_attribute(std::string const& object, std::string const& name, double value) const
{
  auto const lock = library_lock();
  put_attribute(impl_->open_object(object), impl_->at(object), name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

void Hdf5File::write_attribute(std::string const& object, std::string const& name, std::int64_t value) const
{
  auto const lock = library_lock();
  put_attribute(impl_->open_object(object), impl_->at(object), name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

std::string Hdf5File::read_string_attribute(std::string const& object, std::string const& name) const
{
  auto const lock = library_lock();
  Handle const owner = impl_->open_object(object);
  if (H5Aexists(owner, name.c_str()) <= 0)
    fail(impl_->at(object), fmt::format("has no attribute '{}'", name));
  Handle const attribute(H5Aopen(owner, name.c_str(), H5P_DEFAULT), H5Aclose);
  Handle const type(H5Aget_type(attribute), H5Tclose);
  if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0) {
    Handle const memory(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    char* text = nullptr;
    get_attribute(owner, impl_->at(object), name, H5T_STRING, memory, &text);
    std::string const result = text ? text : "";
    H5free_memory(text);
    return result;
  }
  std::string text(H5Tget_size(type) + 1, '\0');
  get_attribute(owner, impl_->at(object), name, H5T_STRING, type, text.data());
  text.resize(std::min(text.size(), text.find('\0')));
  return text;
}

double Hdf5File::read_double_attribute(std::string const& object, std::string const& name) const
{
  auto const lock = library_lock();
  double value = 0;
  get_attribute(impl_->open_object(object), impl_->at(object), name, H5T_FLOAT, H5T_NATIVE_DOUBLE, &value);
  return value;
}

std::int64_t Hdf5File::read_int_attribute(std::string const& object, std::string const& name) const
{
  auto const lock = library_lock();
  std::int64_t value = 0;
  get_attribute(impl_->open_object(object), impl_->at(object), name, H5T_INTEGER, H5T_NATIVE_INT64, &value);
  return value;
}

} // namespace rossby::io
