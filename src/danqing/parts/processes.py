"""Several processes that train one learner: who I am, and sums over all. One process alone is the same code."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, distributed


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """This process among `size`; `rank` 0 writes files. `opened` where this object opened the group, and so closes it."""

    rank: int = 0
    size: int = 1
    opened: bool = False

    @classmethod
    def join(cls, device: torch.device) -> World:
        """Join the processes that a launcher such as torchrun started (RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT)."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        opened = not distributed.is_initialized()
        if opened:
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(distributed.get_rank(), size, opened)

    def leave(self) -> None:
        """Close the group, if this object opened it: opened again at the same address, old and new would be mistaken."""
        if self.opened and distributed.is_initialized():
            distributed.destroy_process_group()

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[None]:
        """The first process does this alone and then the others, who find the files that it wrote."""
        if self.rank:
            distributed.barrier()
        try:
            yield
        finally:
            if self.size > 1 and not self.rank:
                distributed.barrier()

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
        """Replace every gradient by its sum over processes, in one message; what no process used keeps none."""
        if self.size == 1:
            return
        mine = list(parameters)
        used = torch.tensor([float(p.grad is not None) for p in mine], device=mine[0].device)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in mine]
        flat = self.sum(torch.cat([*(gradient.flatten() for gradient in gradients), used]))
        *pieces, uses = torch.split(flat, [*(p.numel() for p in mine), len(mine)])
        for parameter, piece, count in zip(mine, pieces, uses.tolist(), strict=True):
            parameter.grad = piece.view_as(parameter) if count else None

    def share(self, count: int) -> slice:
        """The part of `count` pictures that is this process's: equal, contiguous, in the order of ranks."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)
