#pragma once
/// \file
/// Groups of ranks made of a host program's MPI_Comm. Only where Rossby was built with MPI.

#include <rossby/comm/mpi.hpp>
