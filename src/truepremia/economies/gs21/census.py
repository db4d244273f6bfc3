"""Who lives in the Gomes-Schmid economy: defaults and debt."""

from collections.abc import Iterator

import numpy as np

from truepremia.economies.contract import Population

STATES = ("month", "default", "b", "eta")
"""Columns of the states that are counted."""

MONTHS_PER_YEAR = 12


def census(population: Population) -> Iterator[tuple[str, str, float]]:
    """Yield name, unit and mean of what describes the firms.

    Defaults are rare and counted in every month, all else in the months of the population.
    """
    states = population.states
    defaults = MONTHS_PER_YEAR * states["default"].mean()
    yield "defaults", "share of firms per year", float(defaults)
    rows = np.isin(states["month"], population.months)
    yield "coupon", "per unit of capital and month", float(states["b"][rows].mean())
    yield "firms without debt", "share", float((states["b"][rows] == 0).mean())
    yield "firms that may refinance", "share", float(states["eta"][rows].mean())
