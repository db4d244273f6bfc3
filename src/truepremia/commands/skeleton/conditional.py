"""Cov(R_i, R_j) = mu_i mu_j (exp(b_i b_j) - 1), whose series in b_i b_j is F F'."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import factorial

import numpy as np

from truepremia.moments import Moments
from truepremia.typing import Array

from .solution import Solution

ORDER = 12


@dataclass(frozen=True, eq=False)
class State:
    """Month, systematic s.d. b and market value of every firm."""

    month: int
    risk: Array
    value: Array


def states(
    solution: Solution,
    aggregates: Mapping[str, Array],
    rows: Iterable[tuple[int, Mapping[str, Array]]],
    firms: int,
) -> Iterator[State]:
    """Yield the state of every panel month."""
    del aggregates, firms
    for month, row in rows:
        yield State(month, solution.params.volatility * row["beta"], row["value"])


def price(solution: Solution, state: State) -> Array:
    """Return market values."""
    del solution
    return state.value


def loadings(solution: Solution, state: State) -> dict[str, Array]:
    """Return Cov(R', eps') = mu b."""
    return {"A_1_proj": gross(solution, state) * state.risk}


def gross(solution: Solution, state: State) -> Array:
    """Return mean gross returns mu = exp(r + gamma b)."""
    p = solution.params
    return np.asarray(np.exp(p.riskless_rate + p.price_of_risk * state.risk))


def moments(solution: Solution, state: State) -> Moments:
    """Return the exact conditional moments."""
    p, mu, b = solution.params, gross(solution, state), state.risk
    terms = [mu * b**k / np.sqrt(factorial(k)) for k in range(1, ORDER)]
    own = mu**2 * np.exp(b**2) * np.expm1(p.own_volatility**2)
    riskfree = float(np.expm1(p.riskless_rate))
    firm = np.arange(len(b))
    return Moments(mu - 1 - riskfree, np.stack(terms, axis=1), own, riskfree, firm, state.month)
