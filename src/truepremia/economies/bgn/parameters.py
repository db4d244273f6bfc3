"""Calibration of the Berk-Green-Naik economy, and what follows from it in closed form.

One period is a month. The log riskless rate is a Gaussian autoregression,
``r' = kappa r + (1-kappa) rbar + sigma_r xi'``, and the discount factor is
``m' = exp(-r - sigma_z^2/2 - sigma_z nu')`` with ``Cov(sigma_z nu, sigma_r xi) = beta_zr``.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from truepremia.economies.parameters import (
    ANY,
    INSIDE_ONE,
    POSITIVE,
    Number,
    Parameters,
    parameter,
)
from truepremia.typing import Array

HIGHEST_PERSISTENCE = 0.9995
"""Autocorrelation of the rate up to which the series of bonds and growth options are summed."""

LOG_ROUNDING = -np.log(1e-17)


@dataclass(frozen=True)
class Params(Parameters):
    """Calibration of the Berk-Green-Naik economy; one period is a month."""

    economy: ClassVar[str] = "bgn"

    survival: float = parameter(
        "probability per month",
        "a live project survives",
        "π",
        INSIDE_ONE,
        Number(least=0.01, below=1),
    )
    mean_rate: float = parameter(
        "log rate per month", "mean of the riskless rate", "r̄", POSITIVE, Number(above=0, most=1)
    )
    rate_persistence: float = parameter(
        "per month", "autocorrelation of the riskless rate", "κ", INSIDE_ONE
    )
    rate_volatility: float = parameter(
        "per month", "s.d. of the rate's innovation", "σ_r", POSITIVE, Number(above=0, most=1)
    )
    sdf_volatility: float = parameter(
        "per month", "s.d. of the log discount factor", "σ_z", POSITIVE, Number(above=0, most=3)
    )
    rate_sdf_covariance: float = parameter(
        "per month squared", "covariance of the rate's innovation with the shock σ_z ν", "β_zr"
    )
    log_cash_flow: float = parameter(
        "log", "mean log cash flow per unit of investment", "c̄", ANY, Number(least=-20, most=5)
    )
    investment: float = parameter("value", "cost of a project", "I", POSITIVE)
    volatility_width: float = parameter(
        "per month", "range of cash-flow volatilities", "w_σ", POSITIVE, Number(above=0, most=5)
    )
    adoption_at_zero_rate: float = parameter(
        "probability", "a project is taken at r = 0", "p(0)", INSIDE_ONE
    )
    adoption_at_mean_rate: float = parameter(
        "probability", "a project is taken at r = r̄", "p(r̄)", INSIDE_ONE
    )

    def inconsistencies(self, broken: Collection[str]) -> list[str]:
        """Return the joint rules that the values break; none is meaningful outside the ranges."""
        if broken:
            return []
        wrong = []
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
        _, scale = calibrate_projects(self)
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
    months = int(np.ceil(LOG_ROUNDING / -np.log(params.rate_persistence)))
    a, c = bond(params, months)
    log_survival = np.arange(months + 1) * np.log(params.survival)
    ratio = params.survival * np.exp(-params.long_yield)
    exponent = (log_survival + c)[1:] - np.multiply.outer(np.asarray(rate, dtype=float), a[1:])
    terms = np.exp(exponent)
    return np.asarray(terms.sum(axis=-1) + terms[..., -1] * ratio / (1 - ratio))


def calibrate_projects(params: Params) -> tuple[float, float]:
    """Return (beta*, s) that give the two adoption probabilities; closed form."""
    at_zero, at_mean = np.log(consol(params, np.array([0.0, params.mean_rate])))
    odds = params.adoption_at_zero_rate / params.adoption_at_mean_rate
    scale = (at_zero - at_mean) / np.log(odds)
    ceiling = params.log_cash_flow + at_zero - scale * np.log(params.adoption_at_zero_rate)
    return float(ceiling), float(scale)
