"""Tuning: the search finds what was planted, the proof is on other wishes, and only what is proven is written."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from painters import make_painter
from torch import Tensor
from typer.testing import CliRunner

import danqing.tune
from danqing.cli import app
from danqing.data.gallery import of_set
from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import ConfigError, DataError, PainterError, WishError
from danqing.metrics.joint import joint_distances, pairs
from danqing.metrics.kernel import squared_mmd
from danqing.metrics.measured import Measured
from danqing.paint import load
from danqing.painters.painter import TUNING, Painter, adjust, altered, amend, open_painter, tuned, untuned, writable
from danqing.painters.run import averages_kept
from danqing.painters.shelf import BUNDLED
from danqing.painters.trial import preparation_of
from danqing.parts.contract import Key
from danqing.parts.packing import unpack
from danqing.records.record import Record, texts
from danqing.replay import replay
from danqing.train import train
from danqing.tune import Tuned, best, halves, search, tune
from danqing.words import Doing, Wish

KNOWN = {"guidance": (1.0, 2.0, 3.0), "steps": (4, 8, 16)}


def planted(settings: Mapping[str, Any]) -> tuple[Measured, float, tuple[float, ...]]:
    """Least at guidance 2; more steps are better by ever less, differences known to 0.02."""
    value = abs(settings["guidance"] - 2.0) + 1.0 / settings["steps"] ** 2
    luck = Key(settings["steps"]).normal(100).tolist()
    shared = Key("shared").normal(100).tolist()
    resamples = tuple(value + 0.5 * both + 0.014 * own for both, own in zip(shared, luck, strict=True))
    return Measured(value, value - 1.0, value + 1.0), 0.01 * settings["steps"], resamples


def test_the_search_finds_the_least_distance_and_the_fewest_steps_that_lose_nothing() -> None:
    before = {"guidance": 5.0, "steps": 16}
    events = search(KNOWN, before, planted)
    tried = yield_of(events)
    assert [row.value for row in tried] == [1.0, 2.0, 3.0, 5.0, 4, 8, 16], "what the painter had is tried too"
    assert best(KNOWN, before, tried) == {"guidance": 2.0, "steps": 8}, "8 steps are within a standard error of 16, 4 are not"


def test_where_nothing_is_won_nothing_changes() -> None:
    before = {"guidance": 3.0, "steps": 16}
    tried = yield_of(search(KNOWN, before, lambda settings: (Measured(1.0, 0.9, 1.1), 0.0, (1.0, 0.0))))
    assert best({"guidance": KNOWN["guidance"]}, before, tried) == before


def yield_of(events: Any) -> Any:
    while True:
        try:
            assert isinstance(next(events), Doing)
        except StopIteration as end:
            return end.value


def test_pairs_tell_who_paints_well_but_not_what_was_asked() -> None:
    said, asked = (torch.eye(5)[(Key(place).uniform(300) * 5).long()] for place in (0, 6))
    real = said @ Key(1).normal(5, 16) + 0.1 * Key(2).normal(300, 16)
    painted = asked @ Key(1).normal(5, 16) + 0.1 * Key(3).normal(300, 16)
    order = torch.randperm(300, generator=Key(4).generator())

    def distance(told: Tensor) -> Tensor:
        return joint_distances(pairs(painted, told, (real, said)), pairs(real, said, (real, said)), Key(5))

    right, swapped = distance(asked), distance(asked[order])
    assert swapped[0] > 10 * abs(float(right[0])), "the same pictures, with each other's words"
    assert float((swapped - right)[1:].min()) > 0
    nothing = torch.zeros(300, 0)
    alone = joint_distances(pairs(painted, nothing, (real, nothing)), pairs(real, nothing, (real, nothing)), Key(5))
    assert float(alone[0]) == pytest.approx(squared_mmd(painted, real), rel=1e-9, abs=1e-12), "with nothing said, the pictures'"
    both = pairs(real, said, (real, said))
    assert float(both[:, 16:].norm(dim=1).mean()) == pytest.approx(float(real.norm(dim=1).mean()), rel=1e-5)


@pytest.fixture
def set_up() -> Path:
    import_pictures(ShapesSource(260, size=32), "shapes")
    return make_painter(channels=3)


def last(events: Any) -> Tuned:
    *doing, found = events
    assert all(isinstance(event, Doing) for event in doing)
    assert isinstance(found, Tuned)
    return found


def test_only_what_is_proven_is_written(set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Painting is replaced: features are shifted by how far the guidance is from 4."""
    monkeypatch.setattr(danqing.tune, "_painted", painted_by(4.0))
    before = json.loads((set_up / "config.json").read_text(encoding="utf8"))
    found = last(tune("tiny", "shapes", count=50))
    assert found.kept
    assert found.after["guidance"] == 4.0
    assert found.proof["gained"].low > 0
    after = json.loads((set_up / "config.json").read_text(encoding="utf8"))
    assert after["model"]["guidance"] == 4.0
    assert after["model"]["interval"] == before["model"]["interval"], "which the paintings did not depend on"
    assert {k: v for k, v in after.items() if k != "model"} == {k: v for k, v in before.items() if k != "model"}
    told = json.loads((set_up / "tuning.json").read_text(encoding="utf8"))
    assert [row["value"] for row in told["curve"] if row["setting"] == "guidance"] == [1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
    again = last(tune("tiny", "shapes", count=50))
    assert not again.kept
    assert again.before == again.after, "there is nothing left to gain"
    assert json.loads((set_up / "config.json").read_text(encoding="utf8")) == after


def painted_by(wanted: float) -> Any:
    def painted(painter: Painter, ground: Any, see: Any, key: Key) -> tuple[Tensor, float]:
        real = ground.real[0][torch.arange(ground.count) % len(ground.real[0])]
        cheap = 0.001 * (24 - painter.facts.model["steps"])
        return real + 0.3 * abs(painter.facts.model["guidance"] - wanted) + cheap, 0.0

    return painted


def test_a_painter_is_tuned_by_its_own_paintings_and_the_same_twice(set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"guidance": (1.0, 3.0), "interval": ((0.0, 1.0), (0.0, 0.8)), "steps": (2, 4)}
    monkeypatch.setattr("danqing.families.diffusion.Diffusion.tunable", known)
    before = (set_up / "config.json").read_bytes()
    runs = []
    for _ in range(2):
        (set_up / "config.json").write_bytes(before)
        done = CliRunner().invoke(app, ["evaluate", "tiny", "--data", "shapes", "--count", "50", "--tune", "--json"])
        assert done.exit_code == 0, done.output
        runs.append(json.loads(done.stdout))
    told = runs[0]
    assert [row["setting"] for row in told["curve"]] == ["guidance"] * 2 + ["interval"] * 2 + ["steps"] * 2
    assert len({row["distance"]["value"] for row in told["curve"]}) >= 4, "settings change what is painted"
    assert [[row["distance"] for row in run["curve"]] for run in runs] == [[row["distance"] for row in told["curve"]]] * 2
    assert (set_up / "tuning.json").is_file() == told["kept"]


def test_what_was_painted_before_tuning_is_still_replayed(set_up: Path, tmp_path: Path) -> None:
    painting = load("tiny").paint("red apple", seed=3)
    painting.save(tmp_path / "before.png")
    half = load("tiny").begin([Wish("red apple", seed=3)]).step()
    half.save(tmp_path / "half")
    amend(writable("tiny"), load("tiny").painter.weights_sha256, {"interval": (0.0, 0.6), "guidance": 5.0}, {})
    assert tuned(open_painter("tiny"))["interval"] == [0.0, 0.6]
    assert load("tiny").paint("red apple", seed=3, guidance=3.0).image.tobytes() != painting.image.tobytes()
    assert replay(tmp_path / "before.png").same == "identical"
    resumed = load("tiny").resume(tmp_path / "half").finish()[0]
    assert resumed.image.tobytes() == painting.image.tobytes(), "a saved canvas goes on as it was begun"
    with pytest.raises(WishError, match="cannot be changed after training"):
        altered(open_painter("tiny"), {"objective": "v"})


def test_how_a_painter_paints_is_changed_by_hand(set_up: Path, tmp_path: Path) -> None:
    painting, before = load("tiny").paint("red apple", seed=3), tuned(open_painter("tiny"))
    nameless = dataclasses.replace(painting, texts=texts(Record.read({**painting.record, "settings": {}})))
    for number, picture in enumerate((painting, nameless)):  # the second as of a time when no settings were written
        picture.save(tmp_path / f"{number}.png")
    for given in ("objective=v", "spins=0", "interval=[0.9,0.1]"):
        refused = CliRunner().invoke(app, ["painters", "adjust", "tiny", "--set", "guidance=5", "--set", given])
        assert isinstance(refused.exception, (WishError, ConfigError))
        assert tuned(open_painter("tiny")) == before
    for given in ("guidance=5", "spins=2"):
        told = CliRunner().invoke(app, ["painters", "adjust", "tiny", "--set", given, "--json"])
        assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == json.loads(json.dumps(before | {"guidance": 5.0, "spins": 2}))
    assert CliRunner().invoke(app, ["painters", "adjust", "tiny", "--json"]).stdout == told.stdout
    history = (writable("tiny") / TUNING).read_bytes()
    assert json.loads(history)["found"] == {}, "nothing was searched"
    assert adjust("tiny", {"spins": 2}) == tuned(open_painter("tiny"))
    assert (writable("tiny") / TUNING).read_bytes() == history, "what changes nothing writes nothing"
    assert load("tiny").paint("red apple", seed=3, guidance=3.0).image.tobytes() != painting.image.tobytes()
    for number in range(2):
        assert replay(tmp_path / f"{number}.png").same == "identical"


def test_what_was_painted_before_is_replayed_after_averages_and_last_steps_were_searched(set_up: Path, tmp_path: Path) -> None:
    painting = load("tiny").paint("red apple", seed=3)
    older = {name: value for name, value in painting.record["settings"].items() if name != "last"}
    told = json.dumps({"before": {"average": 64, "last": 0.6, "guidance": 3.0}}).encode()
    amend(writable("tiny"), load("tiny").painter.weights_sha256, {"last": 0.5}, {TUNING: told})
    for number, settings in enumerate((painting.record["settings"], older)):
        record = Record.read({**painting.record, "settings": settings})
        path = dataclasses.replace(painting, texts=texts(record)).save(tmp_path / f"{number}.png")
        assert replay(path).same == "identical", "a setting that a record does not know was not there yet"
    assert untuned(open_painter("tiny"))["last"] == 0.6


def test_what_was_there_before_the_first_of_two_searches_is_kept(set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Painting is replaced: what is wanted of guidance changes between the searches."""
    known = {"guidance": (1.0, 3.0, 5.0)}
    monkeypatch.setattr("danqing.families.diffusion.Diffusion.tunable", known)
    for wanted in (5.0, 1.0):
        monkeypatch.setattr(danqing.tune, "_painted", painted_by(wanted))
        assert last(tune("tiny", "shapes", count=50)).kept
        assert tuned(open_painter("tiny")) == {"guidance": wanted}
        assert untuned(open_painter("tiny")) == {"guidance": 3.0}


def test_settings_found_for_other_weights_are_not_written(set_up: Path) -> None:
    folder = writable("tiny")
    with pytest.raises(PainterError, match="other weights by now"):
        amend(folder, "0" * 64, {"guidance": 5.0}, {})
    assert open_painter("tiny").facts.model["guidance"] == 3.0


def test_training_on_forgets_what_was_found_for_earlier_weights() -> None:
    import_pictures(ShapesSource(40, size=16), "shapes")
    given = {"model": {"preset": "small"}, "size": 16, "batch": 16, "sheets": 0, "pictures_seen": 32}
    list(train("shapes", given))
    folder = writable("shapes-diffusion")
    amend(folder, open_painter("shapes-diffusion").weights_sha256, {"guidance": 5.0}, {TUNING: b"{}"})
    list(train("shapes", {**given, "pictures_seen": 64}))
    assert not (folder / TUNING).exists()
    assert open_painter("shapes-diffusion").facts.model["guidance"] == 3.0


def test_the_average_that_paints_best_is_found_in_the_run_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Painting is replaced: features of every average but the shortest are shifted."""
    import_pictures(ShapesSource(260, size=16), "shapes")
    model = {"preset": "small", "average": 64, "warmup": 0}
    # Averages are told apart only once a training is 20 times as long as they look back.
    given = {"model": model, "size": 16, "batch": 16, "sheets": 0, "pictures_seen": 640, "stored": "int8"}
    list(train("shapes", given))
    painter = open_painter("shapes-diffusion")
    kept = {life: unpack(packed) for life, packed in averages_kept(painter).items()}
    assert sorted(kept) == [16, 64, 256]
    name = next(iter(kept[64]))
    assert all(torch.equal(tensor, painter.family.state_dict()[which]) for which, tensor in kept[64].items())
    assert not torch.equal(kept[16][name], kept[64][name])

    def painted(painter: Painter, ground: Any, see: Any, key: Key) -> tuple[Tensor, float]:
        real = ground.real[0][torch.arange(ground.count) % len(ground.real[0])]
        best_one = torch.equal(painter.family.state_dict()[name], kept[16][name])
        return real + (0.0 if best_one else 0.5), 0.0

    monkeypatch.setattr(danqing.tune, "_painted", painted)
    found = last(tune("shapes-diffusion", count=50))
    assert found.kept
    assert (found.before["average"], found.after["average"]) == (64, 16)
    after = open_painter("shapes-diffusion")
    assert after.facts.model["average"] == 16
    assert all(torch.equal(tensor, after.family.state_dict()[which]) for which, tensor in kept[16].items())
    assert sorted(averages_kept(after)) == [16, 64, 256], "and can be searched again"
    list(train("shapes", {**given, "pictures_seen": 656}))
    assert open_painter("shapes-diffusion").facts.model["average"] == 64
    assert not averages_kept(after), "the run went on: they are others"


def test_a_painter_of_the_box_is_copied_home_before_it_is_changed() -> None:
    name = next(path.parent.name for path in BUNDLED.glob("*/config.json"))
    box = (BUNDLED / name / "config.json").read_bytes()
    folder = writable(name)
    amend(folder, open_painter(name).weights_sha256, {"guidance": 2.5}, {})
    assert BUNDLED not in folder.parents
    assert (BUNDLED / name / "config.json").read_bytes() == box
    assert open_painter(name).facts.model["guidance"] == 2.5


def test_the_halves_of_search_and_proof_show_different_things() -> None:
    named = [f"thing {place % 60}" if place % 10 else None for place in range(600)]
    one, other = halves(named, 600, np.random.default_rng(0))
    assert sorted([*one.tolist(), *other.tolist()]) == list(range(600))
    assert abs(len(one) - 300) <= 10
    assert not {named[place] for place in one} & {named[place] for place in other} - {None}
    for few in (["one thing"] * 600, []):
        assert [len(half) for half in halves(few, 600, np.random.default_rng(0))] == [300, 300]


def test_no_wish_of_a_proof_is_painted_twice() -> None:
    """Also where one thing is most of a set, so that one half is far larger."""
    make_painter(channels=3)
    pictures = import_pictures(ShapesSource(400, size=32), "uneven")
    gallery = of_set(pictures, preparation_of(open_painter("tiny")))
    told = ["much" if place < 280 else "little" for place in range(400)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(danqing.tune, "told_of", lambda _: (told, []))
        grounds = danqing.tune._grounds(open_painter("tiny"), gallery, torch.zeros(400, 3), None, 100, Key(0))
    for ground in grounds:
        assert ground.count == 60
        asked = list(zip(*(map(str, column) for column in ground.values.values()), strict=True))
        assert len(asked) == 60
        assert len(set(asked)) > 55


def test_too_few_pictures_to_tune_by_are_refused() -> None:
    make_painter(channels=3)
    import_pictures(ShapesSource(150, size=32), "few")
    with pytest.raises(DataError, match="too few to tune by"):
        list(tune("tiny", "few"))
    with pytest.raises(DataError, match="too few to judge"):
        list(tune("tiny", "few", count=1))
    done = CliRunner().invoke(app, ["evaluate", "tiny", "--tune", "--gate", str(Path("a.json"))])
    assert done.exit_code != 0
