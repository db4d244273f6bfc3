"""Who lives in the Lettau-Wachter economy: shares of the dividend, and their concentration."""

from collections.abc import Iterator

import numpy as np

from truepremia.economies.contract import Population

STATES = ("month", "share")
"""Columns of the states that are counted."""


def census(population: Population) -> Iterator[tuple[str, str, float]]:
    """Yield name, unit and mean over months of what describes the firms."""
    rows = np.isin(population.states["month"], population.months)
    share = population.states["share"][rows].reshape(-1, population.firms)
    yield "spread of log shares", "s.d.", float(share.std(axis=1).mean())
    paid = np.exp(share)
    paid /= paid.sum(axis=1, keepdims=True)
    top = np.sort(paid, axis=1)[:, -max(population.firms // 10, 1) :]
    yield "dividends of the largest tenth of payers", "share", float(top.sum(axis=1).mean())
    effective = 1 / (paid**2).sum(axis=1)
    yield "effective payers", "1 / sum of squared shares", float(effective.mean())
