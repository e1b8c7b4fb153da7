#!/usr/bin/env python3
"""Makes the reference cases of this folder again, with CREDIT's own classes in float64.

    make_golden.py CASE.h5 OUT.h5

takes the `model:` block, parameters, input and target of a case, writes everything that follows from them, and says by
how much it differs from what is in the case. Needs PyTorch and miles-credit (both on PyPI), h5py and PyYAML; the tests
need none of them, they read the files.

A case holds, in PyTorch's shapes: model/<name> (parameters and spectral norm's vectors, exact in float32), input,
target, latitude; eval/output; train/output, train/loss and grad/<name> of one pass in training mode; steps/loss and
steps/grad_norm of each AdamW step on the same batch, the norm before clipping; after/<name>, small parameters after the
last step.
"""
import argparse
import copy
import re
import sys

import h5py
import numpy as np
import torch
import yaml

SMALL = 1024  # elements of a parameter that is written after the steps


def build(block):
    from credit.models import load_model

    torch.manual_seed(0)
    return widen(load_model({"model": copy.deepcopy(block)}))


def widen(model):
    """To float64, with what .double() leaves behind in float32."""
    model.double()
    torch.Tensor.float = torch.Tensor.double  # offsets of positions, which CREDIT casts in forward passes
    for module in model.modules():
        if hasattr(module, "weight_orig"):  # read by those who go around spectral norm's hook
            module.weight = module.weight_orig.detach()
        if hasattr(module, "relative_coords_table"):
            sides = [torch.arange(1 - w, w, dtype=torch.float64) * (8 / max(w - 1, 1)) for w in module.window_size]
            u = torch.stack(torch.meshgrid(*sides, indexing="ij"), -1)
            table = torch.sign(u) * torch.log2(u.abs() + 1) / 3
            module.relative_coords_table = table.reshape(module.relative_coords_table.shape)
    return model


def weighted_loss(output, target, latitude, weighted):
    error = (output - target) ** 2
    if weighted:
        w = torch.cos(torch.deg2rad(latitude))
        error = error * (w / w.mean())[:, None]
    return error.mean()


def run(case):
    """Adds the results to `case`: {"model": state, "input", "target", "latitude", ...}."""
    model = build(case["block"])
    model.load_state_dict({k: torch.as_tensor(v).double() for k, v in case["model"].items()}, strict=False)
    state = copy.deepcopy(model.state_dict())
    x, y, latitude = (torch.as_tensor(case[k]).double() for k in ("input", "target", "latitude"))
    results = {}

    model.eval()
    with torch.no_grad():
        results["eval/output"] = model(x)
    model.train()
    output = model(x)
    loss = weighted_loss(output, y, latitude, case["latitude_weights"])
    loss.backward()
    results.update({"train/output": output, "train/loss": loss})
    results.update({"grad/" + n: p.grad for n, p in model.named_parameters() if p.grad is not None})

    model.load_state_dict(state)
    model.train()
    o = case["optimizer"]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=o["lr"], betas=o["betas"], eps=o["eps"], weight_decay=o["weight_decay"]
    )
    losses, norms = [], []
    for _ in range(case["steps"]):
        optimizer.zero_grad()
        loss = weighted_loss(model(x), y, latitude, case["latitude_weights"])
        loss.backward()
        limit = o["clip_grad_norm"]
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), limit if limit else float("inf")).item())
        losses.append(loss.item())
        optimizer.step()
    results.update({"steps/loss": np.array(losses), "steps/grad_norm": np.array(norms)})
    results.update({"after/" + n: v for n, v in model.state_dict().items() if v.numel() <= SMALL and n in case["model"]})
    return {k: v.detach().numpy() if torch.is_tensor(v) else v for k, v in results.items()}


def optimizer_text(o):
    return "AdamW lr={lr:g} betas=({b[0]:g},{b[1]:g}) eps=1e-8 weight_decay={weight_decay} clip_grad_norm={clip_grad_norm}".format(
        b=o["betas"], **o
    )


def optimizer_of(text):
    numbers = {k: float(v) for k, v in re.findall(r"(\w+)=([-+.\de]+)", text)}
    betas = tuple(float(b) for b in re.search(r"betas=\(([^)]*)\)", text).group(1).split(","))
    return {"lr": numbers["lr"], "betas": betas, "eps": numbers["eps"], "weight_decay": numbers["weight_decay"],
            "clip_grad_norm": numbers["clip_grad_norm"]}  # fmt: skip


def write(path, case, results):
    import credit

    with h5py.File(path, "w", libver="earliest") as f:
        f.attrs["kind"] = case["block"]["type"]
        f.attrs["latitude_weights"] = int(case["latitude_weights"])
        f.attrs["model_yaml"] = yaml.safe_dump({"model": case["block"]}, default_flow_style=None)
        f.attrs["optimizer"] = optimizer_text(case["optimizer"])
        f.attrs["reference"] = f"miles-credit {getattr(credit, '__version__', '')}, torch {torch.__version__}, float64"
        f["latitude"] = case["latitude"]
        data = {"input": case["input"], "target": case["target"], **{"model/" + k: v for k, v in case["model"].items()}}
        for name, values in {**data, **results}.items():
            narrow = name in data or name.startswith(("grad/", "after/"))
            values = np.asarray(values, np.float32 if narrow else np.float64)
            packing = {"compression": "gzip", "shuffle": True} if values.size > 64 else {}
            f.create_dataset(name, data=values, track_times=False, **packing)


def load(path):
    with h5py.File(path) as f:
        names = []
        f.visititems(lambda n, o: names.append(n) if isinstance(o, h5py.Dataset) else None)
        everything = {n: f[n][()] for n in names}
        attributes = dict(f.attrs)
    case = {
        "block": yaml.safe_load(attributes["model_yaml"])["model"],
        "model": {n[6:]: v for n, v in everything.items() if n.startswith("model/")},
        "latitude_weights": bool(attributes["latitude_weights"]),
        "optimizer": optimizer_of(attributes["optimizer"]),
        "steps": len(everything["steps/loss"]),
        **{k: everything[k] for k in ("input", "target", "latitude")},
    }
    return case, everything


def compare(results, before):
    worst = {}
    whole = np.sqrt(sum(np.sum(v.astype(np.float64) ** 2) for n, v in before.items() if n.startswith("grad/")))
    for name, values in results.items():
        if name not in before:
            continue
        old = before[name].astype(np.float64)
        scale = np.linalg.norm(old)
        if name.startswith("grad/"):
            scale = max(scale, 1e-5 * whole)
        kind = name.split("/")[0] + ("" if name.startswith(("grad", "after")) else "/" + name.split("/")[1])
        worst[kind] = max(worst.get(kind, 0.0), np.linalg.norm(values - old) / max(scale, 1e-300))
    absent = [n for n in before if n.startswith("grad/") and n not in results]
    for kind, difference in sorted(worst.items()):
        print(f"  {kind:16} {difference:.1e}")
    if absent:
        sys.exit(f"no gradients now of {', '.join(absent)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case")
    parser.add_argument("out")
    arguments = parser.parse_args()

    case, before = load(arguments.case)
    results = run(case)
    write(arguments.out, case, results)
    print(f"{arguments.out}: {case['block']['type']}, loss {results['train/loss']:.6g}")
    compare(results, before)


if __name__ == "__main__":
    main()
