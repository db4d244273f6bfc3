"""Euler errors of the Berk-Green-Naik economy by brute-force quadrature.

E_t[m R_i] is integrated over (nu, xi) under the physical law against the discount factor
itself. Nothing of the pricing is used but the prices under test: no risk-neutral shift, no
closed form for new projects, no Hermite expansion.
"""

from functools import cache

import numpy as np
from numpy.polynomial import laguerre

from truepremia.economies.bgn.conditional import State
from truepremia.economies.bgn.solution import Solution
from truepremia.economies.quadrature import NORMAL_REACH, legendre_panels
from truepremia.typing import Array

_STEP = 0.6
"""Step of the trapezoidal rule: its error for a Gaussian is 2 exp(-2 pi^2 / step^2) < 1e-23."""


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
    cash_unit = np.exp(params.log_cash_flow)
    held = state.by_firm(np.exp(-state.beta))
    price = cash_unit * (solution.option(state.rate) + solution.consol(state.rate) * held)

    consol, growth = _priced_rate_payoffs(solution, state.rate)
    cash = state.by_firm(_priced_cash_flows(params.sdf_volatility, state.beta))
    discount = np.exp(-state.rate)
    priced = discount * (growth + cash_unit * params.survival * (held * consol + cash))
    return np.asarray(priced / price - 1)


def _priced_rate_payoffs(solution: Solution, rate: float) -> tuple[Array, Array]:
    """Return e^r E[m D(r')] and e^r E[m (C J*(r') + new projects)], over xi and nu given xi."""
    params = solution.params
    expected = float(params.expected_rate(np.asarray(rate)))
    kink = (solution.kink_rate - expected) / params.rate_volatility
    edges = np.linspace(-NORMAL_REACH, NORMAL_REACH, 9)
    edges = np.sort(np.append(edges, np.clip(kink, -NORMAL_REACH, NORMAL_REACH)))
    xi, weight = legendre_panels(edges, 24)
    density = weight * np.exp(-0.5 * xi**2) / np.sqrt(2 * np.pi)
    rate_next = expected + params.rate_volatility * xi
    consol = solution.consol(rate_next)
    growth = np.exp(params.log_cash_flow) * solution.option(rate_next)
    growth = growth + _new_project_value(solution, consol)
    kernel = density * _mean_kernel(params.sdf_volatility, params.correlation, xi)
    return kernel @ consol, kernel @ growth


def _mean_kernel(sdf_volatility: float, rho: float, xi: Array) -> Array:
    """Return E[exp(-sigma_z^2/2 - sigma_z nu) | xi] by the trapezoidal rule over nu's own part."""
    own = np.arange(-NORMAL_REACH - sdf_volatility, NORMAL_REACH + sdf_volatility, _STEP)
    density = _STEP * np.exp(-0.5 * own**2) / np.sqrt(2 * np.pi)
    nu = rho * xi[:, None] + np.sqrt(1 - rho**2) * own
    return np.asarray(np.exp(-0.5 * sdf_volatility**2 - sdf_volatility * nu) @ density)


def _new_project_value(solution: Solution, consol: Array) -> Array:
    """Return E[(C D e^{-beta} - 1)^+] by Gauss-Laguerre over the projects worth taking."""
    node, weight = _gauss_laguerre(60)
    log_value = solution.params.log_cash_flow + np.log(consol) - solution.beta_ceiling
    first = np.maximum(-log_value / solution.beta_scale, 0.0)
    above = np.exp(solution.beta_scale * node) @ weight
    worth = np.exp(log_value + solution.beta_scale * first) * above - weight.sum()
    return np.asarray(np.exp(-first) * worth)


@cache
def _gauss_laguerre(nodes: int) -> tuple[Array, Array]:
    return laguerre.laggauss(nodes)


def _priced_cash_flows(sdf_volatility: float, beta: Array) -> Array:
    """Return e^r E[m exp(b nu - b^2/2)] of every project by the trapezoidal rule over nu.

    The nodes are equally spaced, so that e^{b nu} runs through the powers of one number: a
    polynomial, evaluated by Horner's scheme.
    """
    if not len(beta):
        return np.empty(0)
    b = beta / sdf_volatility
    low = min(b.min(), 0.0) - sdf_volatility - NORMAL_REACH
    high = max(b.max(), 0.0) - sdf_volatility + NORMAL_REACH
    nu = np.arange(low, high + _STEP, _STEP)
    density = _STEP * np.exp(-0.5 * nu**2) / np.sqrt(2 * np.pi)
    coefficient = density * np.exp(-0.5 * sdf_volatility**2 - sdf_volatility * nu)
    step = np.exp(b * _STEP)
    total = np.full(len(b), coefficient[-1])
    for c in coefficient[-2::-1]:
        total *= step
        total += c
    return np.asarray(total * np.exp(b * low - 0.5 * b**2))
