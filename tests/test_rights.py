"""The ledger: its sums add up, and every source is named as its licence asks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from danqing.data.picture_set import PictureSet, import_pictures
from danqing.data.rendering import png
from danqing.data.rights import UNKNOWN, ledger
from danqing.data.source import Item, LeftOut, Source

RIGHTS = [
    ("noto@1.2.9", "Apache-2.0", "Google Inc"),
    ("noto@1.2.9", "Apache-2.0", "Google Inc"),
    ("openmoji@17.0.0", "CC-BY-SA-4.0", "OpenMoji"),
    ("scans", "CC-BY-NC-4.0", "A. Nyone"),
    ("scans", "", ""),
]


class Owned(Source):
    def describe(self) -> str:
        return "owned"

    def items(self) -> Iterator[Item | LeftOut]:
        for number, (source, licence, creator) in enumerate(RIGHTS):
            pixels = np.full((8, 8, 3), number * 40, np.uint8)
            yield Item(
                str(number), lambda pixels=pixels: png(pixels), licence=licence, creator=creator, source=source  # type: ignore[misc]
            )  # fmt: skip


@pytest.fixture
def owned(tmp_path: Path) -> PictureSet:
    return import_pictures(Owned(), tmp_path / "set")


def test_sums_add_up(owned: PictureSet) -> None:
    found = ledger(owned)
    assert sum(found.licences.values()) == sum(found.sources.values()) == sum(e.pictures for e in found.entries) == 5
    assert found.licences == {"Apache-2.0": 2, "CC-BY-NC-4.0": 1, "CC-BY-SA-4.0": 1, UNKNOWN: 1}
    assert found.sources == {"noto@1.2.9": 2, "scans": 2, "openmoji@17.0.0": 1}
    assert next(iter(found.licences)) == "Apache-2.0"


def test_obligations_are_told(owned: PictureSet) -> None:
    found = ledger(owned)
    assert found.share_alike == ("CC-BY-SA-4.0",)
    assert found.restricted == ("CC-BY-NC-4.0", UNKNOWN)
    text = found.attributions()
    for source, licence, creator in RIGHTS:
        assert source in text
        assert licence in text
        assert creator in text
    assert "https://creativecommons.org/licenses/by-sa/4.0/" in text


def test_excluded_pictures_are_not_named(owned: PictureSet) -> None:
    owned.exclude(licence="CC-BY-NC-4.0")
    owned.exclude(licence="")
    owned.exclude(source="openmoji@17.0.0")
    found = ledger(owned)
    assert found.licences == {"Apache-2.0": 2}
    assert not found.restricted
    assert not found.share_alike
    assert "scans" not in found.attributions()
