#!/usr/bin/env bash
# The job scripts, under stand-ins for the batch systems and launchers: a run that was stopped is queued again and goes
# on with --resume; one that failed, finished, or saved nothing is not.
set -euo pipefail

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/bin" "$scratch/job/runs/deck" "$scratch/job/scripts"
cp -r "$ROSSBY_SOURCE/scripts/hpc" "$scratch/job/scripts/"
cd "$scratch/job"
# Launchers run what follows their options once; batch systems write down what they are asked.
cat >"$scratch/bin/launcher" <<'END'
#!/usr/bin/env bash
while [ $# -gt 0 ] && [ "$1" != rossby ]; do shift; done
exec "$@"
END
for name in srun mpiexec; do cp "$scratch/bin/launcher" "$scratch/bin/$name"; done
cat >"$scratch/bin/scontrol" <<'END'
#!/usr/bin/env bash
echo "$(basename "$0") $*" >>queued
END
cp "$scratch/bin/scontrol" "$scratch/bin/qsub"
cat >"$scratch/bin/rossby" <<'END'
#!/usr/bin/env bash
echo "rossby $*" >>ran
[ ! -e saves ] || { rm -f runs/deck/checkpoint.h5 && echo $RANDOM >runs/deck/new && mv runs/deck/new runs/deck/checkpoint.h5; }
exit "$(cat code)"
END
chmod +x "$scratch/bin"/*
module() { :; }
export -f module
export PATH="$scratch/bin:$PATH" PBS_O_WORKDIR="$scratch/job" SLURM_JOB_NUM_NODES=2

# job SCRIPT CODE SAVES: runs a job script whose training ends with CODE, leaving a new checkpoint or none.
job() {
  local script="$1" status=0
  rm -f ran queued saves
  echo "$2" >code
  [ "$3" = no ] || touch saves
  bash "scripts/hpc/$script" >log 2>&1 || status=$?
  touch queued
  echo "$status"
}
expect() {
  [ "$2" = "$3" ] || {
    printf '%s: %s, not %s\n' "$1" "$2" "$3" >&2
    cat log >&2
    exit 1
  }
}
for path in scripts/hpc/*.pbs scripts/hpc/*.slurm; do
  script="$(basename "$path")"
  unset SLURM_JOB_ID PBS_JOBID
  case "$script" in
    *.slurm)
      export SLURM_JOB_ID=17
      again="scontrol requeue 17"
      ;;
    *.pbs)
      export PBS_JOBID=17
      again="qsub $scratch/job/scripts/hpc/$script"
      ;;
  esac
  rm -f runs/deck/checkpoint.h5
  expect "$script, stopped: code" "$(job "$script" 3 yes)" 0
  expect "$script, stopped: first run" "$(cat ran)" "rossby train deck.yml"
  expect "$script, stopped: queue" "$(cat queued)" "$again"
  expect "$script, again: code" "$(job "$script" 0 yes)" 0
  expect "$script, again: run" "$(cat ran)" "rossby train deck.yml --resume"
  expect "$script, finished: queue" "$(cat queued)" ""
  expect "$script, failed: code" "$(job "$script" 1 yes)" 1
  expect "$script, failed: queue" "$(cat queued)" ""
  expect "$script, nothing saved: code" "$(job "$script" 3 no)" 3
  expect "$script, nothing saved: queue" "$(cat queued)" ""
  echo "$script: as expected"
done
