"""Extractors that others trained and that this project does not carry.

They are looked for in `$DANQING_HOME/assets/NAME`; those of transformers also where the Hugging Face libraries keep what they
download. What is missing is said with where to get it; only VGG16, which style transfer uses too, is fetched when first asked
for.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.errors import AssetError
from danqing.files import home
from danqing.metrics.extractor import Extractor
from danqing.metrics.features import Features
from danqing.parts.inception import SIDE, WIDTH, Inception
from danqing.parts.vgg import Vgg, vgg

INCEPTION = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
"""torch-fidelity's conversion (Apache-2.0)."""
DINOV2, CLIP = "facebook/dinov2-small", "openai/clip-vit-base-patch32"
"""Oquab et al. 2023 (Apache-2.0); Radford et al. 2021 (MIT)."""
SEEN = 224
"""Pixels that both look at."""
DEEP, LEAST, LOUD = "relu4_3", 64, 6.6
"""VGG16's map whose means are features, pixels that it looks at, and the root mean square of the features of emoji."""
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIPS = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Mean and deviation of each colour."""
TEXTS = 64


def inception() -> Extractor:
    """The network of the Fréchet Inception distance, given whole values: the distance with it is FID as torch-fidelity has it.

    Raises:
        AssetError: its weights are not at hand, or they are others.
    """
    file, network = home() / "assets" / "inception" / "weights.safetensors", Inception()
    try:
        network.load_state_dict(load_tensors(file.read_bytes()))
    except FileNotFoundError as error:
        convert = f"safetensors.torch.save_file(torch.load('{Path(INCEPTION).name}', weights_only=True), '{file}')"
        raise AssetError(
            f"the weights of 'inception' are not at hand: download {INCEPTION}, make the folder '{file.parent}', and let "
            f'python -c "import torch, safetensors.torch; {convert}" write them there'
        ) from error
    except (OSError, RuntimeError, SafetensorError) as error:
        raise AssetError(
            f"'{file}' does not hold the weights of 'inception' ({error}): delete it and convert them again"
        ) from error
    return Extractor("inception", network.eval(), WIDTH, SIDE, _whole, resized=False)


class _Pooled(nn.Module):
    """What a network of transformers pools from a picture, and what it is then projected to."""

    def __init__(self, network: nn.Module, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.network, self.projection = network, projection or nn.Identity()

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Features of standardised pictures."""
        found: Tensor = self.projection(self.network(pixel_values=x).pooler_output)
        return found


def dinov2() -> Extractor:
    """DINOv2's class token: what a picture is of, with more of its look than Inception sees (Stein et al. 2023).

    Raises:
        AssetError: transformers or the weights are not at hand.
    """
    network = _part("AutoModel", "dinov2", DINOV2)
    return Extractor("dinov2", _Pooled(network).eval(), network.config.hidden_size, SEEN, _Standard(*IMAGENET))


def clip() -> Extractor:
    """CLIP's picture tower; its words are asked whether English captions suit.

    Raises:
        AssetError: transformers or the weights are not at hand.
    """
    network, tokenizer = _part("CLIPModel", "clip", CLIP).eval(), _part("AutoTokenizer", "clip", CLIP)

    @torch.inference_mode()
    def say(texts: Sequence[str]) -> Features:
        said = []
        for start in range(0, len(texts), TEXTS):
            cut = tokenizer(list(texts[start : start + TEXTS]), padding=True, truncation=True, return_tensors="pt")
            said.append(F.normalize(network.text_projection(network.text_model(**cut).pooler_output).float()))
        return torch.cat(said)

    seeing = _Pooled(network.vision_model, network.visual_projection).eval()
    return Extractor("clip", seeing, network.config.projection_dim, SEEN, _Standard(*CLIPS), say=say)


class _Means(nn.Module):
    """What a map of VGG16 has on average over its places."""

    def __init__(self, network: Vgg) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Features of pictures in [-1, 1]."""
        return self.network.maps(x, [DEEP])[DEEP].mean((2, 3))


def vgg16() -> Extractor:
    """VGG16, a second opinion on painters whose critic sees through the extractor in the box.

    Raises:
        AssetError: its weights cannot be had.
    """
    network = _Means(vgg()).eval()
    with torch.inference_mode():
        width = network(torch.zeros(1, 3, LEAST, LEAST)).shape[1]
    return Extractor("vgg16", network, width, LEAST, about_zero, unit=LOUD)


def _part(kind: str, name: str, hub: str) -> Any:
    """A network or tokenizer of transformers, from the home folder or from the hub's cache."""
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise AssetError(f"the extractor '{name}' needs transformers: pip install 'danqing[extractors]'") from error
    folder = home() / "assets" / name
    given = {} if kind == "AutoTokenizer" else {"use_safetensors": True}
    place = str(folder) if folder.is_dir() else hub
    try:
        return getattr(transformers, kind).from_pretrained(place, local_files_only=True, **given)
    except (OSError, ValueError) as error:
        raise AssetError(
            f"the weights of '{name}' are not at hand: fetch them with `hf download {hub}`, or place its files in '{folder}'"
        ) from error


class _Standard:
    """From values in [0, 255] to standardised ones."""

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        self.mean, self.deviation = (torch.tensor(each)[:, None, None] * 255 for each in (mean, deviation))

    def __call__(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


def about_zero(x: Tensor) -> Tensor:
    """From values in [0, 255] to [-1, 1]."""
    return x / 127.5 - 1


def _whole(x: Tensor) -> Tensor:
    """Laid on white, colours are whole values again, as files have them."""
    return x.round()
