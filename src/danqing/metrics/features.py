"""What every distance between sets of pictures starts from."""

import torch
from jaxtyping import Float
from torch import Tensor

Features = Float[Tensor, "pictures features"]
Others = Float[Tensor, "others features"]
"""Of another set: as wide, but perhaps not as many."""
Thirds = Float[Tensor, "thirds features"]
"""Of yet another."""


def products(x: Features) -> Float[Tensor, "pictures pictures"]:
    """x xᵀ. NumPy sees that one half of it is the other and computes it once, which torch does not."""
    plain = x.numpy(force=True)
    return torch.from_numpy(plain @ plain.T).to(x.device)
