"""Fine-tuning few numbers: each matrix and kernel stays, and a product of two thin ones is added (Hu et al. 2022, section 4.1).

With W the weight as a matrix of output channels by all else, W' = W + B·A, where A (rank × inputs) begins random and B (outputs
× rank) at zero, so that training begins where the painter stands. `folded` adds the products in: an ordinary painter again.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

_MARK = ".parametrizations.weight"


class LowRank(nn.Module):
    """What is added to one weight.

    Args:
        weight: of a linear layer or a convolution.
        rank: of the change; no more than the weight's own.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape[0], weight[0].numel()
        rank = min(rank, outputs, inputs)
        self.down = nn.Parameter(torch.randn(rank, inputs) * inputs**-0.5)
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, weight: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The weight with its change."""
        return weight + (self.up @ self.down).view_as(weight)


def adapt(network: nn.Module, rank: int, free: frozenset[str] = frozenset()) -> None:
    """Freeze a network, in place, but for thin changes of its matrices and kernels, and the parameters named in `free`."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in free)
    layers = [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", LowRank(layer.weight, rank))


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of an adapted network as that of an ordinary one; any other state stays as it is."""
    plain: dict[str, Tensor] = {}
    for name, tensor in state.items():
        place, marked, rest = name.partition(_MARK)
        if not marked:
            plain[name] = tensor
        elif rest == ".original":
            up, down = (state[f"{place}{_MARK}.0.{part}"] for part in ("up", "down"))
            plain[f"{place}.weight"] = tensor + (up @ down).view_as(tensor)
    return plain
