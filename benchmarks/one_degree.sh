#!/usr/bin/env bash
# The one-degree WXFormer in Rossby (one rank, two that share a sample, two with a sample each) and in PyTorch (one thread
# and two), in float32 and in mixed precision, taking turns so that both see the same machine.
#   benchmarks/one_degree.sh [rounds]
# Needs a Python with PyTorch and PyYAML: Debian's python3-torch and python3-yaml, or another one named in TORCH_PYTHON.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
scripts/setup.sh run
rounds="${1:-3}"
python="${TORCH_PYTHON:-$ROSSBY_PYTHON}"
"$python" -c 'import torch, yaml' 2>/dev/null || {
  echo "one_degree: $python has no PyTorch or no PyYAML; apt-get install python3-torch python3-yaml, or set TORCH_PYTHON" >&2
  exit 1
}
build=build/bench
cmake --preset release -B "$build" -DROSSBY_ENABLE_BENCHMARKS=ON >/dev/null
cmake --build "$build" --target step_bench --parallel "$ROSSBY_JOBS" | tail -n 1

deck=inputs/wxformer_1deg.yml
lines="$build/one_degree.jsonl"
: >"$lines"
# Pinned, and without giving the core away while waiting: nothing else is to run.
rossby() { mpirun --bind-to core --mca mpi_yield_when_idle 0 -n "$1" "$build/benchmarks/step_bench" "$deck" 1 1 "${@:2}" >>"$lines"; }
for ((round = 1; round <= rounds; ++round)); do
  for amp in false true; do
    for cores in 1 2; do
      echo "round $round of $rounds, $cores core(s), amp: $amp"
      OMP_NUM_THREADS=$cores OPENBLAS_NUM_THREADS=$cores "$python" -B benchmarks/torch_bench.py "$deck" 1 1 "$amp" >>"$lines"
      rossby "$cores" "trainer.parallelism.domain=$cores" "trainer.amp=$amp"
    done
    rossby 2 trainer.parallelism.data=ddp "trainer.amp=$amp"
  done
done
echo
"$python" -B benchmarks/report.py "$deck" "$lines"
