#pragma once
/// \file
/// Tests are listed when they are built, without starting MPI: which there are may depend on the number of ranks.

#include <rossby/comm/communicator.hpp>

#include <cstdlib>

namespace rossby::test {

/// The rank count that tests are being listed for; 0 when they run. (tests/ListTests.cmake)
inline int listed_ranks()
{
  char const* const ranks = std::getenv("ROSSBY_LIST_TESTS_OF_RANKS");
  return ranks ? std::atoi(ranks) : 0;
}

/// How many ranks the tests run on, also while they are listed.
inline int test_ranks() { return listed_ranks() > 0 ? listed_ranks() : Communicator::world().size(); }

} // namespace rossby::test
