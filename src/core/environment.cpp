#include <rossby/core/environment.hpp>

#include <rossby/core/error.hpp>
#include <rossby/core/kokkos_compat.hpp>

namespace rossby {

namespace {
Environment* active = nullptr; // does not own; lets arrays find the pool without a parameter in every call
}

Environment::Environment(int& argc, char** argv)
{
  ROSSBY_EXPECT(active == nullptr);
  if (!Kokkos::is_initialized()) {
    Kokkos::initialize(argc, argv);
    started_kokkos_ = true;
  }
  pool_ = std::make_shared<Pool>();
  active = this;
}

Environment::~Environment()
{
  active = nullptr;
  pool_->trim();
  pool_.reset();
  if (started_kokkos_)
    Kokkos::finalize();
}

Environment& Environment::current()
{
  ROSSBY_EXPECT(active != nullptr);
  return *active;
}

} // namespace rossby
