"""Autoregressive transformer: a picture is told in codes, each by the words and the codes before it: row by row, or by scales.

Two stages, as in DALL·E (Ramesh et al. 2021, section 2): first a discrete codec learns to tell pictures in codes
(`danqing.families.vq`), then a decoder-only transformer learns p(code | conditions, earlier codes), and the codec rests. One
training does both. Painting draws code after code from the likeliest few (top-k, Fan et al. 2018, section 5.4; top-p, Holtzman
et al. 2020, equation 2), away from what would be drawn without conditions (Gafni et al. 2022, "Make-A-Scene", equation 6; Yu et
al. 2022, "Parti", section 2.3). A step paints a row; within it, keys and values of what was painted are kept.

Where the codec has scales, the transformer foretells map after map, coarse to fine, all codes of a map at once by what the maps
before it tell at their places (Tian et al. 2024, "Visual Autoregressive Modeling", section 3.2). A step paints a map.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import Conditioner, drop
from danqing.families.vq import Vq, VqConfig, shrunk
from danqing.parts.causal import CausalConfig, CausalTransformer, Kept
from danqing.parts.coders import resting
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Key, Keys, LatentFamily, Loss, Plan, Player, Values
from danqing.parts.rates import PlayerConfig
from danqing.parts.symptoms import Symptom
from danqing.parts.transformer import positions

# --- config ------------------------------------------------------------------------------------------------------------


class AutoregressiveConfig(PlayerConfig):
    """Settings of the autoregressive family.

    Args:
        codec: tells pictures in codes; where it has scales, they are foretold scale by scale, otherwise row by row.
        first: share of the training in which the codec learns; after it the transformer does.
        network: the transformer.
        guidance: it paints with where a wish does not say.
        temperature: the logits are divided by.
        top_k: likeliest codes that are drawn from; 0 is all.
        top_p: least probability that those drawn from have together.
    """

    codec: VqConfig = Field(default_factory=VqConfig)
    first: float = Field(0.3, gt=0, lt=1)
    network: CausalConfig = Field(default_factory=lambda: CausalConfig(width=256, depth=6))
    guidance: float = Field(1.5, ge=0)
    temperature: float = Field(1.0, gt=0)
    top_k: int = Field(0, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    lr: float = Field(1e-3, gt=0)
    decay: float = Field(0.03, ge=0)


# --- family ------------------------------------------------------------------------------------------------------------


class Autoregressive(LatentFamily):
    """A family of two players, of which the second moves when the first is done; it has a step for each row or map of codes.

    Args:
        config: its settings.
        conditions: what it can be asked for.
        channels: 1, 3 or 4.
        length: pictures the whole training will see, for the stages and the learning rates.
        size: (height, width) of its pictures.
    """

    sized: ClassVar[bool] = True
    heeds: ClassVar[frozenset[str]] = frozenset({"guidance", "negative", "init"})
    tunable: Mapping[str, Any] = {
        "guidance": (1.0, 1.5, 2.0, 3.0),
        "temperature": (0.8, 0.9, 1.0, 1.1),
        "top_p": (0.8, 0.9, 0.95, 1.0),
    }

    sees: Tensor
    """How many places, from the first, each place sees."""

    def __init__(
        self,
        config: AutoregressiveConfig,
        conditions: Mapping[str, Condition[Any]],
        channels: int,
        length: int,
        size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.config, self.channels, self.length, self.size = config, channels, length, size
        self.conditions, self.accepts, self.guidance = conditions, frozenset(conditions), config.guidance
        width, factor = config.network.width, config.codec.coder.factor
        self.places = (-(-size[0] // factor), -(-size[1] // factor))
        self.turn = round(config.first * length)
        """Pictures after which the codec rests."""
        self.codec = Vq(config.codec, {}, channels, self.turn)
        self.maps = self.codec.maps(*self.places)
        counts = [rows * columns for rows, columns in self.maps]
        self.scaled, ends = bool(config.codec.scales), list(itertools.accumulate(counts))
        self.painted = (0, *ends) if self.scaled else tuple(range(0, ends[-1] + 1, self.places[1]))
        """How many codes there are before each step, and at last."""
        self.drawn = (0, *ends) if self.scaled else tuple(range(ends[-1] + 1))
        """How many there are before each draw, which is of a whole map or of one code."""
        sees = [end for first, end in itertools.pairwise(self.drawn) for _ in range(first, end)]
        self.register_buffer("sees", torch.tensor(sees), persistent=False)
        self.conditioner = Conditioner(conditions, width)
        self.codes = nn.Linear(config.codec.numbers, width) if self.scaled else nn.Embedding(config.codec.book, width)
        self.where = nn.Parameter(0.02 * torch.randn(ends[-1], width))
        self.network = CausalTransformer(config.network)
        self.last = nn.Linear(width, config.codec.book)
        nn.init.normal_(self.codes.weight, std=0.02)

    def players(self) -> dict[str, Player]:
        """The codec's, in the first span; then the painter."""
        codec = {f"codec {name}": player.within(0, self.turn) for name, player in self.codec.players().items()}
        mine = [parameter for name, parameter in self.named_parameters() if not name.startswith("codec.")]
        painter = self.config.player(mine, self.length - self.turn)
        return codec | {"painter": painter.within(self.turn)}

    def networks(self) -> tuple[nn.Module, ...]:
        """The transformer, and the codec's."""
        return self.network, *self.codec.networks()

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The codec's; or how badly the codes of each picture are foretold, in nats a code."""
        if player != "painter":
            return self.codec.loss(batch, player.removeprefix("codec "), key, clock)
        with torch.no_grad(), resting(self.codec):
            codes = self.codec.tokens(batch.pictures)
        logits = self.foretell(codes, drop(batch.conditions, batch.keys(key).at("drop")))
        return Loss({"code": F.cross_entropy(logits.transpose(1, 2), codes, reduction="none").mean(1)})

    def after(self, player: str, stats: Mapping[str, Tensor], key: Key, clock: Clock) -> None:
        """The codec's book follows."""
        if player != "painter":
            self.codec.after(player.removeprefix("codec "), stats, key, clock)

    def symptoms(self) -> list[Symptom]:
        """The codec's."""
        return self.codec.symptoms()

    def readings(self) -> dict[str, float]:
        """The codec's."""
        return self.codec.readings()

    def foretell(self, codes: Int64[Tensor, "batch places"], values: Values) -> Float[Tensor, "batch places codes"]:
        """Logits of each code from those before it, in float32."""
        told = self.conditioner.encode(values, len(codes))
        asked = self._before(codes[:, : self.drawn[-2]]) + self.where + told.vector[:, None]
        out: Tensor = self.last(self.network(asked, self._turns(), told.tokens, told.mask, sees=self.sees)).float()
        return out

    def _before(self, codes: Int64[Tensor, "batch known"]) -> Float[Tensor, "batch places width"]:
        """What is known at each place up to the next draw: the code before it; or what the maps before its own tell there."""
        if not self.scaled:
            return F.pad(self.codes(codes), (0, 0, 1, 0))
        pairs = zip(self.codec.sums(codes, self.size), self.maps, strict=False)
        told = torch.cat([shrunk(one, size).flatten(2).movedim(1, 2) for one, size in pairs], dim=1)
        out: Tensor = self.codes(told.detach())
        return out

    def _turns(self) -> tuple[Tensor, Tensor]:
        head, device = self.config.network.head, self.where.device
        cos, sin = zip(*(positions(*size, 0, head, device, self.places) for size in self.maps), strict=True)
        return torch.cat(cos), torch.cat(sin)

    def encode(self, pictures: Float[Tensor, "batch channels height width"], values: Values) -> Tensor:
        """The codes' own vectors, summed over all maps: (batch, latent, rows, columns)."""
        return self.codec.sums(self.codec.tokens(pictures), self.size)[-1]

    def decode(self, latents: Tensor, values: Values) -> Float[Tensor, "batch channels height width"]:
        """What the codec paints of the codes nearest to such vectors; of sums over maps, which lie dense, of themselves."""
        codes = latents if self.scaled else self.codec.tell(latents).codes
        return self.codec.paint(codes, self.size).clamp(-1, 1)

    def latents(self, canvas: Canvas, asked: Asked) -> Float[Tensor, "batch latent rows columns"]:
        """The vectors of the codes that are drawn."""
        while not canvas.done:
            canvas = self.step(canvas, asked)
        return self.codec.sums(canvas.tensors["codes"], self.size)[-1]

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """No code yet (-1); with a start picture, those of its upper rows or coarse maps, 1 − strength of them."""
        steps, first = len(self.painted) - 1, 0
        codes = torch.full((len(keys), self.painted[-1]), -1, device=self.where.device)
        if asked.start is not None:
            first = min(steps - 1, round(steps * (1 - plan.strength)))
            known = self.painted[first]
            codes[:, :known] = self.codec.tokens(asked.start.to(self.where))[:, :known]
        grid = tuple(1 - step / steps for step in range(first, steps + 1))
        return Canvas({"codes": codes}, grid, 0, keys)

    def _known(self, canvas: Canvas) -> int:
        """How many codes a canvas holds."""
        return self.painted[len(self.painted) - len(canvas.grid) + canvas.step]

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """One more row or map."""
        after = dataclasses.replace(canvas, step=canvas.step + 1)
        codes, begin, end = canvas.tensors["codes"].clone(), self._known(canvas), self._known(after)
        count = len(codes)
        guided = bool((asked.guidance != 1).any()) and bool(self.accepts)
        told = [self.conditioner.encode(values, count) for values in (asked.conditions, asked.against)]
        told = told[: 2 if guided else 1]
        kept, (cos, sin) = [Kept() for _ in told], self._turns()
        luck = canvas.keys.at("row", canvas.step).uniform(end - begin).to(self.where.device)
        for first, last in itertools.pairwise(place for place in self.drawn if begin <= place <= end):
            # The first draw is asked with all places before it; what is kept of them serves the others of a row. It is not kept
            # from step to step, between which codes and wish may be changed.
            before, said = self._before(codes[:, :first]), []
            for one, mine in zip(told, kept, strict=True):
                here = slice(mine.places, last)
                asked_for = before[:, here] + self.where[here] + one.vector[:, None]
                turns, sees = (cos[here], sin[here]), self.sees[here]
                hidden = self.network(asked_for, turns, one.tokens, one.mask, mine, sees=sees)[:, first - last :]
                said.append(self.last(hidden).float())
            logits = said[0] if not guided else said[1] + asked.guidance.to(said[0])[:, None, None] * (said[0] - said[1])
            codes[:, first:last] = self._drawn(logits, luck[:, first - begin : last - begin])
        return dataclasses.replace(after, tensors={"codes": codes})

    def _drawn(self, logits: Float[Tensor, "*places codes"], luck: Float[Tensor, "*places"]) -> Int64[Tensor, "*places"]:
        """A code for each, the one at which the probabilities, the largest first, exceed its luck together."""
        c = self.config
        chances, order = (logits / c.temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
        before = chances.cumsum(-1) - chances
        keep = before < c.top_p
        if c.top_k:
            keep &= torch.arange(chances.shape[-1], device=chances.device) < c.top_k
        chances = torch.where(keep, chances, 0.0)
        reached = chances.cumsum(-1) >= luck[..., None] * chances.sum(-1, keepdim=True)
        place = torch.where(reached & keep, 1, 0).argmax(-1, keepdim=True)
        return order.gather(-1, place)[..., 0]

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """What the painted maps tell, blurred to sharp; or the rows that are painted, and below them nothing."""
        codes = canvas.tensors["codes"]
        if self.scaled:
            return self.codec.from_tokens(codes[:, : self._known(canvas)], self.size)
        painted = self.codec.from_tokens(codes.clamp(min=0), self.size)
        missing = (codes.view(-1, *self.places) < 0).repeat_interleave(self.config.codec.coder.factor, 1)
        return torch.where(missing[:, None, : self.size[0], :1], -1.0, painted)


# --- presets -----------------------------------------------------------------------------------------------------------

PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "codec": {"coder": {"kind": "convolutional", "widths": [48, 96], "depths": [1, 1], "embedding": 64}},
        "network": {"width": 192, "depth": 4},
    },
    "medium": {},
    "scales": {
        "codec": {
            "coder": {"kind": "convolutional", "widths": [48, 96], "depths": [1, 1], "embedding": 64},
            "scales": [1, 2, 4, 8],
        },
        "network": {"width": 192, "depth": 4},
    },
}
"""Differences from the defaults by name."""
