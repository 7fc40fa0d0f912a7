"""The floors of the house, and other things that are true of every file. Standard library and pytest only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "danqing"

FLOORS: list[set[str]] = [
    {"words", "errors", "config", "files"},
    {"assets", "net"},
    {"parts", "maths"},
    {"conditions"},
    {"data", "families", "metrics", "records", "trust", "store"},
    {"painters"},
    {"train", "paint", "evaluate", "tune", "judge", "replay", "finish", "interpolate", "mix", "choose", "translate"},
    {"worker", "server", "cli"},
]
"""From the ground up. A file imports from lower floors and from its own folder; on the ground floor, from its neighbours.

The package's own `__init__` is on no floor: anyone may read its version, and it opens the doors.
"""
SAME_FLOOR = {
    ("words", "errors"),
    ("words", "files"),
    ("config", "errors"),
    ("files", "errors"),
    ("parts", "maths"),
    ("replay", "paint"),
    ("interpolate", "paint"),
    ("interpolate", "mix"),
    ("mix", "paint"),
    ("replay", "mix"),
    ("choose", "paint"),
    ("translate", "paint"),
    ("choose", "judge"),
    ("evaluate", "judge"),
    ("tune", "judge"),
    ("cli", "server"),
}
"""Neighbours that may be imported, in this direction only."""


def unit(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(number for number, names in enumerate(FLOORS) if name in names)


FILES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def imported(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return [(line, name) for line, name in found if name.startswith("danqing.")]


@pytest.mark.parametrize("path", [p for p in FILES if p != SOURCE / "__init__.py"], ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_down(path: Path) -> None:
    here = unit(path)
    for line, name in imported(ast.parse(path.read_text(encoding="utf8"))):
        there = name.split(".")[1]
        if there == here or there.startswith("__"):
            continue
        below = floor(there) < floor(here) or (here, there) in SAME_FLOOR
        assert below, f"{path.relative_to(ROOT)}:{line} imports {name}: '{here}' may only import from floors below its own"


@pytest.mark.parametrize(
    "path", [p for p in FILES if unit(p) not in ("cli", "__init__")], ids=lambda p: str(p.relative_to(SOURCE))
)
def test_imports_stand_at_the_top(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf8"))
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        for line, name in imported(function):
            pytest.fail(f"{path.relative_to(ROOT)}:{line} imports {name} inside a function; only the command line may")


@pytest.mark.parametrize("path", [*FILES, *TESTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_weights_are_never_code(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not called & {"torch.load", "torch.save", "eval", "exec"}
    assert not modules & {"pickle", "dill", "joblib"}


def test_every_top_name_is_on_a_floor() -> None:
    for path in FILES:
        if path != SOURCE / "__init__.py":
            floor(unit(path))


@pytest.mark.parametrize(
    "module",
    ["danqing", "danqing.cli", "danqing.words", "danqing.config", "danqing.painters.shelf", "danqing.conditions.colours"],
)
def test_imports_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_help_is_quick() -> None:
    """Half a second of processor time, as a ratio to Python's own start so that a slow machine does not matter."""
    code = "; ".join(
        [
            "import os, subprocess, sys",
            "subprocess.run(sys.argv[1:], check=True, capture_output=True)",
            "spent = os.times()",
            "print(spent.children_user + spent.children_system)",
        ]
    )

    def cost(*command: str) -> float:
        runs = [
            subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True) for _ in range(3)
        ]
        return min(float(run.stdout) for run in runs)

    assert cost(sys.executable, "-m", "danqing.cli", "--help") < max(0.5, 30 * cost(sys.executable, "-c", "pass"))
