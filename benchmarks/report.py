"""Turns the lines of step_bench and torch_bench into a table:  report.py DECK LINES.jsonl"""
import json
import statistics
import sys

import yaml


def forward_flop(conf):
    """Floating-point operations of one forward pass: matrix products and convolutions, two per multiply-add.

    Returns the whole, and the part of the entry convolutions, whose data gradient no training step needs.
    """
    pad = conf.get("padding_conf") or {}
    active = pad.get("activate", False)
    height = conf["image_height"] + (sum(pad["pad_lat"]) if active else 0)
    width = conf["image_width"] + (sum(pad["pad_lon"]) if active else 0)
    levels = conf["channels"] * conf["levels"] + conf["surface_channels"]
    d_in, d_out = (levels + conf[k] for k in ("input_only_channels", "output_only_channels"))
    total = entry = 0
    cells = []
    for s in range(4):
        height, width = height // conf["cross_embed_strides"][s], width // conf["cross_embed_strides"][s]
        n, d, kernels = height * width, conf["dim"][s], sorted(conf["cross_embed_kernel_sizes"][s])
        widths = [d >> (i + 1) for i in range(len(kernels) - 1)]
        widths.append(d - sum(widths))
        embed = 2 * n * d_in * sum(w * k * k for w, k in zip(widths, kernels))
        inner = d // conf["dim_head"] * conf["dim_head"]
        attention = sum(8 * n * d * inner + 4 * n * w * w * inner
                        for w in (conf["local_window_size"], conf["global_window_size"][s]))
        total += embed + conf["depth"][s] * (attention + 2 * 16 * n * d * d)
        entry = entry or embed
        cells.append(n)
        d_in = d
    last = conf["dim"][3]
    for n, a, b in zip(cells[::-1], (last, last // 2 * 2, last // 4 * 2), (last // 2, last // 4, last // 8)):
        total += 72 * n * a * b + 3 * 72 * n * b * b
    total += 72 * cells[0] * (last // 8 * 2) * d_out + 72 * cells[0] * d_out * d_out
    return total, entry


def main(deck, lines):
    with open(deck) as file:
        forward, entry = forward_flop(yaml.safe_load(file)["model"])
    runs = {}
    with open(lines) as file:
        for run in map(json.loads, file):
            cores = run.get("ranks") or run["threads"]
            name = f"{run['program']}, {cores} {'rank' if 'ranks' in run else 'thread'}{'s' if cores > 1 else ''}"
            name += f", {samples} samples" if (samples := run.get("samples", 1)) > 1 else ""
            name += ", amp" if run["amp"] else ""
            runs.setdefault(name, []).append(run)
    print(f"forward {forward / 1e9:.1f} GFLOP, step {(3 * forward - entry) / 1e9:.1f} GFLOP a sample; medians\n")
    print(f"| {'program':34} | samples a step | forecast s | step s | step s/sample | GFLOP/s | peak MiB per process |")
    print(f"|{'-' * 36}|---|---|---|---|---|---|")
    for name, group in runs.items():
        samples = group[0].get("samples", 1)
        forecast, step = (statistics.median(t for run in group for t in run[k]) for k in ("forecast_s", "step_s"))
        rate = samples * (3 * forward - entry) / step / 1e9
        print(f"| {name:34} | {samples} | {forecast:.2f} | {step:.2f} | {step / samples:.2f} | {rate:.1f} "
              f"| {max(run['peak_mib'] for run in group):.0f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
