#!/usr/bin/env python3
"""Makes fields of one degree in three formats for data_bench, and times xarray on them.

usage: data_formats.py make FOLDER       netCDF as it is and compressed (netCDF4), a Zarr store (xarray with zarr)
       data_formats.py time FILE [N]     samples a second that xarray reads: all fields of two neighbouring times each
Each format is made where its package is importable; run it with several Pythons where none has all.
"""
import sys
import time
from pathlib import Path

import numpy as np

LEVELS, ROWS, COLUMNS, TIMES = 18, 181, 360, 16
NAMES_3D, NAMES_2D = ("u", "v", "t", "q"), ("sp", "t2m", "z500", "q500")


def field(name, step):
    """Waves with some noise in the last digits, as compressible as analyses are."""
    latitude = np.deg2rad(np.linspace(90, -90, ROWS))[:, None]
    longitude = np.deg2rad(np.arange(COLUMNS))[None, :]
    seed = sum(map(ord, name))
    random = np.random.default_rng(1000 * seed + step)
    levels = np.arange(LEVELS if name in NAMES_3D else 1)[:, None, None]
    wave = np.cos(latitude) * np.cos((1 + seed % 5) * longitude + 0.1 * step + 0.2 * levels)
    noise = np.round(random.normal(size=wave.shape), 2)
    values = (280 + 20 * wave + noise).astype("f4")
    return values if name in NAMES_3D else values[0]


def make_netcdf(path, compressed):
    import netCDF4
    with netCDF4.Dataset(path, "w") as file:
        for name, values, units in (("time", 6.0 * np.arange(TIMES), "hours since 2000-01-01"), ("level", np.arange(LEVELS), "1"),
                                    ("latitude", np.linspace(90, -90, ROWS), "degrees_north"),
                                    ("longitude", np.arange(COLUMNS), "degrees_east")):
            file.createDimension(name, len(values))
            variable = file.createVariable(name, "f8", (name,))
            variable.units = units
            variable[:] = values
        for name in NAMES_3D + NAMES_2D:
            dims = ("time", "level", "latitude", "longitude") if name in NAMES_3D else ("time", "latitude", "longitude")
            how = {"zlib": True, "complevel": 4, "chunksizes": (1,) + field(name, 0).shape} if compressed else {"contiguous": True}
            variable = file.createVariable(name, "f4", dims, **how)
            for step in range(TIMES):
                variable[step] = field(name, step)


def make_zarr(path):
    import xarray
    from numcodecs import Blosc
    coordinates = {"time": ("time", 6 * np.arange(TIMES), {"units": "hours since 2000-01-01"}),
                   "level": ("level", np.arange(LEVELS, dtype="f8")),
                   "latitude": ("latitude", np.linspace(90, -90, ROWS), {"units": "degrees_north"}),
                   "longitude": ("longitude", np.arange(COLUMNS, dtype="f8"), {"units": "degrees_east"})}
    fields, encoding = {}, {}
    for name in NAMES_3D + NAMES_2D:
        values = np.stack([field(name, step) for step in range(TIMES)])
        dims = ("time", "level", "latitude", "longitude") if name in NAMES_3D else ("time", "latitude", "longitude")
        fields[name] = (dims, values)
        encoding[name] = {"chunks": (1,) + values.shape[1:], "compressors": Blosc(cname="lz4", clevel=5, shuffle=1)}
    xarray.Dataset(fields, coordinates).to_zarr(path, mode="w", zarr_format=2, encoding=encoding, consolidated=True)


def time_xarray(path, samples):
    import xarray
    file = xarray.open_zarr(path, chunks=None) if path.rstrip("/").endswith(".zarr") else xarray.open_dataset(path)
    order = np.random.default_rng(0).permutation(TIMES - 1)

    def read(count):
        for k in range(count):
            for step in (order[k % len(order)], order[k % len(order)] + 1):
                for name in NAMES_3D + NAMES_2D:
                    file[name].isel(time=step).values
    read(4)
    begin = time.perf_counter()
    read(samples)
    print(f'{{"samples_per_s": {samples / (time.perf_counter() - begin):.2f}}}')


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "make":
        folder = Path(sys.argv[2])
        folder.mkdir(parents=True, exist_ok=True)
        makers = {"plain.nc": lambda p: make_netcdf(p, False), "zlib.nc": lambda p: make_netcdf(p, True), "store.zarr": make_zarr}
        for name, make in makers.items():
            if (folder / name).exists():
                continue
            try:
                make(str(folder / name))
                print("made", folder / name)
            except (ModuleNotFoundError, TypeError) as missing:
                print(f"left out {name}: {missing}")
    elif len(sys.argv) in (3, 4) and sys.argv[1] == "time":
        time_xarray(sys.argv[2], int(sys.argv[3]) if len(sys.argv) == 4 else 20)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
