"""Several processes that train one learner: who I am, and sums over all. One process alone is the same code."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable

import torch
from torch import Tensor, distributed


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """This process among `size`; `rank` 0 writes files."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, device: torch.device) -> World:
        """Join the processes that a launcher such as torchrun started (RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT)."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(distributed.get_rank(), size)

    def leave(self) -> None:
        """Leave the group, if there is one."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over processes."""
        if self.size > 1:
            tensor = tensor.clone()
            distributed.all_reduce(tensor)
        return tensor

    def gather(self, tensor: Tensor) -> Tensor:
        """All processes' tensors along the first dimension, in the order of ranks."""
        if self.size == 1:
            return tensor
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        distributed.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace every gradient by its sum over processes, in one message."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, piece in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(piece.view_as(gradient))

    def share(self, count: int) -> slice:
        """The part of `count` pictures that is this process's: equal, contiguous, in the order of ranks."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)
