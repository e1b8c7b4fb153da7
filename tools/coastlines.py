"""Coastlines from the shapefile of Debian's python-cartopy-data; none where it is not installed."""
import struct
from pathlib import Path

import numpy as np

SHAPEFILE = Path("/usr/share/cartopy/data/shapefiles/gshhs/c/GSHHS_c_L1.shp")
POLYLINE, POLYGON = 3, 5


def read_lines(path=SHAPEFILE):
    """A list of (longitude, latitude) arrays in degrees. Longitudes are those of the file; see draw()."""
    if not path.exists():
        return []
    data, lines, at = path.read_bytes(), [], 100
    while at + 12 <= len(data):
        length = 2 * struct.unpack_from(">i", data, at + 4)[0]
        record, at = at + 8, at + 8 + length
        if struct.unpack_from("<i", data, record)[0] not in (POLYLINE, POLYGON):
            continue
        n_parts, n_points = struct.unpack_from("<2i", data, record + 36)
        starts = np.frombuffer(data, "<i4", n_parts, record + 44)
        points = np.frombuffer(data, "<f8", 2 * n_points, record + 44 + 4 * n_parts).reshape(-1, 2)
        lines += [part for part in np.split(points, starts[1:]) if len(part) > 1]
    return lines


def draw(axes, first_longitude, **style):
    """Draws the coastlines on axes that run from first_longitude 360 degrees eastwards."""
    for line in read_lines():
        longitude = (line[:, 0] - first_longitude) % 360.0 + first_longitude
        # Lift the pen where a line leaves at one edge to come in at the other, and where a polygon is closed along the
        # date line and through the pole.
        seam = np.abs(np.abs(line[:, 0]) - 180.0) < 0.01
        closing = (seam[1:] & seam[:-1]) | (line[1:, 1] < -89.0) | (line[:-1, 1] < -89.0)
        jumps = np.nonzero((np.abs(np.diff(longitude)) > 180.0) | closing)[0] + 1
        for x, y in zip(np.split(longitude, jumps), np.split(line[:, 1], jumps)):
            axes.plot(x, y, **style)
