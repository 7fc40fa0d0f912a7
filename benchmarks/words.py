"""How much a painter has learnt from words: the share of its denoising error that they take away."""

import argparse
from collections.abc import Callable, Mapping

import numpy as np
import torch

from danqing.conditions.text import Words
from danqing.data.captions import unread_of
from danqing.data.picture_set import PictureSet
from danqing.data.prepare import Preparation, prepare
from danqing.families.diffusion import Diffusion
from danqing.maths.seen import to_network
from danqing.painters.painter import open_painter
from danqing.words import Picture

SIGMAS = (0.97, 0.9, 0.75, 0.5)
"""Noise levels: x_t = (1 − σ)·x + σ·ε. What a picture shows is decided at the noisiest."""


def main(name: str, data: str, count: int) -> None:
    """Print a row per noise level: the error without words, and what words of each language take away."""
    painter, pictures = open_painter(name), PictureSet.open(data)
    family = painter.family
    assert isinstance(family, Diffusion), f"{name} is a {painter.facts.family}: only a diffusion has a denoising error"
    prepared = prepare(pictures, Preparation(size=painter.facts.size, channels=painter.facts.channels))
    places = np.sort(np.random.default_rng(0).permutation(len(pictures))[:count])
    x = to_network(np.stack([prepared.straight(int(place)) for place in places]))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    others = {
        known: [condition.read(pictures.pictures[i], prepared.straight(int(i))) for i in places]
        for known, condition in painter.conditions.items()
        if known not in ("text", "palette")
    }
    labels, unread = (spoken([pictures.pictures[i] for i in places], of) for of in (lambda p: p.captions, unread_of))
    for sigma in SIGMAS:
        x_t, time = (1 - sigma) * x + sigma * noise, torch.full((count,), 1 - sigma)

        def error(rows: np.ndarray, text: list[Words | None], x_t: torch.Tensor = x_t, time: torch.Tensor = time) -> float:
            total = 0.0
            for start in range(0, len(rows), 128):
                part = rows[start : start + 128]
                asked = {known: [values[i] for i in part] for known, values in (others | {"text": text}).items()}
                total += float((family.predict(x_t[part], time[part], asked) - x[part]).square().sum())
            return total

        def shares(told: dict[str, list[Words | None]]) -> str:
            found = []
            for language, text in told.items():
                rows = np.array([row for row in range(count) if text[row] is not None])
                found.append(f"{language} {1 - error(rows, text) / error(rows, [None] * count):.1%}" if len(rows) else "")
            return ", ".join(found)

        alone = error(np.arange(count), [None] * count) / x.numel()
        print(f"σ {sigma}: error without words {alone:.4f}; they take away {shares(labels)}", flush=True)
        if any(unread.values()):
            named = {
                language: [label if word is not None else None for label, word in zip(labels[language], words, strict=True)]
                for language, words in unread.items()
            }
            print(f"   of pictures with words never read: those {shares(unread)}; labels {shares(named)}", flush=True)


def spoken(pictures: list[Picture], of: Callable[[Picture], Mapping[str, tuple[str, ...]]]) -> dict[str, list[Words | None]]:
    """The first of each picture's words in each language, by language."""
    told = [of(picture) for picture in pictures]
    return {
        language: [Words(((words[language][0], 1.0),)) if words.get(language) else None for words in told]
        for language in sorted({language for words in told for language in words})
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What words take away of the denoising error")
    parser.add_argument("painter")
    parser.add_argument("data", help="the set it was trained on")
    parser.add_argument("--count", type=int, default=1024, help="pictures measured, drawn with one seed")
    given = parser.parse_args()
    with torch.inference_mode():
        main(given.painter, given.data, given.count)
