"""Euler errors of the Lettau-Wachter economy by brute-force quadrature, strip by strip.

E_t[m' D' p_n(x', z') e^{...}] is integrated for every single strip by the trapezoidal rule over
each shock against the discount factor itself: no Hermite expansion, no completed squares, no
summation rule. As a function of the log share the sum over strips is smooth; it is taken on a grid
and read off a polynomial that is accurate to rounding.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev

from truepremia.economies.lw07.conditional import State, price
from truepremia.economies.lw07.solution import SHARE_REACH, Solution
from truepremia.economies.quadrature import chebyshev_coefficients
from truepremia.typing import Array

_NODES = np.arange(-11, 11.25, 0.5)
_WEIGHTS = 0.5 * np.exp(-0.5 * _NODES**2) / np.sqrt(2 * np.pi)
_COUNT = 80


def euler_errors(solution: Solution, state: State) -> Array:
    """Return E_t[m_{t+1} R_{i,t+1}] - 1 of every firm.

    Parameters
    ----------
    solution : Solution
    state : State

    Returns
    -------
    array, shape (N,)
    """
    every, kept = solution.every, _fixed(solution)
    rate = solution.params.riskless_rate
    kernel = _WEIGHTS * np.exp(-rate - 0.5 * state.x**2 - state.x * _NODES)
    priced = kept.dividend @ kernel
    strips = np.exp(every.expected_level(state.x, state.z)) * priced * kept.mean
    series = chebyshev_coefficients(np.log(strips @ kept.share))
    unit = state.share / (SHARE_REACH * solution.params.share_dispersion)
    payoff = np.exp(state.dividend + chebyshev.chebval(unit, series))
    return np.asarray(payoff / price(solution, state) - 1)


@dataclass(frozen=True, eq=False)
class _Fixed:
    """What no month changes: payoffs by shock, integrals over the unpriced ones, and shares.

    Parameters
    ----------
    dividend : array, shape (M, nodes)
        exp(V_n1 eps_d) of every strip at the quadrature nodes; only the discount factor moves.
    mean : array, shape (M,)
        E over eps_z, eps_x and eta of every strip, times its weight.
    share : array, shape (M, K)
        exp(phi_h^{n+1} h + v_n) at Chebyshev nodes of the log share.
    """

    dividend: Array
    mean: Array
    share: Array


@lru_cache(maxsize=2)
def _fixed(solution: Solution) -> _Fixed:
    every, params = solution.every, solution.params
    own = params.share_volatility * params.share_persistence**every.maturity
    mean = every.weight.copy()
    for risk in (every.risk[1], every.risk[2], own):
        mean *= np.exp(np.multiply.outer(risk, _NODES)) @ _WEIGHTS
    nodes = np.cos(np.pi * (np.arange(_COUNT) + 0.5) / _COUNT)
    share = SHARE_REACH * params.share_dispersion * nodes
    dividend = np.exp(np.multiply.outer(every.risk[0], _NODES))
    return _Fixed(dividend, mean, np.exp(every.log_share(share, ahead=1)))
