#!/usr/bin/env bash
# Decks and command lines that can't be right.
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"

expect_failure "no command" "subcommand" "$rossby"
expect_failure "an unknown command" "trian" "$rossby" trian deck.yml
expect_failure "no deck" "deck is required" "$rossby" check
expect_failure "a deck that is not there" "no.yml: can't be opened" "$rossby" info no.yml
expect_failure "a folder as deck" "directory" "$rossby" info data
expect_failure "an empty deck" "/dev/null: is empty" "$rossby" info /dev/null
printf 'model: [1, 2\nb: 3\n' >broken.yml
expect_failure "broken YAML" "broken.yml: is not valid YAML at line" "$rossby" info broken.yml
head -c 4000 /dev/urandom >noise.yml
expect_failure "noise as a deck" "noise.yml" "$rossby" info noise.yml
expect_failure "an override without a value" "key=value" "$rossby" check deck.yml --set trainer.epochs
expect_failure "a key given twice" "save_loc: is given twice: at twice.yml line 5 and at twice.yml line" \
  bash -c "(cat deck.yml | sed 's/^save_loc/# one line more\nsave_loc/'; echo 'save_loc: x') >twice.yml; exec '$rossby' info twice.yml"

# All problems at once, each with what would fit.
expect_failure "several mistakes" "trainer.grad_acum_every
did you mean 'grad_accum_every'
model.dim
use \[8, 16, 32, 64\]
loss.training_loss
FAIL: 4 error" "$rossby" check deck.yml --set trainer.grad_acum_every=1 --set 'model.dim=[8, 16, 30, 64]' \
  --set loss.training_loss=msee --set trainer.train_batch_size=0

# Ranks that can't share the work, and ranks that don't agree.
expect_failure "ranks that don't divide" "trainer.parallelism
multiple of 2 ranks; this run has 3" "$rossby" check deck.yml -n 3 --set trainer.parallelism.domain=2
expect_failure "more ranks than work" "trainer.parallelism.data: is 'none'|is 'none', so only" \
  "$rossby" check deck.yml -n 2 --set trainer.parallelism.data=none
if has_mpi; then
  for rank in 0 1 2; do # folders of the ranks
    mkdir "r$rank"
    cp deck.yml "r$rank/"
  done
  # The command line that each rank gets from `each`, in the folder of the rank.
  each() { printf 'rank=$OMPI_COMM_WORLD_RANK; cd r$rank; exec "%s" %s\n' "$rossby" "$1" >each.sh; }
  sed -i 's/^seed: .*/seed: 11/' r1/deck.yml r2/deck.yml
  each 'info deck.yml'
  expect_failure "ranks with different decks" "deck.yml: ranks 1, 2 of 3 have another deck than rank 0
give all ranks the same files" mpirun -np 3 bash each.sh
  rm r1/deck.yml
  expect_failure "a rank without the deck" "rank 1 could not read it|deck.yml: can't be opened" \
    mpirun -np 3 bash each.sh
  each '$([ $rank = 2 ] && echo check || echo info) ../deck.yml'
  expect_failure "ranks with different command lines" "rossby: rank 2 of 3 has another command line than rank 0
start all ranks with the same arguments" mpirun -np 3 bash each.sh
fi

# Nothing of this leaves a trace.
[ ! -e runs ] || complain "traces" "the folder runs was made"
finish
