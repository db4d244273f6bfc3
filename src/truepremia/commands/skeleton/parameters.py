"""Calibration: m' = exp(-r - gamma^2/2 - gamma eps'), one period is a month."""

from dataclasses import dataclass
from typing import ClassVar

from truepremia.economies.parameters import BELOW_ONE, INSIDE_ONE, POSITIVE, Parameters, parameter


@dataclass(frozen=True)
class Params(Parameters):
    """Calibration of the economy."""

    economy: ClassVar[str] = "skeleton"
    riskless_rate: float = parameter("log rate per month", "riskless rate", "r")
    price_of_risk: float = parameter("per s.d.", "price of consumption risk", "gamma", POSITIVE)
    volatility: float = parameter("per month", "systematic s.d. at beta = 1", "sigma", POSITIVE)
    own_volatility: float = parameter("per month", "own s.d. of a firm", "s", POSITIVE)
    persistence: float = parameter("per month", "of beta and profitability", "rho", BELOW_ONE)
    reversion: float = parameter("per month", "of log size and book", "kappa", INSIDE_ONE)
