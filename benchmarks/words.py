"""How much a painter has learnt from words: the share of its denoising error that they take away."""

import argparse

import numpy as np
import torch

from danqing.conditions.text import Words
from danqing.data.picture_set import PictureSet
from danqing.data.prepare import Preparation, prepare
from danqing.families.diffusion import Diffusion
from danqing.maths.colour import to_network
from danqing.painters.painter import open_painter

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
    languages = sorted({language for i in places for language in pictures.pictures[i].captions})
    labels = {
        language: [Words(((c[0], 1.0),)) if (c := pictures.pictures[i].captions.get(language)) else None for i in places]
        for language in languages
    }
    for sigma in SIGMAS:
        x_t, time = (1 - sigma) * x + sigma * noise, torch.full((count,), 1 - sigma)

        def error(text: list[Words | None] | None, x_t: torch.Tensor = x_t, time: torch.Tensor = time) -> float:
            total = 0.0
            for start in range(0, count, 128):
                part = slice(start, start + 128)
                asked = {known: values[part] for known, values in others.items()} | ({"text": text[part]} if text else {})
                total += float((family.predict(x_t[part], time[part], asked) - x[part]).square().sum())
            return total / x.numel()

        alone = error(None)
        shares = ", ".join(f"{language} {1 - error(text) / alone:.1%}" for language, text in labels.items())
        print(f"σ {sigma}: error without words {alone:.4f}; they take away {shares}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What words take away of the denoising error")
    parser.add_argument("painter")
    parser.add_argument("data", help="the set it was trained on")
    parser.add_argument("--count", type=int, default=1024, help="pictures measured, drawn with one seed")
    given = parser.parse_args()
    with torch.inference_mode():
        main(given.painter, given.data, given.count)
