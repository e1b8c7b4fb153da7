#pragma once
/// \file
/// Forecasts and their scores: whole runs, or step by step with fields in one's own hands.

#include <rossby/train/apply.hpp>
#include <rossby/train/forecast.hpp>
#include <rossby/train/rollout.hpp>
#include <rossby/train/verify.hpp>
