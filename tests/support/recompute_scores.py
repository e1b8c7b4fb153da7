"""Scores the forecasts of the tiny deck again, with numpy from the files alone, and compares with scores.csv.

usage: recompute_scores.py FOLDER [CLIMATOLOGY]

With a file, correlations are of deviations from its fields instead of from the mean of the training times.
"""
import csv
import sys
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np

STEP = timedelta(hours=6)


def read_all(path):
    with netCDF4.Dataset(path) as f:
        times = [datetime(d.year, d.month, d.day, d.hour) for d in netCDF4.num2date(f["time"][:], f["time"].units)]
        levels = list(f["level"][:]) if "level" in f.variables else []
        fields = {}
        for name, v in f.variables.items():
            if v.dimensions[-2:] != ("latitude", "longitude"):
                continue
            for k, level in enumerate(levels) if v.ndim == 4 else [(None, None)]:
                fields[name, level] = np.asarray(v[:] if k is None else v[:, k], dtype=float)
        latitude = np.asarray(f["latitude"][:])
    return {t: {key: values[i] for key, values in fields.items()} for i, t in enumerate(times)}, latitude


def read_mean(path):
    fields = {}
    with netCDF4.Dataset(path) as f:
        for name, v in f.variables.items():
            if v.dimensions[-2:] == ("latitude", "longitude"):
                for k, level in enumerate(f["level"][:]) if v.ndim == 3 else [(None, None)]:
                    fields[name, level] = np.asarray(v[:] if k is None else v[k], dtype=float)
    return fields


def main():
    root = Path(sys.argv[1])
    states, latitude = read_all(root / "data/tiny/state_2000.nc")
    weight = np.cos(np.deg2rad(latitude))[:, None]
    weight = np.broadcast_to(weight / weight.mean(), (len(latitude), 64))

    training = [t for t in sorted(states) if datetime(2000, 1, 1) <= t <= datetime(2000, 1, 8, 18)]
    keys = list(states[training[0]])
    climatology = {k: np.mean([states[t][k] for t in training], axis=0) for k in keys}
    def anomaly(t, k): return states[t][k] - climatology[k]

    origin = read_mean(sys.argv[2]) if len(sys.argv) > 2 else climatology

    damping = {}
    for k in keys:
        for lead in range(1, 5):
            pairs = [(t, t + lead * STEP) for t in training if t + lead * STEP in training]
            top = sum((weight * anomaly(a, k) * anomaly(b, k)).sum() for a, b in pairs)
            damping[k, lead] = top / sum((weight * anomaly(a, k) ** 2).sum() for a, _ in pairs)

    sums = {}
    for folder in sorted((root / "runs/tiny/forecast").glob("*Z")):
        start = datetime.strptime(folder.name, "%Y%m%d_%H%MZ")
        forecast, _ = read_all(folder / "full.nc")
        for valid, fields in forecast.items():
            lead = (valid - start) // STEP
            for k in keys:
                truth = states[valid][k]
                candidates = {"forecast": fields[k], "persistence": states[start][k], "climatology": climatology[k],
                              "damped_anomaly": climatology[k] + damping[k, lead] * anomaly(start, k)}
                for method, field in candidates.items():
                    e, f, o = field - truth, field - origin[k], truth - origin[k]
                    f, o = f - (weight * f).mean(), o - (weight * o).mean()
                    with np.errstate(invalid="ignore"):
                        acc = (weight * f * o).mean() / np.sqrt((weight * f**2).mean() * (weight * o**2).mean())
                    sums.setdefault((k, lead, method), []).append(
                        ((weight * e**2).mean(), (weight * np.abs(e)).mean(), (weight * e).mean(), acc))

    rows = list(csv.DictReader(open(root / "runs/tiny/scores.csv")))
    assert len(rows) == len(sums), f"{len(rows)} rows, {len(sums)} expected"
    bad = 0
    for row in rows:
        level = float(row["level"]) if row["level"] else None
        key = ((row["variable"], level), round(float(row["lead_hours"]) / 6), row["method"])
        values = np.array(sums[key])
        scale = max(1e-12, np.abs(states[training[0]][key[0]]).max())
        expected = {"rmse": np.sqrt(values[:, 0].mean()), "mae": values[:, 1].mean(), "bias": values[:, 2].mean()}
        if (len(sys.argv) > 2 or key[2] != "climatology") and not (key[2] == "damped_anomaly" and abs(float(row["damping"])) < 1e-3):
            expected["acc"] = values[:, 3].mean()
        for name, value in expected.items():
            tolerance = 1e-6 * scale if name != "acc" else 1e-4
            if not abs(float(row[name] or "nan") - value) <= tolerance:
                print(f"{key} {name}: {row[name]}, but numpy finds {value}")
                bad += 1

    # The other way of grouping: two files for a forecast that crosses midnight, and only what was asked for.
    daily = sorted((root / "runs/daily/20000109_1200Z").glob("*.nc"))
    assert [p.name for p in daily] == ["2000-01-09.nc", "2000-01-10.nc"], daily
    with netCDF4.Dataset(daily[0]) as f:
        assert "ps" not in f.variables and f["u"].shape[1] == 2 and f["t"].shape[1] == 1, f.variables
        u, t = f["u"].filters(), f["t"].filters()
        assert u["fletcher32"] and t["fletcher32"] and t["shuffle"] and not u["shuffle"], (u, t)
        assert f["u"].chunking() == [1, 1, 8, 64], f["u"].chunking()
        assert f.Conventions == "CF-1.11" and list(f["lead_time"][:]) == [6.0], f["lead_time"][:]
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
