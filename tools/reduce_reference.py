#!/usr/bin/env python3
"""Makes the repository's fixtures from whole reference cases: reduce_reference.py SOURCE_FOLDER TARGET_FOLDER

Kept: everything that a forward pass, its loss and its steps need. Gradients are kept as float32 (2^-24 relative, below
every tolerance they are compared with) for tensors of up to 2,000 elements, final parameters up to 64. Intermediate
stages are compared on the whole cases only.
"""
import sys
from pathlib import Path

import h5py
import numpy as np


def main(source, target):
    for path in sorted(Path(source).glob("*.h5")):
        with h5py.File(path) as old, h5py.File(Path(target) / path.name, "w", libver="v110") as new:
            for key, value in old.attrs.items():
                new.attrs[key] = int(value) if isinstance(value, np.bool_) else value

            def keep(name, dtype=None):
                data = old[name][()]
                data = np.asarray(data, dtype=dtype or data.dtype)
                if data.size > 4000:
                    new.create_dataset(name, data=data, track_times=False, compression=9, shuffle=True)
                    return
                layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)  # small ones inside their header
                layout.set_layout(h5py.h5d.COMPACT)
                layout.set_obj_track_times(False)
                group, _, leaf = name.rpartition("/")
                where = new.require_group(group) if group else new
                kind, space = h5py.h5t.py_create(data.dtype, logical=True), h5py.h5s.create_simple(data.shape)
                small = h5py.h5d.create(where.id, leaf.encode(), kind, space, layout)
                small.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(data))

            for name in ("input", "target", "latitude", "eval/output", "train/output", "train/loss", "steps/loss", "steps/grad_norm"):
                keep(name)
            for name in old["model"]:
                keep("model/" + name)
            for name, data in old["grad"].items():
                if data.size <= 2000:
                    keep("grad/" + name, np.float32)
            for name, data in old["after"].items():
                if data.size <= 64:
                    keep("after/" + name)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
