"""Evaluation: planted faults are named, real pictures are not accused, numbers repeat, and the page says what they say."""

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from painters import MODEL, PICTURES, write_painter
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner

from danqing.cli import app
from danqing.conditions.conditioner import fit
from danqing.data.gallery import of_source, shape_of
from danqing.data.geometry import FACTS
from danqing.data.picture_set import import_pictures
from danqing.data.prepare import Preparation
from danqing.data.shapes import ShapesSource
from danqing.data.source import Item
from danqing.data.sources import parse
from danqing.errors import AssetError, ConfigError, DanqingError, DataError
from danqing.evaluate import Scores, evaluate_painter, evaluate_pictures, write
from danqing.metrics.baselines import BASELINES, gaussian
from danqing.metrics.comparison import differences, side_by_side
from danqing.metrics.copies import closeness, copies, fisher
from danqing.metrics.extractor import DEFAULT, wrap
from danqing.metrics.extractors import extractor
from danqing.metrics.findings import REAL, of_copies, of_modes, of_quality
from danqing.metrics.frechet import Moments, frechet_distance
from danqing.metrics.kernel import resampled_mmd, squared_mmd
from danqing.metrics.measured import Measured, Refused, about, mean_of
from danqing.metrics.modes import modes
from danqing.metrics.neighbours import neighbourhood
from danqing.metrics.quality import QUALITY, quality
from danqing.parts.contract import Key
from danqing.words import Doing

MODES = 20


def kinds(count: int, place: int, most: int = MODES, spread: float = 0.4) -> Tensor:
    """Features of pictures of some kinds, evenly drawn from the first `most` of twenty."""
    centres = Key("centres").normal(MODES, 8) * 3
    picked = (Key("kind", place).uniform(count) * most).long()
    found: Tensor = centres[picked] + spread * Key("noise", place).normal(count, 8)
    return found


def judged(painted: Tensor, train: Tensor, held_out: Tensor) -> set[str]:
    """The faults that the verb would name, told from features alone."""
    key = Key(0)
    found = quality(painted, held_out, key)
    rows = {
        REAL: quality(train[: len(painted)], held_out, key),
        "a Gaussian": quality(key.normal(*held_out.shape) * held_out.std(0) + held_out.mean(0), held_out, key),
    }
    verdicts = (
        of_copies(copies(painted, train, held_out)),
        of_modes(modes(painted, held_out), found, rows),
        of_quality(found, rows),
    )
    return {verdict.fault for verdict in verdicts if verdict}


TRAIN, HELD = kinds(1500, 0), kinds(800, 1)


def test_a_collapsed_painter_is_named() -> None:
    assert judged(kinds(500, 2, most=3), TRAIN, HELD) == {"collapse"}


def test_a_painter_that_repeats_one_picture_of_each_kind_is_named() -> None:
    assert "collapse" in judged(kinds(500, 2, spread=0.02), TRAIN, HELD)


def test_what_ails_all_paintings_alike_is_no_collapse() -> None:
    painted = 0.9 * kinds(500, 2) + 0.3
    recall, real = (neighbourhood(HELD, each).recall for each in (painted, TRAIN))
    assert recall < 0.6 * real
    assert judged(painted, TRAIN, HELD) == set()
    assert "collapse" in judged(0.9 * kinds(500, 2, most=3) + 0.3, TRAIN, HELD)


def test_one_painting_in_twenty_copied_is_named() -> None:
    painted = kinds(500, 2)
    painted[:25] = TRAIN[:25] + 1e-4
    found = copies(painted, TRAIN, HELD)
    assert found.accused
    assert set(range(25)) <= set(found.copied.nonzero().flatten().tolist())
    assert found.nearest[:25].tolist() == list(range(25))
    assert judged(painted, TRAIN, HELD) == {"copies"}
    assert copies(painted, TRAIN, HELD[:100]).baseline.startswith("1,500 training pictures")
    assert copies(painted, TRAIN, HELD[:100]).accused


def test_closeness_leaves_each_picture_itself_out_however_the_pairs_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = closeness(TRAIN[:700], TRAIN, itself=True)
    monkeypatch.setattr("danqing.metrics.neighbours.PAIRS", 1500 * 300)
    for one, other in zip(closeness(TRAIN[:700], TRAIN, itself=True), whole, strict=True):
        torch.testing.assert_close(one, other)
    assert (whole[1] != torch.arange(700)).all()


def test_an_undertrained_painter_is_named() -> None:
    blurred = Key("blur").normal(500, 8) * HELD.std(0) + HELD.mean(0)
    assert "undertrained" in judged(blurred, TRAIN, HELD)


def test_real_pictures_are_hardly_ever_accused() -> None:
    """Of 50 bootstraps of real pictures passed off as paintings, two at most are accused of anything."""
    fresh = kinds(600, 3)
    luck = np.random.default_rng(0)
    accused = [judged(fresh[torch.from_numpy(luck.integers(0, 600, 400))], TRAIN, HELD) for _ in range(50)]
    assert sum(map(bool, accused)) <= 2, [found for found in accused if found]


@pytest.mark.long
def test_real_shapes_seen_by_the_extractor_are_hardly_ever_accused() -> None:
    """The same of pictures: shapes nobody has seen, beside others learnt from and held out."""
    seen = extractor().features(shapes(2600))
    train, held, fresh = seen[:1500], seen[1500:2100], seen[2100:]
    luck = np.random.default_rng(0)
    accused = [judged(fresh[torch.from_numpy(luck.integers(0, 500, 400))], train, held) for _ in range(50)]
    assert sum(map(bool, accused)) <= 2, [found for found in accused if found]


def test_fishers_chance_is_scipys() -> None:
    from scipy.stats import fisher_exact

    for table in ((12, 100, 3, 200), (0, 50, 5, 50), (25, 500, 0, 50)):
        hits, count, other, others = table
        expected = fisher_exact([[hits, count - hits], [other, others - other]], alternative="greater").pvalue
        assert fisher(*table) == pytest.approx(expected, rel=1e-9)


def test_the_resampled_kernel_distance_is_the_estimate_and_knows_no_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = kinds(60, 4), kinds(50, 5, most=10)
    ones = torch.ones(60, 1), torch.ones(50, 1)
    assert resampled_mmd(x, y, ones).item() == pytest.approx(squared_mmd(x, y), rel=1e-9)
    monkeypatch.setattr("danqing.metrics.kernel.ROWS", 16)
    assert resampled_mmd(x, y, ones).item() == pytest.approx(squared_mmd(x, y), rel=1e-9)
    half = torch.cat([torch.ones(30, 1), torch.zeros(30, 1)])
    assert resampled_mmd(x, y, (half * 3, ones[1])).item() == pytest.approx(squared_mmd(x[:30], y), rel=1e-9)


def test_numbers_have_intervals_that_hold_the_truth_about_as_often_as_they_say() -> None:
    luck = np.random.default_rng(1)
    hits = [(found := mean_of(luck.exponential(2.0, 80), luck)).low <= 2.0 <= found.high for _ in range(200)]
    assert 0.88 <= np.mean(hits) <= 0.99
    assert about(3.0, [1.0, 2.0, 3.0], least=2.0) == Measured(3.0, 2.0, 3.0 + 1.96)


def test_too_few_pictures_are_refused_with_the_alternative_named() -> None:
    found = quality(kinds(15, 6), kinds(100, 7), Key(0))
    assert found.keys() == QUALITY.keys()
    assert all(isinstance(number, Refused) for number in found.values())
    wide = torch.randn(100, 64, generator=torch.Generator().manual_seed(0))
    refused = quality(wide, wide, Key(0))["frechet_distance"]
    assert isinstance(refused, Refused)
    assert "kernel distance" in refused.reason
    assert isinstance(quality(wide, wide, Key(0))["kernel_distance"], Measured)


def test_a_gaussian_has_the_pictures_mean_and_covariance() -> None:
    luck = np.random.default_rng(0)
    base = luck.integers(60, 190, (500, 2, 2, 1))
    real = np.concatenate([base, base // 2 + 40, 255 - base], -1).astype(np.uint8)
    drawn = gaussian(real, 4000, Key(0)).reshape(4000, -1).astype(float)
    flat = real.reshape(500, -1).astype(float)
    np.testing.assert_allclose(drawn.mean(0), flat.mean(0), atol=3)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(flat.T), atol=0.12)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_trivial_pictures_have_the_sets_shape(name: str, channels: int) -> None:
    real = np.random.default_rng(0).integers(0, 256, (30, 5, 7, channels), np.uint8)
    made = BASELINES[name](real, 9, Key(0))
    assert made.shape == (9, 5, 7, channels)
    assert (made == BASELINES[name](real, 9, Key(0))).all()


# --- the extractor -------------------------------------------------------------------------------------------------------


def shapes(count: int, seed: int = 0, size: int = 32) -> np.ndarray:
    source = ShapesSource(count, seed, size)
    gallery = of_source(source, Preparation(size=(size, size), channels=3))
    found: np.ndarray = gallery.straight()
    return found


def swapped(pictures: np.ndarray, many: int) -> np.ndarray:
    """So many of each picture's sixteen parts in each other's places."""
    tiles = pictures.reshape(-1, 4, 8, 4, 8, 3).swapaxes(2, 3).reshape(-1, 16, 8, 8, 3).copy()
    for number, tile in enumerate(tiles):
        moved = np.random.default_rng(number).permutation(16)[:many]
        tile[moved] = tile[np.roll(moved, 1)]
    found: np.ndarray = tiles.reshape(-1, 4, 4, 8, 8, 3).swapaxes(2, 3).reshape(pictures.shape)
    return found


def test_the_embedded_extractor_orders_corruptions_as_they_grow() -> None:
    see, real, fresh = extractor(), shapes(150), shapes(150, 1)
    against, noise = Moments.of(see.features(real)), np.random.default_rng(0).standard_normal(fresh.shape)

    def distance(pictures: np.ndarray) -> float:
        return frechet_distance(Moments.of(see.features(np.clip(pictures, 0, 255).astype(np.uint8))), against)

    for corrupt in (
        lambda much: fresh + 4 * much**2 * noise,
        lambda much: (1 - much / 3) * fresh + much / 3 * fresh[..., [2, 0, 1]],
        lambda much: swapped(fresh, (0, 4, 8, 16)[much]),
    ):
        grown = [distance(corrupt(much)) for much in (0, 1, 2, 3)]
        assert grown == sorted(grown), grown


def test_transparent_pictures_are_seen_on_white_and_gray_ones_in_colour() -> None:
    see = wrap("mean", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), 3, 8)
    clear, white = np.zeros((1, 8, 8, 4), np.uint8), np.full((1, 8, 8, 3), 255, np.uint8)
    assert see.features(clear).tolist() == see.features(white).tolist() == [[1, 1, 1]]
    assert see.features(np.full((2, 8, 8, 1), 51, np.uint8)) == pytest.approx(torch.full((2, 3), 0.2))
    assert see.features(np.zeros((0, 8, 8, 3), np.uint8)).shape == (0, 3)
    with pytest.raises(AssetError, match=r"\(pictures, 5\)"):
        wrap("wrong", nn.Flatten(), 5, 8).features(white)


@pytest.mark.parametrize("name", [DEFAULT])
def test_features_do_not_depend_on_the_batch(name: str) -> None:
    see, pictures = extractor(name), shapes(5)
    whole = see.features(pictures)
    assert whole.shape == (5, see.width)
    torch.testing.assert_close(see.features(pictures[3:4])[0], whole[3], atol=1e-4, rtol=1e-4)


def test_an_unknown_extractor_is_refused() -> None:
    with pytest.raises(AssetError, match=DEFAULT):
        extractor("inceptoin")


# --- the verb ------------------------------------------------------------------------------------------------------------


def fill(folder: Path, count: int, seed: int) -> list[bytes]:
    folder.mkdir()
    contents = [item.load() for item in ShapesSource(count, seed, 32).items() if isinstance(item, Item)]
    for number, content in enumerate(contents):
        (folder / f"{number:04}.png").write_bytes(content)
    return contents


def last(events: Iterator[Doing | Scores]) -> Scores:
    *doing, scores = events
    assert all(isinstance(event, Doing) for event in doing)
    assert isinstance(scores, Scores)
    return scores


def test_pictures_of_any_program_are_measured_and_copies_among_them_found(tmp_path: Path) -> None:
    real = fill(tmp_path / "real", 300, 0)
    fill(tmp_path / "painted", 100, 1)
    for number in range(10):
        (tmp_path / "painted" / f"copy{number}.png").write_bytes(real[number])
    (tmp_path / "painted" / "broken.png").write_bytes(b"no picture")
    scores = last(evaluate_pictures(str(tmp_path / "painted"), str(tmp_path / "real")))
    assert [finding.fault for finding in scores.findings] == ["copies"]
    named = {scores.painted.places[i] for i in scores.findings[0].paintings}
    assert {Path(place).name for place in named} >= {f"copy{number}.png" for number in range(10)}
    page = write(scores, tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf8"))
    assert facts["quality"].keys() == QUALITY.keys()
    assert facts["rows"].keys() == {*BASELINES, REAL, "copies of the set"}
    assert [item["place"].endswith("broken.png") for item in facts["left_out"]] == [True]
    text = page.read_text(encoding="utf8")
    assert scores.findings[0].remedy.split(",")[0] in text
    assert "http" not in text.replace("http-equiv", ""), "the page stands by itself"
    again = last(evaluate_pictures(str(tmp_path / "painted"), str(tmp_path / "real")))
    assert again.plain() == scores.plain()


@pytest.mark.parametrize("critic", ["projected", "pixels"])
def test_who_learnt_through_the_extractor_is_told_to_ask_another(critic: str, tmp_path: Path) -> None:
    import_pictures(ShapesSource(130, size=32), "shapes")
    write_painter("tiny", "gan", {"critic": critic, "widths": (16, 8)}, fit(PICTURES), 3, (16, 16), 0)
    scores = last(evaluate_painter("tiny", "shapes", count=70))
    page = write(scores, tmp_path).read_text(encoding="utf8")
    caution = json.loads((tmp_path / "scores.json").read_text(encoding="utf8"))["caution"]
    if critic == "pixels":
        assert caution is None
        assert "Beware" not in page
    else:
        assert DEFAULT in caution
        assert "--extractor" in caution
        assert html.escape(caution) in page


def test_a_painter_is_measured_and_a_stopped_measurement_goes_on(tmp_path: Path) -> None:
    # Its weights are noise, and it is not steered: so no palette is heeded.
    model = {**MODEL, "steps": 4, "steered": (1.0, 0.0)}
    write_painter("tiny", "diffusion", model, fit(PICTURES), 3, (16, 16), 0)
    import_pictures(ShapesSource(130, size=32), "shapes")
    painting = [event for event in evaluate_painter("tiny", "shapes", count=70) if event == Doing("painting", 64, 70)]
    assert painting
    stopped = evaluate_painter("tiny", "shapes", count=70, seed=1)
    while next(stopped) != Doing("painting", 64, 70):
        pass
    first, rest = (
        last(evaluate_painter("tiny", "shapes", count=70, seed=1)),
        evaluate_painter("tiny", "shapes", count=70, seed=1),
    )
    assert not [event for event in rest if isinstance(event, Doing) and event.what == "painting"], "nothing is painted twice"
    assert last(evaluate_painter("tiny", "shapes", count=70, seed=1)).plain() == first.plain()
    assert {"undertrained", "ignored palette"} <= {finding.fault for finding in first.findings}, "its weights are noise"
    assert first.facts["against"]["name"] == "shapes"
    assert first.truth.keys() == {*FACTS, "all five"}
    assert first.control["palette"].keys() == {"asked", "not asked", "gained", "more for more"}
    assert first.likelihood.keys() == {"pictures learnt from"}, "too few are held out"
    refused = first.recognition["paintings"]
    assert isinstance(refused, Refused), "every shape has its own caption"
    text = write(first, tmp_path).read_text(encoding="utf8")
    assert refused.reason in text, "the page says why there is no number"
    assert all(isinstance(number, Measured) and number.value < 0.6 for number in first.truth.values())


def test_what_cannot_be_measured_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no picture"):
        shape_of(parse(str(tmp_path / "empty")))
    fill(tmp_path / "some", 3, 0)
    with pytest.raises(DanqingError, match="there is no set 'nowhere'"):
        last(evaluate_pictures(str(tmp_path / "some"), "nowhere"))


# --- comparisons ---------------------------------------------------------------------------------------------------------


def scored(**values: float) -> dict[str, Any]:
    numbers = {name: {"value": value, "low": value - 0.1, "high": value + 0.1} for name, value in values.items()}
    return {"extractor": "one", "count": 100, "against": {"name": "set"}, "quality": numbers}


def test_differences_are_told_from_chance_and_have_a_direction() -> None:
    mine, other = (
        scored(frechet_distance=2.0, precision=0.5, recall=0.5),
        scored(frechet_distance=1.0, precision=0.3, recall=0.52),
    )
    verdicts = {difference.name: difference.verdict for difference in differences(mine, other)}
    assert verdicts == {"frechet_distance": "worse", "precision": "better", "recall": "same"}
    with pytest.raises(ConfigError, match="'count'"):
        differences(mine, other | {"count": 99})


def test_a_table_marks_what_no_other_is_better_than() -> None:
    def scores(distance: float, recall: float, **others: Any) -> dict[str, Any]:
        numbers = {"frechet_distance": distance, "recall": recall}
        quality = {name: {"value": value, "low": value - 0.1, "high": value + 0.1} for name, value in numbers.items()}
        return {"extractor": "e", "count": 9, "against": "s", "quality": quality, "seconds_a_painting": 0.25, **others}

    bits = {"held-out pictures": {"value": 3.0, "low": 2.9, "high": 3.1}}
    told = side_by_side(
        [("a", scores(1.0, 0.5)), ("b", scores(1.05, 0.9, likelihood=bits)), ("c", scores(4.0, 0.1))]
    ).splitlines()
    assert told[0] == "| painter | frechet distance | recall | bits per value | CPU s a painting |"
    assert told[2] == "| a | **1 (0.9 to 1.1)** | 0.5 (0.4 to 0.6) | – | 0.250 |"
    assert told[3] == "| b | **1.05 (0.95 to 1.15)** | **0.9 (0.8 to 1)** | 3 (2.9 to 3.1) | 0.250 |"
    assert told[4] == "| c | 4 (3.9 to 4.1) | 0.1 (0 to 0.2) | – | 0.250 |"
    with pytest.raises(ConfigError, match="'count'"):
        side_by_side([("a", scores(1.0, 0.5)), ("b", scores(1.0, 0.5, count=8))])


def test_the_gate_closes_on_a_regression_and_painters_are_compared(tmp_path: Path) -> None:
    fill(tmp_path / "real", 120, 0)
    fill(tmp_path / "good", 60, 1)
    noise = np.random.default_rng(0)
    (tmp_path / "bad").mkdir()
    for number in range(60):
        Image.fromarray(noise.integers(0, 256, (32, 32, 4), np.uint8)).save(tmp_path / "bad" / f"{number}.png")
    runner, against = CliRunner(), ["--against", str(tmp_path / "real"), "--out", str(tmp_path / "out"), "--json"]
    good = runner.invoke(app, ["evaluate", "--pictures", str(tmp_path / "good"), *against])
    assert good.exit_code == 0, good.output
    in_words = runner.invoke(app, ["evaluate", "--pictures", str(tmp_path / "good"), *against[:-1]]).output
    told_of = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf8"))["modes"]
    assert f"aligned recall: {told_of['aligned_recall']['value']:.4g} (" in in_words
    assert f"kinds left out: {told_of['missing']} of {told_of['kinds']}" in in_words
    baseline = tmp_path / "baseline.json"
    baseline.write_text((tmp_path / "out" / "scores.json").read_text(encoding="utf8"), encoding="utf8")
    same = runner.invoke(app, ["evaluate", "--pictures", str(tmp_path / "good"), *against, "--gate", str(baseline)])
    assert same.exit_code == 0, same.output
    worse = runner.invoke(app, ["evaluate", "--pictures", str(tmp_path / "bad"), *against, "--gate", str(baseline)])
    assert worse.exit_code == 1
    folders = [str(tmp_path / "good"), str(tmp_path / "bad")]
    told = json.loads(runner.invoke(app, ["compare", *folders, "--data", str(tmp_path / "real"), "--json"]).stdout)
    assert [row["name"] for row in told] == folders
    assert {d["verdict"] for d in told[1]["against_first"] if d["name"] in ("precision", "kernel_distance")} == {"worse"}
    (tmp_path / "nothing.json").write_text("[]", encoding="utf8")
    wrong = runner.invoke(app, ["evaluate", "--pictures", folders[0], *against, "--gate", str(tmp_path / "nothing.json")])
    assert isinstance(wrong.exception, ConfigError)


def test_pictures_in_folders_of_classes_are_recognised(tmp_path: Path) -> None:
    for part, count, seed in (("real", 260, 0), ("painted", 120, 1)):
        for number, item in enumerate(item for item in ShapesSource(count, seed, 32).items() if isinstance(item, Item)):
            folder = tmp_path / part / item.facts["colour"]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:04}.png").write_bytes(item.load())
    scores = last(evaluate_pictures(str(tmp_path / "painted"), str(tmp_path / "real")))
    found = {name: number.value for name, number in scores.recognition.items() if isinstance(number, Measured)}
    assert found["paintings, top 1"] > 0.5, "other shapes of the same colours"
    assert found["paintings, top 1"] == pytest.approx(found["real pictures, top 1"], abs=0.2)
    taught = {name: number.value for name, number in scores.classification.items() if isinstance(number, Measured)}
    assert taught.keys() == {"paintings", "real pictures"}
    assert min(taught.values()) > 0.4
    assert "Recognition" in write(scores, tmp_path / "out").read_text(encoding="utf8")
