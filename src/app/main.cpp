#include <rossby/app/program.hpp>
#include <rossby/comm/communicator.hpp>
#include <rossby/comm/runtime.hpp>
#include <rossby/core/environment.hpp>
#include <rossby/core/log.hpp>

int main(int argc, char** argv)
{
  try {
    rossby::CommRuntime const runtime(argc, argv);
    rossby::Environment const environment(argc, argv);
    return rossby::run_program(argc, argv);
  } catch (std::exception const& e) { // of what must exist before the program can speak for all ranks
    rossby::log::error(e.what());
    return 1;
  }
}
