"""Makes `distilled-words.safetensors`, the small reader of words in the box, from multilingual USE (decision 10).

    python recipes/distilled_words.py --english SMALL LARGE --chinese DICT --out FILE

SMALL and LARGE are SCOWL's word lists of sizes 35 and 70 (Debian's wamerican-small and wamerican-large 2020.12.07; free for any
use), DICT is jieba's `dict.txt` (0.42.1, MIT): a word, how often it was met, its kind. Labels and tags are emojibase's (MIT).
About 20 minutes on one core, most of it the teacher reading 290,000 words.
"""

from __future__ import annotations

import argparse
import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from danqing.data import npm
from danqing.data.emoji import WORDS, Entry, read_entries
from danqing.parts.distilled_text import MIDDLE, cutter
from danqing.parts.frozen_text import FrozenText, open_frozen

WIDTH = 128
LARGE_ENGLISH, COMMON, COMMON_KEPT, NEAR_CHINESE = 20_000, 20_000, 12_000, 22_000
"""Words of the large list; the commonest Chinese words, and how many of them are kept; rarer Chinese words. Kept are those
whose meaning is nearest to a thing with a label."""
ABSTRACT = ("smileys-emotion", "people-body", "symbols", "flags", "component")
LEFT_OUT = ("nr", "ns", "nt", "nz", "i", "l", "m", "t", "d", "r")
"""jieba's kinds of words that name persons, places, sayings, numbers, times, ways."""
PHRASES, COMPOUNDS = 26_000, (30_000, 40_000)
ADJECTIVES = {
    "en": "red green blue yellow purple orange pink black white brown golden silver gray big small tiny huge old young new "
    "happy sad angry sleepy cute scary fat thin tall short round square broken shiny wooden metal glass paper soft wet dry hot "
    "cold frozen burning flying running sleeping dancing smiling crying laughing striped dotted fluffy",
    "zh": "红 绿 蓝 黄 紫 橙 粉 黑 白 棕 金 银 灰 大 小 巨大的 老 年轻的 新 快乐的 伤心的 生气的 困倦的 可爱的 可怕的 胖 "
    "瘦 高 矮 圆 方 破 闪亮的 木头 金属 玻璃 纸 柔软的 湿 干 热 冷 冰冻的 燃烧的 飞翔的 奔跑的 "
    "睡觉的 跳舞的 微笑的 哭泣的 条纹 毛茸茸的",
}
FORMS = {
    "en": (
        "{a} {n}|a {a} {n}|{n} with a {b} {m}|{n} and {m}|{a} {n} with a {b} {m}|{n} in the {m}|{n} on a {m}|the {n} of a {m}|"
        "{a} {b} {n}"
    ),
    "zh": "{a}{n}|{n}和{m}|{a}{n}和{b}{m}|拿着{m}的{n}|一个{a}{n}|{m}上的{n}|{m}里的{n}|戴{a}{m}的{n}",
}
EPOCHS, BATCH, RATE = 6, 1024, 2e-3


class Teacher:
    """What multilingual USE says of texts: vectors about their mean, in its main directions, of length 1."""

    def __init__(self, network: FrozenText) -> None:
        self.network, self.mean, self.directions = network, torch.zeros(()), torch.zeros(())

    def say(self, texts: Sequence[str]) -> Tensor:
        """(texts, 512)."""
        tokens = [self.network.read.__wrapped__(text.lower()).tokens.float() for text in texts]
        return self.network.summary(torch.stack([found.sum(0) / len(found) ** 0.5 for found in tokens]))

    def brief(self, said: Tensor) -> Tensor:
        """(texts, `WIDTH`)."""
        return F.normalize(F.normalize(said - self.mean, dim=1) @ self.directions, dim=1)


def captions_of(entries: dict[str, Entry]) -> list[str]:
    """Every label and tag, once."""
    return sorted({c.lower() for entry in entries.values() for group in entry.captions.values() for c in group})


def nearest(said: Tensor, things: Tensor, mean: Tensor, count: int) -> list[int]:
    """Numbers of the texts whose meaning is nearest to some thing."""
    mine, theirs = F.normalize(said - mean, dim=1), F.normalize(things - mean, dim=1)
    close = torch.cat([(part @ theirs.T).amax(1) for part in torch.split(mine, 4096)])
    return close.argsort(descending=True)[:count].tolist()


def phrases(entries: dict[str, Entry], words: dict[str, list[str]]) -> list[str]:
    """Things with colours, sizes, moods and one another, made up."""
    luck, found = random.Random(0), set()
    things = {
        language: [e.captions[language][0] for e in entries.values() if e.group not in ABSTRACT and language in e.captions]
        for language in words
    }
    for _ in range(PHRASES):
        language = luck.choice(("en", "zh"))
        nouns = things[language] if luck.random() < 0.5 else words[language]
        a, b = (luck.choice(ADJECTIVES[language].split()) for _ in range(2))
        form = luck.choice(FORMS[language].split("|"))
        found.add(form.format(a=a, b=b, n=luck.choice(nouns), m=luck.choice(things[language])).lower())
    return sorted(found)


def distil(pieces: list[str], own: Tensor, texts: Sequence[tuple[str, float]], said: Tensor) -> Tensor:
    """A vector for each piece, so that sums of them say what the teacher says; row 0 is for what no piece is found in."""
    tokenizer = cutter(pieces)
    cut = [tokenizer.encode(text).ids for text, _ in texts]
    weights = torch.tensor([weight for _, weight in texts])
    start = torch.cat([torch.zeros(1, WIDTH), own])
    table = torch.nn.Parameter(start.clone())
    optimiser = torch.optim.Adam([table], RATE)
    luck = torch.Generator().manual_seed(0)
    kept = torch.tensor([row for row, ids in enumerate(cut) if ids])
    for epoch in range(EPOCHS):
        optimiser.param_groups[0]["lr"] = RATE * (1 - epoch / EPOCHS)
        for rows in torch.split(kept[torch.randperm(len(kept), generator=luck)], BATCH):
            ids = [cut[row] for row in rows.tolist()]
            ends = np.cumsum([0, *(len(found) for found in ids[:-1])])
            flat = torch.tensor([piece for found in ids for piece in found])
            sums = F.embedding_bag(flat, table, torch.from_numpy(ends), mode="sum")
            alone = torch.randint(1, len(table), (4096,), generator=luck)
            loss = (weights[rows] * (1 - F.cosine_similarity(sums, said[rows]))).mean()
            loss = loss + (1 - F.cosine_similarity(table[alone], start[alone])).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        print(f"epoch {epoch + 1}: {float(loss):.4f}", flush=True)
    return table.detach()


def main(small: Path, large: Path, chinese: Path, out: Path) -> None:
    """Choose the words, let the teacher read, distil, write."""
    teacher, entries = Teacher(open_frozen("use-multilingual-v3")), read_entries(npm.pack(*WORDS))
    captions = captions_of(entries)
    lists = {path: {word.strip() for word in path.read_text(encoding="utf8").splitlines()} for path in (small, large)}
    common = {word.lower() for word in lists[small]}
    english = sorted(
        {
            word.lower()
            for word in lists[large]
            if word.isascii()
            and word.replace("-", "").isalpha()
            and 2 <= len(word) <= 16
            and (word.islower() or word in lists[small])
        }
    )
    rows = [line.split() for line in chinese.read_text(encoding="utf8").splitlines()]
    often = {
        word: int(count)
        for word, count, kind in rows
        if len(word) <= 4
        and all("一" <= letter <= "鿿" for letter in word)
        and (int(count) >= 3 or len(word) <= 3)
        and not kind.startswith(LEFT_OUT)
    }
    han = sorted(often)
    said = {text: vector for texts in (captions, english, han) for text, vector in zip(texts, teacher.say(texts), strict=True)}
    teacher.mean = torch.stack([said[text] for text in [*english[::3], *han[::4], *captions, *captions]]).mean(0)
    labels = [group[0].lower() for e in entries.values() if e.group not in ABSTRACT for group in e.captions.values()]
    things = torch.stack([said[label] for label in labels])

    def near(words: list[str], count: int) -> list[str]:
        return [words[i] for i in nearest(torch.stack([said[w] for w in words]), things, teacher.mean, count)]

    rarer = [word for word in english if word not in common]
    ranked = sorted(han, key=lambda word: -often[word])
    kept = set(near(ranked[:COMMON], COMMON_KEPT))
    words = {
        "en": sorted({*(word for word in english if word in common), *near(rarer, LARGE_ENGLISH)}),
        "zh": sorted(kept | set(near([word for word in han if word not in kept], NEAR_CHINESE))),
    }
    letters = {letter for text in [*han, *captions] for letter in text if not letter.isspace()}
    spelt = {word for text in captions for word in text.split() if word.isascii() and word.isalpha()}
    known = {*words["en"], *words["zh"]}
    extra = sorted((letters | spelt | set("abcdefghijklmnopqrstuvwxyz0123456789")) - known)
    pieces = [*words["en"], *words["zh"], *extra]
    made = phrases(entries, words)
    for texts in ([text for text in extra if text not in said], made):
        said |= dict(zip(texts, teacher.say(texts), strict=True))
    every = torch.stack([said[text] for text in [*pieces, *captions, *captions, *made]])
    teacher.directions = torch.linalg.svd(F.normalize(every - teacher.mean, dim=1)[::6], full_matrices=False)[2][:WIDTH].T
    luck, whole = random.Random(1), set(pieces)
    left = [[text for text in of if text not in whole] for of in (english, han)]
    compounds = [text for of, count in zip(left, COMPOUNDS, strict=True) for text in luck.sample(of, min(count, len(of)))]
    weighted = ((captions, 2.0), (made, 1.0), (compounds, 0.5))
    told = [(text, weight) for texts, weight in weighted for text in texts]
    table = distil(
        pieces,
        teacher.brief(torch.stack([said[piece] for piece in pieces])),
        told,
        teacher.brief(torch.stack([said[text] for text, _ in told])),
    )
    step = table.abs().amax(1) * 0.85 / 7 + 1e-9
    numbers = ((table / step[:, None]).round().clamp(-7, 7) + MIDDLE).to(torch.uint8)
    packed = numbers[:, 0::2] << 4 | numbers[:, 1::2]
    names = torch.from_numpy(np.frombuffer(zlib.compress("\n".join(pieces).encode(), 9), np.uint8).copy())
    save_file({"table": packed, "scale": step.half(), "pieces": names}, out, {"source": "multilingual USE v3, Apache-2.0"})
    print(f"{len(pieces)} words, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Distil the small reader of words")
    parser.add_argument("--english", nargs=2, type=Path, required=True, metavar=("SMALL", "LARGE"))
    parser.add_argument("--chinese", type=Path, required=True, metavar="DICT")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    main(given.english[0], given.english[1], given.chinese, given.out)
