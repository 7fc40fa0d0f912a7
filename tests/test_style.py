"""Styles: asked for alone or mixed, and mixed linearly by the network that sees them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.conditions.style import StyleCondition, StyleEncoder
from danqing.errors import WishError
from danqing.parts.contract import Key
from danqing.words import Picture

NAMES = ("ink", "noto", "oil")
CONDITION = StyleCondition(NAMES)
PIXELS = np.zeros((4, 4, 3), np.uint8)


def encoder(width: int = 8) -> StyleEncoder:
    made = CONDITION.encoder(width)
    with torch.no_grad():
        made.absent.add_(Key(0).normal(width))
    return made


def test_the_names_are_those_of_the_set_in_order() -> None:
    fitted = StyleCondition.fit([Picture("a", style="oil"), Picture("b"), Picture("c", style="ink"), Picture("d", style="oil")])
    assert fitted is not None
    assert fitted.names == ("ink", "oil")
    assert StyleCondition.fit([Picture("a"), Picture("b")]) is None
    assert StyleCondition.revive(fitted.state()).names == fitted.names


def test_a_picture_has_its_own_style_or_none() -> None:
    assert CONDITION.read(Picture("a", style="oil"), PIXELS) == (("oil", 1.0),)
    assert CONDITION.read(Picture("a"), PIXELS) is None
    assert CONDITION.read(Picture("a", style="unheard of"), PIXELS) is None
    assert CONDITION.miss((("oil", 1.0),), PIXELS) is None
    assert CONDITION.draw((("oil", 1.0),), Key(0)) == (("oil", 1.0),)


@pytest.mark.parametrize(
    ("text", "mix"),
    [
        ("ink", {"ink": 1.0}),
        ("ink:5", {"ink": 1.0}),
        ("noto:0.7,oil:0.3", {"noto": 0.7, "oil": 0.3}),
        (" noto:2 , oil:2 ", {"noto": 0.5, "oil": 0.5}),
        ("ink,oil", {"ink": 0.5, "oil": 0.5}),
        ("ink:1,oil:2,ink:1", {"ink": 0.5, "oil": 0.5}),
    ],
)
def test_a_mix_is_scaled_to_one(text: str, mix: dict[str, float]) -> None:
    assert dict(CONDITION.parse(text)) == pytest.approx(mix)
    assert CONDITION.show(CONDITION.parse(text)).size == (256, 32)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("nota", "did you mean 'noto'?"),
        ("", "allowed are: ink, noto, oil"),
        ("ink,", "allowed are"),
        ("ink:0", "no weight above 0"),
        ("ink:-1", "no weight above 0"),
        ("ink:nan", "no weight above 0"),
        ("ink:inf", "no weight above 0"),
        ("ink:much", "no weight above 0"),
    ],
)
def test_what_is_no_style_is_refused(text: str, part: str) -> None:
    with pytest.raises(WishError, match=part.replace("?", r"\?")):
        CONDITION.parse(text)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=3))
def test_mixing_is_linear(weights: list[float]) -> None:
    """A mix lies where the mean of its styles lies: tokens and vector alike."""
    made = encoder()
    mix = CONDITION.parse(",".join(f"{name}:{weight!r}" for name, weight in zip(NAMES, weights, strict=True)))
    with torch.no_grad():
        pure = made(*made.collate([((name, 1.0),) for name in NAMES]))
        mixed = made(*made.collate([mix]))
    shares = torch.tensor(weights) / sum(weights)
    torch.testing.assert_close(mixed.vector[0], shares @ pure.vector, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(mixed.tokens[0, 0], shares @ pure.tokens[:, 0], rtol=1e-4, atol=1e-5)
    assert mixed.mask.all()


def test_a_picture_without_style_has_the_learnt_vector_and_no_token() -> None:
    made = encoder()
    encoded = made(*made.collate([None, (("ink", 1.0),), None]))
    assert encoded.mask.squeeze(1).tolist() == [False, True, False]
    assert torch.equal(encoded.vector[0], made.absent)
    assert torch.equal(encoded.vector[2], made.absent)
    encoded.vector.sum().backward()
    assert made.absent.grad is not None
    assert made.styles.grad is not None
    assert made.absent.grad.tolist() == [2.0] * 8
    assert made.styles.grad[0].tolist() == [1.0] * 8
    assert not made.styles.grad[1:].any()
