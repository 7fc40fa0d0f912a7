"""SentencePiece models (Kudo & Richardson 2018) read without their library: a vocabulary, and how text is made normal."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from danqing.errors import AssetError

_PIECES, _NORMAL = 1, 3
"""Fields of a model: its pieces, and its normaliser."""
_UNKNOWN, _CONTROL = 2, 3
"""Kinds of pieces that stand for no text."""


def read_tokenizer(content: bytes) -> Tokenizer:
    """A unigram model (Kudo 2018) as a tokenizer that gives each piece's place in the text; adds no piece of its own.

    Args:
        content: of a `.model` file.

    Raises:
        AssetError: it is none.
    """
    try:
        fields = list(message(content))
        pieces = [_piece(value) for field, value in fields if field == _PIECES]
        if not pieces:
            raise ValueError("it has no pieces")
        rules = next((dict(message(value)) for field, value in fields if field == _NORMAL), {})
        tokenizer = Tokenizer(models.Unigram(pieces, 0))
        steps: list[normalizers.Normalizer] = [normalizers.Precompiled(rules[2])] if rules.get(2) else []
    except (ValueError, TypeError, IndexError, KeyError, struct.error) as error:
        raise AssetError(
            f"a SentencePiece model cannot be read ({error}): delete the asset's folder to fetch it again"
        ) from error
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    return tokenizer


def _piece(content: bytes) -> tuple[str, float]:
    """A piece and its logarithmic probability. Where pieces are sought a text holds no space, so " <s>" is never found."""
    facts = dict(message(content))
    text, score = bytes(facts[1]).decode(), struct.unpack("<f", facts.get(2, bytes(4)))[0]
    return (f" {text}" if facts.get(3) in (_UNKNOWN, _CONTROL) else text), score


def message(content: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protocol buffer: an integer, or bytes."""
    place = 0
    while place < len(content):
        tag, place = _number(content, place)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            value, place = _number(content, place)
            yield field, value
            continue
        size, place = _number(content, place) if kind == 2 else ({1: 8, 5: 4}[kind], place)
        if place + size > len(content):
            raise ValueError("it ends too early")
        yield field, content[place : place + size]
        place += size


def _number(content: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, seven bits a byte, and the place behind it."""
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
