"""Makes `kinds.txt.gz`, which says what a thing is a kind of, from the nouns of WordNet 3.0 (decision 18).

    python recipes/kinds.py DICT --out src/danqing/conditions/kinds.txt.gz

DICT is WordNet's folder of `index.noun` and `data.noun` (Debian's wordnet-base 3.0 has it in /usr/share/wordnet). Kept are
nouns in their first senses, but no names of single persons and places, and of two words only those that the distilled reader
knows.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

from danqing.conditions.kinds import SENSES
from danqing.parts.distilled_text import open_distilled

PARTS = 2
"""Words that a noun has at most."""


def main(folder: Path, out: Path) -> None:
    """Write the file: a line for each meaning, as `danqing.conditions.kinds` reads it."""
    known = set(open_distilled().tokenizer.get_vocab())
    ranks: dict[tuple[str, str], int] = {}
    for line in _lines(folder / "index.noun"):
        lemma, _, count, pointers, *rest = line.split()
        senses = rest[int(pointers) + 2 :]
        assert len(senses) == int(count)
        ranks |= {(lemma, meaning): rank for rank, meaning in enumerate(senses)}
    nouns: dict[str, list[str]] = {}
    above: dict[str, list[str]] = {}
    for line in _lines(folder / "data.noun"):
        meaning, _, _, count, *rest = line.partition(" | ")[0].split()
        size = 2 * int(count, 16)
        words, links = rest[:size:2], rest[size + 1 :]
        pointers = list(zip(links[::4], links[1::4], links[2::4], strict=False))
        above[meaning] = [other for sign, other, kind in pointers if sign == "@" and kind == "n"]
        single = any(sign == "@i" for sign, _, _ in pointers)
        told = [(word.replace("_", " "), ranks[word.lower(), meaning]) for word in words if word.islower() and not single]
        nouns[meaning] = [f"{word}:{rank}" if rank else word for word, rank in told if rank < SENSES and _wanted(word, known)]
    kept = {meaning for meaning, told in nouns.items() if told}
    fresh = kept
    while fresh := {other for meaning in fresh for other in above[meaning]} - kept:
        kept |= fresh
    places = {meaning: place for place, meaning in enumerate(sorted(kept))}
    text = "".join(
        f"{'|'.join(nouns[meaning])}\t{' '.join(str(places[other]) for other in above[meaning])}\n" for meaning in sorted(kept)
    )
    out.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{len(kept)} meanings, {sum(map(len, nouns.values()))} nouns, {out.stat().st_size} bytes")


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="ascii").splitlines() if not line.startswith(" ")]


def _wanted(noun: str, known: set[str]) -> bool:
    parts = noun.split()
    return len(parts) == 1 or (len(parts) <= PARTS and all(part in known for part in parts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What a thing is a kind of")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    main(arguments.folder, arguments.out)
