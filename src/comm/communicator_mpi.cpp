#include "communicator_mpi.hpp"
#include "blocks.hpp"

namespace rossby {

using mpi::check;

MpiGroup::~MpiGroup()
{
  transport.reset();
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (owned && !finalized)
    MPI_Comm_free(&comm);
}

Communicator::Impl::Impl(std::shared_ptr<MpiGroup> g, std::string axis)
    : group(std::move(g)), comm(group->comm), name(std::move(axis))
{
  check(MPI_Comm_rank(comm, &rank), "MPI_Comm_rank");
  check(MPI_Comm_size(comm, &size), "MPI_Comm_size");
}

namespace {
std::shared_ptr<MpiGroup> owned(MPI_Comm comm) { return std::make_shared<MpiGroup>(comm, true); }

struct Grid {
  std::vector<int> extents, periodic, coordinates;
};

Grid grid_of(Communicator const& ranks, MPI_Comm comm)
{
  ROSSBY_EXPECT(ranks.is_cartesian());
  int axes = 0;
  check(MPI_Cartdim_get(comm, &axes), "MPI_Cartdim_get");
  auto const n = static_cast<std::size_t>(axes);
  Grid grid{std::vector<int>(n), std::vector<int>(n), std::vector<int>(n)};
  if (n > 0)
    check(MPI_Cart_get(comm, axes, grid.extents.data(), grid.periodic.data(), grid.coordinates.data()), "MPI_Cart_get");
  return grid;
}
} // namespace

Communicator::Communicator()
    : Communicator(std::make_shared<Impl>(std::make_shared<MpiGroup>(MPI_COMM_SELF, false), "self"))
{
}
Communicator::Communicator(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Communicator Communicator::world() { return Communicator(std::make_shared<Impl>(mpi::world(), "world")); }

int Communicator::rank() const { return impl_->rank; }
int Communicator::size() const { return impl_->size; }
std::string const& Communicator::name() const { return impl_->name; }

Communicator Communicator::named(std::string name) const
{
  auto impl = std::make_shared<Impl>(*impl_);
  impl->name = std::move(name);
  return Communicator(std::move(impl));
}

Communicator Communicator::split(int color, int key) const
{
  MPI_Comm part = MPI_COMM_NULL;
  auto const site = impl_->site("split");
  Call const call(site, 1, 0);
  check(MPI_Comm_split(impl_->comm, color, key, &part), "split");
  return Communicator(std::make_shared<Impl>(owned(part), name()));
}

Communicator Communicator::cartesian(Communicator const& all, std::vector<int> const& extents,
                                     std::vector<bool> const& periodic)
{
  expect_grid(all, extents, periodic);
  std::vector<int> const wraps(periodic.begin(), periodic.end());
  auto const site = all.impl_->site("cartesian");
  Call const call(site, 1, 0);
  MPI_Comm grid = MPI_COMM_NULL;
  bool const reorder = false; // rank r stays rank r: meshes are row-major by contract
  check(
      MPI_Cart_create(all.impl_->comm, static_cast<int>(extents.size()), extents.data(), wraps.data(), reorder, &grid),
      "cartesian");
  return Communicator(std::make_shared<Impl>(owned(grid), all.name()));
}

Communicator Communicator::sub(std::vector<bool> const& keep) const
{
  ROSSBY_EXPECT(keep.size() == extents().size());
  std::vector<int> const kept(keep.begin(), keep.end());
  MPI_Comm part = MPI_COMM_NULL;
  auto const site = impl_->site("sub");
  Call const call(site, 1, 0);
  check(MPI_Cart_sub(impl_->comm, kept.data(), &part), "sub");
  return Communicator(std::make_shared<Impl>(owned(part), name()));
}

bool Communicator::is_cartesian() const
{
  int topology = MPI_UNDEFINED;
  check(MPI_Topo_test(impl_->comm, &topology), "MPI_Topo_test");
  return topology == MPI_CART;
}

std::vector<int> Communicator::extents() const { return grid_of(*this, impl_->comm).extents; }
std::vector<int> Communicator::coordinates() const { return grid_of(*this, impl_->comm).coordinates; }

std::vector<bool> Communicator::periodic() const
{
  auto const wraps = grid_of(*this, impl_->comm).periodic;
  return {wraps.begin(), wraps.end()};
}

void* Communicator::native_handle() const { return &impl_->comm; }

} // namespace rossby
