# cmake -D ROOT=... -D LIST=... -D VERSION=... -D OUTPUT=... -P SourceHash.cmake
# Writes the body of rossby/core/version.hpp: LIST names the files under ROOT, one a line, that are hashed.
file(STRINGS "${LIST}" files)
list(SORT files)
set(all "")
foreach(name IN LISTS files)
  file(SHA256 "${ROOT}/${name}" content)
  string(APPEND all "${name} ${content}\n")
endforeach()
string(SHA256 hash "${all}")
string(SUBSTRING "${hash}" 0 12 hash)
file(WRITE "${OUTPUT}" "#include <rossby/core/version.hpp>

namespace rossby {
char const* version() { return \"${VERSION}\"; }
char const* source_hash() { return \"${hash}\"; }
} // namespace rossby
")
