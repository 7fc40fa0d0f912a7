"""The painter in the box: it is there, small, lawful, and does what the README says."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from danqing.data.checks import decode
from danqing.data.shapes import ShapesSource
from danqing.data.source import Item
from danqing.families.upscaler import Upscaler
from danqing.maths.seen import to_network
from danqing.paint import Session, load
from danqing.painters.painter import TUNING, altered, as_then, open_painter, tuned, untuned
from danqing.painters.shelf import BUNDLED, describe
from danqing.records.record import Record, texts
from danqing.replay import replay
from danqing.words import Wish

ALLOWED = {"Apache-2.0", "MIT", "CC-BY-4.0"}


@pytest.fixture(scope="module")
def session() -> Session:
    return load("emoji", "cpu")


@pytest.mark.parametrize(("name", "most"), [("emoji", 20_000_000), ("x4", 2_000_000)])
def test_it_is_small_and_lawful(name: str, most: int) -> None:
    folder = BUNDLED / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < most
    facts = describe(name)
    assert set(facts["trained"]["licences"]) <= ALLOWED
    attributions = (folder / "ATTRIBUTIONS.md").read_text(encoding="utf8")
    assert all(licence in attributions for licence in facts["trained"]["licences"])
    assert {path.name for path in folder.iterdir()} >= {"README.md", "recipe.toml", "weights.safetensors"}
    assert not (folder / "tokenizer.json").exists(), "words are read by the reader in the box, which has its own"


@pytest.mark.parametrize("words", ["a red apple", "grinning face", "rocket", "绿色的心", "房子"])
def test_it_paints_the_wishes_of_the_readme(session: Session, words: str, tmp_path: Path) -> None:
    painting = session.paint(words, seed=1)
    pixels = np.asarray(painting.image)
    assert pixels.shape == (256, 256, 4)
    visible = pixels[..., 3] > 127
    assert 0.1 < visible.mean() < 1.0  # something is there, and something around it is transparent
    assert replay(painting.save(tmp_path / "painting.png")).same == "identical"


def test_a_palette_that_is_asked_for_is_nearer(session: Session) -> None:
    """Over concepts and palettes of others, asking halves nothing yet, but it must bring the colours nearer."""
    words = ["red apple", "house", "cat face", "car"]
    palette = {"palette": "#1e88e5:0.7,#0d47a1:0.3"}
    asked = session.paint_all([Wish(text, conditions=palette, seed=2) for text in words])
    plain = session.paint_all([Wish(text, seed=2) for text in words])
    condition = session.painter.conditions["palette"]
    value = condition.parse(palette["palette"])
    missed = [condition.miss(value, np.asarray(painting.image)) or 0.0 for painting in plain]
    assert np.mean([painting.scores["palette"] for painting in asked]) < np.mean(missed)


def test_what_is_drawn_is_enlarged_far_better_than_by_interpolation() -> None:
    """Geometric shapes, which the upscaler never saw; as the README says, 2 dB at the least."""
    drawn = [decode(item.load()).pixels for item in ShapesSource(12, size=128).items() if isinstance(item, Item)]
    real = torch.stack([to_network(pixels) for pixels in drawn])
    real = real if real.shape[1] == 4 else torch.cat([real, torch.ones_like(real[:, :1])], 1)
    small = F.avg_pool2d(real, 4)
    family = open_painter("x4").family
    assert isinstance(family, Upscaler)
    with torch.inference_mode():
        mine = family.enlarge(small).clamp(-1, 1)
    bicubic = F.interpolate(small, scale_factor=4, mode="bicubic").clamp(-1, 1)
    better = (bicubic - real).square().mean((1, 2, 3)) / (mine - real).square().mean((1, 2, 3))
    assert 10 * float(better.log10().mean()) >= 2


def test_styles_differ(session: Session) -> None:
    assert len(session.painter.conditions["style"].state()["names"]) == 8
    pictures = session.paint_all([Wish("grinning face", conditions={"style": name}, seed=1) for name in ("noto", "fxemoji")])
    assert pictures[0].image.tobytes() != pictures[1].image.tobytes()


def test_its_scores_and_its_search_are_of_the_painter_as_it_is(session: Session) -> None:
    painter = session.painter
    scores, search = (json.loads((painter.folder / name).read_text(encoding="utf8")) for name in ("scores.json", TUNING))
    assert {scores["weights"], search["weights"]} == {painter.weights_sha256}
    assert scores["guidance"] == painter.family.guidance
    assert search["after"] == tuned(painter)
    told, pairs, unread = (
        scores["recognition"],
        scores["understood"]["held-out pairs"],
        scores["understood"]["words never read"],
    )
    card = (painter.folder / "README.md").read_text(encoding="utf8")
    for number in (
        *(told[f"paintings, top {top}"] for top in (1, 5)),
        *(pairs[f"{language}, top 5"] for language in ("en", "zh")),
        *(unread[f"{language}, words never read, top 5"] for language in ("en", "zh")),
    ):
        assert "{:.0f} % ({:.0f} to {:.0f})".format(*(100 * number[name] for name in ("value", "low", "high"))) in card


def test_pictures_of_before_its_settings_were_searched_are_replayed(session: Session, tmp_path: Path) -> None:
    before = {"sampler": "dpm++2m", "doubt": 0.0, "last": 0.0, "guidance": 2.0, "interval": [0.0, 1.0], "steps": 24, "spins": 1}
    assert untuned(session.painter) == before
    assert tuned(session.painter)["doubt"] > 0
    then = dataclasses.replace(session, painter=altered(session.painter, before))
    painting = then.paint("dog", size=(32, 32), steps=6)
    assert painting.image.tobytes() != session.paint("dog", size=(32, 32), steps=6).image.tobytes()
    for number, settings in enumerate((before, {name: before[name] for name in ("guidance", "interval", "steps")}, {})):
        record = Record.read({**painting.record, "settings": settings})
        path = dataclasses.replace(painting, texts=texts(record)).save(tmp_path / f"{number}.png")
        assert replay(path).same == "identical"
    second = {"sampler": "ddpm", "doubt": 0.3, "last": 0.2, "guidance": 4.0, "interval": [0.4, 1.0], "steps": 8}
    for number, between in enumerate(({"last": 0.4, "guidance": 2.0, "interval": [0.6, 1.0], "steps": 6}, second)):
        painting = dataclasses.replace(session, painter=as_then(session.painter, between)).paint("dog", size=(32, 32))
        assert painting.record["settings"] == {"sampler": "dpm++2m", "doubt": 0.0, "spins": 1, **between}
        older = Record.read({**painting.record, "settings": between})
        path = dataclasses.replace(painting, texts=texts(older)).save(tmp_path / f"between-{number}.png")
        assert replay(path).same == "identical"
