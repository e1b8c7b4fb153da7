#!/usr/bin/env bash
# The program on every kind of mesh, in float64: training, forecasts (three for two data ranks), scores and a run that
# moves from mesh to mesh are those of one rank.
# needs: mpi netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
export OMPI_MCA_mpi_yield_when_idle=1 # ranks that wait leave the core to those that work
# Heads that two ranks can share in every stage.
common=(--set trainer.dtype=float64 --set model.dim_head=4 --set trainer.batches_per_epoch=3 --set trainer.epochs=2)

# on NAME RANKS DATA TENSOR DOMAIN BATCH COMMAND...: BATCH samples on each data rank
on() {
  local name="$1" ranks="$2"
  local mesh=(--set trainer.parallelism.data="$3" --set trainer.parallelism.tensor="$4"
    --set trainer.parallelism.domain="$5" --set trainer.train_batch_size="$6" --set trainer.valid_batch_size="$6")
  shift 6
  expect_success "$name: $1" mpirun -np "$ranks" "$rossby" "$1" deck.yml "${common[@]}" "${mesh[@]}" \
    --set save_loc="runs/$name" --set inference.save_forecast="runs/$name/forecast" "${@:2}"
}

# Numbers of two CSV files, forecasts of two folders.
same() {
  python '
import csv, pathlib
def numbers(path):
    rows = list(csv.reader(open(path)))
    def number(text):
        try:
            return float(text)
        except ValueError:
            return None
    return rows[0], np.array([[np.nan if number(v) is None else number(v) for v in row] for row in rows[1:]])
one, many = (pathlib.Path(p) for p in sys.argv[1:3])
worst = 0
for name in sys.argv[3:]:
    if name == "forecast":
        files = sorted(p.relative_to(one / name) for p in (one / name).rglob("*.nc"))
        assert files and files == sorted(p.relative_to(many / name) for p in (many / name).rglob("*.nc")), files
        for file in files:
            with netCDF4.Dataset(one / name / file) as a, netCDF4.Dataset(many / name / file) as b:
                assert list(a.variables) == list(b.variables)
                for v in a.variables:
                    # written as float32
                    np.testing.assert_allclose(b[v][:], a[v][:], rtol=2e-6, atol=2e-6 * abs(a[v][:]).max(), err_msg=v)
        continue
    (head, x), (head_y, y) = numbers(one / name), numbers(many / name)
    assert head == head_y and x.shape == y.shape, name
    assert (np.isnan(x) == np.isnan(y)).all(), name
    # Files of forecasts are float32; skill about a mean is a small difference of large sums.
    loss = np.array(["loss" in column for column in head])
    tolerance = np.where(loss, 1e-9, 1e-6 if name == "scores.csv" else 1e-7)
    d = np.abs(x - y) / np.maximum(np.abs(x), 1e-300 + 1e-3 * np.nan_to_num(np.abs(x)).max(axis=0))
    d = np.nan_to_num(d).max(axis=0)
    print(f"    {many.name} {name}: {d.max():.1e}, losses {d[loss].max(initial=0):.1e}", file=sys.stderr)
    assert (d < tolerance).all(), [(head[i], d[i]) for i in np.flatnonzero(d >= tolerance)]
' "$@" || complain "$2" "other numbers than on one rank"
}

expect_success "preprocess" "$rossby" preprocess deck.yml
on one 1 ddp 1 1 2 train
on one 1 ddp 1 1 2 forecast
on one 1 ddp 1 1 2 verify
while read -r name mesh; do
  for command in train forecast verify; do
    # shellcheck disable=SC2086
    on "$name" $mesh "$command" </dev/null # mpirun would take the list of meshes
  done
  same runs/one "runs/$name" training_steps.csv training_log.csv forecast scores.csv
done <<'MESHES'
fsdp2 2 fsdp2 1 1 1
tensor 2 none 2 1 2
columns 2 none 1 [1,2] 2
shared 4 fsdp2 2 1 1
MESHES

# Each epoch on another mesh.
on moving 2 fsdp2 1 1 1 train --set trainer.num_epoch=1
on moving 2 none 2 1 2 train --resume
same runs/one runs/moving training_steps.csv training_log.csv

# The search for the first bad tensor, with parameters in parts: every rank takes part and hears of it.
for mesh in "2 none 2 1 2" "4 fsdp2 2 1 1" "3 ddp 1 1 1"; do
  read -r ranks data tensor domain batch <<<"$mesh"
  expect_failure "a run that overflows on $mesh" "the training loss is .*; the first bad tensor is" mpirun -np "$ranks" \
    "$rossby" train deck.yml "${common[@]}" --set save_loc=runs/overflow --set trainer.parallelism.data="$data" \
    --set trainer.parallelism.tensor="$tensor" --set trainer.parallelism.domain="$domain" \
    --set trainer.train_batch_size="$batch" --set trainer.learning_rate=1e200
done
finish
