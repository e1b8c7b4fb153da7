#pragma once

#include <rossby/models/spec.hpp>

namespace rossby {
Family camulator_family();
}
