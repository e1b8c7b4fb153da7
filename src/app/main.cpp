#include "program.hpp"

int main(int argc, char** argv) { return rossby::run_program(argc, argv); }
