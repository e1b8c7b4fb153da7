#!/usr/bin/env bash
# The one-degree WXFormer in Rossby (one and two data-parallel ranks) and in PyTorch (one and two threads), taking turns
# so that both see the same machine.
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
for ((round = 1; round <= rounds; ++round)); do
  for cores in 1 2; do
    echo "round $round of $rounds, $cores core(s)"
    OMP_NUM_THREADS=$cores OPENBLAS_NUM_THREADS=$cores "$python" -B benchmarks/torch_bench.py "$deck" 1 1 >>"$lines"
    mpirun -n "$cores" "$build/benchmarks/step_bench" "$deck" 1 1 >>"$lines"
  done
done
echo
"$python" -B benchmarks/report.py "$deck" "$lines"
