"""A painter of one's own from another: settings taken over, a style of one's own, and changes of low rank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from painters import MODEL, PICTURES, make_painter, make_upscaler, write_painter
from torch import nn

from danqing.conditions.conditioner import fit
from danqing.conditions.style import StyleCondition
from danqing.conditions.text import TextCondition
from danqing.config import merge, read_toml
from danqing.data.picture_set import PictureSet, import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import ConfigError, TrainingError
from danqing.families.diffusion import Diffusion
from danqing.maths.samplers import aim, ddim
from danqing.maths.schedules import Point
from danqing.paint import load
from danqing.painters.painter import open_painter
from danqing.painters.registry import build, settings
from danqing.painters.rehearsal import rehearsed
from danqing.painters.run import averages_kept
from danqing.painters.settings import resolve
from danqing.painters.sheet import paint_values
from danqing.painters.shelf import lessons
from danqing.painters.starting import KEPT, REHEARSED, grown, widened
from danqing.parts.contract import Key
from danqing.parts.low_rank import LowRank, adapt, folded
from danqing.train import Done, train
from danqing.words import Picture


@pytest.fixture
def mine(home: Path) -> str:
    import_pictures(ShapesSource(24, size=16), "mine")
    return "mine"


SHORT = {"start_from": "tiny", "threads": 1, "sheets": 0, "pictures_seen": 128, "batch": 16, "rehearse": 0}


def last(data: str, **given: Any) -> Path:
    (done,) = [event for event in train(data, {**SHORT, "data": data, **given}) if isinstance(event, Done)]
    return done.painter


def test_settings_of_the_network_come_from_the_painter(mine: str) -> None:
    make_painter("tiny", channels=3)
    base, after = open_painter("tiny"), open_painter(last(mine).name)
    assert after.name == "mine-from-tiny"
    assert after.facts.model["backbone"] == base.facts.model["backbone"]
    assert after.facts.model["lr"] < base.facts.model["lr"]
    assert after.facts.size == base.facts.size
    with pytest.raises(TrainingError, match="channels 3"):
        last(mine, channels=4, name="other")
    with pytest.raises(TrainingError, match="built otherwise"):
        last(mine, name="another", model={"backbone": {"widths": [16, 48]}})


def test_it_is_trained_again_by_the_recipe_it_leaves(mine: str) -> None:
    """Which spells out all that was taken over, also what does nothing beside the rest; what is said otherwise is refused."""
    make_painter("tiny", channels=3)
    recipe = read_toml(last(mine) / "recipe.toml")
    again, _ = resolve(PictureSet.open(mine), recipe)
    assert again.plain() == recipe
    with pytest.raises(ConfigError, match=r"model\.preset was given"):
        resolve(PictureSet.open(mine), {"start_from": "tiny", "model": {"preset": "small"}})
    with pytest.raises(ConfigError, match=r"model\.betas was given and does nothing beside model\.objective=flow"):
        resolve(PictureSet.open(mine), merge(recipe, {"model": {"betas": "linear"}}))


def test_it_says_whose_pictures_the_painter_learnt_from_that_it_started_from(mine: str) -> None:
    """All the way back, each once, in its card and to whoever asks; a painter from nothing says nothing of it."""
    folder = make_painter("tiny", channels=3)
    facts = json.loads((folder / "config.json").read_text())
    facts["trained"] |= {"set": "theirs", "licences": {"CC-BY-4.0": 7}}
    (folder / "config.json").write_text(json.dumps(facts))
    (folder / "ATTRIBUTIONS.md").write_text("- theirs: 7 pictures by Ann\n")
    assert last(mine).name == "mine-from-tiny"
    again = last(mine, start_from="mine-from-tiny", name="again")
    told = open_painter("again").facts.trained
    assert [lesson["set"] for lesson in lessons(told)] == ["mine", "theirs"]
    assert told["start"]["name"] == "mine-from-tiny"
    assert told["start"]["weights"] == open_painter("mine-from-tiny").weights_sha256
    card, attributions = ((again / name).read_text() for name in ("README.md", "ATTRIBUTIONS.md"))
    assert "It started from the painter `mine-from-tiny`" in card
    assert "| CC-BY-4.0 | `theirs` | 7 |" in card
    assert card.count("| `mine` |") == 1
    assert attributions.count("by Ann") == 1
    assert len([line for line in attributions.splitlines() if line.startswith("- ")]) == 2
    assert "start" not in open_painter("tiny").facts.trained


def test_a_run_goes_on_from_the_painter_it_was_begun_from(mine: str) -> None:
    """Whatever becomes of that one: what is told of it was read once, and another under its name is refused."""
    base = make_painter("tiny", channels=3)
    (base / "ATTRIBUTIONS.md").write_text("- theirs: 7 pictures by Ann\n")
    running = train(mine, {**SHORT, "data": mine, "save_minutes": 0})
    next(running)
    (base / "ATTRIBUTIONS.md").unlink()
    *_, done = running
    assert isinstance(done, Done)
    assert "by Ann" in (done.painter / "ATTRIBUTIONS.md").read_text()
    make_painter("tiny", channels=3, seed=1)
    with pytest.raises(TrainingError, match=r"'tiny' has other weights than when the run 'mine-from-tiny' started"):
        last(mine)
    with pytest.raises(TrainingError, match="would write over it"):
        last(mine, name="tiny")


def test_what_was_held_out_from_a_painter_stays_so(mine: str) -> None:
    make_painter("tiny", channels=3)
    first = last(mine, held_out=False)
    again, _ = resolve(PictureSet.open(mine), {"start_from": first.name})
    assert again.held_out is False
    assert resolve(PictureSet.open(mine), {"start_from": first.name, "held_out": True})[0].held_out is True


def test_pictures_without_a_style_are_in_one_of_the_sets_name_and_the_old_ones_stay(mine: str) -> None:
    make_painter("tiny", channels=3)
    name = last(mine).name
    style = open_painter(name).conditions["style"]
    assert isinstance(style, StyleCondition)
    assert style.names == ("ink", "oil", "mine")
    assert style.read(Picture("x"), np.zeros((2, 2, 3), np.uint8)) == (("mine", 1.0),)
    assert style.read(PICTURES[0], np.zeros((2, 2, 3), np.uint8)) == (("ink", 1.0),)
    for asked in ("mine", "ink", "mine:0.3,oil:0.7"):
        painting = load(name).paint("red circle", conditions={"style": asked})
        assert painting.image.size == (16, 16)
    before, after = (open_painter(who).family.state_dict() for who in ("tiny", name))
    key = "conditioner.encoders.style.styles"
    assert after[key].shape[0] == before[key].shape[0] + 1


def test_a_change_of_low_rank_is_one_and_nothing_else_changes(mine: str) -> None:
    make_painter("tiny", channels=3)
    name = last(mine, low_rank=2, model={"average": 4, "lr": 3e-3}).name
    before, after = (open_painter(who).family.state_dict() for who in ("tiny", name))
    assert before.keys() == after.keys()
    changed = 0
    for key, tensor in before.items():
        if key.endswith("style.styles"):
            torch.testing.assert_close(after[key][:2], tensor, rtol=1e-3, atol=1e-5)  # nobody asks for the old: they only decay
        elif tensor.ndim >= 2 and "style" not in key and not torch.equal(after[key], tensor):
            change = (after[key] - tensor).flatten(1)
            assert torch.linalg.matrix_rank(change, rtol=1e-3) <= 2
            changed += 1
        elif tensor.ndim < 2:
            assert torch.equal(after[key], tensor)
    assert changed > 5


@pytest.mark.parametrize("low_rank", [0, 2])
def test_what_is_kept_of_a_painter_lies_on_the_line_back_to_it(mine: str, low_rank: int) -> None:
    """Asked for at the end of a run, too; what the painter did not have stays as it was learnt."""
    make_painter("tiny", channels=3)
    given = {"low_rank": low_rank, "model": {"average": 4, "lr": 3e-3}}
    began, whole = (open_painter(name).family.state_dict() for name in ("tiny", last(mine, kept=0.0, **given).name))
    half, same = (open_painter(last(mine, kept=share, **given).name) for share in (0.5, 0.0))
    rows = "conditioner.encoders.style.styles"
    for key, tensor in half.family.state_dict().items():
        assert torch.equal(same.family.state_dict()[key], whole[key])
        known = len(began[rows]) if key == rows else None
        torch.testing.assert_close(tensor[:known], 0.5 * (began[key] + whole[key][:known]), rtol=1e-5, atol=1e-6)
        assert known is None or torch.equal(tensor[known:], whole[key][known:])
    assert any(not torch.equal(tensor, whole[key]) for key, tensor in began.items() if key != rows)
    assert low_rank or sorted(averages_kept(same)) == [1, 4, 16]
    half = open_painter(last(mine, kept=0.5, **given).name)
    assert low_rank or sorted(averages_kept(half)) == [1, 4, 16], "what paints is found among them"


def test_folding_changes_nothing_that_is_computed() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 5))
    plain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 5))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    x = torch.randn(2, 3, 8, 8)
    expected = network(x)
    adapt(network, 4)
    torch.testing.assert_close(network(x), expected)
    assert all(("up" in name or "down" in name) == p.requires_grad for name, p in network.named_parameters())
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, LowRank):
                module.up.normal_()
    plain.load_state_dict(folded(network.state_dict()))
    torch.testing.assert_close(plain(x), network(x))
    assert not torch.allclose(plain(x), expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in folded(before).items())


def test_new_rows_begin_among_the_old_and_unlike_them() -> None:
    def known(count: int) -> nn.Module:
        return nn.ModuleDict({"encoders": nn.Embedding(count, 64)})

    base, own, key = known(9), known(11), "encoders.weight"
    nn.init.normal_(base.get_parameter(key), 3.0)
    found, old = grown(own, base, "x")[key], base.get_parameter(key).detach()
    assert torch.equal(found[:9], old)
    assert torch.equal(found, grown(own, base, "x")[key])
    centre = old.mean(0)
    reach = float((old - centre).norm(dim=1).mean())
    assert (found[9:] - centre).norm(dim=1).tolist() == pytest.approx([reach, reach], rel=0.4)
    assert (found[9] - found[10]).norm() > 0.5 * (old[0] - old[1]).norm()
    with pytest.raises(TrainingError):
        grown(known(8), base, "x")
    with pytest.raises(TrainingError, match="the size"):
        grown(nn.Linear(4, 8), nn.Linear(4, 6), "x")  # rows that are no condition's mean something by their place


@pytest.mark.parametrize(
    "changes", [{"depths": [2, 3]}, {"attention": [True, True]}, {"depths": [2, 1], "attention": [True, True]}]
)
def test_a_deeper_painter_begins_where_the_other_ended(mine: str, changes: dict[str, Any]) -> None:
    make_painter("tiny", channels=3)
    base = open_painter("tiny")
    deeper = settings("diffusion", merge(base.facts.model, {"backbone": changes}))
    family = build("diffusion", deeper, base.conditions, 3, 64, (16, 16))
    family.load_state_dict(grown(family, base.family, "tiny"))
    values = {name: [condition.remembered(Key(1))] for name, condition in base.conditions.items()}
    mine_, theirs = (paint_values(who.eval(), values, 1, (16, 16), Key(2)) for who in (family, base.family))
    assert (mine_ == theirs).all()


@pytest.mark.parametrize("low_rank", [0, 2])
def test_new_blocks_learn(mine: str, low_rank: int) -> None:
    make_painter("tiny", channels=3)
    name = last(mine, low_rank=low_rank, model={"backbone": {"depths": [1, 2]}, "average": 4, "lr": 3e-3}).name
    after = open_painter(name).family.state_dict()
    new = [key for key in after if key not in open_painter("tiny").family.state_dict()]
    assert new
    assert all(after[key].abs().sum() > 0 for key in new if key.endswith("conv_out.weight")), "they begin at zero"


@pytest.mark.parametrize(
    "changes", [{"attention": [False, False]}, {"widths": [16, 32, 32], "depths": [1, 1, 1], "attention": [False] * 3}]
)
def test_nothing_of_a_painter_is_left_behind(mine: str, changes: dict[str, Any]) -> None:
    make_painter("tiny", channels=3)
    with pytest.raises(TrainingError, match="more blocks"):
        last(mine, name="another", model={"backbone": changes})


@pytest.mark.parametrize("changes", [{"depths": [1, 0]}, {"depths": [1, 2, 1]}, {"widths": [16]}])
def test_levels_that_do_not_match_are_refused(mine: str, changes: dict[str, Any]) -> None:
    make_painter("tiny", channels=3)
    with pytest.raises(ConfigError, match=r"greater than 0|one entry for each level"):
        last(mine, name="another", model={"backbone": changes})


def test_an_upscaler_goes_on_with_ones_own_pictures(mine: str) -> None:
    make_upscaler("tiny")
    import_pictures(ShapesSource(8, size=64), "large")
    painter = open_painter(last("large", channels=4, pictures_seen=32).name)
    assert painter.facts.family == "upscaler"


def test_what_a_painter_remembers_is_painted_once_and_seen_as_often_as_what_is_new(mine: str, home: Path) -> None:
    make_painter("tiny", channels=3)
    base = open_painter("tiny")
    wide = widened(base.conditions, [Picture("x")], "mine")
    first = rehearsed(base, wide, 20, Key(0), home)
    again = rehearsed(base, wide, 20, Key(0), home)
    assert (first.pixels == again.pixels).all()
    assert first.values == again.values
    known = {"red apple", "红苹果", "blue fish", "蓝鱼"}
    assert {group[0] for words in first.values["text"] for group in words.alternatives} == known
    assert {hand[0][0] for hand in first.values["style"]} == {"ink", "oil"}, "the new style is not what it remembers"
    assert all(palette is not None for palette in first.values["palette"])
    fresh = np.zeros((5, 3, 16, 16), np.uint8)
    pixels, values = first.beside(fresh, {name: [None] * 5 for name in first.values})
    assert len(pixels) == len(values["text"]) == 40, "five pictures four times, and twenty paintings"
    assert (pixels[:20] == 0).all()
    assert (pixels[20:] == first.pixels).all()


def test_nothing_is_rehearsed_by_a_painter_that_goes_on_with_the_pictures_it_learnt(mine: str, home: Path) -> None:
    make_painter("tiny", channels=3)

    def proposed(data: str, base: str, **more: Any) -> tuple[int, float]:
        found, _ = resolve(PictureSet.open(data), {"start_from": base, **more})
        return found.rehearse, found.kept

    assert proposed(mine, "tiny") == (REHEARSED, KEPT["diffusion"])
    assert proposed(mine, "tiny", model={"few": 4}) == (0, 0), "what a teacher knows is all there is to learn"
    last(mine, name="tiny-mine")
    assert proposed(mine, "tiny-mine") == (0, 0)
    import_pictures(ShapesSource(8, size=16), "others")
    assert proposed("others", "tiny-mine") == (REHEARSED, KEPT["diffusion"])


def test_a_rehearsing_run_goes_on_where_it_stopped(mine: str) -> None:
    make_painter("tiny", channels=3)
    whole = open_painter(last(mine, rehearse=16, name="whole").name)
    events = train(mine, {"data": mine, "start_from": "tiny", "threads": 1, "sheets": 0, "pictures_seen": 64, "batch": 16,
                          "rehearse": 16, "name": "parted"})  # fmt: skip
    assert list(events)
    parted = open_painter(last(mine, rehearse=16, name="parted").name)
    assert whole.family.state_dict().keys() == parted.family.state_dict().keys()
    assert parted.facts.trained["seen"] == whole.facts.trained["seen"] == 128


def test_painters_that_remember_nothing_are_rehearsed_in_their_styles_alone() -> None:
    condition = fit(PICTURES)["text"]
    assert isinstance(condition, TextCondition)
    state = {name: value for name, value in condition.state().items() if name != "learnt"}
    assert TextCondition.revive(state).remembered(Key(0)) is None
    words = condition.remembered(Key(1))
    assert words is not None
    assert str(words) in condition.learnt
    more = condition.widened([Picture("x", {"en": ("green cup",)})], "mine")
    assert more.learnt == (*condition.learnt, "green cup")


# --- few steps ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "then"), [((0.0, 1.0), (0.25, 0.75)), ((0.5, 0.5), (0.9, 0.1)), ((0.8, 0.2), (1.0, 0.0))])
def test_a_step_towards_the_aim_ends_where_it_should(now: tuple[float, float], then: tuple[float, float]) -> None:
    x_t, x_then = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    found = aim(x_t, x_then, Point(*now), Point(*then))
    torch.testing.assert_close(ddim(x_t, found, Point(*now), Point(*then)), x_then, atol=1e-5, rtol=1e-4)


def test_a_painter_learns_to_paint_in_few_steps_what_it_paints_in_many(mine: str) -> None:
    """Paintings of the student in 2 steps come nearer to the teacher's in 8 than the teacher's own in 2 steps were."""
    write_painter("teacher", "diffusion", {**MODEL, "steps": 8, "spins": 2}, fit(PICTURES), 3, (16, 16), 0)
    model = {"few": 2, "average": 64, "warmup": 64, "lr": 2e-3}
    student = open_painter(last(mine, start_from="teacher", name="student", pictures_seen=1600, model=model).name)
    assert student.facts.model["steps"] == 2
    assert student.facts.model["guidance"] == 1
    assert student.facts.model["spins"] == 1
    teacher = open_painter("teacher").family
    assert isinstance(teacher, Diffusion)
    values: dict[str, list[Any]] = {"text": [None] * 16, "style": [None] * 16, "palette": [None] * 16}

    def painted(family: Any, steps: int) -> np.ndarray:
        family.config = family.config.model_copy(update={"steps": steps, "sampler": "ddim", "spins": 1})
        found: np.ndarray = paint_values(family, values, 16, (16, 16), Key(3)).astype(float)
        return found

    goal = painted(teacher, 8)
    apart = [np.abs(painted(*pair) - goal).mean() for pair in ((student.family, 2), (teacher, 2))]
    assert apart[0] < 0.8 * apart[1], apart


def test_few_steps_are_refused_where_they_cannot_be_learnt(mine: str) -> None:
    write_painter("tiny", "diffusion", {**MODEL, "objective": "v", "sampler": "ddpm"}, fit(PICTURES), 3, (16, 16), 0)
    with pytest.raises(TrainingError, match="few steps are learnt by a flow"):
        last(mine, model={"few": 4})


@pytest.mark.parametrize("given", [{"rehearse": 4}, {"low_rank": 2}, {"kept": 0.5}, {"model": {"few": 4}}])
def test_settings_that_need_a_painter_to_start_from_are_refused_without_one(mine: str, given: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="needs a painter to start from"):
        list(train(mine, {"data": mine, "pictures_seen": 16, "threads": 1, **given}))
