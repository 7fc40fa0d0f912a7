"""Translation: which pictures are partners, what a batch then holds, what the families' parts do, and that it can be used."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bars import SIDE, Bars, picture
from learners import build, cut, cyclegan, pix2pix, stream
from PIL import Image
from typer.testing import CliRunner

from danqing.cli import app
from danqing.config import merge, read_toml
from danqing.data.picture_set import PictureSet, import_pictures
from danqing.data.prepare import augment
from danqing.data.stream import Starts, Stream
from danqing.errors import ConfigError, OutputError, TrainingError, WishError
from danqing.evaluate import Scores, evaluate_painter
from danqing.families.translation import Pix2Pix
from danqing.families.unpaired import Cut, CycleGan
from danqing.metrics.extractor import wrap
from danqing.metrics.measured import Measured
from danqing.metrics.pairs import absolute_errors, nearness
from danqing.paint import load
from danqing.painters import sides, trial
from danqing.painters.painter import open_painter
from danqing.painters.settings import choose, resolve
from danqing.painters.starting import LOOKS
from danqing.painters.translations import AS_THEY_WERE, MEAN, NEAREST, task
from danqing.parts.contract import Asked, Batch, Clock, Key, Keys, Plan, check_players
from danqing.parts.loop import Loop
from danqing.parts.perceptual import Perceptual
from danqing.train import Begun, Done, train
from danqing.translate import Translated, translate
from danqing.words import Wish


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(import_pictures(Bars(), tmp_path_factory.mktemp("sets") / "bars").folder)


STYLES = ("plain", "red", "blue")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> str:
    """In three styles."""
    source = Bars(styles=STYLES)
    return str(import_pictures(source, tmp_path_factory.mktemp("sets") / "three").folder)


# --- partners ----------------------------------------------------------------------------------------------------------


def test_partners_are_of_one_concept(three: str) -> None:
    pictures = PictureSet.open(three)
    everything = np.arange(len(pictures))
    found = sides.sides(pictures, everything, "plain", ("red", "blue"), "pairs")
    assert found.of is not None
    assert len(found.made) == len(found.of) == 120
    for made, start in zip(found.made.tolist(), np.array(found.starts)[list(found.of)].tolist(), strict=True):
        assert pictures.pictures[made].concept == pictures.pictures[start].concept
        assert pictures.pictures[start].style == "plain"
    loose = sides.sides(pictures, everything[7:], "plain", ("red",), "sets")
    assert loose.of is None
    assert (len(loose.starts), len(loose.made)) == (53, 60)
    assert len(sides.sides(pictures, everything[7:], "plain", ("red",), "pairs").made) == 53


def test_what_cannot_be_paired_is_told(three: str, tmp_path: Path) -> None:
    pictures, everything = PictureSet.open(three), np.arange(180)
    with pytest.raises(TrainingError, match="no style 'blu': did you mean 'blue'"):
        sides.sides(pictures, everything, "plain", ("blu",), "pairs")
    with pytest.raises(TrainingError, match="'red' was given to be made from and to be made"):
        sides.sides(pictures, everything, "red", ("red",), "pairs")
    with pytest.raises(TrainingError, match=r"3 styles .* --set from_style=STYLE"):
        sides.proposed(pictures, {})
    single = import_pictures(Bars(styles=("red",)), tmp_path / "single")
    with pytest.raises(TrainingError, match="two styles, and the set 'single' has 1"):
        sides.proposed(single, {})
    strangers = import_pictures(Bars(paired=False), tmp_path / "strangers")
    with pytest.raises(TrainingError, match=r"no picture in red has a partner in plain: .*--pairs.*cyclegan"):
        sides.sides(strangers, np.arange(120), "plain", ("red",), "pairs")


@pytest.mark.parametrize(
    ("given", "start", "ends", "asked"),
    [
        ({"from_style": "red"}, "red", ("blue", "plain"), ("style",)),
        ({"to_styles": ["red", "plain"]}, "blue", ("red", "plain"), ("style",)),
        ({"from_style": "plain", "to_styles": "red"}, "plain", ("red",), ()),
    ],
)
def test_the_direction_is_proposed(three: str, given: dict[str, Any], start: str, ends: tuple[str, ...], asked: Any) -> None:
    facts, reasons = sides.proposed(PictureSet.open(three), given)
    assert facts == {"from_style": start, "to_styles": ends, "conditions": asked}
    assert reasons["from_style"] == f"from {start}"


def test_of_two_styles_the_first_is_made_from(bars: str) -> None:
    assert sides.proposed(PictureSet.open(bars), {})[0] == {"from_style": "plain", "to_styles": ("red",), "conditions": ()}
    assert sides.proposed(PictureSet.open(bars), {"from_style": "red"})[0]["to_styles"] == ("plain",)


def test_partners_are_moved_alike_and_strangers_each_by_itself() -> None:
    pixels = np.stack([picture(number, "red") for number in range(40)]).transpose(0, 3, 1, 2)
    change = functools.partial(augment, flip=0.5, shift=2)
    paired = Stream(pixels, {}, lambda name, value, key: value, 0, change, starts=Starts(pixels, range(40)))
    batch = paired.batch(range(32))
    assert batch.starts is not None
    assert torch.equal(batch.pictures, batch.starts)
    loose = dataclasses.replace(paired, starts=Starts(pixels[:10], None)).batch(range(32))
    assert loose.starts is not None
    assert not torch.equal(loose.pictures, loose.starts)
    for part in batch.split(5):
        assert part.starts is not None
        assert len(part.starts) == len(part)
    # Which one comes is named by the row: drawn evenly, the same however the batch is cut.
    plain = dataclasses.replace(paired, augment=None, starts=Starts(pixels[:10], None))
    whole, later = plain.batch(range(400)).starts, plain.batch(range(100, 110)).starts
    assert whole is not None
    assert later is not None
    assert torch.equal(whole[100:110], later)
    seen = {bytes(start.numpy().tobytes()) for start in whole}
    assert len(seen) == 10


# --- the families' parts -----------------------------------------------------------------------------------------------

BATCH = stream(64).batch(range(6))


def test_a_painter_begins_as_the_identity() -> None:
    for learner in (pix2pix(), cyclegan(), cut()):
        assert BATCH.starts is not None
        torch.testing.assert_close(learner.painter(BATCH.starts, BATCH.conditions), BATCH.starts)


def test_pix2pix_weighs_its_errors() -> None:
    """It begins as the identity: its paintings are the starts."""
    learner = pix2pix(absolute=7.0, perceptual=3.0)
    assert BATCH.starts is not None
    told = learner.loss(BATCH, "painter", Key(0), Clock(0, 0)).parts
    apart = (BATCH.starts - BATCH.pictures).abs().mean((1, 2, 3))
    torch.testing.assert_close(told["absolute"], 7.0 * apart)
    torch.testing.assert_close(told["perceptual"], 3.0 * Perceptual()(BATCH.starts, BATCH.pictures))
    told["perceptual"].sum().backward()  # type: ignore[no-untyped-call]
    assert any(bool(p.grad is not None and p.grad.any()) for p in learner.painter.parameters())
    check_players(learner.players(), learner)
    assert "perceptual" not in pix2pix().loss(BATCH, "painter", Key(0), Clock(0, 0)).parts


def test_cyclegan_remembers_as_many_paintings_as_it_has_room_for() -> None:
    learner = cyclegan(pool=8)
    loop = Loop(learner, seed=5)
    for count in (6, 8, 8):
        batch = stream(64).batch(range(loop.seen, loop.seen + 6))
        loop.step(batch)
        assert int(learner.kept) == count
    stats = {"fresh": torch.full((3, 2, 3, 8, 8), 9.0)}
    before = learner.pools.clone()
    learner.after("critic", stats, Key(1), Clock(0, 0))
    changed = [not torch.equal(a, b) for a, b in zip(before, learner.pools, strict=True)]
    assert 1 <= sum(changed) <= 3
    learner.after("painter", stats, Key(2), Clock(0, 0))
    assert int(learner.kept) == 8
    # Half of what a critic is shown is of earlier on.
    fresh = torch.zeros(200, 2, 3, 8, 8)
    learner.pools.fill_(1.0)
    shown = learner._remembered(fresh, Keys(tuple(Key("row", row) for row in range(200))))
    assert 0.35 < float(shown.mean()) < 0.65
    learner.kept.zero_()
    assert torch.equal(learner._remembered(fresh, Keys(tuple(Key("row", row) for row in range(200)))), fresh)


def test_the_cycle_of_the_identity_costs_only_its_noise() -> None:
    learner = cyclegan(noise=0.0)
    told = learner.loss(BATCH, "painter", Key(0), Clock(0, 0)).parts
    assert told["cycle"].abs().max().item() < 1e-5
    noisy = cyclegan(noise=0.1).loss(BATCH, "painter", Key(0), Clock(0, 0)).parts
    expected = 10 * 2 * 0.1 * math.sqrt(2 / math.pi)  # E|noise|, there and back
    assert noisy["cycle"].mean().item() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("name", ["cyclegan", "cut"])
def test_a_painter_that_need_not_leave_its_own_kind_alone_is_not_asked_to(name: str) -> None:
    asked, free = (build(name, identity=weight).loss(BATCH, "painter", Key(0), Clock(0, 0)).parts for weight in (1.0, 0.0))
    assert asked.keys() - free.keys() == {"identity"}
    for part, loss in free.items():
        torch.testing.assert_close(loss, asked[part])


@pytest.mark.parametrize("kind", [cyclegan, cut, pix2pix])
def test_projected_critics_judge_each_painting_against_a_real_picture(kind: Callable[..., CycleGan | Cut | Pix2Pix]) -> None:
    """Relativistic losses with penalties every so many turns; one loss for each picture, gradients for all who move."""
    learner = kind(sight="projected", view=16, gamma=2.0, lazy=4)
    check_players(learner.players(), learner)
    for turn in (0, 1):
        told = learner.loss(BATCH, "critic", Key(0), Clock(0, turn)).parts
        ways = {"R1", "R2", "tell"} if turn == 0 else {"tell"}
        ends = (" there", " back") if kind is cyclegan else ("",)
        assert set(told) == {f"{way}{end}" for way in ways for end in ends}
        assert all(part.shape == (6,) for part in told.values())
    # Before the first update everything looks alike to it: nobody wins.
    fooled = learner.loss(BATCH, "painter", Key(0), Clock(0, 0)).parts
    name = "fool there" if kind is cyclegan else "fool"
    assert fooled[name].mean().item() == pytest.approx(math.log(2), abs=0.2)
    fooled[name].sum().backward()  # type: ignore[no-untyped-call]
    assert any(bool(p.grad is not None and p.grad.any()) for p in learner.painter.parameters())


def test_a_projected_critic_learns_to_tell() -> None:
    """Of an identity that must become colours: within some updates it is sure."""
    learner = cyclegan(sight="projected", view=64, gamma=1.0, lr=1e-9, lead=2e6)  # nobody else moves
    loop = Loop(learner, seed=5)
    told = [loop.step(stream(64).batch(range(loop.seen, loop.seen + 8))) for _ in range(25)]
    assert told[-1]["critic/tell there"] < 0.6 * told[0]["critic/tell there"]


def test_patches_are_told_apart_in_their_places() -> None:
    """Of the identity each patch finds itself: with a small temperature that is free; of another picture it is not."""
    learner = cut(temperature=0.01)
    assert BATCH.starts is not None
    keys = Keys(tuple(Key("row", row) for row in range(6)))
    noise = keys.normal(3, 8, 8)
    same = learner._contrast(noise, noise, {}, keys)
    other = learner._contrast(noise, keys.at("other").normal(3, 8, 8), {}, keys)
    assert bool((same < 0.5).all())
    assert bool((other > 1.0).all())


def test_a_translation_needs_a_start() -> None:
    learner = pix2pix()
    with pytest.raises(WishError, match="starts from a picture and none was given: add --init FILE"):
        learner.start(Asked({}, {}, torch.ones(1)), Plan((8, 8)), Keys((Key(0),)))
    begun = Asked({}, {}, torch.ones(1), torch.zeros(1, 3, 8, 8))
    with pytest.raises(WishError, match="goes all the way: leave out"):
        learner.start(begun, Plan((8, 8), strength=0.5), Keys((Key(0),)))
    with pytest.raises(ValueError, match="this batch has none"):
        learner.loss(Batch(BATCH.pictures, {}, BATCH.rows), "painter", Key(0), Clock(0, 0))


@pytest.mark.parametrize(
    ("start", "size"), [((768, 1024), (64, 85)), ((100, 100), (64, 64)), ((30, 10), (192, 64)), ((8, 1000), (8, 1024))]
)
def test_strokes_stay_as_wide_as_they_were_learnt(start: tuple[int, int], size: tuple[int, int]) -> None:
    assert pix2pix().natural(start, (64, 64)) == size
    assert pix2pix().natural(None, (64, 64)) == (64, 64)


# --- from a set to paintings ------------------------------------------------------------------------------------------

NETWORK = {"kind": "unet", "patch": 1, "widths": [16, 32], "depths": [1, 1], "attention": [False, False], "embedding": 32}
SMALL: Mapping[str, Any] = {
    "name": "made",
    "family": "pix2pix",
    "size": SIDE,
    "channels": 3,
    "batch": 16,
    "pictures_seen": 16,
    "threads": 1,
    "sheets": 1,
    "model": {"preset": "small", "sight": "pixels", "backbone": NETWORK, "critic": 16, "warmup": 0, "lr": 3e-3},
}


def trained(data: str, **changes: Any) -> str:
    events = list(train(data, merge(SMALL, changes)))
    assert isinstance(events[-1], Done)
    return str(merge(SMALL, changes)["name"])


def scored(name: str, data: str) -> Scores:
    *_, scores = evaluate_painter(name, data, count=50)
    assert isinstance(scores, Scores)
    return scores


def test_pix2pix_learns_held_out_partners_and_the_scores_say_so(bars: str) -> None:
    found = scored(trained(bars, pictures_seen=2400), bars).understood
    near = found["absolute error in percent to the partner"]
    assert all(isinstance(number, Measured) for number in near.values())
    values = {name: number.value for name, number in near.items() if isinstance(number, Measured)}
    assert values.keys() == {"paintings", AS_THEY_WERE, NEAREST, MEAN}
    assert values["paintings"] < 0.5 * min(values[name] for name in (AS_THEY_WERE, NEAREST, MEAN))
    hands = {name: number.value for name, number in found["taken for the style asked"].items() if isinstance(number, Measured)}
    assert hands["real pictures"] == 1.0
    assert hands[AS_THEY_WERE] == 0.0
    assert hands["paintings"] > 0.9


def test_of_several_styles_the_one_asked_for_is_made(three: str, tmp_path: Path) -> None:
    name = trained(three, pictures_seen=3200, from_style="plain", sheets=0, model={"absolute": 100.0})
    painter = open_painter(name)
    assert set(painter.conditions) == {"style"}
    given = task(painter, PictureSet.open(three), 500, Key(0))
    assert given.partners is not None
    assert {given.values["style"][row][0][0] for row in range(len(given.starts))} == {"red", "blue"}
    Image.fromarray(picture(3, "plain")).save(tmp_path / "bar.png")
    session = load(name)
    red, blue = (
        np.asarray(session.paint(init=str(tmp_path / "bar.png"), conditions={"style": style}).image, np.int16)
        for style in ("red", "blue")
    )
    inside = picture(3, "plain")[..., 0] > 127
    assert red[inside][:, 0].mean() > red[inside][:, 2].mean() + 60
    assert blue[inside][:, 2].mean() > blue[inside][:, 0].mean() + 60


def test_who_starts_from_a_painter_goes_its_way(three: str) -> None:
    trained(three, from_style="red", to_styles=["plain"], sheets=0)
    short = {"start_from": "made", "name": "on", "pictures_seen": 16, "sheets": 0, "threads": 1}
    begun = next(train(three, short))
    assert isinstance(begun, Begun)
    assert (begun.settings.from_style, begun.settings.to_styles) == ("red", ("plain",))
    assert not any("pixels" in reason for reason in begun.reasons), "its size is the painter's, not proposed from the data"
    turned = next(train(three, {**short, "name": "back", "to_styles": "red", "from_style": "plain"}))
    assert isinstance(turned, Begun)
    assert (turned.settings.from_style, turned.settings.to_styles) == ("plain", ("red",))


def test_who_knows_several_styles_goes_on_with_one_of_them_and_with_new_ones(three: str, tmp_path: Path) -> None:
    trained(three, from_style="plain", sheets=0)
    short = {"start_from": "made", "pictures_seen": 16, "sheets": 0, "threads": 1}
    for styles in (("plain", "red"), ("plain", "green")):
        data = str(import_pictures(Bars(styles=styles), tmp_path / styles[1]).folder)
        *_, done = train(data, {**short, "name": styles[1]})
        assert isinstance(done, Done)
        painter = open_painter(styles[1])
        assert set(painter.conditions) == {"style"}
        assert (painter.facts.trained["from_style"], painter.facts.trained["to_styles"]) == ("plain", [styles[1]])


def test_a_recipe_trains_again_what_was_trained_for_a_time(bars: str) -> None:
    *_, done = train(bars, merge({name: value for name, value in SMALL.items() if name != "pictures_seen"}, {"seconds": 0.5}))
    assert isinstance(done, Done)
    recipe = read_toml(done.painter / "recipe.toml")
    again, _ = resolve(PictureSet.open(bars), recipe)
    assert again.pictures_seen == recipe["pictures_seen"] == open_painter("made").facts.trained["seen"]
    assert again.seconds is None
    begun = next(train(bars, {"start_from": "made", "name": "on", "seconds": 0.5, "threads": 1, "sheets": 0}))
    assert isinstance(begun, Begun)
    assert begun.settings.pictures_seen % begun.settings.batch == 0, "measured here too"


def test_translations_are_measured_in_the_groups_they_learnt(bars: str) -> None:
    painter, pictures = open_painter(trained(bars, sheets=0)), PictureSet.open(bars)
    pictures.pictures = [
        dataclasses.replace(one, facts={**one.facts, "group": "ab"[int(one.concept.split()[1]) % 2]})
        for one in pictures.pictures
    ]
    painter.facts.trained["groups"] = ["a"]
    given = task(painter, pictures, 500, Key(0))
    for numbers in (given.starts, given.learnt.made, given.learnt.starts):
        assert {pictures.pictures[int(number)].facts["group"] for number in numbers} == {"a"}


def test_pairs_are_held_out_of_what_is_made_and_not_of_what_it_is_made_from(three: str) -> None:
    painter, pictures = open_painter(trained(three, sheets=0, from_style="plain", held_out="pairs")), PictureSet.open(three)
    given = task(painter, pictures, 500, Key(0))
    held = [n for n in pictures.split("held_out", "pair").tolist() if pictures.pictures[n].style != "plain"]
    assert given.partners is not None
    assert given.partners.tolist() == held, "each is tried, whether or not its own start was among a tenth"
    assert not set(given.learnt.made.tolist()) & set(held)
    assert len(given.learnt.starts) == 60
    chosen = choose(pictures, resolve(pictures, {"family": "pix2pix", "from_style": "plain", "held_out": "pairs"})[0])
    assert sorted({*given.learnt.starts.tolist(), *given.learnt.made.tolist()}) == chosen.tolist(), "as training chose"


def test_pictures_of_no_concept_are_held_out_one_by_one(tmp_path: Path) -> None:
    strangers = str(import_pictures(Bars(paired=False), tmp_path / "strangers").folder)
    name = trained(strangers, family="cyclegan", held_out="pairs", sheets=0, from_style="plain")
    given = task(open_painter(name), PictureSet.open(strangers), 500, Key(0))
    assert given.partners is None
    assert len(given.starts) > 0
    assert not set(given.starts.tolist()) & set(given.learnt.starts.tolist()), "nothing is tried that was learnt from"


def test_styles_are_told_by_those_who_look_at_styles(bars: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is judged, paintings and real pictures, passes through the style extractor; it sees nothing."""
    looked = []

    class Blind(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            looked.append(len(x))
            return torch.zeros(len(x), 7)

    monkeypatch.setattr(trial, "style_extractor", lambda see: wrap("nothing", Blind(), 7, SIDE))
    found = scored(trained(bars, sheets=0), bars).understood["taken for the style asked"]
    # Who sees nothing holds all styles for equally likely, so that none is ranked above the right one.
    assert {name: number.value for name, number in found.items() if isinstance(number, Measured)} == dict.fromkeys(found, 1.0)
    assert sum(looked) > len(PictureSet.open(bars).pictures), "the set, and the paintings beside"


def test_who_goes_on_goes_on_for_as_long_as_there_are_pictures_to_make(three: str) -> None:
    trained(three, from_style="plain", sheets=0)
    pictures, short = PictureSet.open(three), {"start_from": "made"}
    learnt = [pictures.pictures[number].style for number in pictures.split("train").tolist()]
    both, _ = resolve(pictures, short)
    assert both.pictures_seen == LOOKS * (learnt.count("red") + learnt.count("blue"))
    one, _ = resolve(pictures, {**short, "to_styles": "red", "held_out": False})
    assert one.from_style == "plain", "as it went before"
    assert one.pictures_seen == LOOKS * 60
    pictures.pictures = [dataclasses.replace(p, concept="") if p.style == "blue" else p for p in pictures.pictures]
    lone, _ = resolve(pictures, {**short, "to_styles": ["red", "blue"], "held_out": False})
    assert lone.pictures_seen == LOOKS * 60, "what has no partner is not made"


@pytest.mark.parametrize("family", ["cyclegan", "cut"])
def test_without_partners_the_same_set_is_learnt_too(family: str, tmp_path: Path) -> None:
    strangers = str(import_pictures(Bars(paired=False), tmp_path / "strangers").folder)
    name = trained(strangers, family=family, pictures_seen=64, held_out=False)
    found = scored(name, strangers).understood
    assert found.keys() == {"taken for the style asked"}, "nobody knows partners"
    assert found["taken for the style asked"].keys() == {"paintings", AS_THEY_WERE}


def test_a_direction_is_not_for_other_families(bars: str) -> None:
    with pytest.raises(ConfigError, match="from_style was given, and the family does not translate"):
        next(train(bars, {"family": "diffusion", "from_style": "red"}))


def test_a_sheet_shows_each_picture_beside_what_it_was_made_from(bars: str, home: Path) -> None:
    trained(bars, flip=0.0)
    (sheet,) = (home / "runs" / "made" / "sheets").iterdir()
    shown = np.asarray(Image.open(sheet).convert("RGB"))
    first = shown[: 6 * SIDE, : 6 * SIDE]
    assert set(np.unique(first)) == {0, 255}, "the picture it was made from is white on black"


# --- many pictures -----------------------------------------------------------------------------------------------------


def folder_of(place: Path, count: int = 3) -> Path:
    (place / "deeper").mkdir(parents=True)
    for number in range(count):
        Image.fromarray(picture(number, "plain")).save(place / ("deeper" if number else "") / f"{number}.png")
    (place / "notes.txt").write_text("nothing")
    (place / "broken.png").write_bytes(b"no picture")
    return place


def test_a_folder_is_translated_and_the_same_call_goes_on(bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, out = load(trained(bars)), tmp_path / "out"
    pictures = folder_of(tmp_path / "in")
    *_, first = translate(session, pictures, out, Wish())
    assert isinstance(first, Translated)
    assert [one.path.relative_to(out).as_posix() for one in first.painted] == ["0.png", "deeper/1.png", "deeper/2.png"]
    assert [(path.name, why[:1]) for path, why in first.left] == [("broken.png", "'")]
    places = tuple(one.path for one in first.painted)
    before = places[2].stat().st_mtime_ns
    places[1].unlink()
    Image.fromarray(picture(9, "plain")).save(pictures / "0.png")
    *_, again = translate(session, pictures, out, Wish())
    assert isinstance(again, Translated)
    assert tuple(one.path for one in again.painted) == places[:2], "one was gone, of one the picture is another"
    assert again.kept == places[2:]
    assert places[2].stat().st_mtime_ns == before
    *_, other = translate(session, pictures, out, Wish(size=(32, 32)))
    assert isinstance(other, Translated)
    assert len(other.painted) == 3, "another wish"
    monkeypatch.setattr("danqing.__version__", "99.0")
    *_, later = translate(session, pictures, out, Wish(size=(32, 32)))
    assert isinstance(later, Translated)
    assert len(later.painted) == 3, "another Danqing may paint otherwise"


def test_pictures_that_differ_in_their_endings_alone_are_kept_apart(bars: str, tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    Image.fromarray(picture(1, "plain")).save(place / "a.png")
    Image.fromarray(picture(2, "plain")).save(place / "a.bmp")
    *_, done = translate(load(trained(bars)), place, tmp_path / "out", Wish())
    assert isinstance(done, Translated)
    assert sorted(one.path.name for one in done.painted) == ["a.bmp.png", "a.png.png"]


def test_no_picture_is_painted_over(bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, pictures = load(trained(bars, sheets=0)), folder_of(tmp_path / "in")
    before = {path: path.read_bytes() for path in pictures.rglob("*.png")}
    for start, out in ((pictures, pictures), (pictures / "0.png", pictures), (pictures / "0.png", pictures / "0.png")):
        with pytest.raises(OutputError, match="painted over"):
            list(translate(session, start, out, Wish()))
    with pytest.raises(OutputError, match=r"needs a PNG"):
        list(translate(session, pictures / "0.png", tmp_path / "x.jpg", Wish()))
    counts = []
    for _ in range(2):
        *_, done = translate(session, pictures, pictures / "painted", Wish())
        assert isinstance(done, Translated)
        counts.append((len(done.painted), len(done.kept)))
    assert counts == [(3, 0), (0, 3)], "what was painted is nothing to paint from"
    shutil.rmtree(pictures / "painted")
    *_, done = translate(session, pictures, tmp_path, Wish())
    assert isinstance(done, Translated)
    assert len(done.painted) == 3, "a folder around them is as good as any"
    assert {path: path.read_bytes() for path in before} == before
    (pictures / "in").mkdir()
    Image.fromarray(picture(3, "plain")).save(pictures / "in" / "0.png")  # its painting would be in/0.png
    with pytest.raises(OutputError, match="painted over"):
        list(translate(session, pictures, tmp_path, Wish()))
    assert {path: path.read_bytes() for path in before} == before
    monkeypatch.chdir(pictures)
    assert CliRunner().invoke(app, ["translate", "made", "."], catch_exceptions=False).exit_code == 0
    assert (tmp_path / "in-translated" / "0.png").is_file()


def test_translate_on_the_command_line(bars: str, tmp_path: Path) -> None:
    trained(bars)
    pictures, out = folder_of(tmp_path / "in"), tmp_path / "out"
    done = CliRunner().invoke(app, ["translate", "made", str(pictures), "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [Path(entry["file"]).name for entry in told["painted"]] == ["0.png", "1.png", "2.png"]
    assert [Path(entry["file"]).name for entry in told["left_out"]] == ["broken.png"]
    with pytest.raises(WishError, match=r"is a folder and .* a file: give --out a folder"):
        CliRunner().invoke(app, ["translate", "made", str(pictures), "--out", "x.png"], catch_exceptions=False)
    with pytest.raises(WishError, match="there is no picture or folder 'nothing'"):
        CliRunner().invoke(app, ["translate", "made", "nothing"], catch_exceptions=False)
    one = CliRunner().invoke(app, ["translate", "made", str(pictures / "0.png"), "--size", "40x24"])
    assert one.exit_code == 0, one.output
    assert Image.open(pictures / "0-translated.png").size == (40, 24)
    Image.fromarray(picture(1, "plain")[:8]).save(pictures / "wide.png")
    wide = CliRunner().invoke(app, ["translate", "made", str(pictures / "wide.png"), "--size", "48"])
    assert wide.exit_code == 0, wide.output
    assert Image.open(pictures / "wide-translated.png").size == (48, 24)


# --- nearness ----------------------------------------------------------------------------------------------------------


def test_nearness_in_closed_form() -> None:
    partners = np.stack([picture(number, "red") for number in range(8)])
    shifted = np.clip(partners.astype(np.int16) - 10, 0, 255).astype(np.uint8)
    clear = np.concatenate([partners, np.zeros_like(partners[..., :1])], -1)
    assert absolute_errors(partners, partners).max() == 0
    assert absolute_errors(shifted, partners) == pytest.approx(np.full(8, 1000 / 255))
    assert (
        absolute_errors(clear, 255 - clear * np.array([1, 1, 1, 0], np.uint8) - np.array([0, 0, 0, 255], np.uint8)).max() == 0
    )
    found = nearness({"same": partners, "shifted": shifted}, partners, Key(0))
    assert found["feature distance"]["same"].value == pytest.approx(0, abs=1e-6)
    assert found["feature distance"]["shifted"].value > 0.001
