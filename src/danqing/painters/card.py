"""The card of a painter: a Hugging Face model card that says what it is, what it was trained on, and by whose leave."""

from collections.abc import Mapping
from typing import Any

from danqing.assets import find
from danqing.config import write_toml
from danqing.painters.painter import ATTRIBUTIONS, PainterFacts
from danqing.painters.registry import entry
from danqing.painters.shelf import lessons
from danqing.parts.distilled_text import DISTILLED


def card(facts: PainterFacts, attributions: str, settings: Mapping[str, Any]) -> dict[str, bytes]:
    """`README.md`, `ATTRIBUTIONS.md` and the recipe that trains it, by file name."""
    trained = facts.trained
    learnt = lessons(trained)
    rows = [(licence or "not stated", one["set"], n) for one in learnt for licence, n in one.get("licences", {}).items()]
    licences = "\n".join(f"| {licence} | `{name}` | {count} |" for licence, name, count in rows)
    words = ", ".join(sorted(facts.conditions)) or "nothing"
    starts = entry(facts.family).family.starts
    text = f"""---
library_name: danqing
tags: [{"image-to-image" if starts else "text-to-image"}, {facts.family}]
---
# {facts.name}

Family {facts.family}: pictures of {facts.size[1]}×{facts.size[0]} with {facts.channels} channels, to be asked by: {words}.

    danqing paint {"--init PICTURE" if starts else '"…"'} --painter {facts.name}

## What it was trained on

The set `{trained["set"]}` (fingerprint `{trained["fingerprint"][:16]}`), {trained["pictures"]} pictures, of which it saw
{trained["seen"]} in all.{_started(trained)}
`recipe.toml` beside this card trains it again; `ATTRIBUTIONS.md` names whose pictures these are.

| licence | set | pictures |
|---|---|---|
{licences}

{_needs(facts)}## What it cannot do

It knows the pictures that it learnt from and little else. No score is claimed here: `danqing train` prints plain distances
only.
"""
    return {"README.md": text.encode(), ATTRIBUTIONS: attributions.encode(), "recipe.toml": write_toml(settings)}


def _started(trained: Mapping[str, Any]) -> str:
    """Where it started, if from another painter."""
    if "start" not in trained:
        return ""
    start = trained["start"]
    return (
        f" It started from the painter `{start['name']}` (weights `{start['weights'][:16]}`), and knows what that one learnt."
    )


def _reader(name: str) -> str:
    if name == DISTILLED:
        return f"`{name}`, which comes with Danqing, distilled from `use-multilingual-v3` by Google, Apache-2.0"
    return f"`{name}` by {find(name).creator}, {find(name).licence}, fetched when first used"


def _needs(facts: PainterFacts) -> str:
    """Networks of others that it paints with, which are not in its folder."""
    states = [state["frozen"]["asset"] for state in facts.conditions.values() if "frozen" in state]
    rows = [f"- {_reader(name)}\n" for name in states]
    return "## What it needs besides\n\n" + "".join(rows) + "\n" if rows else ""
