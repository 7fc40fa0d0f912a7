"""A set on the Hugging Face Hub, read through `datasets` (the extra `hub`): its image column and what describes it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from danqing.data.captions import by_language
from danqing.data.metadata import Described, describe
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import AssetError, DataError, PictureError

SPLIT = "train"


class HubSource(Source):
    """The pictures of `hf:ORG/NAME` or `hf:ORG/NAME:SPLIT`, in the order the set has them.

    Args:
        text: as above.
        given: what holds for every picture that says nothing else.

    Raises:
        DataError: the text names no set.
        AssetError: `datasets` is not installed.
    """

    def __init__(self, text: str, given: Described | None = None) -> None:
        name, _, split = text.removeprefix("hf:").partition(":")
        if not name.strip("/") or name.count("/") > 1:
            raise DataError(f"'{text}' names no set on the Hub: write it as hf:ORG/NAME or hf:ORG/NAME:SPLIT")
        self.name, self.split = name, split or SPLIT
        self.given = given or Described()
        self._datasets = _library()

    def describe(self) -> str:
        """`hf:ORG/NAME:SPLIT`, and what was given for all of it."""
        return f"hf:{self.name}:{self.split}{self.given.said()}"

    def items(self) -> Iterator[Item | LeftOut]:
        """Every row of the split; its image stays undecoded until it is loaded.

        Raises:
            DataError: the set cannot be had, has no such split, or no images.
        """
        rows = self._open()
        column = _image_column(rows.features)
        rows = rows.cast_column(column, self._datasets.Image(decode=False))
        labels = {name: kind for name, kind in rows.features.items() if hasattr(kind, "int2str")}
        licence = str(getattr(rows.info, "license", "") or "")
        for number, row in enumerate(rows):
            named = {name: kind.int2str(row[name]) for name, kind in labels.items() if row[name] is not None and row[name] >= 0}
            values = {name: value for name, value in row.items() if name != column} | named
            found = describe(values)
            if not found.captions:
                found = found.over(Described(by_language(list(named.values()))))
            found = found.over(self.given).over(Described(licence=licence, source=f"hf:{self.name}"))
            yield found.item(f"{self.name}:{self.split}/{number}", functools.partial(_bytes, row[column]))

    def _open(self) -> Any:
        try:
            return self._datasets.load_dataset(self.name, split=self.split)
        except (OSError, ValueError, LookupError, RuntimeError) as error:
            said = str(error).split("\n")[0][:200]
            raise DataError(f"'{self.describe()}' cannot be read ({said}): check its name and split on the Hub") from error


def _library() -> Any:
    try:
        return importlib.import_module("datasets")
    except ImportError as error:
        raise AssetError("sets on the Hub need the library 'datasets': install it with pip install 'danqing[hub]'") from error


def _image_column(features: Mapping[str, Any]) -> str:
    found = [name for name, kind in features.items() if type(kind).__name__ == "Image"]
    if not found:
        raise DataError(f"the set has no column of images, only {', '.join(features)}: give a set of pictures")
    return found[0] if len(found) == 1 or "image" not in found else "image"


def _bytes(image: Mapping[str, Any] | None) -> bytes:
    content, path = (image or {}).get("bytes"), (image or {}).get("path")
    if isinstance(content, bytes):
        return content
    if not path:
        raise PictureError("has no bytes in the set")
    return Path(path).read_bytes()
