"""Calibration of the Gomes-Schmid economy, and what follows from it in closed form.

One period is a month. Log aggregate productivity x and log idiosyncratic productivity z are
Gaussian autoregressions with mean zero, and the discount factor is
``M' = exp(-r - gamma^2/2 - gamma eps')``, where eps' is the innovation of x.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from truepremia.economies.parameters import (
    BELOW_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Choice,
    Number,
    Parameters,
    WholeNumber,
    parameter,
)

RECOVERIES = ("capital", "firm_value")
"""What creditors receive in default: a share of capital and output, or of the reorganised firm."""

LEAST_REACH = 3.0
"""Fewest stationary s.d. that the grids must cover beyond the means of x and z."""


@dataclass(frozen=True)
class Params(Parameters):
    """Calibration of the Gomes-Schmid economy; one period is a month.

    All values are per unit of the firm's capital.
    """

    economy: ClassVar[str] = "gs21"

    x_persistence: float = parameter(
        "per month", "autocorrelation of log productivity x", "ρ_x", BELOW_ONE
    )
    x_volatility: float = parameter(
        "log per month", "s.d. of the innovation of x", "σ_x", POSITIVE, Number(above=0, most=1)
    )
    z_persistence: float = parameter(
        "per month", "autocorrelation of a firm's log z", "ρ_z", BELOW_ONE
    )
    z_volatility: float = parameter(
        "log per month", "s.d. of the innovation of z", "σ_z", POSITIVE, Number(above=0, most=1)
    )
    riskless_rate: float = parameter(
        "log rate per month", "riskless rate", "r", POSITIVE, Number(above=0, most=1)
    )
    price_of_risk: float = parameter(
        "per s.d. and month",
        "price of the innovation of x",
        "γ_x",
        NOT_NEGATIVE,
        Number(least=0, most=3),
    )
    investment_growth: float = parameter(
        "ratio",
        "capital after over before investing",
        "g",
        Number(above=1),
        Number(above=1, most=10),
    )
    lowest_investment_cost: float = parameter(
        "per unit of capital", "least cost", "i_min", NOT_NEGATIVE
    )
    highest_investment_cost: float = parameter("per unit of capital", "highest cost", "i_max")
    entrant_capital: float = parameter(
        "ratio", "entrant's over mean surviving capital", "α", POSITIVE
    )
    maintenance_cost: float = parameter(
        "per unit of capital, month", "maintenance cost", "δ", NOT_NEGATIVE
    )
    tax_rate: float = parameter("share", "tax on output net of the coupon", "τ", SHARE)
    debt_issuance_cost: float = parameter("share", "cost of issuing debt", "κ_b", SHARE)
    refinancing_probability: float = parameter("per month", "a firm may refinance", "ζ", SHARE)
    recovery: str = parameter(
        "capital | firm_value", "claim of creditors in default", "rec", Choice(RECOVERIES)
    )
    recovery_share: float = parameter("share", "part of that claim that is paid", "φ", SHARE)
    cash_flow_volatility: float = parameter(
        "value", "s.d. of the own cash-flow shock m", "σ_m", NOT_NEGATIVE
    )
    initial_coupon: float = parameter(
        "per unit of capital, month", "coupon at date 0", "b_0", NOT_NEGATIVE
    )
    z_nodes: int = parameter("count", "grid points in z", "n_z", WholeNumber(8, 2000))
    x_nodes: int = parameter("count", "grid points in x", "n_x", WholeNumber(8, 2000))
    b_nodes: int = parameter("count", "grid points in the coupon", "n_b", WholeNumber(8, 2000))
    quadrature_nodes: int = parameter(
        "count", "Gauss-Hermite nodes of an innovation", "n_q", WholeNumber(3, 100)
    )
    z_reach: float = parameter(
        "stationary s.d.", "grid in z on both sides of its mean", "", Number(least=LEAST_REACH)
    )
    x_reach: float = parameter(
        "stationary s.d.",
        "grid in x beyond its two means",
        "",
        Number(
            least=LEAST_REACH,
            consequence="the grid does not cover the mean of x under the pricing measure",
        ),
    )
    highest_coupon: float = parameter(
        "per unit of capital, month", "end of the grid", "b_max", POSITIVE
    )

    def inconsistencies(self, broken: Collection[str]) -> list[str]:
        """Return the joint rules that the values break, where they are meaningful."""
        wrong = []
        if not self.highest_investment_cost > self.lowest_investment_cost:
            wrong.append(
                f"highest_investment_cost is {self.highest_investment_cost:g}: must exceed "
                f"lowest_investment_cost {self.lowest_investment_cost:g}"
            )
        if self.initial_coupon > self.highest_coupon > 0:
            wrong.append(
                f"initial_coupon is {self.initial_coupon:g}: must not exceed highest_coupon "
                f"{self.highest_coupon:g}, the end of the grid"
            )
        if not broken and not wrong and not self.finite_value_margin > 0:
            wrong.append(
                f"riskless_rate is {self.riskless_rate:g}: too small for a finite value of "
                "growth; must satisfy (e^r-1)^2 > 2 D (g-1)^2 / (i_max-i_min) with D the mean "
                f"profit under the pricing measure, {self.priced_profit:g}; raise it or "
                "highest_investment_cost, or lower investment_growth"
            )
        return wrong

    @property
    def discount(self) -> float:
        """Price e^{-r} of a riskless unit next month."""
        return float(np.exp(-self.riskless_rate))

    @property
    def sd_x(self) -> float:
        """Stationary standard deviation of x."""
        return float(self.x_volatility / np.sqrt(1 - self.x_persistence**2))

    @property
    def sd_z(self) -> float:
        """Stationary standard deviation of z."""
        return float(self.z_volatility / np.sqrt(1 - self.z_persistence**2))

    @property
    def priced_mean_x(self) -> float:
        """Mean x_Q = -gamma_x sigma_x / (1 - rho_x) of x under the pricing measure."""
        return -self.price_of_risk * self.x_volatility / (1 - self.x_persistence)

    @property
    def priced_profit(self) -> float:
        """Mean after-tax profit per unit of unlevered capital under the pricing measure."""
        log_mean = self.priced_mean_x + 0.5 * (self.sd_x**2 + self.sd_z**2)
        return float((1 - self.tax_rate) * np.exp(log_mean) - self.maintenance_cost)

    @property
    def cost_range(self) -> float:
        """Length i_max - i_min of the interval of investment costs."""
        return self.highest_investment_cost - self.lowest_investment_cost

    @property
    def finite_value_margin(self) -> float:
        """Discriminant of the value A of a firm at the pricing means; not positive: no value.

        (e^r - 1) A = D + ((g-1) A - i_min)^2 / (2 (i_max - i_min)).
        """
        growth = self.investment_growth - 1
        curvature = growth**2 / (2 * self.cost_range)
        slope = (
            np.expm1(self.riskless_rate) + growth * self.lowest_investment_cost / self.cost_range
        )
        level = max(self.priced_profit, 0.0) + self.lowest_investment_cost**2 / (
            2 * self.cost_range
        )
        return float(slope**2 - 4 * curvature * level)

    @property
    def sharpe_bound(self) -> float:
        """Hansen-Jagannathan bound sqrt(exp(gamma_x^2) - 1) on monthly Sharpe ratios."""
        return float(np.sqrt(np.expm1(self.price_of_risk**2)))
