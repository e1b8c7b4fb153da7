#include "io/hdf5.hpp"
#include <rossby/core/error.hpp>

#include <gtest/gtest.h>
#include <hdf5.h>

namespace rossby {
namespace {

int heard = 0;
herr_t host_handler(hid_t, void* data)
{
  ++heard;
  EXPECT_EQ(data, &heard);
  return 0;
}

TEST(Hdf5ErrorHandler, StaysThatOfTheHost)
{
  H5E_auto2_t original = nullptr;
  void* original_data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &original, &original_data);
  H5Eset_auto2(H5E_DEFAULT, host_handler, &heard);
  EXPECT_THROW(io::Hdf5File::open_read("there/is/no/such.h5"), Error); // reported by the exception alone
  EXPECT_EQ(heard, 0);
  EXPECT_LT(H5Gopen2(-1, "nothing", H5P_DEFAULT), 0); // the host's own mistake
  EXPECT_EQ(heard, 1);
  H5E_auto2_t now = nullptr;
  void* data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &now, &data);
  EXPECT_EQ(now, host_handler);
  EXPECT_EQ(data, &heard);
  H5Eset_auto2(H5E_DEFAULT, original, original_data);
}

} // namespace
} // namespace rossby
