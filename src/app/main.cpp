#include <rossby/app/program.hpp>
#include <rossby/comm/communicator.hpp>
#include <rossby/core/environment.hpp>

int main(int argc, char** argv)
{
  rossby::CommRuntime const runtime(argc, argv);
  rossby::Environment const environment(argc, argv);
  return rossby::run_program(argc, argv);
}
