"""Prices of the Berk-Green-Naik economy: bonds, the consol, the calibration, growth options.

One period is a month. The log riskless rate is a Gaussian autoregression,
``r' = kappa r + (1-kappa) rbar + sigma_r xi'``, and the discount factor is
``m' = exp(-r - sigma_z^2/2 - sigma_z nu')`` with ``Cov(sigma_z nu, sigma_r xi) = beta_zr``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from truepremia.economies.contract import Parameters, parameter
from truepremia.economies.quadrature import NORMAL_REACH, ChebyshevSeries, legendre_panels
from truepremia.errors import NumericalError
from truepremia.typing import Array

STATE_REACH = 6.3
"""Stationary standard deviations of the rate within which a month's moments can be computed."""

HIGHEST_PERSISTENCE = 0.9995
"""Autocorrelation of the rate up to which the series of bonds and growth options are summed."""

_LOG_ROUNDING = -np.log(1e-17)
_HERMITE_REACH = 14.0


@dataclass(frozen=True)
class Params(Parameters):
    """Calibration of the Berk-Green-Naik economy; one period is a month."""

    economy: ClassVar[str] = "bgn"

    survival: float = parameter("probability per month", "a live project survives", "π")
    mean_rate: float = parameter("log rate per month", "mean of the riskless rate", "r̄")
    rate_persistence: float = parameter("per month", "autocorrelation of the riskless rate", "κ")
    rate_volatility: float = parameter("per month", "s.d. of the rate's innovation", "σ_r")
    sdf_volatility: float = parameter("per month", "s.d. of the log discount factor", "σ_z")
    rate_sdf_covariance: float = parameter(
        "per month squared", "covariance of the rate's innovation with the shock σ_z ν", "β_zr"
    )
    log_cash_flow: float = parameter("log", "mean log cash flow per unit of investment", "c̄")
    investment: float = parameter("value", "cost of a project", "I")
    volatility_width: float = parameter("per month", "range of cash-flow volatilities", "w_σ")
    adoption_at_zero_rate: float = parameter("probability", "a project is taken at r = 0", "p(0)")
    adoption_at_mean_rate: float = parameter("probability", "a project is taken at r = r̄", "p(r̄)")

    def violations(self) -> list[str]:
        """Return every rule that the values break."""
        unit = (
            "survival",
            "rate_persistence",
            "adoption_at_zero_rate",
            "adoption_at_mean_rate",
        )
        positive = (
            "mean_rate",
            "rate_volatility",
            "sdf_volatility",
            "investment",
            "volatility_width",
        )
        wrong = [
            f"{name} is {getattr(self, name):g}: must lie strictly between 0 and 1"
            for name in unit
            if not 0 < getattr(self, name) < 1
        ]
        wrong += [
            f"{name} is {getattr(self, name):g}: must be positive"
            for name in positive
            if not getattr(self, name) > 0
        ]
        if wrong:
            return wrong
        if not abs(self.correlation) < 1:
            wrong.append(
                f"rate_sdf_covariance is {self.rate_sdf_covariance:g}: the correlation "
                f"{self.correlation:g} it implies must lie strictly between -1 and 1"
            )
        if not self.adoption_at_zero_rate > self.adoption_at_mean_rate:
            wrong.append(
                f"adoption_at_zero_rate is {self.adoption_at_zero_rate:g}: must exceed "
                f"adoption_at_mean_rate {self.adoption_at_mean_rate:g}"
            )
        if not self.long_yield > 0:
            wrong.append(
                f"the yield of a perpetual bond is {self.long_yield:g}: growth options diverge; "
                "raise mean_rate or lower rate_volatility or rate_persistence"
            )
        if self.rate_persistence > HIGHEST_PERSISTENCE:
            wrong.append(
                f"rate_persistence is {self.rate_persistence:g}: must be at most "
                f"{HIGHEST_PERSISTENCE:g}, beyond which the series of prices are too long"
            )
        return wrong or self._spread_violations()

    def _spread_violations(self) -> list[str]:
        _, scale = _calibrate_projects(self)
        if 0 < scale < 0.5:
            return []
        return [
            f"adoption_at_zero_rate {self.adoption_at_zero_rate:g} and adoption_at_mean_rate "
            f"{self.adoption_at_mean_rate:g} imply a spread of project betas of {scale:g}: must "
            "lie in (0, 0.5), else the value of a new project has no variance; move the two "
            "probabilities apart"
        ]

    @property
    def correlation(self) -> float:
        """Correlation rho of nu and xi."""
        return self.rate_sdf_covariance / (self.sdf_volatility * self.rate_volatility)

    @property
    def duration(self) -> float:
        """Rate sensitivity a_inf = 1/(1-kappa) of a perpetual bond."""
        return 1 / (1 - self.rate_persistence)

    @property
    def long_yield(self) -> float:
        """Log yield y_inf = rbar - (sigma_r a_inf)^2/2 - a_inf beta_zr of a perpetual bond."""
        convexity = 0.5 * (self.rate_volatility * self.duration) ** 2
        return self.mean_rate - convexity - self.duration * self.rate_sdf_covariance

    @property
    def stationary_sd(self) -> float:
        """Stationary standard deviation of the rate."""
        return float(self.rate_volatility / np.sqrt(1 - self.rate_persistence**2))

    def expected_rate(self, rate: Array) -> Array:
        """Return E[r_{t+1} | r_t = rate]."""
        return self.rate_persistence * rate + (1 - self.rate_persistence) * self.mean_rate


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
    def diagnostics(self) -> Mapping[str, float]:
        """Calibrated constants and the sizes of the expansions."""
        return {
            "beta_ceiling": self.beta_ceiling,
            "beta_scale": self.beta_scale,
            "kink_rate": self.kink_rate,
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
    ceiling, scale = _calibrate_projects(params)
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


def bond(params: Params, months: int) -> tuple[Array, Array]:
    """Return (a, c) of the riskless bonds B(k, r) = exp(c_k - a_k r), k = 0..months.

    a_k = (1-kappa^k)/(1-kappa), c_0 = 0,
    c_{k+1} = c_k - a_k (1-kappa) rbar + a_k^2 sigma_r^2 / 2 + a_k beta_zr.
    """
    kappa = params.rate_persistence
    a = (1 - kappa ** np.arange(months + 1)) / (1 - kappa)
    step = (
        -a * (1 - kappa) * params.mean_rate
        + 0.5 * a**2 * params.rate_volatility**2
        + a * params.rate_sdf_covariance
    )
    return a, np.concatenate([[0.0], np.cumsum(step[:-1])])


def consol(params: Params, rate: Array) -> Array:
    """Return D(r) = sum over k >= 1 of survival^k B(k, r), with its exact geometric tail.

    Parameters
    ----------
    params : Params
    rate : array, shape (M,)
        Log riskless rate.

    Returns
    -------
    array, shape (M,)
    """
    months = int(np.ceil(_LOG_ROUNDING / -np.log(params.rate_persistence)))
    a, c = bond(params, months)
    log_survival = np.arange(months + 1) * np.log(params.survival)
    ratio = params.survival * np.exp(-params.long_yield)
    exponent = (log_survival + c)[1:] - np.multiply.outer(np.asarray(rate, dtype=float), a[1:])
    terms = np.exp(exponent)
    return np.asarray(terms.sum(axis=-1) + terms[..., -1] * ratio / (1 - ratio))


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
    return int(np.ceil((_LOG_ROUNDING + 0.25 * reach**2 + 10) / decay)) + 64


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


def _calibrate_projects(params: Params) -> tuple[float, float]:
    """Return (beta*, s) that give the two adoption probabilities; closed form."""
    at_zero, at_mean = np.log(consol(params, np.array([0.0, params.mean_rate])))
    odds = params.adoption_at_zero_rate / params.adoption_at_mean_rate
    scale = (at_zero - at_mean) / np.log(odds)
    ceiling = params.log_cash_flow + at_zero - scale * np.log(params.adoption_at_zero_rate)
    return float(ceiling), float(scale)


def _project_npv(log_value: Array, scale: float) -> tuple[Array, Array]:
    """Return E[(e^y e^{sE} - 1)^+] and the mean square, E ~ Exp(1), y = ``log_value``."""
    y, x, s = log_value, np.minimum(log_value, 0), scale
    taken = np.exp(x / s)
    once = np.exp(y + x * (1 / s - 1)) / (1 - s)
    twice = np.exp(2 * y + x * (1 / s - 2)) / (1 - 2 * s)
    return once - taken, twice - 2 * once + taken
