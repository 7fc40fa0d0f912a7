"""Diffusion: pictures are noised until nothing is left of them; a network learns the way back, and painting walks it.

x_t = α·x + σ·ε, and the network's task is the picture x (flow matching, Lipman et al. 2023, in the x-prediction form of Li &
He 2025), the noise ε (Ho et al. 2020, equation 14) or v (Salimans & Ho 2022, appendix D). Conditions are dropped at random
in training, so that classifier-free guidance (Ho & Salimans 2022) works for every subset of them. Painting is one pure
sampler step after another (`danqing.maths.samplers`).
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import Conditioner, drop, steer
from danqing.config import Config, Needs
from danqing.errors import TrainingError, WishError, choices
from danqing.maths.guidance import guide, within
from danqing.maths.likelihood import bits_per_value
from danqing.maths.samplers import SAMPLERS, aim
from danqing.maths.schedules import (
    Betas,
    DiscreteSchedule,
    FlowSchedule,
    Point,
    Prediction,
    Schedule,
    leaping,
    noised,
    target,
    to_picture,
)
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Family, Key, Keys, Loss, Plan, Player, Values
from danqing.parts.rates import PlayerConfig
from danqing.parts.transformer import Transformer, TransformerConfig
from danqing.parts.unet import UNet, UNetConfig

LADDER = 48
"""Noise levels along which likelihood is bounded."""
LEAPING = 0.8
"""Share of the colours that a picture lacks which it is given where the last step leads to it at once: all of them leave no
shading (palettes of other pictures missed by 4.1 ΔE00 by the painter in the box; with this share 5.2, with half of it 8.3)."""

# --- config ------------------------------------------------------------------------------------------------------------


class PaintingConfig(Config):
    """How a diffusion paints where a wish does not say.

    Args:
        sampler, steps, guidance, interval: as a wish's; `interval` bounds the noise levels at which guidance is on
            (Kynkäänniemi et al. 2024).
        doubt: what is under way is shown to the network as if it held more noise, by this share of what is left to pure noise
            (decision 20; after Li et al. 2024, "Alleviating exposure bias in diffusion models").
        last: noise level from about which the last step goes to the picture at once (decision 19); 0 spaces all steps alike.
        spins: the last step's picture is the mean of what is predicted at spins² shifts, of 0 to spins - 1 pixels (or
            places of a latent) down and right (decision 22).
    """

    sampler: str = "dpm++2m"
    steps: int = Field(16, ge=1)
    guidance: float = Field(3.0, ge=0)
    interval: tuple[float, float] = (0.0, 1.0)
    doubt: float = Field(0.0, ge=0, lt=1)
    last: float = Field(0.0, ge=0, lt=1)
    spins: int = Field(1, ge=1, le=8)

    @field_validator("interval")
    @classmethod
    def _ordered(cls, interval: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= interval[0] <= interval[1] <= 1:
            raise ValueError("give two noise levels from 0 to 1, the lower one first")
        return interval


class DiffusionConfig(PlayerConfig, PaintingConfig):
    """Settings of the diffusion family, besides how it paints and how its player learns.

    Args:
        objective: "flow" predicts the picture along a straight path; "epsilon" and "v" are DDPM's on `betas`.
        backbone: the network; `{kind = "unet"}` or `{kind = "transformer"}` with their own settings.
        focus: mean and deviation of the logit of the flow's training times (Esser et al. 2024, equation 19).
        nearest: the flow's loss is that of the velocity, (x̂ − x) / σ; σ is taken as at least this (Li & He 2025).
        few: where a training starts from a painter, learn to paint in so many steps and without guidance what that one paints
            in its own steps with its own guidance (Salimans & Ho 2022, algorithm 2; with guidance Meng et al. 2023, section 3).
        steered: noise levels at which the picture under way is given the colours that were asked for; "[1, 0]" is never.
        loosened: below the first, a noise level, it is given only the second, a share, of what they lack: shading comes back.
    """

    needs: ClassVar[Needs] = {
        "betas": ("objective", ("epsilon", "v")),
        **dict.fromkeys(("focus", "nearest"), ("objective", ("flow",))),
    }
    objective: Literal["flow", "epsilon", "v"] = "flow"
    betas: Betas = "cosine"
    backbone: UNetConfig | TransformerConfig = Field(default_factory=UNetConfig, discriminator="kind")
    focus: tuple[float, float] = (-0.4, 0.8)
    nearest: float = Field(0.05, gt=0, le=1)
    few: int = Field(0, ge=0)
    steered: tuple[float, float] = (0.0, 1.0)
    loosened: tuple[float, float] = (0.2, 0.4)

    @model_validator(mode="after")
    def _even(self) -> DiffusionConfig:
        if self.few and self.last:
            raise ValueError("a painter of few steps paints at the even times it learnt at: leave last out, or few")
        return self


# --- family ------------------------------------------------------------------------------------------------------------


class Diffusion(Family):
    """A family of one player.

    Args:
        config: its settings.
        conditions: what it can be asked for.
        channels: 1, 3 or 4.
        length: pictures the whole training will see, for the learning rate.
    """

    paced: ClassVar[bool] = True
    tunable: Mapping[str, Sequence[Any]] = MappingProxyType(
        {
            "sampler": ("dpm++2m", "ddpm"),
            "doubt": (0.0, 0.1, 0.2, 0.3, 0.4),
            "last": (0.0, 0.2, 0.3, 0.4, 0.5),
            "guidance": (1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
            "interval": ((0.0, 1.0), (0.0, 0.9), (0.0, 0.8), (0.2, 1.0), (0.2, 0.9), (0.4, 1.0), (0.6, 1.0)),
            "steps": (4, 6, 8, 12, 16, 24),
            "spins": (1, 2, 4),
        }
    )
    suggested: ClassVar[Mapping[str, tuple[Any, str]]] = MappingProxyType(
        {"spins": (2, "the last step's picture is the mean of what is predicted at 2 × 2 shifts, which has less grain")}
    )

    def __init__(self, config: DiffusionConfig, conditions: Mapping[str, Condition[Any]], channels: int, length: int) -> None:
        super().__init__()
        if config.sampler not in SAMPLERS:
            raise WishError(f"there is no sampler '{config.sampler}': {choices(config.sampler, SAMPLERS)}")
        self.config, self.channels, self.length = config, channels, length
        self.conditions, self.accepts, self.guidance = conditions, frozenset(conditions), config.guidance
        if config.few:  # learnt at even times and without noise, whatever its teacher's way
            self.tunable = {name: values for name, values in self.tunable.items() if name not in ("sampler", "last")}
        self._teacher: tuple[Diffusion, ...] = ()
        flow = config.objective == "flow"
        self.schedule: Schedule = FlowSchedule() if flow else DiscreteSchedule.named(config.betas)
        self.predicts: Prediction = "x" if flow else "epsilon" if config.objective == "epsilon" else "v"
        backbone = config.backbone
        self.conditioner = Conditioner(conditions, backbone.embedding)
        self.network: nn.Module = (
            UNet(backbone, channels) if isinstance(backbone, UNetConfig) else Transformer(backbone, channels)
        )

    def players(self) -> dict[str, Player]:
        """The painter, alone."""
        return {"painter": self.config.player(self.parameters(), self.length)}

    def networks(self) -> tuple[nn.Module]:
        """The backbone."""
        return (self.network,)

    def taught_by(self, base: Family) -> None:
        """Keep the teacher, where it is one of few steps that is learnt."""
        if not self.config.few:
            return
        if not isinstance(base, Diffusion) or self.predicts != "x":
            raise TrainingError("few steps are learnt by a flow, from a flow: leave out model.few")
        teacher = copy.deepcopy(base).requires_grad_(False)
        sampler = "ddim" if SAMPLERS[base.config.sampler].draws else base.config.sampler  # noise cannot be learnt from
        teacher.config = base.config.model_copy(update={"steered": (1.0, 0.0), "sampler": sampler})
        self._teacher = (teacher,)  # in a tuple, so that its weights are none of the learner's

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The squared error of the prediction; for the flow weighted to be that of the velocity."""
        keys = batch.keys(key)
        x = batch.pictures
        noise = keys.at("noise").normal(*x.shape[1:]).to(x)
        values = drop(batch.conditions, keys.at("drop"))
        places = self._places(keys.at("time")) if self._teacher else None
        times = self._times(keys.at("time")) if places is None else torch.tensor(self.schedule.grid(self.config.few))[places]
        alpha, sigma = self.schedule.coefficients(times.to(x.device))
        x_t = noised(x, noise, alpha, sigma)
        if places is not None:
            x = self._leaps(x_t, places, values)
        out = self.predict(x_t, times.to(x.device), values)
        error = (out - target(self.predicts, x, noise, alpha, sigma)).square().mean(dim=(1, 2, 3))
        weight = 1.0 / sigma.clamp(min=self.config.nearest).square() if self.config.objective == "flow" else 1.0
        return Loss({"velocity" if self.config.objective == "flow" else self.predicts: error * weight})

    def predict(
        self, x_t: Float[Tensor, "batch channels height width"], times: Float[Tensor, " batch"], values: Values
    ) -> Float[Tensor, "batch channels height width"]:
        """What the network says of noised pictures at the schedule's times, in float32."""
        seen = self.conditioner.encode(values, len(x_t))
        clock = times.float() if self.config.objective == "flow" else (times.float() + 1) / 1000
        out: Tensor = self.network(x_t, clock, seen.vector, seen.tokens, seen.mask)
        return out.float()

    def spun(
        self, x_t: Float[Tensor, "batch channels height width"], times: Float[Tensor, " batch"], values: Values, spins: int
    ) -> Float[Tensor, "batch channels height width"]:
        """As `predict`, the mean over shifts: what the network does otherwise at some places than at others is evened out.

        Coifman & Donoho 1995, "Translation-invariant de-noising" (cycle spinning). Nothing wraps around: what is shifted in
        repeats the edge, and what is shifted out is predicted by fewer.
        """
        if spins == 1:
            return self.predict(x_t, times, values)
        height, width = x_t.shape[-2:]
        total, count = torch.zeros_like(x_t), torch.zeros_like(x_t[:1, :1])
        for down, right in itertools.product(range(min(spins, height)), range(min(spins, width))):
            moved = F.pad(x_t, (right, 0, down, 0), mode="replicate")[..., :height, :width]
            total[..., : height - down, : width - right] += self.predict(moved, times, values)[..., down:, right:]
            count[..., : height - down, : width - right] += 1
        return total / count

    def _places(self, keys: Keys) -> Int64[Tensor, " batch"]:
        """Which of the few steps each picture is about to make."""
        return (keys.uniform(1)[:, 0] * self.config.few).long().clamp(max=self.config.few - 1)

    @torch.no_grad()
    def _leaps(
        self, x_t: Float[Tensor, "batch channels height width"], places: Int64[Tensor, " batch"], values: Values
    ) -> Float[Tensor, "batch channels height width"]:
        """For each picture the one towards which a single step ends where the teacher's several do."""
        (teacher,) = self._teacher
        grid, found = self.schedule.grid(self.config.few), torch.empty_like(x_t)
        parts = math.ceil(teacher.config.steps / (1 - teacher.config.last) / self.config.few)  # even ones, all the way
        for place in sorted(set(places.tolist())):
            rows = (places == place).nonzero()[:, 0]
            first, last = grid[place], grid[place + 1]
            between = (*(first + (last - first) * part / parts for part in range(parts)), last)
            asked = Asked(
                {name: [column[row] for row in rows.tolist()] for name, column in values.items()},
                {},
                torch.full((len(rows),), teacher.config.guidance),
            )
            state: Mapping[str, Tensor] = {"x": x_t[rows]}
            denoise = functools.partial(teacher.denoise, asked=asked)
            for part in range(parts):
                state = SAMPLERS[teacher.config.sampler].step(state, self.schedule, between, part, denoise, _silent)
            found[rows] = aim(x_t[rows], state["x"], self.schedule.point(first), self.schedule.point(last))
        return found

    def _times(self, keys: Keys) -> Float[Tensor, " batch"]:
        if self.config.objective == "flow":
            mean, deviation = self.config.focus
            return torch.sigmoid(mean + deviation * keys.normal(1)[:, 0])
        return self.schedule.draw(keys.uniform(1)[:, 0])

    def bits(self, batch: Batch, key: Key) -> Float[Tensor, " batch"]:
        """The variational bound along `LADDER` noise levels."""
        x, keys, times = batch.pictures, batch.keys(key), self.schedule.ladder(LADDER)
        points = [self.schedule.point(time) for time in times]

        def denoise(x_t: Tensor, number: int) -> Tensor:
            at = torch.full((len(x),), times[number], device=x.device)
            out = self.predict(x_t, at, batch.conditions)
            return self.held(to_picture(self.predicts, out, x_t, points[number].alpha, points[number].sigma))

        return bits_per_value(x, points, denoise, lambda number: keys.at("bits", number).normal(*x.shape[1:]).to(x))

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """Pure noise, or the start picture noised up to `plan.strength`, which takes that share of the steps.

        A painter that leaps from the noise level `last` has learnt little below it. Where less noise is asked for it begins
        there all the same, and goes only that share of the way from the start picture to what it predicts.
        """
        sampler, steps = plan.sampler or self.config.sampler, plan.steps or self.config.steps
        if sampler not in SAMPLERS:
            raise WishError(f"there is no sampler '{sampler}': {choices(sampler, SAMPLERS)}")
        device, last = next(self.parameters()).device, self.config.last
        noise = keys.at("noise").normal(self.channels, *plan.size).to(device)
        strength = plan.strength if asked.start is not None else 1.0
        left = max(min(steps, 1), math.ceil(steps * strength - 1e-9))  # 0.07 of 100 is 7, whatever floats say
        grid, tensors = leaping(self.schedule, left, strength, last), {"x": noise}
        if asked.start is not None:
            level = self.schedule.point(grid[0]).level
            if level < last:
                grid = self.schedule.noisier(grid[0], (last - level) / (1.0 - level)), grid[-1]
                tensors["share"] = torch.full((len(keys), 1, 1, 1), level / last, device=device)
            first = self.schedule.point(grid[0])
            tensors["x"] = noised(asked.start.to(device), noise, first.alpha, first.sigma)
        return Canvas({**tensors, "shown": torch.zeros_like(noise)}, grid, 0, keys, sampler)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """One step of the canvas's sampler; where a mask keeps pixels, they are put back at the new noise level."""
        shown, share = canvas.tensors["shown"], canvas.tensors.get("share")
        begun, final = self.schedule.point(canvas.grid[0]).level, canvas.step == len(canvas.grid) - 2

        def denoise(x_t: Tensor, time: float) -> Tensor:
            nonlocal shown
            shown = self.denoise(x_t, time, asked, final, begun)
            if share is not None and asked.start is not None:
                shown = torch.lerp(asked.start.to(shown), shown, share)
            return shown

        def noise() -> Tensor:
            x = canvas.tensors["x"]
            return canvas.keys.at("step", canvas.step).normal(*x.shape[1:]).to(x)

        state = {name: tensor for name, tensor in canvas.tensors.items() if name not in ("shown", "share")}
        after = SAMPLERS[canvas.sampler].step(state, self.schedule, canvas.grid, canvas.step, denoise, noise)
        if asked.mask is not None and asked.start is not None:
            after["x"] = self._keep(after["x"], asked.start, asked.mask, canvas)
        return dataclasses.replace(canvas, tensors={**after, "shown": shown}, step=canvas.step + 1)

    def denoise(self, x_t: Tensor, time: float, asked: Asked, final: bool = False, begun: float = 1.0) -> Tensor:
        """The picture predicted at one time, with guidance, held within [-1, 1].

        Args:
            x_t: noised pictures at `time`.
            time: the schedule's.
            asked: what for.
            final: whether the step is the last.
            begun: noise level at which the way began; the shorter it is, the fewer mistakes there are to doubt.
        """
        point, count, doubt = self.schedule.point(time), len(x_t), begun * self.config.doubt
        told = self.schedule.noisier(time, doubt)
        means, times = self.schedule.point(told), torch.full((count,), told, device=x_t.device)
        seen = x_t * (means.alpha / point.alpha if point.alpha else 1.0 - doubt)
        predict = functools.partial(self.spun, spins=self.config.spins if final else 1)
        if not self.accepts or bool((asked.guidance == 1).all()) or not within(point, self.config.interval):
            out = predict(seen, times, asked.conditions)
        else:
            both = {
                name: [*_column(asked.conditions, name, count), *_column(asked.against, name, count)] for name in self.accepts
            }
            with_it, without = predict(seen.repeat(2, 1, 1, 1), times.repeat(2), both).chunk(2)
            out = guide(with_it, without, asked.guidance.to(x_t.device))
        leaps = final and self.config.last > 0
        return self.toned(self.held(to_picture(self.predicts, out, seen, means.alpha, means.sigma)), asked, point, leaps)

    def toned(
        self, picture: Float[Tensor, "batch channels height width"], asked: Asked, point: Point, leaps: bool = False
    ) -> Float[Tensor, "batch channels height width"]:
        """Pictures predicted at a noise level, given the colours that were asked for as far as the settings say."""
        if not within(point, self.config.steered):
            return picture
        below, share = self.config.loosened
        given = share if point.level < below else LEAPING if leaps else 1.0
        return picture.lerp(steer(self.conditions, picture, asked.conditions), given)

    def _keep(self, x: Tensor, start: Tensor, mask: Tensor, canvas: Canvas) -> Tensor:
        """`x` where the mask paints, the start picture at the same noise level where it keeps."""
        then = self.schedule.point(canvas.grid[canvas.step + 1])
        noise = canvas.keys.at("noise").normal(*x.shape[1:]).to(x)
        known = noised(start.to(x), noise, then.alpha, then.sigma)
        return torch.where(mask.to(x) > 0.5, x, known)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """What the network last thought the picture to be; at the end, the picture."""
        return self.held(canvas.tensors["x"] if canvas.done else canvas.tensors["shown"])

    def held(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels height width"]:
        """Within what pictures can be."""
        return x.clamp(-1, 1)


def _silent() -> Tensor:
    raise AssertionError("a sampler that draws noise teaches no steps")


def _column(values: Values, name: str, count: int) -> list[Any]:
    return list(values.get(name) or [None] * count)


# --- presets -----------------------------------------------------------------------------------------------------------

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"backbone": {"kind": "unet", "widths": [32, 64, 128], "depths": [1, 1, 1], "embedding": 128}},
    "medium": {},
}
"""Differences from the defaults by name; `benchmarks/` measures them."""
