"""Captions of one picture are taught to mean one thing before the first picture is seen."""

import copy
import itertools

import pytest
import torch
from torch.nn import functional as F

from danqing.conditions import synonyms
from danqing.conditions.conditioner import Conditioner, begin
from danqing.conditions.synonyms import contrast, teach
from danqing.conditions.text import TextCondition, Words
from danqing.painters.registry import build, settings
from danqing.parts.contract import Key
from danqing.words import Picture

COLOURS = (("red", "红色"), ("green", "绿色"), ("blue", "蓝色"), ("brown", "棕色"), ("pink", "粉色"))
THINGS = (("fish", "鱼"), ("house", "房子"), ("star", "星星"), ("tree", "树"), ("drum", "鼓"), ("boat", "船"))
PICTURES = [
    Picture(f"{colour[0]} {thing[0]}", {"en": (f"{colour[0]} {thing[0]}", thing[0]), "zh": (f"{colour[1]}{thing[1]}",)})
    for colour, thing in itertools.product(COLOURS, THINGS)
]
PIXELS = torch.zeros(8, 8, 4, dtype=torch.uint8).numpy()


def made(pictures: list[Picture]) -> tuple[TextCondition, Conditioner, dict[str, list[Words | None]]]:
    condition = TextCondition.fit(pictures)
    assert condition is not None
    torch.manual_seed(0)
    conditioner = Conditioner({"text": condition}, 64)
    return condition, conditioner, {"text": [condition.read(picture, PIXELS) for picture in pictures]}


def found(conditioner: Conditioner) -> float:
    """Share of English labels whose nearest Chinese label is their own."""
    sides = []
    for language in ("en", "zh"):
        words: list[Words | None] = [Words(((picture.captions[language][0], 1.0),)) for picture in PICTURES]
        with torch.no_grad():
            vectors = conditioner(conditioner.collate({"text": words}, len(words)), len(words)).vector
        sides.append(F.normalize(vectors - vectors.mean(0), dim=1))
    nearest = (sides[0] @ sides[1].T).argmax(1)
    return float((nearest == torch.arange(len(PICTURES))).float().mean())


def test_two_languages_come_to_mean_the_same() -> None:
    _, conditioner, values = made(PICTURES)
    before = found(conditioner)
    begin(conditioner, values, Key(0))
    assert before < 0.3
    assert found(conditioner) > 0.9


@pytest.mark.parametrize("name", ["diffusion", "latent", "vae", "gan", "flow", "autoregressive"])
def test_captions_come_first_in_every_family(name: str) -> None:
    """In a game the critic's encoder learns them too."""
    condition, _, values = made(PICTURES)
    family = build(name, settings(name, {"preset": "small"}), {"text": condition}, 3, 1000, (16, 16))
    conditioners = [module for module in family.modules() if isinstance(module, Conditioner) and module.encoders]
    assert len(conditioners) == (2 if name == "gan" else 1)
    before = [copy.deepcopy(conditioner.state_dict()) for conditioner in conditioners]
    begin(family, values, Key(0))
    for conditioner, old in zip(conditioners, before, strict=True):
        assert found(conditioner) > 0.8
        assert any(not torch.equal(tensor, old[key]) for key, tensor in conditioner.state_dict().items())


def test_the_same_key_teaches_the_same_and_leaves_no_gradient() -> None:
    states = []
    for _ in range(2):
        _, conditioner, values = made(PICTURES)
        begin(conditioner, values, Key(3))
        assert all(parameter.grad is None for parameter in conditioner.parameters())
        states.append(conditioner.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(
    "pictures",
    [[Picture(p.sha256, {"en": p.captions["en"][:1]}) for p in PICTURES], PICTURES[: synonyms.FEWEST - 1]],
    ids=["one caption each", "few"],
)
def test_where_nothing_is_to_be_learnt_nothing_changes(pictures: list[Picture]) -> None:
    _, conditioner, values = made(pictures)
    before = {name: tensor.clone() for name, tensor in conditioner.state_dict().items()}
    begin(conditioner, values, Key(0))
    assert all(torch.equal(tensor, before[name]) for name, tensor in conditioner.state_dict().items())


def test_shares_are_those_of_the_draw() -> None:
    condition, _, _ = made(PICTURES)
    words = Words(alternatives=(("red fish", "fish", "animal"), ("红色鱼", "fish")))
    places: dict[str, int] = {}
    shares = {list(places)[place]: share for place, share in condition.shares(words.alternatives, places)}
    drawn = [str(condition.draw(words, Key(1).at(n))) for n in range(4000)]
    assert sum(shares.values()) == pytest.approx(1)
    for text, share in shares.items():
        assert drawn.count(text) / len(drawn) == pytest.approx(share, abs=0.03)


def test_contrast_is_the_cross_entropy_of_the_papers_and_spares_shared_texts() -> None:
    vectors = Key(0).normal(8, 5)
    pair = torch.tensor([[0, 1], [2, 3], [4, 5], [6, 7]])
    centred = F.normalize(vectors - vectors.mean(0), dim=1)
    alike = (centred[:4] @ centred[4:].T / synonyms.TEMPERATURE).double()
    rows = -(alike.diag() - alike.exp().sum(1).log()).mean()
    columns = -(alike.diag() - alike.exp().sum(0).log()).mean()
    assert float(contrast(vectors, pair)) == pytest.approx(float((rows + columns) / 2), rel=1e-5)
    shared = torch.tensor([[0, 1], [2, 0], [4, 5], [6, 7]])  # the first text of one pair is the second of another
    alike[0, 1] = -1e9
    rows = -(alike.diag() - alike.exp().sum(1).log()).mean()
    columns = -(alike.diag() - alike.exp().sum(0).log()).mean()
    assert float(contrast(vectors, shared)) == pytest.approx(float((rows + columns) / 2), rel=1e-5)


def test_groups_of_one_text_are_passed_over() -> None:
    layer = torch.nn.Embedding(40, 8)
    groups = [[(n, 1.0)] for n in range(8)] + [[(n, 0.5), (n + 1, 0.5)] for n in range(8, 40, 2)]
    before = layer.weight[:8].detach().clone()
    assert teach(layer, lambda texts: layer(texts), groups, Key(0)) == synonyms.PASSES
    # Weight decay shrinks rows that were never read; it turns none of them.
    assert torch.allclose(F.normalize(layer.weight[:8], dim=1), F.normalize(before, dim=1), atol=1e-5)
    assert teach(layer, lambda texts: layer(texts), groups[:8], Key(0)) == 0
