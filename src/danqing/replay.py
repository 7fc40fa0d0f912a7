"""Replay: paint a picture again from its own file, and say whether it is the same, nearly the same, or why not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from danqing.errors import PainterError
from danqing.mix import Mixture, mix
from danqing.paint import Session, load
from danqing.painters.painter import as_then
from danqing.painters.start_pictures import sha256_of
from danqing.records.record import Record, pixels_sha256, read
from danqing.words import Painting, Wish

TOLERANCE = 1
"""Largest difference, in steps of 1/255, of values that count as the same on another machine."""
SHARE = 0.999
"""Share of values that must be the same within `TOLERANCE`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it: `same` is "identical", "within tolerance" or "different"; `why` is one sentence; the new painting."""

    same: Literal["identical", "within tolerance", "different"]
    why: str
    painting: Painting


def replay(path: Path) -> Verdict:
    """Paint the picture in a file again.

    Raises:
        PictureError: the file is no picture, or carries no record.
        PainterError: its painter is not here, or is another one by the same name.
        WishError: a start picture it needs is gone.
    """
    image, record = read(path)
    session = load(record.painter)
    if session.painter.weights_sha256 != record.weights:
        raise PainterError(
            f"'{path}' was painted by '{record.painter}' with the weights {record.weights[:10]}, but the painter of that name "
            f"here has {session.painter.weights_sha256[:10]}: import the one it was painted with"
        )
    session = dataclasses.replace(session, painter=as_then(session.painter, record.settings))
    if not record.upscaler:
        session = dataclasses.replace(session, upscaler=None)
    elif session.upscaler is None or session.upscaler.weights_sha256 != record.upscaler:
        raise PainterError(f"'{path}' was enlarged by the upscaler {record.upscaler[:10]}, which is not here: import it")
    painting = _again(session, record)
    return compare(image, painting, record, session)


def _again(session: Session, record: Record) -> Painting:
    if not record.mixed:
        return session.paint_all([Wish.recorded(record.wish)])[0]
    *_, painting = mix(session, Mixture.read(record.mixed))
    assert isinstance(painting, Painting)
    return painting


def compare(image: Image.Image, painting: Painting, record: Record, session: Session) -> Verdict:
    """Judge a repainted picture against the file and its record."""
    if pixels_sha256(image) != record.pixels:
        return Verdict("different", "the file's pixels were changed after it was painted", painting)
    if pixels_sha256(painting.image) == record.pixels:
        return Verdict("identical", "every value is the same", painting)
    if image.size != painting.image.size or image.mode != painting.image.mode:
        return Verdict("different", "size or channels differ", painting)
    apart = np.abs(np.asarray(image, np.int16) - np.asarray(painting.image, np.int16))
    share = float((apart <= TOLERANCE).mean())
    changes = _changes(record, session, int(painting.record["batch"]))
    if share >= SHARE:
        return Verdict("within tolerance", f"{share:.2%} of values within 1/255{changes}", painting)
    return Verdict("different", f"only {share:.1%} of values within 1/255{changes}", painting)


def _changes(record: Record, session: Session, batch: int) -> str:
    """What is not as it was when the picture was painted."""
    now, before = session.numerics() | {"batch": batch}, record.plain()
    changed = [
        f"{name} {before[name]} then, {now[name]} now"
        for name in ("danqing", "torch", "device", "threads", "batch")
        if before[name] != now[name]
    ]
    for name, sha256 in record.inputs.items():
        if sha256_of(record.wish.get(name, name)) != sha256:
            changed.append(f"the {name} picture has changed")
    return f" ({'; '.join(changed)})" if changed else ""
