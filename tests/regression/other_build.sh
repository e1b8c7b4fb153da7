#!/usr/bin/env bash
# A rank that runs a build of other sources, under the same version number, is named with both.
# needs: mpi netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
hash="$("$ROSSBY_PROGRAM" --version | sed -n 's/.*(sources \([0-9a-f]\{12\}\),.*/\1/p')"
[ -n "$hash" ] || { echo "--version tells no hash of the sources" >&2; exit 1; }
# Another build is played by a copy of the program, or of the library that it loads, with another hash in it.
library="$(ldd "$ROSSBY_PROGRAM" | sed -n 's/.*librossby[^ ]* => \([^ ]*\) .*/\1/p')"
mkdir other
for file in "$ROSSBY_PROGRAM" $library; do sed "s/$hash/0123456789ab/g" "$file" >"other/$(basename "$file")"; done
chmod +x other/rossby
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:-}"
version="[0-9.]+ of sources"
expect_failure "another build" "rank 1 of 2 has another version of this program than rank 0: $version 0123456789ab, not $version $hash" \
  mpirun -np 1 "$ROSSBY_PROGRAM" check deck.yml : -np 1 -x LD_LIBRARY_PATH="$PWD/other:$LD_LIBRARY_PATH" other/rossby check deck.yml
expect_success "the same build" mpirun -np 2 "$ROSSBY_PROGRAM" --version
finish
