#!/usr/bin/env python3
"""Static fields for the winds example: surface height and land fraction on the grid of the winds.

    tools/prepare_winds.py --winds monthly_navy_winds.cdf --relief etopo20.cdf --output static.nc

Each value is the average over the grid cell, weighted by area: the cells reach half way to their neighbours, those of
the polar rows are caps. Rows run from north to south, columns from 0 degrees eastwards.
"""
import argparse
import os
import sys

import numpy as np
from netCDF4 import Dataset


def edges(centres, lowest=-np.inf, highest=np.inf):
    """Borders half way between evenly spaced centres, cut to [lowest, highest]."""
    step = (centres[-1] - centres[0]) / (len(centres) - 1)
    borders = centres[0] + step * (np.arange(len(centres) + 1) - 0.5)
    return np.clip(borders, lowest, highest)


def overlap(target, source):
    """Length of target interval i inside source interval j, from the borders of both."""
    low = np.maximum(target[:-1, None], source[None, :-1])
    high = np.minimum(target[1:, None], source[None, 1:])
    return np.maximum(high - low, 0.0)


def area_average(field, source_lat, source_lon, lat, lon):
    """Averages field[source_lat, source_lon] over the cells of the grid (lat, lon), all in ascending order."""
    band = lambda borders: np.sin(np.radians(borders))
    rows = overlap(band(edges(lat, -90, 90)), band(edges(source_lat, -90, 90)))
    source_borders, borders = edges(source_lon), edges(lon)
    columns = sum(overlap(borders, source_borders + turn) for turn in (-360.0, 0.0, 360.0))
    return rows @ field @ columns.T / np.outer(rows.sum(axis=1), columns.sum(axis=1))


def read_grid(path):
    with Dataset(path) as file:
        dims = file["UWND"].dimensions
        lat, lon = (np.asarray(file[d][:], dtype=float) for d in dims[1:])
    return np.sort(lat), np.sort(lon % 360.0)


def read_relief(path):
    """Height in metres, latitude and longitude, without the column that etopo20 repeats at the end."""
    with Dataset(path) as file:
        y, x = file["ROSE"].dimensions
        height = np.ma.filled(file["ROSE"][:].astype(float), np.nan)
        lat, lon = np.asarray(file[y][:], dtype=float), np.asarray(file[x][:], dtype=float)
    once = lon < lon[0] + 359.99
    height, lon = height[:, once], lon[once]
    if not np.isfinite(height).all():
        sys.exit(f"{path}: ROSE has missing values")
    return height, lat, lon


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--winds", required=True, help="file with the target grid")
    parser.add_argument("--relief", required=True, help="etopo file: height of land and sea floor in metres")
    parser.add_argument("--output", required=True)
    options = parser.parse_args()

    lat, lon = read_grid(options.winds)
    height, relief_lat, relief_lon = read_relief(options.relief)
    average = lambda field: area_average(field, relief_lat, relief_lon, lat, lon)[::-1]
    fields = {
        "surface_height": ("km", "height of the surface above sea level", average(np.maximum(height, 0.0)) / 1000.0),
        "land_fraction": ("1", "fraction of the cell above sea level", average((height > 0.0).astype(float))),
    }

    unfinished = options.output + ".part"
    with Dataset(unfinished, "w", format="NETCDF4") as file:
        file.Conventions = "CF-1.8"
        file.title = "Static fields for the winds example of Rossby"
        file.source = f"area averages of {os.path.basename(options.relief)}"
        for name, values, units in (("latitude", lat[::-1], "degrees_north"), ("longitude", lon, "degrees_east")):
            file.createDimension(name, len(values))
            axis = file.createVariable(name, "f8", (name,))
            axis.units, axis.standard_name = units, name
            axis[:] = values
        for name, (units, long_name, values) in fields.items():
            variable = file.createVariable(name, "f4", ("latitude", "longitude"), zlib=True)
            variable.units, variable.long_name = units, long_name
            variable[:] = values
    os.replace(unfinished, options.output)
    for name, (units, _, values) in fields.items():
        print(f"{options.output}: {name} {values.min():.3f} ... {values.max():.3f} {units}")


if __name__ == "__main__":
    main()
