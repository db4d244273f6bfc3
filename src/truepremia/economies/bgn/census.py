"""Who lives in the Berk-Green-Naik economy: its live projects."""

from collections.abc import Iterator

import numpy as np

from truepremia.economies.contract import Population

STATES = ("month", "death")
"""Columns of the states that are counted."""


def census(population: Population) -> Iterator[tuple[str, str, float]]:
    """Yield name, unit and mean over months of what describes the firms."""
    states, months, firms = population.states, population.months, population.firms
    taken = np.searchsorted(np.sort(states["month"]), months, side="right")
    gone = np.searchsorted(np.sort(states["death"]), months, side="right")
    yield "live projects", "per firm", float(np.mean(taken - gone) / firms)
    arrived = np.isin(states["month"], months).sum() / len(months)
    yield "new projects taken", "per firm and month", float(arrived / firms)
