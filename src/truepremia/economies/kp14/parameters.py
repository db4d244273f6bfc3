"""Calibration of the Kogan-Papanikolaou economy, and what follows from it in closed form.

Rates are annual and one period is a month. Productivity x and investment technology z are
geometric Brownian motions; the discount factor is
``m' = exp(-r dt - gamma_x dB_x - gamma_z dB_z - (gamma_x^2 + gamma_z^2) dt / 2)``.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from truepremia.economies.parameters import (
    ANY,
    INSIDE_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    RATE,
    Choice,
    Number,
    Parameters,
    ZeroOr,
    parameter,
)
from truepremia.economies.processes import SquareRootProcess
from truepremia.typing import Array

MONTH = 1 / 12
"""Length dt of one period in years."""

PRICINGS = ("discrete", "continuous")
"""How prices are formed: exactly for monthly payoffs, or by the published formulas."""

RARE_FIRM = np.log(1e6)
"""Exponential draw exceeded by one firm in a million; such a firm must still have arrivals with
a probability of at most one."""

LEAST_VOLATILITY = 1e-3
"""Smallest volatility of firms and projects whose covariances keep their digits; zero is exact."""

MOST_SHAPE = 3e4
"""Shape of the stationary law of eps up to which its transition can be certified."""

ENTRY_RATE = Number(
    above=0, consequence="firms end in one regime; for a single one set high_multiplier to 1"
)


@dataclass(frozen=True)
class Params(Parameters):
    """Calibration of the Kogan-Papanikolaou economy; rates are annual."""

    economy: ClassVar[str] = "kp14"

    productivity_drift: float = parameter(
        "per year", "drift of aggregate productivity x", "μ_x", ANY, Number(least=-2, most=2)
    )
    productivity_volatility: float = parameter(
        "per √year", "volatility of x", "σ_x", POSITIVE, Number(above=0, most=2)
    )
    technology_drift: float = parameter(
        "per year", "drift of investment technology z", "μ_z", ANY, Number(least=-2, most=2)
    )
    technology_volatility: float = parameter(
        "per √year", "volatility of z", "σ_z", POSITIVE, Number(above=0, most=2)
    )
    firm_reversion: float = parameter(
        "per year",
        "mean reversion of firm productivity ε",
        "θ_ε",
        POSITIVE,
        Number(above=0, most=100),
    )
    firm_volatility: float = parameter(
        "per √year",
        "volatility of ε",
        "σ_ε",
        NOT_NEGATIVE,
        ZeroOr(Number(least=LEAST_VOLATILITY, most=15)),
    )
    project_reversion: float = parameter(
        "per year", "mean reversion of project output u", "θ_u", POSITIVE, Number(above=0, most=100)
    )
    project_volatility: float = parameter(
        "per √year",
        "volatility of u",
        "σ_u",
        NOT_NEGATIVE,
        ZeroOr(Number(least=LEAST_VOLATILITY, most=100)),
    )
    death_rate: float = parameter("per year", "rate at which projects die", "δ", POSITIVE)
    arrival_floor: float = parameter(
        "projects", "mean live projects of the least active firms", "μ_λ", POSITIVE
    )
    arrival_spread: float = parameter(
        "projects",
        "mean of the exponential spread of live projects over firms",
        "σ_λ",
        NOT_NEGATIVE,
    )
    high_entry_rate: float = parameter(
        "per year", "rate of entry into the high regime", "μ_H", ENTRY_RATE
    )
    low_entry_rate: float = parameter(
        "per year", "rate of entry into the low regime", "μ_L", ENTRY_RATE
    )
    high_multiplier: float = parameter(
        "ratio", "arrivals in the high regime over mean", "λ_H", POSITIVE
    )
    riskless_rate: float = parameter("log rate per year", "riskless rate", "r", ANY, RATE)
    productivity_risk_price: float = parameter(
        "per √year", "price of risk of x", "γ_x", ANY, Number(least=-5, most=5)
    )
    technology_risk_price: float = parameter(
        "per √year", "price of risk of z", "γ_z", ANY, Number(least=-5, most=5)
    )
    returns_to_scale: float = parameter(
        "elasticity", "returns to scale of a project", "α", INSIDE_ONE
    )
    initial_productivity: float = parameter(
        "level", "x at the start of the burn-in", "x_0", POSITIVE
    )
    initial_technology: float = parameter("level", "z at the start of the burn-in", "z_0", POSITIVE)
    pricing: str = parameter(
        "option", "discrete or continuous pricing formulas", "", Choice(PRICINGS)
    )

    def inconsistencies(self, broken: Collection[str]) -> list[str]:
        """Return the joint rules that the values break, where they are meaningful."""
        del broken
        return self._broken_probabilities() + self._broken_values()

    def _broken_probabilities(self) -> list[str]:
        rates = {n: getattr(self, n) for n in ("death_rate", "high_entry_rate", "low_entry_rate")}
        wrong = [
            f"{name} is {rate:g}: at most {1 / MONTH:g} a year, else its monthly probability "
            f"{rate * MONTH:.4g} exceeds 1"
            for name, rate in rates.items()
            if rate * MONTH > 1
        ]
        if self.death_rate * MONTH == 1:
            wrong.append(f"death_rate is {self.death_rate:g}: no project would survive a month")
        if self.high_entry_rate > 0 and self.low_entry_rate > 0 and self.low_multiplier < 0:
            wrong.append(
                f"high_multiplier is {self.high_multiplier:g}: at most {1 / self.high_share:.4g}, "
                f"else arrivals in the low regime have the negative rate {self.low_multiplier:.4g}"
            )
        rate = self.arrival_rate(RARE_FIRM) * max(self.high_multiplier, 1.0)
        if rate * MONTH > 1:
            wrong.append(
                f"arrival_floor is {self.arrival_floor:g} and arrival_spread "
                f"{self.arrival_spread:g}: the monthly arrival probability {rate * MONTH:.4g} of "
                "the most active firm in a million exceeds 1; lower them, high_multiplier or "
                "death_rate"
            )
        return wrong

    def _broken_values(self) -> list[str]:
        wrong = []
        if 0 < self.returns_to_scale < 1 and not self.option_discount > 0:
            wrong.append(
                f"riskless_rate is {self.riskless_rate:g}: the discount rate rho of growth "
                f"options is {self.option_discount:.4g}, must be positive, else they are worth "
                "infinitely much; raise riskless_rate or lower technology_drift"
            )
        if not self.project_discount + self.death_rate > 0:
            wrong.append(
                f"riskless_rate is {self.riskless_rate:g}: the discount rate of projects "
                f"{self.project_discount + self.death_rate:.4g} must be positive; raise "
                "riskless_rate or lower productivity_drift"
            )
        most = MOST_SHAPE * self.firm_volatility**2
        if self.firm_volatility > 0 and most < 2 * self.firm_reversion:
            wrong.append(
                f"firm_volatility is {self.firm_volatility:g}: must be 0, for firms of constant "
                f"productivity, or at least {np.sqrt(2 * self.firm_reversion / MOST_SHAPE):.4g} at "
                f"firm_reversion {self.firm_reversion:g}, else their law is too narrow to certify"
            )
        if self.firm_reversion > 0 and self.firm_volatility**2 > 2 * self.firm_reversion:
            wrong.append(
                f"firm_volatility is {self.firm_volatility:g}: at most "
                f"{np.sqrt(2 * self.firm_reversion):.4g}, else firm productivity reaches zero"
            )
        return wrong

    @property
    def technology_elasticity(self) -> float:
        """Elasticity a = alpha / (1-alpha) of growth options to z."""
        return self.returns_to_scale / (1 - self.returns_to_scale)

    @property
    def npv_scale(self) -> float:
        """Net present value C = (1-alpha) alpha^a of a new project per unit of x z^a f."""
        alpha = self.returns_to_scale
        return float((1 - alpha) * alpha**self.technology_elasticity)

    @property
    def high_share(self) -> float:
        """Stationary share pi_H of firms in the high regime."""
        return self.high_entry_rate / (self.high_entry_rate + self.low_entry_rate)

    @property
    def low_multiplier(self) -> float:
        """Arrivals in the low regime over mean, lambda_L, so that the mean multiplier is one."""
        return (1 - self.high_share * self.high_multiplier) / (1 - self.high_share)

    @property
    def regime_persistence(self) -> float:
        """Autocorrelation psi of the regime over one month."""
        return 1 - (self.high_entry_rate + self.low_entry_rate) * MONTH

    @property
    def survival(self) -> float:
        """Probability pi that a live project survives a month."""
        return 1 - self.death_rate * MONTH

    @property
    def project_discount(self) -> float:
        """Annual rate r + gamma_x sigma_x - mu_x at which claims on x are discounted."""
        premium = self.productivity_risk_price * self.productivity_volatility
        return self.riskless_rate + premium - self.productivity_drift

    @property
    def option_discount(self) -> float:
        """Annual rate rho at which claims on x z^a are discounted."""
        a, sigma = self.technology_elasticity, self.technology_volatility
        growth = self.technology_drift - self.technology_risk_price * sigma
        return self.project_discount - a * growth - 0.5 * a * (a - 1) * sigma**2

    @property
    def gross_riskfree(self) -> float:
        """Gross riskless return R_f of one month."""
        return float(np.exp(self.riskless_rate * MONTH))

    @property
    def firm_process(self) -> SquareRootProcess:
        """Law of motion of firm productivity eps."""
        return SquareRootProcess(self.firm_reversion, self.firm_volatility, MONTH)

    @property
    def project_process(self) -> SquareRootProcess:
        """Law of motion of project output u."""
        return SquareRootProcess(self.project_reversion, self.project_volatility, MONTH)

    def arrival_rate(self, draw: Array | float) -> Array | float:
        """Return lambda_f = delta (mu_lambda + sigma_lambda E) per year, E ~ Exp(1)."""
        return self.death_rate * (self.arrival_floor + self.arrival_spread * draw)

    def multiplier(self, high: Array) -> Array:
        """Return lambda_s of firms in the high regime (True) or the low one."""
        return np.where(high, self.high_multiplier, self.low_multiplier)

    def high_probability(self, high: Array) -> Array:
        """Return the probability that a firm is in the high regime next month."""
        return np.where(high, 1 - self.low_entry_rate * MONTH, self.high_entry_rate * MONTH)
