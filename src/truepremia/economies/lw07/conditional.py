"""Conditional law of next month's returns in the Lettau-Wachter economy.

A firm's payoff is a sum over strips of exponentials of the aggregate shocks and of its own. In
Hermite polynomials of (eps_d, eps_z, eps_x, eta) its coefficients are C_abcl; F holds those of the
aggregate shocks alone and d the squares of all others, exactly up to terms below rounding.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import factorial

import numpy as np

from truepremia.economies.lw07.solution import Solution, Strips
from truepremia.errors import DataError
from truepremia.moments import Moments
from truepremia.typing import Array

EXPANSION_TOLERANCE = 1e-15
"""Size of the first neglected terms relative to the first order."""

_SHOCKS = 3


@dataclass(frozen=True, eq=False)
class State:
    """The economy at the end of one month.

    Parameters
    ----------
    month : int
    x, z : float
        Price of risk and expected dividend growth less its mean.
    dividend : float
        Log of the aggregate dividend D.
    share : array, shape (N,)
        Log shares h of the firms.
    """

    month: int
    x: float
    z: float
    dividend: float
    share: Array


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
        Columns ``month``, ``x``, ``z`` and ``dividend``.
    rows : iterable of (month, columns)
        Columns ``firmid`` and ``share``, firms in order.
    firms : int
        Number of firms.

    Raises
    ------
    DataError
        If a month is missing or does not hold every firm once, in order.
    """
    del solution
    everyone = np.arange(firms)
    levels = zip(*(aggregates[name] for name in ("month", "x", "z", "dividend")), strict=True)
    for (expected, x, z, dividend), (month, columns) in zip(levels, rows, strict=True):
        if month != expected or not np.array_equal(columns["firmid"], everyone):
            raise DataError(
                f"states of month {month}: must be those of all {firms} firms, in order, in "
                f"month {expected}; simulate the panel again"
            )
        yield State(int(month), float(x), float(z), float(dividend), columns["share"])


def price(solution: Solution, state: State) -> Array:
    """Return the market values D G(h) of all firms, ex dividend, shape (N,)."""
    return np.asarray(np.exp(state.dividend) * solution.value(state.x, state.z, state.share))


@dataclass(frozen=True, eq=False)
class Expansion:
    """The coefficients C_abcl that are above rounding, as factors that no month changes.

    Parameters
    ----------
    order : array of int, shape (K, 4)
        (a, b, c, l); the first is (0, 0, 0, 0), then those with l = 0, then the others.
    factor : array, shape (K, M)
        V_1^a V_2^b V_3^c (phi_h^n sigma_h)^l / sqrt(a! b! c! l!) at every strip.
    share : array, shape (M, 64)
        c_{n+1}(h) at the nodes of the log share, times the summation weight.
    """

    order: Array
    factor: Array
    share: Array

    @cached_property
    def common(self) -> int:
        """Number of coefficients with l = 0, the mean among them."""
        return int((self.order[:, -1] == 0).sum())


@lru_cache(maxsize=4)
def expansion(solution: Solution) -> Expansion:
    """Return the expansion of an economy, kept for the solutions last asked for."""
    few, params = solution.few, solution.params
    own = params.share_volatility * params.share_persistence**few.maturity
    order = _orders(float(np.linalg.norm(few.risk, axis=0).max()), params.share_volatility)
    risks = np.vstack([few.risk, own])
    norm = np.array([np.prod([float(factorial(k)) for k in row]) for row in order])
    powers = np.array([np.prod(risks.T**row, axis=1) for row in order])
    shares = np.exp(few.log_share(solution.share_nodes, ahead=1, known=1))
    return Expansion(order, powers / np.sqrt(norm)[:, None], few.weight[:, None] * shares)


def _orders(reach: float, own: float) -> Array:
    """Return the multi-indices whose bound v^2k sigma_h^2l / (k! l!) is not negligible."""
    kept = []
    most = range(24)
    for *aggregate, last in product(range(9), range(9), range(9), most):
        total = sum(aggregate)
        bound = reach ** (2 * total) * own ** (2 * last) / (factorial(total) * factorial(last))
        first = reach**2 if last == 0 else own**2
        if bound > EXPANSION_TOLERANCE * first:
            kept.append((last > 0, total + last, *aggregate, last))
    return np.array(sorted(kept))[:, 2:]


def coefficients(solution: Solution, state: State) -> Array:
    """Return C_abcl of every firm's gross return, shape (N, K), in the expansion's order."""
    few, terms = solution.few, expansion(solution)
    mean = np.exp(few.expected_level(state.x, state.z) + 0.5 * (few.risk**2).sum(axis=0))
    payoff = (terms.factor * mean) @ terms.share
    value = np.exp(solution.log_value_at_nodes(state.x, state.z))
    return solution.read_off((payoff / value).T, state.share)


def moments(solution: Solution, state: State) -> Moments:
    """Return the exact conditional moments of the returns from the state's month to the next."""
    found, common = coefficients(solution, state), expansion(solution).common
    rate = solution.params.riskless_rate
    return Moments(
        mean=found[:, 0] - np.exp(rate),
        exposure=np.ascontiguousarray(found[:, 1:common]),
        residual=np.einsum("nk,nk->n", found[:, common:], found[:, common:]),
        riskfree=float(np.expm1(rate)),
        firm=np.arange(len(state.share)),
        month=state.month,
    )


def loadings(solution: Solution, state: State) -> dict[str, Array]:
    """Return the loadings of returns on (eps_d, eps_z, eps_x), each of shape (N,).

    Projection: covariances with the shocks, C_1000, C_0100 and C_0010. Taylor: derivatives of the
    return where all shocks, also the firm's own, are zero.

    Returns
    -------
    dict
        ``A_1_taylor`` to ``A_3_taylor`` and ``A_1_proj`` to ``A_3_proj``.
    """
    few = solution.few
    level = np.exp(few.expected_level(state.x, state.z))
    averaged = level * np.exp(0.5 * (few.risk**2).sum(axis=0))
    with_own, without = expansion(solution).share, _shares_without_shock(solution)
    value = np.exp(solution.log_value_at_nodes(state.x, state.z))
    at_nodes = np.vstack([(few.risk * level) @ without, (few.risk * averaged) @ with_own]) / value
    found = solution.read_off(at_nodes.T, state.share).T.copy()
    names = [f"A_{k}_{kind}" for kind in ("taylor", "proj") for k in range(1, _SHOCKS + 1)]
    return dict(zip(names, found, strict=True))


@lru_cache(maxsize=4)
def _shares_without_shock(solution: Solution) -> Array:
    """Return exp(phi_h^{n+1} h + v_n) at the nodes, times the summation weight, shape (M, 64)."""
    few: Strips = solution.few
    return np.asarray(few.weight[:, None] * np.exp(few.log_share(solution.share_nodes, ahead=1)))


def sharpe_bound(solution: Solution, state: State) -> float:
    """Return sqrt(exp(x^2) - 1), the month's Hansen-Jagannathan bound."""
    del solution
    return float(np.sqrt(np.expm1(state.x**2)))
