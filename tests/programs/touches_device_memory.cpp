// Reads and writes device memory on the host: what tests/watch/memory_guard.cpp has to notice, and nothing else of it.

#include <rossby/core/array.hpp>
#include <rossby/core/environment.hpp>

using namespace rossby;

int main(int argc, char** argv)
{
  Environment const environment(argc, argv);
  Exec const exec;
  Array const large = Array::zeros(exec, DType::float32, {20000}), small = Array::zeros(exec, DType::float64, {3});
  large.fill(exec, 1);
  small.fill(exec, 1);
  float const read = large.flat<float>()(15000);
  small.flat<double>()(0) = read;
  small.fill(exec, 2);
  return large.to_host(exec)[3] == 1 && small.to_host(exec)[2] == 2 ? 0 : 1;
}
