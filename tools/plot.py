#!/usr/bin/env python3
"""Pictures of a run: the training curve, scores against lead time, and maps of forecast, truth and difference.

    tools/plot.py DECK [--init 1991-01-16T02:00] [--variables UWND VWND] [--steps 1 3] [--output DIR]

Draws whatever the run has so far, from training_log.csv, scores.csv and the forecast files, into <save_loc>/plots, and
prints the names of the pictures. Needs Debian's python3-numpy, python3-netcdf4, python3-matplotlib and python3-yaml.
"""
import argparse
import csv
import glob
import os
import re
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import yaml
from netCDF4 import Dataset, num2date

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import coastlines


def read_table(path):
    """Columns of a CSV file by name; numbers where the whole column is numeric or empty."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    table = {}
    for name in rows[0] if rows else []:
        column = [row[name] for row in rows]
        try:
            table[name] = np.array([float(v) if v else np.nan for v in column])
        except ValueError:
            table[name] = np.array(column)
    return table


def save(figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
    print(path)


def plot_training(log, output):
    table = read_table(log)
    if not table:
        return
    figure, axes = plt.subplots(figsize=(7, 4))
    epoch = table.get("epoch", np.arange(len(next(iter(table.values())))))
    for name, label in (("train_loss", "training"), ("valid_loss", "validation")):
        if name in table:
            axes.plot(epoch, table[name], marker=".", label=label)
    if "valid_loss" in table and np.isfinite(table["valid_loss"]).any():
        best = int(np.nanargmin(table["valid_loss"]))
        axes.axvline(epoch[best], color="0.6", linestyle=":", label=f"best epoch: {epoch[best]:g}")
    axes.set(xlabel="epoch", ylabel="loss", yscale="log", title="Training")
    axes.grid(alpha=0.3)
    axes.legend()
    save(figure, output / "training.png")


METHODS = {
    "forecast": dict(label="forecast", color="C3", marker="o", linewidth=2),
    "damped_anomaly": dict(label="damped anomaly", color="C0", marker="s"),
    "climatology": dict(label="climatology", color="0.4", marker="^"),
    "persistence": dict(label="persistence", color="C1", marker="v"),
}


def plot_scores(path, output):
    """RMSE and anomaly correlation against lead time, a column of panels for each variable (and level)."""
    table = read_table(path)
    if not table:
        return
    level = table["level"].astype(float) if table["level"].dtype.kind == "f" else np.full(len(table["variable"]), np.nan)
    names = [v if np.isnan(l) else f"{v} {l:g}" for v, l in zip(table["variable"], level)]
    variables = list(dict.fromkeys(names))
    names, lead = np.array(names), table["lead_hours"]
    unit, hours = ("days", 24.0) if lead.max() >= 72 else ("hours", 1.0)
    figure, axes = plt.subplots(2, len(variables), figsize=(4.2 * len(variables), 6.4), sharex=True, squeeze=False)
    for column, variable in zip(axes.T, variables):
        for axis, metric, label in zip(column, ("rmse", "acc"), ("RMSE", "anomaly correlation")):
            for method, style in METHODS.items():
                rows = (names == variable) & (table["method"] == method)
                if np.isfinite(table[metric][rows]).any():
                    axis.plot(lead[rows] / hours, table[metric][rows], **style)
            axis.set_ylabel(label)
            axis.grid(alpha=0.3)
        column[0].set_title(variable)
        column[1].set_xlabel(f"lead time [{unit}]")
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    save(figure, output / "scores.png")


class Field:
    """A variable on the globe at one time, with rows from north to south."""

    def __init__(self, values, latitude, longitude, units):
        self.latitude, self.longitude, self.units = latitude, longitude, units
        self.values = values
        if latitude[0] < latitude[-1]:
            self.latitude, self.values = latitude[::-1], values[::-1]

    def on(self, other):
        """The values with the columns of `other`, which must have the same cells."""
        column = {round(x % 360.0, 3): i for i, x in enumerate(self.longitude)}
        order = [column.get(round(x % 360.0, 3)) for x in other.longitude]
        if None in order or not np.allclose(self.latitude, other.latitude, atol=1e-3):
            sys.exit("plot: forecast and truth are on different grids")
        return self.values[:, order]


def coordinate(file, dimension):
    return np.asarray(file[dimension][:], dtype=float)


def read_field(path, variable, when, time_name="time", level=None):
    """The field at the time nearest to `when`, if within an hour; None otherwise."""
    with Dataset(path) as file:
        if variable not in file.variables:
            return None
        source = file[variable]
        index = [slice(None)] * source.ndim
        for axis, name in enumerate(source.dimensions[:-2]):
            if name == time_name:
                times = file[name]
                dates = num2date(times[:], times.units, getattr(times, "calendar", "standard"),
                                 only_use_cftime_datetimes=False)
                away = [abs((np.datetime64(d, "s") - np.datetime64(when, "s")).astype(int)) for d in dates]
                if min(away) > 3600:
                    return None
                index[axis] = int(np.argmin(away))
            else:
                levels = np.asarray(file[name][:], dtype=float) if name in file.variables else np.arange(source.shape[axis])
                index[axis] = int(np.argmin(np.abs(levels - level))) if level is not None else 0
        values = np.ma.filled(source[tuple(index)].astype(float), np.nan)
        y, x = source.dimensions[-2:]
        return Field(values, coordinate(file, y), coordinate(file, x), getattr(source, "units", ""))


def read_truth(deck, variable, when, level):
    """Looks the variable up in the deck's local sources."""
    for source in deck["data"]["source"].values():
        for group in (source.get("variables") or {}).values():
            if not group or variable not in (group.get("vars_2D") or []) + (group.get("vars_3D") or []):
                continue
            pattern = re.sub(r"%[A-Za-z]", "*", os.path.expandvars(group["path"]))
            for path in sorted(glob.glob(pattern)):
                field = read_field(path, variable, when, source.get("time_coord", "time"), level)
                if field:
                    return field
    return None


def plot_map(axes, field, values, title, **style):
    lon, lat = field.longitude, field.latitude
    step = lon[1] - lon[0]
    mesh = axes.pcolormesh(lon, lat, values, shading="nearest", rasterized=True, **style)
    if abs(step * len(lon) - 360.0) < 1e-3:
        coastlines.draw(axes, lon[0] - step / 2, color="black", linewidth=0.4)
    axes.set(title=title, xlim=(lon[0] - step / 2, lon[-1] + step / 2), ylim=(max(-90, lat[-1]), min(90, lat[0])))
    axes.set_xticks(np.arange(0, 361, 60))
    axes.set_yticks(np.arange(-60, 61, 30))
    axes.tick_params(labelsize=7)
    return mesh


def plot_maps(deck, folder, variable, step, level, output):
    """Forecast, truth and difference of one variable, `step` times (from 1) into the forecast in `folder`."""
    init = datetime.strptime(folder.name, "%Y%m%d_%H%MZ")
    times = []
    for path in sorted(folder.glob("*.nc")):
        with Dataset(path) as file:
            axis = file["time"]
            times += [(np.datetime64(d, "s"), path) for d in
                      num2date(axis[:], axis.units, getattr(axis, "calendar", "standard"),
                               only_use_cftime_datetimes=False)]
    times = sorted(t for t in times if t[0] > np.datetime64(init, "s"))
    if step > len(times):
        return
    when, path = times[step - 1]
    forecast = read_field(path, variable, when, level=level)
    if forecast is None:
        return
    truth = read_truth(deck, variable, when, level)
    panels = [("forecast", forecast.values)]
    if truth is not None:
        there = truth.on(forecast)
        panels += [("truth", there), ("forecast - truth", forecast.values - there)]
    limit = np.nanpercentile(np.abs(np.concatenate([v.ravel() for _, v in panels[:2]])), 99.5)
    signed = min(np.nanmin(v) for _, v in panels[:2]) < 0
    figure, axes = plt.subplots(len(panels), 1, figsize=(8, 3.6 * len(panels)), squeeze=False)
    for axis, (name, values) in zip(axes[:, 0], panels):
        if name == "forecast - truth":
            style = dict(cmap="PuOr_r", vmin=-limit / 2, vmax=limit / 2)
        elif signed:
            style = dict(cmap="RdBu_r", vmin=-limit, vmax=limit)
        else:
            style = dict(cmap="viridis")
        mesh = plot_map(axis, forecast, values, name, **style)
        figure.colorbar(mesh, ax=axis, shrink=0.85, label=forecast.units)
    hours = (when - np.datetime64(init, "s")).astype(int) / 3600
    place = "" if level is None else f" at level {level:g}"
    figure.suptitle(f"{variable}{place}, {str(when)[:16]} UTC, {hours:g} hours after {init:%Y-%m-%d %H:%M}", y=0.995)
    figure.tight_layout()
    suffix = "" if level is None else f"_lev{level:g}"
    save(figure, output / f"{variable}{suffix}_{folder.name}_step{step}.png")


def prognostic_variables(deck):
    for source in deck["data"]["source"].values():
        group = (source.get("variables") or {}).get("prognostic") or {}
        yield from (group.get("vars_2D") or []) + (group.get("vars_3D") or [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deck")
    parser.add_argument("--init", help="initial time of the maps (default: the middle one of the forecasts)")
    parser.add_argument("--variables", nargs="+", help="default: all prognostic variables")
    parser.add_argument("--level", type=float, help="of variables on levels (default: the first)")
    parser.add_argument("--steps", nargs="+", type=int, default=[1], help="forecast steps to map (default: 1)")
    parser.add_argument("--save-loc", help="the run's folder, if not the deck's")
    parser.add_argument("--output", help="folder of the pictures (default: <save_loc>/plots)")
    options = parser.parse_args()

    with open(options.deck) as file:
        deck = yaml.safe_load(file)
    run = Path(options.save_loc or os.path.expandvars(deck["save_loc"]))
    output = Path(options.output) if options.output else run / "plots"

    if (run / "training_log.csv").exists():
        plot_training(run / "training_log.csv", output)
    if (run / "scores.csv").exists():
        plot_scores(run / "scores.csv", output)
    forecasts = Path(os.path.expandvars((deck.get("inference") or {}).get("save_forecast") or run / "forecast"))
    folders = sorted(p for p in forecasts.glob("*Z") if p.is_dir()) if forecasts.exists() else []
    if options.init and folders:
        wanted = f"{datetime.fromisoformat(options.init):%Y%m%d_%H%MZ}"
        folders = [p for p in folders if p.name == wanted]
        if not folders:
            sys.exit(f"plot: {forecasts} has no forecast from {options.init}")
    if folders:
        folder = folders[len(folders) // 2]
        for variable in options.variables or prognostic_variables(deck):
            for step in options.steps:
                plot_maps(deck, folder, variable, step, options.level, output)


if __name__ == "__main__":
    main()
