"""The `parameters` text that A1111's web UI began and most galleries and tools read."""

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


def _quoted(value: str) -> str:
    """Values with a comma or colon stand in quotes, as those tools write them."""
    return '"' + value.replace('"', '\\"') + '"' if any(sign in value for sign in ',:"\n') else value
