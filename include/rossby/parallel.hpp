#pragma once
/// \file
/// Everything a host program needs to run a model on a mesh of ranks.

#include <rossby/nn/unpad.hpp>
#include <rossby/parallel/config.hpp>
#include <rossby/parallel/mesh.hpp>
#include <rossby/parallel/plans.hpp>
#include <rossby/params/gradients.hpp>
