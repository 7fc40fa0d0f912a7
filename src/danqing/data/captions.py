"""What names and side files say of a picture: words from a file's name, a `.txt` beside it, and the language of both."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from danqing.words import Picture

LANGUAGES = ("en", "zh")
"""The languages that captions are told apart into; other text has the language ""."""

_CAMERA = re.compile(
    r"(?:img|dsc[fn]?|pict?|pxl|gopr|mvi|vid|wp|cimg|sam|imag|image|photo|picture|scan|screenshot|capture|untitled|unnamed"
    r"|download|file|mmexport|微信图片|截图|屏幕截图|图片|照片|未命名)\d*|p\d{4,}",
    re.IGNORECASE,
)
_COPY = re.compile(r"(?:\s*(?:[(（]\d+[)）]|[\s-]copy|\s?副本))+\s*$", re.IGNORECASE)
_CODE = re.compile(r"(?:0x)?[0-9a-f]{8,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|u?\+?1?[0-9a-f]{4}", re.IGNORECASE)
_SIZE = re.compile(r"\d+\s?[x×]\s?\d+|@\dx|\d+px|\d+dpi|\bat (?=\d)|\.MP$", re.IGNORECASE)
_HAN = re.compile(r"[㐀-䶿一-鿿豈-﫿\U00020000-\U0003134f]")
_UNREAD = "unread "
_OTHER_ASIAN = re.compile(r"[぀-ヿ가-힯]")


def caption_from_name(name: str) -> str:
    """The words in a file's name, or "" where there are none: "IMG_0042-red_apple (2).png" gives "red apple".

    Camera names, counters, sizes and hashes are no words. A caption is at most 300 characters long.
    """
    stem = unicodedata.normalize("NFC", PurePosixPath(name).stem)
    stem = _COPY.sub("", _SIZE.sub(" ", stem))
    stem = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", stem)
    words = [word for word in re.split(r"[\s_.+~=,;#&()\[\]{}（）【】-]+", stem) if word]
    if words and _CAMERA.fullmatch(words[0]) and not (len(words) > 1 and words[0].isalpha() and _is_word(words[1])):
        words.pop(0)
    while words and not _is_word(words[0]):
        words.pop(0)
    while words and not _is_word(words[-1]):
        words.pop()
    return " ".join(words)[:300]


def language_of(text: str) -> str:
    """ "zh" where Han characters are a fifth of the letters or more, "en" where all letters are Latin, "" otherwise."""
    letters = [letter for letter in text if letter.isalpha()]
    if not letters or _OTHER_ASIAN.search(text):
        return ""
    if 5 * len(_HAN.findall(text)) >= len(letters):
        return "zh"
    return "en" if all(unicodedata.name(letter, "").startswith("LATIN") for letter in letters) else ""


def by_language(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Captions sorted by language, each once, in the order given; blank ones are no captions."""
    found: dict[str, list[str]] = {}
    for text in texts:
        plain = " ".join(text.split())
        same = found.setdefault(language_of(plain), []) if plain else None
        if same is not None and plain not in same:
            same.append(plain)
    return {language: tuple(captions) for language, captions in found.items()}


def merged(first: Mapping[str, tuple[str, ...]], second: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Two sets of captions as one, those of `first` the better."""
    languages = [*first, *(language for language in second if language not in first)]
    return {language: tuple(dict.fromkeys((*first.get(language, ()), *second.get(language, ())))) for language in languages}


def says(caption: str, words: Iterable[str]) -> bool:
    """Whether a caption holds one of these words: whole where words are parted by spaces, anywhere in it in Chinese."""
    low = caption.lower()
    found = (word for word in words if word in low)
    return any(_HAN.search(word) or re.search(rf"(?<!\w){re.escape(word)}(?!\w)", low) for word in found)


def unread_facts(words: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What else a picture may be called, kept from its captions, as facts of it; see `unread_of`."""
    return {f"{_UNREAD}{language}": "|".join(of) for language, of in words.items()}


def unread_of(picture: Picture) -> dict[str, tuple[str, ...]]:
    """Language → words that mean what a picture shows and that none of the set's captions says.

    By them one sees whether a painter understands words it never read.
    """
    found = {name.removeprefix(_UNREAD): text for name, text in picture.facts.items() if name.startswith(_UNREAD)}
    return {language: tuple(text.split("|")) for language, text in found.items()}


def _is_word(text: str) -> bool:
    """Whether a part of a name says something: it has letters, and is no hexadecimal code or counter such as "a1"."""
    if not any(letter.isalpha() for letter in text):
        return False
    if _HAN.search(text) or text.lower() in ("2d", "3d"):
        return True
    digits = sum(letter.isdigit() for letter in text)
    if _CODE.fullmatch(text) and digits:
        return False
    return 2 * digits <= len(text) and not (digits and len(text) - digits < 2)
