"""Calibration of the Gomes-Schmid economy, and what follows from it in closed form.

One period is a month. Log aggregate productivity x and log idiosyncratic productivity z are
Gaussian autoregressions with mean zero, and the discount factor is
``M' = exp(-r - gamma^2/2 - gamma eps')``, where eps' is the innovation of x.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from truepremia.economies.contract import Parameters, parameter

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

    x_persistence: float = parameter("per month", "autocorrelation of log productivity x", "ρ_x")
    x_volatility: float = parameter("log per month", "s.d. of the innovation of x", "σ_x")
    z_persistence: float = parameter("per month", "autocorrelation of a firm's log z", "ρ_z")
    z_volatility: float = parameter("log per month", "s.d. of the innovation of z", "σ_z")
    riskless_rate: float = parameter("log rate per month", "riskless rate", "r")
    price_of_risk: float = parameter("per s.d. and month", "price of the innovation of x", "γ_x")
    investment_growth: float = parameter("ratio", "capital after over before investing", "g")
    lowest_investment_cost: float = parameter("per unit of capital", "least cost", "i_min")
    highest_investment_cost: float = parameter("per unit of capital", "highest cost", "i_max")
    entrant_capital: float = parameter("ratio", "entrant's over mean surviving capital", "α")
    maintenance_cost: float = parameter("per unit of capital, month", "maintenance cost", "δ")
    tax_rate: float = parameter("share", "tax on output net of the coupon", "τ")
    debt_issuance_cost: float = parameter("share", "cost of issuing debt", "κ_b")
    refinancing_probability: float = parameter("per month", "a firm may refinance", "ζ")
    recovery: str = parameter("capital | firm_value", "claim of creditors in default", "rec")
    recovery_share: float = parameter("share", "part of that claim that is paid", "φ")
    cash_flow_volatility: float = parameter("value", "s.d. of the own cash-flow shock m", "σ_m")
    initial_coupon: float = parameter("per unit of capital, month", "coupon at date 0", "b_0")
    z_nodes: int = parameter("count", "grid points in z", "n_z")
    x_nodes: int = parameter("count", "grid points in x", "n_x")
    b_nodes: int = parameter("count", "grid points in the coupon", "n_b")
    quadrature_nodes: int = parameter("count", "Gauss-Hermite nodes of an innovation", "n_q")
    z_reach: float = parameter("stationary s.d.", "grid in z on both sides of its mean", "")
    x_reach: float = parameter("stationary s.d.", "grid in x beyond its two means", "")
    highest_coupon: float = parameter("per unit of capital, month", "end of the grid", "b_max")

    def violations(self) -> list[str]:
        """Return every rule that the values break."""
        wrong = [*self._range_violations(), *self._grid_violations()]
        if wrong:
            return wrong
        if not self.finite_value_margin > 0:
            wrong.append(
                f"riskless_rate is {self.riskless_rate:g}: too small for a finite value of "
                "growth; must satisfy (e^r-1)^2 > 2 D (g-1)^2 / (i_max-i_min) with D the mean "
                f"profit under the pricing measure, {self.priced_profit:g}; raise it or "
                "highest_investment_cost, or lower investment_growth"
            )
        return wrong

    def _range_violations(self) -> list[str]:
        below_one = ("x_persistence", "z_persistence")
        shares = ("tax_rate", "debt_issuance_cost", "refinancing_probability", "recovery_share")
        positive = ("x_volatility", "z_volatility", "riskless_rate", "entrant_capital")
        free_to_vanish = ("price_of_risk", "lowest_investment_cost", "maintenance_cost")
        rules: list[tuple[tuple[str, ...], str, Callable[[float], bool]]] = [
            (below_one, "must lie in [0, 1)", lambda v: 0 <= v < 1),
            (shares, "must lie in [0, 1]", lambda v: 0 <= v <= 1),
            ((*positive, "highest_coupon"), "must be positive", lambda v: v > 0),
            (free_to_vanish, "must be at least 0", lambda v: v >= 0),
            (("cash_flow_volatility", "initial_coupon"), "must be at least 0", lambda v: v >= 0),
            (("investment_growth",), "must exceed 1", lambda v: v > 1),
        ]
        wrong = [
            f"{name} is {getattr(self, name):g}: {rule}"
            for names, rule, holds in rules
            for name in names
            if not holds(getattr(self, name))
        ]
        if not self.highest_investment_cost > self.lowest_investment_cost:
            wrong.append(
                f"highest_investment_cost is {self.highest_investment_cost:g}: must exceed "
                f"lowest_investment_cost {self.lowest_investment_cost:g}"
            )
        if self.recovery not in RECOVERIES:
            wrong.append(f"recovery is {self.recovery!r}: must be {' or '.join(RECOVERIES)}")
        return wrong

    def _grid_violations(self) -> list[str]:
        least = {"z_nodes": 8, "x_nodes": 8, "b_nodes": 8, "quadrature_nodes": 3}
        most = {"quadrature_nodes": 100}
        wrong = []
        for name, low in least.items():
            value, high = getattr(self, name), most.get(name, 2000)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                wrong.append(f"{name} is {value!r}: must be a whole number from {low} to {high}")
        if not self.z_reach >= LEAST_REACH:
            wrong.append(f"z_reach is {self.z_reach:g}: must be at least {LEAST_REACH:g}")
        if not self.x_reach >= LEAST_REACH:
            wrong.append(
                f"x_reach is {self.x_reach:g}: must be at least {LEAST_REACH:g}, else the grid "
                "does not cover the mean of x under the pricing measure"
            )
        if self.initial_coupon > self.highest_coupon > 0:
            wrong.append(
                f"initial_coupon is {self.initial_coupon:g}: must not exceed highest_coupon "
                f"{self.highest_coupon:g}, the end of the grid"
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
