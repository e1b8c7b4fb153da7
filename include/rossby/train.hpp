#pragma once
/// \file
/// Training: a whole run, or one batch after the other.

#include <rossby/train/trainer.hpp>
