"""From pictures to features. A distance means something only beside the name of the extractor it was measured with."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.errors import AssetError
from danqing.metrics.features import Features
from danqing.parts.efficientnet import NAME, boxed

Many = UInt8[np.ndarray, "pictures height width channels"]
AT_ONCE = 32
"""Pictures in the network at a time."""
DEFAULT, SIDE, SIZE = NAME, 96, 6.0
"""The extractor in the box: so many of its stages, at so many pixels (decision 6); and the size of its features,
whose root mean square is 6.4 on emoji and 5.8 on pieces of photographs."""


@dataclasses.dataclass(frozen=True, eq=False)
class Extractor:
    """A network that turns pictures into features.

    Args:
        name: said beside every number that was measured with it.
        network: RGB pictures (batch, 3, side, side) in `scale`'s range to (batch, width) features.
        width: of the features.
        side: pictures are brought to this height and width, whatever their shape, by antialiased bicubic resampling.
        scale: from values in [0, 255] to what the network expects.
        background: what transparent pictures are laid on, in [0, 255]. Viewers show them on white, and pictures of other
            programs, which have no alpha, come on white.
        unit: features are divided by it, so that they are about 1 in size: the kernel distance cubes what is larger.
        resized: pictures are; otherwise the network is given them as they are, and brings them to size by itself.
        say: English texts to features of length 1 in the space of the pictures' features, where the network has that.
    """

    name: str
    network: nn.Module
    width: int
    side: int
    scale: Callable[[Tensor], Tensor]
    background: float = 255.0
    unit: float = 1.0
    resized: bool = True
    say: Callable[[Sequence[str]], Features] | None = None

    @functools.cached_property
    def digest(self) -> str:
        """Names this extractor and no other: features are kept under it."""
        facts = hashlib.sha256(f"{self.name} {self.width} {self.side} {self.background} {self.unit}".encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            facts.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        return f"{self.name}-{facts.hexdigest()[:12]}"

    @torch.inference_mode()
    def features(self, pictures: Many) -> Features:
        """Features of pictures with straight alpha, 1, 3 or 4 channels, float32."""
        parts = [self._of(pictures[start : start + AT_ONCE]) for start in range(0, len(pictures), AT_ONCE)]
        return torch.cat(parts) if parts else torch.zeros(0, self.width)

    def _of(self, pictures: Many) -> Features:
        x = self.laid(torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float())
        if self.resized and x.shape[-2:] != (self.side, self.side):
            x = F.interpolate(x, size=(self.side, self.side), mode="bicubic", antialias=True).clamp(0, 255)
        found: Tensor = self.network(self.scale(x))
        if found.ndim != 2 or found.shape[1] != self.width:
            raise AssetError(
                f"the extractor '{self.name}' gave features of shape {tuple(found.shape)}: (pictures, {self.width}) was said"
            )
        return found.float() / self.unit

    def laid(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch 3 height width"]:
        """On the background, in colour."""
        if x.shape[1] == 4:
            alpha = x[:, 3:] / 255
            x = x[:, :3] * alpha + self.background * (1 - alpha)
        return x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x


def wrap(name: str, network: nn.Module, width: int, side: int, scale: Callable[[Tensor], Tensor] | None = None) -> Extractor:
    """Any network of yours as an extractor; by default it is given values in [0, 1]."""
    return Extractor(name, network.eval(), width, side, scale or _unit)


def _unit(x: Tensor) -> Tensor:
    return x / 255


def centred(x: Tensor) -> Tensor:
    """From values in [0, 255] to what EfficientNet-Lite0 expects."""
    return (x - 127) / 128


def embedded() -> Extractor:
    """The first stages of EfficientNet-Lite0 (see `danqing.parts.efficientnet`), kept as bytes."""
    network = boxed()
    return Extractor(DEFAULT, network, network.width, SIDE, centred, unit=SIZE)
