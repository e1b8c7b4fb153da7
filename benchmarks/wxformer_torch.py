"""WXFormer in PyTorch, as compact as it can be written: what benchmarks hold Rossby against.

Parameter names are CREDIT's, so that weights can be exchanged. `python3 wxformer_torch.py CASE.h5 ...` compares with
reference cases (see tests/reference).
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm

class ChannelNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, dim, 1, 1))
        self.b = nn.Parameter(torch.zeros(1, dim, 1, 1))

    def forward(self, x):
        variance, mean = torch.var_mean(x, dim=1, unbiased=False, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * self.g + self.b


class CrossEmbed(nn.Module):
    """Convolutions of several sizes side by side, the smaller kernels with more of the channels."""

    def __init__(self, dim_in, dim_out, kernels, stride):
        super().__init__()
        kernels = sorted(kernels)
        widths = [dim_out >> (i + 1) for i in range(len(kernels) - 1)]
        widths.append(dim_out - sum(widths))
        self.convs = nn.ModuleList()
        for kernel, width in zip(kernels, widths):
            low, high = (kernel - stride) // 2, kernel - stride - (kernel - stride) // 2
            pad = nn.ZeroPad2d((low, high, low, high))
            self.convs.append(nn.Sequential(pad, nn.Conv2d(dim_in, width, kernel, stride=stride)))

    def forward(self, x):
        return torch.cat([conv(x) for conv in self.convs], dim=1)


class PositionBias(nn.Module):
    def __init__(self, dim, window):
        super().__init__()
        p, self.window = dim // 4, window
        self.layers = nn.Sequential(
            nn.Linear(2, p), nn.LayerNorm(p), nn.ReLU(), nn.Linear(p, p), nn.LayerNorm(p), nn.ReLU(),
            nn.Linear(p, p), nn.LayerNorm(p), nn.ReLU(), nn.Linear(p, 1))
        cell = torch.arange(window)
        row, column = (c.flatten() for c in torch.meshgrid(cell, cell, indexing="ij"))
        offset = lambda c: c[:, None] - c[None, :] + window - 1
        # The table has rows of 2 w + 1, the index has rows of 2 w - 1: so do trained weights expect it.
        self.register_buffer("index", offset(row) * (2 * window - 1) + offset(column), persistent=False)

    def forward(self, like):
        span = torch.arange(-self.window, self.window + 1, device=like.device, dtype=like.dtype)
        pairs = torch.stack(torch.meshgrid(span, span, indexing="ij"), dim=-1).reshape(-1, 2)
        return self.layers(pairs).flatten()[self.index]


class Attention(nn.Module):
    def __init__(self, dim, window, dim_head, is_long, dropout):
        super().__init__()
        self.heads, self.window, self.is_long = dim // dim_head, window, is_long
        inner = self.heads * dim_head
        self.scale, self.dropout = dim_head**-0.5, dropout
        self.norm = ChannelNorm(dim)
        self.to_qkv = nn.Conv2d(dim, 3 * inner, 1, bias=False)
        self.to_out = nn.Conv2d(inner, dim, 1)
        self.dpb = PositionBias(dim, window)

    def forward(self, x):
        batch, dim, height, width = x.shape
        w = self.window
        qkv = self.to_qkv(self.norm(x))
        if self.is_long:  # [w, rows apart, w, columns apart]
            qkv = qkv.view(batch, 3, self.heads, -1, w, height // w, w, width // w).permute(1, 0, 5, 7, 2, 4, 6, 3)
        else:  # [window rows, w, window columns, w]
            qkv = qkv.view(batch, 3, self.heads, -1, height // w, w, width // w, w).permute(1, 0, 4, 6, 2, 5, 7, 3)
        windows = qkv.shape[1:5]
        q, k, v = qkv.reshape(3, -1, self.heads, w * w, qkv.shape[-1])
        scores = (q * self.scale) @ k.transpose(-1, -2) + self.dpb(x)
        out = F.dropout(scores.softmax(dim=-1), self.dropout, self.training) @ v
        out = out.view(*windows, w, w, -1)  # batch, row, column, head, in-window row and column, element
        out = out.permute(0, 3, 6, 4, 1, 5, 2) if self.is_long else out.permute(0, 3, 6, 1, 4, 2, 5)
        return self.to_out(out.reshape(batch, -1, height, width))


def feed_forward(dim, dropout):
    layers = [ChannelNorm(dim), nn.Conv2d(dim, 4 * dim, 1), nn.GELU(), nn.Dropout(dropout), nn.Conv2d(4 * dim, dim, 1)]
    block = nn.Module()
    block.layers = nn.Sequential(*layers)
    block.forward = block.layers.forward
    return block


class Transformer(nn.Module):
    def __init__(self, dim, depth, local_window, global_window, dim_head, attn_dropout, ff_dropout):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([
                Attention(dim, local_window, dim_head, False, attn_dropout), feed_forward(dim, ff_dropout),
                Attention(dim, global_window, dim_head, True, attn_dropout), feed_forward(dim, ff_dropout)])
            for _ in range(depth))

    def forward(self, x):
        for layer in self.layers:
            for block in layer:
                x = block(x) + x
        return x


class UpBlock(nn.Module):
    def __init__(self, dim_in, dim_out, groups):
        super().__init__()
        self.conv = nn.Conv2d(dim_in, 4 * dim_out, 3, padding=1)
        self.sharp = nn.Conv2d(dim_out, dim_out, 3, padding=1)
        same = lambda: [nn.Conv2d(dim_out, dim_out, 3, padding=1), nn.GroupNorm(groups, dim_out), nn.SiLU()]
        self.b = nn.Sequential(*same(), *same())

    def forward(self, x):
        x = F.pixel_shuffle(self.conv(x), 2)
        x = x + self.sharp(x)
        return self.b(x) + x


def earth_pad(x, lat, lon):
    """Rows beyond a pole are the rows before it, reversed and turned by half a circle; columns wrap around."""
    turned = x.roll(x.shape[-1] // 2, dims=-1)
    top, bottom = turned[..., : lat[0], :].flip(-2), turned[..., x.shape[-2] - lat[1]:, :].flip(-2)
    x = torch.cat([top, x, bottom], dim=-2)
    return torch.cat([x[..., x.shape[-1] - lon[0]:], x, x[..., : lon[1]]], dim=-1)


class WXFormer(nn.Module):
    def __init__(self, image_height, image_width, frames, channels, levels, surface_channels, input_only_channels,
                 output_only_channels, dim, depth, dim_head, global_window_size, local_window_size,
                 cross_embed_kernel_sizes, cross_embed_strides, use_spectral_norm, interp=True, padding_conf=None,
                 output_frames=1, attn_dropout=0.0, ff_dropout=0.0, **_):
        super().__init__()
        base = channels * levels + surface_channels
        self.size, self.interp, self.output_frames = (image_height, image_width), interp, output_frames
        self.out_channels = base + output_only_channels
        out = self.out_channels * output_frames
        self.padding = padding_conf if padding_conf and padding_conf["activate"] else None
        dims = [(base + input_only_channels) * frames, *dim]
        self.layers = nn.ModuleList(
            nn.ModuleList([
                CrossEmbed(dims[s], dims[s + 1], cross_embed_kernel_sizes[s], cross_embed_strides[s]),
                Transformer(dim[s], depth[s], local_window_size, global_window_size[s], dim_head, attn_dropout,
                            ff_dropout)])
            for s in range(4))
        last = dim[3]
        self.up_block1 = UpBlock(last, last // 2, dim[0])
        self.up_block2 = UpBlock(last // 2 * 2, last // 4, dim[0])
        self.up_block3 = UpBlock(last // 4 * 2, last // 8, dim[0])
        self.up_block4 = nn.Sequential(nn.Conv2d(last // 8 * 2, 4 * out, 3, padding=1), nn.PixelShuffle(2),
                                       nn.Conv2d(out, out, 3, padding=1))
        if use_spectral_norm:
            for module in self.modules():
                if isinstance(module, (nn.Conv2d, nn.Linear)):
                    spectral_norm(module)

    def forward(self, x):
        x = x.flatten(1, 2)
        if self.padding:
            x = earth_pad(x, self.padding["pad_lat"], self.padding["pad_lon"])
        stages = []
        for embed, transformer in self.layers:
            x = transformer(embed(x))
            stages.append(x)
        x = torch.cat([self.up_block1(x), stages[2]], dim=1)
        x = torch.cat([self.up_block2(x), stages[1]], dim=1)
        x = torch.cat([self.up_block3(x), stages[0]], dim=1)
        x = self.up_block4(x)
        if self.padding:
            (top, bottom), (left, right) = self.padding["pad_lat"], self.padding["pad_lon"]
            x = x[..., top: x.shape[-2] - bottom, left: x.shape[-1] - right]
        if self.interp:
            x = F.interpolate(x, size=self.size, mode="bilinear", align_corners=False)
        return x.unflatten(1, (self.out_channels, self.output_frames))


def compare_with(path):
    import h5py
    import numpy as np
    import yaml

    with h5py.File(path) as file:
        conf = yaml.safe_load(file.attrs["model_yaml"])
        conf = conf.get("model", conf)
        if conf["type"] not in ("wxformer", "wxformer_base"):
            return print(f"{path}: type {conf['type']}, skipped")
        model = WXFormer(**conf).double()
        weights = {name: torch.from_numpy(np.asarray(data[()], dtype=np.float64)) for name, data in file["model"].items()}
        unknown = model.load_state_dict(weights, strict=False)
        assert not unknown.missing_keys and all("cube" in k for k in unknown.unexpected_keys), unknown
        x = torch.from_numpy(np.asarray(file["input"][()], dtype=np.float64))
        for mode in ("eval", "train"):
            model.train(mode == "train")
            with torch.no_grad():
                y = model(x).numpy()
            wanted = np.asarray(file[f"{mode}/output"][()], dtype=np.float64)
            error = np.linalg.norm(y.ravel() - wanted.ravel()) / np.linalg.norm(wanted)
            print(f"{path}: {mode} relative error {error:.1e}")
            assert error < 1e-9


if __name__ == "__main__":
    for case in sys.argv[1:]:
        compare_with(case)
