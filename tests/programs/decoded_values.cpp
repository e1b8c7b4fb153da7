// Prints every numeric variable of a file as the library reads it: a line "name value value ...".
#include "io/array_reader.hpp"

#include <cstdio>
#include <exception>

int main(int count, char** arguments)
{
  if (count != 2)
    return 2;
  try {
    rossby::io::ArrayReader const reader(arguments[1]);
    for (auto const& v : reader.variables()) {
      std::printf("%s", v.name.c_str());
      for (double const x : reader.read(v.name))
        std::printf(" %.17g", x);
      std::printf("\n");
    }
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
