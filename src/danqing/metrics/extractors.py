"""The table of extractors."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from danqing.errors import AssetError, choices
from danqing.metrics.extractor import DEFAULT, Extractor, embedded
from danqing.metrics.pretrained import clip, dinov2, inception, vgg16

EXTRACTORS: Mapping[str, Callable[[], Extractor]] = MappingProxyType(
    {DEFAULT: embedded, "inception": inception, "dinov2": dinov2, "clip": clip, "vgg16": vgg16}
)


def extractor(name: str = DEFAULT) -> Extractor:
    """The extractor of this name.

    Raises:
        AssetError: there is none, or its weights are not at hand.
    """
    if name not in EXTRACTORS:
        raise AssetError(f"there is no extractor '{name}': {choices(name, EXTRACTORS)}")
    return EXTRACTORS[name]()
