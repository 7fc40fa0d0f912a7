"""Whose style a picture is in, told by how it is painted and not by what it shows.

What a network's maps have on average over their places, and how much they vary there, is what is known of style since Gatys et
al. 2016; these two alone are as good as whole Gram matrices (Li et al. 2017, "Demystifying neural style transfer", section 4.2;
Huang & Belongie 2017, equation 5). The features that distances are measured with come from a deep map alone, and tell styles
half as well (decision 15).

Who must choose among styles takes whatever is in none for the least unlike: pictures with a grain are not flat, and so are
three-dimensional. So a picture must also lie among the real ones of its style, by the distance of Mahalanobis (Lee et al. 2018,
"A simple unified framework for detecting out-of-distribution samples and adversarial attacks", equation 2).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from danqing.metrics.extractor import DEFAULT, SIDE, Extractor, centred
from danqing.metrics.features import Features
from danqing.metrics.pretrained import LEAST, about_zero
from danqing.metrics.recognition import Classifier, classifier, precision
from danqing.parts.contract import Key
from danqing.parts.efficientnet import boxed
from danqing.parts.vgg import STYLE, vgg

Maps = Callable[[Tensor], Sequence[Tensor]]
TYPICAL = 0.99
"""Share of a style's real pictures among which a picture must lie to be of it."""
FEWEST = 100
"""Pictures of a style, in either half, from which it is known how far they lie."""


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
    """Tells styles apart, and what is of none of them.

    Args:
        see: what it looks through.
        classifier: of the styles, by features of `see`.
        scale: features are divided by it before distances are measured.
        centres: of the styles, in the order of the classifier's classes.
        precision: inverse of the covariance within styles.
        reach: squared distance from each centre within which real pictures of the style lie; infinite for those with few.
    """

    see: Extractor
    classifier: Classifier
    scale: Float[Tensor, " features"]
    centres: Float[Tensor, "styles features"]
    precision: Float[Tensor, "features features"]
    reach: Float[Tensor, " styles"]

    @staticmethod
    def taught(see: Extractor, features: Features, styles: Sequence[str]) -> StyleJudge:
        """Who has learnt from real pictures of two styles at least."""
        chosen = classifier(features, styles, standardised=True)
        own = torch.tensor([chosen.classes.index(style) for style in styles])
        scale = features.double().std(0, correction=0).clamp_min(1e-6)
        x = features.double() / scale
        # How far pictures lie from what was learnt of others: one half says where, the other how far.
        first = Key("styles", "halves").uniform(len(x)) < 0.5
        counts = torch.bincount(own[first], minlength=len(chosen.classes))
        sums = torch.zeros(len(counts), x.shape[1], dtype=torch.float64).index_add(0, own[first], x[first])
        centres = sums / counts.clamp_min(1)[:, None]
        within = precision(x[first] - centres[own[first]], len(counts))
        anywhere = torch.full((len(counts),), torch.inf, dtype=torch.float64)
        judge = StyleJudge(see, chosen, scale, centres, within, anywhere)
        apart, reach = judge._distances(features[~first], own[~first]), anywhere.clone()
        for style, many in enumerate(counts.tolist()):
            there = apart[own[~first] == style]
            if min(many, len(there)) >= FEWEST:
                reach[style] = there.quantile(TYPICAL, interpolation="higher")
        return dataclasses.replace(judge, reach=reach)

    def right(self, features: Features, styles: Sequence[str]) -> Float[np.ndarray, " pictures"]:
        """1 for each picture that is taken for its own style and lies where nearly all real ones of it do, else 0.

        Every style must be known.
        """
        own = torch.tensor([self.classifier.classes.index(style) for style in styles])
        among = (self._distances(features, own) <= self.reach[own]).numpy()
        found: np.ndarray = ((self.classifier.ranks(features, styles) == 0) & among).astype(np.float64)
        return found

    def _distances(self, features: Features, own: Int64[Tensor, " pictures"]) -> Float[Tensor, " pictures"]:
        """From the centres of their own styles, squared."""
        apart = features.double() / self.scale - self.centres[own]
        return ((apart @ self.precision) * apart).sum(1)
