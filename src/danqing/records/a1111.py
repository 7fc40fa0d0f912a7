"""The `parameters` text that A1111's web UI began and most galleries and tools read."""

import re
from collections.abc import Mapping
from typing import Any

NAMES = {
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "euler": "Euler",
    "ancestral": "Euler a",
    "heun": "Heun",
    "dpm++2m": "DPM++ 2M",
}
"""Sampler names as those tools know them."""
FEWEST = 3
"""Facts that the last line holds; one of fewer belongs to the words, which may hold colons too."""
LONGEST = 16_384
"""Characters of a last line that is looked at, so that a hostile one takes no time."""
_FACT = re.compile(r'(\w[\w \-/]{1,63}): ?("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')


def compose(wish: Mapping[str, Any], painter: str, weights_sha256: str, version: str) -> str:
    """A resolved wish (see `danqing.words.Wish.to_json`) as `parameters` text."""
    width, height = wish["size"]
    facts = {
        "Steps": wish.get("steps", 1),  # what reads such texts looks for it first
        **({"Sampler": NAMES.get(wish["sampler"], wish["sampler"])} if "sampler" in wish else {}),
        "CFG scale": f"{wish['guidance']:g}",
        "Seed": wish["seed"],
        "Size": f"{width}x{height}",
        "Model hash": weights_sha256[:10],
        "Model": painter,
        **({"Denoising strength": f"{wish['strength']:g}"} if "init" in wish else {}),
        **{name.capitalize(): _quoted(value) for name, value in wish.get("conditions", {}).items()},
        "Version": f"danqing {version}",
    }
    lines = [wish.get("words", "")]
    if "negative" in wish:
        lines.append(f"Negative prompt: {wish['negative']}")
    return "\n".join([*lines, ", ".join(f"{name}: {value}" for name, value in facts.items())])


def parse(text: str) -> dict[str, str]:
    """What such a text says, by name; a size as `Size-1` and `Size-2`. Lenient, since many tools write such texts."""
    *lines, last = text.strip().split("\n")
    facts = _FACT.findall(last) if len(last) <= LONGEST else []
    if len(facts) < FEWEST:
        lines, facts = [*lines, last], []
    words, *negative = re.split("^Negative prompt:", "\n".join(lines), maxsplit=1, flags=re.MULTILINE)
    found = {"Prompt": words.strip(), "Negative prompt": "".join(negative).strip()}
    for name, value in facts:
        size = re.fullmatch(r"(\d+)x(\d+)", value)
        if size:
            found |= {f"{name}-1": size[1], f"{name}-2": size[2]}
        else:
            quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
            found[name] = value[1:-1].replace('\\"', '"') if quoted else value.strip()
    return found


def _quoted(value: str) -> str:
    """Values with a comma or colon stand in quotes, as those tools write them."""
    return '"' + value.replace('"', '\\"') + '"' if any(sign in value for sign in ',:"\n') else value
