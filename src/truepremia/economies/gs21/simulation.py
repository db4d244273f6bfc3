"""Simulation of the Gomes-Schmid economy: a panel of firms that invest, borrow and default.

The investor buys after dividends and before the month's investment cost is known, and owns all
that equity receives next month: R = k' max(P' + m', 0) / (k P^ex), so that E_t[M' R] = 1.
"""

from collections.abc import Iterator

import numpy as np

from truepremia.columns import Column, loading_descriptions
from truepremia.economies.characteristics import (
    UNDEFINED_GROWTH,
    Observation,
    PastReturns,
    completed,
    firm_ids,
    over_book,
    valuation,
)
from truepremia.economies.gs21.dynamics import (
    Shocks,
    Snapshot,
    advance,
    productivity_path,
    snapshots,
)
from truepremia.economies.gs21.month import Tables
from truepremia.economies.gs21.parameters import Params
from truepremia.economies.gs21.solution import Solution
from truepremia.panel import Simulation, Size
from truepremia.seeds import Streams
from truepremia.typing import Array

COLUMNS = {
    "panel": {
        "mkt_lev": Column("ratio", "debt coupon over market value of equity at t"),
        "market_leverage": Column(
            "share", "market value of debt over that of debt and equity at t"
        ),
        **loading_descriptions("proj", 1),
    },
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
        months=completed(
            _observations(solution.tables, size, streams, path, UNDEFINED_GROWTH[undefined_growth])
        ),
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


def step(solution: Solution, now: Snapshot, shocks: Shocks) -> Snapshot:
    """Move firms by one month: investment, shocks, default and entry."""
    return advance(solution.tables, now, shocks)


def _observations(
    tables: Tables, size: Size, streams: Streams, path: Array, undefined: float
) -> Iterator[Observation]:
    """Yield the dates 0..end + 1; states are those of panel months."""
    params, past = tables.params, PastReturns()
    firmid = firm_ids(size.firms)
    last: Snapshot | None = None
    for date, now in snapshots(tables, size, streams, path):
        if now.gross is not None:
            past = past.then(now.gross, now.entered)
        in_panel = size.start <= date <= size.end
        row, states = None, {}
        if in_panel:
            growth = _growth(params, last, now, path[date - 1], undefined)
            row = {"firmid": firmid, **_known(now), **growth, "mom": past.momentum(size.firms)}
            states = {"firmid": firmid, **_state(now)}
        yield Observation(date, now.gross, float(np.exp(params.riskless_rate)), row, states)
        last = now


def _state(now: Snapshot) -> dict[str, Array]:
    return {
        "z": now.z,
        "b": now.coupon,
        "eta": now.refinances,
        "capital": now.capital,
        "default": now.entered,
    }


def _known(now: Snapshot) -> dict[str, Array]:
    """Return the columns that this month's values alone determine."""
    outlook = now.firms.outlook()
    # Without a coupon there is no debt; its spline is zero there up to rounding of either sign.
    owes = (now.firms.coupon_stay > 0) | (now.firms.coupon_grow > 0)
    debt = np.where(owes, outlook.debt, 0.0)
    return {
        **valuation(now.capital * outlook.price, 1 / outlook.price),
        "mkt_lev": now.coupon / outlook.price,
        "market_leverage": debt / (debt + outlook.price),
        **outlook.loadings(),
    }


def _growth(
    params: Params, last: Snapshot | None, now: Snapshot, x_last: float, undefined: float
) -> dict[str, Array]:
    """Return agr and roe: growth of capital, and last month's operating profit per unit of it.

    A firm that entered has no capital of last month.
    """
    if last is None:
        unknown = np.full(len(now.z), undefined)
        return {"agr": unknown, "roe": unknown}
    unit = np.where(now.entered, 0.0, 1.0)
    output = (1 - params.tax_rate) * np.exp(x_last + last.z)
    return {
        "agr": over_book(now.capital / last.capital - 1, unit, undefined),
        "roe": over_book(output - params.maintenance_cost, unit, undefined),
    }
