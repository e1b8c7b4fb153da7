#pragma once

#include <rossby/models/spec.hpp>

namespace rossby {
Family fuxi_family();
}
