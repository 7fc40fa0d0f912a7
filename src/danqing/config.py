"""Typed settings: pydantic models that read and write TOML and take `key=value` overrides. No torch here."""

import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import pydantic
import tomli_w

from danqing.errors import ConfigError, choices

Needs = Mapping[str, tuple[str, tuple[str, ...]]]
"""Of a setting: another, and the values of that beside which it does something."""


class Config(pydantic.BaseModel):
    """A group of settings. Unknown keys are errors; values are converted only where nothing is lost; it is immutable."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)
    needs: ClassVar[Needs] = {}
    """Settings that do nothing but beside certain values of another."""

    @classmethod
    def read(cls, facts: Mapping[str, Any], where: str = "settings") -> Self:
        """Build from plain values.

        Raises:
            ConfigError: one sentence naming the first setting that does not exist or is out of range.
        """
        try:
            return cls.model_validate(dict(facts))
        except pydantic.ValidationError as error:
            raise ConfigError(_sentence(cls, error, where)) from error

    def plain(self) -> dict[str, Any]:
        """Plain values for JSON or TOML; settings that are `None` are left out, so `read(plain())` gives the same."""
        return self.model_dump(mode="json", exclude_none=True)


def refuse_idle(config: Config, given: Mapping[str, Any], where: str = "") -> None:
    """Refuse what was given and does nothing beside the rest.

    Args:
        config: all settings.
        given: those that a user gave.
        where: how they are called, up to their names.

    Raises:
        ConfigError: it names the first of them, and beside what it would do something.
    """
    for name, value in given.items():
        part = getattr(config, name, None)
        if isinstance(part, Config) and isinstance(value, Mapping):
            refuse_idle(part, value, f"{where}{name}.")
        other, values = config.needs.get(name, ("", ()))
        if other and (now := getattr(config, other)) not in values:
            wanted = " or ".join(f"{where}{other}={value}" for value in values)
            idle = f"the setting {where}{name} was given and does nothing beside {where}{other}={now}"
            raise ConfigError(f"{idle}: leave it out, or set {wanted}")


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a recipe or a run's settings.

    Raises:
        ConfigError: the file cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"'{path}' cannot be read as TOML ({error}): give a recipe such as those in recipes/") from error


def write_toml(facts: Mapping[str, Any]) -> bytes:
    """Plain values as TOML bytes."""
    return tomli_w.dumps(facts).encode()


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, table by table."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def unlike(given: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """What `given` says otherwise than `base`, table by table."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        old = base.get(key)
        new = unlike(value, old) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
        if new != old and not (new == {} and isinstance(old, Mapping)):
            found[key] = new
    return found


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """`["pictures_seen=1000", "model.width=64"]` as nested values; each value is read as TOML, else as a plain string.

    Raises:
        ConfigError: a pair has no `=`.
    """
    facts: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set was given '{pair}': write it as key=value, for example --set batch=32")
        nested: Any = _value(text.strip())
        for part in reversed(key.strip().split(".")):
            nested = {part: nested}
        facts = merge(facts, nested)
    return facts


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _sentence(cls: type[Config], error: pydantic.ValidationError, where: str) -> str:
    """The first complaint in words; for an unknown key, the close matches."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    name = ".".join(path)
    if first["type"] == "extra_forbidden":
        return f"{where} has no '{name}': {choices(path[-1], _keys(cls, path[:-1]))}"
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: '{name}' was given {first.get('input')!r}: {said[:1].lower()}{said[1:]}"


def _keys(cls: type[Config], path: list[str]) -> list[str]:
    for part in path:
        field = cls.model_fields.get(part)
        inner = [kind for kind in _kinds(field.annotation) if issubclass(kind, Config)] if field else []
        if not inner:
            break
        cls = inner[0]
    return list(cls.model_fields)


def _kinds(annotation: Any) -> list[type]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in _kinds(part)]
    return [annotation] if isinstance(annotation, type) else []
