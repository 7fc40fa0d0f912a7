"""A style of one's own: 100 pictures of a vendor the painter never saw, and what the fine-tuned painter then paints.

`python benchmarks/own_style.py emoji`, and `--refine` to have the paintings in the new style gone over (family "refined").
OpenMoji (CC-BY-SA-4.0) is only tried with here: nothing that learnt from it is shipped.
Who judges words has learnt from real pictures of the other vendors; who judges styles from all, and from none of the 100.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from danqing.conditions.text import Words
from danqing.config import parse_overrides
from danqing.data import npm
from danqing.data.emoji import WORDS, normal, read_entries
from danqing.data.gallery import Gallery, of_set
from danqing.data.lookalikes import concept
from danqing.data.picture_set import PictureSet, import_pictures, place_of
from danqing.data.rendering import squared_icon
from danqing.data.source import Item, Source
from danqing.files import png
from danqing.metrics.extractor import DEFAULT
from danqing.metrics.extractors import extractor
from danqing.metrics.measured import mean_of
from danqing.metrics.recognition import classifier
from danqing.metrics.styles import StyleJudge, style_extractor
from danqing.painters.hearing import TOP, Court
from danqing.painters.painter import Painter, open_painter
from danqing.painters.sheet import grid, paint_values
from danqing.painters.trial import learnt_from, preparation_of
from danqing.parts.contract import Key
from danqing.train import train
from danqing.words import Picture

PACKAGE, STYLE = ("openmoji", "17.0.0"), "openmoji"
SHOWN = 96


class OpenMoji(Source):
    """The coloured pictures, or some of them drawn by luck, in the groups a painter learnt; in no style, as one's own are."""

    def __init__(self, groups: Sequence[str], some: int | None = None) -> None:
        self.groups, self.some = groups, some

    def describe(self) -> str:
        """The package, and how many."""
        return f"{'@'.join(PACKAGE)} {self.some or 'all'}"

    def items(self) -> Iterator[Item]:
        """In the order of code points."""
        entries, folder = read_entries(npm.pack(*WORDS)), npm.pack(*PACKAGE) / "color" / "svg"
        files = {normal(path.stem): path for path in folder.glob("*.svg")}
        known = sorted(code for code in files.keys() & entries.keys() if entries[code].group in self.groups)
        chosen = np.sort(np.random.default_rng(0).permutation(len(known))[: self.some]) if self.some else range(len(known))
        for code in (known[place] for place in chosen):
            path, entry = files[code], entries[code]
            yield Item(
                code,
                lambda path=path: squared_icon(path.read_bytes(), 128, 1),  # type: ignore[misc]
                entry.captions,
                concept=code,
                licence="CC-BY-SA-4.0",
                creator="OpenMoji",
                facts={"group": entry.group},
            )


def opened(name: str, groups: Sequence[str], some: int | None) -> PictureSet:
    """The set, made where it is not there yet."""
    if not (place_of(name) / "manifest.json").is_file():
        import_pictures(OpenMoji(groups, some), name)
    return PictureSet.open(name)


def paintings(painter: Painter, pictures: Sequence[Picture], styles: Sequence[str]) -> Any:
    """One of each, English and Chinese in turn."""
    words = [picture.captions[("en", "zh")[row % 2]][0] for row, picture in enumerate(pictures)]
    values: dict[str, list[Any]] = {
        "text": [Words(((word, 1.0),)) for word in words],
        "style": [painter.conditions["style"].parse(style) for style in styles],
    }
    return np.concatenate(
        [
            paint_values(
                painter.family,
                {name: column[start : start + 64] for name, column in values.items()},
                min(64, len(words) - start),
                painter.facts.size,
                Key(start),
            )
            for start in range(0, len(words), 64)
        ]
    )


def main(base_name: str, some: int, count: int, more: dict[str, Any], name: str, refine: bool, through: str) -> None:
    """Fine-tune, refine if wanted, paint, judge, print."""
    torch.set_num_threads(1)
    base, see, luck = open_painter(base_name), extractor(through), np.random.default_rng(0)
    groups = base.facts.trained["groups"]
    whole, mine = opened(STYLE, groups, None), opened(f"{STYLE}-{some}", groups, some)
    began, cpu = time.monotonic(), time.process_time()
    given = {"data": mine.name, "held_out": False, "threads": torch.get_num_threads(), "sheets": 0}
    *_, _done = train(mine.name, {**given, "start_from": base_name, "name": name, **more})
    if refine:
        refined = {"start_from": name, "family": "refined", "name": f"{name}-refined"}
        *_, _done = train(mine.name, {**given, **refined})
    spent = f"{time.monotonic() - began:.0f} s, {time.process_time() - cpu:.0f} CPU s"
    tuned, own = open_painter(name), mine.name
    after = {"fine-tuned": tuned} | ({"refined": open_painter(f"{name}-refined")} if refine else {})
    emoji = PictureSet.open(base.facts.trained["set"])
    real = learnt_from(base, emoji).train
    features = see.features(real.straight())
    shown = {picture.concept for picture in mine.pictures}
    gallery = of_set(whole, preparation_of(base))
    others = gallery.take(np.array([row for row in range(len(whole)) if whole.pictures[row].concept not in shown]))
    unseen = see.features(others.straight())
    court, told = Court(real, features, see), of_pictures(real)
    judge = classifier(features, [str(concept(picture)) for picture in told])
    pictures = [picture for picture in of_pictures(others) if str(concept(picture)) in judge.classes]
    pictures = [pictures[place] for place in luck.permutation(len(pictures))[:count]]
    half = len(unseen) // 2
    look = style_extractor(see)
    beside, styles = look.features(others.straight()), [*(picture.style for picture in told), *([STYLE] * half)]
    hands = StyleJudge.taught(look, torch.cat([look.features(real.straight()), beside[:half]]), styles)
    names = sorted({picture.style for picture in told})
    old = [names[place] for place in luck.integers(0, len(names), len(pictures))]
    fits = [row for row, style in enumerate(old) if str(concept(pictures[row])) in court.judges[style].classes]
    asked = [Picture("", pictures[row].captions, old[row]) for row in fits]
    results = {}
    for who, painter in (("before", base), ("after", tuned)):
        seen = see.features(paintings(painter, asked, [picture.style for picture in asked]))
        results[f"words recognised in the old styles, {who}"] = court.recognised(seen, asked)
    labels = [str(concept(picture)) for picture in pictures]
    for who, painter in after.items():  # a refiner leaves the old styles alone
        mined = paintings(painter, pictures, [own] * len(pictures))
        results[f"words recognised in the new style, {who}"] = (judge.ranks(see.features(mined), labels) < TOP).astype(float)
        results[f"taken for the new style, {who}"] = hands.right(look.features(mined), [STYLE] * len(mined))
        (painter.folder / "own-style.png").write_bytes(png(grid(mined[:SHOWN], 2, 16)))
    results["real pictures taken for the new style"] = hands.right(beside[half:], [STYLE] * len(beside[half:]))
    there = [row for row, picture in enumerate(of_pictures(others)) if str(concept(picture)) in judge.classes]
    known = [str(concept(of_pictures(others)[row])) for row in there]
    results["words recognised in real pictures of the new style"] = (judge.ranks(unseen[there], known) < TOP).astype(float)
    print(f"{len(mine)} pictures, {tuned.facts.trained['seen']} seen in {spent}, by {base_name} {more or ''}")
    for what, hits in results.items():
        print(f"  {what}: {mean_of(hits, luck)}", flush=True)


def of_pictures(gallery: Gallery) -> list[Picture]:
    """What is known of each."""
    return [gallery.pictures[number] for number in gallery.numbers]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fine-tuning by 100 pictures of a vendor never seen")
    parser.add_argument("base")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--count", type=int, default=256, help="paintings of each kind")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    parser.add_argument("--name", default="own-style")
    parser.add_argument("--refine", action="store_true", help="have the paintings in the new style gone over")
    parser.add_argument("--extractor", default=DEFAULT, help="through which words and styles are judged")
    chosen = parser.parse_args()
    main(chosen.base, chosen.pictures, chosen.count, parse_overrides(chosen.sets), chosen.name, chosen.refine, chosen.extractor)
