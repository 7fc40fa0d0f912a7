"""The order of pictures: a function of the seed and of how many were seen."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from learners import stream

from danqing.data.prepare import augment
from danqing.data.stream import Stream
from danqing.parts.contract import Key

STREAM = stream(20)


def shares(seen: int, until: int, size: int, ranks: int = 1, made: Stream = STREAM) -> list[list[torch.Tensor]]:
    """The pictures of each batch, for each of several processes."""
    parts = [slice(rank * size // ranks, (rank + 1) * size // ranks) for rank in range(ranks)]
    return [[batch.pictures for _, batch in made.batches(seen, until, size, part)] for part in parts]


def test_an_epoch_shows_every_picture_once_and_the_next_in_another_order() -> None:
    orders = [STREAM.order(epoch) for epoch in range(3)]
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert stream(20, seed=1).order(0) != orders[0]
    first = STREAM.batch(range(17, 23))  # over the border of two epochs
    expected = [*orders[0][17:], *orders[1][:3]]
    assert torch.equal(first.pictures, torch.from_numpy(STREAM.pixels[expected].astype(np.float32) / 127.5 - 1))
    assert first.rows == (17, 18, 19, 20, 21, 22)


def test_a_training_that_goes_on_sees_what_it_would_have_seen() -> None:
    whole = shares(0, 48, 8)[0]
    for cut in range(0, 48, 8):
        assert all(map(torch.equal, whole[cut // 8 :], shares(cut, 48, 8)[0]))
    assert len(shares(0, 41, 8)[0]) == 6  # the last batch is whole
    assert [first for first, _ in STREAM.batches(16, 40, 8, slice(0, 8))] == [16, 24, 32]


@pytest.mark.parametrize("ranks", [2, 4])
def test_processes_share_each_batch_without_gap_or_overlap(ranks: int) -> None:
    whole, parts = shares(0, 40, 8)[0], shares(0, 40, 8, ranks)
    assert all(torch.equal(batch, torch.cat(pieces)) for batch, *pieces in zip(whole, *parts, strict=True))


def test_draws_and_changes_are_named_by_the_row_however_the_batch_is_cut() -> None:
    changing = Stream(STREAM.pixels, STREAM.values, STREAM.draw, 0, functools.partial(augment, flip=0.5, shift=2))
    whole = changing.batch(range(40))
    pieces = [changing.batch(range(row, row + 1)) for row in range(40)]
    assert torch.equal(whole.pictures, torch.cat([piece.pictures for piece in pieces]))
    assert whole.conditions["palette"] == [piece.conditions["palette"][0] for piece in pieces]
    again = changing.batch(range(20, 40))  # the same pictures in the next epoch are drawn anew
    assert {str(value) for value in again.conditions["palette"]} != {str(v) for v in whole.conditions["palette"][:20]}


def test_a_missing_value_stays_missing() -> None:
    values = {"words": [None if number % 2 else number for number in range(20)]}
    told = Stream(STREAM.pixels, values, lambda name, value, key: f"{name} {value} {key.path[-1]}", 0).batch(range(20))
    expected = [None if number % 2 else f"words {number} words" for number in STREAM.order(0)]
    assert told.conditions["words"] == expected


def test_a_key_draws_the_same_numbers_whenever_it_is_asked() -> None:
    names = [Key(7), Key(8), Key(7).at("noise"), Key(7).at("noise", 1), Key(7).at("noise", "1"), Key("7")]
    drawn = [tuple(key.normal(3).tolist()) for key in names]
    assert len(set(drawn)) == len(names)
    assert drawn == [tuple(key.normal(3).tolist()) for key in names]
    # Golden: other numbers would give every saved wish another picture.
    assert Key(7).at("noise", 12).generator().initial_seed() == 5110934403296684770


def test_pictures_that_an_accelerator_holds_are_the_same() -> None:
    """Moved there once, and drawn there; here the processor plays the accelerator."""
    told = Stream(STREAM.pixels, STREAM.values, STREAM.draw, 0, functools.partial(augment, flip=0.5, shift=2))
    held = dataclasses.replace(told, device=torch.device("meta"))
    assert told.resident is None
    assert held.resident is not None
    assert held.resident.shape == told.pixels.shape
    there = dataclasses.replace(told)
    there.__dict__["resident"] = torch.from_numpy(told.pixels)
    assert torch.equal(there.batch(range(17, 43)).pictures, told.batch(range(17, 43)).pictures)
