"""What the loop keeps for each player: its optimiser, its averages, its turns; and how all of that is saved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from danqing.parts.contract import Player

RAMP = 0.05
"""An average looks back at most this share of the training so far (Karras et al. 2020, "Training GANs with limited data")."""

LATE = 1 / 16
"""Share of its half-life by which an average may be late: moved after every update, three took 4 % of a short step."""


class Mover:
    """A player with its AdamW moments (Loshchilov & Hutter 2019) and averages of its parameters.

    Args:
        player: who.
        names: a name for each of its parameters, stable over runs.
    """

    def __init__(self, player: Player, names: Iterable[str]) -> None:
        self.player, self.turn = player, 0
        self.names = list(names)
        self.parameters = list(player.parameters)
        matrices = [p for p in self.parameters if p.ndim >= 2 or not player.decay]  # one group costs less than two
        others = [p for p in self.parameters if p.ndim < 2 and player.decay]
        groups = [{"params": matrices, "weight_decay": player.decay}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW([g for g in groups if g["params"]], lr=1.0, betas=player.betas, fused=True)
        self.averages = {life: [p.detach().clone() for p in self.parameters] for life in player.averages}

    def gradient_norm(self) -> Tensor:
        """The norm of all gradients together."""
        return nn.utils.get_total_norm([p.grad for p in self.parameters if p.grad is not None])

    def move(self, seen: int, norm: Tensor) -> None:
        """One update at the learning rate of `seen` pictures, by gradients of this norm shortened to the player's `clip`."""
        if float(norm) > self.player.clip:
            nn.utils.clip_grads_with_norm_(self.parameters, self.player.clip, norm)
        for group in self.optimiser.param_groups:
            group["lr"] = self.player.lr(seen)
        self.optimiser.step()
        self.turn += 1

    @torch.no_grad()
    def follow(self, seen: int, batch: int) -> None:
        """Move the averages that are due towards the parameters: after `life` pictures a parameter's old value counts half.

        Each is due where the pictures seen pass a multiple of a power of two, so that who goes on needs not know when it was.
        """
        now = [p.detach() for p in self.parameters]
        for life, average in self.averages.items():
            life_now = max(1.0, min(life, seen * RAMP))
            grid = 2 ** max(0, math.floor(math.log2(life_now * LATE)))
            if passed := (seen // grid - (seen - batch) // grid) * grid:
                torch._foreach_lerp_(average, now, 1.0 - 0.5 ** (passed / life_now))

    def tensors(self) -> dict[str, Tensor]:
        """Moments and averages by name, to be saved."""
        saved: dict[str, Tensor] = {}
        for name, parameter in zip(self.names, self.parameters, strict=True):
            for what, value in self.optimiser.state.get(parameter, {}).items():
                saved[f"{what}.{name}"] = value
        for life, average in self.averages.items():
            saved |= {f"average-{life}.{name}": value for name, value in zip(self.names, average, strict=True)}
        return saved

    def restore(self, saved: Mapping[str, Tensor], turn: int) -> None:
        """The inverse of `tensors`."""
        self.turn = turn
        for index, (name, parameter) in enumerate(zip(self.names, self.parameters, strict=True)):
            state = {what: saved[f"{what}.{name}"] for what in ("step", "exp_avg", "exp_avg_sq") if f"{what}.{name}" in saved}
            if state:
                # Copied, because tensors read from a file hold it open, and Windows deletes no open file.
                copies = {what: value.to(parameter.device, copy=True) for what, value in state.items()}
                self.optimiser.state[parameter] = copies
            for life, average in self.averages.items():
                # An average that was not kept then begins where the player's first one is.
                known = f"average-{life}.{name}" in saved
                average[index].copy_(saved[f"average-{life if known else next(iter(self.averages))}.{name}"])
