"""What every distance between sets of pictures starts from."""

from jaxtyping import Float
from torch import Tensor

Features = Float[Tensor, "pictures width"]
Others = Float[Tensor, "others width"]
"""Of another set: as wide, but perhaps not as many."""
