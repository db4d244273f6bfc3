"""Prices of the Berk-Green-Naik economy: the consol, growth options and new projects."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from truepremia.economies.bgn.parameters import (
    LOG_ROUNDING,
    Params,
    calibrate_projects,
    consol,
)
from truepremia.economies.contract import Undefined
from truepremia.economies.quadrature import NORMAL_REACH, ChebyshevSeries, legendre_panels
from truepremia.errors import NumericalError
from truepremia.typing import Array

STATE_REACH = 6.3
"""Stationary standard deviations of the rate within which a month's moments can be computed."""

_HERMITE_REACH = 14.0


@dataclass(frozen=True, eq=False)
class Solution:
    """A solved Berk-Green-Naik economy.

    Parameters
    ----------
    params : Params
    beta_ceiling : float
        beta*, the highest systematic risk of a new project.
    beta_scale : float
        s, mean distance of a new project's beta below the ceiling.
    log_consol : ChebyshevSeries
        log D(r): value of one expected unit of every future cash flow of a live project.
    log_option : ChebyshevSeries
        log J*(r): value of all future projects per unit of I exp(cbar).
    """

    params: Params
    beta_ceiling: float
    beta_scale: float
    log_consol: ChebyshevSeries
    log_option: ChebyshevSeries

    def consol(self, rate: Array | float) -> Array:
        """Return D at the log rate, per unit of expected monthly cash flow; any shape."""
        return np.asarray(np.exp(self.log_consol(rate)))

    def consol_slope(self, rate: Array | float) -> Array:
        """Return D'(r)."""
        return np.asarray(self.consol(rate) * self.log_consol.derivative(rate))

    def option(self, rate: Array | float) -> Array:
        """Return J* at the log rate, per unit of I exp(cbar); any shape."""
        return np.asarray(np.exp(self.log_option(rate)))

    def option_slope(self, rate: Array | float) -> Array:
        """Return J*'(r)."""
        return np.asarray(self.option(rate) * self.log_option.derivative(rate))

    def project_npv(self, consol: Array) -> tuple[Array, Array]:
        """Return g and g2: mean and mean square of (exp(cbar) D e^{-beta} - 1)^+ over beta.

        Parameters
        ----------
        consol : array
            D at the rate of the decision.
        """
        log_value = self.params.log_cash_flow + np.log(consol) - self.beta_ceiling
        return _project_npv(log_value, self.beta_scale)

    def adoption(self, consol: Array) -> Array:
        """Return the probability that a new project is worth taking, given D."""
        log_value = self.params.log_cash_flow + np.log(consol) - self.beta_ceiling
        return np.asarray(np.exp(np.minimum(log_value, 0) / self.beta_scale))

    @cached_property
    def kink_rate(self) -> float:
        """Rate below which every project is taken; g is only once differentiable there."""
        return _kink_rate(self.params, self.log_consol, self.beta_ceiling)

    @property
    def _reported_kink_rate(self) -> float | Undefined:
        if np.isfinite(self.kink_rate):
            return self.kink_rate
        lowest, highest = self.log_consol.lower, self.log_consol.upper
        share = "every project is" if self.kink_rate > 0 else "not every project is"
        return Undefined(f"{share} taken at any rate from {lowest:.4g} to {highest:.4g}")

    @property
    def diagnostics(self) -> Mapping[str, float | Undefined]:
        """Calibrated constants and the sizes of the expansions."""
        return {
            "beta_ceiling": self.beta_ceiling,
            "beta_scale": self.beta_scale,
            "kink_rate": self._reported_kink_rate,
            "long_yield": self.params.long_yield,
            "consol_at_zero": float(self.consol(0.0)),
            "consol_at_mean": float(self.consol(self.params.mean_rate)),
            "option_at_mean": float(self.option(self.params.mean_rate)),
            "consol_degree": len(self.log_consol.coefficients) - 1,
            "option_degree": len(self.log_option.coefficients) - 1,
            "sharpe_bound": float(np.sqrt(np.expm1(self.params.sdf_volatility**2))),
        }

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays that, with the parameters, are the whole solution."""
        return {
            "beta": np.array([self.beta_ceiling, self.beta_scale]),
            "log_consol": self.log_consol.coefficients,
            "consol_interval": np.array([self.log_consol.lower, self.log_consol.upper]),
            "log_option": self.log_option.coefficients,
            "option_interval": np.array([self.log_option.lower, self.log_option.upper]),
        }

    @classmethod
    def from_arrays(cls, params: Params, arrays: Mapping[str, Array]) -> "Solution":
        """Rebuild the solution from :meth:`to_arrays`."""
        ceiling, scale = arrays["beta"]
        consol_from, consol_to = arrays["consol_interval"]
        option_from, option_to = arrays["option_interval"]
        return cls(
            params=params,
            beta_ceiling=float(ceiling),
            beta_scale=float(scale),
            log_consol=ChebyshevSeries(
                arrays["log_consol"], float(consol_from), float(consol_to), "the consol D"
            ),
            log_option=ChebyshevSeries(
                arrays["log_option"], float(option_from), float(option_to), "the option J*"
            ),
        )


def solve(params: Params) -> Solution:
    """Solve the economy: consol, calibration of the projects, growth options.

    Raises
    ------
    NumericalError
        If an expansion does not converge.
    """
    reach = _rate_reach(params)
    far = max(
        reach + NORMAL_REACH * params.rate_volatility,
        _HERMITE_REACH * params.stationary_sd,
    ) + abs(params.mean_rate - _hermite_centre(params))
    ceiling, scale = calibrate_projects(params)
    log_consol = ChebyshevSeries.fit(
        lambda r: np.log(consol(params, r)),
        min(params.mean_rate - far, 0.0),
        params.mean_rate + far,
        "the consol D",
    )
    option = growth_option(params, log_consol, ceiling, scale)
    log_option = ChebyshevSeries.fit(
        lambda r: np.log(option(r)),
        params.mean_rate - reach,
        params.mean_rate + reach,
        "the option J*",
        tolerance=1e-14,
    )
    return Solution(params, ceiling, scale, log_consol, log_option)


def growth_option(
    params: Params, log_consol: ChebyshevSeries, ceiling: float, scale: float
) -> Callable[[Array], Array]:
    """Return J*(r), the value of all future projects, as its exact Hermite series.

    The one-month pricing operator has eigenfunctions e^{-a_inf r} psi_n(x),
    x = (r-m)/s_inf, with eigenvalues lambda_n = e^{-y_inf} kappa^n, so that
    J*(r) = e^{-a_inf r} sum_n lambda_n/(1-lambda_n) gamma_n psi_n(x) where gamma_n are the
    Hermite coefficients of e^{a_inf r} g(r) / exp(cbar).
    """
    centre, sd = _hermite_centre(params), params.stationary_sd

    def option(rate: Array) -> Array:
        x = (rate - centre) / sd
        terms = _most_terms(params, float(np.abs(x).max()))
        node, load = _weighted_npv(params, log_consol, ceiling, scale, terms)
        series = _hermite_sum(params, node, load, x, terms)
        return np.asarray(np.exp(-params.duration * rate) * series)

    return option


def _hermite_centre(params: Params) -> float:
    """Return m, the mean of the rate under the law in which the eigenfunctions are Hermite."""
    tilt = params.rate_sdf_covariance + params.rate_volatility**2 * params.duration
    return params.mean_rate - params.duration * tilt


def _most_terms(params: Params, reach: float) -> int:
    """Return how many terms are below rounding for |x| <= reach, with a wide margin."""
    decay = -np.log(params.rate_persistence)
    return int(np.ceil((LOG_ROUNDING + 0.25 * reach**2 + 10) / decay)) + 64


def _weighted_npv(
    params: Params, log_consol: ChebyshevSeries, ceiling: float, scale: float, terms: int
) -> tuple[Array, Array]:
    """Return nodes in x and quadrature weights times e^{a_inf r} g(r)/exp(cbar)."""
    centre, sd = _hermite_centre(params), params.stationary_sd
    edges = np.linspace(-_HERMITE_REACH, _HERMITE_REACH, 2 + int(4.5 * np.sqrt(terms)))
    kink = (_kink_rate(params, log_consol, ceiling) - centre) / sd
    if abs(kink) < _HERMITE_REACH:
        edges = np.sort(np.append(edges, kink))
    node, weight = legendre_panels(edges, 16)
    rate = centre + sd * node
    npv, _ = _project_npv(params.log_cash_flow + log_consol(rate) - ceiling, scale)
    density = np.exp(-0.25 * node**2) / np.sqrt(2 * np.pi)
    growth = np.exp(params.duration * rate - params.log_cash_flow)
    return node, weight * density * growth * npv


def _hermite_sum(params: Params, node: Array, load: Array, x: Array, terms: int) -> Array:
    """Return sum_n lambda_n/(1-lambda_n) gamma_n psi_n(x), gamma_n = load . psi_n(node)."""
    at_node, at_x = _damped_hermite(node), _damped_hermite(x)
    eigenvalue = np.exp(-params.long_yield)
    total, quiet = np.zeros_like(x), 0
    for _ in range(terms):
        term = eigenvalue / (1 - eigenvalue) * (load @ next(at_node)) * next(at_x)
        total += term
        quiet = quiet + 1 if np.all(np.abs(term) <= 1e-16 * np.abs(total)) else 0
        if quiet == 32:
            return np.asarray(total * np.exp(0.25 * x**2))
        eigenvalue *= params.rate_persistence
    raise NumericalError(
        f"the series of growth options has not converged after {terms} terms; "
        f"rate_persistence {params.rate_persistence:g} is too close to 1"
    )


def _damped_hermite(x: Array) -> Iterator[Array]:
    """Yield psi_n(x) e^{-x^2/4} for n = 0, 1, 2, ...; psi_n alone would overflow."""
    previous, current, n = np.zeros_like(x), np.exp(-0.25 * x**2), 0
    while True:
        yield current
        previous, current = (
            current,
            (x * current - np.sqrt(n) * previous) / np.sqrt(n + 1),
        )
        n += 1


def _kink_rate(params: Params, log_consol: ChebyshevSeries, ceiling: float) -> float:
    """Return the rate at which exp(cbar) D(r) = e^{beta*}, infinite if it is out of reach."""
    target = ceiling - params.log_cash_flow
    low, high = log_consol.lower, log_consol.upper
    if target >= log_consol(low):
        return -np.inf
    if target <= log_consol(high):
        return np.inf
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if log_consol(middle) > target else (low, middle)
    return 0.5 * (low + high)


def _rate_reach(params: Params) -> float:
    """Return how far from the mean rate prices are needed: next month's rate, from any state."""
    return (
        params.rate_persistence * STATE_REACH * params.stationary_sd
        + NORMAL_REACH * params.rate_volatility
    )


def _project_npv(log_value: Array, scale: float) -> tuple[Array, Array]:
    """Return E[(e^y e^{sE} - 1)^+] and the mean square, E ~ Exp(1), y = ``log_value``."""
    y, x, s = log_value, np.minimum(log_value, 0), scale
    taken = np.exp(x / s)
    once = np.exp(y + x * (1 / s - 1)) / (1 - s)
    twice = np.exp(2 * y + x * (1 / s - 2)) / (1 - 2 * s)
    return once - taken, twice - 2 * once + taken
