"""Which colours a picture has, and how much of each. No torch here: the web process reads palettes too."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re

import numpy as np
from jaxtyping import UInt8
from PIL import ImageColor

from danqing.errors import WishError
from danqing.maths.clusters import kmeans
from danqing.maths.colour import bytes_to_oklab, ciede2000, oklab_to_bytes, srgb_to_cielab
from danqing.maths.transport import earth_mover

Pixels = UInt8[np.ndarray, "height width channels"]

MOST = 8
"""Colours in a palette."""
ALIKE = 0.05
"""Colours nearer than this in OKLab are one: shades of one surface rather than two colours."""
LEAST = 0.02
"""A colour with a smaller share is left out: edges and noise."""
FINEST = 16
"""Colours a painting is reduced to before it is measured."""


@dataclasses.dataclass(frozen=True, slots=True)
class Palette:
    """Up to 8 colours (or 16 of a painting under measurement), sRGB uint8, and their shares, which sum to 1."""

    colours: tuple[tuple[int, int, int], ...]
    shares: tuple[float, ...]

    def __str__(self) -> str:
        pairs = zip(self.colours, self.shares, strict=True)
        return ",".join(f"#{red:02x}{green:02x}{blue:02x}:{share:.3g}" for (red, green, blue), share in pairs)


def palette_of(pixels: Pixels, most: int = MOST, alike: float = ALIKE, least: float = LEAST) -> Palette | None:
    """The palette of a picture, the largest share first.

    Args:
        pixels: each counts as much as it is opaque.
        most: colours at most.
        alike: colours nearer than this in OKLab are merged.
        least: colours with a smaller share are left out.

    Returns:
        `None` where all is transparent.
    """
    points, weights = shades_of(pixels)
    if not len(points):
        return None
    centres, masses = _merge(*kmeans(points, weights, most), alike)
    order = np.argsort(-masses, kind="stable")
    centres, shares = centres[order], masses[order] / masses.sum()
    kept = shares >= min(least, shares[0])
    shares = shares[kept] / shares[kept].sum()
    return Palette(tuple(tuple(colour) for colour in oklab_to_bytes(centres[kept]).tolist()), tuple(shares.tolist()))


def difference(asked: Palette, painted: Palette) -> float:
    """The earth mover's distance between two palettes, in mean ΔE00 (Rubner, Tomasi & Guibas 2000; Sharma et al. 2005)."""
    first = srgb_to_cielab(np.array(asked.colours) / 255.0)
    second = srgb_to_cielab(np.array(painted.colours) / 255.0)
    return earth_mover(np.array(asked.shares), np.array(painted.shares), ciede2000(first[:, None], second[None]))


def palette_from(text: str) -> Palette:
    """`#c0392b,#2c3e50:0.3`: 1 to 8 colours, hexadecimal or by their CSS name, each with a share or not.

    Colours without a share divide evenly what is left; if all have one, the shares are scaled to sum to 1.

    Raises:
        WishError: no colour, more than 8, an unknown colour or shares that leave nothing.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not 1 <= len(parts) <= MOST:
        given = "no colour" if not parts else f"{len(parts)} colours"
        raise WishError(f"a palette of {given} cannot be asked for: give 1 to {MOST}, such as #c0392b,#2c3e50:0.3")
    pairs = [part.partition(":")[::2] for part in parts]
    colours = [_colour(name.strip()) for name, _ in pairs]
    shares = _fill([_share(share) for _, share in pairs], text)
    order = sorted(range(len(colours)), key=lambda i: -shares[i])
    return Palette(tuple(colours[i] for i in order), tuple(shares[i] for i in order))


def shades_of(pixels: Pixels) -> tuple[np.ndarray, np.ndarray]:
    """Distinct shades (n, 3) in OKLab and their weights: means over cells of 8 × 8 × 8 levels, so size costs little."""
    channels = pixels.shape[-1]
    rgb = np.broadcast_to(pixels[..., :1], (*pixels.shape[:2], 3)) if channels == 1 else pixels[..., :3]
    rgb = rgb.reshape(-1, 3)
    alpha = pixels[..., 3].reshape(-1) if channels == 4 else np.full(len(rgb), 255, np.uint8)
    rgb, weights = rgb[alpha > 0], alpha[alpha > 0] / 255.0
    cell = rgb >> 3
    _, place = np.unique(cell[:, 0].astype(np.int32) << 10 | cell[:, 1].astype(np.int32) << 5 | cell[:, 2], return_inverse=True)
    oklab = bytes_to_oklab(rgb)
    masses = np.bincount(place, weights)
    sums = [np.bincount(place, weights * oklab[:, i]) for i in range(3)]
    return np.stack(sums, axis=1) / masses[:, None], masses


def _merge(centres: np.ndarray, masses: np.ndarray, alike: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres nearer than `alike` joined, the nearest pair first."""
    while len(centres) > 1:
        gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
        np.fill_diagonal(gaps, np.inf)
        first, second = sorted(divmod(int(gaps.argmin()), len(centres)))
        if gaps[first, second] >= alike:
            break
        total = masses[first] + masses[second]
        joined = (centres[first] * masses[first] + centres[second] * masses[second]) / total
        centres, masses = centres.copy(), masses.copy()
        centres[first], masses[first] = joined, total
        centres, masses = np.delete(centres, second, axis=0), np.delete(masses, second)
    return centres, masses


def _colour(name: str) -> tuple[int, int, int]:
    known = name.lower() in ImageColor.colormap
    if not known and not re.fullmatch(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", name):
        close = difflib.get_close_matches(name.lower(), ImageColor.colormap, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise WishError(f"'{name}' is no colour: {hint}give one like #c0392b or a CSS name like crimson")
    red, green, blue = ImageColor.getrgb(name)[:3]
    return red, green, blue


def _share(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0.0 < share <= 1.0:
        raise WishError(f"'{text.strip()}' is no share of a palette: give a number above 0 and at most 1, such as #2c3e50:0.3")
    return share


def _fill(shares: list[float | None], text: str) -> list[float]:
    """Shares that sum to 1."""
    given = sum(share for share in shares if share is not None)
    missing = shares.count(None)
    if missing and given >= 1.0:
        raise WishError(
            f"the palette '{text}' leaves nothing for {missing} of its colours: give shares that sum to less than 1"
        )
    rest = (1.0 - given) / missing if missing else 0.0
    total = 1.0 if missing else given
    return [(rest if share is None else share) / total for share in shares]
