"""Euler errors of the Gu-Kelly-Xiu economy by brute-force quadrature.

E_t[m R_i] is integrated over every shock by the trapezoidal rule against the discount factor
itself: no change of measure, and the mean of the own shock is integrated too.
"""

import numpy as np

from truepremia.economies.gkx20.conditional import State, exposures
from truepremia.economies.gkx20.parameters import Params
from truepremia.economies.gkx20.solution import Solution
from truepremia.typing import Array

_NODES = np.arange(-12, 12.25, 0.5)
_WEIGHTS = 0.5 * np.exp(-0.5 * _NODES**2) / np.sqrt(2 * np.pi)


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
    params = solution.params
    gamma = params.price_of_risk(state.x)
    b = exposures(params, state.betas)
    kernel = np.exp(-0.5 * gamma[:, None] ** 2 - np.multiply.outer(gamma, _NODES))
    mass, first = kernel @ _WEIGHTS, kernel @ (_WEIGHTS * _NODES)
    others = mass.prod() / mass
    certain = (params.gross_riskfree + b @ gamma) * mass.prod()
    priced = np.exp(-params.riskless_rate) * (certain + b @ (first * others))
    return np.asarray(priced * _mean_own_shock(params, state.volatility) - 1)


def _mean_own_shock(params: Params, volatility: Array) -> Array:
    """Return E[U] of every firm, over the normal shock given each of the two variances."""
    mean = np.zeros(len(volatility))
    for scale, probability in zip(*params.tail, strict=True):
        spread = np.sqrt(scale) * volatility
        log_shock = np.multiply.outer(spread, _NODES) - 0.5 * spread[:, None] ** 2
        mean += probability * (np.exp(log_shock) @ _WEIGHTS)
    return mean
