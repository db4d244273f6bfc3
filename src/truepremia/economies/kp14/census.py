"""Who lives in the Kogan-Papanikolaou economy: regimes and arrivals of projects."""

from collections.abc import Iterator

import numpy as np

from truepremia.economies.contract import Population

STATES = ("month", "high", "arrival_rate")
"""Columns of the states that are counted."""


def census(population: Population) -> Iterator[tuple[str, str, float]]:
    """Yield name, unit and mean over months of what describes the firms.

    States do not count live projects; with arrivals at the rate lambda_f and deaths at the rate
    delta a firm has lambda_f / delta of them on average.
    """
    states = population.states
    rows = np.isin(states["month"], population.months)
    live = states["arrival_rate"][rows].mean() / population.params.death_rate
    yield "live projects, expected from arrivals and deaths", "per firm", float(live)
    yield "firms in the regime of frequent arrivals", "share", float(states["high"][rows].mean())
