#pragma once
/// \file
/// Fields: those of a deck's files, and those that a program brings itself.

#include <rossby/data/field_source.hpp>
#include <rossby/data/loader.hpp>
