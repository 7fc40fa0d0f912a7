"""Proposals: read off the pictures, possible on the machine, and each with its reason."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from danqing.config import write_toml
from danqing.data.picture_set import import_pictures
from danqing.data.proposals import ENOUGH, RATE, REDUCED_RATE, SECONDS, Proposal, propose, reader
from danqing.data.rendering import png
from danqing.data.source import Item, LeftOut, Source
from danqing.families.diffusion import Diffusion
from danqing.painters.painter import adjust
from danqing.painters.registry import FAMILIES, settings
from danqing.painters.settings import resolve, run_folder
from danqing.parts.distilled_text import open_distilled


class Noise(Source):
    def __init__(self, count: int, shape: tuple[int, int, int], alpha: int = 255) -> None:
        self.count, self.shape, self.alpha = count, shape, alpha

    def describe(self) -> str:
        return f"{self.count} of {self.shape}"

    def items(self) -> Iterator[Item | LeftOut]:
        for number in range(self.count):
            pixels = np.random.default_rng(number).integers(0, 256, self.shape, np.uint8)
            pixels[0, 0, 3:] = self.alpha
            yield Item(str(number), lambda pixels=pixels: png(pixels))  # type: ignore[misc]


def proposal(folder: Path, count: int, shape: tuple[int, int, int], threads: int = 2, rate: float = RATE) -> Proposal:
    return propose(import_pictures(Noise(count, shape), folder / "set"), threads, rate)


@pytest.mark.parametrize(("channels", "expected"), [(1, 1), (3, 3), (4, 4)])
def test_channels_follow_the_pictures(tmp_path: Path, channels: int, expected: int) -> None:
    assert proposal(tmp_path, 20, (40, 40, channels)).channels == expected


def test_gray_pictures_stored_in_colour_are_gray(tmp_path: Path) -> None:
    class Gray(Noise):
        def items(self) -> Iterator[Item | LeftOut]:
            for number in range(self.count):
                gray = np.random.default_rng(number).integers(0, 250, (30, 30, 1), np.uint8)
                pixels = np.concatenate([gray, gray + np.uint8(3), gray], axis=2)
                yield Item(str(number), lambda pixels=pixels: png(pixels))  # type: ignore[misc]

    assert propose(import_pictures(Gray(12, (30, 30, 3)), tmp_path / "set"), 2).channels == 1


@pytest.mark.parametrize(("side", "threads", "size"), [(8, 2, 16), (28, 2, 32), (128, 2, 32), (128, 16, 64), (128, 64, 128)])
def test_size_follows_pictures_and_machine(tmp_path: Path, side: int, threads: int, size: int) -> None:
    found = proposal(tmp_path, 12, (side, side, 3), threads)
    assert found.size == (size, size)
    assert found.pictures_seen >= ENOUGH
    assert found.threads == threads


def test_first_training_takes_minutes_on_two_threads(tmp_path: Path) -> None:
    found = proposal(tmp_path, 300, (64, 64, 4))
    assert found.size == (32, 32)
    assert found.pictures_seen == 100 * SECONDS
    assert found.batch == 64
    assert found.model == "small"


def test_a_faster_processor_sees_more_pictures_not_larger_ones(tmp_path: Path) -> None:
    found = proposal(tmp_path, 300, (64, 64, 4), rate=REDUCED_RATE)
    assert found.size == (32, 32)
    assert found.pictures_seen == 360 * SECONDS


@pytest.mark.parametrize(
    ("shape", "fit"), [((60, 60, 3), "pad"), ((60, 80, 3), "crop"), ((60, 80, 4), "pad"), ((20, 80, 3), "pad")]
)
def test_fit_follows_the_aspect(tmp_path: Path, shape: tuple[int, int, int], fit: str) -> None:
    assert proposal(tmp_path, 12, shape).fit == fit


def test_reasons_name_what_is_proposed(tmp_path: Path) -> None:
    found = proposal(tmp_path, 12, (60, 80, 3))
    text = " ".join(found.reasons.values())
    for value in (f"{found.size[0]} × {found.size[1]}", f"{found.channels} channels", str(found.batch), found.model):
        assert value in text
    assert f"{found.pictures_seen:,}" in text


def test_only_what_was_proposed_is_given_reasons_for(tmp_path: Path) -> None:
    pictures = import_pictures(Noise(12, (60, 80, 3)), tmp_path / "set")
    suggested = [why for _, why in Diffusion.suggested.values()]
    assert list(resolve(pictures, {})[1]) == [*propose(pictures).reasons.values(), *suggested]
    given = {"size": 16, "batch": 8, "model": {"lr": 1e-3}}
    left = [why for name, why in propose(pictures).reasons.items() if name not in ("size", "batch")]
    left += suggested
    assert list(resolve(pictures, given)[1]) == left
    assert len(resolve(pictures, given | {"model": {"preset": "small"}})[1]) == len(left) - 1


@pytest.mark.parametrize("family", [name for name, found in FAMILIES.items() if found.family.suggested])
def test_what_a_family_suggests_is_no_default_and_comes_to_no_run_of_before(tmp_path: Path, home: Path, family: str) -> None:
    """Painters of before are read with the defaults; a run that was begun without goes on without."""
    pictures, found = import_pictures(Noise(12, (60, 80, 3)), tmp_path / "set"), FAMILIES[family].family.suggested
    suggested, reasons = {name: value for name, (value, _) in found.items()}, {why for _, why in found.values()}
    usual = settings(family, {}).plain()
    assert all(usual[name] != value for name, value in suggested.items())
    first, told = resolve(pictures, {"family": family, "name": "first"})
    assert {name: first.model[name] for name in suggested} == suggested
    assert reasons <= set(told)
    for given in (suggested, {name: usual[name] for name in suggested}):
        wanted, told = resolve(pictures, {"family": family, "model": given})
        assert wanted.model == first.model | given
        assert reasons.isdisjoint(told)
    for name, model in (("before", {"preset": "small"}), ("since", first.model)):
        run_folder(name).mkdir(parents=True)
        (run_folder(name) / "settings.toml").write_bytes(write_toml(first.plain() | {"name": name, "model": model}))
        again, told = resolve(pictures, {"family": family, "name": name})
        assert again.model.keys() == model.keys()
        assert reasons.isdisjoint(told) == (name == "before")


def test_a_run_from_a_painter_goes_on_after_that_paints_otherwise(tmp_path: Path, home: Path) -> None:
    """Also a refiner's, which holds its base's settings; one begun before a setting was there goes on without it."""
    pictures = import_pictures(Told({"en": ("a red apple",)}, styles=("noto",)), tmp_path / "set")
    adjust("emoji", {"guidance": 2.0})
    for name, given in (("mine", {}), ("over", {"family": "refined"})):
        given = {"start_from": "emoji", "name": name, **given}
        first, _ = resolve(pictures, given)
        then = json.loads(json.dumps(first.plain()))
        own = then["model"]["base"]["model"] if "base" in then["model"] else then["model"]
        assert own["guidance"] == 2.0
        del own["spins"]
        run_folder(name).mkdir(parents=True)
        (run_folder(name) / "settings.toml").write_bytes(write_toml(then))
        adjust("emoji", {"guidance": 3.0})
        assert json.loads(json.dumps(resolve(pictures, given)[0].model)) == then["model"]
        other = resolve(pictures, {**given, "name": "other"})[0].model
        assert other.get("base", {"model": other})["model"]["guidance"] == 3.0
        adjust("emoji", {"guidance": 2.0})


class Told(Noise):
    """Pictures with captions, in some styles."""

    def __init__(self, captions: dict[str, tuple[str, ...]], count: int = 4, styles: Sequence[str] = ("ink", "oil")) -> None:
        super().__init__(count, (16, 16, 3))
        self.captions, self.styles = captions, styles

    def items(self) -> Iterator[Item | LeftOut]:
        for number, item in enumerate(super().items()):
            assert isinstance(item, Item)
            style = self.styles[number % len(self.styles)]
            yield Item(item.place, item.load, self.captions, style, concept=str(number // 2))


@pytest.mark.parametrize(
    ("captions", "text"),
    [
        ({"en": ("a red apple",), "zh": ("红苹果",)}, "distilled"),
        ({"fr": ("un rossignol enrhumé",)}, None),
        ({"en": ("a small red apple on the wooden table in the sun",), "fr": ("rossignol",)}, None),  # half of what is drawn
        ({"en": ("IMG2034 DSC0001",)}, None),
        ({}, None),
    ],
)
def test_words_that_the_reader_knows_are_read_by_it(
    tmp_path: Path, captions: dict[str, tuple[str, ...]], text: str | None
) -> None:
    pictures = import_pictures(Told(captions), tmp_path / "set")
    assert (reader(pictures.pictures) or (None,))[0] == text
    found, reasons = resolve(pictures, {"held_out": False})
    assert found.text == text
    assert any("it knows 100%" in reason for reason in reasons) is (text is not None)
    # Who chooses is told nothing; where no words are learnt nothing reads them.
    assert resolve(pictures, {"text": "trained"})[0].text == "trained"
    for given in ({"conditions": ["style"]}, {"family": "pix2pix", "from_style": "ink"}, {"family": "vq"}):
        found, reasons = resolve(pictures, {"held_out": False, **given})
        assert found.text is None
        assert not any("knows" in reason for reason in reasons)


def test_only_captions_that_will_be_learnt_speak_for_a_reader(tmp_path: Path) -> None:
    """With captions on what is held out alone, no words are learnt, and none is to be read."""
    held: set[str] = set()

    class Half(Told):
        def items(self) -> Iterator[Item | LeftOut]:
            for item in super().items():
                assert isinstance(item, Item)
                yield dataclasses.replace(item, captions=self.captions if item.place in held else {})

    apple: dict[str, tuple[str, ...]] = {"en": ("a red apple",)}
    held |= {str(number) for number in import_pictures(Half(apple, 60), tmp_path / "first").split("held_out").tolist()}
    pictures = import_pictures(Half(apple, 60), tmp_path / "second")
    assert sum(bool(picture.captions) for picture in pictures.pictures) == len(held) > 0
    assert resolve(pictures, {})[0].text is None


def test_a_run_goes_on_with_the_reader_that_it_was_begun_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one of a time when nothing was proposed."""
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    pictures = import_pictures(Told({"en": ("a red apple",)}), tmp_path / "sets" / "set")
    given = {"name": "mine", "held_out": False}
    assert resolve(pictures, given)[0].text == "distilled"
    (folder := run_folder("mine")).mkdir(parents=True)
    for text in (None, "trained"):
        begun = resolve(pictures, given)[0].model_copy(update={"text": text})
        (folder / "settings.toml").write_bytes(write_toml(begun.plain()))
        assert resolve(pictures, given)[0].text == text


def test_a_run_goes_on_in_its_size_on_another_machine_and_for_another_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    pictures = import_pictures(Noise(300, (60, 60, 3)), tmp_path / "sets" / "set")
    given = {"name": "mine", "held_out": False, "threads": 2}
    begun = resolve(pictures, {**given, "seconds": 30.0})[0]
    (folder := run_folder("mine")).mkdir(parents=True)
    (folder / "settings.toml").write_bytes(write_toml(begun.plain()))
    assert begun.size == (16, 16)
    assert resolve(pictures, {**given, "seconds": 30000.0})[0].size == (16, 16)
    assert resolve(pictures, {**given, "seconds": 30000.0, "name": "other"})[0].size == (64, 64)
    assert resolve(pictures, {**given, "size": 32})[0].size == (32, 32), "which is refused where the run goes on"


def test_the_time_that_is_given_counts_and_so_do_the_threads(tmp_path: Path) -> None:
    pictures = import_pictures(Noise(20, (60, 60, 3)), tmp_path / "set")
    usual, longer, alone = (
        propose(pictures, *args) for args in ((2, RATE), (2, RATE, 4 * 2 * SECONDS), (1, RATE, 2 * SECONDS))
    )
    assert usual.size == (32, 32)
    assert longer.size == (64, 64)
    assert alone.size == usual.size, "as much of the processor"
    assert alone.pictures_seen == usual.pictures_seen
    assert "20 minutes on 2 threads" in longer.reasons["pictures_seen"]
    assert "40 seconds on 2 threads" in propose(pictures, 2, RATE, 80).reasons["pictures_seen"]


def test_a_reader_knows_words_that_it_has_whole() -> None:
    known = open_distilled()
    assert known.knows("Sad robot, with a red hat!") == (6, 6)
    assert known.knows("rothaariges Mädchen") == (0, 2)
    assert known.knows("航天员 cat") == (4, 4)  # three characters, and a word
    assert known.knows("りんごを食べる猫")[0] < 6
    assert known.knows("") == (0, 0)
