"""The verb that paints what lies between: two wishes or two pictures, and the way from one to the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor

from danqing.conditions.conditioner import Blend
from danqing.data.resample import fitted
from danqing.errors import WishError
from danqing.maths.colour import from_network, to_network
from danqing.maths.latents import slerp
from danqing.paint import Session, Work
from danqing.painters.start_pictures import read_picture, to_image
from danqing.parts.contract import LatentFamily, Values
from danqing.words import Wish

Way = Literal["spherical", "linear"]
AT_ONCE = 8


def walk(session: Session, first: Wish, last: Wish, frames: int, way: Way = "spherical") -> Iterator[Image.Image]:
    """Paintings from one wish to another, evenly spaced, both ends among them.

    What a painting starts from is drawn from its seed: between two seeds it lies on the great circle between both, so that it
    is as loud as they are. What is asked for is blended where a painter sees it. What is drawn on the way (noise of some
    samplers, codes) is drawn by the first seed.

    Args:
        session: who paints; any family.
        first, last: they share everything but words, conditions and seed.
        frames: how many, 2 or more.
        way: "linear" instead goes straight.

    Raises:
        WishError: there are too few frames, or the wishes differ in more.
    """
    _check(frames)
    ends = [session.begin([wish]) for wish in (first, last)]
    if any(one.canvas.grid != ends[0].canvas.grid or one.wishes[0].size != ends[0].wishes[0].size for one in ends):
        raise WishError("the two wishes differ in size, steps or start picture: only words, conditions and seed may")
    for start in range(0, frames, AT_ONCE):
        shares = [number / (frames - 1) for number in range(start, min(start + AT_ONCE, frames))]
        work = _between(ends[0], ends[1], shares, way)
        while not work.done:
            work = work.step()
        yield from work.show()


def _between(first: Work, last: Work, shares: list[float], way: Way) -> Work:
    """Works under way, one for each share, as one batch."""
    count = len(shares)
    mixed = {
        name: torch.cat([_mix(tensor, last.canvas.tensors[name], share, way) for share in shares])
        for name, tensor in first.canvas.tensors.items()
    }
    canvas = dataclasses.replace(
        first.canvas, tensors=mixed, keys=dataclasses.replace(first.canvas.keys, keys=first.canvas.keys.keys * count)
    )

    a, b = first.asked, last.asked
    asked = dataclasses.replace(
        a,
        conditions=_blended(a.conditions, b.conditions, shares),
        against=_blended(a.against, b.against, shares),
        guidance=torch.cat([a.guidance.lerp(b.guidance, share) for share in shares]),
    )
    return Work(first.session, first.wishes * count, asked, canvas, None)


def _blended(first: Values, last: Values, shares: list[float]) -> dict[str, list[Any]]:
    """What one wish asks and what another asks, as one row for each share of the way."""
    return {name: [_blend(column[0], last[name][0], share) for share in shares] for name, column in first.items()}


def _blend(first: Any, last: Any, share: float) -> Any:
    if first == last or share == 0:
        return first
    return last if share == 1 else Blend(((first, 1 - share), (last, share)))


def _mix(first: Tensor, last: Tensor, share: float, way: Way) -> Tensor:
    """One tensor of two canvases; what is no real number (sizes) is the same in both."""
    if not first.is_floating_point() or torch.equal(first, last):
        return first
    return first.lerp(last, share) if way == "linear" else slerp(first, last, share)


def between_pictures(
    session: Session, first: Path, last: Path, frames: int, way: Way = "spherical", wish: Wish | None = None
) -> Iterator[Image.Image]:
    """Paintings from one picture to another, by a family with latents, both as its latents tell them at the ends.

    Args:
        session: who paints.
        first, last: picture files; they are fitted to the size that was learnt.
        frames: how many, 2 or more.
        way: as of `walk`.
        wish: conditions under which both are read and painted; by default none.

    Raises:
        WishError: the family has no latents, there are too few frames, or a picture cannot be read.
    """
    _check(frames)
    family, facts = session.painter.family, session.painter.facts
    if not isinstance(family, LatentFamily):
        raise WishError(
            f"painters of the family '{facts.family}' have no latents that tell a picture: give words instead of files"
        )
    pixels = [fitted(read_picture(path), facts.size, facts.channels) for path in (first, last)]
    asked = session.asked([session.resolve(wish or Wish())])
    with torch.inference_mode():
        a, b = (family.encode(to_network(one)[None].to(session.device), asked.conditions).detach() for one in pixels)
        for number in range(frames):
            latents = _mix(a, b, number / (frames - 1), way)
            yield to_image(from_network(family.decode(latents, asked.conditions))[0])


def _check(frames: int) -> None:
    if frames < 2:
        raise WishError(f"{frames} frames were asked for: give 2 or more, both ends are among them")
