"""How near translations come to what they should be: each picture's own partner."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, UInt8

from danqing.maths.colour import premultiply
from danqing.maths.seen import to_network
from danqing.metrics.measured import Measured, mean_of
from danqing.parts.contract import Key
from danqing.parts.perceptual import Perceptual

Many = UInt8[np.ndarray, "pictures height width channels"]
AT_ONCE = 32


def absolute_errors(many: Many, partners: Many) -> Float[np.ndarray, " pictures"]:
    """Mean absolute difference of each picture's values, in percent of their range; colours premultiplied by alpha."""
    seen, real = (premultiply(x) if x.shape[-1] == 4 else x for x in (many, partners))
    found: np.ndarray = np.abs(seen.astype(np.float64) - real).mean((1, 2, 3)) / 2.55
    return found


@torch.no_grad()
def feature_distances(many: Many, partners: Many) -> Float[np.ndarray, " pictures"]:
    """Distance of each pair to a network that knows photographs, place by place; see `danqing.parts.perceptual`."""
    see, found = Perceptual(), []
    for start in range(0, len(many), AT_ONCE):
        pair = (torch.stack([to_network(x) for x in part[start : start + AT_ONCE]]) for part in (many, partners))
        found.append(see(*pair))
    return torch.cat(found).double().numpy()


def nearness(rows: Mapping[str, Many], partners: Many, key: Key) -> dict[str, dict[str, Measured]]:
    """Both distances of rows of pictures to the same partners.

    Args:
        rows: paintings, and what they must beat, by name; as many in each as there are partners.
        partners: what each should be.
        key: of the resamples.
    """
    measures = {"absolute error in percent": absolute_errors, "feature distance": feature_distances}
    luck = np.random.default_rng(key.generator().initial_seed())
    return {
        measure: {name: mean_of(distance(many, partners), luck) for name, many in rows.items()}
        for measure, distance in measures.items()
    }
