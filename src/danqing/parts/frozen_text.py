"""A sentence encoder trained by others, in sixteen languages, which no training of ours changes.

Multilingual Universal Sentence Encoder, the convolutional one (Yang et al. 2020, section 2): pieces are embedded, three
branches of residual convolutions read windows of 2, 3 and 5 of them, a projection gives each piece a vector, and two residual
layers turn the sum of those, over the root of their number, into the vector of the sentence (Iyyer et al. 2015; Cer et al.
2018, section 3.2). Its table is kept as it comes, in whole numbers, and made real only where a piece is read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from danqing.assets import fetch, find
from danqing.errors import AssetError, choices
from danqing.parts.sentencepiece import read_tokenizer

FROZEN = ("use-multilingual-v3",)
"""Assets that hold such an encoder."""
REMEMBERED = 16_384
"""Texts whose tokens are kept in memory, in half precision: about 7 KB each."""
_BEGIN, _END = 1, 2
_BRANCHES = ((2, 0), (3, 1), (5, 2))
"""Width of each branch's window, and how many pieces of it lie to the left."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A text as the encoder sees it.

    Args:
        tokens: one vector for the beginning, one for each piece, one for the end.
        places: where each lies in the text, (first, last + 1) in characters; (0, 0) for the beginning and the end.
    """

    tokens: Float[Tensor, "count width"]
    places: tuple[tuple[int, int], ...]


class FrozenText:
    """A frozen encoder on the CPU. It is no module, so no state and no optimiser holds its weights; a copy is the same object.

    Args:
        asset: the name of the asset it came from.
        sha256: of that asset.
        tokenizer: gives pieces their numbers.
        table: a row of whole numbers for each piece; row r is scaled by `scale[r % n]` and moved by `lo[r % n]`.
        weights: everything else, by the names of the asset's file.
    """

    def __init__(
        self, asset: str, sha256: str, tokenizer: Tokenizer, table: UInt8[Tensor, "pieces inner"], weights: Mapping[str, Tensor]
    ) -> None:
        self.asset, self.sha256 = asset, sha256
        self.tokenizer, self.table, self.weights = tokenizer, table, weights
        self.width, self.summary_width = weights["cnn_W"].shape[1], weights["d3"].shape[1]
        self.read = functools.lru_cache(REMEMBERED)(self._read)

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenText:
        return self

    def _read(self, text: str) -> Reading:
        """The text's tokens, (pieces + 2, width), in half precision; the same text is computed once."""
        found = self.tokenizer.encode(text)
        pieces = torch.tensor([_BEGIN, *found.ids, _END])
        with aside():
            tokens = self._tokens(pieces).half()
        return Reading(tokens, ((0, 0), *found.offsets, (0, 0)))

    def _tokens(self, pieces: Tensor) -> Float[Tensor, "count width"]:
        w, part = self.weights, pieces % len(self.weights["scale"])
        embedded = self.table[pieces] * w["scale"][part, None] + w["lo"][part, None]
        # One norm over the three branches side by side, not one for each.
        mapped = torch.cat([embedded @ w[f"proj{width}"] + w[f"proj_b{width}"] for width, _ in _BRANCHES], dim=1)
        gain, bias = (torch.cat([w[f"{name}{width}"] for width, _ in _BRANCHES]) for name in ("ln_g", "ln_b"))
        parts = [embedded]
        for x, (width, left) in zip(_normed(mapped, gain, bias).chunk(len(_BRANCHES), dim=1), _BRANCHES, strict=True):
            for layer in ("1", "2"):
                x = x + torch.relu(_windows(x, width, left) @ w[f"w{layer}_{width}"] + w[f"b{layer}_{width}"])
            parts.append(x)
        return _normed(torch.cat(parts, dim=1), w["ln_g"], w["ln_b"]) @ w["cnn_W"] + w["cnn_b"]

    def spread(self, tokens: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Each brought to unit variance."""
        return F.layer_norm(tokens, tokens.shape[-1:])

    def summary(self, sums: Float[Tensor, "batch width"]) -> Float[Tensor, "batch outer"]:
        """Vectors of length 1, one for each text.

        Args:
            sums: the sum of a text's tokens (weighted, if you like) over the square root of their number.
        """
        w = self.weights
        with aside():
            hidden = torch.relu(sums @ w["p1"] + torch.relu(sums @ w["d0"]) @ w["d1"])
            out = torch.tanh(hidden @ w["p3"] + torch.relu(hidden @ w["d2"]) @ w["d3"])
            return F.normalize(out, dim=1)


def open_frozen(name: str, sha256: str | None = None) -> FrozenText:
    """The frozen encoder of an asset, fetched if it is not at home; kept in memory, so that painters share it.

    Args:
        name: one of `FROZEN`.
        sha256: of the asset that is wanted; `None` takes the one this Danqing knows.

    Raises:
        AssetError: there is none of this name, it cannot be had, or other bytes are wanted than are known.
    """
    if name not in FROZEN:
        raise AssetError(f"there is no frozen text encoder '{name}': {choices(name, FROZEN)}")
    known = find(name).sha256
    if sha256 not in (None, known):
        raise AssetError(
            f"a painter needs '{name}' with the sha256 {sha256}, and this Danqing knows {known}: "
            "use the version of Danqing it was trained with"
        )
    return _open(name, known, fetch(name))


@functools.lru_cache(maxsize=2)
def _open(name: str, sha256: str, folder: Path) -> FrozenText:
    tokenizer = read_tokenizer((folder / "pieces.model").read_bytes())
    with np.load(folder / "weights.npz", allow_pickle=False) as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file.files}
    chunks = len(arrays["scale"])
    table = torch.stack([arrays.pop(f"q{number + 1}") for number in range(chunks)], dim=1).flatten(0, 1)
    return FrozenText(name, sha256, tokenizer, table, {key: array.float() for key, array in arrays.items()})


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Ordinary tensors in full precision without gradients, whatever mode the caller computes in: they may be kept."""
    with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
        yield


def _normed(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], gain, bias, 1e-12)


def _windows(x: Float[Tensor, "count width"], width: int, left: int) -> Tensor:
    """(count, width · channels): each row beside its neighbours, zeros beyond the ends."""
    padded = F.pad(x, (0, 0, left, width - 1 - left))
    return torch.cat([padded[shift : shift + len(x)] for shift in range(width)], dim=1)
