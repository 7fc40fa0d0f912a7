"""The exact earth mover's distance between two small sets of weighted things."""

import itertools

import numpy as np
from jaxtyping import Float

_NOTHING = 1e-12
"""Mass, as a share of the whole, below which rounding is all there is."""


def earth_mover(supply: Float[np.ndarray, " m"], demand: Float[np.ndarray, " n"], cost: Float[np.ndarray, "m n"]) -> float:
    """The least mean cost of turning one distribution into the other (Rubner, Tomasi & Guibas 2000, equations 1 to 5).

    Args:
        supply: masses, at least one above 0; scaled to sum to 1.
        demand: likewise.
        cost: of moving all mass from each to each, at least 0.

    Returns:
        In the unit of `cost`.

    Raises:
        ValueError: a mass is negative, a side has none, or shapes do not fit; a mistake of the caller.
    """
    return float((plan(supply, demand, cost) * cost).sum())


def plan(
    supply: Float[np.ndarray, " m"], demand: Float[np.ndarray, " n"], cost: Float[np.ndarray, "m n"]
) -> Float[np.ndarray, "m n"]:
    """How much to move from each to each: successive shortest paths (Ahuja, Magnanti & Orlin 1993, section 9.7).

    Arguments and errors are those of `earth_mover`; rows sum to `supply`, columns to `demand`.
    """
    if cost.shape != (len(supply), len(demand)) or min(supply.sum(), demand.sum()) <= 0 or min(supply.min(), demand.min()) < 0:
        raise ValueError(
            "masses must be 0 or more with some above 0, and the cost have a row per supply and a column per demand"
        )
    left, wanted = supply / supply.sum(), demand / demand.sum()
    flow = np.zeros(cost.shape)
    while left.max() > _NOTHING and wanted.max() > _NOTHING:
        path = _shortest_path(left > _NOTHING, wanted > _NOTHING, flow, cost)
        source, sink = path[0][0], path[-1][1]
        undone = [flow[after[0], before[1]] for before, after in itertools.pairwise(path)]
        amount = min(left[source], wanted[sink], *undone)
        for row, column in path:
            flow[row, column] += amount
        for before, after in itertools.pairwise(path):
            flow[after[0], before[1]] = max(0.0, flow[after[0], before[1]] - amount)
        left[source] -= amount
        wanted[sink] -= amount
    return flow


def _shortest_path(sources: np.ndarray, sinks: np.ndarray, flow: np.ndarray, cost: np.ndarray) -> list[tuple[int, int]]:
    """The cheapest way to move a little more, as moves (row, column); between two moves, the second row's move into the
    first's column is undone. Bellman and Ford's rounds, all edges at once; a strictly shorter way alone changes a
    predecessor, so ties make no circles.
    """
    undo = np.where(flow > _NOTHING, -cost, np.inf)
    least = _NOTHING * (1.0 + cost.max())
    rows, columns = np.where(sources, 0.0, np.inf), np.full(len(sinks), np.inf)
    via_column, via_row = np.full(len(rows), -1), np.full(len(columns), -1)
    while True:
        there = rows[:, None] + cost
        better = there.min(axis=0) < columns - least
        columns = np.where(better, there.min(axis=0), columns)
        via_row = np.where(better, there.argmin(axis=0), via_row)
        back = columns + undo
        better = back.min(axis=1) < rows - least
        if not better.any():
            break
        rows = np.where(better, back.min(axis=1), rows)
        via_column = np.where(better, back.argmin(axis=1), via_column)
    column = int(np.where(sinks, columns, np.inf).argmin())
    path = [(int(via_row[column]), column)]
    while via_column[path[0][0]] >= 0:
        column = int(via_column[path[0][0]])
        path.insert(0, (int(via_row[column]), column))
    return path
