"""The small reader in the box: how its file is read, how text is cut, and that unread words are heard as what they mean."""

import copy
import dataclasses
import tomllib
from importlib import resources
from typing import Any

import numpy as np
import pytest
import torch
from painters import MODEL, PICTURES, write_painter
from safetensors.numpy import load
from torch.nn import functional as F

from danqing.conditions.condition import Encoded
from danqing.conditions.conditioner import fit
from danqing.conditions.text import BLUR, TextCondition, Words
from danqing.errors import AssetError
from danqing.painters.card import card
from danqing.painters.painter import open_painter
from danqing.parts.contract import Key
from danqing.parts.distilled_text import DISTILLED, cutter, open_distilled


@pytest.fixture
def condition() -> TextCondition:
    found = TextCondition.fit(PICTURES, "distilled")
    assert found is not None
    return found


def said(text: str) -> torch.Tensor:
    found: torch.Tensor = open_distilled().summary(open_distilled().read(text).tokens.float().sum(0)[None])[0]
    return found


def test_the_file_is_read_as_it_is_written() -> None:
    """Four bits a number, the higher four first, each row with its scale."""
    tensors = load(resources.files("danqing.parts").joinpath(f"{DISTILLED}.safetensors").read_bytes())
    reader = open_distilled()
    (number,) = reader.tokenizer.encode("rocket").ids
    row = tensors["table"][number].astype(int)
    expected = np.stack([row // 16, row % 16], 1).reshape(-1) - 8
    tokens = reader.read("rocket").tokens.float()
    np.testing.assert_allclose(tokens[0].numpy(), expected * float(tensors["scale"][number]), rtol=1e-3, atol=1e-4)
    assert tokens.shape == (1, reader.width)


def test_text_is_cut_into_the_fewest_pieces() -> None:
    tokenizer = cutter(["red", "fish", "re", "d", "f", "红", "红苹果", "苹", "果"])
    assert tokenizer.encode("Red FISH").tokens == ["red", "fish"]
    assert tokenizer.encode("redfish").tokens == ["red", "fish"]
    assert tokenizer.encode("红苹果，苹果").tokens[0] == "红苹果"
    assert tokenizer.encode("红苹果").ids == [7]


@pytest.mark.parametrize("text", ["", "  ", "\U0001d11e", "☃"])
def test_what_says_nothing_is_nothing(text: str) -> None:
    assert not said(text).any()


MEANINGS = {
    "puppy": ("dog", "car"),
    "spaceship": ("rocket", "apple"),
    "sofa": ("couch", "bird"),
    "spectacles": ("glasses", "mountain"),
    "小狗": ("狗", "汽车"),
    "飞船": ("火箭", "苹果"),
    "毒蛇": ("蛇", "书"),
    "dog": ("狗", "房子"),
    "red hat": ("帽子", "鱼"),
}


@pytest.mark.parametrize("text", MEANINGS)
def test_words_lie_near_what_they_mean_in_either_language(text: str) -> None:
    near, far = (float(F.cosine_similarity(said(text), said(other), dim=0)) for other in MEANINGS[text])
    assert near > far + 0.2


def test_unread_words_are_unique_and_each_language_has_two_hundred() -> None:
    told = tomllib.loads(resources.files("danqing.data").joinpath("unread.toml").read_text(encoding="utf8"))
    for words in told.values():
        every = [word for of in words.values() for word in of]
        assert len(every) == len(set(every)) == 200


def test_a_faint_word_hardly_changes_what_is_said() -> None:
    assert float(F.cosine_similarity(said("the dog"), said("dog"), dim=0)) > 0.9
    assert float(F.cosine_similarity(said("blue dog"), said("dog"), dim=0)) < 0.9


def test_words_are_blurred_in_training_only_and_each_by_its_own_key(condition: TextCondition) -> None:
    """So that words read twice are the same, and whoever stands beside them does not matter."""
    encoder = condition.encoder(32)
    value = Words(alternatives=(("red apple", "apple"), ("红苹果",)))
    drawn = [condition.draw(value, Key(0)), None, condition.draw(value, Key(1)), condition.parse("red apple")]

    def seen(values: list[Words | None]) -> Encoded:
        with torch.no_grad():
            found: Encoded = encoder(*encoder.collate(values))
        return found

    assert condition.config.blur == BLUR
    trained, again, painted = seen(drawn), seen(drawn), (encoder.eval(), seen(drawn))[1]
    assert torch.equal(trained.vector, again.vector)
    assert torch.equal(trained.tokens, again.tokens)
    for row, blurred in enumerate((True, False, True, False)):
        assert torch.allclose(trained.vector[row], painted.vector[row], atol=1e-6) is not blurred, "a wish is not blurred"
        alone = (encoder.train(), seen(drawn[row : row + 1]))[1]
        torch.testing.assert_close(alone.vector[0], trained.vector[row])
        torch.testing.assert_close(alone.tokens[0], trained.tokens[row])
    assert str(drawn[0]) != str(drawn[2]) or not torch.allclose(trained.vector[0], trained.vector[2])


def test_the_reader_is_nowhere_registered_or_copied(condition: TextCondition) -> None:
    encoder = condition.encoder(32)
    assert all(tensor.shape[0] < 1000 for tensor in encoder.state_dict().values())
    twin: Any = copy.deepcopy(encoder)
    assert twin.frozen is condition.frozen
    assert condition.network == "distilled"


def test_a_painter_names_the_reader_it_learnt_with_and_opens_with_no_other() -> None:
    conditions = fit(PICTURES, "distilled")
    write_painter("small", "diffusion", MODEL, conditions, 4, (16, 16), 0)
    painter = open_painter("small")
    text = painter.conditions["text"]
    assert isinstance(text, TextCondition)
    assert text.frozen is open_distilled()
    assert "distilled from `use-multilingual-v3`" in card(painter.facts, "", {})["README.md"].decode()
    state = text.state()
    other = {**state, "frozen": {**state["frozen"], "sha256": "0" * 64}}
    with pytest.raises(AssetError, match="use the version of Danqing it was trained with"):
        TextCondition.revive(other)


def test_captions_teach_that_they_say_the_same() -> None:
    """Also of a reader that is not trained: its map to the painter's width is."""
    pictures = [
        dataclasses.replace(PICTURES[0], sha256=str(number), captions={"en": (f"thing {number}",), "zh": (f"东西{number}",)})
        for number in range(40)
    ]
    condition = TextCondition.fit(pictures, "distilled")
    assert condition is not None
    encoder = condition.encoder(32)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    encoder.begin([condition.read(picture, np.zeros((2, 2, 4), np.uint8)) for picture in pictures], Key(0))
    changed = {name for name, tensor in encoder.state_dict().items() if not torch.equal(tensor, before[name])}
    assert any(name.startswith("vector_map") for name in changed)
