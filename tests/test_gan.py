"""The GAN: its losses against closed forms, augmentation, styles, and finding the style of a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from learners import PALETTE, game, stream
from painters import write_painter
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.conditioner import drop, fit
from danqing.errors import PainterError
from danqing.families.gan import Gan, _Modulated
from danqing.families.rivals import mistaken, steepness, told_apart
from danqing.painters.painter import open_painter
from danqing.parts.augmenting import augmented
from danqing.parts.contract import Asked, Batch, Clock, Key, Keys, Plan
from danqing.words import Picture

BATCH = stream().batch(range(8))
KEYS = Keys(tuple(Key("row", row) for row in range(8)))


def moved(by: float = 0.1, **changes: Any) -> Gan:
    """With weights that have left zero."""
    learner = game(**changes)
    for number, parameter in enumerate(learner.parameters()):
        parameter.data.add_(by * Key("moved", number).normal(*parameter.shape))
    return learner


class Slope(nn.Module):
    """A critic whose slopes are known: D(x) = a·Σx + b·Σx²/2 of each thing it sees, so ∇D = a + b·x."""

    def forward(self, seen: Sequence[Tensor], *asked: object) -> Tensor:
        flat = [x.flatten(1) for x in seen]
        return torch.stack([0.7 * x.sum(1) + 0.3 * x.square().sum(1) / 2 for x in flat], 1)[None]


def squares(seen: Sequence[Tensor]) -> Tensor:
    """Of the slopes of that critic, on average over what it sees."""
    return torch.stack([(0.7 + 0.3 * x.detach()).square().flatten(1).sum(1) for x in seen]).mean(0)


def test_the_penalties_are_the_squares_of_slopes() -> None:
    seen = [Key(number).normal(4, 3, 8, 8 + number).requires_grad_() for number in range(2)]
    torch.testing.assert_close(steepness(Slope()(seen, {})[0], seen), squares(seen))


@pytest.mark.parametrize("critic", ["pixels", "projected"])
@pytest.mark.parametrize(("turn", "penalised"), [(0, True), (1, False), (8, True)])
def test_the_losses_are_those_of_the_paper(turn: int, penalised: bool, critic: str) -> None:
    """Softplus of the difference of a pair's verdicts, from either side; R1 at what is seen of the real picture, R2 likewise
    of the painted one."""
    learner = moved(gamma=0.5, lazy=4, critic=critic)
    learner.critic = Slope()  # type: ignore[assignment]
    key, real = Key(5), BATCH.pictures
    told = learner.loss(BATCH, "critic", key, Clock(0, turn)).parts
    painter = learner.loss(BATCH, "painter", key, Clock(0, turn)).parts
    keys = BATCH.keys(key)
    _, fake = learner._painted(keys, drop(BATCH.conditions, keys.at("drop")))
    seen = {name: learner._seen(x, keys.at(name)) for name, x in (("real", real), ("fake", fake))}
    assert len(seen["real"]) == {"pixels": 1, "projected": 4}[critic]
    if critic == "pixels":
        assert torch.equal(seen["real"][0], real)
    known, claimed = (Slope()(x, {})[0] for x in seen.values())
    torch.testing.assert_close(told["tell"], F.softplus(claimed - known).mean(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(painter["fool"], F.softplus(known - claimed).mean(1), rtol=1e-4, atol=1e-5)
    assert ("R1" in told) is penalised
    if penalised:
        for part, maps in (("R1", seen["real"]), ("R2", seen["fake"])):
            torch.testing.assert_close(told[part], 0.5 * 4 * 0.5 * squares(maps), rtol=1e-4, atol=1e-4)


class Counting(nn.Module):
    """A critic whose verdict is what it sees, times the number of what was asked for."""

    def forward(self, seen: Sequence[Tensor], *asked: dict[str, list[float]]) -> Tensor:
        numbers = torch.tensor([values["number"] for values in asked])
        return torch.stack([x.flatten(1).sum(1) * numbers for x in seen], 2)


def test_a_real_picture_is_to_seem_realer_beside_its_own_words() -> None:
    real, painted = ([Key(name).normal(3, 2, 4, 4)] for name in ("real", "painted"))
    own, others = {"number": [1.0, 2.0, 3.0]}, {"number": [1.0, 5.0, -1.0]}
    told, _ = told_apart(Counting(), real, painted, own, 0.0, others)
    apart = real[0].flatten(1).sum(1) * torch.tensor([0.0, 3.0, -4.0])
    torch.testing.assert_close(told["heed"], F.softplus(apart))
    assert set(told_apart(Counting(), real, painted, own, 0.0)[0]) == {"tell"}


def test_mistaken_words_are_remembered_ones_and_no_neighbour_matters() -> None:
    names = [f"fruit {number}" for number in range(40)]
    conditions = fit([Picture(str(n), {"en": (name,)}, style=("ink", "oil")[n % 2]) for n, name in enumerate(names)])
    text, style = conditions["text"], conditions["style"]
    count, keys = 200, Keys(tuple(Key("row", row) for row in range(200)))
    values: dict[str, list[Any]] = {
        "text": [text.parse(names[row % 40]) if row % 4 else None for row in range(count)],
        "style": [style.parse("ink") if row % 8 else None for row in range(count)],
        "palette": [None] * count,
    }
    found = mistaken(conditions, values, keys)
    assert found is not None
    moved = [{name for name in values if values[name][row] != found[name][row]} for row in range(count)]
    assert all(len(names) <= 1 for names in moved), "one of the values is exchanged at most"
    assert not any(names for row, names in enumerate(moved) if row % 8 == 0), "what asks for nothing stays"
    assert {str(words) for words in found["text"] if words is not None} <= set(names)
    shares = [sum(name in names for names in moved) / count for name in ("text", "style")]
    assert 0.3 < shares[0] < 0.45, "half of those who ask for words and style"
    assert 0.38 < shares[1] < 0.55, "half of them, and all who ask for a style alone; few draw only what they asked for"
    alone = mistaken(conditions, {name: column[9:10] for name, column in values.items()}, Keys(keys.keys[9:10]))
    assert alone == {name: column[9:10] for name, column in found.items()}
    assert mistaken({"palette": PALETTE}, {"palette": [None]}, Keys(keys.keys[:1])) is None


def test_no_name_of_a_picture_is_mistaken_for_it() -> None:
    """In whatever language it was drawn."""
    pictures = [Picture(str(n), {"en": (f"fruit {n}",), "zh": (f"果{n}",)}) for n in range(3)]
    conditions = fit(pictures)
    keys = Keys(tuple(Key("row", row) for row in range(100)))
    read = conditions["text"].read(pictures[0], np.zeros((2, 2, 3), np.uint8))
    values = [conditions["text"].draw(read, key) for key in keys.keys]
    found = mistaken(conditions, {"text": values}, keys)
    assert found is not None
    own = [row for row, words in enumerate(found["text"]) if str(words) in ("fruit 0", "果0")]
    assert len(own) <= 5, "that four draws find nothing else is rare"
    assert all(found["text"][row] is values[row] for row in own), "and then nothing is exchanged"
    assert len({str(words) for words in found["text"]}) > 3


@pytest.mark.parametrize("player", ["critic", "painter"])
def test_words_are_heeded_picture_by_picture(player: str) -> None:
    """In training too, where the reader in the box is blurred: a part of a batch costs what it costs in the whole."""
    names = ("red apple", "green pear", "blue fish", "dog")
    conditions = fit([Picture(str(n), {"en": (name,)}) for n, name in enumerate(names)], "distilled")
    text = conditions["text"]
    torch.manual_seed(0)
    learner = Gan(game().config.model_copy(update={"critic": "projected", "view": 16}), conditions, 3, 0, (16, 16)).train()
    read = [text.read(Picture("0", {"en": (names[row % 4],)}), np.zeros((2, 2, 3), np.uint8)) for row in range(8)]
    batch = Batch(
        BATCH.pictures, {"text": [text.draw(words, key) for words, key in zip(read, KEYS.keys, strict=True)]}, BATCH.rows
    )
    whole = learner.loss(batch, player, Key(1), Clock(0, 1)).parts
    for number, piece in enumerate(batch.split(3)):
        for name, part in learner.loss(piece, player, Key(1), Clock(0, 1)).parts.items():
            torch.testing.assert_close(part, whole[name][3 * number : 3 * number + 3], rtol=1e-4, atol=1e-4)


def test_a_batch_need_not_bring_every_condition() -> None:
    conditions = fit([Picture("0", {"en": ("apple",)}, style="ink"), Picture("1", {"en": ("pear",)}, style="oil")])
    keys = Keys((Key(0),))
    assert mistaken(conditions, {}, keys) == {}
    assert mistaken(conditions, {"text": [None]}, keys) == {"text": [None]}


def test_a_painter_from_before_its_critic_had_wider_maps_opens(home: Path) -> None:
    """Format 2 did not say how many channels there were; there were 48 in each."""
    folder = write_painter("old", "gan", {"preset": "small", "maps": [48] * 4}, {}, 3, (8, 8), 0)
    told = json.loads((folder / "config.json").read_text(encoding="utf8"))
    del told["model"]["maps"]
    (folder / "config.json").write_text(json.dumps({**told, "format": 2}), encoding="utf8")
    assert open_painter("old").facts.model["maps"] == [48] * 4
    (folder / "config.json").write_text(json.dumps(told), encoding="utf8")
    with pytest.raises(PainterError, match="size"):
        open_painter("old")


def test_a_modulated_convolution_scales_its_weights() -> None:
    """Scaling inputs and outputs is what StyleGAN2 does to the weights (Karras et al. 2020, equations 1 and 3)."""
    layer = _Modulated(5, 6, 3, 7)
    for number, parameter in enumerate(layer.parameters()):
        parameter.data.add_(0.3 * Key(number).normal(*parameter.shape))
    x, style, noise = Key(0).normal(2, 5, 8, 8), Key(1).normal(2, 7), Key(2).normal(2, 1, 8, 8)
    weight = layer.weight[None] * layer.scale(style)[:, None, :, None, None]
    weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    expected = torch.cat([F.conv2d(one[None], mine, padding=1) for one, mine in zip(x, weight, strict=True)])
    torch.testing.assert_close(layer(x, style, noise), expected + layer.loud * noise + layer.bias, rtol=1e-4, atol=1e-5)


def test_augmentation_leaves_pictures_alone_as_often_as_it_should() -> None:
    """No change has probability 1, so what is not changed can be told from what is (it leaks nothing)."""
    keys = Keys(tuple(Key("augment", row) for row in range(600)))
    pictures = Key(0).normal(1, 3, 8, 8).clamp(-1, 1).expand(600, -1, -1, -1)
    assert torch.equal(augmented(pictures, keys, 0.0), pictures)
    for strength in (0.1, 0.3):
        left = (augmented(pictures, keys, strength) - pictures).abs().amax((1, 2, 3)) < 1e-6
        # Eight changes, two of which are half or a quarter of the time none.
        assert float(left.float().mean()) == pytest.approx((1 - strength) ** 8 * 1.05, abs=0.09)


def test_augmentation_is_drawn_by_the_row_and_differentiable() -> None:
    pictures = BATCH.pictures.clone().requires_grad_()
    whole = augmented(pictures, KEYS, 0.9)
    alone = torch.cat([augmented(pictures[row : row + 1], Keys((KEYS.keys[row],)), 0.9) for row in range(8)])
    torch.testing.assert_close(whole, alone, rtol=1e-5, atol=1e-5)
    whole.square().sum().backward()  # type: ignore[no-untyped-call]
    assert pictures.grad is not None
    assert bool((pictures.grad.flatten(1).abs().sum(1) > 0).all())


def test_augmented_nothing_stays_nothing() -> None:
    """A transparent pixel has no colour to change."""
    empty = torch.full((8, 4, 8, 8), -1.0)
    torch.testing.assert_close(augmented(empty, KEYS, 0.9), empty, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("told", "strength"), [(0.9, 0.5 + 16 / 1000), (0.3, 0.5 - 16 / 1000)])
def test_augmentation_follows_how_sure_the_critic_is(told: float, strength: float) -> None:
    learner = game(swiftness=1000, sure=0.6)
    learner.strength.fill_(0.5)
    learner.certain.fill_(told)
    stats = {"signs": torch.tensor(16 * told), "count": torch.tensor(16.0)}
    learner.after("critic", stats, Key(0), Clock(0, 0))
    assert learner.strength.item() == pytest.approx(strength)
    for most in (0.7, 0.8, 0.9):  # some are a little less in float32
        learner = game(most=most)
        learner.strength.fill_(1.0).clamp_(0, most)
        learner.certain.fill_(0.99)
        assert learner.symptoms()[0].name == "discriminator over-fitting"


def test_no_change_tells_another() -> None:
    """What is made smaller is as often lighter as darker. An even gray square, which contrast and saturation leave alone."""
    keys = Keys(tuple(Key("changes", row) for row in range(400)))
    picture = torch.full((1, 4, 16, 16), -1.0)
    picture[:, :3, 5:11, 5:11], picture[:, 3, 5:11, 5:11] = 0.0, 1.0
    changed = augmented(picture.expand(len(keys), -1, -1, -1), keys, 0.999)
    cover, seen = (changed[:, 3] + 1) / 2, changed[:, 0] + 1
    size, light = cover.sum((1, 2)), (seen.sum((1, 2)) / cover.sum((1, 2)))
    assert size.std() > 2
    assert light.std() > 0.1
    assert abs(torch.stack([size.log(), light]).corrcoef()[0, 1].item()) < 0.15


def test_truncation_draws_styles_towards_their_mean() -> None:
    """At 0 every painting has the mean style: only the noise of the layers, which has no say yet, tells them apart."""
    learner = moved(truncation=0.0).eval()
    for layer in learner.modules():
        if isinstance(layer, _Modulated) and not layer.plain:
            layer.loud.data.zero_()
    asked = Asked(BATCH.conditions, {}, torch.ones(8))
    with torch.no_grad():
        canvas = learner.step(learner.start(asked, Plan((8, 8)), KEYS), asked)
        shown = learner.show(canvas)
        assert (shown - shown[:1]).abs().max() < 1e-5
        learner.config = learner.config.model_copy(update={"truncation": 1.0})
        assert not torch.allclose(learner.show(learner.step(learner.start(asked, Plan((8, 8)), KEYS), asked)), shown)


@pytest.mark.parametrize("painter", ["style", "plain"])
def test_variety_moves_styles_about_the_mean_of_what_is_asked(painter: str) -> None:
    """At 0 noise has no say, words have; at 2 noise leads twice as far from the same mean; 1 is what was learnt, to the bit."""
    learner, asked = moved(painter=painter).eval(), Asked(BATCH.conditions, {}, torch.ones(8))
    canvas = learner.start(asked, Plan((8, 8)), KEYS)

    def styles(variety: float) -> Tensor:
        learner.config = learner.config.model_copy(update={"variety": variety})
        return learner.latents(canvas, asked)[:, 0]

    with torch.no_grad():
        middle, learnt, twice = (styles(variety) for variety in (0.0, 1.0, 2.0))
        assert torch.equal(learnt, learner.painter.style(canvas.tensors["latent"], asked.conditions))
        torch.testing.assert_close(twice - middle, 2 * (learnt - middle), rtol=1e-4, atol=1e-5)
        many = learner.painter.style(Key(5).normal(4096, 1, 16).expand(-1, 8, -1), asked.conditions)
        # The mean of 64 noises lies an eighth of their spread from that of all.
        assert (middle - many.mean(0)).square().mean() < 0.05 * many.var(0).mean()
        same = Asked({name: [column[0]] * 8 for name, column in BATCH.conditions.items()}, {}, torch.ones(8))
        learner.config = learner.config.model_copy(update={"variety": 0.0})
        alike = learner.latents(canvas, same)[:, 0]
        assert (alike - alike[:1]).abs().max() < 1e-5
        assert not torch.allclose(middle[:1], middle[1:], atol=1e-3)


def test_the_style_of_a_picture_is_found() -> None:
    """Of a picture that it painted itself, so that there is one."""
    learner = moved(0.03).eval()
    with torch.no_grad():
        styles = learner.painter.style(Key(3).normal(2, 16), {})[:, None].expand(-1, learner.painter.layers, -1)
        pictures = learner.decode(styles, {})
    found = learner.decode(learner.encode(pictures, {}, 200), {})
    mean = learner.decode(learner.mean.expand(2, learner.painter.layers, -1), {})
    assert (found - pictures).square().mean() < 0.2 * (mean - pictures).square().mean()
    assert math.isfinite(float(found.detach().sum()))


def test_two_styles_are_mixed_from_a_layer_on() -> None:
    learner = moved(mixing=1.0)
    seen: list[Tensor] = []
    learner.painter.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    learner._painted(KEYS, {})
    turns = (seen[0] != seen[0][:, :1]).any(-1).float().argmax(1)
    assert bool((turns >= 1).all())
    assert len(set(turns.tolist())) > 1
