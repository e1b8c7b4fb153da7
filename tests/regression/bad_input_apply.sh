#!/usr/bin/env bash
# Files that `rossby apply` can't use: each is named with the dataset and what would fit, and no output is left.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"

# make_input FILE CHANNELS ROWS [DATASET]
make_input() {
  python "
name, channels, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
values = np.random.default_rng(0)
with h5py.File(name, 'w') as f:
    f[sys.argv[4]] = values.standard_normal((2, channels, 1, rows, 64))
    f['target'] = values.standard_normal((2, 9, 1, 32, 64))
    f['latitude'] = np.linspace(87, -87, 32)" "$1" "$2" "$3" "${4:-input}"
}
# refused NAME PATTERN ARGUMENT...
refused() {
  local name="$1" pattern="$2"
  shift 2
  expect_failure "$name" "$pattern" "$rossby" apply deck.yml --output y.h5 "$@"
  [ ! -e y.h5 ] || complain "$name" "an output was left"
  ! compgen -G "y.h5?*" >/dev/null || complain "$name" "an unfinished output was left: $(ls)"
  rm -f y.h5*
}

expect_success "preprocess" "$rossby" preprocess deck.yml
expect_success "weights" "$rossby" train deck.yml --set trainer.epochs=1 --set trainer.batches_per_epoch=1 \
  --set trainer.skip_validation=true
cp runs/tiny/checkpoint.h5 w.h5
make_input x.h5 10 32
expect_success "apply" "$rossby" apply deck.yml --weights w.h5 --input x.h5 --output good.h5 --gradients --dtype float64
python "
with h5py.File('good.h5') as f:
    assert f['output'].shape == (2, 9, 1, 32, 64) and np.isfinite(f['output'][:]).all() and np.isfinite(f['loss'][()])
    assert len(f['grad']) > 100" || complain "apply" "its output is not what it should be"

(
  flock -n 9 || exit 1
  expect_failure "an output that another program writes" "y.h5: another program is writing there" \
    "$rossby" apply deck.yml --weights w.h5 --input x.h5 --output y.h5
  exit "$failures"
) 9>y.h5.lock || failures=$((failures + 1))
rm -f y.h5*

refused "no weights" "gone.h5" --weights gone.h5 --input x.h5
refused "no input" "gone.h5" --weights w.h5 --input gone.h5
: >empty.h5
seq 2000 >text.h5
head -c 3000 x.h5 >half_x.h5
head -c 100000 w.h5 >half_w.h5
for bad in empty text half_w; do refused "$bad as weights" "$bad.h5" --weights $bad.h5 --input x.h5; done
for bad in empty text half_x; do refused "$bad as input" "$bad.h5" --weights w.h5 --input $bad.h5; done
refused "weights of another model" "up_block4.0.bias|layers.0.0.convs.0.1.bias
\[4\].*\[8\]" --weights w.h5 --input x.h5 --set 'model.dim=[16, 32, 64, 128]'
refused "an input file as weights" "x.h5" --weights x.h5 --input x.h5
make_input channels.h5 11 32
refused "another number of channels" "channels.h5: /input
\[2, 11, 1, 32, 64\]
\[2, 10, 1, 32, 64\]" --weights w.h5 --input channels.h5
make_input rows.h5 10 48
refused "another grid" "rows.h5: /input
\[2, 10, 1, 32, 64\]" --weights w.h5 --input rows.h5
make_input name.h5 10 32 data
refused "no /input" "name.h5: /input
no such dataset" --weights w.h5 --input name.h5
cp x.h5 nan.h5
python "
with h5py.File('nan.h5', 'a') as f: f['input'][1, 3, 0, 5, 6] = np.nan"
refused "NaN in the input" "nan.h5: /input
not finite" --weights w.h5 --input nan.h5
cp x.h5 blind.h5
python "
with h5py.File('blind.h5', 'a') as f: del f['target']"
refused "gradients without a target" "blind.h5: /target" --weights w.h5 --input blind.h5 --gradients
cp x.h5 latitude.h5
python "
with h5py.File('latitude.h5', 'a') as f:
    del f['latitude']
    f['latitude'] = np.zeros(7)"
refused "latitudes of another grid" "latitude.h5: /latitude
7 values for 32 rows" --weights w.h5 --input latitude.h5 --gradients
refused "a type that nobody knows" "float16" --weights w.h5 --input x.h5 --dtype float16

cp x.h5 before.h5
expect_failure "the input as output" "--output" "$rossby" apply deck.yml --weights w.h5 --input x.h5 --output ./x.h5
cmp -s x.h5 before.h5 || complain "the input as output" "the input is gone"
expect_failure "an output in a folder that is not there" "nowhere/y.h5" "$rossby" apply deck.yml --weights w.h5 --input x.h5 --output nowhere/y.h5
cp good.h5 y.h5
python "
with h5py.File('large.h5', 'w') as f: f['input'] = np.zeros((40, 10, 1, 32, 64))" # 6 MB of output; MPI's own files need 4 MB
expect_failure "a full disk" "y.h5" bash -c "trap '' XFSZ; ulimit -f 4500; exec '$rossby' apply deck.yml --weights w.h5 --input large.h5 --output y.h5 --dtype float64"
cmp -s y.h5 good.h5 || complain "a full disk" "the older output is gone"
rm y.h5
if has_mpi; then
  expect_success "apply on two ranks" mpirun -np 2 "$rossby" apply deck.yml --weights w.h5 --input x.h5 --output two.h5 --dtype float64
  python "
with h5py.File('good.h5') as a, h5py.File('two.h5') as b:
    assert np.abs(a['output'][:] - b['output'][:]).max() <= 1e-12 * np.abs(a['output'][:]).max()" ||
    complain "apply on two ranks" "its output differs from one rank's"
  expect_failure "NaN on two ranks" "nan.h5: /input" mpirun -np 2 "$rossby" apply deck.yml --weights w.h5 --input nan.h5 --output y.h5
fi
finish
