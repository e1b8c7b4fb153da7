#pragma once

#include <rossby/models/spec.hpp>

namespace rossby {
Family wxformer_family();
}
