#!/usr/bin/env bash
# How a run goes on: from what is sound, whole or not at all, with the settings that it had, and never silently otherwise.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
train=("$rossby" train deck.yml --set trainer.batches_per_epoch=2 --set trainer.valid_batches_per_epoch=1
  --set data.forecast_len=1 --set validation_data.forecast_len=1 --set trainer.scheduler.T_max=9)
run=runs/tiny
expect_success "preprocess" "$rossby" preprocess deck.yml
cp deck.yml deck_before.yml
expect_success "a good run" "${train[@]}" --set trainer.epochs=2
cp -r runs good_runs
restore_runs() { rm -rf runs && cp -rp good_runs runs; }
says() { # NAME PATTERN: the output of the command before has such a line
  grep -qE -- "$2" output.txt || complain "$1" "no line matches '$2'"
}
epochs() { echo $(($(wc -l <"$run/training_log.csv") - 1)); }
third=(--resume --set trainer.epochs=3)

# What a run of three epochs in one job leaves.
rm -rf runs && cp -rp good_runs runs && rm "$run"/*.h5 "$run"/*.csv
expect_success "three epochs at once" "${train[@]}" --set trainer.epochs=3
cp -r runs whole_runs
restore_runs
expect_success "one epoch more" "${train[@]}" "${third[@]}"
says "one epoch more" "resuming from runs/tiny/checkpoint.h5"
for file in training_log.csv training_steps.csv; do
  cmp -s "$run/$file" "whole_runs/tiny/$file" || complain "one epoch more" "$file differs from that of one job"
done

# Damage that makes a part look absent, or takes away what it is compared with.
while IFS='|' read -r name code; do
  restore_runs
  python "
with h5py.File('$run/checkpoint.h5', 'a') as f:
    $code"
  expect_success "$name" "${train[@]}" "${third[@]}"
  says "$name" "going on from runs/tiny/backup_checkpoint.h5"
  says "$name" "damaged"
  [ "$(epochs)" = 3 ] || complain "$name" "there are $(epochs) epochs in the log"
  cmp -s "$run/training_log.csv" whole_runs/tiny/training_log.csv || complain "$name" "the log is another"
  [ -e "$run/damaged_checkpoint.h5" ] || complain "$name" "the damaged file is gone"
  restore_runs
  python "
with h5py.File('$run/checkpoint.h5', 'a') as f:
    $code"
  rm "$run/backup_checkpoint.h5"
  before="$(find "$run" -type f -exec sha256sum {} + | sort)"
  expect_failure "$name, no backup" "checkpoint.h5
damaged" "${train[@]}" "${third[@]}"
  [ "$(find "$run" -type f -exec sha256sum {} + | sort)" = "$before" ] || complain "$name, no backup" "files changed"
done <<'CASES'
averages that are gone|del f['ema']
one average that is gone|del f['ema/up_block4.0.bias']
the moments of one parameter gone|del f['optimizer/up_block4.0.bias']
a checksum that is gone|del f['model/up_block4.0.bias'].attrs['checksum']
a value and its checksum gone|f['model/up_block4.0.bias'][0] = 7; del f['model/up_block4.0.bias'].attrs['checksum']
a group under another name|f.move('ema', 'emb')
a dataset more|f['model/extra'] = 1.0
the list of contents gone|del f['contents']
the seal gone|del f['contents']; del f.attrs['sealed']
a link to another file|del f['ema']; f['ema'] = h5py.ExternalLink('backup_checkpoint.h5', '/ema')
a row of the log|del f['trainer/log']
CASES

# Of the version before there is no seal, and its log has all rows and no header.
restore_runs
python "
with h5py.File('$run/checkpoint.h5', 'a') as f:
    del f['contents'], f['settings'], f['trainer/log'], f.attrs['sealed']
    f.attrs['rossby_checkpoint'] = np.int64(1)
    rows = open('$run/training_log.csv').read().split('\n', 1)[1]
    f['trainer/log'] = np.array(rows.encode(), dtype='S%d' % (len(rows) + 1))
    def mix(x):
        x = ((x ^ (x >> 30)) * 0xbf58476d1ce4e5b9) % 2**64
        x = ((x ^ (x >> 27)) * 0x94d049bb133111eb) % 2**64
        return x ^ (x >> 31)
    bits = [int(np.float64(b).view(np.uint64)) for b in rows.encode()]
    total = sum(mix((b + mix((i + 1) * 0x9e3779b97f4a7c15 % 2**64)) % 2**64) for i, b in enumerate(bits)) % 2**64
    f['trainer/log'].attrs['checksum'] = np.int64(np.uint64(total).view(np.int64))"
rm "$run/training_log.csv"
expect_success "a checkpoint of the version before" "${train[@]}" "${third[@]}"
says "a checkpoint of the version before" "no seal"
cmp -s "$run/training_log.csv" whole_runs/tiny/training_log.csv || complain "the version before" "the log is another"

# Without its checkpoint.
restore_runs && rm "$run/checkpoint.h5"
expect_success "the checkpoint is gone" "${train[@]}" "${third[@]}"
says "the checkpoint is gone" "is gone; going on from runs/tiny/backup_checkpoint.h5"
cmp -s "$run/training_log.csv" whole_runs/tiny/training_log.csv || complain "the checkpoint is gone" "the log is another"
restore_runs && rm "$run/checkpoint.h5" "$run/backup_checkpoint.h5"
expect_failure "both are gone" "checkpoint.h5
is gone" "${train[@]}" "${third[@]}"
cmp -s "$run/best_checkpoint.h5" good_runs/tiny/best_checkpoint.h5 || complain "both are gone" "the best checkpoint has changed"
expect_failure "a folder without a run" "no run has been in this folder" "${train[@]}" --resume --set save_loc=runs/none
restore_runs && rm "$run"/*.h5 "$run"/*.csv
expect_success "stopped before the first checkpoint" "${train[@]}" "${third[@]}"
says "stopped before the first checkpoint" "begins anew"

# With other settings than the run's.
while IFS='|' read -r name pattern code; do
  restore_runs
  cp deck_before.yml deck.yml
  rm -rf data && cp -r good_data data
  python "$code
"
  before="$(find "$run" -name '*.json' -prune -o -type f -exec sha256sum {} + | sort)"
  expect_failure "$name" "$pattern
--allow-changes" "${train[@]}" "${third[@]}"
  [ "$(find "$run" -name '*.json' -prune -o -type f -exec sha256sum {} + | sort)" = "$before" ] || complain "$name" "files changed"
  expect_success "$name, allowed" "${train[@]}" "${third[@]}" --allow-changes
  says "$name, allowed" "$pattern"
  [ "$(epochs)" = 3 ] || complain "$name, allowed" "there are $(epochs) epochs in the log"
done <<'CASES'
another decay|trainer.weight_decay: 0.5, was 0.01|s = open('deck.yml').read(); open('deck.yml', 'w').write(s.replace('weight_decay: 0.01', 'weight_decay: 0.5'))
another loss|loss.training_loss: mae, was mse|s = open('deck.yml').read(); open('deck.yml', 'w').write(s.replace('training_loss: mse', 'training_loss: mae'))
a schedule more|trainer.scheduler.eta_min: 0.0001, was absent|s = open('deck.yml').read(); open('deck.yml', 'w').write(s.replace('    T_max: 3', '    T_max: 3\n    eta_min: 0.0001'))
other dates|data.end_datetime: 2000-01-07, was 2000-01-08T18:00|s = open('deck.yml').read(); open('deck.yml', 'w').write(s.replace('end_datetime: 2000-01-08T18:00', 'end_datetime: 2000-01-07'))
another batch|train_batch_size times data ranks: 3, was 2|s = open('deck.yml').read(); open('deck.yml', 'w').write(s.replace('train_batch_size: 2', 'train_batch_size: 3'))
another scaler|scaler_path .content. has changed|s = open('runs/tiny/scaler.json').read(); open('runs/tiny/scaler.json', 'w').write(s + '\n')
another orography|static.path .content. has changed|f = netCDF4.Dataset('data/tiny/static.nc', 'a'); f['height'][0, 0] = 7; f.close()
CASES
restore_runs
cp deck_before.yml deck.yml
rm -rf data && cp -r good_data data
expect_success "more patience, other workers, 0.002 for 2.0e-3" "${train[@]}" "${third[@]}" --set trainer.stopping_patience=7 \
  --set trainer.thread_workers=1 --set trainer.learning_rate=0.002 --set trainer.save_every_epoch=true
says "more patience" "resuming"
# The folder tells what was run.
expect_success "another decay from here on" "${train[@]}" --resume --set trainer.epochs=4 --set trainer.weight_decay=0.5 --allow-changes
grep -q "weight_decay: 0.5" "$run/model.yml" || complain "model.yml" "it is not the deck of the last job"
grep -q "weight_decay: 0.01" "$run/model_until_step_6.yml" || complain "model_until_step_6.yml" "it is not the deck before"
finish
