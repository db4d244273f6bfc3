"""E_t[m'R'] - 1 by the trapezoidal rule, independent of the moments."""

import numpy as np

from truepremia.typing import Array

from .conditional import State
from .solution import Solution

EPS = np.arange(-10, 10.25, 0.5)
WEIGHT = 0.5 * np.exp(-0.5 * EPS**2) / np.sqrt(2 * np.pi)


def euler_errors(solution: Solution, state: State) -> Array:
    """Return the Euler error of every firm."""
    p, b = solution.params, state.risk[:, None]
    kernel = np.exp(-p.riskless_rate - 0.5 * p.price_of_risk**2 - p.price_of_risk * EPS)
    payoff = np.exp(p.riskless_rate + p.price_of_risk * b - 0.5 * b**2 + b * EPS)
    own = np.exp(p.own_volatility * EPS - 0.5 * p.own_volatility**2) @ WEIGHT
    return np.asarray(payoff @ (kernel * WEIGHT) * own - 1)
