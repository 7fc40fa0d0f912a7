"""What the documents claim: their links lead somewhere, their commands exist, and both languages say the same."""

import re
import shlex
from pathlib import Path

import pytest
import typer

import danqing
from danqing.cli import app
from danqing.config import read_toml
from danqing.painters.registry import settings
from danqing.painters.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken


def commands(page: Path) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return [shlex.split(line, comments=True) for line in lines]


def test_both_languages_give_the_same_commands() -> None:
    english, chinese = (commands(page) for page in READMES)
    assert english == chinese


TOLD = [command for page in (READMES[0], *sorted((ROOT / "docs").rglob("*.md"))) for command in commands(page)]


@pytest.mark.parametrize("command", TOLD, ids=" ".join)
def test_commands_exist(command: list[str]) -> None:
    if command[0] == "make":
        assert re.search(rf"^{command[1]}:", (ROOT / "Makefile").read_text(encoding="utf8"), re.MULTILINE)
        return
    assert command[0] == "danqing"
    # Parsed to the end by the real command line, but not run.
    group = typer.main.get_command(app)
    context = group.make_context("danqing", list(command[1:]))
    while hasattr(group, "resolve_command"):
        arguments = [*context._protected_args, *context.args]
        _, found, rest = group.resolve_command(context, arguments)
        assert found is not None
        group, context = found, found.make_context(found.name, rest, parent=context)


def test_exports_are_there() -> None:
    assert all(hasattr(danqing, name) for name in danqing.__all__)
    for name in danqing.__all__:
        assert getattr(danqing, name).__doc__


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda p: p.stem)
def test_recipes_hold_only_known_settings(recipe: Path) -> None:
    facts = read_toml(recipe)
    known = Settings.read({"name": "any", "size": 32, "channels": 4, "pictures_seen": 1, "threads": 1, **facts})
    settings(known.family, known.model)
