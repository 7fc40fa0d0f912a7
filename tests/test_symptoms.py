"""What ails a training is told once, in a sentence, and a healthy one is left in peace."""

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from learners import SIDE, Gan, drawn, vq
from typer.testing import CliRunner

from danqing.cli import app
from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.families.diffusion import Diffusion
from danqing.parts.contract import Key
from danqing.parts.symptoms import Symptom, Watch, colour_shift, dead_codes, overfitting, posterior_collapse


def falling(words: int, noise: float, seed: int = 0) -> Iterator[float]:
    """A loss that falls from 2 to 1 and jumps by `noise`."""
    jumps = Key("jumps", seed).normal(words).tolist()
    return (1 + math.exp(-word / 50) + noise * jump for word, jump in enumerate(jumps))


def told(losses: Iterator[float], game: bool = False) -> list[Symptom]:
    watch = Watch(game)
    return [symptom for loss in losses for symptom in watch.word({"painter/velocity": loss, "painter/gradient": 9.0})]


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.3])
def test_a_loss_that_falls_or_jumps_or_has_settled_is_left_in_peace(noise: float) -> None:
    for seed in range(5):
        assert told(falling(600, noise, seed)) == []
        assert told(1 + noise * jump for jump in Key("flat", seed).normal(600).tolist()) == []


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.3])
def test_a_loss_that_rises_again_is_told_once(noise: float) -> None:
    rising = [*falling(300, noise), *(1 + 0.02 * word + noise * jump for word, jump in enumerate(Key(1).normal(100).tolist()))]
    (symptom,) = told(iter(rising))
    assert symptom.name == "divergence"
    assert symptom.evidence["least"] < 1.2 < symptom.evidence["now"]
    assert told(iter(rising), game=True) == [], "in a game losses rise and fall"


def test_a_symptom_that_went_is_told_again_when_it_comes_back() -> None:
    watch, ill = Watch(game=True), [Symptom("dead codes", "few are used", {})]
    assert [len(watch.word({}, others)) for others in (ill, ill, [], ill)] == [1, 0, 0, 1]


def test_a_critic_that_knows_by_heart() -> None:
    assert overfitting(0.6) is None
    assert "98%" in getattr(overfitting(0.96), "sentence", "")
    gan = Gan()
    assert gan.symptoms() == []
    gan.sure.fill_(1.0)
    assert [symptom.name for symptom in gan.symptoms()] == ["discriminator over-fitting"]


def test_latents_that_say_nothing() -> None:
    assert posterior_collapse(torch.tensor([0.5, 0.2, 0.001])) is None
    found = posterior_collapse(torch.tensor([0.5, 0.002, 0.001]))
    assert found is not None
    assert found.evidence["silent"] == pytest.approx(2 / 3)


def test_codes_that_nobody_chooses() -> None:
    assert dead_codes(torch.tensor([5.0, 3.0, 4.0, 0.0])) is None
    found = dead_codes(torch.tensor([5.0, 5.0, 0.0, 0.0, 0.0]))
    assert found is not None
    assert found.evidence == {"dead": pytest.approx(0.6), "in use": pytest.approx(2.0)}
    codec = vq()
    assert codec.symptoms() == []
    codec.quantiser.counts[2:] = 0
    assert [symptom.name for symptom in codec.symptoms()] == ["dead codes"]


def pictures(count: int, place: int) -> Any:
    return np.stack([drawn(Key("shift", place, number)) for number in range(count)])


@pytest.mark.parametrize(
    ("step", "word"), [((0, 0, -120), "yellower"), ((-60, -60, -60), "darker"), ((80, -60, -20), "redder"), ((0, 0, 0), "")]
)
def test_colours_that_are_shifted_have_a_direction(step: tuple[int, int, int], word: str) -> None:
    real = pictures(64, 0)
    shifted = (real.astype(np.int16) + np.array(step)).clip(0, 255).astype(np.uint8)
    symptom = colour_shift(shifted, real)
    if not word:
        assert symptom is None
        return
    assert symptom is not None
    assert f"paintings are {word} than" in symptom.sentence


def test_other_pictures_of_the_same_kind_are_not_called_shifted() -> None:
    found = [colour_shift(pictures(64, 1 + place), pictures(64, 100 + place)) for place in range(10)]
    assert found == [None] * 10
    assert colour_shift(np.zeros((3, SIDE, SIDE, 3), np.uint8), pictures(3, 0)) is None, "three pictures say nothing"


def test_the_command_tells_what_it_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    ill = [Symptom("dead codes", "few are used", {"dead": 0.9})]
    monkeypatch.setattr(Diffusion, "symptoms", lambda self: ill)
    import_pictures(ShapesSource(40, size=16), "shapes")
    small = ["model.preset=small", "size=16", "pictures_seen=32", "batch=16", "sheets=0"]
    options = [part for setting in small for part in ("--set", setting)]
    done = CliRunner().invoke(app, ["train", "--data", "shapes", *options])
    assert done.exit_code == 0, done.output
    assert re.search(r"dead codes after (16|32) pictures: few are used", " ".join(done.output.split()))
    assert done.output.count("few are used") == 1, "once"
