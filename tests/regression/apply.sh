#!/usr/bin/env bash
# rossby apply on the reference case with four heads: alone, and on every kind of mesh, must write the same file; and
# bad input must be refused with a message, without leaving an output behind.
set -euo pipefail
. "$ROSSBY_SOURCE/tests/support/ranks.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case=$ROSSBY_SOURCE/tests/reference/golden/wxformer_heads.h5

python3=/usr/bin/python3
"$python3" - "$case" "$work/deck.yml" <<'PY'
import sys
import h5py
with h5py.File(sys.argv[1]) as file, open(sys.argv[2], "w") as deck:
    deck.write(file.attrs["model_yaml"])
    deck.write("loss: {training_loss: mse, use_latitude_weights: true}\n")
    deck.write("trainer: {parallelism: {data: ddp, tensor: 1, domain: 1}}\n")
PY
files=(--weights "$case" --input "$case" --train --gradients --dtype float64)

"$ROSSBY_PROGRAM" apply "$work/deck.yml" "${files[@]}" --output "$work/one.h5"
meshes=()
# Three data ranks have two samples between them.
has_mpi && meshes=("3 ddp 1 1" "3 none 1 3" "4 none 1 [2,2]" "2 none 2 1"
  "3 fsdp2 1 1" "4 fsdp2 2 1" "4 fsdp2 1 [1,2]")
for mesh in "${meshes[@]}"; do
  read -r ranks data tensor domain <<<"$mesh"
  on_ranks "$ranks" apply "$work/deck.yml" --set trainer.parallelism.data="$data" \
    --set trainer.parallelism.tensor="$tensor" --set trainer.parallelism.domain="$domain" "${files[@]}" \
    --output "$work/many.h5"
  echo -n "ranks, data, tensor, domain $mesh: "
  # A gradient that cancels to round-off is measured against all gradients together.
  "$python3" - "$work/one.h5" "$work/many.h5" <<'PY'
import sys
import h5py
import numpy as np
norm = np.linalg.norm
with h5py.File(sys.argv[1]) as one, h5py.File(sys.argv[2]) as many:
    whole = np.sqrt(sum(norm(g[()]) ** 2 for g in one["grad"].values()))
    assert set(one["grad"]) == set(many["grad"])
    worst = max(norm(many["grad"][k][()] - g[()]) / max(norm(g[()]), 1e-5 * whole) for k, g in one["grad"].items())
    output = abs(many["output"][()] - one["output"][()]).max()
    print(f"output differs by {output:.1e}, gradients by {worst:.1e}")
    assert output < 1e-12 and worst < 1e-10
PY
done

refused() { # refused MESSAGE ARGUMENTS...
  local message=$1 text
  shift
  if text=$("$ROSSBY_PROGRAM" apply "$@" --output "$work/never.h5" 2>&1); then
    echo "accepted: $*" >&2
    exit 1
  fi
  grep -qF -- "$message" <<<"$text" || { echo "no '$message' in: $text" >&2; exit 1; }
  [[ ! -e $work/never.h5 ]]
}
head -c 100000 "$case" >"$work/cut.h5"
: >"$work/empty.h5"
echo "no HDF5" >"$work/text.h5"
for bad in cut empty text absent; do
  refused "$work/$bad.h5" "$work/deck.yml" --weights "$case" --input "$work/$bad.h5"
  refused "$work/$bad.h5" "$work/deck.yml" --weights "$work/$bad.h5" --input "$case"
done
refused "layers.0" "$work/deck.yml" --weights "$ROSSBY_SOURCE/tests/reference/golden/wxformer_plain.h5" --input "$case"
refused "/input" "$work/deck.yml" --weights "$case" --input "$ROSSBY_SOURCE/tests/reference/golden/wxformer_odd.h5"
refused "model.dimm" "$work/deck.yml" --set model.dimm=3 --weights "$case" --input "$case"
echo "apply: all as it should be"
