"""The conditioner: any subset of conditions works, what is left out equals what is not there, and no picture sees another."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from frozen import NAME, at_home

from danqing.conditions.condition import Condition, Encoded
from danqing.conditions.conditioner import ALONE, DROPPED, Conditioner, drop, fit, parse, revive
from danqing.errors import WishError
from danqing.parts.contract import Key, Keys
from danqing.words import Picture

PICTURES = [
    Picture("a", {"en": ("red apple", "fruit"), "zh": ("红苹果",)}, style="ink"),
    Picture("b", {"en": ("blue fish",), "zh": ("蓝鱼",)}, style="oil"),
]
ASKED = [
    {"text": "red apple", "style": "ink", "palette": "#ff0000"},
    {"text": "(blue:1.4) fish", "style": "ink:0.5,oil:0.5", "palette": "#0000ff,#ffffff"},
    {"text": "red fish", "style": "oil", "palette": "#00ff00"},
    {"text": "蓝鱼", "style": "oil:3,ink", "palette": "#123456"},
]
SUBSETS = [set(s) for size in range(4) for s in itertools.combinations(("text", "style", "palette"), size)]
COUNT = 6000


@pytest.fixture(params=["trained", f"frozen:{NAME}"])
def conditions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Condition[Any]]:
    at_home(monkeypatch)
    return fit(PICTURES, request.param)


def conditioner_of(conditions: dict[str, Condition[Any]], width: int = 16) -> Conditioner:
    made = Conditioner(conditions, width)
    with torch.no_grad():
        for place, parameter in enumerate(made.parameters()):
            parameter.add_(0.2 * Key(1).at(place).normal(*parameter.shape))
    return made.requires_grad_(False)


def columns(conditions: dict[str, Condition[Any]], rows: list[dict[str, str]]) -> dict[str, list[Any]]:
    values = [parse(conditions, row) for row in rows]
    return {name: [row.get(name) for row in values] for name in conditions}


def seen(conditioner: Conditioner, values: dict[str, list[Any]], count: int) -> Encoded:
    encoded: Encoded = conditioner(conditioner.collate(values, count), count)
    return encoded


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


# --- encoding ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda s: "+".join(sorted(s)) or "nothing")
def test_any_subset_is_encoded_and_absence_is_the_same_said_either_way(
    conditions: dict[str, Condition[Any]], subset: set[str]
) -> None:
    conditioner = conditioner_of(conditions)
    values = columns(conditions, [{name: text for name, text in row.items() if name in subset} for row in ASKED])
    encoded = seen(conditioner, values, len(ASKED))
    assert encoded.tokens.shape[:2] == encoded.mask.shape
    assert encoded.vector.shape == (len(ASKED), 16)
    assert torch.isfinite(encoded.tokens).all()
    assert torch.isfinite(encoded.vector).all()
    assert encoded.mask.any() == bool(subset)
    unnamed = seen(conditioner, {name: column for name, column in values.items() if name in subset}, len(ASKED))
    assert torch.equal(encoded.tokens, unnamed.tokens)
    assert torch.equal(encoded.mask, unnamed.mask)
    assert torch.equal(encoded.vector, unnamed.vector)


def test_each_condition_is_heard(conditions: dict[str, Condition[Any]]) -> None:
    """Changing one of them changes the vector and its own tokens, and nobody else's."""
    conditioner = conditioner_of(conditions)
    base = seen(conditioner, columns(conditions, [ASKED[0]]), 1)
    collated = conditioner.collate(columns(conditions, [ASKED[0]]), 1)
    counts = [encoder(*collated[name]).tokens.shape[1] for name, encoder in conditioner.encoders.items()]
    for place, name in enumerate(conditioner.encoders):
        other = seen(conditioner, columns(conditions, [ASKED[0] | {name: ASKED[2][name]}]), 1)
        assert not torch.allclose(base.vector, other.vector, atol=1e-4), name
        for index, (before, after) in enumerate(
            zip(torch.split(base.tokens, counts, dim=1), torch.split(other.tokens, counts, dim=1), strict=True)
        ):
            assert torch.equal(before, after) == (index != place), name


def test_a_picture_does_not_see_its_batch(conditions: dict[str, Condition[Any]]) -> None:
    conditioner = conditioner_of(conditions)
    rows = [*ASKED, {}, {"palette": "#ff0000"}]
    together = seen(conditioner, columns(conditions, rows), len(rows))
    for place, row in enumerate(rows):
        alone = seen(conditioner, columns(conditions, [row]), 1)
        assert torch.equal(alone.mask[0], together.mask[place])
        real = alone.mask[0]
        close(alone.tokens[0, real], together.tokens[place, real])
        close(alone.vector[0], together.vector[place])


def test_without_any_condition_there_is_one_masked_token() -> None:
    encoded = seen(Conditioner({}, 16), {}, 3)
    assert encoded.tokens.shape == (3, 1, 16)
    assert not encoded.mask.any()
    assert not encoded.vector.any()


# --- conditions ----------------------------------------------------------------------------------------------------------


def test_only_what_the_set_has_is_learnt() -> None:
    assert list(fit(PICTURES)) == ["text", "style", "palette"]
    assert list(fit([Picture("a")])) == ["palette"]
    assert list(fit([Picture("a", style="ink")])) == ["style", "palette"]


def test_revived_conditions_encode_alike(conditions: dict[str, Condition[Any]]) -> None:
    again = revive({name: condition.state() for name, condition in conditions.items()})
    assert {name: condition.state() for name, condition in again.items()} == {
        name: condition.state() for name, condition in conditions.items()
    }
    first, second = conditioner_of(conditions), Conditioner(again, 16).requires_grad_(False)
    second.load_state_dict(first.state_dict())
    one, other = seen(first, columns(conditions, ASKED), len(ASKED)), seen(second, columns(again, ASKED), len(ASKED))
    assert torch.equal(one.tokens, other.tokens)
    assert torch.equal(one.vector, other.vector)


def test_an_unknown_condition_is_named(conditions: dict[str, Condition[Any]]) -> None:
    with pytest.raises(WishError, match=r"no condition 'pallete': did you mean 'palette'\?"):
        parse(conditions, {"text": "red", "pallete": "#ff0000"})


# --- dropping ------------------------------------------------------------------------------------------------------------


def dropped(names: tuple[str, ...], first: int = 0, count: int = COUNT) -> dict[str, np.ndarray]:
    """Which values are left out, by name, each (count,) of booleans."""
    keys = Keys(tuple(Key(5).at(row) for row in range(first, first + count)))
    kept = drop({name: [name] * count for name in names}, keys)
    return {name: np.array([value is None for value in column]) for name, column in kept.items()}


def test_conditions_are_dropped_with_their_shares() -> None:
    names = ("text", "style", "palette")
    gone = dropped(names)

    def agrees(found: np.ndarray, share: float) -> None:
        assert abs(found.mean() - share) < 4 * (share * (1 - share) / COUNT) ** 0.5

    for name in names:
        agrees(gone[name], ALONE + (1 - ALONE) * DROPPED[name])
    product = DROPPED["text"] * DROPPED["style"] * DROPPED["palette"]
    agrees(gone["text"] & gone["style"] & gone["palette"], ALONE + (1 - ALONE) * product)
    agrees(~gone["text"] & ~gone["style"] & gone["palette"], (1 - ALONE) * 0.9 * 0.9 * 0.8)
    agrees(gone["text"] & ~gone["style"] & ~gone["palette"], (1 - ALONE) * 0.1 * 0.9 * 0.2)


def test_every_subset_is_trained_on() -> None:
    gone = dropped(("text", "style", "palette"))
    found = set(zip(*(gone[name].tolist() for name in ("text", "style", "palette")), strict=True))
    assert len(found) == 8


def test_dropping_is_a_matter_of_each_pictures_key_alone() -> None:
    names = ("text", "style")
    whole = dropped(names, 0, 60)
    for start in range(0, 60, 20):
        part = dropped(names, start, 20)
        for name in names:
            assert (part[name] == whole[name][start : start + 20]).all()


def test_what_is_kept_is_unchanged_and_what_was_none_stays_none() -> None:
    keys = Keys(tuple(Key(5).at(row) for row in range(200)))
    kept = drop({"text": [None if row % 2 else row for row in range(200)]}, keys)["text"]
    assert all(value is None for value in kept[1::2])
    assert all(value in (None, row) for row, value in enumerate(kept))
    assert sum(value is not None for value in kept) > 50
