#include "communicator_mpi.hpp"
#include "blocks.hpp"

namespace rossby {

using mpi::check;

MpiGroup::~MpiGroup()
{
  transport.reset();
  if (mpi::running())
    MPI_Comm_free(&comm);
}

namespace mpi {

bool running()
{
  int started = 0, stopped = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&stopped);
  return started && !stopped;
}

Communicator::Impl group_of(MPI_Comm handle, Communicator::Impl model)
{
  check(MPI_Comm_rank(handle, &model.rank), "MPI_Comm_rank");
  check(MPI_Comm_size(handle, &model.size), "MPI_Comm_size");
  model.group = nullptr;
  if (model.size == 1)
    check(MPI_Comm_free(&handle), "MPI_Comm_free");
  else
    model.group = std::make_shared<MpiGroup>(handle);
  return model;
}

} // namespace mpi

namespace {
std::shared_ptr<Communicator::Impl const> shared(Communicator::Impl impl)
{
  return std::make_shared<Communicator::Impl const>(std::move(impl));
}
} // namespace

Communicator Communicator::split(int color, int key) const
{
  Impl model{name()};
  model.counts = impl_->counts;
  if (impl_->alone())
    return Communicator(shared(model));
  MPI_Comm part = MPI_COMM_NULL;
  Call const call(impl_->site("split"), 1, 0);
  check(MPI_Comm_split(impl_->group->comm, color, key, &part), "split");
  return Communicator(shared(mpi::group_of(part, model)));
}

Communicator Communicator::cartesian(Communicator const& all, std::vector<int> const& extents,
                                     std::vector<bool> const& periodic)
{
  expect_grid(all, extents, periodic);
  auto const& from = *all.impl_;
  if (from.alone())
    return Communicator(shared(from.as_grid(extents, periodic)));
  std::vector<int> const wraps(periodic.begin(), periodic.end());
  Call const call(from.site("cartesian"), 1, 0);
  MPI_Comm grid = MPI_COMM_NULL;
  bool const reorder = false; // rank r stays rank r: meshes are row-major by contract
  check(
      MPI_Cart_create(from.group->comm, static_cast<int>(extents.size()), extents.data(), wraps.data(), reorder, &grid),
      "cartesian");
  return Communicator(shared(mpi::group_of(grid, from.as_grid(extents, periodic))));
}

Communicator Communicator::sub(std::vector<bool> const& keep) const
{
  ROSSBY_EXPECT(is_cartesian() && keep.size() == impl_->extents.size());
  auto [extents, periodic] = impl_->axes(keep);
  Impl const part = impl_->as_grid(std::move(extents), std::move(periodic));
  if (impl_->alone())
    return Communicator(shared(part));
  std::vector<int> const kept(keep.begin(), keep.end());
  MPI_Comm handle = MPI_COMM_NULL;
  Call const call(impl_->site("sub"), 1, 0);
  check(MPI_Cart_sub(impl_->group->comm, kept.data(), &handle), "sub");
  return Communicator(shared(mpi::group_of(handle, part)));
}

void* Communicator::native_handle() const { return impl_->alone() ? nullptr : &impl_->group->comm; }

Communicator Communicator::from_native(void const* mpi_comm, Handle handle, std::string name)
{
  if (!mpi::running())
    fail("communicator", "MPI is not running", "call MPI_Init_thread before, and MPI_Finalize after the last group");
  MPI_Comm comm = *static_cast<MPI_Comm const*>(mpi_comm);
  if (comm == MPI_COMM_NULL)
    fail("communicator", "is MPI_COMM_NULL", "only the ranks of the communicator take part");
  if (handle == Handle::borrowed)
    check(MPI_Comm_dup(*static_cast<MPI_Comm const*>(mpi_comm), &comm), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  return Communicator(shared(mpi::group_of(comm, Impl{std::move(name)})));
}

Communicator Communicator::from_fortran(int mpi_comm, std::string name)
{
  MPI_Comm const comm = MPI_Comm_f2c(static_cast<MPI_Fint>(mpi_comm));
  return from_native(&comm, Handle::borrowed, std::move(name));
}

} // namespace rossby
