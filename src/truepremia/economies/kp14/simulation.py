"""Simulation of the Kogan-Papanikolaou economy: only live projects, month by month.

From date t to t + 1 projects survive or die, a project arrives with a probability set by the
regime of t, and x, z, eps, u and the regime move. The cash flow of date t is paid at t + 1,
whether or not the project then dies. A new project starts at u = 1 and is paid for at once.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from truepremia.economies.kp14.conditional import FIRM_COLUMNS, State, loadings
from truepremia.economies.kp14.parameters import MONTH, Params
from truepremia.economies.kp14.solution import Solution
from truepremia.errors import CalibrationError
from truepremia.panel import Column, SimulatedMonth, Simulation, Size
from truepremia.seeds import Streams, blocks
from truepremia.typing import Array

COLUMNS = {
    "aggregates": {
        "rf": Column("per month", "simple net riskless return from t to t+1"),
        "shock_z": Column("s.d.", "shock to log z from t to t+1"),
        "shock_x": Column("s.d.", "shock to log x from t to t+1"),
        "sdf": Column("1", "realised discount factor from t to t+1"),
        "z": Column("level", "investment technology at t"),
        "x": Column("level", "aggregate productivity at t"),
    },
    "states": {
        "firmid": Column("", "firm identifier, 0..N-1"),
        "eps": Column("1", "firm productivity, mean one"),
        "high": Column("flag", "the firm is in the regime of frequent arrivals"),
        "arrival_rate": Column("per year", "lambda_f, mean arrivals of projects"),
        "W0": Column("K^alpha", "sum over live projects of w = K^alpha"),
        "W1": Column("K^alpha", "sum of w (u-1)"),
        "Q0": Column("K^(2 alpha)", "sum of w^2"),
        "Q1": Column("K^(2 alpha)", "sum of w^2 (u-1)"),
        "Q2": Column("K^(2 alpha)", "sum of w^2 (u-1)^2"),
        "SK": Column("capital", "sum of K"),
    },
}
"""Columns of the tables this economy writes; a row of ``states`` is a firm, in a panel month."""

MOMENTUM_MONTHS = 12


def simulate(
    solution: Solution, size: Size, streams: Streams, undefined_growth: str = "zero"
) -> Simulation:
    """Simulate a panel.

    Parameters
    ----------
    solution : Solution
    size : Size
        With a burn-in below 12 months momentum is missing in the first panel months.
    streams : Streams
        Random streams of the panel.
    undefined_growth : {"zero", "nan"}
        Value of agr and roe where the lagged book value is zero.

    Returns
    -------
    Simulation
        Aggregates at once; months are simulated as they are consumed.

    Raises
    ------
    CalibrationError
        If a firm is drawn whose arrival probability exceeds one.
    """
    path = _aggregate_path(solution.params, size, streams.aggregate())
    groups = [
        FirmBlock(solution, block.stop - block.start, streams.firms(b))
        for b, block in enumerate(blocks(size.firms))
    ]
    missing = {"zero": 0.0, "nan": np.nan}[undefined_growth]
    return Simulation(
        aggregates=_aggregate_columns(solution.params, size, path),
        months=_months(solution, size, path, groups, missing),
    )


@dataclass(frozen=True, eq=False)
class _Path:
    """Levels at dates 0..burnin + months, and the standard normal shocks that lead on."""

    z: Array
    x: Array
    shock_z: Array
    shock_x: Array


def _aggregate_path(params: Params, size: Size, rng: np.random.Generator) -> _Path:
    shock_z, shock_x = rng.standard_normal((size.burnin + size.months, 2)).T
    z = _geometric(
        params.initial_technology, params.technology_drift, params.technology_volatility, shock_z
    )
    x = _geometric(
        params.initial_productivity,
        params.productivity_drift,
        params.productivity_volatility,
        shock_x,
    )
    return _Path(z, x, shock_z, shock_x)


def _geometric(initial: float, drift: float, volatility: float, shock: Array) -> Array:
    """Return the path of a geometric Brownian motion from its standard normal shocks."""
    growth = (drift - 0.5 * volatility**2) * MONTH + volatility * np.sqrt(MONTH) * shock
    return np.asarray(initial * np.exp(np.concatenate([[0.0], np.cumsum(growth)])))


def _aggregate_columns(params: Params, size: Size, path: _Path) -> dict[str, Array]:
    rows = slice(size.start, size.end + 1)
    shock_z, shock_x = path.shock_z[rows], path.shock_x[rows]
    gamma_z, gamma_x = params.technology_risk_price, params.productivity_risk_price
    risk = np.sqrt(MONTH) * (gamma_z * shock_z + gamma_x * shock_x)
    log_sdf = -(params.riskless_rate + 0.5 * (gamma_z**2 + gamma_x**2)) * MONTH - risk
    return {
        "month": np.arange(size.start, size.end + 1),
        "rf": np.full(size.months, params.gross_riskfree - 1),
        "shock_z": shock_z,
        "shock_x": shock_x,
        "sdf": np.exp(log_sdf),
        "z": path.z[rows],
        "x": path.x[rows],
    }


class FirmBlock:
    """The firms of one block with their live projects, and the random stream that moves them.

    Parameters
    ----------
    solution : Solution
    firms : int
        Number of firms n of the block; they start without projects, eps and the regime from
        their stationary laws.
    rng : Generator
    """

    def __init__(self, solution: Solution, firms: int, rng: np.random.Generator):
        params = solution.params
        self.solution, self.firms, self.rng = solution, firms, rng
        self.arrival_rate = np.asarray(params.arrival_rate(rng.standard_exponential(firms)))
        self._check_arrivals(params)
        self.eps = params.firm_process.stationary(rng, firms)
        self.high = rng.random(firms) < params.high_share
        self.owner = np.empty(0, dtype=np.intp)
        self.capital = np.empty(0)
        self.weight = np.empty(0)
        self.u = np.empty(0)

    def _check_arrivals(self, params: Params) -> None:
        highest = self.arrival_rate.max() * max(params.high_multiplier, params.low_multiplier)
        if highest * MONTH > 1:
            raise CalibrationError(
                f"calibration of {params.economy}: a firm was drawn with a monthly arrival "
                f"probability of {highest * MONTH:.4g}, above 1; lower arrival_floor, "
                "arrival_spread, high_multiplier or death_rate"
            )

    def step(self, z: float) -> Array:
        """Move to the next date, at which investment technology is ``z``.

        Returns
        -------
        array, shape (n,)
            Capital of the projects that arrive; zero for a firm without one.
        """
        params, rng = self.solution.params, self.rng
        survives = rng.random(len(self.owner)) < params.survival
        arrival = self.arrival_rate * params.multiplier(self.high) * MONTH
        arrives = np.flatnonzero(rng.random(self.firms) < arrival)
        self.high = rng.random(self.firms) < params.high_probability(self.high)
        self.eps = params.firm_process.step(rng, self.eps)
        u = params.project_process.step(rng, self.u[survives])

        built = np.zeros(self.firms)
        built[arrives] = self.solution.optimal_capital(z, self.eps[arrives])
        new = built[arrives]
        self.owner = np.concatenate([self.owner[survives], arrives])
        self.capital = np.concatenate([self.capital[survives], new])
        self.weight = np.concatenate([self.weight[survives], new**params.returns_to_scale])
        self.u = np.concatenate([u, np.ones(len(arrives))])
        return built

    def columns(self) -> dict[str, Array]:
        """Return the block's :data:`FIRM_COLUMNS`, each of shape (n,)."""
        w, v = self.weight, self.u - 1
        wv = w * v
        sums = [
            np.bincount(self.owner, weights=summand, minlength=self.firms)
            for summand in (w, wv, w * w, w * wv, wv * wv, self.capital)
        ]
        return dict(zip(FIRM_COLUMNS, (self.eps, self.high, self.arrival_rate, *sums), strict=True))


@dataclass(frozen=True, eq=False)
class _Firms:
    """All firms at one date: their state, and the values that follow from it."""

    state: State
    price: Array
    cash_flow: Array
    book: Array

    @classmethod
    def observe(
        cls, solution: Solution, groups: list[FirmBlock], date: int, x: float, z: float
    ) -> "_Firms":
        parts = [group.columns() for group in groups]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in FIRM_COLUMNS}
        state = State(date, x, z, **joined)
        return cls(state, state.price(solution), state.cash_flow, state.book)

    def state_columns(self) -> dict[str, Array]:
        return {
            "firmid": _firmid(self),
            **{name: getattr(self.state, name) for name in FIRM_COLUMNS},
        }


def _months(
    solution: Solution, size: Size, path: _Path, groups: list[FirmBlock], missing: float
) -> Iterator[SimulatedMonth]:
    """Yield the panel months; a month's row is complete once the next date is known."""
    gross: deque[Array] = deque(maxlen=MOMENTUM_MONTHS)
    first_priced = size.start - MOMENTUM_MONTHS
    before: _Firms | None = None
    row: dict[str, Array] | None = None
    built = np.zeros(size.firms)
    for date in range(size.end + 2):
        x, z = float(path.x[date]), float(path.z[date])
        if date > 0:
            built = np.concatenate([group.step(z) for group in groups])
        if date < first_priced:
            continue
        now = _Firms.observe(solution, groups, date, x, z)
        if before is not None:
            gross.append((before.cash_flow + now.price - x / z * built) / before.price)
        if row is not None and before is not None:
            row["xret"] = gross[-1] - solution.params.gross_riskfree
            yield SimulatedMonth(date - 1, row, before.state_columns())
        if date >= size.start:
            row = _panel_row(solution, now, before, gross, missing)
        before = now


def _panel_row(
    solution: Solution, now: _Firms, before: _Firms | None, gross: deque[Array], missing: float
) -> dict[str, Array]:
    """Return the panel columns that are known at the date ``now``."""
    none = np.zeros(len(now.price))
    lagged_book = before.book if before else none
    income = before.cash_flow if before else none
    mom = np.full(len(now.price), np.nan)
    if len(gross) == MOMENTUM_MONTHS:
        mom = np.prod(list(gross)[:-1], axis=0) - 1
    return {
        "firmid": _firmid(now),
        "mve": now.price,
        "size": np.log(now.price),
        "bm": now.book / now.price,
        "agr": _over_book(now.book - lagged_book, lagged_book, missing),
        "roe": _over_book(income, lagged_book, missing),
        "mom": mom,
        "no_capital": now.book == 0,
        **loadings(solution, now.state),
    }


def _firmid(firms: _Firms) -> Array:
    return np.arange(len(firms.price), dtype=np.int32)


def _over_book(amount: Array, book: Array, missing: float) -> Array:
    """Return amount / book, and ``missing`` where there is no book value."""
    ratio = np.full(len(book), missing)
    np.divide(amount, book, out=ratio, where=book > 0)
    return ratio
