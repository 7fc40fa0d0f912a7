"""The two sides of a set that a translation learns: pictures of one style to be made from, pictures of others to be made.

Two pictures are partners where they are of one concept: one emoji in two hands, or files of one name in two folders.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64

from danqing.data.picture_set import PictureSet
from danqing.errors import TrainingError, choices

Numbers = Int64[np.ndarray, " _"]


@dataclasses.dataclass(frozen=True, eq=False)
class Sides:
    """Which pictures are made, and what from; numbers count the pictures of the set.

    Args:
        made: those that are painted.
        starts: those that they are made from.
        of: for each of `made`, which of `starts` is its partner; `None` where nobody knows, or shall know.
    """

    made: Numbers
    starts: Numbers
    of: tuple[int, ...] | None


def told(pictures: PictureSet, style: str) -> Numbers:
    """Numbers of the pictures of a style whose concept is known: they belong to pairs, and are not held out by themselves."""
    known = (number for number, picture in enumerate(pictures.pictures) if picture.style == style and picture.concept)
    return np.array(list(known), np.int64)


def proposed(pictures: PictureSet, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """From which style to which, and what can be asked for beside the picture, where that is not said; and why.

    Raises:
        TrainingError: the set has too few styles, or too many to choose among.
    """
    styles = sorted({picture.style for picture in pictures.pictures if picture.style})
    if len(styles) < 2:
        raise TrainingError(
            f"a translation learns from pictures in two styles, and the set '{pictures.name}' has {len(styles) or 'none'}: add "
            "each side with a style of its own (danqing data add NAME FOLDER --style STYLE, the second with --add)"
        )
    ends = given.get("to_styles")
    ends = (ends,) if isinstance(ends, str) else ends
    others = [style for style in styles if style not in (ends or ())]
    alone = len(others) == 1 or (len(styles) == 2 and others)
    start = given.get("from_style") or (others[0] if alone else None)
    if start is None:
        raise TrainingError(
            f"the set '{pictures.name}' has {len(styles)} styles ({', '.join(styles)}): say which to translate from, with "
            "--set from_style=STYLE, and to which, with --set to_styles=STYLE"
        )
    ends = tuple(ends or (style for style in styles if style != start))
    asked = ("style",) if len(ends) > 1 else ()
    return (
        {"from_style": start, "to_styles": ends, "conditions": asked},
        {
            "from_style": f"from {start}",
            "to_styles": f"to {', '.join(ends)}",
            "conditions": f"asked for beside the picture: {'the style' if asked else 'nothing'}",
        },
    )


def sides(
    pictures: PictureSet,
    chosen: Numbers,
    start: str,
    ends: Sequence[str],
    how: Literal["pairs", "sets"],
    apart: bool = True,
) -> Sides:
    """The sides among these pictures of a set.

    Args:
        pictures: the set.
        chosen: numbers of the pictures there are to choose among.
        start: the style to be made from.
        ends: the styles to be made.
        how: as of `Family.translates`.
        apart: no style may be on both sides.

    Raises:
        TrainingError: a side is empty, or nothing has a partner.
    """
    known = {picture.style for picture in pictures.pictures if picture.style}
    for style in (start, *ends):
        if style not in known:
            raise TrainingError(f"the set '{pictures.name}' has no style '{style}': {choices(style, known)}")
    if apart and start in ends:
        raise TrainingError(f"the style '{start}' was given to be made from and to be made: name another")
    styles = np.array([pictures.pictures[number].style for number in chosen.tolist()])
    starts, made = chosen[styles == start], chosen[np.isin(styles, list(ends))]
    if how == "sets":
        if not len(starts) or not len(made):
            raise TrainingError(f"the set '{pictures.name}' leaves no picture to train on in a style: add some")
        return Sides(made, starts, None)
    place: dict[str, int] = {}
    for row, number in enumerate(starts.tolist()):
        place.setdefault(pictures.pictures[number].concept, row)
    place.pop("", None)
    paired = np.array([pictures.pictures[number].concept in place for number in made.tolist()], bool)
    if not paired.any():
        raise TrainingError(
            f"no picture in {', '.join(ends)} has a partner in {start}: partners are of one concept (add both folders with "
            "--pairs, so that files of one name are); or learn without pairs, with --family cyclegan"
        )
    made = made[paired]
    return Sides(made, starts, tuple(place[pictures.pictures[number].concept] for number in made.tolist()))
