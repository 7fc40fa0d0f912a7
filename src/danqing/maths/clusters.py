"""Weighted k-means that always gives the same answer."""

import numpy as np
from jaxtyping import Float


def kmeans(
    points: Float[np.ndarray, "count dims"], weights: Float[np.ndarray, " count"], most: int, rounds: int = 12
) -> tuple[Float[np.ndarray, "clusters dims"], Float[np.ndarray, " clusters"]]:
    """Lloyd's algorithm (Lloyd 1982) from a greedy start: each new centre is the point that adds most to the error.

    The start is k-means++ (Arthur & Vassilvitskii 2007) with its draw replaced by the likeliest point, so nothing is random.

    Args:
        points: what to group.
        weights: above 0.
        most: clusters; fewer come back where there are fewer distinct points.
        rounds: of Lloyd's algorithm, unless nothing moves sooner.

    Returns:
        Centres, and the weight of each cluster (above 0).
    """
    centres = _start(points, weights, most)
    moments = np.concatenate([points * weights[:, None], weights[:, None]], axis=1)
    nearest = np.full(len(points), -1)
    sums = moments[:0]
    for _ in range(rounds):
        before, nearest = nearest, _nearest(points, centres)
        if np.array_equal(before, nearest):
            break
        sums = (nearest == np.arange(len(centres))[:, None]).astype(points.dtype) @ moments
        sums = sums[sums[:, -1] > 0]
        centres = sums[:, :-1] / sums[:, -1:]
    return centres, sums[:, -1]


def _start(points: np.ndarray, weights: np.ndarray, most: int) -> np.ndarray:
    chosen = [int(weights.argmax())]
    distance = np.square(points - points[chosen[0]]).sum(axis=1)
    while len(chosen) < most:
        error = weights * distance
        worst = int(error.argmax())
        if error[worst] <= 1e-12 * weights.sum():
            break
        chosen.append(worst)
        distance = np.minimum(distance, np.square(points - points[worst]).sum(axis=1))
    return np.asarray(points[chosen])


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.asarray((np.square(centres).sum(axis=1) - 2.0 * points @ centres.T).argmin(axis=1))
