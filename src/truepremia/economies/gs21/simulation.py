"""Simulation of the Gomes-Schmid economy: a panel of firms that invest, borrow and default.

The investor buys after dividends and before the month's investment cost is known, and owns all
that equity receives next month: R = k' max(P' + m', 0) / (k P^ex), so that E_t[M' R] = 1.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np

from truepremia.columns import Column
from truepremia.economies.gs21.dynamics import Population, populations, productivity_path
from truepremia.economies.gs21.month import Tables
from truepremia.economies.gs21.parameters import Params
from truepremia.economies.gs21.solution import Solution
from truepremia.panel import SimulatedMonth, Simulation, Size
from truepremia.seeds import Streams
from truepremia.typing import Array

COLUMNS = {
    "aggregates": {
        "x": Column("log", "log aggregate productivity at t"),
        "rf": Column("per month", "simple net riskless return from t to t+1"),
        "shock_x": Column("s.d.", "innovation of x from t to t+1"),
        "sdf": Column("1", "realised discount factor from t to t+1"),
    },
    "states": {
        "firmid": Column("", "firm identifier, 0..N-1"),
        "z": Column("log", "log productivity of the firm at t"),
        "b": Column("per unit of capital", "coupon of the firm at t, before it may refinance"),
        "eta": Column("flag", "the firm may refinance at t"),
        "capital": Column("value", "capital k of the firm at t"),
        "default": Column("flag", "the firm replaces one that defaulted at t"),
    },
}
"""Columns of the tables this economy writes; a row of ``states`` is a firm in a panel month."""

MOMENTUM_MONTHS = 12


def simulate(
    solution: Solution, size: Size, streams: Streams, undefined_growth: str = "zero"
) -> Simulation:
    """Simulate a panel.

    Parameters
    ----------
    solution : Solution
    size : Size
        Momentum is NaN in months 0..11, so ``burnin`` should be 12 at least.
    streams : Streams
        Random streams of the panel.
    undefined_growth : {"zero", "nan"}
        Value of agr and roe in the month in which a firm enters.

    Returns
    -------
    Simulation
        Aggregates at once; months are simulated as they are consumed.
    """
    path = productivity_path(solution.params, size.burnin + size.months, streams.aggregate())
    return Simulation(
        aggregates=_aggregate_columns(solution.params, size, path),
        months=_months(solution.tables, size, streams, path, undefined_growth),
    )


def _aggregate_columns(params: Params, size: Size, path: Array) -> dict[str, Array]:
    """Return the aggregates; the discount factor is exp(-r - gamma^2/2 - gamma eps')."""
    x, x_next = path[size.start : size.end + 1], path[size.start + 1 : size.end + 2]
    shock = (x_next - params.x_persistence * x) / params.x_volatility
    gamma, rate = params.price_of_risk, params.riskless_rate
    return {
        "month": np.arange(size.start, size.end + 1),
        "x": x,
        "rf": np.full(size.months, np.expm1(rate)),
        "shock_x": shock,
        "sdf": np.exp(-rate - 0.5 * gamma**2 - gamma * shock),
    }


def _months(
    tables: Tables, size: Size, streams: Streams, path: Array, undefined_growth: str
) -> Iterator[SimulatedMonth]:
    """Yield the months 0..end; a month's row is complete once the next month is known."""
    missing = {"zero": 0.0, "nan": np.nan}[undefined_growth]
    params = tables.params
    firmid = np.arange(size.firms, dtype=np.int32)
    past: deque[tuple[Array, Array]] = deque(maxlen=MOMENTUM_MONTHS)
    last: Population | None = None
    row: dict[str, Array] | None = None
    for date, now in populations(tables, size, streams, path):
        if last is not None and now.gross is not None:
            past.append((now.gross, now.entered))
            if row is not None:
                row["xret"] = now.gross - np.exp(params.riskless_rate)
            kept = slice(None) if row is not None else slice(0)
            states = {name: column[kept] for name, column in _state(firmid, last).items()}
            yield SimulatedMonth(date - 1, row, states)
        row = None
        if size.start <= date <= size.end:
            growth = _growth(params, last, now, path[date - 1], missing)
            row = {"firmid": firmid, **_known(now), **growth, "mom": _momentum(past, size.firms)}
        last = now


def _state(firmid: Array, now: Population) -> dict[str, Array]:
    return {
        "firmid": firmid,
        "z": now.z,
        "b": now.coupon,
        "eta": now.refinances,
        "capital": now.capital,
        "default": now.entered,
    }


def _known(now: Population) -> dict[str, Array]:
    """Return the columns that this month's values alone determine."""
    price, debt, _, taylor, projection = now.firms.expected().T
    value = now.capital * price
    return {
        "mve": value,
        "size": np.log(value),
        "bm": 1 / price,
        "mkt_lev": now.coupon / price,
        "market_leverage": debt / (debt + price),
        "A_1_taylor": taylor / price,
        "A_1_proj": projection / price,
    }


def _growth(
    params: Params, last: Population | None, now: Population, x_last: float, missing: float
) -> dict[str, Array]:
    """Return agr and roe: growth of capital, and last month's operating profit per unit of it."""
    if last is None:
        unknown = np.full(len(now.z), missing)
        return {"agr": unknown, "roe": unknown.copy()}
    output = (1 - params.tax_rate) * np.exp(x_last + last.z)
    return {
        "agr": np.where(now.entered, missing, now.capital / last.capital - 1),
        "roe": np.where(now.entered, missing, output - params.maintenance_cost),
    }


def _momentum(past: deque[tuple[Array, Array]], firms: int) -> Array:
    """Return the product of 11 returns, skipping the latest; 0 after entry within 12 months."""
    if len(past) < MOMENTUM_MONTHS:
        return np.full(firms, np.nan)
    gross, entered = zip(*past, strict=True)
    return np.where(np.any(entered, axis=0), 0.0, np.prod(gross[:-1], axis=0) - 1)
