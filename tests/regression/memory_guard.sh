#!/usr/bin/env bash
# No command touches device memory outside of kernels, copies and products: on a GPU it could not. See
# tests/watch/memory_guard.cpp.
# needs: netcdf serial
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
guard="$ROSSBY_TEST_PROGRAMS/libmemory_guard.so"
golden="$ROSSBY_SOURCE/tests/reference/golden"

guarded=(env LD_PRELOAD="$guard" KOKKOS_PROFILE_LIBRARY="$guard" KOKKOS_TOOLS_LIBS="$guard"
  MEMORY_GUARD="$scratch/touched")

# untouched NAME RANKS COMMAND...
untouched() {
  local name="$1" start=()
  [ "$2" -eq 1 ] || start=(mpirun -np "$2")
  rm -f touched
  expect_success "$name" "${start[@]}" "${guarded[@]}" "${@:3}"
  if [ -s touched ]; then
    head -n 40 touched >output.txt
    complain "$name" "device memory is touched $(grep -c touched touched) times outside of kernels"
  fi
}

# The guard sees what it is there for.
rm -f touched
expect_success "a read and a write of the host" "${guarded[@]}" "$ROSSBY_TEST_PROGRAMS/touches_device_memory"
[ "$(grep -c "^touched" touched)" = 2 ] || complain "a read and a write of the host" "noted: $(cat touched)"

short=(--set trainer.num_epoch=1 --set trainer.batches_per_epoch=2 --set trainer.valid_batches_per_epoch=1)
expect_success "preprocess" "$ROSSBY_PROGRAM" preprocess deck.yml
untouched "train" 1 "$ROSSBY_PROGRAM" train deck.yml "${short[@]}"
untouched "resume" 1 "$ROSSBY_PROGRAM" train deck.yml "${short[@]}" --resume
untouched "forecast" 1 "$ROSSBY_PROGRAM" forecast deck.yml
untouched "verify" 1 "$ROSSBY_PROGRAM" verify deck.yml
untouched "train in bfloat16" 1 "$ROSSBY_PROGRAM" train deck.yml "${short[@]}" --set trainer.amp=true \
  --set save_loc=runs/amp
if has_mpi; then
  untouched "train on two tiles" 2 "$ROSSBY_PROGRAM" train deck.yml "${short[@]}" --set save_loc=runs/tiles \
    --set trainer.parallelism.domain=2
  untouched "train with shards" 2 "$ROSSBY_PROGRAM" train deck.yml "${short[@]}" --set save_loc=runs/shards \
    --set trainer.parallelism.data=fsdp2 --set trainer.train_batch_size=1
fi
for file in "$golden"/*.h5; do
  python '
with h5py.File(sys.argv[1]) as file, open("apply.yml", "w") as deck:
    deck.write(file.attrs["model_yaml"])
    deck.write("loss: {training_loss: mse, use_latitude_weights: true}\n")
' "$file"
  name="$(basename "$file" .h5)"
  untouched "$name" 1 "$ROSSBY_PROGRAM" apply apply.yml --weights "$file" --input "$file" --train --gradients \
    --output "$name.h5"
done
finish
