#include "driver.hpp"

namespace rossby {

std::string missing_driver() { return {}; }

} // namespace rossby
