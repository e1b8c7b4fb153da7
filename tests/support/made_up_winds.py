"""Writes files in the form of ferret-datasets' winds and relief, with made-up numbers:  made_up_winds.py FOLDER"""
import sys

import numpy as np
from netCDF4 import Dataset


def axis(file, name, values, units, unlimited=False):
    file.createDimension(name, None if unlimited else len(values))
    variable = file.createVariable(name, "f8", (name,))
    variable.units = units
    variable[:] = values


def winds(path, rng):
    months = np.arange(132)
    lat, lon = np.arange(-90, 91, 2.5), 20 + 2.5 * np.arange(144)
    season = np.cos(2 * np.pi * months / 12)[:, None, None]
    belts = np.sin(np.radians(3 * lat))[None, :, None]
    waves = np.cos(np.radians(2 * lon))[None, None, :]
    with Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        axis(file, "FNOCX", lon, "degrees_east")
        axis(file, "FNOCY", lat, "degrees_north")
        axis(file, "TIME", 17598.0 + 730.5 * months, "hour since 1980-01-14 14:00:00", unlimited=True)
        for name, phase in (("UWND", 0.0), ("VWND", 1.0)):
            variable = file.createVariable(name, "f4", ("TIME", "FNOCY", "FNOCX"), fill_value=np.float32(-99.9))
            variable.units = "M/S"
            noise = rng.standard_normal((len(months), len(lat), len(lon)))
            variable[:] = 5 * belts * (1 - phase) + 2 * season * waves * (0.5 + phase) + noise


def relief(path, rng):
    lat, lon = -88.75 + 2.5 * np.arange(72), 21.25 + 2.5 * np.arange(145)
    height = 1000 * rng.standard_normal((72, 145)) - 1000
    height[:, -1] = height[:, 0]
    with Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        axis(file, "X", lon, "degrees_east")
        axis(file, "Y", lat, "degrees_north")
        file.createVariable("ROSE", "f4", ("Y", "X"))[:] = height


def main(folder):
    rng = np.random.default_rng(1)
    winds(f"{folder}/monthly_navy_winds.cdf", rng)
    relief(f"{folder}/etopo20.cdf", rng)


main(sys.argv[1])
