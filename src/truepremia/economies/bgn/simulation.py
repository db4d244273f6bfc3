"""Simulation of the Berk-Green-Naik economy: only live projects, month by month.

At every date each firm meets one new project, projects that survive pay, and the firm is worth
P = I exp(cbar) [J*(r) + D(r) S]. A project taken at t first pays at t + 1; a project that dies
at t + 1 pays nothing then.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from truepremia.columns import Column
from truepremia.economies.bgn.conditional import LoadingLaw, Market, firm_value
from truepremia.economies.bgn.parameters import Params
from truepremia.economies.bgn.solution import Solution
from truepremia.economies.characteristics import (
    UNDEFINED_GROWTH,
    Observation,
    PastReturns,
    completed,
    firm_ids,
    over_book,
    valuation,
)
from truepremia.economies.owners import total_by_owner
from truepremia.panel import Simulation, Size
from truepremia.seeds import Streams, blocks
from truepremia.typing import Array

COLUMNS = {
    "aggregates": {
        "r": Column("log rate per month", "riskless rate from t to t+1, known at t"),
        "rf": Column("per month", "simple net riskless return from t to t+1"),
        "rf_stand": Column("1", "r minus its burn-in mean, over four burn-in s.d."),
        "nu": Column("s.d.", "shock to the discount factor from t to t+1"),
        "xi": Column("s.d.", "shock to the riskless rate from t to t+1"),
        "mu": Column("s.d.", "part of nu that is orthogonal to xi, from t to t+1"),
        "sdf": Column("1", "realised discount factor from t to t+1"),
    },
    "states": {
        "firmid": Column("", "firm that took the project"),
        "death": Column("month", "first month at which the project is gone"),
        "beta": Column("1", "systematic risk of the project's cash flow"),
        "volatility": Column("per month", "volatility of the project's log cash flow"),
    },
}
"""Columns of the tables this economy writes; a row of ``states`` is a project, in the month it
was taken."""


@dataclass(frozen=True, eq=False)
class _Path:
    """Aggregate path at dates 0..burnin + months, and prices along it."""

    rate: Array
    nu: Array
    xi: Array
    consol: Array
    option: Array
    adoption: Array
    highest_beta: Array

    def market(self, date: int) -> Market:
        """Return prices at one date."""
        return Market(
            rate=float(self.rate[date]),
            consol=float(self.consol[date]),
            option=float(self.option[date]),
        )


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
        Value of agr and roe where the lagged book value is zero.

    Returns
    -------
    Simulation
        Aggregates at once; months are simulated as they are consumed.
    """
    path = _aggregate_path(solution, size, streams.aggregate())
    return Simulation(
        aggregates=_aggregate_columns(solution.params, size, path),
        months=completed(
            _observations(solution, size, streams, path, UNDEFINED_GROWTH[undefined_growth])
        ),
    )


def _aggregate_path(solution: Solution, size: Size, rng: np.random.Generator) -> _Path:
    params = solution.params
    rho = params.correlation
    nu, u = rng.standard_normal((size.burnin + size.months, 2)).T
    xi = rho * nu + np.sqrt(1 - rho**2) * u
    rate = np.empty(len(xi) + 1)
    rate[0] = params.mean_rate
    for t, shock in enumerate(xi):
        rate[t + 1] = params.expected_rate(rate[t]) + params.rate_volatility * shock
    consol = solution.consol(rate)
    log_value = params.log_cash_flow + np.log(consol)
    return _Path(
        rate=rate,
        nu=nu,
        xi=xi,
        consol=consol,
        option=solution.option(rate),
        adoption=solution.adoption(consol),
        highest_beta=np.minimum(log_value, solution.beta_ceiling),
    )


def _aggregate_columns(params: Params, size: Size, path: _Path) -> dict[str, Array]:
    rows = slice(size.start, size.end + 1)
    rho = params.correlation
    rate, nu, xi = path.rate[rows], path.nu[rows], path.xi[rows]
    burnin = path.rate[1 : size.burnin]
    log_sdf = -rate - 0.5 * params.sdf_volatility**2 - params.sdf_volatility * nu
    return {
        "month": np.arange(size.start, size.end + 1),
        "r": rate,
        "rf": np.expm1(rate),
        "rf_stand": (rate - burnin.mean()) / (4 * burnin.std(ddof=1)),
        "nu": nu,
        "xi": xi,
        "mu": (nu - rho * xi) / np.sqrt(1 - rho**2),
        "sdf": np.exp(log_sdf),
    }


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The firms of a block and their live projects at one date.

    Parameters
    ----------
    market : Market
        The rate and the prices that it sets.
    firms : int
        Number of firms n.
    owner, death : array of int, shape (L,)
        Firm of the block that owns each live project, and the first month it is gone.
    beta, volatility : array, shape (L,)
        Systematic risk and cash-flow volatility of the live projects.
    cash, gross : array, shape (n,)
        Cash flow paid at this date per unit of I, and gross return from the last date.
    births : mapping of str to array
        State columns of the projects taken at this date.
    """

    market: Market
    firms: int
    owner: Array
    death: Array
    beta: Array
    volatility: Array
    cash: Array
    gross: Array
    births: Mapping[str, Array]

    @classmethod
    def empty(cls, market: Market, firms: int) -> "Snapshot":
        """Return ``firms`` firms without any project."""
        nobody, nothing = np.empty(0, dtype=int), np.empty(0)
        ones = np.ones(firms)
        return cls(market, firms, nobody, nobody, nothing, nothing, 0 * ones, ones, {})

    @cached_property
    def count(self) -> Array:
        """Live projects n_i, shape (n,)."""
        return np.bincount(self.owner, minlength=self.firms).astype(float)

    @cached_property
    def held(self) -> Array:
        """S_i, sum of e^{-beta}, shape (n,)."""
        return self.by_firm(np.exp(-self.beta))

    def by_firm(self, values: Array) -> Array:
        """Sum project values (L,) over each firm's projects, shape (n,)."""
        return total_by_owner(self.owner, values, self.firms)


@dataclass(frozen=True, eq=False)
class Shocks:
    """What happens to a block of firms from one date to the next.

    Parameters
    ----------
    market : Market
        The rate and the prices of the new date.
    nu : float
        Shock to the discount factor.
    survives : array of bool, shape (L,)
        Which projects live on.
    cash_flow : array, shape (survivors,)
        Own shock to the log cash flow of those that do, in s.d.
    taker : array of int, shape (B,)
        Firms that take a new project.
    beta, volatility, death : array, shape (B,)
        What they take.
    """

    market: Market
    nu: float
    survives: Array
    cash_flow: Array
    taker: Array
    beta: Array
    volatility: Array
    death: Array


def step(solution: Solution, now: Snapshot, shocks: Shocks) -> Snapshot:
    """Move firms by one month: deaths, cash flows, new projects, and the return they make.

    A project that dies pays nothing; one that is taken is paid for now and pays from the next
    month on.
    """
    params = solution.params
    alive = shocks.survives
    owner, beta, volatility = now.owner[alive], now.beta[alive], now.volatility[alive]
    b = beta / params.sdf_volatility
    own = np.sqrt(np.maximum(volatility**2 - b**2, 0.0))
    log_mean = params.log_cash_flow - 0.5 * volatility**2
    paid = np.exp(log_mean + b * shocks.nu + own * shocks.cash_flow)
    cash = total_by_owner(owner, paid, now.firms)
    invested = np.bincount(shocks.taker, minlength=now.firms)
    owner = np.concatenate([owner, shocks.taker])
    beta = np.concatenate([beta, shocks.beta])
    held = total_by_owner(owner, np.exp(-beta), now.firms)
    payoff = firm_value(params, shocks.market, held) + params.investment * (cash - invested)
    return Snapshot(
        market=shocks.market,
        firms=now.firms,
        owner=owner,
        death=np.concatenate([now.death[alive], shocks.death]),
        beta=beta,
        volatility=np.concatenate([volatility, shocks.volatility]),
        cash=cash,
        gross=payoff / firm_value(params, now.market, now.held),
        births={
            "firmid": shocks.taker.astype(np.int32),
            "death": shocks.death.astype(np.int32),
            "beta": shocks.beta,
            "volatility": shocks.volatility,
        },
    )


def _draw(
    solution: Solution, now: Snapshot, path: _Path, date: int, rng: np.random.Generator
) -> Shocks:
    """Draw what leads to ``date``; the beta of a project taken is memoryless below its bound."""
    params = solution.params
    survives = now.death > date
    cash_flow = rng.standard_normal(int(survives.sum()))
    taker = np.flatnonzero(rng.random(now.firms) < path.adoption[date])
    count = len(taker)
    beta = path.highest_beta[date] - solution.beta_scale * rng.standard_exponential(count)
    width = params.volatility_width * rng.random(count)
    return Shocks(
        market=path.market(date),
        nu=float(path.nu[date - 1]),
        survives=survives,
        cash_flow=cash_flow,
        taker=taker,
        beta=beta,
        volatility=np.abs(beta / params.sdf_volatility) + width,
        death=date + rng.geometric(1 - params.survival, count),
    )


def _observations(
    solution: Solution, size: Size, streams: Streams, path: _Path, undefined: float
) -> Iterator[Observation]:
    """Yield the dates 1..end + 1; states are the projects taken, also in the burn-in."""
    groups = [
        (Snapshot.empty(path.market(0), block.stop - block.start), streams.firms(i))
        for i, block in enumerate(blocks(size.firms))
    ]
    law = LoadingLaw.at(solution, path.rate)
    past = PastReturns()
    book = np.zeros(size.firms)
    for date in range(1, size.end + 2):
        groups = [
            (step(solution, now, _draw(solution, now, path, date, rng)), rng) for now, rng in groups
        ]
        firms = [now for now, _ in groups]
        gross = np.concatenate([now.gross for now in firms])
        past = past.then(gross)
        last_book, book = book, solution.params.investment * _joined(firms, "count")
        row = None
        if size.start <= date <= size.end:
            market = path.market(date)
            income = solution.params.investment * _joined(firms, "cash")
            value = firm_value(solution.params, market, _joined(firms, "held"))
            row = {
                "firmid": firm_ids(size.firms),
                **valuation(value, book / value),
                "agr": over_book(book - last_book, last_book, undefined),
                "roe": over_book(income, last_book, undefined),
                "mom": past.momentum(size.firms),
                "no_capital": book == 0,
                **_loadings(solution, law, date, firms),
            }
        yield Observation(date, gross, float(np.exp(path.rate[date])), row, _births(firms))


def _joined(firms: list[Snapshot], name: str) -> Array:
    """Return one quantity of all blocks' firms, shape (N,)."""
    return np.concatenate([getattr(now, name) for now in firms])


def _births(firms: list[Snapshot]) -> dict[str, Array]:
    """Return the projects taken by all blocks, with the firms' numbers in the panel."""
    first = np.cumsum([0, *(now.firms for now in firms[:-1])])
    columns = {
        name: np.concatenate([now.births[name] for now in firms]) for name in firms[0].births
    }
    moved = [now.births["firmid"] + start for now, start in zip(firms, first, strict=True)]
    return {**columns, "firmid": np.concatenate(moved).astype(np.int32)}


def _loadings(
    solution: Solution, law: LoadingLaw, date: int, firms: list[Snapshot]
) -> dict[str, Array]:
    """Return the panel's loadings of all blocks' firms at ``date``."""
    params = solution.params
    parts = [_cash_betas(params, now) for now in firms]
    sums = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    held, market = _joined(firms, "held"), firms[0].market
    return law.loadings(params, date, market.option + market.consol * held, held, sums)


def _cash_betas(params: Params, now: Snapshot) -> dict[str, Array]:
    """Return the sums of b e^{-sigma^2/2} and of b over each firm's projects."""
    b = now.beta / params.sdf_volatility
    damped = b * np.exp(-0.5 * now.volatility**2)
    return {"taylor": now.by_firm(damped), "proj": now.by_firm(b)}
