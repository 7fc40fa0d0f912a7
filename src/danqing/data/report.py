"""What a source of pictures holds, without importing it: what `danqing data check` prints."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

from danqing.data.checks import Limits, decode
from danqing.data.duplicates import groups, near, perceptual_hash
from danqing.data.headers import sniff
from danqing.data.picture_set import content_hash
from danqing.data.resample import clear_hidden
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import PictureError

Progress = Callable[[int], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """One picture that can be read."""

    place: str
    kind: str
    width: int
    height: int
    channels: int
    content: str
    likeness: int
    notes: tuple[str, ...]
    languages: tuple[str, ...]
    licence: str


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """All that was found. `left_out` holds everything that an import would not take, each with its reason.

    Exact duplicates have the same pixels; near ones look alike (`danqing.data.duplicates`), each group without exact ones.
    """

    source: str
    pictures: tuple[Seen, ...]
    left_out: tuple[LeftOut, ...]
    exact: tuple[tuple[str, ...], ...]
    near: tuple[tuple[str, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Counts, sizes as [width, height] in pixels, duplicates and whatever is left out, as JSON-ready values."""
        return {
            "source": self.source,
            "pictures": len(self.pictures),
            "kinds": _counts(seen.kind for seen in self.pictures),
            "channels": _counts(str(seen.channels) for seen in self.pictures),
            "sizes": self._sizes(),
            "captions": _counts(language or "other" for seen in self.pictures for language in seen.languages),
            "without_caption": sum(not seen.languages for seen in self.pictures),
            "licences": _counts(seen.licence or "unknown" for seen in self.pictures),
            "exact_duplicates": [list(group) for group in self.exact],
            "near_duplicates": [list(group) for group in self.near],
            "notes": [{"place": seen.place, "note": note} for seen in self.pictures for note in seen.notes],
            "left_out": [dataclasses.asdict(left) for left in self.left_out],
        }

    def _sizes(self) -> dict[str, list[int]]:
        """The smallest, median and largest picture by its number of pixels."""
        order = sorted(((seen.width, seen.height) for seen in self.pictures), key=lambda size: (size[0] * size[1], size))
        if not order:
            return {}
        return {"smallest": list(order[0]), "median": list(order[len(order) // 2]), "largest": list(order[-1])}


def check_pictures(source: Source, limits: Limits | None = None, progress: Progress | None = None) -> Report:
    """Read every picture of a source as an import would, and keep nothing.

    Args:
        source: where the pictures come from.
        limits: what decoding refuses.
        progress: called with the number of files looked at so far.

    Raises:
        DataError: the source itself cannot be read.
    """
    pictures: list[Seen] = []
    left_out: list[LeftOut] = []
    for count, item in enumerate(source.items(), 1):
        found = item if isinstance(item, LeftOut) else _look(item, limits or Limits())
        if isinstance(found, LeftOut):
            left_out.append(found)
        else:
            pictures.append(found)
        if progress:
            progress(count)
    same: dict[str, list[Seen]] = {}
    for seen in pictures:
        same.setdefault(seen.content, []).append(seen)
    exact = tuple(tuple(seen.place for seen in group) for group in same.values() if len(group) > 1)
    firsts = [group[0] for group in same.values()]
    alike = groups(near([seen.likeness for seen in firsts]))
    close = tuple(tuple(firsts[at].place for at in group) for group in alike)
    return Report(source.describe(), tuple(pictures), tuple(left_out), exact, close)


def _look(item: Item, limits: Limits) -> Seen | LeftOut:
    try:
        content = item.load()
        decoded = decode(content, limits)
    except (PictureError, OSError) as error:
        return LeftOut(item.place, str(error))
    height, width, channels = decoded.pixels.shape
    return Seen(
        item.place,
        sniff(content) or "",
        width,
        height,
        channels,
        content_hash(clear_hidden(decoded.pixels)),
        perceptual_hash(decoded.pixels),
        decoded.notes,
        tuple(item.captions),
        item.licence,
    )


def _counts(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda entry: (-entry[1], entry[0])))
