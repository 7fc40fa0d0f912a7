"""Near duplicates: a 64-bit fingerprint that survives resizing and recompression, and a search that need not compare all pairs.

The fingerprint is a DCT hash (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, section
3.2.1), with 16 of its 64 bits given to the mean colour: a hash of gray alone calls a red ball and a blue one the same.
"""

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Pixels = UInt8[np.ndarray, "height width channels"]

DISTANCE = 2
"""Bits by which the fingerprints of near duplicates may differ: on 3,330 emoji, 2 finds 96 % of halved and 93 % of
recompressed copies and takes 4 % for copies that are not, such as two faces; 4 finds 99 % and takes 9 %."""

_SIDE = 32
_FORM = 48
_FLAT = 2.0
"""A DCT coefficient below this (in gray levels × 32) is noise: it must not decide a bit by its sign."""
_CHROMA = np.arange(-56, 57, 16)
_FAINT = 1.0
"""Chroma below this, in levels, is noise of compression."""
_DIAGONALS = sorted(((row, column) for row in range(10) for column in range(10)), key=lambda at: (sum(at), at))[1 : _FORM + 1]
_ROWS, _COLUMNS = np.array(_DIAGONALS).T


def perceptual_hash(pixels: Pixels) -> int:
    """The fingerprint of a picture, in [0, 2⁶⁴). Transparent parts count as mid-gray, against which black and white both show.

    Three bits of four tell which of the 48 lowest DCT coefficients of the brightness lie above their median; the others
    write the mean Cr and Cb as a row of ones (so that bits differ as much as colours do), every place weighted by how
    colourful it is, for a small ball on white is no less red than a large one.
    """
    small = _small(pixels)
    ycc = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb) * 255.0
    waves = np.asarray(cv2.dct(ycc[..., 0]))[_ROWS, _COLUMNS]
    form = waves > max(float(np.median(waves)), 0.0) + _FLAT
    chroma = ycc[..., 1:].reshape(-1, 2) - 127.5
    weights = np.hypot(chroma[:, :1], chroma[:, 1:])
    colours = (weights * chroma).sum(axis=0) / (weights.sum() + _FAINT * len(chroma))
    bits = np.concatenate([form, (colours[:, None] > _CHROMA).ravel()])
    # Interleaved, so that every band of `near` tells many pictures apart; colours alone take few values.
    bits = bits.reshape(4, 16).T
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near(hashes: Sequence[int], distance: int = DISTANCE) -> list[tuple[int, int]]:
    """Pairs (first, later) of positions whose fingerprints differ in at most `distance` bits; each `later` appears once.

    The first of each group stands for it, so a chain of small changes does not join pictures far apart. Two hashes that
    differ in at most d bits agree wholly in one of d + 1 bands (Norouzi et al., Fast Search in Hamming Space with
    Multi-Index Hashing, 2012, section 3), so only those that share a band are compared.
    """
    bands = _bands(distance + 1)
    tables: list[dict[int, list[int]]] = [{} for _ in bands]
    seen: dict[int, int] = {}
    pairs: list[tuple[int, int]] = []
    for place, value in enumerate(hashes):
        leader = seen.get(value)
        if leader is None:
            keys = [value >> shift & mask for shift, mask in bands]
            close = [other for table, key in zip(tables, keys, strict=True) for other in table.get(key, ())]
            leader = min((other for other in close if (hashes[other] ^ value).bit_count() <= distance), default=place)
            seen[value] = leader
            if leader == place:
                for table, key in zip(tables, keys, strict=True):
                    table.setdefault(key, []).append(place)
        if leader != place:
            pairs.append((leader, place))
    return pairs


def groups(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The pairs of `near` as groups, each with its first picture first."""
    found: dict[int, list[int]] = {}
    for first, later in pairs:
        found.setdefault(first, [first]).append(later)
    return list(found.values())


def _small(pixels: Pixels) -> Float[np.ndarray, "32 32 3"]:
    """The picture on mid-gray, RGB in [0, 1]."""
    if pixels.shape[2] == 4:
        # OpenCV multiplies and converts in one pass; numpy would make five copies of the full size.
        cover = np.ascontiguousarray(pixels[..., 3])
        colours, thrice = cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), cv2.cvtColor(cover, cv2.COLOR_GRAY2RGB)
        light = _shrunk(cv2.multiply(colours, thrice, scale=1 / 255, dtype=cv2.CV_32F))
        bare = 1 - _shrunk(cover.astype(np.float32)) / 255
        return (light + 127.5 * bare[..., None]) / 255
    small = _shrunk(pixels.astype(np.float32)) / 255
    return np.repeat(small[..., None], 3, axis=2) if small.ndim == 2 else small


def _shrunk(values: Float[np.ndarray, "*many"]) -> Float[np.ndarray, "*few"]:
    """Every pixel the mean of its share of the picture; in floats, for rounded means would move bits."""
    return np.asarray(cv2.resize(values, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))


def _bands(count: int) -> list[tuple[int, int]]:
    """(shift, mask) of `count` bands that cover the 64 bits."""
    edges = [64 * band // count for band in range(count + 1)]
    return [(low, (1 << (high - low)) - 1) for low, high in itertools.pairwise(edges)]
