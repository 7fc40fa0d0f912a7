"""How near paintings *and what they were asked for* are, as pairs, to real pictures and what is said of those.

A painter that paints well but not what was asked is near in its pictures and far in its pairs. The idea is that of the Fréchet
joint distance (DeVries et al. 2019, section 3); the distance here is the kernel one, because few paintings must do.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from danqing.metrics.features import Features, Others
from danqing.metrics.kernel import resampled_mmd
from danqing.metrics.quality import drawn
from danqing.parts.contract import Key


def pairs(
    pictures: Features, told: Float[Tensor, "pictures said"], like: tuple[Others, Float[Tensor, "others said"]]
) -> Float[Tensor, "pictures both"]:
    """Each picture's features beside what is said of it, scaled so that both weigh the same (the paper's α, section 3.2).

    Args:
        pictures, told: of the pairs; nothing may be said, in 0 columns.
        like: features and sayings of real pictures, whose lengths give the scale.
    """
    lengths = [part.norm(dim=1).mean() if part.shape[1] else part.new_tensor(0.0) for part in like]
    scale = lengths[0] / lengths[1] if lengths[1] > 0 else 0.0
    return torch.cat([pictures, told * scale], dim=1)


def joint_distances(painted: Features, real: Others, key: Key) -> Float[Tensor, " resamples"]:
    """The kernel distance of two sets of pairs: first the estimate, then those of resamples.

    The same key resamples two painters alike, so that their differences can be told from chance.
    """
    luck = np.random.default_rng(key.generator().initial_seed())
    counts = [torch.from_numpy(np.concatenate([np.ones((1, len(x))), drawn(len(x), luck)]).T) for x in (painted, real)]
    return resampled_mmd(painted, real, (counts[0], counts[1]))
