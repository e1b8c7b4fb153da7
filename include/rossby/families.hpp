#pragma once
/// \file
/// The families of models, for programs that describe a model without a deck.

#include <rossby/models/camulator/config.hpp>
#include <rossby/models/fuxi/config.hpp>
#include <rossby/models/wxformer/config.hpp>
