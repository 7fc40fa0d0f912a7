"""The vocabulary: what a picture, a wish and a painting are. No torch here: the web process and the command line read it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from danqing.errors import OutputError
from danqing.files import png, write_atomically

MAX_SIZE = 4096
"""The largest side, in pixels, a wish may ask for; most painters paint less."""


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """One image of a set, as far as words describe it; its pixels live in the set's shards.

    `captions` maps a language ("en", "zh", or "" where nobody said which) to alternatives, the best first.
    `concept` names what several pictures share (one emoji in eight hands), so that splits keep them together.
    `facts` holds what a source knows exactly (on `shapes`: colour, form, number, place, size).
    """

    sha256: str
    captions: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    style: str = ""
    licence: str = ""
    creator: str = ""
    source: str = ""
    concept: str = ""
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Doing:
    """What is being done, and how far it is; `total` is 0 where nobody knows."""

    what: str
    done: int
    total: int


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """Everything asked of one painting. `None` means: the painter's own default.

    Args:
        words: what to paint, in any language the painter learnt; parts may be weighted, `(red:1.3)`.
        negative: words to keep away from.
        conditions: the other conditions as a user writes them, e.g. `{"style": "noto:0.5,twemoji:0.5", "palette": "#c0392b"}`.
        size: (width, height) in pixels.
        seed: 0 or more; the same wish with the same seed is the same picture.
        steps: how many sampling steps; from a start picture the share of them that `strength` leaves.
        guidance: classifier-free guidance weight; 1 is none.
        sampler: name of a sampler in `danqing.maths.samplers.SAMPLERS`.
        init: a file to start from (image to image), kept the more the smaller `strength` in (0, 1] is.
        mask: a file whose white parts are painted anew; black parts of `init` stay bit-equal.
        keep_colours: paint light and dark only, and keep the colours of `init`.
        read_as: what is read in place of `words`; by default they are, but for those that the painter never learnt, in whose
            place it reads the nearest that it did, softer what is only said of what the wish is of, and several things each by
            itself, as in `cat [on the head: hat]`.
        flat: whether an enlarged painting in a style of flat colours gets flat colours; by default it does, but from a picture.
    """

    words: str = ""
    negative: str = ""
    conditions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    size: tuple[int, int] | None = None
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    init: str | None = None
    strength: float | None = None
    mask: str | None = None
    keep_colours: bool = False
    read_as: str | None = None
    flat: bool | None = None

    @property
    def read(self) -> str:
        """The words that are read."""
        return self.read_as or self.words

    def to_json(self) -> dict[str, Any]:
        """The wish as JSON-ready values, without what was not asked."""
        facts = dataclasses.asdict(self)
        facts["conditions"] = dict(self.conditions)
        return {
            name: value
            for name, value in facts.items()
            if value not in (None, "", {}) and (value is not False or name == "flat")
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Wish:
        """The inverse of `to_json`."""
        size = facts.get("size")
        return cls(**{**facts, "size": tuple(size) if size else None})

    @classmethod
    def recorded(cls, facts: Mapping[str, Any]) -> Wish:
        """A wish that was painted: where nothing was read in place of its words, or made flat, nothing will be."""
        return cls.from_json({"read_as": facts.get("words"), "flat": False, **facts})


def check_name(path: Path) -> Path:
    """The same path.

    Raises:
        OutputError: a painting cannot be saved under such a name.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"a painting cannot be saved as '{path}': its record needs a PNG; give a name ending in .png")
    return path


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Painting:
    """A finished picture.

    `scores` maps a condition asked for to its `miss`; `record` is all that painting it again needs; `texts` is what
    its file carries (PNG text chunks, composed by `danqing.records`).
    """

    image: Image.Image
    wish: Wish
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    record: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def png(self) -> bytes:
        """The picture as PNG bytes with its texts inside."""
        return png(self.image, self.texts)

    def save(self, path: str | Path) -> Path:
        """Write the PNG, whole or not at all.

        Raises:
            OutputError: the place cannot be written to, or the name is no PNG's.
        """
        return write_atomically(check_name(Path(path)), self.png())

    def _repr_png_(self) -> bytes:
        """What a notebook shows: small pictures are enlarged without smoothing so that one sees the pixels."""
        factor = max(1, 256 // max(self.image.size))
        shown = self.image.resize((self.image.width * factor, self.image.height * factor), resample=Image.Resampling.NEAREST)
        return png(shown)
