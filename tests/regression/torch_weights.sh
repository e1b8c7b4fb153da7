#!/usr/bin/env bash
# Weights from files of PyTorch and CREDIT: rossby apply must write the same bits with them as with the same values in
# HDF5, on one rank and on several, and must refuse every hostile file by name, on every rank, without an output.
set -euo pipefail
. "$ROSSBY_SOURCE/tests/support/ranks.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fixtures=$ROSSBY_TORCH_FIXTURES
python3=/usr/bin/python3

# A deck and an input for each fixture model; and its weights rounded to bfloat16, in HDF5.
"$python3" - "$fixtures" "$work" <<'PY'
import sys
import re
import h5py
import numpy as np

fixtures, work = sys.argv[1:]
for name in ("cf", "cf_plain", "wx"):
    with h5py.File(f"{fixtures}/expected_{name}.h5") as file, h5py.File(f"{work}/{name}_bf16.h5", "w") as rounded:
        block = file.attrs["model_yaml"]
        with open(f"{work}/{name}.yml", "w") as deck:
            deck.write(block + "\ntrainer: {parallelism: {data: none, tensor: 1, domain: 1}}\n")
        for key, data in file["model"].items():
            bits = data[()].astype("<f4").view("<u4")
            bits = (bits + (0x7FFF + ((bits >> 16) & 1))) & np.uint32(0xFFFF0000)  # to nearest, ties to even
            rounded[f"model/{key}"] = bits.astype("<u4").view("<f4").reshape(data.shape)
        m = {key: int(value) for key, value in re.findall(r"^  (\w+): (\d+)$", block, re.M)}
    channels = m["channels"] * m["levels"] + m["surface_channels"] + m["input_only_channels"]
    shape = (2, channels, m["frames"], m["image_height"], m["image_width"])
    with h5py.File(f"{work}/{name}_input.h5", "w") as out:
        out["input"] = np.random.default_rng(5).standard_normal(shape).astype("f4")
PY

apply() { # apply MESH MODEL WEIGHTS OUTPUT
  local ranks=${1%% *} overrides=()
  for override in ${1#* }; do
    overrides+=(--set "trainer.$override")
  done
  local start=on_ranks
  [[ $ranks -eq 1 ]] && start=alone
  "$start" "$ranks" apply "$work/$2.yml" "${overrides[@]}" --weights "$3" --input "$work/$2_input.h5" --output "$4" \
    >"$work/log.txt" 2>&1 || { cat "$work/log.txt" >&2; return 1; }
}
alone() { "$ROSSBY_PROGRAM" "${@:2}"; }
meshes=("1 parallelism.data=none" "2 parallelism.data=fsdp2" "2 parallelism.domain=2"
  "2 parallelism.tensor=2 tensor_whole=[0]")
has_mpi || meshes=("${meshes[0]}")

compared=0
same() { # same MODEL HDF5 FILE [MESH...]: on these meshes, by number; on one rank and as shares of two by default
  local number numbers=("${@:4}")
  [[ $# -gt 3 ]] || numbers=(0 1)
  for number in "${numbers[@]}"; do
    [[ $number -lt ${#meshes[@]} ]] || continue
    local reference=$work/$1_$(basename "$2" .h5)_$number.h5
    [[ -e $reference ]] || apply "${meshes[number]}" "$1" "$2" "$reference"
    rm -f "$work/output.h5"
    apply "${meshes[number]}" "$1" "$3" "$work/output.h5"
    "$python3" - "$reference" "$work/output.h5" "$3" <<'PY'
import sys
import h5py
import numpy as np
with h5py.File(sys.argv[1]) as a, h5py.File(sys.argv[2]) as b:
    x, y = a["output"][()], b["output"][()]
    assert np.isfinite(x).all() and np.abs(x).max() > 0, "the output says nothing"
    assert x.tobytes() == y.tobytes(), f"{sys.argv[3]}: outputs differ by {np.abs(x - y).max()}"
PY
    compared=$((compared + 1))
  done
}
for file in cf_ddp/checkpoint.pt cf_fsdp2/checkpoint.pt cf_gen1_fsdp/model_checkpoint.pt; do
  same cf "$fixtures/expected_cf.h5" "$fixtures/$file"
done
same cf "$work/cf_bf16.h5" "$fixtures/cf_sn_parametrized_bf16.pt"
for file in cf_plain_module_float64.pt cf_plain_orig_mod_bf16.pt cf_plain_bf16_legacy_format.pt cf_plain.safetensors; do
  same cf_plain "$fixtures/expected_cf_plain.h5" "$fixtures/$file"
done
same wx "$fixtures/expected_wx.h5" "$fixtures/wx_ddp/checkpoint.pt" 0 1 2 3
for file in wx_old_names_bf16.pt wx_domain_bf16.pt; do
  same wx "$work/wx_bf16.h5" "$fixtures/$file"
done
echo "$compared outputs are the same bits"

refused=0
refuse() { # refuse RANKS FILE
  local code=0
  (
    ulimit -v 4000000
    timeout 60 bash -c '. "$ROSSBY_SOURCE/tests/support/ranks.bash"
      [[ $1 -eq 1 ]] && exec "$ROSSBY_PROGRAM" "${@:2}"; on_ranks "$@"' - "$1" apply "$work/wx.yml" \
      --set trainer.parallelism.data=fsdp2 --weights "$2" --input "$work/wx_input.h5" --output "$work/never.h5"
  ) >"$work/log.txt" 2>&1 || code=$?
  if [[ $code -ne 1 || -e $work/never.h5 ]] || ! grep -qF "$2: " "$work/log.txt"; then
    echo "$2 on $1 rank(s): code $code, and not refused by name:" >&2
    cat "$work/log.txt" >&2
    exit 1
  fi
  refused=$((refused + 1))
}
for file in "$fixtures"/hostile/*; do
  refuse 1 "$file"
done
for name in os_system.pt bit_flipped.pt truncated_half.pt overlap.safetensors; do
  refuse 2 "$fixtures/hostile/$name"
done
echo "$refused times a hostile file was refused"
