#include "transport_choice.hpp"

#include <fmt/format.h>

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

bool wants_nccl()
{
  char const variable[] = "ROSSBY_DEVICE_MESSAGES";
  char const* const value = std::getenv(variable);
  std::string const text = value ? value : "";
  if (text.empty())
    return nccl_usable();
  if (text == "mpi")
    return false;
  if (text != "nccl")
    fail(variable, fmt::format("'{}' is no way for messages to travel", text), "use nccl or mpi");
  if (nccl_version().empty())
    fail(variable, "NCCL is not built in", "configure with -DROSSBY_ENABLE_NCCL=ON, or use mpi");
  if (!nccl_usable())
    fail(variable,
         fmt::format("NCCL needs arrays in the memory of a CUDA device; Kokkos computes with {}", Exec::name()),
         "use a Kokkos built for CUDA, or mpi");
  return true;
}
} // namespace

void set_device_transport(TransportFactory factory)
{
  chosen() = factory ? std::make_shared<TransportFactory const>(std::move(factory)) : nullptr;
}

std::shared_ptr<TransportFactory const> current_device_transport()
{
  if (!chosen())
    set_device_transport(wants_nccl() ? nccl_transport : TransportFactory());
  return *chosen();
}

void check_device_messages() { wants_nccl(); }

} // namespace rossby
