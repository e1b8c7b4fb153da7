#pragma once
/// \file
/// Models: to run one, and to write one of one's own from modules, books and differentiable functions.

#include <rossby/models/model.hpp>
#include <rossby/nn/decoder.hpp>
#include <rossby/nn/transformer.hpp>
