"""Euler errors of the Kogan-Papanikolaou economy by brute-force quadrature.

E_t[m R_i] is integrated against the discount factor itself: over the normal shocks of x and z,
over the noncentral chi-squared laws of eps' and u', over survival, arrival and regime. Nothing
of the pricing is used but the prices under test: no eigenfunctions, no risk-neutral drift, no
closed form for a new project. A firm's conditional payoff depends on its state through eps and
the sums over its projects only, so the integrals over eps' are taken on a grid of eps and read
off a polynomial in eps that is accurate to rounding.
"""

from functools import lru_cache
from math import lgamma

import numpy as np
from numpy.polynomial import chebyshev, hermite_e, legendre

from truepremia.economies.kp14.conditional import State, price
from truepremia.economies.kp14.parameters import MONTH, Params
from truepremia.economies.kp14.solution import Solution
from truepremia.errors import NumericalError
from truepremia.typing import Array

MASS_TOLERANCE = 1e-10
"""Probability that quadrature over a transition may miss or invent."""

_HERMITE_NODES, _LEGENDRE_NODES = 32, 64
_ROOT_REACH = 5.0
"""Ten standard deviations: the root of a Gamma variable is nearly normal of variance 1/4."""

_DEGREE, _POLYNOMIAL_REACH = 40, 3.5
"""Degree of the polynomial in eps, and its interval around the stationary mean of the root."""


def euler_errors(solution: Solution, state: State) -> Array:
    """Return E_t[m_{t+1} R_{i,t+1}] - 1 of every firm.

    Parameters
    ----------
    solution : Solution
    state : State

    Returns
    -------
    array, shape (N,)

    Raises
    ------
    NumericalError
        If quadrature over a transition loses probability.
    """
    params = solution.params
    price_bond, price_x, price_xz = _priced_aggregates(params)
    eps, npv, option_low, option_high = _next_month(solution, state.eps)

    intercept, slope = _output_forecast(params)
    output = intercept * state.W0 + slope * (state.W0 + state.W1)
    in_place = _survives(params) * (
        solution.project_value(eps, np.zeros(1)) * (state.W0 - output)
        + solution.project_value(eps, np.ones(1)) * output
    )
    to_high = np.where(
        state.high, 1 - params.low_entry_rate * MONTH, params.high_entry_rate * MONTH
    )
    arrival = MONTH * np.where(state.high, params.high_multiplier, params.low_multiplier)
    options = (1 - to_high) * option_low + to_high * option_high + arrival * npv
    options = options * state.arrival_rate * state.z ** _elasticity(params)
    priced = price_bond * state.cash_flow + state.x * (price_x * in_place + price_xz * options)
    return np.asarray(priced / price(solution, state) - 1)


def expectations(solution: Solution, eps: Array) -> Array:
    """Return E[eps'], E[npv(eps')], E[G_L(eps')], E[G_H(eps')] given eps, by quadrature.

    Parameters
    ----------
    solution : Solution
    eps : array, shape (N,)

    Returns
    -------
    array, shape (4, N)
    """
    params = solution.params
    node, weight = _transition(params.firm_reversion, params.firm_volatility, eps)
    flat = node.ravel()
    low, high = np.zeros(len(flat), dtype=bool), np.ones(len(flat), dtype=bool)
    functions = [
        flat,
        _net_present_value(solution, flat),
        solution.growth_option(flat, low),
        solution.growth_option(flat, high),
    ]
    return np.array([h.reshape(node.shape) @ weight for h in functions])


def _transition(speed: float, volatility: float, value: Array) -> tuple[Array, Array]:
    """Return nodes (N, nodes) and weights (nodes,) for the law of v' given v = ``value``.

    v'/c = (Z + sqrt(q v / c))^2 + X with Z normal and X chi-squared of one degree of freedom
    less than v'/c: Gauss-Hermite over Z, Gauss-Legendre against the density of sqrt(X/2).
    """
    q = np.exp(-speed * MONTH)
    if volatility == 0:
        return 1 + q * (value[:, None] - 1), np.ones(1)
    c = volatility**2 * (1 - q) / (4 * speed)
    half_degrees = 2 * speed / volatility**2 - 0.5
    lower = max(np.sqrt(half_degrees) - _ROOT_REACH, 0.0)
    upper = np.sqrt(half_degrees) + _ROOT_REACH
    unit, unit_weight = legendre.leggauss(_LEGENDRE_NODES)
    root = 0.5 * (upper + lower) + 0.5 * (upper - lower) * unit
    log_density = (2 * half_degrees - 1) * np.log(root) - root**2 - lgamma(half_degrees)
    weight_x = (upper - lower) * unit_weight * np.exp(log_density)
    mass = float(weight_x.sum())
    if not abs(mass - 1) < MASS_TOLERANCE:
        raise NumericalError(
            f"quadrature over the transition of a square-root process of volatility "
            f"{volatility:g} has probability {mass:.12g}, not 1"
        )
    z, weight_z = hermite_e.hermegauss(_HERMITE_NODES)
    squared = (z + np.sqrt(q * value / c)[:, None]) ** 2
    node = c * (squared[:, :, None] + 2 * root**2)
    weight = np.multiply.outer(weight_z / weight_z.sum(), weight_x / mass)
    return node.reshape(len(value), -1), weight.ravel()


def _next_month(solution: Solution, eps: Array) -> Array:
    """Return :func:`expectations`, through a polynomial in eps for all but freak values."""
    if solution.params.firm_process.is_constant:
        return expectations(solution, eps)
    lower, upper, coefficients = _polynomial(solution)
    unit = (2 * eps - lower - upper) / (upper - lower)
    values = np.asarray(chebyshev.chebval(unit, coefficients))
    outside = np.abs(unit) > 1
    if outside.any():
        values[:, outside] = expectations(solution, eps[outside])
    return values


@lru_cache(maxsize=4)
def _polynomial(solution: Solution) -> tuple[float, float, Array]:
    """Return an interval of eps and Chebyshev coefficients (degree + 1, 4) of expectations."""
    root = np.sqrt(2 * solution.params.firm_reversion) / solution.params.firm_volatility
    lower = float((max(root - _POLYNOMIAL_REACH, 0.0) / root) ** 2)
    upper = float(((root + _POLYNOMIAL_REACH) / root) ** 2)
    node = chebyshev.chebpts1(_DEGREE + 1)
    values = expectations(solution, 0.5 * (upper + lower) + 0.5 * (upper - lower) * node)
    basis = chebyshev.chebvander(node, _DEGREE)
    coefficients = 2 / (_DEGREE + 1) * basis.T @ values.T
    coefficients[0] /= 2
    return lower, upper, coefficients


def _net_present_value(solution: Solution, eps: Array) -> Array:
    """Return value less cost at x = z = 1 of a project of optimal scale."""
    capital = solution.optimal_capital(1.0, eps)
    value = solution.project_value(eps, np.ones(1)) * capital**solution.params.returns_to_scale
    return np.asarray(value - capital)


def _elasticity(params: Params) -> float:
    return params.returns_to_scale / (1 - params.returns_to_scale)


def _survives(params: Params) -> float:
    return 1 - params.death_rate * MONTH


@lru_cache(maxsize=4)
def _output_forecast(params: Params) -> tuple[float, float]:
    """Return (k, l) of E[u' | u] = k + l u, from the law of u' at u = 0 and at u = 1.

    u'/c is chi-squared with a Poisson number of extra pairs of degrees of freedom; u may reach
    zero, where its density is not bounded, so the Poisson law is summed instead.
    """
    speed, volatility = params.project_reversion, params.project_volatility
    q = float(np.exp(-speed * MONTH))
    if volatility == 0:
        return 1 - q, q
    c = volatility**2 * (1 - q) / (4 * speed)
    rate = 0.5 * q / c
    reach = 12 * np.sqrt(rate) + 30
    count = np.arange(max(0, int(rate - reach)), int(rate + reach) + 1)
    log_factorial = np.array([lgamma(k + 1) for k in count])
    probability = np.exp(count * np.log(rate) - rate - log_factorial)
    at_zero = c * 4 * speed / volatility**2
    at_one = at_zero + 2 * c * float(probability @ count / probability.sum())
    return float(at_zero), float(at_one - at_zero)


@lru_cache(maxsize=4)
def _priced_aggregates(params: Params) -> tuple[float, float, float]:
    """Return E[m], E[m x'/x] and E[m (x'/x) (z'/z)^a] by Gauss-Hermite over the two shocks."""
    shock, weight = hermite_e.hermegauss(40)
    weight = weight / weight.sum()
    dB = np.sqrt(MONTH) * shock
    gamma_x, gamma_z = params.productivity_risk_price, params.technology_risk_price
    risk = gamma_x * dB[:, None] + gamma_z * dB
    m = np.exp(-params.riskless_rate * MONTH - 0.5 * (gamma_x**2 + gamma_z**2) * MONTH - risk)
    sigma_x, sigma_z = params.productivity_volatility, params.technology_volatility
    x = np.exp((params.productivity_drift - 0.5 * sigma_x**2) * MONTH + sigma_x * dB)
    z = np.exp((params.technology_drift - 0.5 * sigma_z**2) * MONTH + sigma_z * dB)
    joint = m * np.multiply.outer(weight, weight)
    return (
        float(joint.sum()),
        float(x @ joint.sum(axis=1)),
        float(x @ joint @ z ** _elasticity(params)),
    )
