#!/usr/bin/env bash
# Postblocks that couple cells, from deck to files: training on tiles is training on one rank, the forecast keeps the mass
# of dry air, its diagnostics are what Python makes of its fields, on one rank and on tiles.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"

# A wind becomes humidities, and a physics file runs from south to north and from another meridian.
python '
state = netCDF4.Dataset("data/tiny/state_2000.nc", "a")
v = np.array(state["v"][:], dtype="f8")
state["v"][:] = 0.006 + 0.001 * (v - v.mean()) / v.std()
lat, lon = np.array(state["latitude"][:]), np.array(state["longitude"][:])
lat, lon = np.sort(lat), np.roll(lon, 5)
physics = netCDF4.Dataset("physics.nc", "w")
for name, n in (("y", lat.size), ("x", lon.size), ("interface", 3)): physics.createDimension(name, n)
for name, values in (("lat2d", lat[:, None] + 0 * lon), ("lon2d", 0 * lat[:, None] + lon)):
    physics.createVariable(name, "f8", ("y", "x"))[:] = values
for name, values in (("a", [100.0, 9000.0, 0.0]), ("b", [0.0, 0.4, 1.0])):
    physics.createVariable(name, "f8", ("interface",))[:] = values
deck = open("deck.yml").read()
blocks = """    mass:
      type: global_mass_fixer
      args: {save_loc_physics: physics.nc, lon_lat_level_name: [lon2d, lat2d, a, b], midpoint: true, q_var: v, sp_var: ps}
    mslp:
      type: mslp_diagnostic
      args: {surface_pressure_var: ps, temperature_var: t2m, surface_geopotential_var: height,
             output_name: Toy/derived_diagnostic/2d/mslp}
    flatten:
      type: flatten_to_tensor
      args: {scaler_path: runs/tiny/scaler.json, variables: [Toy/prognostic, Toy/diagnostic]}
"""
open("deck.yml", "w").write(deck.replace("\nmodel:\n", blocks + "\nmodel:\n", 1))
'
short=(--set trainer.epochs=1 --set trainer.batches_per_epoch=4)
expect_success "preprocess" "$rossby" preprocess deck.yml
expect_success "check" "$rossby" check deck.yml
expect_success "train" "$rossby" train deck.yml "${short[@]}"
expect_success "forecast" "$rossby" forecast deck.yml --set inference.output.encoding.dtype=float64
expect_success "verify" "$rossby" verify deck.yml

python '
import glob
g, R, gamma = 9.80665, 287.05, 0.0065
physics = netCDF4.Dataset("physics.nc")
lat, lon = np.radians(physics["lat2d"][:]), np.radians(physics["lon2d"][:])
d_lon = np.gradient(lon, axis=1, edge_order=2)
area = np.abs(6371000.0**2 * np.gradient(np.sin(lat), axis=0, edge_order=2) * ((d_lon + np.pi) % (2 * np.pi) - np.pi))
area = np.roll(area, -5, axis=1)[::-1]
da, db = np.diff(physics["a"][:]), np.diff(physics["b"][:])
dry = lambda q, ps: (area * sum((da[k] + db[k] * ps) * (1 - q[k]) for k in (0, 1)) / g).sum()
data = netCDF4.Dataset("data/tiny/state_2000.nc")
when = netCDF4.num2date(data["time"][:], data["time"].units)
height = np.array(netCDF4.Dataset("data/tiny/static.nc")["height"][:], dtype="f8")
if data["latitude"][0] < data["latitude"][-1]: height = height[::-1]
files = sorted(glob.glob("runs/tiny/forecast/*/full.nc"))
assert files
for name in files:
    f = netCDF4.Dataset(name)
    assert f["mslp"].units == "Pa" and f["mslp"].standard_name == "air_pressure_at_mean_sea_level"
    start = netCDF4.num2date(f["forecast_reference_time"][:], f["forecast_reference_time"].units)
    i = [k for k, t in enumerate(when) if t.strftime("%Y%m%d%H") == start.strftime("%Y%m%d%H")][0]
    turn = slice(None, None, -1) if data["latitude"][0] < data["latitude"][-1] else slice(None)
    q0, ps0 = np.array(data["v"][i], dtype="f8")[:, turn], np.array(data["ps"][i], dtype="f8")[turn]
    levels = list(data["level"][:])
    q0 = q0[[levels.index(500), levels.index(850)]]
    first = dry(q0, ps0)
    for step in range(f.dimensions["time"].size):
        q, ps = np.array(f["v"][step], dtype="f8"), np.array(f["ps"][step], dtype="f8")
        assert abs(dry(q, ps) / first - 1) < 1e-6, (name, step, dry(q, ps) / first - 1)
        T = np.array(f["t2m"][step], dtype="f8")
        h, sea = height / g, T + gamma * height / g
        one, two = (T <= 290.5) & (sea > 290.5), T > 290.5
        three = (T < 255) & ~one & ~two
        alpha = np.where(one, R * (290.5 - T) / np.maximum(height, 1e-6), np.where(two, 0, gamma * R / g))
        eff = np.where(two, 0.5 * (290.5 + T), np.where(three, 0.5 * (255 + T), T))
        x = height / (R * eff)
        p = np.where(abs(h) < 1e-4, ps, ps * np.exp(x * (1 - 0.5 * alpha * x + (alpha * x) ** 2 / 3)))
        assert np.allclose(f["mslp"][step], p, rtol=1e-6), (name, step)
' >output.txt 2>&1 || complain "forecast" "Python finds other budgets or diagnostics"

if has_mpi; then
  expect_success "train on tiles" mpirun -np 2 "$rossby" train deck.yml "${short[@]}" --set save_loc=runs/tiles \
    --set trainer.parallelism.domain=2
  paste -d, runs/tiny/training_steps.csv runs/tiles/training_steps.csv | awk -F, 'NR > 1 {
    d = ($4 - $10) / $4; if (d < 0) d = -d; if (d > 1e-4) bad = 1 } END { exit bad || NR != 5 }' ||
    complain "train on tiles" "another training than on one rank"
  expect_success "forecast on tiles" mpirun -np 2 "$rossby" forecast deck.yml --set inference.save_forecast=runs/tiled \
    --set 'trainer.parallelism.domain=[1, 2]' --set inference.output.encoding.dtype=float64
  python '
import glob
for a in sorted(glob.glob("runs/tiny/forecast/*/full.nc")):
    one, two = netCDF4.Dataset(a), netCDF4.Dataset(a.replace("runs/tiny/forecast", "runs/tiled"))
    for name in ("ps", "t", "mslp", "rain"):
        x, y = np.array(one[name][:]), np.array(two[name][:])
        assert np.abs(x - y).max() <= 2e-4 * np.abs(x).max(), (a, name, np.abs(x - y).max())
' >output.txt 2>&1 || complain "forecast on tiles" "other fields than on one rank"
fi

# All of them at once, around a base loss that scores what they compute: in float64 tiles train as one rank does.
python '
m = netCDF4.Dataset("middle.nc", "w")
m.createDimension("level", 2)
for name, values in (("a_model", [4550.0, 4500.0]), ("b_model", [0.2, 0.7])): m.createVariable(name, "f8", ("level",))[:] = values
p = netCDF4.Dataset("physics.nc", "a")
p.createVariable("PHIS", "f8", ("y", "x"))[:] = 0
physics = "save_loc_physics: physics.nc, lon_lat_level_name: [lon2d, lat2d, a, b], midpoint: true, sp_var: ps"
surface = ", ".join(f"surf_{name}_var: t2m" for name in "down_solar up_solar down_lw up_lw".split())
surface += ", surf_sh_var: rain, surf_lh_var: rain"
wind = """    wind:
      type: wind_artifact_filter
      args: {u_var: u, v_var: v, target_vars: [u, t], mask_level: 1, target_levels: [0, 1], speed_threshold: 1.5,
             smooth_sigma_zonal: 2.0, dilation_zonal: 15, falloff_sigma: 4.0, preserve_amplitude: true}
"""
blocks = f"""    water:
      type: global_water_fixer
      args: {{{physics}, lead_time_periods: 6, q_var: v, precip_var: rain, evapor_var: rain}}
    energy:
      type: global_energy_fixer_updown
      args: {{{physics}, lead_time_periods: 6, surface_geopotential_name: PHIS, T_var: t, q_var: v, U_var: u, V_var: u,
             toa_down_solar_input_var: tisr, toa_up_solar_var: t2m, toa_up_olr_var: t2m, {surface}}}
    z:
      type: geopotential_diagnostic
      args: {{surface_pressure_var: ps, temperature_var: t, specific_humidity_var: v, surface_geopotential_var: height,
             level_info_file: physics.nc, model_a_half_var: a, model_b_half_var: b, output_name: Toy/derived_diagnostic/3d/z}}
    levels:
      type: pressure_interp_diagnostic
      args: {{surface_pressure_var: ps, temperature_var: t, geopotential_var: z, surface_geopotential_var: height,
             interp_variables: [u], level_info_file: middle.nc, pressure_levels: [500, 850, 1000]}}
    flatten:
"""
deck = open("deck.yml").read()
deck = deck.replace("      type: reconstruct\n", "      type: reconstruct\n" + wind, 1).replace("    flatten:\n", blocks, 1)
i, j = deck.index("\nloss:\n"), deck.index("\nmetrics:\n")
loss = "{type: base, args: {training_loss: logcosh, scaler_path: runs/tiny/scaler.json, use_latitude_weights: true}}"
open("all.yml", "w").write(deck[:i] + "\nloss: " + loss + "\n" + deck[j:])
'
whole=(--set trainer.epochs=1 --set trainer.batches_per_epoch=3 --set trainer.dtype=float64)
expect_success "all blocks" "$rossby" train all.yml "${whole[@]}" --set save_loc=runs/all
if has_mpi; then
  expect_success "all blocks on tiles" mpirun -np 2 "$rossby" train all.yml "${whole[@]}" --set save_loc=runs/all_tiles \
    --set 'trainer.parallelism.domain=[1, 2]'
  paste -d, runs/all/training_steps.csv runs/all_tiles/training_steps.csv | awk -F, 'NR > 1 {
    d = ($4 - $10) / $4; e = ($5 - $11) / $5; if (d * d > 1e-22 || e * e > 1e-20) bad = 1 } END { exit bad || NR != 4 }' ||
    complain "all blocks on tiles" "another training than on one rank"
fi
expect_success "forecast with all blocks" "$rossby" forecast all.yml \
  --set inference.batch_forecast.forecast_length=6h --set inference.save_forecast=runs/all/forecast
python '
import glob
f = netCDF4.Dataset(sorted(glob.glob("runs/all/forecast/*/full.nc"))[0])
assert f["z_PRES"].units == "m2 s-2" and f["z_PRES"].shape[1] == 3 and f["z"].shape[1] == 2
assert all(np.isfinite(np.array(f[name][:])).all() for name in ("z", "z_PRES", "u_PRES", "t_PRES", "mslp"))
' >output.txt 2>&1 || complain "forecast with all blocks" "other fields than the deck computes"

# Levels: the data's two hybrid levels become two others before the model, and the model's become three after it.
python '
def write(name, a, b):
    f = netCDF4.Dataset(name, "w")
    f.createDimension("level", len(a))
    for key, values in (("a", a), ("b", b)): f.createVariable(key, "f8", ("level",))[:] = values
write("files.nc", [4550.0, 4500.0], [0.2, 0.7])
write("model.nc", [8000.0, 3000.0], [0.3, 0.8])
write("out.nc", [1000.0, 6000.0, 0.0], [0.0, 0.5, 1.0])
block = """    levels:
      type: hybrid_level_interp
      args: {{variables: [{0}], surface_pressure_var: ps, source_level_info_file: ./{1}.nc, source_a_var: a, source_b_var: b,
             source_on_interfaces: false, dest_level_info_file: ./{2}.nc, dest_a_var: a, dest_b_var: b, dest_on_interfaces: false}}
"""
deck = open("'"$ROSSBY_SOURCE"'/inputs/tiny.yml").read().replace("runs/tiny", "runs/levels")
deck = deck.replace("preblocks:\n", "preblocks:\n  ic_only:\n" + block.format("u, v, t", "files", "model"), 1)
open("levels.yml", "w").write(deck)
open("out.yml", "w").write(deck.replace("\nmodel:\n", block.format("t", "model", "out") + "\nmodel:\n", 1))
'
expect_success "preprocess on other levels" "$rossby" preprocess levels.yml
expect_success "check on other levels" "$rossby" check --strict out.yml
expect_success "train on other levels" "$rossby" train levels.yml "${whole[@]}"
if has_mpi; then
  expect_success "train on other levels and tiles" mpirun -np 2 "$rossby" train levels.yml "${whole[@]}" \
    --set 'trainer.parallelism.domain=[1, 2]' --set save_loc=runs/levels_tiles
  paste -d, runs/levels/training_steps.csv runs/levels_tiles/training_steps.csv | awk -F, 'NR > 1 {
    d = ($4 - $10) / $4; e = ($5 - $11) / $5; if (d * d > 1e-22 || e * e > 1e-20) bad = 1 } END { exit bad || NR != 4 }' ||
    complain "train on other levels and tiles" "another training than on one rank"
fi
for deck in levels out; do
  expect_success "forecast with levels: $deck" "$rossby" forecast $deck.yml --set inference.save_forecast=runs/$deck/forecast \
    --set inference.output.encoding.dtype=float64 --set inference.batch_forecast.forecast_length=6h
done
python '
import glob
one, two = (netCDF4.Dataset(sorted(glob.glob(f"runs/{deck}/forecast/*/full.nc"))[0]) for deck in ("levels", "out"))
t, ps, out = (np.array(v[0], dtype="f8") for v in (one["t"], one["ps"], two["t"]))
assert t.shape[0] == 2 and out.shape[0] == 3, (t.shape, out.shape)
assert np.array_equal(one["u"][:], two["u"][:]) and one[one["u"].dimensions[1]].standard_name == "model_level_number"
p = np.log([8000 + 0.3 * ps, 3000 + 0.8 * ps])
for k, at in enumerate((1000 + 0 * ps, 6000 + 0.5 * ps, ps)):
    w = np.clip((np.log(at) - p[0]) / (p[1] - p[0]), 0, 1)
    assert np.allclose(out[k], (1 - w) * t[0] + w * t[1], rtol=2e-7), k
' >output.txt 2>&1 || complain "forecast with levels" "other fields than Python interpolates"

# An ocean: land is zero in the model's normalised output, which is the mean in forecasts, on one rank and on tiles.
python '
f = netCDF4.Dataset("masks.nc", "w")
s = netCDF4.Dataset("data/tiny/static.nc")
lat, lon = np.array(s["latitude"][:]), np.array(s["longitude"][:])
for name, values in (("lat", lat), ("lon", lon)):
    f.createDimension(name, values.size)
    f.createVariable(name, "f8", (name,))[:] = values
f.createVariable("mask_0", "f4", ("lat", "lon"))[:] = (np.arange(lat.size)[:, None] + np.arange(lon.size)) % 3 > 0
deck = open("'"$ROSSBY_SOURCE"'/inputs/tiny.yml").read().replace("runs/tiny", "runs/ocean")
deck = deck.replace("vars_3D: [u, v, t]", "vars_3D: []", 1).replace("  levels: 2\n  channels: 3", "  levels: 0\n  channels: 0", 1)
mask = "  per_step:\n    mask: {type: wet_mask_samudra, args: {key: y_pred, mask_path: masks.nc}}\n    reconstruct:"
open("ocean.yml", "w").write(deck.replace("  per_step:\n    reconstruct:", mask, 1))
'
expect_success "preprocess of the ocean" "$rossby" preprocess ocean.yml
expect_success "train the ocean" "$rossby" train ocean.yml "${whole[@]}"
expect_success "forecast of the ocean" "$rossby" forecast ocean.yml --set inference.output.encoding.dtype=float64
if has_mpi; then
  expect_success "train the ocean on tiles" mpirun -np 4 "$rossby" train ocean.yml "${whole[@]}" \
    --set 'trainer.parallelism.domain=[2, 2]' --set save_loc=runs/ocean_tiles
  paste -d, runs/ocean/training_steps.csv runs/ocean_tiles/training_steps.csv | awk -F, 'NR > 1 {
    d = ($4 - $10) / $4; e = ($5 - $11) / $5; if (d * d > 1e-22 || e * e > 1e-20) bad = 1 } END { exit bad || NR != 4 }' ||
    complain "train the ocean on tiles" "another training than on one rank"
fi
python '
import glob
mask = np.array(netCDF4.Dataset("masks.nc")["mask_0"][:])
f = netCDF4.Dataset(sorted(glob.glob("runs/ocean/forecast/*/full.nc"))[0])
if netCDF4.Dataset("data/tiny/static.nc")["latitude"][0] < f["latitude"][0]: mask = mask[::-1]
ps = np.array(f["ps"][:])
land, sea = ps[:, mask == 0], ps[:, mask == 1]
assert land.size and np.ptp(land) < 1e-2 < np.ptp(sea), (np.ptp(land), np.ptp(sea))
' >output.txt 2>&1 || complain "forecast of the ocean" "land is not what the mask makes it"

expect_failure "height levels" $'postblocks.per_step.mass.args.grid_type\n\'height\' is neither sigma nor pressure' "$rossby" \
  check deck.yml --set postblocks.per_step.mass.args.grid_type=height
expect_failure "stochastic backscatter" "skebs is a block of CREDIT that is not supported" "$rossby" check deck.yml \
  --set postblocks.per_step.mslp.type=skebs
finish
