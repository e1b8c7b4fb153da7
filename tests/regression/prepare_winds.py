"""Static fields of the winds example: a relief of known averages on a small grid."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from netCDF4 import Dataset

ROOT = Path(os.environ["ROSSBY_SOURCE"])


def write(path, variable, values, axes):
    with Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        for name, centres in axes:
            file.createDimension(name, len(centres))
            file.createVariable(name, "f8", (name,))[:] = centres
        dims = tuple(name for name, _ in axes)
        file.createVariable(variable, "f4", dims)[:] = values


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        # Winds: rows at 15-degree steps, both poles among them; columns start at 30 E.
        lat, lon = np.arange(-90, 91, 15.0), 30 + np.arange(24) * 15.0
        with Dataset(folder / "winds.nc", "w", format="NETCDF3_CLASSIC") as file:
            file.createDimension("TIME", None)
            for name, centres in (("Y", lat), ("X", lon)):
                file.createDimension(name, len(centres))
                file.createVariable(name, "f8", (name,))[:] = centres
            file.createVariable("UWND", "f4", ("TIME", "Y", "X"))[0] = 0.0
        # Relief on one-degree cells: land of 1000 m from 60 E to 180 E, sea of -3000 m elsewhere; the column after the
        # last repeats the first, as in etopo20.
        relief_lat, relief_lon = -89.5 + np.arange(180.0), 20.5 + np.arange(361.0)
        land = ((relief_lon % 360) > 60) & ((relief_lon % 360) < 180)
        height = np.where(land, 1000.0, -3000.0) * np.ones((180, 1))
        write(folder / "relief.nc", "ROSE", height, (("Y", relief_lat), ("X", relief_lon)))
        subprocess.run([sys.executable, ROOT / "tools/prepare_winds.py", "--winds", folder / "winds.nc", "--relief",
                        folder / "relief.nc", "--output", folder / "static.nc"], check=True)
        with Dataset(folder / "static.nc") as file:
            fraction, surface = file["land_fraction"][:], file["surface_height"][:]
            assert list(file["latitude"][:]) == list(lat[::-1]), "rows run from north to south"
            assert list(file["longitude"][:]) == list(np.arange(24) * 15.0), "columns start at 0"
        # Cells reach 7.5 degrees to either side: those of 60 E and 180 E are half land, those between wholly.
        expected = np.zeros(24)
        expected[5:12], expected[4], expected[12] = 1.0, 0.5, 0.5
        assert np.allclose(fraction, expected, atol=1e-6), fraction[0]
        assert np.allclose(surface, expected, atol=1e-6), "km, sea counted as zero"


main()
