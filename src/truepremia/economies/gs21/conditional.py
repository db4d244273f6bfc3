"""Conditional law of next month's returns in the Gomes-Schmid economy.

Given x' firms are independent. On Gauss-Hermite nodes x'_q the conditional mean of the gross
return is m_iq = E[G v_q(z_i, b')] / P^ex_i over the investment decision; then
F_iq = sqrt(w_q) (m_iq - mu_i) and d_i = E[Var(R_i | x')], exactly.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from truepremia.economies.gs21.month import Firms, Month, Tables
from truepremia.economies.gs21.solution import Solution
from truepremia.errors import DataError
from truepremia.moments import Moments
from truepremia.typing import Array


@dataclass(frozen=True, eq=False)
class State:
    """The economy at the end of one month.

    Parameters
    ----------
    month : int
    x : float
        Log aggregate productivity.
    z, coupon : array, shape (N,)
        Log productivity and coupon per unit of capital of every firm.
    refinances : array of bool, shape (N,)
        The firm may refinance this month.
    tables : Tables
        Of the solution.
    """

    month: int
    x: float
    z: Array
    coupon: Array
    refinances: Array
    tables: Tables

    @cached_property
    def firms(self) -> Firms:
        """Values and decisions, with the payoffs at the nodes x'_q."""
        month = Month.with_payoffs(self.tables, self.x)
        return month.firms(self.z, self.coupon, self.refinances)


def states(
    solution: Solution,
    aggregates: Mapping[str, Array],
    rows: Iterable[tuple[int, Mapping[str, Array]]],
    firms: int,
) -> Iterator[State]:
    """Yield the state of every panel month.

    Parameters
    ----------
    solution : Solution
    aggregates : mapping
        Columns ``month`` and ``x``.
    rows : iterable of (month, columns)
        Columns ``z``, ``b`` and ``eta`` of every panel month; months without rows are passed over.
    firms : int
        Number of firms.

    Raises
    ------
    DataError
        If the rows of a month are missing or are not one for each firm.
    """
    given = (row for row in rows if len(row[1].get("z", ())))
    for month, x in zip(aggregates["month"], aggregates["x"], strict=True):
        found, columns = next(given, (None, {"z": np.empty(0)}))
        if found != month or len(columns["z"]) != firms:
            raise DataError(
                f"states of month {month}: found {len(columns['z'])} rows of month {found}, "
                f"must be {firms} of this month; simulate the panel again"
            )
        yield State(
            month=int(month),
            x=float(x),
            z=columns["z"],
            coupon=columns["b"],
            refinances=columns["eta"].astype(bool),
            tables=solution.tables,
        )


def price(solution: Solution, state: State) -> Array:
    """Return the ex-dividend prices P^ex per unit of the firm's capital, shape (N,)."""
    del solution
    return np.asarray(state.firms.expected(tables=slice(1))[:, 0])


def moments(solution: Solution, state: State) -> Moments:
    """Return the exact conditional moments of the returns from the state's month to the next.

    Parameters
    ----------
    solution : Solution
    state : State

    Returns
    -------
    Moments
        Of all firms, per month; F has one column for each node x'_q.
    """
    _, weight, _ = state.tables.nodes
    riskless = np.exp(solution.params.riskless_rate)
    value = price(solution, state)
    gross = state.firms.expected(tables=slice(2, -1)) / value[:, None]
    square = state.firms.expected(power=2, tables=slice(-1, None))[:, 0] / value**2
    mean = gross @ weight
    return Moments(
        mean=mean - riskless,
        exposure=np.sqrt(weight) * (gross - mean[:, None]),
        residual=square - gross**2 @ weight,
        riskfree=float(np.expm1(solution.params.riskless_rate)),
        firm=np.arange(len(state.z)),
        month=state.month,
    )


def loadings(solution: Solution, state: State) -> dict[str, Array]:
    """Return the loadings of returns on x per conditional s.d., shape (N,) each.

    Returns
    -------
    dict
        ``A_1_taylor``: derivative of the payoff at x' = rho_x x, z' = rho_z z; ``A_1_proj``:
        Cov(R, eps'), both over the ex-dividend price.
    """
    month = Month.with_risk(solution.tables, state.x)
    return month.firms(state.z, state.coupon, state.refinances).outlook().loadings()
