#!/usr/bin/env bash
# From a fresh Debian 12 to a trained model, its forecasts, their scores and pictures: monthly winds, two ranks.
# What is done is not done again; an interrupted training goes on where it was.
#   scripts/quickstart.sh [--set a.b=c ...]
# Settings override keys of the deck, for instance --set trainer.epochs=2. ROSSBY_RANKS=1 uses one core.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
deck=inputs/winds.yml
run=runs/winds
rossby=build/release/rossby
ranks="${ROSSBY_RANKS:-2}"
settings=("$@")
began=$SECONDS

say() { printf '\n== %s (%d:%02d)\n' "$1" $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)); }

# step NAME COMMAND...: runs the command unless it has succeeded before with this deck and these settings.
mkdir -p "$run/.quickstart"
step() {
  local name="$1" key
  shift
  key="$({ cat "$deck" && printf '%s\n' "${settings[@]}"; } | sha256sum)"
  if [ "$(cat "$run/.quickstart/$name" 2>/dev/null)" = "$key" ]; then
    echo "$name: done before"
    return
  fi
  "$@"
  echo "$key" >"$run/.quickstart/$name"
}
on_ranks() { mpirun -n "$ranks" "$rossby" "$@" "${settings[@]}"; }

say "set-up"
scripts/setup.sh run
say "building the program (log in build/release.log)"
mkdir -p build
if ! { cmake --preset release && cmake --build --preset release --parallel "$ROSSBY_JOBS"; } >build/release.log 2>&1; then
  tail -n 30 build/release.log >&2
  echo "quickstart: the build failed" >&2
  exit 1
fi
say "data"
scripts/fetch_winds.sh

say "preprocessing"
step preprocess on_ranks preprocess "$deck"
"$rossby" check "$deck" "${settings[@]}"

train() {
  if [ -e "$run/checkpoint.h5" ]; then
    on_ranks train "$deck" --resume
  else
    on_ranks train "$deck"
  fi
}
say "training"
step train train
say "forecasts"
step forecast on_ranks forecast "$deck"
say "verification"
verify() { on_ranks verify "$deck" | sed -n '/^RMSE/,/^\* best/p' >"$run/scores.txt"; }
step verify verify
say "pictures"
step plots "$ROSSBY_PYTHON" -B tools/plot.py "$deck"

echo
cat "$run/scores.txt"
echo
echo "Forecasts  $run/forecast"
echo "Pictures   $run/plots"
ls "$run/plots" | sed 's/^/             /'
echo
echo "Try next: other months and lead times,"
echo "  tools/plot.py $deck --init 1991-07-18T17:00 --steps 1 2 3"
echo "or another seed,"
echo "  mpirun -n $ranks $rossby train $deck --set seed=1 --set save_loc=runs/winds1"
printf '\nAll in %d min %d s.\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60))
