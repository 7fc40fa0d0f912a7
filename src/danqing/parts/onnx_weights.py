"""The weights of an ONNX file, read without the library of that format: a file of it is a protocol buffer.

Field numbers are those of `onnx.proto`, which the format fixes for ever.
"""

from __future__ import annotations

import math
import struct

import numpy as np
import torch
from torch import Tensor

from danqing.errors import AssetError
from danqing.parts.sentencepiece import message

_GRAPH = 7
"""Of a model: its graph."""
_NODE, _INITIALISER = 1, 5
"""Of a graph: its nodes, and the tensors it begins with."""
_DIMENSION, _KIND, _NAME, _RAW = 1, 2, 8, 9
"""Of a tensor: its sides, the kind of its numbers, its name, and the numbers as bytes, lowest first."""
_INPUT, _OUTPUT, _OPERATION, _ATTRIBUTE = 1, 2, 4, 5
"""Of a node."""
_KINDS = {1: "<f4", 3: "<i1", 6: "<i4", 7: "<i8"}
"""Kinds of numbers by their place in the format's list."""


def read_onnx(content: bytes) -> dict[str, Tensor]:
    """Every tensor that a graph begins with, by its name, and those that are kept in whole numbers also as the real ones meant.

    A whole number q means scale · (q - zero), with a scale and a zero for each index of an axis or for all (`DequantizeLinear`
    of the format); the real numbers bear the name under which the graph computes with them.

    Args:
        content: of an `.onnx` file.

    Raises:
        AssetError: it is none.
    """
    try:
        graph = list(message(next(value for field, value in message(content) if field == _GRAPH)))
        found = dict(_tensor(value) for field, value in graph if field == _INITIALISER)
        for node in (list(message(value)) for field, value in graph if field == _NODE):
            inputs = [value.decode() for field, value in node if field == _INPUT]
            if (_OPERATION, b"DequantizeLinear") in node and inputs[0] in found:
                whole, scale, zero = (found[name] for name in inputs)
                # Other attributes than the axis, which is 1 where it is not stated, change nothing that is computed here.
                named = [dict(message(value)) for field, value in node if field == _ATTRIBUTE]
                axis = next((int(facts.get(3, 0)) for facts in named if facts[1] == b"axis"), 1)
                shape = [-1 if place == axis and scale.numel() > 1 else 1 for place in range(whole.ndim)]
                name = next(value.decode() for field, value in node if field == _OUTPUT)
                found[name] = (whole - zero.view(shape)).float() * scale.view(shape)
    except (StopIteration, ValueError, TypeError, IndexError, KeyError, AttributeError, RuntimeError, struct.error) as error:
        raise AssetError(f"an ONNX file cannot be read ({error!r}): delete the asset's folder to fetch it again") from error
    return found


def _tensor(content: bytes) -> tuple[str, Tensor]:
    """Name and numbers; those of few numbers that are not kept as bytes are left empty, for weights never are."""
    fields = list(message(content))
    facts = dict(fields)
    sides = [int(value) for field, value in fields if field == _DIMENSION]
    array = np.frombuffer(facts.get(_RAW, b""), _KINDS[facts[_KIND]])
    return facts[_NAME].decode(), torch.from_numpy(array.copy()).reshape(sides if array.size == math.prod(sides) else [-1])
