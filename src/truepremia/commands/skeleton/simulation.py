"""Simulation: betas, profitability, size and book value are autoregressions."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from truepremia.columns import Column
from truepremia.economies.characteristics import Observation, PastReturns, completed, valuation
from truepremia.panel import Simulation, Size
from truepremia.seeds import Streams, blocks
from truepremia.typing import Array

from .conditional import State, loadings
from .solution import Solution

COLUMNS = {
    "panel": {"beta": Column("ratio", "exposure to consumption")},
    "aggregates": {
        "rf": Column("per month", "simple riskless return from t to t+1"),
        "shock_c": Column("s.d.", "shock to consumption from t to t+1"),
        "sdf": Column("1", "realised discount factor from t to t+1"),
    },
    "states": {
        "firmid": Column("", "firm identifier"),
        "beta": Column("ratio", "exposure"),
        "value": Column("value", "market value"),
    },
}


class Snapshot(NamedTuple):
    """Log value, log book, growth of book, beta and profitability in s.d., last gross return."""

    value: Array
    book: Array
    growth: Array
    beta: Array
    profit: Array
    gross: Array | None


class Shocks(NamedTuple):
    """Consumption shock, and own shocks (3, N): return, beta, profitability."""

    consumption: float
    own: Array


def beta_of(now: Snapshot) -> Array:
    """Return exposures between 0.2 and 1.8."""
    return np.asarray(1 + 0.8 * np.tanh(now.beta))


def step(solution: Solution, now: Snapshot, shocks: Shocks) -> Snapshot:
    """Move firms by one month."""
    p, b = solution.params, solution.params.volatility * beta_of(now)
    log = p.riskless_rate + p.price_of_risk * b - 0.5 * b**2 + b * shocks.consumption
    log = log + p.own_volatility * shocks.own[0] - 0.5 * p.own_volatility**2
    growth = p.reversion * (now.value - now.book - 0.5)
    keep, new = p.persistence, np.sqrt(1 - p.persistence**2)
    beta, profit = keep * now.beta + new * shocks.own[1], keep * now.profit + new * shocks.own[2]
    value = (1 - p.reversion) * now.value + log
    return Snapshot(value, now.book + growth, growth, beta, profit, np.exp(log))


def simulate(
    solution: Solution, size: Size, streams: Streams, undefined_growth: str = "zero"
) -> Simulation:
    """Simulate a panel."""
    del undefined_growth
    p, shock = solution.params, streams.aggregate().standard_normal(size.burnin + size.months)
    seen = shock[size.start :]
    aggregates = {
        "month": np.arange(size.start, size.end + 1),
        "rf": np.full(size.months, np.expm1(p.riskless_rate)),
        "shock_c": seen,
        "sdf": np.exp(-p.riskless_rate - 0.5 * p.price_of_risk**2 - p.price_of_risk * seen),
    }
    return Simulation(aggregates, completed(observations(solution, size, streams, shock)))


def observations(
    solution: Solution, size: Size, streams: Streams, shock: Array
) -> Iterator[Observation]:
    """Yield the dates 0..end + 1."""
    draws = [(b.stop - b.start, streams.firms(i)) for i, b in enumerate(blocks(size.firms))]
    ids, riskless = np.arange(size.firms, dtype=np.int32), np.exp(solution.params.riskless_rate)
    beta, profit, value = np.hstack([rng.standard_normal((3, n)) for n, rng in draws])
    now, past = Snapshot(value, value - 0.5, 0 * value, beta, profit, None), PastReturns()
    for date in range(size.end + 2):
        if date > 0:
            own = np.hstack([rng.standard_normal((3, n)) for n, rng in draws])
            now = step(solution, now, Shocks(shock[date - 1], own))
            past = past.then(np.asarray(now.gross))
        row, states = None, {}
        if size.start <= date <= size.end:
            value, beta = np.exp(now.value), beta_of(now)
            states = {"firmid": ids, "beta": beta, "value": value}
            own_columns = {"roe": 0.01 * now.profit, "mom": past.momentum(size.firms), "beta": beta}
            state = State(date, solution.params.volatility * beta, value)
            row = {
                "firmid": ids,
                **valuation(value, np.exp(now.book) / value),
                "agr": np.expm1(now.growth),
                **own_columns,
                **loadings(solution, state),
            }
        yield Observation(date, now.gross, float(riskless), row, states)
