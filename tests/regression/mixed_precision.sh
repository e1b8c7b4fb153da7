#!/usr/bin/env bash
# trainer.amp: training with fields in bfloat16 goes the way that float32 goes, continues exactly, and runs on meshes;
# forecasts and scores come of it; apply computes the same model.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
export OMPI_MCA_mpi_yield_when_idle=1
common=(--set trainer.batches_per_epoch=4 --set trainer.train_batch_size=2)

# run NAME RANKS COMMAND ARGUMENTS...
run() {
  local name="$1" ranks="$2"
  shift 2
  local start=()
  [ "$ranks" -eq 1 ] || start=(mpirun -np "$ranks")
  expect_success "$name: $1" "${start[@]}" "$ROSSBY_PROGRAM" "$1" deck.yml "${common[@]}" --set save_loc="runs/$name" \
    --set inference.save_forecast="runs/$name/forecast" "${@:2}"
}
amp=(--set trainer.amp=true)

expect_success "preprocess" "$ROSSBY_PROGRAM" preprocess deck.yml
run plain 1 train --set trainer.epochs=2
run mixed 1 train --set trainer.epochs=2 "${amp[@]}"
run continued 1 train --set trainer.epochs=2 --set trainer.num_epoch=1 "${amp[@]}"
run continued 1 train --set trainer.epochs=2 "${amp[@]}" --resume
names=(plain mixed continued)
if has_mpi; then
  run sharded 2 train --set trainer.epochs=2 "${amp[@]}" --set trainer.parallelism.data=fsdp2 \
    --set trainer.train_batch_size=1
  run tiles 2 train --set trainer.epochs=2 "${amp[@]}" --set trainer.parallelism.domain=2
  names+=(sharded tiles)
fi
python '
import csv
def losses(name):
    with open(f"runs/{name}/training_steps.csv") as file:
        return np.array([float(row["loss"]) for row in csv.DictReader(file)])
plain = losses("plain")
assert len(plain) == 8
for name in sys.argv[2:]:
    far = abs(losses(name) / plain - 1).max()
    print(f"    {name}: losses within {far:.1e} of float32")
    assert 1e-7 < far < 1e-2, name
assert (losses("continued") == losses("mixed")).all()
with h5py.File("runs/mixed/checkpoint.h5") as file:
    types = {}
    file["model"].visititems(lambda k, v: types.update({k: v.dtype}) if hasattr(v, "dtype") else None)
    assert types and all(t == np.float32 for t in types.values()), types
' "${names[@]}" || complain "losses" "not those of float32 to the round-off of bfloat16"

run mixed 1 forecast "${amp[@]}"
run mixed 1 verify "${amp[@]}"

case=$ROSSBY_SOURCE/tests/reference/golden/wxformer_heads.h5
python '
with h5py.File(sys.argv[1]) as file, open("apply.yml", "w") as deck:
    deck.write(file.attrs["model_yaml"])
    deck.write("loss: {training_loss: mse, use_latitude_weights: true}\n")
' "$case"
for dtype in float64 bfloat16; do
  expect_success "apply in $dtype" "$ROSSBY_PROGRAM" apply apply.yml --weights "$case" --input "$case" --train \
    --gradients --dtype "$dtype" --output "$dtype.h5"
done
python '
with h5py.File("float64.h5") as exact, h5py.File("bfloat16.h5") as mixed:
    def error(a, b):
        return np.linalg.norm(a - b) / np.linalg.norm(b)
    def gradient(f):
        return np.concatenate([f["grad"][k][()].ravel() for k in sorted(f["grad"])])
    assert mixed["output"].dtype == np.float32
    output, grads = error(mixed["output"][()], exact["output"][()]), error(gradient(mixed), gradient(exact))
    loss = abs(mixed["loss"][()] / exact["loss"][()] - 1)
    print(f"    apply: output {output:.1e}, gradients {grads:.1e}, loss {loss:.1e}")
    assert 1e-4 < output < 3e-2 and grads < 5e-2 and loss < 5e-3
' || complain "apply" "another model"
finish
