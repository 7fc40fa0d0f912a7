"""The contract: what the training loop and the painting verb know of every learner and every family.

The loop knows players, not families; whatever a family needs of it is said here. Shapes are written in jaxtyping's
letters and checked under pytest.
"""

from __future__ import annotations

import dataclasses
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from danqing.parts.symptoms import Symptom
from danqing.words import MAX_SIZE

Values = Mapping[str, Sequence[Any]]
"""Conditions of a batch: name of the condition to one value per picture; `None` where a picture has none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A name for one draw of randomness. There is no random state to save: a key always draws the same numbers.

    `Key(7).at("noise", 12)` names the noise of row 12 under seed 7. Numbers are drawn on the CPU, so that a picture is
    the same on every device.
    """

    path: tuple[int | str, ...]

    def __init__(self, *path: int | str) -> None:
        object.__setattr__(self, "path", path)

    def at(self, *names: int | str) -> Key:
        """The key of a part."""
        return Key(*self.path, *names)

    def generator(self) -> torch.Generator:
        """A fresh generator seeded with the first 8 bytes of BLAKE2b of the path."""
        return torch.Generator().manual_seed(_seed(self.path))

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, float32, on the CPU."""
        return torch.randn(shape, generator=self.generator())

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), float32, on the CPU."""
        return torch.rand(shape, generator=self.generator())


@dataclasses.dataclass(frozen=True, slots=True)
class Keys:
    """One key per picture of a batch, so that no picture's draws depend on its neighbours.

    Args:
        whole: the pictures' keys.
        part: which part of each is meant; of the whole where there is none.
    """

    whole: tuple[Key, ...]
    part: tuple[int | str, ...] = ()

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Picture by picture."""
        return tuple(key.at(*self.part) for key in self.whole) if self.part else self.whole

    def at(self, *names: int | str) -> Keys:
        """The keys of a part."""
        return Keys(self.whole, (*self.part, *names))

    def normal(self, *shape: int) -> Tensor:
        """(batch, *shape) standard normal numbers."""
        return self._filled(torch.Tensor.normal_, shape)

    def uniform(self, *shape: int) -> Tensor:
        """(batch, *shape) uniform numbers in [0, 1)."""
        return self._filled(torch.Tensor.uniform_, shape)

    def _filled(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        """What each key draws alone, by one generator and into one tensor: twice as fast for small pictures."""
        drawn, generator = torch.empty(len(self), *shape), torch.Generator()
        for key, row in zip(self.whole, drawn.unbind(), strict=True):
            draw(row, generator=generator.manual_seed(_seed(key.path + self.part)))
        return drawn


def _seed(path: tuple[int | str, ...]) -> int:
    return int.from_bytes(hashlib.blake2b(repr(path).encode(), digest_size=8).digest(), "little") >> 1


@dataclasses.dataclass(frozen=True, slots=True)
class Clock:
    """What time it is in a training: pictures seen before this step, and updates this player has made."""

    seen: int
    turn: int


@dataclasses.dataclass(frozen=True, slots=True)
class Player:
    """Who updates which parameters, and how. Every trainable parameter belongs to exactly one player.

    Args:
        parameters: what it owns.
        lr: learning rate as a function of pictures seen.
        betas: Adam's decay rates.
        decay: decoupled weight decay (AdamW), applied to tensors of two or more dimensions.
        clip: largest gradient norm; infinity leaves gradients alone.
        every: it moves on every `every`-th step of the loop.
        turns: updates it makes each time it moves.
        averages: half-lives, in pictures seen, of the exponential averages kept of its parameters; the first one paints.
        span: it rests until the first, and from the second of these numbers of pictures seen.
    """

    parameters: Sequence[nn.Parameter]
    lr: Callable[[int], float]
    betas: tuple[float, float] = (0.9, 0.99)
    decay: float = 0.0
    clip: float = float("inf")
    every: int = 1
    turns: int = 1
    averages: tuple[int, ...] = ()
    span: tuple[float, float] = (0, float("inf"))

    def awake(self, seen: int) -> bool:
        """Whether it moves at all after so many pictures."""
        return self.span[0] <= seen < self.span[1]

    def within(self, first: int, last: float = float("inf")) -> Player:
        """The same in a span of its own, in which its learning rate begins anew."""
        return dataclasses.replace(self, lr=lambda seen: self.lr(max(0, seen - first)), span=(first, last))


Stat = tuple[Tensor, Literal["sum", "gather"]]
"""A tensor, and how it is reduced."""


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """What one call of `loss` gives.

    Args:
        parts: named losses, one number per picture; the loop descends the mean over pictures of their sum, and logs each.
        stats: named tensors for `after`, reduced by the loop over micro-batches and processes: "sum" adds them, "gather"
            concatenates them along the first dimension in the order of the pictures.
    """

    parts: Mapping[str, Float[Tensor, " batch"]]
    stats: Mapping[str, Stat] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Pictures with their conditions.

    Args:
        pictures: (batch, channels, height, width) in [-1, 1]; 1, 3 or 4 channels. With 4, colours are premultiplied by
            alpha, so a transparent pixel is -1 in every channel.
        conditions: one value per picture and condition.
        rows: a number per picture that names its draws; in training, how many pictures were drawn before it.
        starts: pictures that these are to be made from, likewise; `None` where they are made from nothing.
    """

    pictures: Float[Tensor, "batch channels height width"]
    conditions: Values
    rows: tuple[int, ...]
    starts: Float[Tensor, "batch channels height width"] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def keys(self, key: Key) -> Keys:
        """One key per picture, named by its row: the same draws however the batch is cut."""
        return Keys(tuple(key.at(row) for row in self.rows))

    def split(self, size: int) -> Iterator[Batch]:
        """The batch in pieces of at most `size` pictures."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            conditions = {name: values[part] for name, values in self.conditions.items()}
            starts = None if self.starts is None else self.starts[part]
            yield Batch(self.pictures[part], conditions, self.rows[part], starts)

    def to(self, device: torch.device) -> Batch:
        """The same batch with its pictures on `device`."""
        starts = None if self.starts is None else self.starts.to(device, non_blocking=True)
        return dataclasses.replace(self, pictures=self.pictures.to(device, non_blocking=True), starts=starts)


class Learner(nn.Module, ABC):
    """Anything the loop can train."""

    couples: ClassVar[bool] = False
    """True where the loss ties the pictures of a batch together (contrastive): then there are no micro-batches."""

    @abstractmethod
    def players(self) -> dict[str, Player]:
        """Who moves, in the order of their turns."""

    @abstractmethod
    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """This player's losses, picture by picture. Changes no buffer; draws only from `key`, by row."""

    def after(self, player: str, stats: Mapping[str, Tensor], key: Key, clock: Clock) -> None:
        """Called after this player's update with the reduced stats: the only place that changes buffers."""

    def networks(self) -> Iterable[nn.Module]:
        """Its parts that an accelerator's compiler may turn into few kernels: pure functions of tensors of steady shapes."""
        return ()

    def readings(self) -> Mapping[str, float]:
        """Numbers of its state that are worth a curve, by name."""
        return {}

    def symptoms(self) -> Iterable[Symptom]:
        """What ails it now, told from its buffers; asked now and then in training. See `danqing.parts.symptoms`."""
        return ()


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """All that the paintings of one batch ask for. Unlike the canvas it may be changed between two steps.

    Args:
        conditions: what is asked, one value per picture and condition.
        against: negative prompts, likewise; a condition left out is absent.
        guidance: one weight per picture; 1 is none.
        start: pictures to start from or to keep where `mask` is 0, in [-1, 1], premultiplied; `None` where there are none.
        mask: 1 where to paint, 0 where to keep.
    """

    conditions: Values
    against: Values
    guidance: Float[Tensor, " batch"]
    start: Float[Tensor, "batch channels height width"] | None = None
    mask: Float[Tensor, "batch 1 height width"] | None = None

    def __len__(self) -> int:
        return len(self.guidance)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """How a batch of paintings will be made; fixed once begun.

    Args:
        size: (height, width) in pixels.
        steps: sampling steps; `None` is the family's default.
        sampler: name of a sampler; `None` is the family's default.
        strength: share of the way to go when there is a start picture, in (0, 1].
    """

    size: tuple[int, int]
    steps: int | None = None
    sampler: str | None = None
    strength: float = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Canvas:
    """A batch of paintings under way: pure data, which can be saved, looked at and resumed.

    Args:
        tensors: what the family keeps between steps; the first dimension of each is the picture.
        grid: the times still known to the family, `grid[step]` being now; done at the last.
        step: steps made.
        keys: one key per picture.
        sampler: name of the sampler.
    """

    tensors: Mapping[str, Tensor]
    grid: tuple[float, ...]
    step: int
    keys: Keys
    sampler: str = ""

    @property
    def done(self) -> bool:
        """Whether the last step has been made."""
        return self.step >= len(self.grid) - 1

    def take(self, rows: Sequence[int]) -> Canvas:
        """Some of its pictures."""
        tensors = {name: tensor[list(rows)] for name, tensor in self.tensors.items()}
        whole = tuple(self.keys.whole[row] for row in rows)
        return dataclasses.replace(self, tensors=tensors, keys=dataclasses.replace(self.keys, whole=whole))


class Family(Learner):
    """A learner that paints. `start`, `step` and `show` are called without gradients, in evaluation mode."""

    conditional: ClassVar[bool] = True
    """Whether it can be asked for anything; otherwise a training leaves the set's conditions alone."""
    starts: ClassVar[bool] = False
    """True where it paints only from a start picture."""
    translates: ClassVar[Literal["pairs", "sets"] | None] = None
    """Whether it learns to make pictures of one kind from those of another, which a training gives it as the starts of a batch:
    "pairs" where each is made from its own partner, "sets" where each comes with any of the other kind."""
    refines: ClassVar[bool] = False
    """True where it goes over paintings of another painter, from which its training starts: it is built with that one as
    `base`, and learns from its paintings as the starts of a batch."""
    learns: ClassVar[bool] = True
    """False where it paints without training."""
    examples: ClassVar[bool] = False
    """True where it must be asked for a style by example; whatever a set tells is then no condition."""
    largest: ClassVar[int] = MAX_SIZE // 4
    """Pixels of a side that it may be asked for, at most."""
    free: ClassVar[bool] = False
    """True where it paints any size as well as the one it learnt, so that nothing has to be enlarged."""
    sized: ClassVar[bool] = False
    """True where it paints only the size it learnt; it is told that size when it is built."""
    pooled: ClassVar[bool] = False
    """True where it keeps pictures of the size it learns, and so is told that size likewise, but paints any."""
    batch: ClassVar[int | None] = None
    """Pictures per update at most that are proposed for it; a game needs many updates more than exact ones."""
    paced: ClassVar[bool] = False
    """True where a proposal knows how many pictures it learns from in a second; otherwise that is measured."""
    heeds: ClassVar[frozenset[str]] = frozenset({"steps", "sampler", "guidance", "negative", "init", "mask"})
    """Which of these a wish may name."""
    accepts: frozenset[str]
    """Names of the conditions it can use."""
    guidance: float = 1.0
    """The guidance it paints with where a wish does not say; 1 is none."""
    tunable: Mapping[str, Sequence[Any]] = MappingProxyType({})
    """Of its settings, those that only painting heeds, in the order in which a search tries them, with values to try. A
    setting named "steps" or "spins" is a cost: the least that loses nothing wins. A setting "average" of the family is the
    half-life of the player's average that paints: it is searched too, among those that the training kept."""

    suggested: ClassVar[Mapping[str, tuple[Any, str]]] = MappingProxyType({})
    """Its settings that a training from nothing is proposed, each with a sentence why; their defaults are what painters of
    before were made with."""

    def natural(self, start: tuple[int, int] | None, learnt: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of a painting where nobody says, given those of its start picture, if any, and those learnt."""
        return learnt

    def taught_by(self, base: Family) -> None:
        """Called once where a training starts from a painter, with that one, when its weights have been taken over."""

    def bits(self, batch: Batch, key: Key) -> Float[Tensor, " batch"] | None:
        """Bits per value of each picture given its conditions, exact or an upper bound; `None` where the family has no
        likelihood of pixels. Called without gradients, in evaluation mode; the pictures' values are whole levels of a byte."""
        return None

    @abstractmethod
    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """A canvas before its first step."""

    @abstractmethod
    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """The canvas after one more step. Pure: a canvas in, a new canvas out."""

    @abstractmethod
    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The pictures as far as they are painted, in [-1, 1], at any time."""


class LatentFamily(Family):
    """A family that tells pictures in latents, and paints from them."""

    @property
    def layers(self) -> int:
        """How many layers the second dimension of latents holds, from coarse to fine; 0 where they have none."""
        return 0

    @abstractmethod
    def latents(self, canvas: Canvas, asked: Asked) -> Float[Tensor, "batch ..."]:
        """Those that a canvas before its first step leads to, whether it must be painted to know them or not."""

    @abstractmethod
    def encode(self, pictures: Float[Tensor, "batch channels height width"], values: Values) -> Float[Tensor, "batch ..."]:
        """The latents that tell these pictures best."""

    @abstractmethod
    def decode(self, latents: Float[Tensor, "batch ..."], values: Values) -> Float[Tensor, "batch channels height width"]:
        """The pictures that latents tell, in [-1, 1]."""


def check_players(players: Mapping[str, Player], learner: nn.Module) -> None:
    """Every trainable parameter has exactly one player, and players own nothing else.

    Raises:
        ValueError: a parameter is owned twice, by nobody, or is foreign; a mistake of the learner's author.
    """
    names = {parameter: name for name, parameter in learner.named_parameters() if parameter.requires_grad}
    owned: Iterable[nn.Parameter] = [parameter for player in players.values() for parameter in player.parameters]
    counts: dict[nn.Parameter, int] = dict.fromkeys(names, 0)
    for parameter in owned:
        if parameter not in counts:
            raise ValueError("a player owns a parameter that is not a trainable one of its learner")
        counts[parameter] += 1
    wrong = [names[parameter] for parameter, count in counts.items() if count != 1]
    if wrong:
        raise ValueError(f"each trainable parameter needs exactly one player; not so: {', '.join(wrong[:5])}")
