"""Settings: what does nothing beside the others is refused."""

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from test_proposals import Noise

from danqing.config import Config, refuse_idle
from danqing.data.picture_set import import_pictures
from danqing.errors import ConfigError
from danqing.painters.registry import FAMILIES
from danqing.painters.settings import resolve


def configs(cls: type[Config]) -> Iterator[type[Config]]:
    """A group of settings and those within it."""
    yield cls
    for field in cls.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, Config):
                yield from configs(kind)


CASES = sorted(
    {(cls, name) for entry in FAMILIES.values() for cls in configs(entry.config) for name in cls.needs},
    key=lambda case: (case[0].__name__, case[1]),
)


@pytest.mark.parametrize(("cls", "name"), CASES, ids=[f"{cls.__name__}.{name}" for cls, name in CASES])
def test_a_setting_that_does_nothing_beside_the_others_is_refused(cls: type[Config], name: str) -> None:
    other, values = cls.needs[name]
    possible = typing.get_args(cls.model_fields[other].annotation)
    assert set(values) < set(possible), "it does something beside some values, and nothing beside some"
    for value in possible:
        config = cls.read({other: value})
        given: dict[str, Any] = {other: value, name: getattr(config, name)}
        if value in values:
            refuse_idle(config, given)
        else:
            with pytest.raises(ConfigError, match=f"{name} was given and does nothing beside {other}={value}"):
                refuse_idle(config, given)
        refuse_idle(config, {other: value})


@pytest.mark.parametrize("family", FAMILIES)
def test_no_preset_says_anything_that_does_nothing(family: str) -> None:
    for facts in FAMILIES[family].presets.values():
        refuse_idle(FAMILIES[family].config.read(facts), facts)


def test_it_is_refused_before_a_training_begins_however_deep_it_lies(tmp_path: Path) -> None:
    pictures = import_pictures(Noise(20, (16, 16, 3)), tmp_path / "set")
    with pytest.raises(
        ConfigError, match=r"model\.view was given .* model\.critic=pixels: leave it out, or set model\.critic=projec"
    ):
        resolve(pictures, {"family": "gan", "model": {"preset": "pixels", "view": 64}})
    with pytest.raises(ConfigError, match=r"model\.codec\.levels was given .* beside model\.codec\.quantiser=vq"):
        resolve(pictures, {"family": "autoregressive", "model": {"codec": {"levels": [4, 4]}}})
    # Beside what it needs it is taken.
    settings, _ = resolve(pictures, {"family": "autoregressive", "model": {"codec": {"quantiser": "fsq", "levels": [4, 4]}}})
    assert settings.model["codec"] == {"quantiser": "fsq", "levels": [4, 4]}
