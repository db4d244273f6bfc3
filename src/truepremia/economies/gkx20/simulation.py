"""Simulation of the Gu-Kelly-Xiu economy: ranks of one month set the loadings of the next return.

From date t to t + 1 firms earn R' = B' U', pay out in proportion to their value, and their book
value, profitability and ten further characteristics move. Log size relative to a reference is an
autoregression: the size distribution is stationary without entry or exit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from truepremia.columns import Column
from truepremia.economies.characteristics import (
    Observation,
    PastReturns,
    completed,
    firm_ids,
    valuation,
)
from truepremia.economies.gkx20.conditional import BETAS, State, exposures, loadings
from truepremia.economies.gkx20.parameters import FACTORS, RAW, Params
from truepremia.economies.gkx20.solution import Solution
from truepremia.errors import NumericalError
from truepremia.panel import Simulation, Size
from truepremia.seeds import Streams, blocks
from truepremia.typing import Array

SHOCKS = ("shock_mkt", "shock_f1", "shock_f2", "shock_f3")

COLUMNS = {
    "panel": {
        name: Column("s.d.", f"characteristic {j} of its own, an autoregression of variance one")
        for j, name in enumerate(RAW, start=1)
    },
    "aggregates": {
        "x": Column("s.d.", "state of the price of factor 3 at t"),
        "rf": Column("per month", "simple net riskless return from t to t+1"),
        **{
            column: Column("s.d.", f"shock to the {name} factor from t to t+1")
            for column, name in zip(SHOCKS, FACTORS, strict=True)
        },
        "reference": Column("log value", "reference size at t"),
        "sdf": Column("1", "realised discount factor from t to t+1"),
    },
    "states": {
        "firmid": Column("", "firm identifier, 0..N-1"),
        **{
            column: Column("1", f"loading on the {name} factor from t to t+1")
            for column, name in zip(BETAS, FACTORS[1:], strict=True)
        },
        "volatility": Column("log per month", "s.d. of the firm's own log shock"),
        "value": Column("value", "market value of the firm at t"),
    },
}
"""Columns of the tables this economy writes; a row of ``states`` is a firm in a panel month."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All firms at one date; arrays have shape (N,) but for ``raw``, (10, N).

    Parameters
    ----------
    solution : Solution
    x, reference : float
        State of the price of factor 3, and reference log size A.
    log_value, log_book : array
        Logs of market and book value.
    growth : array
        Log growth of book value from the last date.
    investment, profitability : array
        Processes a and p, in s.d.
    raw : array
        c1..c10.
    volatility : array
        s_i.
    past : PastReturns
        Gross returns to this date.
    """

    solution: Solution
    x: float
    reference: float
    log_value: Array
    log_book: Array
    growth: Array
    investment: Array
    profitability: Array
    raw: Array
    volatility: Array
    past: PastReturns

    @cached_property
    def characteristics(self) -> dict[str, Array]:
        """The panel's value columns and characteristics, as far as they are known."""
        params, value = self.solution.params, np.exp(self.log_value)
        return {
            **valuation(value, np.exp(self.log_book) / value),
            "agr": np.expm1(self.growth),
            "roe": params.mean_profitability + params.profitability_dispersion * self.profitability,
            "mom": self.past.compounded(len(value)),
            **dict(zip(RAW, self.raw, strict=True)),
        }

    @cached_property
    def betas(self) -> Array:
        """Loadings on the factors 1 to 3, shape (N, 3)."""
        return self.solution.betas(self.characteristics)

    def state(self, month: int) -> State:
        """Return what next month's moments need."""
        value = self.characteristics["mve"]
        return State(month, self.x, self.betas, self.volatility, value)


@dataclass(frozen=True, eq=False)
class Shocks:
    """What happens from one date to the next; firm-level arrays have shape (N,) but for ``raw``.

    Parameters
    ----------
    x : float
        State of the price of factor 3 at the new date.
    factors : array, shape (4,)
        Shocks eps' to the factors.
    own : array
        Own shock eta.
    tail : array of bool
        Whether the own shock has the high variance.
    investment, profitability : array
        Innovations of a and p.
    raw : array, shape (10, N)
        Innovations of c1..c10.
    """

    x: float
    factors: Array
    own: Array
    tail: Array
    investment: Array
    profitability: Array
    raw: Array


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
    """
    del undefined_growth
    path = _aggregate_path(solution.params, size, streams.aggregate())
    return Simulation(
        aggregates=_aggregate_columns(solution.params, size, path),
        months=completed(_observations(solution, size, streams, path)),
    )


@dataclass(frozen=True, eq=False)
class _Path:
    """x and A at dates 0..burnin + months, and the shocks (T, 4) that lead from each on."""

    x: Array
    reference: Array
    factors: Array


def _aggregate_path(params: Params, size: Size, rng: np.random.Generator) -> _Path:
    months = size.burnin + size.months
    x = np.empty(months + 1)
    x[0] = rng.standard_normal()
    draws = rng.standard_normal((months, 5))
    for t in range(months):
        x[t + 1] = _next(params.state_persistence, x[t], draws[t, 0])
    factors = draws[:, 1:]
    market = params.market_volatility * (params.market_price + factors[:, 0])
    growth = np.log(params.gross_riskfree + market) - params.payout_yield
    return _Path(x, np.concatenate([[0.0], np.cumsum(growth)]), factors)


def _next(persistence: Array | float, value: Array, innovation: Array) -> Array:
    """Return the next value of an autoregression of variance one."""
    return np.asarray(persistence * value + np.sqrt(1 - persistence**2) * innovation)


def _aggregate_columns(params: Params, size: Size, path: _Path) -> dict[str, Array]:
    rows = slice(size.start, size.end + 1)
    x, factors = path.x[rows], path.factors[rows]
    gamma = params.price_of_risk(x)
    risk = 0.5 * (gamma**2).sum(axis=1) + (gamma * factors).sum(axis=1)
    return {
        "month": np.arange(size.start, size.end + 1),
        "x": x,
        "rf": np.full(size.months, np.expm1(params.riskless_rate)),
        **dict(zip(SHOCKS, factors.T.copy(), strict=True)),
        "reference": path.reference[rows],
        "sdf": np.exp(-params.riskless_rate - risk),
    }


def step(solution: Solution, now: Snapshot, shocks: Shocks) -> Snapshot:
    """Move firms by one month: returns, payout, growth of book, and the other characteristics.

    Raises
    ------
    NumericalError
        If the factors take more than everything from a firm.
    """
    params = solution.params
    systematic = _systematic(params, now, shocks)
    scale = params.tail[0][shocks.tail.astype(int)]
    own = now.volatility * np.sqrt(scale) * shocks.own - 0.5 * now.volatility**2 * scale
    gross = systematic * np.exp(own)
    market = params.market_volatility * (params.market_price + shocks.factors[0])
    reference = now.reference + np.log(params.gross_riskfree + market) - params.payout_yield
    payout = params.payout_yield + params.size_reversion * (now.log_value - now.reference)
    investment = _next(params.investment_persistence, now.investment, shocks.investment)
    gap = now.log_value - now.log_book - params.log_market_to_book
    growth = (
        params.book_growth + params.book_reversion * gap + params.investment_volatility * investment
    )
    return Snapshot(
        solution=solution,
        x=shocks.x,
        reference=float(reference),
        log_value=now.log_value + np.log(gross) - payout,
        log_book=now.log_book + growth,
        growth=growth,
        investment=investment,
        profitability=_next(
            params.profitability_persistence, now.profitability, shocks.profitability
        ),
        raw=_next(params.raw_persistence[:, None], now.raw, shocks.raw),
        volatility=now.volatility,
        past=now.past.then(gross),
    )


def _systematic(params: Params, now: Snapshot, shocks: Shocks) -> Array:
    """Return B' = e^r + sum_k b_k (gamma_k + eps_k'), shape (N,)."""
    b = exposures(params, now.betas)
    systematic = params.gross_riskfree + b @ (params.price_of_risk(now.x) + shocks.factors)
    if not systematic.min() > 0:
        raise NumericalError(
            f"a firm was left with the gross return {systematic.min():.3g} by the factors, must be "
            "positive; lower the volatilities of the factors"
        )
    return np.asarray(systematic)


def _observations(
    solution: Solution, size: Size, streams: Streams, path: _Path
) -> Iterator[Observation]:
    """Yield the dates 0..end + 1; states are those of panel months."""
    params = solution.params
    groups = [(block, streams.firms(i)) for i, block in enumerate(blocks(size.firms))]
    now = _start(solution, size.firms, path, groups)
    for date in range(size.end + 2):
        gross = None
        if date > 0:
            factors = path.factors[date - 1]
            shocks = _draw(params, size.firms, float(path.x[date]), factors, groups)
            now = step(solution, now, shocks)
            gross = now.past.gross[-1]
        in_panel = size.start <= date <= size.end
        yield Observation(
            date=date,
            gross=gross,
            riskless=params.gross_riskfree,
            row=_panel_row(solution, now, date) if in_panel else None,
            states=_state_columns(now) if in_panel else {},
        )


def _start(
    solution: Solution, firms: int, path: _Path, groups: list[tuple[slice, np.random.Generator]]
) -> Snapshot:
    """Draw the firms of date 0: volatilities for good, size near its stationary law."""
    params = solution.params
    uniform, normal = np.empty(firms), np.empty((14, firms))
    for block, rng in groups:
        uniform[block] = rng.random(block.stop - block.start)
        normal[:, block] = rng.standard_normal((14, block.stop - block.start))
    spread = params.volatility_spread * (2 * uniform - 1)
    volatility = params.idiosyncratic_volatility * np.exp(spread)
    kappa = params.size_reversion
    log_value = -0.5 * volatility**2 / kappa + volatility / np.sqrt(2 * kappa) * normal[0]
    return Snapshot(
        solution=solution,
        x=float(path.x[0]),
        reference=float(path.reference[0]),
        log_value=log_value,
        log_book=log_value - params.log_market_to_book + 0.5 * normal[1],
        growth=np.full(firms, params.book_growth),
        investment=normal[2],
        profitability=normal[3],
        raw=normal[4:],
        volatility=volatility,
        past=PastReturns(),
    )


def _draw(
    params: Params,
    firms: int,
    x: float,
    factors: Array,
    groups: list[tuple[slice, np.random.Generator]],
) -> Shocks:
    normal, uniform = np.empty((13, firms)), np.empty(firms)
    for block, rng in groups:
        normal[:, block] = rng.standard_normal((13, block.stop - block.start))
        uniform[block] = rng.random(block.stop - block.start)
    return Shocks(
        x=x,
        factors=factors,
        own=normal[0],
        tail=uniform < params.tail_probability,
        investment=normal[1],
        profitability=normal[2],
        raw=normal[3:],
    )


def _state_columns(now: Snapshot) -> dict[str, Array]:
    return {
        "firmid": firm_ids(len(now.log_value)),
        **dict(zip(BETAS, now.betas.T.copy(), strict=True)),
        "volatility": now.volatility,
        "value": now.characteristics["mve"],
    }


def _panel_row(solution: Solution, now: Snapshot, date: int) -> dict[str, Array]:
    """Return the panel columns that are known at the date ``now``."""
    firms = len(now.log_value)
    return {
        "firmid": firm_ids(firms),
        **now.characteristics,
        **loadings(solution, now.state(date)),
    }
