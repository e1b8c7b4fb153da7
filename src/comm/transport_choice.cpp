#include "transport_choice.hpp"

#include <fmt/format.h>

#include <dlfcn.h>

#include <cstdlib>
#include <optional>

namespace rossby {

namespace {
using Choice = std::shared_ptr<TransportFactory const>;

std::optional<Choice>& chosen()
{
  static std::optional<Choice> choice;
  return choice;
}

enum class Way { mpi, gpu_mpi, nccl };

/// What Open MPI says of itself; nothing where another MPI is linked.
std::optional<bool> mpi_knows_device_memory()
{
  std::optional<bool> answer;
  for (char const* name : {"MPIX_Query_cuda_support", "MPIX_Query_rocm_support"})
    if (auto const ask = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, name)))
      answer = answer.value_or(false) || ask() != 0;
  return answer;
}

Way read_way()
{
  char const variable[] = "ROSSBY_DEVICE_MESSAGES";
  char const* const value = std::getenv(variable);
  std::string const text = value ? value : "";
  if (text.empty())
    return nccl_usable() ? Way::nccl : Way::mpi;
  if (text == "mpi")
    return Way::mpi;
  if (text == "gpu-mpi") {
    if (!host_accessible && mpi_knows_device_memory() == false)
      fail(variable, "this MPI was built without support for the memory of GPUs",
           "use an MPI that has it, or mpi, which passes arrays through host memory");
    return Way::gpu_mpi;
  }
  if (text != "nccl")
    fail(variable, fmt::format("'{}' is not a way for messages to travel", text), "use nccl, gpu-mpi or mpi");
  if (nccl_version().empty())
    fail(variable, "NCCL is not built in", "configure with -DROSSBY_ENABLE_NCCL=ON, or use mpi");
  if (!nccl_usable())
    fail(variable,
         fmt::format("NCCL needs arrays in the memory of a CUDA device; Kokkos computes with {}", Exec::name()),
         "use a Kokkos built for CUDA, or mpi");
  return Way::nccl;
}
} // namespace

void set_device_transport(TransportFactory factory)
{
  chosen() = factory ? std::make_shared<TransportFactory const>(std::move(factory)) : nullptr;
}

std::shared_ptr<TransportFactory const> current_device_transport()
{
  if (!chosen())
    set_device_transport(read_way() == Way::nccl ? nccl_transport : TransportFactory());
  return *chosen();
}

void check_device_messages() { read_way(); }

bool mpi_takes_device_memory()
{
  static bool const takes = host_accessible || read_way() == Way::gpu_mpi;
  return takes;
}

} // namespace rossby
