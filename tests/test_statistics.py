"""Plain statistics: zero for the same pictures, known values in closed form, and blind to what nobody sees."""

import numpy as np
import pytest

from danqing.maths.statistics import colour_distance, mean_picture, pixel_distance

LUCK = np.random.default_rng(0)
PICTURES = LUCK.integers(0, 256, (40, 6, 5, 3), np.uint8)


@pytest.mark.parametrize("distance", [pixel_distance, colour_distance])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_set_is_no_way_from_itself_in_another_order(distance: object, channels: int) -> None:
    assert callable(distance)
    pictures = LUCK.integers(0, 256, (30, 6, 5, channels), np.uint8)
    assert distance(pictures, pictures[::-1]) == pytest.approx(0, abs=1e-9)


def test_the_mean_picture_is_the_sets_deviation_away() -> None:
    repeated = mean_picture(PICTURES)[None].repeat(7, axis=0)
    deviation = np.sqrt((PICTURES.astype(float).std(0) ** 2).mean())
    assert pixel_distance(repeated, PICTURES) == pytest.approx(deviation, abs=0.1)


def test_a_shift_is_its_own_size() -> None:
    darker = PICTURES // 2
    assert pixel_distance(darker + np.uint8(10), darker) == pytest.approx(10)


@pytest.mark.parametrize("distance", [pixel_distance, colour_distance])
def test_colours_nobody_sees_do_not_count(distance: object) -> None:
    assert callable(distance)
    clear = np.zeros((9, 6, 5, 1), np.uint8)
    painted = LUCK.integers(0, 256, (9, 6, 5, 3), np.uint8)
    hidden, black = np.concatenate([painted, clear], -1), np.concatenate([painted * 0, clear], -1)
    assert distance(hidden, black) == 0


def test_the_mean_of_clear_and_red_is_half_clear_red() -> None:
    pictures = np.array([[255, 0, 0, 255], [0, 0, 0, 0]], np.uint8).reshape(2, 1, 1, 4)
    assert mean_picture(pictures).ravel().tolist() == [255, 0, 0, 128]
