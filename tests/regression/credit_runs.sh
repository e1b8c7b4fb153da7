#!/usr/bin/env bash
# Runs of CREDIT go on here, and ours there. A run that goes through CREDIT's files half-way ends bit for bit where the
# straight run ends, on one rank and on two; forecasts take CREDIT's checkpoints; the fixtures' run folders of three
# kinds train alike; what can't be gone on with is refused, with nothing written.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
fixtures=$ROSSBY_TORCH_FIXTURES
common=(--set trainer.batches_per_epoch=2 --set trainer.epochs=4 --set trainer.scheduler.T_max=4)

# rossby RANKS COMMAND ARGUMENTS...: an expected success, by the tiny deck
rossby() {
  local start=()
  [ "$1" -eq 1 ] || start=(mpirun -np "$1")
  expect_success "$2 ${*:3}" "${start[@]}" "$ROSSBY_PROGRAM" "${@:2}"
}

# same FILE FILE [TOLERANCE [LESS...]]: all arrays of two checkpoints, to the bit or within a tolerance
same() {
  python '
first, second, tolerance, less = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:] + ["contents"] # checksums
with h5py.File(first) as a, h5py.File(second) as b:
    names = []
    a.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    others = []
    b.visititems(lambda name, item: others.append(name) if isinstance(item, h5py.Dataset) else None)
    assert [n for n in names if n not in less] == [n for n in others if n not in less], set(names) ^ set(others)
    for name in names:
        if name in less:
            continue
        x, y = a[name][()], b[name][()]
        if isinstance(x, bytes) or tolerance == 0:
            assert np.array(x).tobytes() == np.array(y).tobytes(), f"{first} and {second} differ in {name}"
        else:
            assert np.abs(x - y).max(initial=0) <= tolerance, f"{first} and {second} differ in {name}: {np.abs(x - y).max()}"
' "$1" "$2" "${3:-0}" "${@:4}" || { echo "FAIL: $1 and $2 should be the same" >&2; failures=$((failures + 1)); }
}

# as_credit FILE: without the key that Rossby adds to its torch files, as CREDIT itself would write them
as_credit() {
  python '
import os, zipfile
path = sys.argv[1]
with zipfile.ZipFile(path) as old, zipfile.ZipFile(path + ".new", "w", zipfile.ZIP_STORED) as new:
    for name in old.namelist():
        data = old.read(name)
        if name.endswith("/data.pkl"):
            assert data.count(b"rossby") >= 1
            data = data.replace(b"X\x06\0\0\0rossby", b"X\x06\0\0\0nobody")
        new.writestr(name, data)
os.replace(path + ".new", path)
' "$1"
}

rossby 1 preprocess deck.yml
rossby 1 train deck.yml "${common[@]}" --set save_loc=runs/straight
rossby 1 train deck.yml "${common[@]}" --set save_loc=runs/half --set trainer.num_epoch=2

# There: the files of a run of CREDIT. Back: nothing is lost, whichever way the moments are named, on any ranks.
mkdir credit
rossby 1 convert runs/half/checkpoint.h5 credit/checkpoint.pt
rossby 1 convert runs/half/best_checkpoint.h5 credit/best_checkpoint.pt
cp runs/half/training_log.csv runs/half/model.yml runs/half/channel_schema.yaml credit
[ -e credit/checkpoint_ema.pt ] || complain "averages" "there is no checkpoint_ema.pt"
rossby 1 convert credit/checkpoint.pt back.h5
same runs/half/checkpoint.h5 back.h5
rossby 1 convert --moments by-name runs/half/checkpoint.h5 by_name.pt
rossby 1 convert by_name.pt back_by_name.h5
same runs/half/checkpoint.h5 back_by_name.h5
if has_mpi; then
  mkdir two
  rossby 2 convert runs/half/checkpoint.h5 two/checkpoint.pt
  cmp two/checkpoint.pt credit/checkpoint.pt && cmp two/checkpoint_ema.pt credit/checkpoint_ema.pt ||
    complain "convert on two ranks" "it wrote other bytes"
  rossby 2 convert two/checkpoint.pt two/back.h5
  same runs/half/checkpoint.h5 two/back.h5
fi
expect_failure "an output that is there" "back.h5: is there already" "$ROSSBY_PROGRAM" convert credit/checkpoint.pt back.h5
(
  flock -n 9 || exit 1
  expect_failure "an output that another program writes" "locked.h5: another program is writing there" \
    "$ROSSBY_PROGRAM" convert credit/checkpoint.pt locked.h5
  exit "$failures"
) 9>locked.h5.lock || failures=$((failures + 1))
expect_failure "an output of no format" "says no format" "$ROSSBY_PROGRAM" convert credit/checkpoint.pt back.xyz
expect_failure "no deck" "no model.yml beside it" "$ROSSBY_PROGRAM" convert "$fixtures/cf_ddp" cf.h5

# Forecasts of CREDIT's checkpoint are those of ours, averaged and plain.
as_credit credit/checkpoint.pt
as_credit credit/best_checkpoint.pt
for weights in ema raw; do
  for checkpoint in runs/half/checkpoint.h5 credit/checkpoint.pt; do
    rossby 1 forecast deck.yml "${common[@]}" --set save_loc=runs/half --set inference.weights=$weights \
      --set inference.save_forecast="runs/$weights/$(basename "$checkpoint")" --checkpoint "$checkpoint" \
      --set inference.batch_forecast.last_init_date=2000-01-09
  done
  python '
files = [f"runs/{sys.argv[1]}/{name}/20000109_0000Z/full.nc" for name in ("checkpoint.h5", "checkpoint.pt")]
with netCDF4.Dataset(files[0]) as a, netCDF4.Dataset(files[1]) as b:
    for name in a.variables:
        assert np.array_equal(a[name][:], b[name][:]), name
' "$weights" || complain "forecasts with $weights weights" "they differ"
done
python '
with netCDF4.Dataset("runs/ema/checkpoint.pt/20000109_0000Z/full.nc") as a, \
     netCDF4.Dataset("runs/raw/checkpoint.pt/20000109_0000Z/full.nc") as b:
    assert not np.array_equal(a["u"][:], b["u"][:])' || complain "averages" "forecasts with and without are the same"

# On: with what CREDIT keeps, and no more, the run ends where the straight one ends.
rossby 1 train deck.yml "${common[@]}" --set save_loc=runs/on --resume-from-credit credit
same runs/straight/checkpoint.h5 runs/on/checkpoint.h5 0 deck trainer/forward
same runs/straight/best_checkpoint.h5 runs/on/best_checkpoint.h5 0 deck trainer/forward
cmp runs/straight/training_log.csv runs/on/training_log.csv || complain "training_log.csv" "it is another one"
if has_mpi; then
  rossby 2 train deck.yml "${common[@]}" --set save_loc=runs/on_two --resume-from-credit credit \
    --set trainer.train_batch_size=1 --set trainer.parallelism.data=fsdp2
  same runs/straight/checkpoint.h5 runs/on_two/checkpoint.h5 2e-2 deck trainer/forward trainer/log
fi
# In CREDIT's own folder, from its file converted before, and once more from the checkpoint that is then there.
cp -r credit runs/in_place
rossby 1 train deck.yml "${common[@]}" --set save_loc=runs/in_place --resume-from-credit runs/in_place
same runs/on/checkpoint.h5 runs/in_place/checkpoint.h5 0 deck
expect_failure "a folder with both" "holds a run of Rossby already" "$ROSSBY_PROGRAM" train deck.yml "${common[@]}" \
  --set save_loc=runs/in_place --resume-from-credit runs/in_place
mkdir runs/converted
rossby 1 convert credit runs/converted/checkpoint.h5
rossby 1 train deck.yml "${common[@]}" --set save_loc=runs/converted --resume
same runs/on/checkpoint.h5 runs/converted/checkpoint.h5 0 deck trainer/log trainer/history

# The run folders that CREDIT wrote: one model, three ways to save it, the same two steps.
"$ROSSBY_PYTHON" - "$fixtures" <<'PY'
import sys
import h5py
fixtures = sys.argv[1]
tiny = open("deck.yml").read()
head, rest = tiny.split("\nmodel:\n")
rest = rest[rest.index("\ntrainer:"):]
def deck(name, variables, trainer):
    with h5py.File(f"{fixtures}/expected_{name}.h5") as file:
        block = file.attrs["model_yaml"]
    text = head
    for old, new in variables:
        assert old in text, old
        text = text.replace(old, new)
    open(f"{name}.yml", "w").write(text + "\n" + block + rest)
deck("wx", [("vars_3D: [u, v, t]", "vars_3D: [u, v]"), ("vars_2D: [ps, t2m]", "vars_2D: [ps]")], "")
# Two frames, two levels of one variable, two at the surface; no static field, no diagnostic.
deck("cf", [("vars_3D: [u, v, t]", "vars_3D: [u]"), ("history_len: 1", "history_len: 2"),
            ("        diagnostic:\n          vars_2D: [rain]\n          path: data/tiny/state_%Y.nc\n", ""),
            ("        static:\n          vars_2D: [height]\n          path: data/tiny/static.nc\n", ""),
            ("    dry: # no negative rain\n      type: tracer_fixer\n      args:\n        tracer_vars: "
             "[Toy/diagnostic/2d/rain]\n        tracer_thres: 0\n", "")], "")
PY
steps=(--set trainer.batches_per_epoch=2 --set trainer.learning_rate=0.002)
scheduler="{scheduler_type: cosine-annealing-restarts, first_cycle_steps: 8, cycle_mult: 2.0, max_lr: 0.002,
  min_lr: 1.0e-5, warmup_steps: 2, gamma: 0.7}"
rossby 1 train wx.yml "${steps[@]}" --set trainer.epochs=6 --set trainer.scheduler="$scheduler" \
  --set save_loc=runs/wx --resume-from-credit "$fixtures/wx_ddp"
grep -q ",0.0018666952767655" <(sed -n 2p runs/wx/training_steps.csv) ||
  complain "learning rate" "it did not go on where CREDIT's was: $(cat runs/wx/training_steps.csv)"
for kind in ddp fsdp2 gen1_fsdp; do
  rossby 1 train cf.yml "${steps[@]}" --set trainer.epochs=4 --set trainer.scheduler.T_max=9 \
    --set trainer.use_ema=false --set save_loc="runs/cf_$kind" --resume-from-credit "$fixtures/cf_$kind"
  same runs/cf_ddp/checkpoint.h5 "runs/cf_$kind/checkpoint.h5" 0 deck trainer/loss_scaler
done

# What can't be gone on with.
refuse_run() { # refuse_run NAME PATTERN FOLDER ARGUMENTS...
  expect_failure "$1" "$2" "$ROSSBY_PROGRAM" train deck.yml "${common[@]}" --set save_loc=runs/never \
    --resume-from-credit "$3" "${@:4}"
  [ ! -e runs/never/checkpoint.h5 ] || complain "$1" "it left a checkpoint"
  rm -rf runs/never
}
refuse_run "no folder" "absent: is not there" absent
refuse_run "an empty folder" "holds no run of CREDIT" data
refuse_run "another model" "holds the weights of another model" "$fixtures/cf_ddp"
refuse_run "another schedule" "its scheduler is cosine-annealing, the deck's is linear-warmup-cosine" credit \
  --set trainer.scheduler="{scheduler_type: linear-warmup-cosine}"
refuse_run "weights alone" "holds no weights, but epoch" "$fixtures/cf_gen1_fsdp/checkpoint.pt"
mkdir broken && head -c 50000 credit/checkpoint.pt >broken/checkpoint.pt
refuse_run "a file that is cut" "broken/checkpoint.pt: is damaged" broken
cp credit/channel_schema.yaml broken && sed -i 's/tisr/other/' broken/channel_schema.yaml
cp credit/checkpoint.pt broken
refuse_run "another order of channels" "broken/channel_schema.yaml" broken
[ "$failures" -eq 0 ] && echo "runs go on, there and here"
finish
