"""Words: captions in any language, read as pieces by an encoder that is trained with the painter, or by a frozen one."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn

from danqing.conditions.condition import Condition, Encoded, Encoder, Pixels
from danqing.conditions.heads import TINTED, TINTS
from danqing.conditions.synonyms import teach
from danqing.conditions.unread import Vocabulary
from danqing.conditions.word_places import words_of
from danqing.errors import WishError
from danqing.maths.tinting import tinted
from danqing.parts.contract import Key
from danqing.parts.distilled_text import DISTILLED, DistilledText, open_distilled
from danqing.parts.frozen_text import FROZEN, FrozenText, open_frozen
from danqing.parts.text_encoder import TextEncoder, TextEncoderConfig
from danqing.words import Picture

VOCABULARY = 6000
NETWORKS = ("trained", "distilled", *(f"frozen:{name}" for name in FROZEN))
"""What may read the words."""
Reader = DistilledText | FrozenText
"""What reads words and is not trained with the painter."""
FROZEN_LENGTH = 24
"""Tokens a frozen encoder hands on, beginning and end among them; its vector tells of the whole text however long."""
BLUR = 0.5
"""Length of the noise with which the distilled reader's vectors are learnt from."""
REMEMBERED = 4000
"""Captions that a painter remembers."""
WEIGHTED = re.compile(r"\(([^():]+):\s*([0-9]*\.?[0-9]+)\)")
COLOURED = "色的"
"""Chinese says 绿色的心 and 绿心 alike, a heart that is green, and captions mostly the shorter: so the longer is read as it."""
ARTICLES = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """What a caption or a prompt says: alternatives by language when read from a picture, weighted parts when drawn or asked.

    `parts` are (text, weight) in order. `alternatives` hold the captions of one language each, the best first. What was drawn
    of them to be learnt from keeps in `said` all that is said of its picture, and in `luck` the key of its blur (`BLUR`).
    `tints` are sRGB uint8; what is painted takes the one, or several share its place.
    """

    parts: tuple[tuple[str, float], ...] = ()
    alternatives: tuple[tuple[str, ...], ...] = ()
    said: frozenset[str] = dataclasses.field(default=frozenset(), compare=False, repr=False)
    luck: Key | None = dataclasses.field(default=None, compare=False, repr=False)
    tints: tuple[tuple[int, int, int], ...] = ()

    def __str__(self) -> str:
        tints = "".join(f"(:#{red:02x}{green:02x}{blue:02x})" for red, green, blue in self.tints)
        return tints + "".join(text if weight == 1 else f"({text}:{weight:g})" for text, weight in self.parts)


class TextCondition(Condition[Words]):
    """The words of a picture.

    In training one language is drawn, then its first caption with probability `LABEL`, else another; so tags and
    other names are learnt too. No single word of a caption is lost: unknown words fall back to bytes. Only a frozen encoder
    has a vocabulary of its own.

    Args:
        tokenizer: cuts text into pieces.
        config: of the encoder.
        frozen: the encoder, where it is not trained.
        learnt: captions it was trained with, the first of each picture in each language.
        words: those of all captions, which a distilled reader finds in them; painters of before do not tell.
    """

    name: ClassVar[str] = "text"
    unit: ClassVar[str] = "agreement (needs a judge)"
    LABEL: ClassVar[float] = 0.85

    def __init__(
        self,
        tokenizer: Tokenizer,
        config: TextEncoderConfig | None = None,
        frozen: Reader | None = None,
        learnt: tuple[str, ...] = (),
        words: frozenset[str] = frozenset(),
    ) -> None:
        self.tokenizer, self.config, self.frozen, self.learnt = tokenizer, config or TextEncoderConfig(), frozen, learnt
        self.words = words

    @property
    def network(self) -> str:
        """Which of `NETWORKS` reads the words."""
        if isinstance(self.frozen, DistilledText):
            return "distilled"
        return "trained" if self.frozen is None else f"frozen:{self.frozen.asset}"

    @classmethod
    def fit(cls, pictures: list[Picture], network: str | None = None) -> TextCondition | None:
        """Learn the pieces (byte-level BPE, Sennrich et al. 2016; Radford et al. 2019) from the captions of the set.

        Args:
            pictures: of the set.
            network: one of `NETWORKS`; by default one that is trained. A frozen one brings its pieces along.

        Raises:
            AssetError: the frozen network cannot be had.
        """
        captions = [caption for picture in pictures for group in picture.captions.values() for caption in group]
        if not captions:
            return None
        if network not in (None, "trained"):
            frozen = open_distilled() if network == "distilled" else open_frozen(network.removeprefix("frozen:"))
            more = {"deep": True, "blur": BLUR} if network == "distilled" else {}
            config = TextEncoderConfig(layers=0, length=FROZEN_LENGTH, **more)
            return cls(frozen.tokenizer, config, frozen, first_captions(pictures), _words(frozen, captions))
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(COLOURED, "")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.WhitespaceSplit(),
                pre_tokenizers.Punctuation("isolated"),
                pre_tokenizers.ByteLevel(use_regex=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            min_frequency=2,
            special_tokens=["[pad]"],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(captions, trainer)
        return cls(tokenizer, learnt=first_captions(pictures))

    def read(self, picture: Picture, pixels: Pixels) -> Words | None:
        """Every caption, grouped by language."""
        groups = tuple(group for _, group in sorted(picture.captions.items()) if group)
        return Words(alternatives=groups) if groups else None

    def draw(self, value: Words, key: Key) -> Words:
        """One caption of one language."""
        language, label, other = key.uniform(3).tolist()
        group = value.alternatives[int(language * len(value.alternatives))]
        caption = group[0] if label < self.LABEL else group[int(other * len(group))]
        said = frozenset(caption for group in value.alternatives for caption in group)
        return Words(((caption, 1.0),), said=said, luck=key.at("blur"))

    def widened(self, pictures: Sequence[Picture], name: str) -> TextCondition:
        """It reads these pictures' captions too, and remembers them beside its own."""
        learnt = tuple(dict.fromkeys((*self.learnt, *first_captions(pictures))))[:REMEMBERED]
        captions = [caption for picture in pictures for group in picture.captions.values() for caption in group]
        words = self.words | _words(self.frozen, captions) if self.words else self.words
        return TextCondition(self.tokenizer, self.config, self.frozen, learnt, words)

    def remembered(self, key: Key) -> Words | None:
        """One of the captions it was trained with."""
        if not self.learnt:
            return None
        return Words(((self.learnt[int(key.uniform(1).item() * len(self.learnt))], 1.0),), luck=key.at("blur"))

    def says(self, value: Words, other: Words) -> bool:
        """Whether the other is among all that is said of the value's picture."""
        return str(other) in {str(value), *value.said}

    def shares(self, alternatives: tuple[tuple[str, ...], ...], places: dict[str, int]) -> list[tuple[int, float]]:
        """How often `draw` takes each caption; captions are numbered by `places`, which grows."""
        found: dict[int, float] = {}
        for group in alternatives:
            for rank, caption in enumerate(group):
                share = (1 - self.LABEL) / len(group) + (0.0 if rank else self.LABEL)
                place = places.setdefault(caption, len(places))
                found[place] = found.get(place, 0.0) + share / len(alternatives)
        return list(found.items())

    def parse(self, text: str) -> Words:
        """`a (red:1.3) apple`: plain words, and words with a weight. Leading articles are dropped, as captions have none.

        In `a (blue:#2f6fd6) cat` the word in brackets is not read where anything else is: the painting is given the colour.
        """
        tints = tuple(dict.fromkeys(ImageColor.getrgb(match[2])[:3] for match in TINTED.finditer(text)))
        if len(tints) > TINTS:
            raise WishError(f"the words give {len(tints)} colours: give at most {TINTS}, or a palette, which has up to 8")
        if tints:
            text = TINTED.sub("", text).strip() or TINTED.sub(r"\1", text)
        parts: list[tuple[str, float]] = []
        end = 0
        plain = ARTICLES.sub("", text.strip())
        for match in WEIGHTED.finditer(plain):
            parts += [(plain[end : match.start()], 1.0), (match[1], float(match[2]))]
            end = match.end()
        parts.append((plain[end:], 1.0))
        kept = tuple((part, weight) for part, weight in parts if part) if plain else ()
        wrong = next((weight for _, weight in kept if weight > 10), None)
        if wrong is not None:
            raise WishError(f"a word was given the weight {wrong:g}: weights lie between 0 and 10, for example (red:1.3)")
        return Words(kept, tints=tints)

    @functools.cached_property
    def _vocabulary(self) -> Vocabulary | None:
        """Of a painter that tells which words it learnt."""
        if not isinstance(self.frozen, DistilledText) or not self.words:
            return None
        return Vocabulary(self.frozen, self.learnt, self.words)

    def understood(self, text: str, coloured: bool = False, several: bool = False) -> str:
        """What is read where a text is asked for; see `danqing.conditions.unread`.

        Args:
            text: as it was asked for.
            coloured: whether colours that are said of a thing are given to its painting.
            several: whether several things are painted each by itself.
        """
        return text if self._vocabulary is None else self._vocabulary.understood(text, coloured, several)

    def pieces(self, value: Words) -> list[tuple[int, float]]:
        """Piece numbers with their weights, at most the encoder's length."""
        return self._all_pieces(value)[: self.config.length]

    def _all_pieces(self, value: Words) -> list[tuple[int, float]]:
        return [(piece, weight) for text, weight in value.parts for piece in self.tokenizer.encode(text).ids]

    def finish(self, value: Words, painted: Pixels) -> Pixels:
        """With what is painted in the colours that the words give it; gray stays gray."""
        if not value.tints or painted.shape[-1] == 1:
            return painted
        return (tinted(painted / np.float32(255), np.array(value.tints) / 255) * 255).round().astype(np.uint8)

    def unheeded(self, value: Words) -> str | None:
        """What a trained encoder has no room for; a frozen one's vector tells of the whole text."""
        pieces = [piece for piece, _ in self._all_pieces(value)]
        if self.frozen is not None or len(pieces) <= self.config.length:
            return None
        rest = self.tokenizer.decode(pieces[self.config.length :]).strip()
        return f"only the first {self.config.length} pieces of the words are read, not '…{rest}': say it shorter"

    def encoder(self, width: int) -> Encoder:
        """Tokens for the pieces; the vector is their mean, or a frozen encoder's own."""
        return TextConditionEncoder(self, width) if self.frozen is None else FrozenTextEncoder(self, self.frozen, width)

    def miss(self, asked: Words, painted: Pixels) -> float | None:
        """Only a judge that knows words and pictures can say."""
        return None

    def show(self, value: Words) -> Image.Image:
        """The words on white."""
        image = Image.new("RGB", (256, 32), "white")
        ImageDraw.Draw(image).text((4, 8), str(value), fill="black")
        return image

    def state(self) -> dict[str, Any]:
        """The encoder's settings and some of what it learnt, with the tokenizer or the frozen asset's name and sha256."""
        both = {"encoder": self.config.plain(), "learnt": list(self.learnt)}
        if self.frozen is not None:
            both |= {"words": " ".join(sorted(self.words))} if self.words else {}
            return {"frozen": {"asset": self.frozen.asset, "sha256": self.frozen.sha256}, **both}
        return {"tokenizer": self.tokenizer.to_str(), **both}

    @classmethod
    def revive(cls, state: dict[str, Any]) -> TextCondition:
        """From `state`.

        Raises:
            AssetError: the frozen asset it needs cannot be had, or is another one.
        """
        config, learnt = TextEncoderConfig.read(state["encoder"], "text encoder"), tuple(state.get("learnt", ()))
        if "frozen" in state:
            asset, sha256 = state["frozen"]["asset"], state["frozen"]["sha256"]
            frozen = open_distilled(sha256) if asset == DISTILLED else open_frozen(asset, sha256)
            return cls(frozen.tokenizer, config, frozen, learnt, frozenset(state.get("words", "").split()))
        return cls(Tokenizer.from_str(state["tokenizer"]), config, None, learnt)


def first_captions(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """The first caption of each picture in each language, each once, in their order; evenly fewer where they are too many."""
    found = tuple(dict.fromkeys(group[0] for picture in pictures for _, group in sorted(picture.captions.items()) if group))
    return found[:: -(-len(found) // REMEMBERED) or 1]


def _words(reader: Reader | None, captions: Iterable[str]) -> frozenset[str]:
    """Of a distilled reader's; what words others know cannot be told from their pieces."""
    if not isinstance(reader, DistilledText):
        return frozenset()
    return frozenset(word for caption in captions for word in words_of(reader, caption))


class TextConditionEncoder(Encoder):
    """Word pieces through a small transformer."""

    def __init__(self, condition: TextCondition, width: int) -> None:
        super().__init__()
        self.condition = condition
        self.network = TextEncoder(condition.config, condition.tokenizer.get_vocab_size(), width)
        self.absent = nn.Parameter(torch.zeros(width))

    def collate(self, values: list[Words | None]) -> tuple[Tensor, ...]:
        """Piece numbers, weights and mask, each (batch, length)."""
        length = self.condition.config.length
        pieces, weights = torch.zeros(len(values), length, dtype=torch.long), torch.ones(len(values), length)
        mask = torch.zeros(len(values), length, dtype=torch.bool)
        for row, value in enumerate(values):
            found = self.condition.pieces(value) if value is not None else []
            for place, (piece, weight) in enumerate(found):
                pieces[row, place], weights[row, place], mask[row, place] = piece, weight, True
        return pieces, weights, mask

    def begin(self, values: Sequence[Words | None], key: Key) -> None:
        """Learn which captions say the same, where pictures have several."""
        _say_the_same(self, self.condition, values, key)

    def forward(self, *collated: Tensor) -> Encoded:
        """Tokens (batch, length, width); pictures without words have the learnt vector `absent` and no token."""
        pieces, weights, mask = collated
        # A row without words would attend to nothing: let it see its padding, which nobody reads.
        tokens = self.network(pieces, weights, mask | ~mask.any(1, keepdim=True))
        count = mask.sum(1, keepdim=True)
        mean = (tokens * mask[..., None]).sum(1) / count.clamp(min=1)
        return Encoded(tokens, mask, torch.where(count > 0, mean, self.absent.to(mean.dtype)))


class FrozenTextEncoder(Encoder):
    """Tokens and vector of a reader that is not trained, each mapped to the painter's width by one or two layers that are.

    A word's weight multiplies its tokens where they are handed on and where they are summed into the vector.
    """

    def __init__(self, condition: TextCondition, frozen: Reader, width: int) -> None:
        super().__init__()
        self.condition, self.frozen, self.length = condition, frozen, condition.config.length
        self.token_map = _map(frozen.width, width, condition.config.deep)
        self.vector_map = _map(frozen.summary_width, width, condition.config.deep)
        self.absent = nn.Parameter(torch.zeros(width))

    def collate(self, values: list[Words | None]) -> tuple[Tensor, ...]:
        """Tokens (batch, length, inner), weights and mask (batch, length), the texts' vectors (batch, outer), and what blurs
        tokens and vectors, which is empty but in training."""
        tokens, sums = torch.zeros(len(values), self.length, self.frozen.width), torch.zeros(len(values), self.frozen.width)
        weights, mask = torch.ones(len(values), self.length), torch.zeros(len(values), self.length, dtype=torch.bool)
        for row, value in enumerate(values):
            if value is None or not value.parts:
                continue
            # The frozen network tells cases apart; who asks for a "Red Apple" means what the captions call red apple.
            parts = [(text.lower(), weight) for text, weight in value.parts]
            reading = self.frozen.read("".join(text for text, _ in parts))
            found, loud = reading.tokens.float(), torch.tensor(_weights(parts, reading.places))
            count = min(self.length, len(found))
            tokens[row, :count], weights[row, :count], mask[row, :count] = found[:count], loud[:count], True
            sums[row] = (found * loud[:, None]).sum(0) / len(found) ** 0.5
        return tokens, weights, mask, self.frozen.summary(sums), *self._blurs(values)

    def _blurs(self, values: list[Words | None]) -> tuple[Tensor, Tensor]:
        """Each row's by the key that its words were drawn with: the same however often it is read, whatever its neighbours."""
        blur, places = self.condition.config.blur, self.length if self.training and self.condition.config.blur else 0
        near = torch.zeros(len(values), places, self.frozen.width)
        whole = torch.zeros(len(values), self.frozen.summary_width if places else 0)
        for row, value in enumerate(values):
            if places and value is not None and value.luck is not None:
                near[row] = blur * value.luck.normal(*near.shape[1:])
                whole[row] = blur * value.luck.at("whole").normal(whole.shape[1])
        return near, whole

    def begin(self, values: Sequence[Words | None], key: Key) -> None:
        """Learn which captions say the same, where pictures have several."""
        _say_the_same(self, self.condition, values, key)

    def forward(self, *collated: Tensor) -> Encoded:
        """Tokens (batch, length, width); pictures without words have the learnt vector `absent` and no token."""
        tokens, weights, mask, vectors, near, whole = collated
        # Both with numbers around 1, as layers like them.
        tokens, vectors = self.frozen.spread(tokens), vectors * vectors.shape[-1] ** 0.5
        if near.shape[1]:
            tokens, vectors = tokens + near, vectors + whole
        mapped, vector = self.token_map(tokens) * weights[..., None], self.vector_map(vectors)
        return Encoded(mapped, mask, torch.where(mask.any(1, keepdim=True), vector, self.absent.to(vector.dtype)))


def _map(inner: int, width: int, deep: bool) -> nn.Module:
    if not deep:
        return nn.Linear(inner, width)
    return nn.Sequential(nn.Linear(inner, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))


def _say_the_same(encoder: Encoder, condition: TextCondition, values: Sequence[Words | None], key: Key) -> None:
    """`teach` an encoder of words by all captions of a set."""
    told = {value.alternatives for value in values if value is not None}
    places: dict[str, int] = {}
    groups = [condition.shares(alternatives, places) for alternatives in sorted(told)]
    collated = encoder.collate([Words(((text, 1.0),)) for text in places])
    teach(encoder, lambda texts: encoder(*(part[texts] for part in collated)).vector, groups, key)


def _weights(parts: list[tuple[str, float]], places: tuple[tuple[int, int], ...]) -> list[float]:
    """The weight of each token: that of the part in which its last character lies."""
    loud = [weight for text, weight in parts for _ in text]
    return [loud[last - 1] if last else 1.0 for _, last in places]
