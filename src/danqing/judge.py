"""A judge of words: trained on a set's own pictures and captions, kept beside them, asked about paintings.

It is a contrastive learner (`danqing.families.contrastive`), trained by the one loop on features of the extractor and coarse
pixels. A tenth of the pictures is kept from it, so that what it can tell of real pictures is known before it judges others.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from danqing.conditions.conditioner import begin
from danqing.conditions.text import TextCondition, Words
from danqing.data.gallery import Gallery
from danqing.errors import DataError
from danqing.families.contrastive import Contrastive, ContrastiveConfig
from danqing.files import write_atomically
from danqing.maths.colour import premultiply
from danqing.metrics.agreement import r_precision
from danqing.metrics.extractor import Extractor
from danqing.metrics.features import Features, Others
from danqing.metrics.measured import Number, Refused, mean_of
from danqing.parts.contract import Batch, Key
from danqing.parts.loop import Loop
from danqing.words import Doing

BATCH, PASSES, MOST = 256, 40, 200_000
"""Pictures per update; each is seen so many times, but no more than `MOST` are seen in all."""
FEWEST = 200
"""Pictures with captions, and different captions among them, from which words can be learnt."""
GRID = 8
"""Rows and columns of the coarse pixels."""
FORMAT = 1
AT_ONCE = 64
FEWEST_ASKED = 20
"""Paintings with words from which agreement is measured."""
REAL = 2000
"""Real pictures, at most, whose agreement is heard beside that of the paintings."""
Many = UInt8[np.ndarray, "pictures height width channels"]


@dataclasses.dataclass(frozen=True, eq=False)
class Judge:
    """Words and pictures in one space.

    Args:
        learner: trained, in evaluation mode.
        condition: reads words.
        mean, deviation: of what it looks at.
        examined: numbers of pictures of its set that it has not learnt from.
    """

    learner: Contrastive
    condition: TextCondition
    mean: Float[Tensor, " looked"]
    deviation: Float[Tensor, " looked"]
    examined: Int64[np.ndarray, " some"]

    @torch.inference_mode()
    def agreement(
        self, looked: Float[Tensor, "pictures looked"], words: Sequence[Words], key: Key
    ) -> Float[np.ndarray, " pictures"]:
        """1 for each picture that its own words suit best, 0 for the others; see `r_precision`."""
        return r_precision(*self._both(looked, words), [str(value) for value in words], key)

    @torch.inference_mode()
    def similarity(self, looked: Float[Tensor, "pictures looked"], words: Sequence[Words]) -> Float[np.ndarray, " pictures"]:
        """The cosine of each picture with its own words: the larger, the better they suit."""
        seen, said = self._both(looked, words)
        found: Float[np.ndarray, " pictures"] = (seen * said).sum(1).numpy()
        return found

    def _both(self, looked: Tensor, words: Sequence[Words]) -> tuple[Tensor, Tensor]:
        seen = self.learner.see((looked - self.mean) / self.deviation)
        parts = [self.learner.say(list(words[start : start + BATCH])) for start in range(0, len(words), BATCH)]
        return seen, torch.cat(parts)


def words_of(gallery: Gallery) -> list[Words | None]:
    """Every caption of each picture; `None` where it has none."""
    groups = [tuple(group for _, group in sorted(gallery.pictures[i].captions.items()) if group) for i in gallery.numbers]
    return [Words(alternatives=found) if found else None for found in groups]


def look(features: Features, pictures: Iterator[Many]) -> Float[Tensor, "pictures looked"]:
    """What the judge looks at: the extractor's features, and the picture on white at `GRID` × `GRID`."""
    coarse = []
    for many in pictures:
        x = torch.from_numpy(np.moveaxis(premultiply(many) if many.shape[-1] == 4 else many, -1, 1).astype(np.float32)) / 255
        x = x[:, :3] + (1 - x[:, 3:]) if x.shape[1] == 4 else x.expand(-1, 3, -1, -1)
        coarse.append(torch.nn.functional.adaptive_avg_pool2d(x, GRID).flatten(1))
    return torch.cat([features, torch.cat(coarse)], dim=1)


def judge(gallery: Gallery, looked: Float[Tensor, "pictures looked"], extractor: str) -> Generator[Doing, None, Judge]:
    """A judge of this gallery's words, from beside it where one is kept, else trained.

    Args:
        gallery: pictures with captions.
        looked: what `look` gives of them.
        extractor: the name of whose features those are.

    Yields:
        How many pictures it has seen.

    Raises:
        DataError: too few pictures have captions.
    """
    condition = TextCondition.fit([gallery.pictures[i] for i in gallery.numbers])
    values = words_of(gallery)
    told = np.flatnonzero([value is not None for value in values])
    captions = {value.alternatives[0][0] for value in values if value is not None}
    if condition is None or min(len(told), len(captions) * 10) < FEWEST:
        raise DataError(
            f"{len(told)} pictures of '{gallery.name}' have captions, {len(captions)} different ones: a judge of words needs "
            f"{FEWEST} pictures and {FEWEST // 10} captions"
        )
    key = Key("judge", FORMAT)
    order = torch.randperm(len(told), generator=key.at("examined").generator()).numpy()
    examined, learnt = told[order[: len(told) // 10]], told[order[len(told) // 10 :]]
    mean, deviation = looked[learnt].mean(0), looked[learnt].std(0).clamp_min(1e-4)
    length = min(MOST, PASSES * len(learnt))
    torch.manual_seed(key.at("weights").generator().initial_seed())
    learner = Contrastive(ContrastiveConfig(), condition, looked.shape[1], length)
    known = [FORMAT, extractor, gallery.numbers.tolist(), condition.state()["tokenizer"], torch.__version__]
    digest = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:12]
    kept = None if gallery.folder is None else gallery.folder / f"judge-{digest}.safetensors"
    if kept is not None and kept.is_file():
        learner.load_state_dict(load_tensors(kept.read_bytes()))
    else:
        begin(learner, {condition.name: [values[i] for i in learnt]}, key.at("begin"))
        loop = Loop(learner, seed=0)
        standard = (looked - mean) / deviation
        for progress in loop.run(_batches(learnt, standard, values, condition, length, key.at("order"))):
            yield Doing("teaching a judge of words", progress.seen, length)
        if kept is not None:
            write_atomically(kept, save_tensors({name: tensor.contiguous() for name, tensor in learner.state_dict().items()}))
    return Judge(learner.eval(), condition, mean, deviation, examined)


def _batches(
    learnt: Int64[np.ndarray, " some"],
    standard: Float[Tensor, "pictures looked"],
    values: Sequence[Words | None],
    condition: TextCondition,
    length: int,
    key: Key,
) -> Iterator[tuple[int, Batch]]:
    for seen in range(0, length, BATCH):
        picked = learnt[torch.randperm(len(learnt), generator=key.at(seen).generator())[:BATCH].numpy()]
        rows = tuple(range(seen, seen + len(picked)))
        drawn = [
            condition.draw(value, key.at("caption", row))
            for row, place in zip(rows, picked, strict=True)
            if (value := values[place]) is not None
        ]
        yield seen, Batch(standard[picked][:, :, None, None], {condition.name: drawn}, rows)


def taught(
    gallery: Gallery, features: Others, extractor: str
) -> Generator[Doing, None, tuple[Judge, Float[Tensor, "pictures looked"]]]:
    """A judge of this gallery's words, and what it looks at of each picture.

    Raises:
        DataError: too few pictures have captions.
    """
    looked = look(features, _parts(gallery))
    return (yield from judge(gallery, looked, extractor)), looked


def agreement(
    painted: Gallery,
    mine: Features,
    asked: Sequence[Words | None],
    gallery: Gallery,
    features: Others,
    see: Extractor,
    key: Key,
) -> Generator[Doing, None, dict[str, Number]]:
    """How well paintings suit their words, beside how well real pictures that the judge has not seen suit theirs."""
    with_words = np.flatnonzero([value is not None for value in asked])
    if len(with_words) < FEWEST_ASKED:
        return {}
    if see.say is not None:
        real = np.arange(min(len(gallery), REAL))
        return {
            "paintings": _heard(see.say, mine, asked, key.at("paintings")),
            "real pictures": _heard(
                see.say, features[: len(real)], words_of(gallery.take(gallery.numbers[real])), key.at("real")
            ),
        }
    try:
        judged, parts = yield from taught(gallery, features, see.name)
    except DataError as error:
        return {"paintings": Refused(str(error))}
    luck = np.random.default_rng(key.generator().initial_seed())
    known = words_of(gallery)
    rows: dict[str, Number] = {}
    for name, looked, words in (
        ("paintings", look(mine, _parts(painted))[with_words], [asked[i] for i in with_words.tolist()]),
        ("real pictures", parts[judged.examined], [known[i] for i in judged.examined.tolist()]),
    ):
        drawn = [_one(judged, value, key.at(name, row)) for row, value in enumerate(words)]
        rows[name] = mean_of(judged.agreement(looked, drawn, key.at(name)), luck)
    return rows


def _heard(say: Callable[[Sequence[str]], Features], seen: Features, words: Sequence[Words | None], key: Key) -> Number:
    """The same, by an extractor that reads English by itself and so needs not be taught on the set."""
    texts = [_english(value) for value in words]
    told = [place for place, text in enumerate(texts) if text]
    if len(told) < FEWEST_ASKED:
        return Refused(
            f"{len(told)} pictures have English words, which are all that this extractor reads: {FEWEST_ASKED} are needed"
        )
    read = [text for text in texts if text]
    hits = r_precision(torch.nn.functional.normalize(seen[told]), say(read), read, key)
    return mean_of(hits, np.random.default_rng(key.at("resample").generator().initial_seed()))


def _english(value: Words | None) -> str | None:
    """What is said in plain letters, the best caption first."""
    if value is None:
        return None
    captions = [caption for group in value.alternatives for caption in group] or ["".join(text for text, _ in value.parts)]
    return next((caption for caption in captions if caption.isascii()), None)


def _one(judged: Judge, value: Words | None, key: Key) -> Words:
    """One caption; what was asked in one wording already is left as it is."""
    assert value is not None
    return judged.condition.draw(value, key) if value.alternatives else value


def _parts(gallery: Gallery) -> Iterator[Many]:
    return (gallery.straight(slice(start, start + AT_ONCE)) for start in range(0, len(gallery), AT_ONCE))
