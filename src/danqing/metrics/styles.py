"""Whose style a picture is in, told by how it is painted and not by what it shows.

What a network's maps have on average over their places, and how much they vary there, is what is known of style since Gatys et
al. 2016; these two alone are as good as whole Gram matrices (Li et al. 2017, "Demystifying neural style transfer", section 4.2;
Huang & Belongie 2017, equation 5). The features that distances are measured with come from a deep map alone, and tell styles
half as well (decision 15).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from danqing.metrics.extractor import DEFAULT, SIDE, Extractor, centred
from danqing.metrics.features import Features
from danqing.metrics.pretrained import LEAST, about_zero
from danqing.metrics.recognition import Classifier, classifier
from danqing.parts.efficientnet import boxed
from danqing.parts.vgg import STYLE, vgg

Maps = Callable[[Tensor], Sequence[Tensor]]


class Statistics(nn.Module):
    """Mean and deviation over places of each channel of each map.

    Args:
        network: whose maps they are.
        maps: pictures to the maps of `network`.
    """

    def __init__(self, network: nn.Module, maps: Maps) -> None:
        super().__init__()
        self.network, self.maps = network, maps

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Of every map in its turn, all means and then all deviations."""
        parts = []
        for seen in self.maps(x):
            deviation, mean = torch.std_mean(seen, (2, 3), correction=0)
            parts += [mean, deviation]
        return torch.cat(parts, 1)


def _boxed() -> Extractor:
    network = boxed()
    width = 2 * sum(outward for *_, outward in network.stages)
    return Extractor(f"{DEFAULT}, styles", Statistics(network, network.maps).eval(), width, SIDE, centred)


def _vgg16() -> Extractor:
    network = vgg()
    statistics = Statistics(network, lambda x: list(network.maps(x, STYLE).values())).eval()
    with torch.inference_mode():
        width = statistics(torch.zeros(1, 3, LEAST, LEAST)).shape[1]
    return Extractor("vgg16, styles", statistics, width, LEAST, about_zero)


def style_extractor(see: Extractor) -> Extractor:
    """Who looks at styles where `see` looks at pictures: the same network; where its maps cannot be had, the one in the box.

    Raises:
        AssetError: its weights cannot be had.
    """
    return _vgg16() if see.name == "vgg16" else _boxed()


@dataclasses.dataclass(frozen=True, eq=False)
class StyleJudge:
    """Tells styles apart.

    Args:
        see: what it looks through.
        classifier: of the styles, by features of `see`.
    """

    see: Extractor
    classifier: Classifier

    @staticmethod
    def taught(see: Extractor, features: Features, styles: Sequence[str]) -> StyleJudge:
        """Who has learnt from real pictures of two styles at least."""
        return StyleJudge(see, classifier(features, styles, standardised=True))

    def right(self, features: Features, styles: Sequence[str]) -> Float[np.ndarray, " pictures"]:
        """1 for each picture that is taken for its own style, else 0; every style must be known."""
        found: np.ndarray = (self.classifier.ranks(features, styles) == 0).astype(np.float64)
        return found
