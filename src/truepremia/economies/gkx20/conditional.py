"""Conditional law of next month's returns in the Gu-Kelly-Xiu economy.

R' = B' U' with B' = e^r + sum_k b_k (gamma_k + eps_k') and an own shock U' of mean one, so that
the mean excess return is b'gamma, F = b and
``d = V(s) [(e^r + b'gamma)^2 + b'b]``, V(s) = E[U^2] - 1, exactly.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from truepremia.economies.gkx20.parameters import Params
from truepremia.economies.gkx20.solution import Solution
from truepremia.errors import DataError
from truepremia.moments import Moments
from truepremia.typing import Array

BETAS = ("beta_1", "beta_2", "beta_3")


@dataclass(frozen=True, eq=False)
class State:
    """The economy at the end of one month.

    Parameters
    ----------
    month : int
    x : float
        State of the price of factor 3.
    betas : array, shape (N, 3)
        Loadings on the factors 1 to 3 in units of factor returns; that on the market is one.
    volatility : array, shape (N,)
        s_i, s.d. of the own log shock.
    value : array, shape (N,)
        Market values, of which returns do not depend.
    """

    month: int
    x: float
    betas: Array
    volatility: Array
    value: Array


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
        Unused here; other economies need it.
    aggregates : mapping
        Columns ``month`` and ``x``.
    rows : iterable of (month, columns)
        Columns ``firmid``, the betas, ``volatility`` and ``value``, firms in order.
    firms : int
        Number of firms.

    Raises
    ------
    DataError
        If a month is missing or does not hold every firm once, in order.
    """
    del solution
    everyone = np.arange(firms)
    levels = zip(aggregates["month"], aggregates["x"], strict=True)
    for (expected, x), (month, columns) in zip(levels, rows, strict=True):
        if month != expected or not np.array_equal(columns["firmid"], everyone):
            raise DataError(
                f"states of month {month}: must be those of all {firms} firms, in order, in "
                f"month {expected}; simulate the panel again"
            )
        betas = np.column_stack([columns[name] for name in BETAS])
        yield State(int(month), float(x), betas, columns["volatility"], columns["value"])


def price(solution: Solution, state: State) -> Array:
    """Return the market values of all firms, shape (N,); any value is consistent with returns."""
    del solution
    return np.asarray(state.value)


def exposures(params: Params, betas: Array) -> Array:
    """Return b = sigma beta, the loadings per s.d. of the four shocks, shape (N, 4)."""
    return np.asarray(params.volatility * np.column_stack([np.ones(len(betas)), betas]))


def loadings(solution: Solution, state: State) -> dict[str, Array]:
    """Return the loadings of returns on the four shocks per s.d., each of shape (N,).

    The derivative at eps' = 0 is the covariance with eps': there is one kind.
    """
    b = exposures(solution.params, state.betas)
    return {f"A_{k}_proj": column for k, column in enumerate(b.T, start=1)}


def moments(solution: Solution, state: State) -> Moments:
    """Return the exact conditional moments of the returns from the state's month to the next."""
    params = solution.params
    b = exposures(params, state.betas)
    mean = b @ params.price_of_risk(state.x)
    square = (params.gross_riskfree + mean) ** 2 + np.einsum("nk,nk->n", b, b)
    return Moments(
        mean=mean,
        exposure=b,
        residual=own_variance(params, state.volatility) * square,
        riskfree=float(np.expm1(params.riskless_rate)),
        firm=np.arange(len(b)),
        month=state.month,
    )


def own_variance(params: Params, volatility: Array) -> Array:
    """Return V(s) = E[U^2] - 1 = sum over W of its probability times e^{s^2 W} - 1."""
    scale, probability = params.tail
    return np.asarray(np.expm1(np.multiply.outer(volatility**2, scale)) @ probability)


def sharpe_bound(solution: Solution, state: State) -> float:
    """Return sqrt(gamma(x)'gamma(x)), which the four factors reach without any own risk."""
    return float(np.linalg.norm(solution.params.price_of_risk(state.x)))
