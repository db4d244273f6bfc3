"""Simulation of the Lettau-Wachter economy: firms whose shares of the dividend come and go.

From date t to t + 1 the aggregate dividend and a firm's share of it move; the firm pays
D' e^{h'}, is worth P' = D' G(h'), and its book value follows its dividend slowly.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from truepremia.columns import Column
from truepremia.economies.characteristics import (
    Observation,
    PastReturns,
    completed,
    firm_ids,
    valuation,
)
from truepremia.economies.lw07.conditional import State, loadings, price
from truepremia.economies.lw07.parameters import Params
from truepremia.economies.lw07.solution import Solution
from truepremia.errors import NumericalError
from truepremia.panel import Simulation, Size
from truepremia.seeds import Streams, blocks
from truepremia.typing import Array

COLUMNS = {
    "aggregates": {
        "x": Column("per s.d. and month", "price of dividend risk at t"),
        "z": Column("log per month", "expected dividend growth at t less its mean"),
        "dividend": Column("log value", "log of the aggregate dividend paid at t"),
        "rf": Column("per month", "simple net riskless return from t to t+1"),
        "shock_d": Column("s.d.", "shock to dividends from t to t+1"),
        "shock_z": Column("s.d.", "part of the shock to z that is orthogonal to shock_d"),
        "shock_x": Column("s.d.", "shock to x from t to t+1"),
        "sdf": Column("1", "realised discount factor from t to t+1"),
    },
    "states": {
        "firmid": Column("", "firm identifier, 0..N-1"),
        "share": Column("log", "log share of the firm in the aggregate dividend at t"),
    },
}
"""Columns of the tables this economy writes; a row of ``states`` is a firm in a panel month."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All firms at one date; arrays have shape (N,).

    Parameters
    ----------
    state : State
        Aggregates and shares.
    value : array
        Market values P, ex dividend.
    log_book : array
        Log book values.
    growth : array
        Log growth of book value from the last date.
    investment : array
        Process a, in s.d.
    roe : array
        Dividend paid at this date over the last book value.
    gross : array or None
        Gross return from the last date.
    """

    state: State
    value: Array
    log_book: Array
    growth: Array
    investment: Array
    roe: Array
    gross: Array | None

    @property
    def cash_flow(self) -> Array:
        """Dividends D e^h paid at this date."""
        return np.exp(self.state.dividend + self.state.share)


@dataclass(frozen=True, eq=False)
class Shocks:
    """What happens from one date to the next.

    Parameters
    ----------
    x, z, dividend : float
        The aggregates at the new date.
    share, investment : array, shape (N,)
        Innovations of h and a, in s.d.
    """

    x: float
    z: float
    dividend: float
    share: Array
    investment: Array


def simulate(
    solution: Solution, size: Size, streams: Streams, undefined_growth: str = "zero"
) -> Simulation:
    """Simulate a panel.

    Parameters
    ----------
    solution : Solution
    size : Size
        ``burnin`` of at least 13 months: momentum looks twelve months back.
    streams : Streams
        Random streams of the panel.
    undefined_growth : {"zero", "nan"}
        Has nothing to do here: book values are positive.

    Returns
    -------
    Simulation
        Aggregates at once; months are simulated as they are consumed.

    Raises
    ------
    NumericalError
        If the price of risk or a share leaves the range that the solution covers.
    """
    del undefined_growth
    path = _aggregate_path(solution.params, size, streams.aggregate())
    return Simulation(
        aggregates=_aggregate_columns(solution.params, size, path),
        months=completed(_observations(solution, size, streams, path)),
    )


@dataclass(frozen=True, eq=False)
class _Path:
    """x, z and ln D at dates 0..burnin + months, and the shocks (T, 3) that lead from each on."""

    x: Array
    z: Array
    dividend: Array
    shocks: Array


def _aggregate_path(params: Params, size: Size, rng: np.random.Generator) -> _Path:
    months = size.burnin + size.months
    shocks = rng.standard_normal((months, 3))
    rho = params.growth_correlation
    to_growth = params.growth_volatility * (rho * shocks[:, 0] + np.sqrt(1 - rho**2) * shocks[:, 1])
    x, z = np.full(months + 1, params.mean_price), np.zeros(months + 1)
    kept = params.price_persistence
    for t in range(months):
        x[t + 1] = (1 - kept) * params.mean_price + kept * x[t]
        x[t + 1] += params.price_volatility * shocks[t, 2]
        z[t + 1] = params.growth_persistence * z[t] + to_growth[t]
    if not np.abs(x).max() <= params.highest_price:
        raise NumericalError(
            f"the price of risk reached {x[np.abs(x).argmax()]:.4g}, beyond six stationary s.d. "
            f"({params.highest_price:.4g}); draw another index or seed"
        )
    growth = params.growth + z[:-1] + params.dividend_volatility * shocks[:, 0]
    return _Path(x, z, np.concatenate([[0.0], np.cumsum(growth)]), shocks)


def _aggregate_columns(params: Params, size: Size, path: _Path) -> dict[str, Array]:
    rows = slice(size.start, size.end + 1)
    x, shocks = path.x[rows], path.shocks[rows].T.copy()
    return {
        "month": np.arange(size.start, size.end + 1),
        "x": x,
        "z": path.z[rows],
        "dividend": path.dividend[rows],
        "rf": np.full(size.months, np.expm1(params.riskless_rate)),
        "shock_d": shocks[0],
        "shock_z": shocks[1],
        "shock_x": shocks[2],
        "sdf": np.exp(-params.riskless_rate - 0.5 * x**2 - x * shocks[0]),
    }


def step(solution: Solution, now: Snapshot, shocks: Shocks) -> Snapshot:
    """Move firms by one month: shares, dividends, values and book values."""
    params, last = solution.params, now.state
    share = params.share_persistence * last.share + params.share_volatility * shocks.share
    state = State(last.month + 1, shocks.x, shocks.z, shocks.dividend, share)
    value, cash = price(solution, state), np.exp(shocks.dividend + share)
    rho = params.investment_persistence
    investment = rho * now.investment + np.sqrt(1 - rho**2) * shocks.investment
    gap = shocks.dividend + share + params.log_book_to_dividend - now.log_book
    growth = params.book_reversion * gap + params.investment_volatility * investment
    return Snapshot(
        state=state,
        value=value,
        log_book=now.log_book + growth,
        growth=growth,
        investment=investment,
        roe=cash / np.exp(now.log_book),
        gross=(value + cash) / now.value,
    )


def _observations(
    solution: Solution, size: Size, streams: Streams, path: _Path
) -> Iterator[Observation]:
    """Yield the dates 0..end + 1; states are those of panel months."""
    groups = [(block, streams.firms(i)) for i, block in enumerate(blocks(size.firms))]
    now, past = _start(solution, size.firms, path, groups), PastReturns()
    for date in range(size.end + 2):
        if date > 0:
            x, z, dividend = (float(v[date]) for v in (path.x, path.z, path.dividend))
            now = step(solution, now, Shocks(x, z, dividend, *_normals(size.firms, groups)))
            past = past.then(np.asarray(now.gross))
        in_panel = size.start <= date <= size.end
        yield Observation(
            date=date,
            gross=now.gross,
            riskless=float(np.exp(solution.params.riskless_rate)),
            row=_panel_row(solution, now, past) if in_panel else None,
            states={"firmid": firm_ids(size.firms), "share": now.state.share} if in_panel else {},
        )


def _normals(firms: int, groups: list[tuple[slice, np.random.Generator]]) -> Array:
    """Draw two normals for every firm, shape (2, N)."""
    normal = np.empty((2, firms))
    for block, rng in groups:
        normal[:, block] = rng.standard_normal((2, block.stop - block.start))
    return normal


def _start(
    solution: Solution, firms: int, path: _Path, groups: list[tuple[slice, np.random.Generator]]
) -> Snapshot:
    """Draw the firms of date 0: shares from their stationary law, book at its target."""
    params = solution.params
    share, investment = _normals(firms, groups)
    state = State(
        month=0,
        x=float(path.x[0]),
        z=float(path.z[0]),
        dividend=float(path.dividend[0]),
        share=params.share_dispersion * share,
    )
    nothing = np.zeros(firms)
    return Snapshot(
        state=state,
        value=price(solution, state),
        log_book=state.share + params.log_book_to_dividend,
        growth=nothing,
        investment=investment,
        roe=nothing,
        gross=None,
    )


def _panel_row(solution: Solution, now: Snapshot, past: PastReturns) -> dict[str, Array]:
    """Return the panel columns that are known at the date ``now``."""
    firms = len(now.value)
    return {
        "firmid": firm_ids(firms),
        **valuation(now.value, np.exp(now.log_book) / now.value),
        "agr": np.expm1(now.growth),
        "roe": now.roe,
        "mom": past.compounded(firms),
        **loadings(solution, now.state),
    }
