"""Recognition: classifiers know what they have learnt, paintings of nothing are not recognised, look-alikes are one."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from torch import Tensor

from danqing.data.lookalikes import LOOKALIKES, concept
from danqing.metrics.measured import Measured, Refused
from danqing.metrics.recognition import SHRINK, classification_accuracy, classifier, recognition
from danqing.parts.contract import Key
from danqing.words import Picture

CLASSES, WIDTH = 6, 12


def pictures(count: int, place: int, styles: int = 3, spread: float = 0.5) -> tuple[Tensor, list[str], list[str]]:
    """Features of some classes in some styles, with their labels."""
    centres, hands = Key("centres").normal(CLASSES, WIDTH), 0.5 * Key("hands").normal(styles, WIDTH)
    kinds = (Key("kinds", place).uniform(count) * CLASSES).long()
    hand = (Key("which hand", place).uniform(count) * styles).long()
    found = centres[kinds] + hands[hand] + spread * Key("noise", place).normal(count, WIDTH)
    return found, [f"class {k}" for k in kinds.tolist()], [f"style {h}" for h in hand.tolist()]


def values(numbers: dict[str, Measured | Refused]) -> dict[str, float]:
    assert all(isinstance(number, Measured) for number in numbers.values()), numbers
    return {name: number.value for name, number in numbers.items() if isinstance(number, Measured)}


def test_the_discriminant_is_the_likeliest_of_gaussians_with_one_covariance() -> None:
    features, labels, _ = pictures(300, 0)
    x, classes = features.double().numpy(), sorted(set(labels))
    place = np.array([classes.index(label) for label in labels])
    means = np.stack([x[place == number].mean(0) for number in range(len(classes))])
    covariance = (x - means[place]).T @ (x - means[place]) / (len(x) - len(classes))
    shrunk = (1 - SHRINK) * covariance + SHRINK * covariance.trace() / WIDTH * np.eye(WIDTH)
    others, told, _ = pictures(200, 1)
    likely = np.stack([multivariate_normal(mean, shrunk).logpdf(others.double().numpy()) for mean in means], axis=1)
    own = likely[np.arange(200), [classes.index(label) for label in told]]
    assert np.array_equal(classifier(features, labels).ranks(others, told), (likely > own[:, None]).sum(1))


def test_good_paintings_are_recognised_as_real_pictures_are_and_swapped_ones_are_not() -> None:
    real, painted = pictures(400, 0), pictures(200, 1)
    good = values(recognition((painted[0], painted[1], painted[2]), real, Key(0)))
    assert good["real pictures, top 1"] > 0.9
    assert good["paintings, top 1"] == pytest.approx(good["real pictures, top 1"], abs=0.08)
    assert good["paintings, top 5"] >= good["paintings, top 1"]
    swapped = values(recognition((painted[0], painted[1][1:] + painted[1][:1], painted[2]), real, Key(0)))
    assert swapped["paintings, top 1"] < 0.35
    assert swapped["real pictures, top 1"] == good["real pictures, top 1"]


def test_without_styles_no_picture_is_judged_by_one_that_learnt_it() -> None:
    """Features that are nothing but each picture's own noise: only who saw them could know them."""
    noise = Key("own").normal(60, 200)
    labels = [f"class {row % 4}" for row in range(60)]
    found = values(recognition((noise, list(labels), [""] * 60), (noise, list(labels), [""] * 60), Key(0)))
    assert found["real pictures, top 1"] < 0.6


def test_a_classifier_taught_by_good_paintings_knows_real_pictures() -> None:
    real, others, painted = pictures(400, 0), pictures(300, 2), pictures(200, 1)
    tested = (others[0], others[1])
    good = values(classification_accuracy(painted[0], painted[1], real[0], real[1], tested, Key(0)))
    assert good["paintings"] == pytest.approx(good["real pictures"], abs=0.05)
    noise = Key("nothing").normal(200, WIDTH)
    bad = values(classification_accuracy(noise, painted[1], real[0], real[1], tested, Key(0)))
    assert bad["paintings"] < 0.5 < bad["real pictures"]


def test_too_little_is_refused() -> None:
    few = pictures(8, 0)
    assert isinstance(recognition((few[0], few[1], few[2]), few, Key(0))["paintings"], Refused)
    score = classification_accuracy(few[0], few[1], few[0], few[1], (few[0], few[1]), Key(0))
    assert isinstance(score["paintings"], Refused)


def test_look_alikes_are_one_concept() -> None:
    captions = [caption for group in LOOKALIKES.values() for caption in group]
    assert len(captions) == len(set(captions)), "no caption is in two groups"
    names = {concept(Picture("a", {"en": (caption,), "zh": ("钟",)})) for caption in ("one o’clock", "ten-thirty")}
    assert names == {"clock"}
    people = {concept(Picture("a", {"en": (f"{who} running",)})) for who in ("man", "woman", "person")}
    assert people == {"person running"}
    assert concept(Picture("a", {"en": ("mango",)})) == "mango"
    assert concept(Picture("a", {"zh": ("芒果",)})) == "芒果"
    assert concept(Picture("a", {})) is None
