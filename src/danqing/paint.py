"""Painting: wishes in, paintings out, step by step where one wants to watch, change or stop.

`load("emoji").paint("a red apple")` is the short way; `Session.begin` gives a `Work` that is stepped, shown, saved, resumed.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

import danqing
from danqing.conditions.conditioner import enlarged, finished
from danqing.conditions.things import parted
from danqing.errors import PictureError, WishError, choices
from danqing.maths.colour import recoloured
from danqing.maths.seen import from_network, to_network
from danqing.painters.arrangement import arranged
from danqing.painters.asking import Asking
from danqing.painters.canvas_file import read_canvas, write_canvas
from danqing.painters.chain import Chain
from danqing.painters.painter import Painter, as_then, open_painter, tuned
from danqing.painters.shelf import names
from danqing.painters.start_pictures import from_image, start_and_mask, to_image
from danqing.parts.contract import Asked, Canvas, Key, Keys, Plan
from danqing.records.record import Record, pixels_sha256, texts
from danqing.words import Painting, Wish

UPSCALER = "x4"
"""The painter that enlarges what others paint."""
PIXELS_AT_ONCE = 64 * 64 * 64
"""Wishes are painted in batches of at most this many pixels, so that memory stays bounded; of a wish of several things
all are painted at once."""
ENLARGED_AT_ONCE = 16 * 512 * 512
"""Pixels of a batch after they were enlarged, which takes less memory for each."""

Many = UInt8[np.ndarray, "pictures height width channels"]
Mask = UInt8[np.ndarray, "pictures height width 1"]


def load(name: str = "emoji", device: str | None = None) -> Session:
    """A painter ready to paint.

    Args:
        name: of a painter at home or in the box, or the path of a painter's folder.
        device: "cpu", "cuda", ...; by default the fastest there is.

    Raises:
        PainterError: there is no such painter, or its files are damaged.
    """
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    upscaler = open_painter(UPSCALER, chosen) if UPSCALER in names() else None
    return Session(open_painter(name, chosen), chosen, upscaler)


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """Paintings of one batch under way. Immutable: `step` gives the next.

    Args:
        session: who paints.
        wishes: resolved, all of one size, sampler and number of steps.
        asked: what the family is asked for.
        canvas: how far it is.
        kept: the start pictures' own pixels where a mask keeps them, with the mask.
        colours: the start picture's own pixels where their colours are kept.
    """

    session: Session
    wishes: tuple[Wish, ...]
    asked: Asked
    canvas: Canvas
    kept: tuple[Many, Mask] | None = None
    colours: Many | None = None

    @property
    def done(self) -> bool:
        """Whether it is finished."""
        return self.canvas.done

    def step(self) -> Self:
        """The same after one more step."""
        with torch.inference_mode():
            return dataclasses.replace(self, canvas=self.session.chain.step(self.canvas, self.asked))

    def change(self, **changes: Any) -> Self:
        """The same with other words, negative words, conditions or guidance from here on.

        Words of more things than are under way are read as of one.

        Args:
            changes: fields of `Wish` among words, negative, conditions, guidance.

        Raises:
            WishError: something else was named; size, seed, steps and painter are fixed once begun.
        """
        wrong = next((name for name in changes if name not in ("words", "negative", "conditions", "guidance")), None)
        if wrong is not None:
            allowed = ("words", "negative", "conditions", "guidance")
            raise WishError(f"'{wrong}' cannot be changed while painting: {choices(wrong, allowed)}")
        wishes = []
        for wish in self.wishes:
            new = dataclasses.replace(wish, **changes)
            if "words" in changes:  # where the others were read as written, so are these
                new = dataclasses.replace(new, read_as=new.words if wish.read_as == wish.words else None)
            elif (
                "conditions" in changes
                and wish.read_as == self.session.understood(dataclasses.replace(wish, read_as=None)).read_as
            ):
                new = dataclasses.replace(new, read_as=None)  # colours that the words give are left to a palette
            changed = self.session.resolve(new)
            if _things(changed) > _things(wish):  # which are not under way
                changed = self.session.resolve(self.session.alone(new))
            wishes.append(changed)
        rows: list[int] = []
        first = 0
        for before, after in zip(self.wishes, wishes, strict=True):
            rows += range(first, first + _things(after))
            first += _things(before)
        asked = dataclasses.replace(self.session.asked(wishes), start=self.asked.start, mask=self.asked.mask)
        canvas = self.canvas if len(rows) == first else self.canvas.take(rows)
        return dataclasses.replace(self, wishes=tuple(wishes), asked=asked, canvas=canvas)

    def show(self, most: int | None = None) -> list[Image.Image]:
        """The pictures as far as they are painted.

        Args:
            most: pixels of the longer side that are enough to look at; every second, third, ... pixel is then left out.
        """
        with torch.inference_mode():
            seen = self.session.chain.show(self.canvas)
            gap = 1 if most is None else -(-max(seen.shape[-2:]) // most)
            pixels = from_network(seen[..., ::gap, ::gap])
        pixels = finished(self.session.painter.conditions, pixels, self.asked.conditions)
        pixels = self._enlarged(pixels) if self.done else pixels
        if self.colours is not None:
            pixels = recoloured(pixels, np.broadcast_to(self.colours[:, ::gap, ::gap], pixels.shape))
        if self.kept is not None:
            start, mask = (part[:, ::gap, ::gap] for part in self.kept)
            pixels = np.where(mask > 127, pixels, start)
        whole, row = [], 0
        for wish in self.wishes:
            _, others = parted(wish.read)
            parts = pixels[row : row + 1 + len(others)]
            whole.append(arranged(list(parts), [other.place for other in others]) if others else parts[0])
            row += len(parts)
        return [to_image(picture) for picture in whole]

    def _enlarged(self, pixels: Many) -> Many:
        """The paintings with flat colours, of those wishes that are to have them."""
        wanted = [wish.flat for wish in self.wishes for _ in range(_things(wish))]
        rows = [{name: column[row] for name, column in self.asked.conditions.items()} for row in range(len(pixels))]
        known = self.session.painter.conditions
        return np.stack(
            [enlarged(known, one, row) if flat else one for one, row, flat in zip(pixels, rows, wanted, strict=True)]
        )

    def save(self, path: str | Path) -> Path:
        """Save the work to go on later with `Session.resume`.

        Raises:
            OutputError: the place cannot be written to.
        """
        return write_canvas(Path(path), self.canvas, [wish.to_json() for wish in self.wishes], self.session.numerics())

    def finish(self) -> list[Painting]:
        """Paint to the end."""
        pairs = zip(self.last().show(), self.wishes, strict=True)
        return [self.session.painting(image, wish, len(self.asked)) for image, wish in pairs]

    def last(self) -> Self:
        """The same after all its steps."""
        work = self
        while not work.done:
            work = work.step()
        return work


@dataclasses.dataclass(frozen=True, eq=False)
class Session:
    """A painter that paints.

    Args:
        painter: who.
        device: where.
        upscaler: who enlarges what the painter did not learn to paint as large; `None` lets it paint every size itself.
    """

    painter: Painter
    device: torch.device
    upscaler: Painter | None = None

    @functools.cached_property
    def chain(self) -> Chain:
        """The painter with its upscaler."""
        native = self.painter.facts.size
        if self.upscaler is None:
            return Chain(self.painter.family, native)
        return Chain(self.painter.family, native, self.upscaler.family, self.upscaler.facts.model["factor"])

    def paint(self, words: str = "", **wish: Any) -> Painting:
        """Paint one picture.

        Args:
            words: what to paint.
            wish: any other field of `danqing.Wish`: seed=7, conditions={"style": "noto"}, size=(64, 64), ...

        Raises:
            WishError: the wish cannot be painted by this painter.
        """
        return self.paint_all([_wish(words, wish)])[0]

    def previews(self, words: str = "", **wish: Any) -> Iterator[Image.Image]:
        """The picture after each step; the last is the painting."""
        return self.frames(_wish(words, wish))

    def frames(self, wish: Wish) -> Iterator[Image.Image]:
        """The same of a wish."""
        work = self.begin([wish])
        while not work.done:
            work = work.step()
            yield work.show()[0]

    def paint_all(self, wishes: Sequence[Wish]) -> list[Painting]:
        """Paint many wishes, like with like in one batch; the paintings come in the order of the wishes.

        Raises:
            WishError: one of the wishes cannot be painted; nothing is painted then.
        """
        resolved = [self.resolve(wish) for wish in wishes]
        groups: dict[Any, list[int]] = {}
        for place, wish in enumerate(resolved):
            groups.setdefault(_shared(wish), []).append(place)
        paintings: dict[int, Painting] = {}
        for places in groups.values():
            rest = places
            while rest:
                most = self.at_once([resolved[place] for place in rest])
                part, rest = rest[:most], rest[most:]
                paintings |= dict(zip(part, self.begin([resolved[place] for place in part]).finish(), strict=True))
        return [paintings[place] for place in range(len(wishes))]

    def at_once(self, wishes: Sequence[Wish]) -> int:
        """How many of resolved wishes that may share a batch are painted in one, from the first on; one at least."""
        width, height = wishes[0].size or (1, 1)
        painted, largest = math.prod(self.chain.painted((height, width))), self.chain.largest((height, width))
        most = min(PIXELS_AT_ONCE // painted, ENLARGED_AT_ONCE // largest)
        rows = itertools.accumulate(map(_things, wishes))
        return max(1, sum(count <= most for count in rows))

    def begin(self, wishes: Sequence[Wish]) -> Work:
        """Begin a batch of wishes that share size, steps, sampler, start picture, mask and strength.

        Raises:
            WishError: a wish cannot be painted, or they do not share what they must.
        """
        wishes = tuple(self.resolve(wish) for wish in wishes)
        if len({_shared(wish) for wish in wishes}) != 1:
            raise WishError(
                "wishes of one batch must share size, steps, sampler, start picture, what is kept of it, and strength: use "
                "paint_all"
            )
        wish, (width, height) = wishes[0], wishes[0].size or (0, 0)
        start, mask = start_and_mask(wish, self.painter.facts.channels)
        asked = self.asked(wishes)
        if start is not None:
            asked = dataclasses.replace(asked, start=_repeat(to_network(start), len(asked)))
        if mask is not None:
            asked = dataclasses.replace(asked, mask=_repeat(to_network(mask) > 0, len(asked)).float())
        plan = Plan((height, width), wish.steps, wish.sampler, wish.strength or 1.0)
        # The first thing is painted from the same noise as where it is asked for alone.
        keys = Keys(
            tuple(
                Key(wish.seed).at("paint", *(("thing", number) if number else ()))
                for wish in wishes
                for number in range(_things(wish))
            )
        )
        with torch.inference_mode():
            canvas = self.chain.start(asked, plan, keys)
        kept = None if start is None or mask is None else (start[None], mask[None])
        colours = start[None] if wish.keep_colours and start is not None else None
        return Work(self, wishes, asked, canvas, kept, colours)

    def resume(self, path: str | Path) -> Work:
        """Go on with a saved work.

        Raises:
            PictureError: the file is no canvas, or another painter began it.
        """
        canvas, plain, facts = read_canvas(Path(path))
        if facts["weights"] != self.painter.weights_sha256:
            raise PictureError(f"'{path}' was begun by another painter ('{facts['painter']}'): load that one to go on")
        session = dataclasses.replace(self, painter=as_then(self.painter, facts.get("settings", {})))
        begun = session.begin([Wish.recorded(wish) for wish in plain])
        tensors = {name: tensor.to(self.device) for name, tensor in canvas.tensors.items()}
        return dataclasses.replace(begun, canvas=dataclasses.replace(canvas, tensors=tensors))

    @functools.cached_property
    def asking(self) -> Asking:
        """What may be asked of it."""
        return Asking(self.painter, self.chain)

    def resolve(self, wish: Wish) -> Wish:
        """The wish with every default filled in.

        Raises:
            WishError: it cannot be painted by this painter; one sentence says why and what is allowed.
        """
        return self.asking.resolve(wish)

    def unheeded(self, wish: Wish, *, softer: bool = True) -> list[str]:
        """As of `Asking.unheeded`."""
        return self.asking.unheeded(wish, softer=softer)

    def understood(self, wish: Wish, *, several: bool = True) -> Wish:
        """As of `Asking.understood`."""
        return self.asking.understood(wish, several=several)

    def alone(self, wish: Wish) -> Wish:
        """As of `Asking.alone`."""
        return self.asking.alone(wish)

    def asked(self, wishes: Sequence[Wish]) -> Asked:
        """What the family is asked for, without start pictures: a row for each thing of each wish."""
        conditions = [(wish, row) for wish in wishes for row in self.asking.rows(wish)]
        against = [self.asking.against(wish) for wish, _ in conditions]
        names = sorted(self.painter.conditions)
        guidance = torch.tensor([1.0 if wish.guidance is None else wish.guidance for wish, _ in conditions])
        return Asked(
            {name: [row.get(name) for _, row in conditions] for name in names},
            {name: [row.get(name) for row in against] for name in names},
            guidance,
        )

    def numerics(self) -> dict[str, Any]:
        """What bit-identity depends on, beside the wish."""
        return {
            "danqing": danqing.__version__,
            "torch": torch.__version__,
            "painter": self.painter.name,
            "weights": self.painter.weights_sha256,
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "settings": tuned(self.painter),
        }

    def painting(self, image: Image.Image, wish: Wish, batch: int) -> Painting:
        """A finished picture with its scores and record."""
        size = (image.height, image.width)
        upscaler = self.upscaler if self.chain.painted(size) != size else None
        values = self.asking.rows(wish)[0]
        facts = {"wish": wish.to_json(), "inputs": self.asking.inputs(wish), "batch": batch, "pixels": pixels_sha256(image)}
        facts["upscaler"] = "" if upscaler is None else upscaler.weights_sha256
        record = Record.read({**self.numerics(), **facts})
        pixels = from_image(image)
        misses = {name: self.painter.conditions[name].miss(value, pixels) for name, value in values.items()}
        scores = {name: miss for name, miss in misses.items() if miss is not None}
        return Painting(image, wish, scores, record.plain(), texts(record))


def _things(wish: Wish) -> int:
    """How many paintings a resolved wish is put together from."""
    return 1 + len(parted(wish.read)[1])


def _shared(wish: Wish) -> tuple[Any, ...]:
    """What wishes of one batch have in common."""
    return wish.size, wish.steps, wish.sampler, wish.strength, wish.init, wish.mask, wish.keep_colours


def _wish(words: str, others: Mapping[str, Any]) -> Wish:
    wrong = next((name for name in others if name not in Wish.__slots__), None)
    if wrong is not None:
        raise WishError(f"a wish has no '{wrong}': {choices(wrong, Wish.__slots__)}")
    return Wish(words, **others)


def _repeat(tensor: torch.Tensor, count: int) -> torch.Tensor:
    return tensor.expand(count, *tensor.shape)
