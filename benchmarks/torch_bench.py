"""The same work as step_bench.cpp in PyTorch:  torch_bench.py DECK [forecasts] [steps] [amp]

Threads: OMP_NUM_THREADS. amp: true runs the model under bfloat16 autocast.
"""
import json
import sys
import time

import torch
import yaml

from wxformer_torch import WXFormer


def peak_memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def time_each(count, work):
    seconds = []
    for _ in range(count + 1):
        start = time.perf_counter()
        work()
        seconds.append(round(time.perf_counter() - start, 4))
    return seconds[1:]


def main(deck, forecasts=3, steps=3, amp="false"):
    with open(deck) as file:
        conf = yaml.safe_load(file)["model"]
    torch.manual_seed(42)
    model = WXFormer(**conf)
    channels = conf["channels"] * conf["levels"] + conf["surface_channels"] + conf["input_only_channels"]
    x = 2 * torch.rand(1, channels, conf["frames"], conf["image_height"], conf["image_width"]) - 1
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95))

    def autocast():
        return torch.autocast("cpu", torch.bfloat16, enabled=amp == "true")

    def step():
        model.train()
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            loss = model(x).float().square().mean()
        loss.backward()
        optimizer.step()

    def forecast():
        model.eval()
        with torch.no_grad(), autocast():
            model(x)

    report = {"program": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads(), "amp": amp == "true"}
    report["step_s"] = time_each(int(steps), step)
    report["peak_mib"] = round(peak_memory())
    report["forecast_s"] = time_each(int(forecasts), forecast)
    report["parameters"] = sum(p.numel() for p in model.parameters())
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
