"""Extractors of others: their weights cannot be had offline, so each is tried on small random ones of the same structure."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
    Dinov2Config,
    Dinov2Model,
)

from danqing.conditions.text import Words
from danqing.data.gallery import of_set
from danqing.data.picture_set import PictureSet, import_pictures
from danqing.data.prepare import Preparation
from danqing.data.shapes import ShapesSource
from danqing.errors import AssetError
from danqing.files import home
from danqing.judge import agreement
from danqing.metrics.extractors import extractor
from danqing.metrics.measured import Measured, Refused
from danqing.parts.contract import Key
from danqing.parts.inception import Inception, enlarge


@pytest.mark.parametrize("name", ["inception", "dinov2", "clip"])
def test_weights_that_are_not_at_hand_are_named_with_where_to_get_them(name: str) -> None:
    with pytest.raises(AssetError, match=r"not at hand: .*download"):
        extractor(name)


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    """Drawn so that values neither vanish nor grow on their way through."""
    luck = torch.Generator().manual_seed(0)
    state = dict(network.state_dict())
    for name, tensor in state.items():
        if name.endswith("running_var"):
            state[name] = torch.rand(tensor.shape, generator=luck) + 0.5
        elif name.endswith("conv.weight"):
            state[name] = torch.randn(tensor.shape, generator=luck) * (2 / tensor[0].numel()) ** 0.5
        elif not name.endswith("num_batches_tracked"):
            state[name] = torch.randn(tensor.shape, generator=luck) * 0.1 + float(name.endswith("bn.weight"))
    return state


def test_inception_is_torch_fidelitys() -> None:
    """What `FeatureExtractorInceptionV3` of torch-fidelity 0.4.0 gives with these weights of these pictures."""
    file = home() / "assets" / "inception" / "weights.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"nothing")
    with pytest.raises(AssetError, match="does not hold the weights"):
        extractor("inception")
    save_file(weights(Inception()), file)
    see = extractor("inception")
    x = (torch.arange(2 * 3 * 20 * 28) * 37 % 256).reshape(2, 3, 20, 28).to(torch.uint8)
    found = see.features(x.permute(0, 2, 3, 1).numpy())
    assert found.shape == (2, 2048)
    some = found[:, [3, 1500, 2047]]
    torch.testing.assert_close(some, torch.tensor(TORCH_FIDELITYS), atol=1e-4, rtol=1e-4)


TORCH_FIDELITYS = [[2.9127, 0.13702, 3.6723], [2.8956, 0.14401, 3.5826]]


def test_enlarging_is_linear_and_starts_at_the_edge() -> None:
    x = torch.tensor([[0.0, 10.0, 20.0]])
    assert enlarge(x, 6, 1).tolist() == [[0, 5, 10, 15, 20, 20]]
    assert enlarge(x, 3, 1).tolist() == x.tolist()


def test_dinov2_sees_standardised_pictures() -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    network: Any = Dinov2Model(Dinov2Config(**sizes))
    network.eval()
    network.save_pretrained(home() / "assets" / "dinov2")
    see = extractor("dinov2")
    pictures = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = torch.from_numpy((pictures / 255 - mean) / deviation).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        expected = network(pixel_values=x).last_hidden_state[:, 0]
    torch.testing.assert_close(see.features(pictures), expected, atol=1e-5, rtol=1e-5)


def tiny_clip(folder: Path) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}), encoding="utf8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf8")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    text = CLIPTextConfig(vocab_size=len(pieces), bos_token_id=52, eos_token_id=53, pad_token_id=53, **sizes)
    vision = CLIPVisionConfig(image_size=224, patch_size=56, **sizes)
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8)
    CLIPModel(config).save_pretrained(folder)


def test_clip_judges_words_without_being_taught() -> None:
    tiny_clip(home() / "assets" / "clip")
    see = extractor("clip")
    assert see.say is not None
    said = see.say(["red apple", "pear"])
    assert said.shape == (2, see.width)
    torch.testing.assert_close(said.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(see.say(["pear"])[0], said[1], atol=1e-5, rtol=1e-4)
    import_pictures(ShapesSource(60, size=16), "shapes")
    gallery = of_set(PictureSet.open("shapes"), Preparation(size=(16, 16), channels=3))
    features = see.features(gallery.straight())
    asked: list[Words | None] = [Words(((f"word {chr(97 + place % 26)}", 1.0),)) for place in range(60)]
    planted = see.say([str(value) for value in asked])
    found = last(agreement(gallery, planted, asked, gallery, features, see, Key(0)))
    assert isinstance(found["paintings"], Measured)
    assert found["paintings"].value == 1, "paintings at the very place of their words"
    assert isinstance(found["real pictures"], Measured)
    assert found["real pictures"].value < 0.5, "a network of chance knows nothing"
    chinese: list[Words | None] = [Words((("苹果", 1.0),))] * 60
    assert isinstance(last(agreement(gallery, planted, chinese, gallery, features, see, Key(0)))["paintings"], Refused)


def last(events: object) -> dict[str, Measured | Refused]:
    while True:
        try:
            next(events)  # type: ignore[call-overload]
        except StopIteration as end:
            found: dict[str, Measured | Refused] = end.value
            return found
