"""A reader of English and Chinese words that weighs 7 MB: vectors of about 100,000 words, distilled from a large encoder.

A text's vector is the sum of its words' (Arora et al. 2017; as small stand-ins for sentence encoders Tulkens & van Dongen 2024,
"Model2Vec"). The words' vectors began as what the teacher, multilingual USE, says of each word alone, in its 128 main
directions, and were then trained until sums say of captions and phrases what the teacher says of them: so "the" became
faint. A word that is not in the list is cut into the fewest that are; Chinese, which writes no spaces, likewise.
`recipes/words.py` makes the file.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
import zlib
from importlib import resources
from typing import Any

import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load as load_tensors
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
from torch.nn import functional as F

from danqing.errors import AssetError
from danqing.parts.frozen_text import REMEMBERED, Reading, aside

DISTILLED = "distilled-words"
"""The name of the file, and of the reader in painters' facts."""
PIECE, ALONE = -10.0, -10.5
"""Logarithmic probabilities that make the fewest pieces the likeliest cut, and single characters the last resort."""
WORDS, UNSPACED = re.compile(r"\w+"), re.compile("[\u3040-\u30ff\u3400-\u9fff]")
MIDDLE = 8
"""What 0 is written as in the four bits of a number."""


class DistilledText:
    """Words to vectors; like a frozen encoder it is no module, no training changes it, and a copy is the same object.

    Args:
        sha256: of its file.
        pieces: the words, numbered from 1; 0 is what no word is found in.
        table: two numbers of four bits a byte, a row for each word and one for 0.
        scale: of each row.
    """

    def __init__(
        self, sha256: str, pieces: list[str], table: UInt8[Tensor, "pieces half"], scale: Float[Tensor, " pieces"]
    ) -> None:
        self.asset, self.sha256, self.tokenizer = DISTILLED, sha256, cutter(pieces)
        self.table, self.scale = table, scale
        self.width = self.summary_width = 2 * table.shape[1]
        self.read = functools.lru_cache(REMEMBERED)(self._read)

    def __deepcopy__(self, memo: dict[int, Any]) -> DistilledText:
        return self

    def _read(self, text: str) -> Reading:
        """The text's words, (count, width); a text without any is one that says nothing."""
        found = self.tokenizer.encode(text)
        with aside():
            rows = self.table[torch.tensor(found.ids or [0])]
            numbers = torch.stack([rows >> 4, rows & 15], dim=2).flatten(1).float() - MIDDLE
            tokens = numbers * self.scale[torch.tensor(found.ids or [0]), None].float()
        return Reading(tokens.half(), tuple(found.offsets) or ((0, 0),))

    def knows(self, text: str) -> tuple[int, int]:
        """Of how many of the text's words there are vectors of their own, and how many words it has.

        Where no spaces are written, each character counts as a word.
        """
        known = count = 0
        for word in WORDS.findall(text):
            found = self.tokenizer.encode(word)
            if UNSPACED.search(word):
                known += sum(len(token) for token, piece in zip(found.tokens, found.ids, strict=True) if piece)
                count += sum(map(len, found.tokens))
            else:
                known, count = known + (len(found.ids) == 1 and found.ids[0] > 0), count + 1
        return known, count

    def spread(self, tokens: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """With numbers around 1, faint words still faint."""
        return tokens * math.sqrt(self.width)

    def summary(self, sums: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        """Vectors of length 1 from sums of tokens, however scaled; 0 where nothing is said."""
        with aside():
            said: Tensor = F.normalize(sums.float(), p=2, dim=1)
            return said


def cutter(pieces: list[str]) -> Tokenizer:
    """Cuts text into the fewest of these pieces; piece n has the number n + 1."""
    scores = [("[unk]", 0.0), *((piece, PIECE if len(piece) > 1 else ALONE) for piece in pieces)]
    tokenizer = Tokenizer(models.Unigram(scores, 0))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    return tokenizer


def open_distilled(sha256: str | None = None) -> DistilledText:
    """The reader in the box, kept in memory.

    Args:
        sha256: of the file that is wanted; `None` takes the one that is here.

    Raises:
        AssetError: a painter learnt to read with another one.
    """
    found = _open()
    if sha256 not in (None, found.sha256):
        raise AssetError(
            f"a painter reads words by '{DISTILLED}' with the sha256 {sha256}, and this Danqing has {found.sha256}: "
            "use the version of Danqing it was trained with"
        )
    return found


@functools.cache
def _open() -> DistilledText:
    content = resources.files("danqing.parts").joinpath(f"{DISTILLED}.safetensors").read_bytes()
    tensors = load_tensors(content)
    pieces = zlib.decompress(tensors["pieces"].numpy().tobytes()).decode().split("\n")
    return DistilledText(hashlib.sha256(content).hexdigest(), pieces, tensors["table"], tensors["scale"])
