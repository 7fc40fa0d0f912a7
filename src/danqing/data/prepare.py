"""From stored pictures of many sizes to one array that training reads: one size, one number of channels."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from pydantic import Field
from torch import Tensor

from danqing.config import Config
from danqing.data.picture_set import PictureSet, Progress
from danqing.data.resample import Fitted, Pixels, Recast, fitted_premultiplied, straighten
from danqing.errors import OutputError
from danqing.parts.contract import Keys

_VERSION = 2  # raise it when the same settings give other pixels, so that old caches are not taken for new ones


class Preparation(Config):
    """What is done to every picture, in this order: denoise, segment, drop or add alpha, fit to the size.

    Args:
        size: (height, width) in pixels.
        channels: 1 gray, 3 colour, 4 colour with transparency.
        fit: "pad" keeps the whole picture and fills the rest, "crop" fills the size and cuts the sides.
        background: what lies under transparency and around padded pictures where there is no alpha channel.
        denoise: strength of non-local means (Buades et al. 2005), in gray levels; 0 leaves pictures alone.
        segment: "alpha" cuts to the box of what is not transparent, "grabcut" (Rother et al. 2004) makes the
            surroundings of the middle transparent, "none" leaves pictures alone.
    """

    size: tuple[int, int] = (64, 64)
    channels: Literal[1, 3, 4] = 4
    fit: Literal["pad", "crop"] = "pad"
    background: str = Field(default="#ffffff", pattern=r"^#[0-9a-fA-F]{6}$")
    denoise: float = Field(default=0.0, ge=0, le=100)
    segment: Literal["none", "alpha", "grabcut"] = "none"


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """A set made ready: `pixels[i]` is `picture_set.pictures[i]`.

    Args:
        pixels: memory-mapped; with 4 channels colours are premultiplied by alpha.
        preparation: what was done.
        folder: where they lie; what is measured of them may be kept beside.
    """

    pixels: UInt8[np.ndarray, "pictures channels height width"]
    preparation: Preparation
    folder: Path

    def straight(self, index: int) -> Pixels:
        """One picture as (height, width, channels) with straight alpha."""
        return straighten(np.ascontiguousarray(self.pixels[index].transpose(1, 2, 0)))


def prepare(pictures: PictureSet, preparation: Preparation, progress: Progress | None = None) -> Prepared:
    """The set at one size, from the cache in its folder where it was prepared so before.

    Raises:
        OutputError: the cache cannot be written.
    """
    folder = pictures.folder / "prepared" / _key(pictures, preparation)
    if not (folder / "pixels.npy").is_file():
        try:
            _write(pictures, preparation, folder, progress)
        except OSError as error:
            raise OutputError(f"'{folder}' cannot be written ({error.strerror or error}): free some space") from error
    return Prepared(np.load(folder / "pixels.npy", mmap_mode="r"), preparation, folder)


def prepare_one(pixels: Pixels, preparation: Preparation) -> UInt8[np.ndarray, "new_channels new_height new_width"]:
    """One picture, straight alpha in, as `prepare` stores it: channels first, premultiplied."""
    pixels = _segment(_denoise(pixels, preparation.denoise), preparation.segment)
    fitted = fitted_premultiplied(
        pixels, preparation.size, preparation.channels, fit=preparation.fit, background=preparation.background
    )
    return np.ascontiguousarray(fitted.transpose(2, 0, 1))


def augment(
    pictures: Shaped[Tensor, "batch channels height width"], keys: Keys, *, flip: float = 0.0, shift: int = 0
) -> Shaped[Tensor, "batch channels height width"]:
    """Mirror and move pictures at random, each by its own key only.

    Args:
        pictures: values of any kind; they are moved, never changed.
        keys: one per picture.
        flip: probability of a left-right mirror image.
        shift: largest move in pixels, in each direction; what comes in from outside repeats the edge.
    """
    if flip <= 0 and shift <= 0:
        return pictures
    draws = keys.uniform(3)
    mirrored = torch.where((draws[:, 0] < flip).to(pictures.device)[:, None, None, None], pictures.flip(-1), pictures)
    if shift <= 0:
        return mirrored
    moves = ((draws[:, 1:] * (2 * shift + 1)).floor().long() - shift).tolist()
    return torch.stack([_moved(picture, down, right) for picture, (down, right) in zip(mirrored, moves, strict=True)])


def _moved(picture: Shaped[Tensor, "channels height width"], down: int, right: int) -> Shaped[Tensor, "channels height width"]:
    height, width = picture.shape[1:]
    rows = (torch.arange(height) - down).clamp(0, height - 1)
    columns = (torch.arange(width) - right).clamp(0, width - 1)
    return picture[:, rows][:, :, columns]


def _key(pictures: PictureSet, preparation: Preparation) -> str:
    facts = [_VERSION, pictures.manifest.fingerprint, preparation.plain()]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _write(pictures: PictureSet, preparation: Preparation, folder: Path, progress: Progress | None) -> None:
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    partial.mkdir(parents=True)
    shape = (len(pictures), preparation.channels, *preparation.size)
    pixels = np.lib.format.open_memmap(partial / "pixels.npy", "w+", np.uint8, shape)
    for index in range(len(pictures)):
        pixels[index] = prepare_one(pictures.raw(index), preparation)
        if progress:
            progress(index + 1)
    pixels.flush()
    del pixels  # Windows renames no folder with an open file
    (partial / "preparation.json").write_text(json.dumps(preparation.plain()), encoding="utf8")
    if folder.exists():
        shutil.rmtree(partial)
        return
    os.replace(partial, folder)


def _denoise(pixels: Pixels, strength: float) -> Pixels:
    if strength <= 0:
        return pixels
    if pixels.shape[2] == 1:
        return cv2.fastNlMeansDenoising(pixels[:, :, 0], None, strength)[:, :, None]
    colours = cv2.fastNlMeansDenoisingColored(np.ascontiguousarray(pixels[:, :, :3]), None, strength, strength)
    return np.concatenate([colours, pixels[:, :, 3:]], axis=2)


def _segment(pixels: Pixels, how: str) -> Fitted:
    if how == "alpha" and pixels.shape[2] == 4:
        rows, columns = np.nonzero(pixels[:, :, 3].any(1))[0], np.nonzero(pixels[:, :, 3].any(0))[0]
        return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else pixels
    if how == "grabcut" and min(pixels.shape[:2]) >= 16 and (pixels.shape[2] < 4 or pixels[:, :, 3].min() == 255):
        return _cut_out(pixels)
    return pixels


def _cut_out(pixels: Pixels) -> Recast:
    """RGBA of what grabcut finds inside a frame a twentieth wide; the picture unchanged where it finds nothing."""
    height, width = pixels.shape[:2]
    colours = np.ascontiguousarray(np.broadcast_to(pixels[:, :, :3], (height, width, 3)))
    margin = max(1, round(min(height, width) / 20))
    mask = np.zeros((height, width), np.uint8)
    cv2.setRNGSeed(0)  # its mixtures begin with k-means
    frame = (margin, margin, width - 2 * margin, height - 2 * margin)
    cv2.grabCut(colours[:, :, ::-1].copy(), mask, frame, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT)
    front = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
    if not front.any():
        return pixels
    return np.concatenate([colours, np.where(front, 255, 0).astype(np.uint8)[:, :, None]], axis=2)
