#!/usr/bin/env bash
# Meshes that can't be: refused with the reason and the fix, by `check` and `info` for any number of ranks, and by the
# commands that would have to run on them.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
mesh() { # mesh DATA TENSOR DOMAIN [WHOLE]: options
  echo "--set trainer.parallelism.data=$1 --set trainer.parallelism.tensor=$2 --set trainer.parallelism.domain=$3" \
    "--set trainer.tensor_whole=${4:-[]}"
}
# refused NAME PATTERN RANKS MESH: the tiny deck on a mesh. Its grid has 2 x 4 coarse cells, its layers 1, 2, 4, 8 heads.
refused() {
  local name="$1" pattern="$2" ranks="$3"
  # shellcheck disable=SC2086
  expect_failure "$name (info)" "$pattern" "$rossby" info --mesh deck.yml -n "$ranks" $4
  # shellcheck disable=SC2086
  expect_failure "$name (check)" "$pattern" "$rossby" check deck.yml --no-files -n "$ranks" $4
  if has_mpi && [ "$ranks" -le 4 ]; then
    # shellcheck disable=SC2086
    expect_failure "$name (train)" "$pattern" mpirun -np "$ranks" "$rossby" train deck.yml $4
  fi
}
expect_success "preprocess" "$rossby" preprocess deck.yml
refused "more bands than coarse rows" "trainer.parallelism.domain
4 x 1 tiles on 2 x 4 coarse cells leaves tiles empty
'domain: .1, 4.' fits" 4 "$(mesh ddp 1 4)"
refused "a tensor group larger than its tile" "trainer.parallelism.tensor
2 ranks can't share a tile of 1 x 1 coarse cells
at most 1 can; 'domain: .1, 4.' fits" 16 "$(mesh ddp 2 [2,4] [0])"
refused "heads that don't divide" "trainer.parallelism.tensor
2 ranks can't share the heads of layers.0.1.layers.0.0 evenly: 1
add 0 to trainer.tensor_whole" 2 "$(mesh ddp 2 1)"

refused "a number of ranks that does not divide" "trainer.parallelism
tensor 1 x domain 2 x 1 needs a multiple of 2 ranks; this run has 3
start 2 or 4 ranks" 3 "$(mesh ddp 1 2)"
refused "more ranks than work" "trainer.parallelism.data
only tensor x domain = 2 ranks have work; this run has 4
set it to ddp, or start 2 ranks" 4 "$(mesh none 1 2)"
refused "an unknown key" "trainer.parallelism.domian
unknown key" 2 "--set trainer.parallelism.domian=2"
if has_mpi; then
  expect_failure "another way for messages" "ROSSBY_DEVICE_MESSAGES
'pigeons' is not a way for messages to travel
use nccl, gpu-mpi or mpi" env ROSSBY_DEVICE_MESSAGES=pigeons mpirun -np 2 "$rossby" train deck.yml
fi
[ ! -e runs/tiny/checkpoint.h5 ] || complain "traces" "a checkpoint was written"
finish
