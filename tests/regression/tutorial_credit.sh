#!/usr/bin/env bash
# The commands of docs/tutorial_credit.md, in their order, on a run folder of CREDIT's first generation; and what the page
# says of their results.
# needs: netcdf
set -euo pipefail
. "$ROSSBY_SOURCE/scripts/env.sh"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
page="$ROSSBY_SOURCE/docs/tutorial_credit.md"
mkdir credit_run
cp "$ROSSBY_TORCH_FIXTURES"/cf_gen1_fsdp/* "$ROSSBY_DECK_FIXTURES/credit_run/model.yml" credit_run
cp "$ROSSBY_DECK_FIXTURES/credit_run/input.h5" .
chmod -R u+w .
"$ROSSBY_PROGRAM" make-data credit_run/model.yml --records 12 >make_data.txt

# The page's blocks as one script that stops at the first failure and shows each command.
{
  echo 'set -euxo pipefail'
  echo 'rossby() { "$ROSSBY_PROGRAM" "$@"; }'
  sed -n '/^```sh$/,/^```$/p' "$page" | grep -v '^```'
} >commands.sh
[ "$(grep -c '^rossby' commands.sh)" -ge 9 ] || { echo "only $(grep -c '^rossby' commands.sh) commands on the page" >&2; exit 1; }
bash commands.sh >output.txt 2>&1 || { cat output.txt >&2; echo "a command of the page fails" >&2; exit 1; }

"$ROSSBY_PYTHON" - "$ROSSBY_DECK_FIXTURES/credit_run/output.h5" <<'PY'
import glob
import sys
import h5py
import netCDF4
import numpy as np
with h5py.File("output.h5") as ours, h5py.File(sys.argv[1]) as theirs:
    x, y = ours["output"][()].reshape(-1), theirs["output"][()].reshape(-1)
    worst = np.abs(x - y).max()
    assert worst < 2e-5, f"rossby apply and CREDIT differ by {worst}"
files = sorted(glob.glob("forecasts/*/*.nc"))
assert len(files) == 4, files
with netCDF4.Dataset(files[-1]) as f:
    assert f["t2m"].units == "K" and f["SP"].standard_name == "surface_air_pressure"
    assert np.isfinite(f["U"][:]).all()
lines = open("runs/on/training_log.csv").read().splitlines()
assert len(lines) >= 2 and len(open("runs/on/training_steps.csv").read().splitlines()) >= 3
PY
[ -s back/checkpoint.pt ] || { echo "no back/checkpoint.pt" >&2; exit 1; }
