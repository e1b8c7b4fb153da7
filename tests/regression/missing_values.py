#!/usr/bin/env python3
"""What netCDF4-python and (where it is installed) xarray read, Rossby reads: over the product of stored types, packings,
signs and attributes. A value is missing if one of them says so: xarray knows no valid limits and no default fill values,
netCDF4-python no attributes that the stored type can't hold, and not what _Unsigned = "false" means.
"""
# needs: netcdf
import os
import subprocess
import sys
import tempfile
import warnings

import netCDF4
import numpy as np

try:
    import xarray
except ImportError:
    xarray = None

TYPES = "i1 u1 i2 u2 i4 u4 i8 u8 f4 f8".split()
PACKINGS = {"plain": {}, "scaled": {"scale_factor": np.float32(0.25)}, "moved": {"add_offset": np.float64(-3)},
            "both": {"scale_factor": np.float64(0.1), "add_offset": np.float64(273.15)},
            "falling": {"scale_factor": np.float64(-2), "add_offset": np.float64(10)}}
SIGNS = {"": {}, "true": {"_Unsigned": "true"}, "false": {"_Unsigned": "false"}}


def attributes(kind):
    """name -> (fill value or None, attributes of the variable)"""
    t = np.dtype(kind).type
    yield "none", None, {}
    yield "fill", t(7), {}
    yield "missing", None, {"missing_value": t(5)}
    yield "fill_and_missing", t(7), {"missing_value": t(5)}
    yield "vector", None, {"missing_value": np.array([5, 7], kind)}
    yield "other_type", None, {"missing_value": np.float64(5)}
    yield "out_of_reach", None, {"missing_value": np.float64(1e20)}
    yield "fraction", None, {"missing_value": np.float64(0.1)}
    yield "minimum", None, {"valid_min": t(5)}
    yield "maximum", None, {"valid_max": t(7)}
    yield "range", t(120), {"valid_range": np.array([1, 7], kind)}
    yield "range_before_maximum", None, {"valid_range": np.array([1, 7], kind), "valid_max": t(100)}
    yield "everything", t(3), {"missing_value": t(5), "valid_min": t(1), "valid_max": t(100)}
    if kind[0] == "i":
        yield "negative_fill", t(-1), {}
        yield "negative_limit", None, {"valid_range": np.array([0, -6], kind)}
        yield "negative_missing", None, {"missing_value": np.array([-1, -2], kind)}
    if kind[0] == "f":
        yield "nan", t(np.nan), {"missing_value": t(5)}
        yield "tenth", t(0.1), {"missing_value": t(1e20)}


def values(kind):
    t = np.dtype(kind)
    if kind[0] == "f":
        few = [0.1, 1e20, np.nan, -5, netCDF4.default_fillvals[kind]]
    else:
        few = [np.iinfo(t).min, np.iinfo(t).max, netCDF4.default_fillvals[kind]]
    if t.itemsize == 8 and kind[0] != "f":  # all values are float64, which can't tell the outermost ones apart
        few = few[2:]
    if t.itemsize == 1:  # bytes have no default fill value (Users Guide), but netCDF4-python gives them one
        few = [x for x in few if x != netCDF4.default_fillvals[kind]]
    if kind[0] == "i" and t.itemsize < 8:
        few += [-1, -2, -6, -7]
    return np.array([0, 1, 3, 5, 7, 8, 100, 120] + few, kind)


def write(path):
    with netCDF4.Dataset(path, "w") as file:
        for kind in TYPES:
            x = values(kind)
            file.createDimension(kind, len(x))
            for packing, factors in PACKINGS.items():
                for sign, signs in SIGNS.items():
                    for name, fill, more in attributes(kind):
                        if sign and (kind[0] == "f" or kind == "u8"):
                            continue
                        v = file.createVariable(f"{kind}_{packing}_{sign}_{name}", kind, (kind,), fill_value=fill)
                        v.setncatts({**factors, **signs, **more})
                        v.set_auto_maskandscale(False)
                        v[:] = x


def by_xarray(v):
    if xarray is None:
        return None
    v.set_auto_maskandscale(False)
    stored = xarray.Variable(v.dimensions, v[:], {a: v.getncattr(a) for a in v.ncattrs()})
    v.set_auto_maskandscale(True)
    return xarray.conventions.decode_cf_variable(v.name, stored, decode_times=False).values.astype("f8")


def by_netcdf4(v):
    try:
        return np.ma.filled(v[:].astype("f8"), np.nan)
    except OverflowError:  # its own fault
        return None


def reference(file, name):
    v = file[name]
    if "_false_" in name:  # netCDF4-python takes any text for true
        return by_xarray(v) if name[0] == "u" and "valid" not in " ".join(v.ncattrs()) else None
    theirs, other = by_netcdf4(v), by_xarray(v)
    if theirs is None or other is None:
        return other if theirs is None else theirs
    return np.where(np.isnan(other), np.nan, theirs)


def main():
    warnings.simplefilter("ignore")
    failures = compared = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "product.nc")
        write(path)
        program = os.environ["ROSSBY_TEST_PROGRAMS"] + "/decoded_values"
        lines = subprocess.run([program, path], check=True, capture_output=True, text=True).stdout.splitlines()
        ours = {line.split()[0]: np.array([float(x) for x in line.split()[1:]]) for line in lines}
        with netCDF4.Dataset(path) as file:
            for name, v in file.variables.items():
                theirs = reference(file, name)
                if theirs is None:
                    continue
                compared += 1
                if not np.allclose(ours[name], theirs, rtol=2e-6, atol=1e-6, equal_nan=True):
                    failures += 1
                    if failures < 20:
                        print(f"{name}: read as\n  {ours[name]}, but is\n  {theirs}")
    print(f"{compared} variables compared, {failures} differ; xarray {'was' if xarray else 'was not'} there")
    return 1 if failures or compared < 1000 else 0


if __name__ == "__main__":
    sys.exit(main())
