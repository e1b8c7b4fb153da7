#include <rossby/core/environment.hpp>

#include "driver.hpp"

#include <rossby/core/error.hpp>
#include <rossby/core/kokkos_compat.hpp>

#include <algorithm>
#include <cstring>
#include <vector>

namespace rossby {

namespace {
Environment* active = nullptr; // does not own; lets arrays find the pool without a parameter in every call
}

std::vector<char*> take_kokkos_arguments(int& argc, char** argv)
{
  // Kokkos also listens to arguments without its prefix, --help among them: it gets its own ones only.
  std::vector<char*> kokkos_arguments, others;
  for (int i = 0; i < argc; ++i) {
    bool const theirs = std::strncmp(argv[i], "--kokkos-", 9) == 0;
    if (theirs || i == 0)
      kokkos_arguments.push_back(argv[i]);
    if (!theirs)
      others.push_back(argv[i]);
  }
  kokkos_arguments.push_back(nullptr);
  std::copy(others.begin(), others.end(), argv);
  if (static_cast<int>(others.size()) < argc)
    argv[others.size()] = nullptr;
  argc = static_cast<int>(others.size());
  return kokkos_arguments;
}

Environment::Environment(int& argc, char** argv)
{
  auto kokkos_arguments = take_kokkos_arguments(argc, argv);
  int kokkos_argc = static_cast<int>(kokkos_arguments.size()) - 1;
  ROSSBY_EXPECT(active == nullptr);
  if (!Kokkos::is_initialized()) {
    if (auto const reason = missing_driver(); !reason.empty())
      fail(Exec::name(), "this machine has no driver of a GPU (" + reason + ")",
           "run on a node that has one; check, info and preprocess need none");
    Kokkos::initialize(kokkos_argc, kokkos_arguments.data());
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

bool Environment::exists() noexcept { return active != nullptr; }

Environment& Environment::current()
{
  ROSSBY_EXPECT(active != nullptr);
  return *active;
}

} // namespace rossby
