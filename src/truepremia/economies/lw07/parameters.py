"""Calibration of the Lettau-Wachter economy, and what follows from it in closed form.

One period is a month. With independent standard normal shocks (eps_d, eps_z, eps_x),
``ln D'/D = g + z + sigma_d eps_d``, ``z' = phi_z z + sigma_z (rho eps_d + sqrt(1-rho^2) eps_z)``,
``x' = (1-phi_x) xbar + phi_x x + sigma_x eps_x``, and the discount factor is
``m' = exp(-r - x^2/2 - x eps_d)``: only dividend risk is priced.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from truepremia.economies.parameters import (
    ANY,
    BELOW_ONE,
    INSIDE_ONE,
    LOG_RATIO,
    NOT_NEGATIVE,
    POSITIVE,
    RATE,
    RISK_PRICE,
    SHARE,
    Number,
    Parameters,
    parameter,
)

PRICE_REACH = 6.0
"""Stationary standard deviations of the price of risk beyond which a simulation stops."""

PERSISTENCE = Number(
    above=0, most=0.9995, consequence="too many strips must be summed before a transient dies out"
)
"""Rule of the persistences, each of which dies out in the prices of strips of its own number."""


@dataclass(frozen=True)
class Params(Parameters):
    """Calibration of the Lettau-Wachter economy; one period is a month."""

    economy: ClassVar[str] = "lw07"

    riskless_rate: float = parameter("log rate per month", "riskless rate", "r", ANY, RATE)
    growth: float = parameter("log per month", "mean growth of the dividend", "g", ANY, RATE)
    dividend_volatility: float = parameter(
        "per month", "of the dividend", "σ_d", POSITIVE, Number(above=0, most=1)
    )
    growth_persistence: float = parameter(
        "per month", "of expected growth z", "φ_z", INSIDE_ONE, PERSISTENCE
    )
    growth_volatility: float = parameter(
        "per month", "s.d. of z's shock", "σ_z", POSITIVE, Number(above=0, most=1)
    )
    growth_correlation: float = parameter(
        "ratio",
        "correlation of the shocks to z and to the dividend",
        "ϱ",
        Number(above=-1, below=1),
    )
    mean_price: float = parameter("per s.d. and month", "mean price of risk", "x̄", ANY, RISK_PRICE)
    price_persistence: float = parameter(
        "per month", "of the price of risk x", "φ_x", INSIDE_ONE, PERSISTENCE
    )
    price_volatility: float = parameter(
        "per month", "s.d. of x's shock", "σ_x", POSITIVE, Number(above=0, most=3)
    )
    share_persistence: float = parameter(
        "per month", "of a firm's log share h", "φ_h", INSIDE_ONE, PERSISTENCE
    )
    share_dispersion: float = parameter(
        "log", "stationary s.d. of h", "s_h", POSITIVE, Number(least=1e-4, most=5)
    )
    book_reversion: float = parameter("per month", "of book to dividends", "κ_b", INSIDE_ONE)
    log_book_to_dividend: float = parameter(
        "log", "target of book over dividend", "b̄", ANY, LOG_RATIO
    )
    investment_volatility: float = parameter(
        "log per month", "of book growth", "s_a", NOT_NEGATIVE, SHARE
    )
    investment_persistence: float = parameter("per month", "of book growth", "ρ_a", BELOW_ONE)

    def inconsistencies(self, broken: Collection[str]) -> list[str]:
        """Return the joint rules that the values break; prices must converge."""
        if broken or self.long_discount > 0:
            return []
        return [
            f"mean_price is {self.mean_price:g}: distant dividends lose only "
            f"{self.long_discount:.4g} of their value a month, must be positive, else prices "
            "diverge; raise mean_price or riskless_rate, or lower growth"
        ]

    @property
    def long_risk(self) -> tuple[float, float, float]:
        """Exposure V of a distant strip to (eps_d, eps_z, eps_x)."""
        growth = self.growth_volatility / (1 - self.growth_persistence)
        priced = self.dividend_volatility + growth * self.growth_correlation
        to_price = -priced / (1 - self.price_persistence)
        unpriced = growth * np.sqrt(1 - self.growth_correlation**2)
        return priced, float(unpriced), to_price * self.price_volatility

    @property
    def long_discount(self) -> float:
        """Rate delta = r - g - B^x (1-phi_x) xbar - V.V/2 at which distant strips lose value."""
        risk = self.long_risk
        # B^x (1-phi_x) is minus the exposure to priced risk.
        premium = risk[0] * self.mean_price - 0.5 * sum(v**2 for v in risk)
        return self.riskless_rate - self.growth + premium

    @property
    def share_volatility(self) -> float:
        """S.d. sigma_h of the shock to a log share."""
        return float(self.share_dispersion * np.sqrt(1 - self.share_persistence**2))

    @property
    def price_spread(self) -> float:
        """Stationary standard deviation of the price of risk."""
        return float(self.price_volatility / np.sqrt(1 - self.price_persistence**2))

    @property
    def highest_price(self) -> float:
        """Price of risk xbar + 6 s.d. up to which a simulation goes, on either side of zero."""
        return abs(self.mean_price) + PRICE_REACH * self.price_spread
