"""Who lives in the Gu-Kelly-Xiu economy: loadings, own risk and concentration."""

from collections.abc import Iterator

import numpy as np

from truepremia.economies.contract import Population
from truepremia.economies.gkx20.conditional import BETAS

STATES = ("month", *BETAS, "volatility", "value")
"""Columns of the states that are counted."""


def census(population: Population) -> Iterator[tuple[str, str, float]]:
    """Yield name, unit and mean over months of what describes the firms."""
    states = population.states
    rows = np.isin(states["month"], population.months)
    yield "own volatility", "log per month", float(states["volatility"][rows].mean())
    names = ("value", "profitability", "momentum")
    for column, name in zip(BETAS, names, strict=True):
        beta = states[column][rows].reshape(-1, population.firms)
        yield f"spread of loadings on {name}", "s.d.", float(beta.std(axis=1).mean())
    value = states["value"][rows].reshape(-1, population.firms)
    share = value / value.sum(axis=1, keepdims=True)
    yield "effective firms", "1 / sum of squared shares", float((1 / (share**2).sum(axis=1)).mean())
