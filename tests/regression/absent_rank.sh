#!/usr/bin/env bash
# A rank that never joins a call ends the job soon, with messages that say who waits where.
# needs: mpi netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
absent="$ROSSBY_TEST_PROGRAMS/absent_rank"
export ROSSBY_COMM_TIMEOUT=1

expect_failure "a collective" "rank 0 of 3 of group 'data' has waited .* in 'all_reduce' \(8000 bytes
rank 1 of 3 of group 'data' has waited .* in 'all_reduce'
ROSSBY_COMM_TIMEOUT" mpirun -np 3 "$absent" collective
expect_failure "a started collective" "rank 0 of 2 of group 'tensor' has waited .* in 'all_reduce'" mpirun -np 2 "$absent" started
expect_failure "an exchange" "rank 0 of 2 of group 'domain' has waited .* in 'exchange'" mpirun -np 2 "$absent" exchange
expect_failure "messages between devices" "rank 0 of 2 of group 'data' has waited .* in 'all_reduce' \(8000 bytes" mpirun -np 2 "$absent" device

# The program itself, with a rank that stops in the middle of its work.
expect_success "preprocess" "$ROSSBY_PROGRAM" preprocess deck.yml
cat >each.sh <<'END'
echo $$ >pid.$OMPI_COMM_WORLD_RANK
exec "$ROSSBY_PROGRAM" train deck.yml --set save_loc="$1" --set trainer.epochs="$2"
END
under_way() { # FOLDER
  for _ in $(seq 600); do
    [ "$(wc -l 2>/dev/null <"$1/training_steps.csv" || echo 0)" -gt 2 ] && break
    sleep 0.1
  done
}
export ROSSBY_COMM_TIMEOUT=3
{ under_way runs/stops && kill -STOP "$(cat pid.1)"; } &
expect_failure "a rank that stops" "rank 0 of 2 of group '.*' has waited .* in '" mpirun -np 2 bash each.sh runs/stops 500
wait
# A job that is suspended for longer than the limit goes on.
{ under_way runs/rests && kill -STOP "$(cat pid.0)" "$(cat pid.1)" && sleep 5 && kill -CONT "$(cat pid.0)" "$(cat pid.1)"; } &
expect_success "a job that is suspended" mpirun -np 2 bash each.sh runs/rests 1
wait

for bad in soon -1 1e999; do
  ROSSBY_COMM_TIMEOUT=$bad expect_failure "a limit of '$bad'" "ROSSBY_COMM_TIMEOUT: '$bad' is not a number of seconds" mpirun -np 2 "$ROSSBY_PROGRAM" --version
done
ROSSBY_COMM_TIMEOUT=0 expect_success "no limit" mpirun -np 2 "$ROSSBY_PROGRAM" --version
finish
