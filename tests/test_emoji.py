"""The emoji set: codes as emojibase writes them, and (long: needs npm) the counts of every style."""

from collections import Counter

import numpy as np
import pytest

from danqing.data.checks import decode
from danqing.data.emoji import STYLES, EmojiSource, normal
from danqing.data.source import Item


@pytest.mark.parametrize(
    ("written", "code"),
    [("1F98A", "1f98a"), ("2764-FE0F", "2764"), ("23-20e3", "0023-20e3"), ("1f441-fe0f-200d-1f5e8-fe0f", "1f441-200d-1f5e8")],
)
def test_codes_are_written_one_way(written: str, code: str) -> None:
    assert normal(written) == code


def test_no_style_asks_for_the_same_licence() -> None:
    assert {style.licence for style in STYLES.values()} == {"MIT", "Apache-2.0", "CC-BY-4.0"}


@pytest.mark.long
def test_every_style_holds_what_was_counted() -> None:
    items = [item for item in EmojiSource(size=64).items() if isinstance(item, Item)]
    expected = {
        "noto": 1644, "noto-v1": 1210, "fluent-flat": 1586, "fluent": 1586, "fluent-3d": 1599, "twemoji": 1640,
        "emojione": 1076, "fxemoji": 466,
    }  # fmt: skip
    counts = Counter(item.style for item in items)
    assert all(abs(counts[style] - number) <= 5 for style, number in expected.items()), counts
    assert len({item.place for item in items}) == len(items)
    fox = {item.style: item for item in items if item.concept == "1f98a"}
    assert len(fox) >= 5
    for item in fox.values():
        assert item.captions["en"][0] == "fox"
        assert item.captions["zh"][0] == "狐狸"
        assert item.facts == {"group": "animals-nature"}
        pixels = decode(item.load()).pixels
        assert pixels.shape == (64, 64, 4)
        red, green, blue = pixels[pixels[:, :, 3] > 200][:, :3].mean(0)
        assert red > green > blue, "a fox is orange in every hand"


@pytest.mark.long
def test_a_sample_of_every_style_can_be_drawn() -> None:
    items = [item for item in EmojiSource(size=48).items() if isinstance(item, Item)]
    for item in items[::97]:
        pixels = decode(item.load()).pixels
        assert pixels.shape[:2] == (48, 48), item.place
        if pixels.shape[2] == 4:
            assert np.mean(pixels[:, :, 3] > 0) > 0.01, item.place
