#!/usr/bin/env bash
# The one-degree WXFormer on meshes of two and four ranks: strong scaling from one rank to two, memory, bytes sent.
#   benchmarks/meshes.sh [pairs]
# Each pair is a run on one rank and a run on two, one after the other, each rank pinned to a core of its own.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
scripts/setup.sh run
pairs="${1:-5}"
build=build/bench
cmake --preset release -B "$build" -DROSSBY_ENABLE_BENCHMARKS=ON >/dev/null
cmake --build "$build" --target step_bench --parallel "$ROSSBY_JOBS" | tail -n 1

deck=inputs/wxformer_1deg.yml
# Pinned, and without giving the core away while waiting: nothing else is to run.
pinned() { mpirun --bind-to core --mca mpi_yield_when_idle 0 -n "$1" "$build/benchmarks/step_bench" "$deck" 1 1 "${@:2}"; }
crowded() { mpirun -n "$1" "$build/benchmarks/step_bench" "$deck" 0 1 "${@:2}"; }

declare -A mesh=(
  [domain]="trainer.parallelism.domain=2"
  [data]="trainer.parallelism.data=ddp"
  [fsdp2]="trainer.parallelism.data=fsdp2"
  [tensor]="trainer.parallelism.tensor=2 trainer.tensor_whole=[0]"
)
for kind in domain data fsdp2 tensor; do
  for ((pair = 1; pair <= pairs; ++pair)); do
    echo "$kind, pair $pair of $pairs" >&2
    # shellcheck disable=SC2086
    { pinned 1 && pinned 2 ${mesh[$kind]}; } | "$ROSSBY_PYTHON" -c "
import json, sys
one, two = map(json.loads, sys.stdin)
speed = lambda key: two['samples'] * min(one[key]) / min(two[key])
print('$kind', f\"{speed('step_s'):.3f} {speed('forecast_s'):.3f} {min(one['step_s']):.3f} {min(two['step_s']):.3f}\")"
  done
done | tee "$build/scaling.txt" | "$ROSSBY_PYTHON" -c '
import statistics, sys
runs = {}
for line in sys.stdin:
    kind, *numbers = line.split()
    runs.setdefault(kind, []).append([float(n) for n in numbers])
print("\n| one rank to two | step: times faster | forecast | step s, one rank | step s, two |")
print("|---|---|---|---|---|")
for kind, rows in runs.items():
    step, forecast, one, two = (statistics.median(column) for column in zip(*rows))
    print(f"| {kind} | {step:.2f} | {forecast:.2f} | {one:.2f} | {two:.2f} |")'

echo
echo "Memory and bytes, MiB: peak of a process, parameters with AdamW's moments, other arrays at their peak, sent a step"
for run in "1" "1 trainer.amp=true" "2 ${mesh[domain]}" "4 trainer.parallelism.domain=4" "2 ${mesh[fsdp2]}" "4 ${mesh[fsdp2]}" "2 ${mesh[tensor]}" "2 ${mesh[data]}"; do
  # shellcheck disable=SC2086
  crowded $run | "$ROSSBY_PYTHON" -c "
import json, sys
r = json.loads(sys.stdin.read())
print('$run', '|', r['peak_mib'], '|', r['stored_mib'], '|', r['other_arrays_mib'], '|', r['sent_mib'])"
done
