"""The best of several: chosen by a judge taught on the painter's set, said in the record, painted again by its seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from painters import make_painter

from danqing.choose import paint_best
from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import DataError, WishError
from danqing.paint import Session, load
from danqing.replay import replay
from danqing.train import train
from danqing.words import Painting, Wish

FLOW: dict[str, Any] = {"blocks": 1, "network": {"width": 32, "depth": 1, "head": 16}}


def best(session: Session, wishes: list[Wish], of: int) -> list[Painting]:
    *_, chosen = paint_best(session, wishes, of)
    assert isinstance(chosen, list)
    return chosen


def test_the_best_is_the_one_that_suits_its_words_best(home: Path, tmp_path: Path) -> None:
    data = import_pictures(ShapesSource(260, size=16), home / "sets" / "shapes").folder
    told = {
        "name": "f",
        "family": "flow",
        "size": 8,
        "channels": 3,
        "pictures_seen": 16,
        "batch": 16,
        "threads": 1,
        "sheets": 0,
    }
    list(train(str(data), {**told, "conditions": ["text"], "model": FLOW}))
    session = load("f")
    wishes = [Wish("a red circle", seed=4), Wish("two blue stars", seed=30)]
    chosen = best(session, wishes, 3)
    for wish, painting in zip(wishes, chosen, strict=True):
        facts = painting.record["chosen"]
        assert facts["first_seed"] == wish.seed
        assert len(facts["agreement"]) == 3
        assert painting.wish.seed == wish.seed + max(range(3), key=lambda place: facts["agreement"][place])
        assert replay(painting.save(tmp_path / "best.png")).same in ("identical", "within tolerance")
    assert best(session, wishes, 3)[0].image.tobytes() == chosen[0].image.tobytes()
    with pytest.raises(WishError, match="without words"):
        best(session, [Wish()], 3)
    with pytest.raises(WishError, match="best of 1"):
        best(session, wishes, 1)


def test_without_the_set_it_says_how_to_get_it(home: Path) -> None:
    make_painter("d")
    with pytest.raises(DataError, match="danqing data add none"):
        best(load("d"), [Wish("red apple")], 2)
