"""Simulation of the Kogan-Papanikolaou economy: only live projects, month by month.

From date t to t + 1 projects survive or die, a project arrives with a probability set by the
regime of t, and x, z, eps, u and the regime move. The cash flow of date t is paid at t + 1,
whether or not the project then dies. A new project starts at u = 1 and is paid for at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from truepremia.columns import Column
from truepremia.economies.characteristics import (
    MOMENTUM_MONTHS,
    UNDEFINED_GROWTH,
    Observation,
    PastReturns,
    completed,
    firm_ids,
    over_book,
    valuation,
)
from truepremia.economies.kp14.conditional import FIRM_COLUMNS, State, loadings, price
from truepremia.economies.kp14.parameters import MONTH, Params
from truepremia.economies.kp14.solution import Solution
from truepremia.economies.owners import total_by_owner
from truepremia.errors import CalibrationError
from truepremia.panel import Simulation, Size
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
        Block.drawn(solution.params, block.stop - block.start, streams.firms(b))
        for b, block in enumerate(blocks(size.firms))
    ]
    undefined = UNDEFINED_GROWTH[undefined_growth]
    return Simulation(
        aggregates=_aggregate_columns(solution.params, size, path),
        months=completed(_observations(solution, size, path, groups, undefined)),
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


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The firms of a block and their live projects at one date.

    Parameters
    ----------
    eps : array, shape (n,)
        Firm productivity.
    high : array of bool, shape (n,)
        Whether the firm is in the regime of frequent arrivals.
    arrival_rate : array, shape (n,)
        lambda_f, mean arrivals of projects per year.
    owner : array of int, shape (L,)
        Firm of the block that owns each live project.
    capital, weight, u : array, shape (L,)
        K, K^alpha and output of the live projects.
    built : array, shape (n,)
        Capital of the project that arrived at this date; zero for a firm without one.
    """

    eps: Array
    high: Array
    arrival_rate: Array
    owner: Array
    capital: Array
    weight: Array
    u: Array
    built: Array

    @property
    def firms(self) -> int:
        """Number of firms n."""
        return len(self.eps)

    def columns(self) -> dict[str, Array]:
        """Return :data:`FIRM_COLUMNS`, each of shape (n,)."""
        w, v = self.weight, self.u - 1
        wv = w * v
        sums = [
            total_by_owner(self.owner, summand, self.firms)
            for summand in (w, wv, w * w, w * wv, wv * wv, self.capital)
        ]
        return dict(zip(FIRM_COLUMNS, (self.eps, self.high, self.arrival_rate, *sums), strict=True))


@dataclass(frozen=True, eq=False)
class Shocks:
    """What happens to a block of firms from one date to the next.

    Parameters
    ----------
    z : float
        Investment technology at the new date.
    survives : array of bool, shape (L,)
        Which projects live on.
    u : array, shape (survivors,)
        New output of those that do.
    builder : array of int, shape (B,)
        Firms at which a project arrives.
    high : array of bool, shape (n,)
        The new regime.
    eps : array, shape (n,)
        The new firm productivity.
    """

    z: float
    survives: Array
    u: Array
    builder: Array
    high: Array
    eps: Array


def step(solution: Solution, now: Snapshot, shocks: Shocks) -> Snapshot:
    """Move firms by one month: deaths, arrivals of projects of optimal scale, productivity."""
    built = np.zeros(now.firms)
    built[shocks.builder] = solution.optimal_capital(shocks.z, shocks.eps[shocks.builder])
    new, alive = built[shocks.builder], shocks.survives
    new_weight = new**solution.params.returns_to_scale
    return Snapshot(
        eps=shocks.eps,
        high=shocks.high,
        arrival_rate=now.arrival_rate,
        owner=np.concatenate([now.owner[alive], shocks.builder]),
        capital=np.concatenate([now.capital[alive], new]),
        weight=np.concatenate([now.weight[alive], new_weight]),
        u=np.concatenate([shocks.u, np.ones(len(new))]),
        built=built,
    )


@dataclass(eq=False)
class Block:
    """The firms of one block, and the random stream that moves them.

    Parameters
    ----------
    now : Snapshot
        The firms at the present date.
    rng : Generator
    """

    now: Snapshot
    rng: np.random.Generator

    @classmethod
    def drawn(cls, params: Params, firms: int, rng: np.random.Generator) -> "Block":
        """Draw firms without projects; eps and the regime have their stationary laws.

        Raises
        ------
        CalibrationError
            If a firm is drawn whose arrival probability exceeds one.
        """
        arrival_rate = np.asarray(params.arrival_rate(rng.standard_exponential(firms)))
        _check_arrivals(params, arrival_rate)
        eps = params.firm_process.stationary(rng, firms)
        high = rng.random(firms) < params.high_share
        nobody, nothing = np.empty(0, dtype=np.intp), np.empty(0)
        built = np.zeros(firms)
        now = Snapshot(eps, high, arrival_rate, nobody, nothing, nothing, nothing, built)
        return cls(now, rng)

    def advance(self, solution: Solution, z: float) -> None:
        """Move to the next date, at which investment technology is ``z``."""
        self.now = step(solution, self.now, self._draw(solution.params, z))

    def _draw(self, params: Params, z: float) -> Shocks:
        now, rng = self.now, self.rng
        survives = rng.random(len(now.owner)) < params.survival
        arrival = now.arrival_rate * params.multiplier(now.high) * MONTH
        return Shocks(
            z=z,
            survives=survives,
            builder=np.flatnonzero(rng.random(now.firms) < arrival),
            high=rng.random(now.firms) < params.high_probability(now.high),
            eps=params.firm_process.step(rng, now.eps),
            u=params.project_process.step(rng, now.u[survives]),
        )


def _check_arrivals(params: Params, arrival_rate: Array) -> None:
    highest = arrival_rate.max() * max(params.high_multiplier, params.low_multiplier)
    if highest * MONTH > 1:
        raise CalibrationError(
            f"calibration of {params.economy}: a firm was drawn with a monthly arrival "
            f"probability of {highest * MONTH:.4g}, above 1; lower arrival_floor, "
            "arrival_spread, high_multiplier or death_rate"
        )


@dataclass(frozen=True, eq=False)
class _Firms:
    """All firms at one date: their state, and the values that follow from it."""

    state: State
    price: Array
    investment: Array

    @classmethod
    def observe(cls, solution: Solution, state: State, blocks_now: list[Snapshot]) -> "_Firms":
        built = np.concatenate([now.built for now in blocks_now])
        return cls(state, price(solution, state), state.x / state.z * built)

    def gross(self, before: "_Firms") -> Array:
        """Return the gross return from the date ``before`` to this one."""
        return np.asarray((before.state.cash_flow + self.price - self.investment) / before.price)

    def state_columns(self) -> dict[str, Array]:
        return {
            "firmid": firm_ids(len(self.price)),
            **{name: getattr(self.state, name) for name in FIRM_COLUMNS},
        }


def _observations(
    solution: Solution, size: Size, path: _Path, groups: list[Block], undefined: float
) -> Iterator[Observation]:
    """Yield the dates from which momentum needs a return; states are those of panel months."""
    past = PastReturns()
    before: _Firms | None = None
    for date in range(size.end + 2):
        x, z = float(path.x[date]), float(path.z[date])
        if date > 0:
            for group in groups:
                group.advance(solution, z)
        if date < size.start - MOMENTUM_MONTHS:
            continue
        now = _Firms.observe(solution, _state(groups, date, x, z), [group.now for group in groups])
        gross = now.gross(before) if before is not None else None
        if gross is not None:
            past = past.then(gross)
        in_panel = size.start <= date <= size.end
        yield Observation(
            date=date,
            gross=gross,
            riskless=solution.params.gross_riskfree,
            row=_panel_row(solution, now, before, past, undefined) if in_panel else None,
            states=now.state_columns() if in_panel else {},
        )
        before = now


def _state(groups: list[Block], date: int, x: float, z: float) -> State:
    parts = [group.now.columns() for group in groups]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in FIRM_COLUMNS}
    return State(date, x, z, **joined)


def _book_growth(now: _Firms, before: _Firms | None, undefined: float) -> Array:
    """Return the growth of (x/z) SK, shape (N,).

    Formed as growth of the price times growth of capital, so that firms whose capital did not
    change, most of them in a month, have the same number to the last bit: sorts see them as equal.
    """
    if before is None:
        return np.full(len(now.price), undefined)
    state, last = now.state, before.state
    of_price = (state.x / state.z) / (last.x / last.z)
    of_capital = over_book(state.SK, last.SK, np.nan)
    return np.where(last.SK > 0, of_price * of_capital - 1, undefined)


def _panel_row(
    solution: Solution, now: _Firms, before: _Firms | None, past: PastReturns, undefined: float
) -> dict[str, Array]:
    """Return the panel columns that are known at the date ``now``."""
    firms, book = len(now.price), now.state.book
    last_book = before.state.book if before else np.zeros(firms)
    income = before.state.cash_flow if before else np.zeros(firms)
    return {
        "firmid": firm_ids(firms),
        **valuation(now.price, book / now.price),
        "agr": _book_growth(now, before, undefined),
        "roe": over_book(income, last_book, undefined),
        "mom": past.momentum(firms),
        "no_capital": book == 0,
        **loadings(solution, now.state),
    }
