#include <rossby/comm/device_transport.hpp>

namespace rossby {

std::unique_ptr<DeviceTransport> nccl_transport(Communicator const&) { return nullptr; }
std::string nccl_version() { return {}; }
bool nccl_usable() { return false; }

} // namespace rossby
