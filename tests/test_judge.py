"""The judge of words: its losses by definition, and that it tells right captions from swapped ones."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from learners import computed_elsewhere
from torch.nn import functional as F

from danqing import judge as judging
from danqing.conditions.text import TextCondition, Words
from danqing.data.gallery import of_source
from danqing.data.picture_set import import_pictures
from danqing.data.prepare import Preparation
from danqing.data.shapes import ShapesSource
from danqing.data.source import Item
from danqing.errors import DataError
from danqing.evaluate import Scores, evaluate_pictures
from danqing.families.contrastive import Contrastive, ContrastiveConfig
from danqing.metrics.agreement import r_precision
from danqing.parts.contract import Batch, Clock, Key
from danqing.words import Doing, Picture

PICTURES = [Picture(str(i), {"en": (f"word{i}",), "zh": (f"字{i}",)}) for i in range(6)]


def learner(objective: str = "clip") -> Contrastive:
    condition = TextCondition.fit(PICTURES)
    assert condition is not None
    torch.manual_seed(0)
    return Contrastive(
        ContrastiveConfig.read({"objective": objective, "width": 16, "hidden": 32, "dropout": 0}), condition, 12, 1000
    )


def test_losses_are_their_definitions() -> None:
    alike = Key(0).normal(5, 5).tanh()
    same = torch.eye(5, dtype=torch.bool)
    same[1, 3] = same[3, 1] = True
    clip, siglip = learner(), learner("siglip")
    logits = (alike / 0.07).masked_fill(same & ~torch.eye(5, dtype=torch.bool), -1e4)
    target = torch.arange(5)
    expected = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    assert clip.compare(alike, same).mean().item() == pytest.approx(expected.item(), rel=1e-5)
    total = 0.0
    for i in range(5):
        for j in range(5):
            if i == j or not same[i, j]:
                z = 1 if i == j else -1
                total -= float(F.logsigmoid(z * (alike[i, j] / 0.07 - 10)))
    assert siglip.compare(alike, same).sum().item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("objective", ["clip", "siglip"])
def test_the_loss_is_computed_where_the_weights_are(objective: str) -> None:
    words = [Words(((f"word{i}", 1.0),)) for i in range(6)]
    computed_elsewhere(learner(objective), Batch(Key(1).normal(6, 12, 1, 1), {"text": words}, tuple(range(6))))


@pytest.mark.parametrize("objective", ["clip", "siglip"])
def test_the_loss_falls_and_pairs_find_each_other_in_both_languages(objective: str) -> None:
    mine = learner(objective)
    features, words = Key(1).normal(6, 12), [Words(((f"word{i}", 1.0),)) for i in range(6)]
    chinese = [Words(((f"字{i}", 1.0),)) for i in range(6)]
    optimiser = torch.optim.Adam(mine.parameters(), 3e-3)
    losses = []
    for step in range(60):
        batch = Batch(features[:, :, None, None], {"text": words if step % 2 else chinese}, tuple(range(6)))
        loss = mine.loss(batch, "judge", Key(2), Clock(step, step)).parts[objective].mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 3
    mine.eval()
    with torch.no_grad():
        for said in (words, chinese):
            assert (mine.see(features) @ mine.say(said).T).argmax(1).tolist() == list(range(6))


def test_r_precision_is_one_for_right_words_and_chance_for_shuffled_ones() -> None:
    seen = F.normalize(Key(3).normal(300, 16), dim=1)
    texts = [f"caption {i}" for i in range(300)]
    assert r_precision(seen, seen, texts, Key(4)).mean() == 1
    shuffled = r_precision(seen, seen.roll(1, 0), texts, Key(4)).mean()
    assert shuffled < 0.05
    assert r_precision(seen, seen[:1].expand(300, -1), ["all the same"] * 300, Key(4)).mean() == 1, "no rival, no miss"


def fill(folder: Path, count: int, seed: int, *, swapped: bool = False) -> None:
    folder.mkdir()
    items = [item for item in ShapesSource(count, seed, 32).items() if isinstance(item, Item)]
    captions = [item.captions["en"][0] for item in items]
    if swapped:
        random.Random(0).shuffle(captions)
    for number, item in enumerate(items):
        (folder / f"{number:04}.png").write_bytes(item.load())
        (folder / f"{number:04}.txt").write_text(captions[number])


def test_swapped_captions_are_named_and_right_ones_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "PASSES", 15)
    import_pictures(ShapesSource(400, size=32), "shapes")
    faults = {}
    for name in ("right", "swapped"):
        fill(tmp_path / name, 100, 1, swapped=name == "swapped")
        *doing, scores = evaluate_pictures(str(tmp_path / name), "shapes")
        assert isinstance(scores, Scores)
        taught = [event for event in doing if isinstance(event, Doing) and "judge" in event.what]
        assert bool(taught) == (name == "right"), "the judge is kept beside the set"
        faults[name] = {finding.fault for finding in scores.findings}
    assert "ignored words" in faults["swapped"]
    assert "ignored words" not in faults["right"]


def test_a_set_with_few_captions_gets_no_judge() -> None:
    gallery = of_source(ShapesSource(30, size=16), Preparation(size=(16, 16), channels=3))
    with pytest.raises(DataError, match="30 pictures"):
        next(judging.judge(gallery, torch.zeros(30, 4), "any"))
    assert np.isfinite(judging.look(torch.zeros(30, 4), iter([gallery.straight()])).numpy()).all()
