"""Simulation of the Berk-Green-Naik economy: only live projects, month by month.

At every date each firm meets one new project, projects that survive pay, and the firm is worth
P = I exp(cbar) [J*(r) + D(r) S]. A project taken at t first pays at t + 1; a project that dies
at t + 1 pays nothing then.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from truepremia.economies.bgn.conditional import LoadingLaw
from truepremia.economies.bgn.parameters import Params
from truepremia.economies.bgn.solution import Solution
from truepremia.panel import Column, SimulatedMonth, Simulation, Size
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

MOMENTUM_MONTHS = 12


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
        months=_months(solution, size, streams, path, undefined_growth),
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


class _Projects:
    """The live projects of one block of firms, and the random stream that moves them.

    Rows of the table: owner, month of death, e^{-beta}, b e^{-sigma^2/2}, b, log of the mean
    cash flow, and the volatility q of the cash flow's own shock.
    """

    def __init__(self, params: Params, scale: float, block: slice, rng: np.random.Generator):
        self.params, self.scale, self.block, self.rng = params, scale, block, rng
        self.firms = block.stop - block.start
        self.live = np.empty((7, 0))

    def advance(self, date: int, path: _Path) -> tuple[Array, Array, dict[str, Array]]:
        """Move to ``date``: deaths, cash flows, new projects.

        Returns
        -------
        cash : array, shape (n,)
            Cash flows paid at ``date``, per unit of I.
        taken : array of bool, shape (n,)
            Which firms take a new project at ``date``.
        births : dict
            State columns of the projects taken.
        """
        self.live = self.live[:, self.live[1] > date]
        owner, _, _, _, b, log_mean, q = self.live
        shock = self.rng.standard_normal(len(q))
        paid = np.exp(log_mean + b * path.nu[date - 1] + q * shock)
        cash = np.bincount(owner.astype(int), weights=paid, minlength=self.firms)
        taken = self.rng.random(self.firms) < path.adoption[date]
        return cash, taken, self._give_birth(date, np.flatnonzero(taken), path.highest_beta[date])

    def _give_birth(self, date: int, owner: Array, highest_beta: float) -> dict[str, Array]:
        """Draw the projects taken: given that it is taken, beta is memoryless below the bound."""
        params, count = self.params, len(owner)
        beta = highest_beta - self.scale * self.rng.standard_exponential(count)
        b = beta / params.sdf_volatility
        volatility = np.abs(b) + params.volatility_width * self.rng.random(count)
        death = date + self.rng.geometric(1 - params.survival, count)
        own = np.sqrt(np.maximum(volatility**2 - b**2, 0.0))
        half = 0.5 * volatility**2
        born = [owner, death, np.exp(-beta), b * np.exp(-half), b, params.log_cash_flow - half, own]
        self.live = np.hstack([self.live, np.array(born, dtype=float)])
        return {
            "firmid": (owner + self.block.start).astype(np.int32),
            "death": death.astype(np.int32),
            "beta": beta,
            "volatility": volatility,
        }

    def sums(self) -> Array:
        """Return n, S, sum b e^{-sigma^2/2} and sum b of every firm, shape (4, n)."""
        owner = self.live[0].astype(int)
        count = np.bincount(owner, minlength=self.firms).astype(float)
        weighted = [np.bincount(owner, weights=w, minlength=self.firms) for w in self.live[2:5]]
        return np.array([count, *weighted])


def _months(
    solution: Solution, size: Size, streams: Streams, path: _Path, undefined_growth: str
) -> Iterator[SimulatedMonth]:
    """Yield the months 1..end; a month's row is complete once the next month is known."""
    params = solution.params
    law = LoadingLaw.at(solution, path.rate)
    missing = {"zero": 0.0, "nan": np.nan}[undefined_growth]
    groups = [
        _Projects(params, solution.beta_scale, block, streams.firms(b))
        for b, block in enumerate(blocks(size.firms))
    ]
    firmid = np.arange(size.firms, dtype=np.int32)
    gross: deque[Array] = deque(maxlen=MOMENTUM_MONTHS)
    unit = params.investment * np.exp(params.log_cash_flow)
    price = np.full(size.firms, unit * path.option[0])
    book = np.zeros(size.firms)
    row: dict[str, Array] | None = None
    births: dict[str, Array] = {}

    for date in range(1, size.end + 2):
        cash, taken, born = _advance_all(groups, date, path)
        count, held, taylor, projection = np.hstack([group.sums() for group in groups])
        value = path.option[date] + path.consol[date] * held
        old_price, price = price, unit * value
        payoff = price + params.investment * (cash - taken)
        gross.append(payoff / old_price)
        if row is not None:
            row["xret"] = gross[-1] - np.exp(path.rate[date - 1])
        if date > 1:
            yield SimulatedMonth(date - 1, row, births)
        old_book, book = book, params.investment * count
        births, row = born, None
        if size.start <= date <= size.end:
            income = params.investment * cash
            row = {
                "firmid": firmid,
                "mve": price,
                "size": np.log(price),
                "bm": book / price,
                "agr": _over_book(book - old_book, old_book, missing),
                "roe": _over_book(income, old_book, missing),
                "mom": np.prod(list(gross)[:-1], axis=0) - 1,
                "no_capital": book == 0,
                **law.loadings(params, date, value, held, {"taylor": taylor, "proj": projection}),
            }


def _advance_all(
    groups: list[_Projects], date: int, path: _Path
) -> tuple[Array, Array, dict[str, Array]]:
    """Advance every block and join the blocks' firms and births."""
    results = [group.advance(date, path) for group in groups]
    cash = np.concatenate([cash for cash, _, _ in results])
    taken = np.concatenate([taken for _, taken, _ in results])
    births = [born for _, _, born in results]
    return cash, taken, {name: np.concatenate([b[name] for b in births]) for name in births[0]}


def _over_book(amount: Array, book: Array, missing: float) -> Array:
    """Return amount / book, and ``missing`` where there is no book value."""
    ratio = np.full(len(book), missing)
    np.divide(amount, book, out=ratio, where=book > 0)
    return ratio
