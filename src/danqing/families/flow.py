"""Normalizing flow: an invertible network turns pictures into noise and noise into pictures, and knows how likely each is.

log p(x) = log N(f(x); 0, 1) + log |det ∂f/∂x| (Rezende & Mohamed 2015, equation 5). f is a stack of blocks over patches, of one
of two kinds. A "causal" block reads the patches in one order, the next block in the other, and moves each by what a
decoder-only transformer says of those before it (Zhai et al. 2024, "Normalizing Flows are Capable Generative Models", equations
5 to 7). A "coupling" block leaves half of each patch's numbers alone and moves the other half by what a transformer says of
those (Dinh et al. 2017, equations 7 and 8; Kolesnikov et al. 2024, "Jet", section 3: transformers inside, and no other layers).
To be moved is to be shifted and scaled, and then bent by a spline (Durkan et al. 2019), which affine flows lack: a block of
them can only paint Gaussians. Levels are made continuous by uniform noise within them (Theis et al. 2016, section 3.1).
Guidance moves all this away from what is said without conditions (Zhai et al. 2024, equation 11).
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import Conditioner, drop
from danqing.maths import splines
from danqing.maths.latents import varied
from danqing.maths.likelihood import LEVELS
from danqing.parts.causal import CausalConfig, CausalTransformer, Kept
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Key, Keys, LatentFamily, Loss, Plan, Player, Values
from danqing.parts.precision import full_precision
from danqing.parts.rates import PlayerConfig
from danqing.parts.transformer import positions

MOST = 3.0
"""Largest logarithm of what one block scales by; blocks multiply."""

# --- config ------------------------------------------------------------------------------------------------------------


class FlowConfig(PlayerConfig):
    """Settings of the flow.

    Args:
        kind: of the blocks, "causal" or "coupling".
        blocks: how many.
        patch: pixels on a side that are one place; less where the picture cannot be cut into such.
        network: of each block.
        bins: of the spline that bends each number after it was shifted and scaled (`danqing.maths.splines`); 0 bends nothing.
        levels: values that a channel can have; the noise that fills them is 2 / (levels − 1) wide.
        noise: times that width which is learnt with; more than 1 paints smoother pictures and has no exact likelihood.
        guidance: it paints with where a wish does not say.
        temperature: deviation of the noise it paints from.
    """

    kind: Literal["causal", "coupling"] = "causal"
    blocks: int = Field(4, ge=1)
    patch: int = Field(4, ge=1, le=32)
    network: CausalConfig = Field(default_factory=lambda: CausalConfig(width=192, depth=3))
    bins: int = Field(8, ge=0, le=64)
    levels: int = Field(LEVELS, ge=2)
    noise: float = Field(1.0, ge=1.0)
    guidance: float = Field(1.0, ge=0)
    temperature: float = Field(1.0, ge=0)
    lr: float = Field(1e-3, gt=0)


# --- family ------------------------------------------------------------------------------------------------------------


class Flow(LatentFamily):
    """A family of one player and as many steps as there are blocks, with a latent as large as the picture.

    Args:
        config: its settings.
        conditions: what it can be asked for.
        channels: 1, 3 or 4.
        length: pictures the whole training will see, for the learning rate.
        size: (height, width) of its pictures.
    """

    sized: ClassVar[bool] = True
    heeds: ClassVar[frozenset[str]] = frozenset({"guidance", "negative", "init"})
    tunable: Mapping[str, Any] = {"guidance": (1.0, 1.5, 2.0, 3.0), "temperature": (0.7, 0.8, 0.9, 1.0)}

    def __init__(
        self,
        config: FlowConfig,
        conditions: Mapping[str, Condition[Any]],
        channels: int,
        length: int,
        size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.config, self.channels, self.length, self.size = config, channels, length, size
        self.conditions, self.accepts, self.guidance = conditions, frozenset(conditions), config.guidance
        self.patch = (divisor(size[0], config.patch), divisor(size[1], config.patch))
        rows, columns = size[0] // self.patch[0], size[1] // self.patch[1]
        self.places, numbers = (rows, columns), channels * self.patch[0] * self.patch[1]
        self.conditioner = Conditioner(conditions, config.network.width)
        kind = _Causal if config.kind == "causal" else _Coupling
        self.blocks = nn.ModuleList(kind(config, numbers, self.places, number) for number in range(config.blocks))

    def players(self) -> dict[str, Player]:
        """The painter, alone."""
        return {"painter": self.config.player(self.parameters(), self.length)}

    def networks(self) -> tuple[nn.Module, ...]:
        """The transformers of the blocks."""
        return tuple(block.network for block in self._stack())

    def _stack(self) -> list[_Block]:
        return [block for block in self.blocks if isinstance(block, _Block)]

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """What each picture costs given its conditions, in nats per value, up to what whole levels cost."""
        keys = batch.keys(key)
        values = drop(batch.conditions, keys.at("drop"))
        size = batch.pictures[0].numel()
        return Loss({"nats": -self.log_likelihood(self._filled(batch, keys), values) / size})

    def _filled(self, batch: Batch, keys: Keys) -> Float[Tensor, "batch channels height width"]:
        """Levels made continuous."""
        x = batch.pictures
        return x + (keys.at("level").uniform(*x.shape[1:]).to(x) - 0.5) * (2 * self.config.noise / (self.config.levels - 1))

    def log_likelihood(self, pictures: Float[Tensor, "batch channels height width"], values: Values) -> Float[Tensor, " batch"]:
        """log p(x) of continuous pictures given their conditions, in nats; a density of values in [-1, 1]."""
        latents, volume = self.flow(pictures, values)
        return volume - 0.5 * (latents.square() + math.log(2 * math.pi)).flatten(1).sum(1)

    def flow(
        self, pictures: Float[Tensor, "batch channels height width"], values: Values
    ) -> tuple[Float[Tensor, "batch places numbers"], Float[Tensor, " batch"]]:
        """f(x) and log |det ∂f/∂x|, in float32."""
        told = self._told(values, len(pictures))
        x, volume = self._cut(pictures), pictures.new_zeros(len(pictures), dtype=torch.float32)
        for block in self._stack():
            x, more = block(x, told)
            volume = volume + more
        return x, volume

    def unflow(
        self, latents: Float[Tensor, "batch places numbers"], values: Values
    ) -> Float[Tensor, "batch channels height width"]:
        """The inverse of `flow`."""
        told = self._told(values, len(latents))
        for block in reversed(self._stack()):
            latents = block.inverse(latents, [told], None)
        return self._joined(latents)

    def bits(self, batch: Batch, key: Key) -> Float[Tensor, " batch"] | None:
        """Exact but for the noise within levels, which makes it an upper bound; none where it learnt with more noise, or of
        pictures with other levels than they have."""
        if self.config.noise != 1.0 or not self._known(batch.pictures):
            return None
        found = self.log_likelihood(self._filled(batch, batch.keys(key)), batch.conditions)
        return -found / (batch.pictures[0].numel() * math.log(2)) + math.log2((self.config.levels - 1) / 2)

    def _known(self, pictures: Float[Tensor, "batch channels height width"]) -> bool:
        """Whether pictures have its levels and no others."""
        places = (pictures + 1) * (self.config.levels - 1) / 2
        return bool((places - places.round()).abs().max() < 1e-3)

    def encode(
        self, pictures: Float[Tensor, "batch channels height width"], values: Values
    ) -> Float[Tensor, "batch places numbers"]:
        """f(x)."""
        return self.flow(pictures, values)[0]

    def decode(
        self, latents: Float[Tensor, "batch places numbers"], values: Values
    ) -> Float[Tensor, "batch channels height width"]:
        """Its inverse, held within [-1, 1]."""
        return self.unflow(latents, values).clamp(-1, 1)

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """Noise; with a start picture, between its own latents (strength 0) and noise (strength 1)."""
        rows, columns = self.places
        numbers = self.channels * self.patch[0] * self.patch[1]
        device = next(self.parameters()).device
        latents = keys.at("latent").normal(rows * columns, numbers).to(device) * self.config.temperature
        if asked.start is not None:
            latents = varied(self.encode(asked.start.to(latents), asked.conditions), latents, plan.strength)
        grid = tuple(1 - number / len(self.blocks) for number in range(len(self.blocks) + 1))
        return Canvas({"x": latents}, grid, 0, keys)

    def latents(self, canvas: Canvas, asked: Asked) -> Float[Tensor, "batch places numbers"]:
        """Those that the canvas holds."""
        return canvas.tensors["x"]

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """One block, inverted."""
        x = canvas.tensors["x"]
        told = [self._told(asked.conditions, len(x))]
        guided = bool((asked.guidance != 1).any()) and bool(self.accepts)
        if guided:
            told.append(self._told(asked.against, len(x)))
        block = self._stack()[-1 - canvas.step]
        x = block.inverse(x, told, asked.guidance.to(x) if guided else None)
        return dataclasses.replace(canvas, tensors={"x": x}, step=canvas.step + 1)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The patches as far as they are inverted."""
        return self._joined(canvas.tensors["x"]).clamp(-1, 1)

    def _told(self, values: Values, count: int) -> _Told:
        seen = self.conditioner.encode(values, count)
        return _Told(seen.vector, seen.tokens, seen.mask)

    def _cut(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch places numbers"]:
        (rows, columns), (tall, wide) = self.places, self.patch
        cut = x.float().reshape(len(x), self.channels, rows, tall, columns, wide).permute(0, 2, 4, 1, 3, 5)
        return cut.reshape(len(x), rows * columns, -1)

    def _joined(self, x: Float[Tensor, "batch places numbers"]) -> Float[Tensor, "batch channels height width"]:
        (rows, columns), (tall, wide) = self.places, self.patch
        laid = x.reshape(len(x), rows, columns, self.channels, tall, wide).permute(0, 3, 1, 4, 2, 5)
        return laid.reshape(len(x), self.channels, *self.size)


def divisor(side: int, most: int) -> int:
    """The largest divisor of a side that is at most `most`."""
    return next(number for number in range(min(side, most), 0, -1) if side % number == 0)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What the conditions say."""

    vector: Float[Tensor, "batch width"]
    tokens: Float[Tensor, "batch told width"]
    mask: Tensor


class _Block(nn.Module, ABC):
    """What both kinds share: places told apart, and what moves a number, which at first leaves it alone."""

    def __init__(self, config: FlowConfig, numbers: int, given: int, places: tuple[int, int]) -> None:
        super().__init__()
        net = config.network
        self.each = 2 + (splines.count(config.bins) if config.bins else 0)
        self.network = CausalTransformer(net)
        self.first, self.last = nn.Linear(given, net.width), nn.Linear(net.width, self.each * numbers)
        self.where = nn.Parameter(0.02 * torch.randn(places[0] * places[1], net.width))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.places, self.head = places, net.head

    @abstractmethod
    def forward(self, x: Tensor, told: _Told) -> tuple[Tensor, Tensor]:
        """The places moved, and the logarithm of the volume."""

    @abstractmethod
    def inverse(self, z: Tensor, told: list[_Told], guidance: Tensor | None) -> Tensor:
        """The places moved back; with guidance away from what the second of those told says."""

    def turns(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosines and sines of all places."""
        return positions(*self.places, 0, self.head, device)

    def moves(self, hidden: Tensor) -> Float[Tensor, "batch places numbers each"]:
        """What moves each number: a shift, a scale that `MOST` bounds, and a spline's parameters; in float32."""
        out: Tensor = self.last(hidden).float()
        return out.view(*out.shape[:-1], -1, self.each)

    def moved(self, x: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers shifted, scaled and bent, and the logarithm of the volume."""
        with full_precision(x.device):
            shift, scale = moves[..., 0], MOST * torch.tanh(moves[..., 1] / MOST)
            z, volume = (x - shift) * torch.exp(-scale), -scale
            if self.each > 2:
                z, slope = splines.spline(z, moves[..., 2:])
                volume = volume + slope
            return z, volume.flatten(1).sum(1)

    def unmoved(self, z: Tensor, moves: Tensor) -> Tensor:
        """The inverse."""
        if self.each > 2:
            z = splines.unspline(z, moves[..., 2:])
        return z * torch.exp(MOST * torch.tanh(moves[..., 1] / MOST)) + moves[..., 0]


class _Causal(_Block):
    """Each place by those before it; odd blocks read from the last place to the first."""

    def __init__(self, config: FlowConfig, numbers: int, places: tuple[int, int], number: int) -> None:
        super().__init__(config, numbers, numbers, places)
        self.turned = number % 2 == 1

    def forward(self, x: Tensor, told: _Told) -> tuple[Tensor, Tensor]:
        """The places moved, and the logarithm of the volume."""
        x = self._order(x)
        turns = tuple(self._order(part[None])[0] for part in self.turns(x.device))
        moves = self.moves(self.network(self._asked(x[:, :-1], told), turns, told.tokens, told.mask))
        z, volume = self.moved(x, moves)
        return self._order(z), volume

    def _asked(self, before: Tensor, told: _Told) -> Tensor:
        """What stands at each place: the patch of the place before it; at the first, nothing."""
        return self._at(F.pad(self.first(before), (0, 0, 1, 0)), self._order(self.where[None]), told)

    def _at(self, hidden: Tensor, where: Tensor, told: _Told) -> Tensor:
        return hidden + where + told.vector[:, None]

    def inverse(self, z: Tensor, told: list[_Told], guidance: Tensor | None) -> Tensor:
        """The inverse, place by place; with guidance away from what the second says."""
        z, (cos, sin) = self._order(z), (self._order(part[None])[0] for part in self.turns(z.device))
        where = self._order(self.where[None])
        kept, found = [Kept() for _ in told], []
        before = torch.zeros(len(z), 1, self.first.out_features, device=z.device, dtype=z.dtype)
        for place in range(z.shape[1]):
            here = slice(place, place + 1)
            said = []
            for one, mine in zip(told, kept, strict=True):
                asked = self._at(before, where[:, here], one)
                said.append(self.moves(self.network(asked, (cos[here], sin[here]), one.tokens, one.mask, mine)))
            x = self.unmoved(z[:, here], said[0] if guidance is None else _guided(said, guidance))
            found.append(x)
            before = self.first(x)
        return self._order(torch.cat(found, 1))

    def _order(self, x: Tensor) -> Tensor:
        return x.flip(1) if self.turned else x


class _Coupling(_Block):
    """Half of each place's numbers by the other half of all places; which half is drawn anew for each block."""

    mine: Tensor
    others: Tensor

    def __init__(self, config: FlowConfig, numbers: int, places: tuple[int, int], number: int) -> None:
        given = numbers // 2
        super().__init__(config, numbers - given, given, places)
        if not given:
            raise ValueError("a coupling needs patches of two numbers at least")
        order = Key("coupling", number).at(numbers).uniform(numbers).argsort()
        self.register_buffer("others", order[:given].sort().values, persistent=False)
        self.register_buffer("mine", order[given:].sort().values, persistent=False)

    def forward(self, x: Tensor, told: _Told) -> tuple[Tensor, Tensor]:
        """One half moved, and the logarithm of the volume."""
        moved, volume = self.moved(x[..., self.mine], self._said(x, told))
        return x.index_copy(2, self.mine, moved), volume

    def inverse(self, z: Tensor, told: list[_Told], guidance: Tensor | None) -> Tensor:
        """The inverse, at once."""
        said = [self._said(z, one) for one in told]
        moves = said[0] if guidance is None else _guided(said, guidance)
        return z.index_copy(2, self.mine, self.unmoved(z[..., self.mine], moves))

    def _said(self, x: Tensor, told: _Told) -> Tensor:
        asked = self.first(x[..., self.others]) + self.where + told.vector[:, None]
        every = torch.full((x.shape[1],), x.shape[1], device=x.device)
        return self.moves(self.network(asked, self.turns(x.device), told.tokens, told.mask, sees=every))


def _guided(said: list[Tensor], guidance: Tensor) -> Tensor:
    """Away from the second, by one weight per picture; 1 is none."""
    return said[1] + guidance[:, None, None, None] * (said[0] - said[1])


# --- presets -----------------------------------------------------------------------------------------------------------

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"blocks": 2, "noise": 16.0, "network": {"width": 160, "depth": 3}},
    "medium": {},
    "coupling": {"kind": "coupling", "blocks": 16, "network": {"width": 128, "depth": 2}},
}
"""Differences from the defaults by name. The small one learns with noise: shapes come first, and it has no exact likelihood."""
