"""What a training is told: its settings, and what is proposed where a user says nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from danqing.conditions.text import NETWORKS
from danqing.config import Config, merge, read_toml, refuse_idle, unlike
from danqing.data.picture_set import PictureSet
from danqing.data.proposals import SECONDS, propose, reader
from danqing.errors import ConfigError, TrainingError, choices
from danqing.files import home
from danqing.painters import sides, starting
from danqing.painters.painter import open_painter
from danqing.painters.registry import entry, settings
from danqing.parts.contract import Family
from danqing.parts.packing import Stored

FREE = frozenset(
    {
        "pictures_seen",
        "seconds",
        "batch",
        "threads",
        "micro_batch",
        "save_minutes",
        "sheets",
        "precision",
        "shown",
        "compiled",
        "kept",
    }
)
"""Settings that may change when a run goes on; every other change needs a new name."""


class Settings(Config):
    """Everything a training is told. What a user leaves out is proposed from the data.

    Args:
        data: name of the set.
        name: of the run and its painter.
        family: which family.
        size: (height, width), or one number for both.
        channels: 1 gray, 3 colour, 4 colour with transparency.
        shown: (height, width), or one number for both, of its paintings where a wish does not say; by default `size`.
        pictures_seen: how long to train.
        seconds: how long to train, instead: of the processor, over all threads, or of the clock on an accelerator. How many
            pictures that is, is measured before the training begins, and stays so when it goes on.
        batch: pictures per update, over all processes.
        micro_batch: pictures computed at once; fewer need less memory and change nothing else.
        seed: of the order of pictures, the first weights and every draw.
        threads: of the processor.
        precision: "auto" computes in bfloat16 where the device does that in hardware.
        compiled: let PyTorch compile the family's networks; "auto" does so on an accelerator, where it pays.
        conditions: which of the set's conditions to learn; by default all.
        text: the network that reads words: "trained" with the painter, "distilled", which comes along and knows words of no
            caption, or "frozen:NAME" of an asset; "distilled" is proposed where it knows nearly all words of the captions.
        held_out: keep the held-out tenth of the set out of training; "pairs" a tenth of the (concept, style) pairs instead, so
            that every concept is learnt and one can see whether it is painted in styles it was never shown in.
        groups: where the set names groups (emoji), only these; by default all.
        from_style, to_styles: of a translation: the style of the pictures it makes others from, and the styles it makes.
        flip: share of pictures mirrored; shift: pixels moved at most.
        fit, background, denoise, segment: see `danqing.data.prepare.Preparation`.
        save_minutes: time between snapshots.
        sheets: sample sheets over the whole training.
        start_from: a painter to start from instead of fresh weights; its conditions and settings are taken over, and what is
            in a style it does not know, or in none, is learnt as a style of its own.
        rehearse: where it starts from a painter, how many of that one's own paintings, by words and styles it remembers, are
            learnt from beside the pictures, so that they are not forgotten.
        low_rank: where it starts from a painter, train only changes of so low a rank (`danqing.parts.low_rank`); 0 trains all.
        kept: where it starts from a painter, the share of that one's weights in those that are left: what it knew comes back
            sooner than what was learnt is lost (decision 21). Another share may be asked for when the run goes on, also at its
            end.
        stored: how the painter's weights are kept: whole, or smaller as float16 or int8.
        model: the family's own settings.
    """

    data: str
    name: str
    family: str = "diffusion"
    size: tuple[int, int]
    shown: tuple[int, int] | None = None
    channels: Literal[1, 3, 4]
    pictures_seen: int = Field(ge=1)
    seconds: float | None = Field(None, gt=0)
    batch: int = Field(64, ge=1)
    micro_batch: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0)
    threads: int = Field(ge=1)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compiled: bool | Literal["auto"] = "auto"
    conditions: tuple[str, ...] | None = None
    text: str | None = None
    held_out: bool | Literal["pairs"] = True
    groups: tuple[str, ...] | None = None
    from_style: str | None = None
    to_styles: tuple[str, ...] | None = None
    flip: float = Field(0.0, ge=0, le=1)
    shift: int = Field(0, ge=0)
    fit: Literal["pad", "crop"] = "pad"
    background: str = "#ffffff"
    denoise: float = Field(0.0, ge=0)
    segment: Literal["none", "alpha", "grabcut"] = "none"
    save_minutes: float = Field(2.0, ge=0)
    sheets: int = Field(4, ge=0)
    start_from: str | None = None
    rehearse: int = Field(0, ge=0)
    low_rank: int = Field(0, ge=0)
    kept: float = Field(0.0, ge=0, lt=1)
    stored: Stored = "float32"
    model: dict[str, Any] = Field(default_factory=dict)

    @field_validator("size", "shown", mode="before")
    @classmethod
    def _square(cls, size: Any) -> Any:
        return (size, size) if isinstance(size, int) else size

    @field_validator("size", "shown")
    @classmethod
    def _sensible(cls, size: tuple[int, int] | None) -> tuple[int, int] | None:
        if size is not None and not all(8 <= side <= 1024 for side in size):
            raise ValueError("sides lie between 8 and 1024 pixels")
        return size

    @field_validator("to_styles", mode="before")
    @classmethod
    def _several(cls, styles: Any) -> Any:
        return (styles,) if isinstance(styles, str) else styles

    @field_validator("text")
    @classmethod
    def _known(cls, text: str | None) -> str | None:
        if text is not None and text not in NETWORKS:
            raise ValueError(choices(text, NETWORKS))
        return text

    def bound(self) -> dict[str, Any]:
        """What may not change when the run goes on."""
        return {key: value for key, value in self.plain().items() if key not in FREE}


def resolve(pictures: PictureSet, given: Mapping[str, Any]) -> tuple[Settings, tuple[str, ...]]:
    """Settings from what a user gave, the rest proposed from the data; and the reasons for what is proposed."""
    threads, seconds = given.get("threads"), given.get("seconds")
    proposal = propose(
        pictures,
        threads if isinstance(threads, int) and threads > 0 else None,  # what is wrong is told below
        seconds=seconds if isinstance(seconds, int | float) and seconds > 0 else None,
    )
    proposed: dict[str, Any] = {
        "data": pictures.name,
        "name": f"{pictures.name}-{given.get('family', 'diffusion')}",
        "size": proposal.size,
        "channels": proposal.channels,
        "pictures_seen": proposal.pictures_seen,
        "batch": proposal.batch,
        "threads": proposal.threads,
        "fit": proposal.fit,
        "model": {"preset": proposal.model},
    }
    reasons, way, taken = dict(proposal.reasons), dict[str, Any](), dict[str, Any]()
    taught: tuple[str, ...] = ()
    if given.get("start_from"):
        base = open_painter(str(given["start_from"]))
        if "preset" in given.get("model", {}):
            raise ConfigError(
                f"model.preset was given, and the settings of '{base.name}' are taken over: leave it out, and name "
                "single settings"
            )
        facts, way = starting.proposed(base, pictures, given), starting.way(base, pictures, given)
        taken, taught = facts["model"], tuple(base.conditions)
        proposed, reasons = proposed | facts, {name: why for name, why in reasons.items() if name not in facts}
    family = entry(str(given.get("family", proposed.get("family", "diffusion")))).family
    if family.translates is not None:
        facts, whys = sides.proposed(pictures, {**way, **given})
        proposed, reasons = proposed | facts, reasons | whys
        if taught:  # what it can be asked for stays, also where there is one style alone to be made
            proposed["conditions"] = taught
            reasons.pop("conditions", None)
    elif wrong := next((name for name in ("from_style", "to_styles") if given.get(name) is not None), None):
        raise ConfigError(f"the setting {wrong} was given, and the family does not translate: leave it out")
    if family.examples:
        proposed["channels"], reasons["channels"] = 3, "3 channels: styles by example are of pictures in colour"
    if not family.learns:
        raise ConfigError("the family paints without training: use 'danqing stylize', or name a family that learns")
    most = family.batch
    if most is not None and most < proposal.batch:
        proposed["batch"], reasons["batch"] = most, f"batches of {most}: a game needs many updates more than exact ones"
    if "pictures_seen" not in given:
        if not family.paced and not given.get("start_from"):
            proposed["seconds"] = float(SECONDS * proposal.threads)
        if given.get("seconds", proposed.get("seconds")):
            reasons["pictures_seen"] = "pictures_seen: as many as can be seen in the time (the setting seconds), by measurement"
    elif given.get("seconds"):
        raise ConfigError("pictures_seen and seconds were given: give one of them")
    if not taken:
        proposed["model"] |= {name: value for name, (value, _) in family.suggested.items()}
        reasons |= {f"model.{name}": why for name, (_, why) in family.suggested.items()}
    begun = _begun(str(given.get("name", proposed["name"])))
    if begun is not None:
        if not taken:  # proposed on another machine, or for another time, they may be others
            proposed |= {name: begun[name] for name in ("size", "channels", "batch", "fit") if name in begun}
        proposed["model"] = _as_begun(family, proposed["model"], begun.get("model", {}))
    told = merge(proposed, given)
    model = settings(str(told.get("family", "diffusion")), told["model"])  # what is wrong is told before anything is read
    refuse_idle(model, unlike(given.get("model", {}), taken), "model.")
    found = Settings.read(told)
    if family.refines and not found.start_from:
        raise TrainingError("a refiner goes over another painter's paintings: say whose, with --from NAME")
    if found.start_from and "pictures_seen" not in given and not family.refines:
        learnt = choose(pictures, found)
        if family.translates is not None:
            assert found.from_style is not None
            assert found.to_styles is not None
            ends, apart = found.to_styles, not family.examples
            learnt = sides.sides(pictures, learnt, found.from_style, ends, family.translates, apart).made
        found = found.model_copy(update={"pictures_seen": starting.length(len(learnt))})
    reads = family.conditional and not (family.translates or family.examples or found.start_from)
    if reads and "text" not in given:
        found, reasons = _read_by(pictures, found, reasons)
    own = {name for name in given if name != "model" or "preset" in given["model"]}
    own |= {f"model.{name}" for name in family.suggested if name in given.get("model", {}) or name not in proposed["model"]}
    return found, tuple(why for name, why in reasons.items() if name not in own)


def _begun(name: str) -> dict[str, Any] | None:
    """What a run was begun with, if it was."""
    file = run_folder(name) / "settings.toml"
    return read_toml(file) if file.is_file() else None


def _as_begun(family: type[Family], model: Mapping[str, Any], begun: Mapping[str, Any]) -> dict[str, Any]:
    """Proposed settings of a family, with what only painting heeds as its run was begun.

    What a family suggests may be new, and the painter that a run is from may have been adjusted; so may one that is refined.
    """
    free = family.tunable
    found = {name: begun[name] if name in free else value for name, value in model.items() if name not in free or name in begun}
    if "base" in model and "base" in begun:
        base = model["base"]
        found["base"] = {**base, "model": _as_begun(entry(base["family"]).family, base["model"], begun["base"]["model"])}
    return found


def _read_by(pictures: PictureSet, s: Settings, reasons: dict[str, str]) -> tuple[Settings, dict[str, str]]:
    """With what reads the words: as the run was begun, or as the captions of the pictures that will be learnt suggest."""
    begun = _begun(s.name)
    if begun is not None:
        return s.model_copy(update={"text": begun.get("text")}), reasons
    if s.conditions is not None and "text" not in s.conditions:
        return s, reasons
    proposed = reader([pictures.pictures[i] for i in choose(pictures, s)])
    if proposed is None:
        return s, reasons
    return s.model_copy(update={"text": proposed[0]}), reasons | {"text": proposed[1]}


def run_folder(name: str) -> Path:
    """Where a run is kept."""
    return home() / "runs" / name


def choose(pictures: PictureSet, s: Settings) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers of the pictures to train on.

    Where a translation holds out pairs, these are of concepts and styles to be made: what it starts from is not held out.

    Raises:
        TrainingError: there is none, or no such group.
    """
    chosen = pictures.split("train", "pair" if s.held_out == "pairs" else None) if s.held_out else np.arange(len(pictures))
    if s.held_out == "pairs" and s.from_style is not None and s.from_style not in (s.to_styles or ()):
        chosen = np.union1d(chosen, sides.told(pictures, s.from_style))
    if s.groups is not None:
        known = {picture.facts["group"] for picture in pictures.pictures if "group" in picture.facts}
        wrong = next((group for group in s.groups if group not in known), None)
        if wrong is not None:
            raise TrainingError(f"the set '{s.data}' has no group '{wrong}': {choices(wrong, known)}")
        chosen = np.array([i for i in chosen if pictures.pictures[i].facts.get("group") in s.groups], dtype=np.int64)
    if not len(chosen):
        raise TrainingError(f"the set '{s.data}' has no picture to train on: add pictures, or set held_out=false")
    return chosen


def fingerprint(s: Settings) -> str:
    """A hash of what may not change, kept in every snapshot.

    What is as by default is not in it: a run goes on where a later Danqing has more settings.
    """
    fields = Settings.model_fields.items()
    usual = {name: field.get_default(call_default_factory=True) for name, field in fields if not field.is_required()}
    told = {name: value for name, value in s.bound().items() if name not in usual or value != usual[name]}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
