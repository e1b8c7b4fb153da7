#pragma once
/// \file
/// Decks, and blocks of them that a program reads itself.

#include <rossby/core/deck.hpp>
#include <rossby/core/deck_block.hpp>
