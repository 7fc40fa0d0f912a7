"""What every distance between sets of pictures starts from."""

from jaxtyping import Float
from torch import Tensor

Features = Float[Tensor, "pictures features"]
Others = Float[Tensor, "others features"]
"""Of another set: as wide, but perhaps not as many."""
Thirds = Float[Tensor, "thirds features"]
"""Of yet another."""
