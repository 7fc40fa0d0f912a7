"""A list of addresses, as museums and galleries give them: each with its licence, or it is left out.

What was fetched is kept at home under the hash of its address, so an interrupted import goes on where it stopped.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

from danqing.data.checks import Limits
from danqing.data.metadata import Described, Line, describe, read_table
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import DataError, OutputError, PictureError
from danqing.files import home, write_atomically
from danqing.net import fetch

SUFFIXES = (".csv", ".json", ".jsonl", ".txt")
COLUMNS = ("url", "address", "image_url", "image", "file_name")
"""Names of the column that holds the address."""
_MAX_LIST = 256 << 20


class AddressSource(Source):
    """The pictures a list names: CSV, JSON or JSON Lines with a column `url`, or text with one address per line.

    Args:
        path: the list.
        given: what holds for every row that says nothing else, above all a licence.
        max_bytes: largest picture fetched.
        timeout: seconds for one picture.
        allow_private: also fetch from this machine and private networks.

    Raises:
        DataError: there is no such list, or of no kind that is read.
    """

    def __init__(
        self,
        path: str | Path,
        given: Described | None = None,
        *,
        max_bytes: int = Limits().max_bytes,
        timeout: float = 60.0,
        allow_private: bool = False,
    ) -> None:
        self.path = Path(path).resolve()
        self.given = given or Described()
        if self.path.suffix.lower() not in SUFFIXES or not self.path.is_file():
            raise DataError(f"'{path}' is no list of addresses: give a file ending in {', '.join(SUFFIXES)}")
        self._fetch = functools.partial(fetch, max_bytes=max_bytes, timeout=timeout, allow_private=allow_private)

    def describe(self) -> str:
        """The list, by its place and content, and what was given for all its rows."""
        content = hashlib.sha256(self._content()).hexdigest()[:16]
        return f"addresses {self.path.as_posix()} ({content}){self.given.said()}"

    def items(self) -> Iterator[Item | LeftOut]:
        """Every address in the order of the list; an address named twice is taken once.

        Raises:
            DataError: the list cannot be read, or a row has no address.
        """
        seen: set[str] = set()
        for line in self._lines():
            address = _address(line)
            found = describe(line.values, COLUMNS).over(self.given).over(Described(source=self.path.stem))
            place = f"{address} ({line.where})" if address in seen else address
            if address in seen:
                yield LeftOut(place, "is listed twice")
            elif not found.licence:
                yield LeftOut(place, f"has no licence ({line.where}): add a licence column, or give one for the whole list")
            else:
                yield found.item(place, functools.partial(self._load, address))
            seen.add(address)

    def _lines(self) -> list[Line]:
        if self.path.suffix.lower() != ".txt":
            return read_table(self.path.name, self._content())
        try:
            rows = self._content().decode("utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise DataError(f"'{self.path}' is not UTF-8 ({error.reason}): save the list as UTF-8") from error
        written = [(number, row.strip()) for number, row in enumerate(rows, 1) if row.strip() and not row.startswith("#")]
        return [Line(f"{self.path.name}, line {number}", {"url": row}) for number, row in written]

    def _content(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                content = file.read(_MAX_LIST + 1)
        except OSError as error:
            raise DataError(f"'{self.path}' cannot be read ({error.strerror or error}): give a list you may read") from error
        if len(content) > _MAX_LIST:
            raise DataError(f"'{self.path}' has more than {_MAX_LIST >> 20} MiB: split the list")
        return content

    def _load(self, address: str) -> bytes:
        kept = home() / "assets" / "addresses" / hashlib.sha256(address.encode()).hexdigest()
        try:
            return kept.read_bytes()
        except FileNotFoundError:
            pass
        try:
            content = self._fetch(address).content
            write_atomically(kept, content)
        except OutputError:
            raise
        except DataError as error:
            raise PictureError(str(error)) from error
        return content


def _address(line: Line) -> str:
    lower = {name.strip().lower(): value for name, value in line.values.items()}
    found = next((lower[name] for name in COLUMNS if isinstance(lower.get(name), str) and lower[name].strip()), "")
    if not found:
        raise DataError(f"{line.where}, has no address: give the list a column 'url'")
    return str(found.strip())
