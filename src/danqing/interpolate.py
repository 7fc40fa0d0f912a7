"""The verb that paints what lies between: two wishes or two pictures, and the way from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image

from danqing.conditions.conditioner import finished
from danqing.data.resample import fitted
from danqing.errors import WishError
from danqing.maths.latents import Way, between
from danqing.maths.seen import from_network, to_network
from danqing.mix import together
from danqing.paint import Session
from danqing.painters.start_pictures import read_picture, to_image
from danqing.parts.contract import LatentFamily
from danqing.words import Wish

AT_ONCE = 8


def walk(session: Session, first: Wish, last: Wish, frames: int, way: Way = "spherical") -> Iterator[Image.Image]:
    """Paintings from one wish to another, evenly spaced, both ends among them.

    What a painting starts from is drawn from its seed: between two seeds it lies on the great circle between both, so that it
    is as loud as they are, and so does noise that is drawn on the way. What is asked for is blended where a painter sees it.
    Codes that are drawn on the way are drawn by the first seed.

    Args:
        session: who paints; any family.
        first, last: they share everything but words, conditions and seed.
        frames: how many, 2 or more.
        way: "linear" instead goes straight.

    Raises:
        WishError: there are too few frames, or the wishes differ in more.
    """
    _check(frames)
    ends = [session.begin([session.alone(wish)]) for wish in (first, last)]
    for start in range(0, frames, AT_ONCE):
        shares = [number / (frames - 1) for number in range(start, min(start + AT_ONCE, frames))]
        yield from together(ends, [(1 - share, share) for share in shares], way).last().show()


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
        share = number / (frames - 1)
        with torch.inference_mode():  # for each anew: it must not last while somebody else looks at a frame
            painted = family.decode(between([a, b], [1 - share, share], way), asked.conditions)
        yield to_image(finished(session.painter.conditions, from_network(painted), asked.conditions)[0])


def _check(frames: int) -> None:
    if frames < 2:
        raise WishError(f"{frames} frames were asked for: give 2 or more, both ends are among them")
