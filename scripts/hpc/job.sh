# What the job scripts of this folder share; sourced by them.
#
# rossby train ends with code 3 when a signal stopped it before it was done: it has saved, and there is more to do. A
# job script sees to it that the batch system sends SIGTERM some minutes before the time is over, and calls
#   train_in_job RUN DECK LAUNCHER…
# which goes on where RUN (the deck's save_loc) was left, and queues the job again on code 3. A job that left no new
# checkpoint is not queued again: it would come back for ever.

ROSSBY="${ROSSBY:-rossby}"

train_in_job() {
  local run="$1" deck="$2" resume=() before='' code=0
  shift 2
  if [ -e "$run/checkpoint.h5" ]; then
    resume=(--resume)
    before="$(stat -c '%Y %i' "$run/checkpoint.h5")"
  fi
  "$@" "$ROSSBY" train "$deck" "${resume[@]}" || code=$?
  if [ "$code" -ne 3 ]; then
    return "$code"
  fi
  if [ "$(stat -c '%Y %i' "$run/checkpoint.h5" 2>/dev/null)" = "$before" ]; then
    echo "job: stopped before a new checkpoint was written; not queued again: ask for more time" >&2
    return 3
  fi
  queue_again
}

queue_again() {
  if [ -n "${SLURM_JOB_ID:-}" ]; then
    scontrol requeue "$SLURM_JOB_ID"
  elif [ -n "${PBS_JOBID:-}" ]; then
    # PBS runs a copy of the script: the job names its own file.
    qsub "${JOB_SCRIPT:?set JOB_SCRIPT to the path of the job script}"
  else
    echo "job: neither Slurm nor PBS is here; start the job again to go on" >&2
    return 3
  fi
}
