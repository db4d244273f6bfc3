"""Calibration of the Gu-Kelly-Xiu economy, and what follows from it in closed form.

One period is a month. Four factors with the excess returns f_k' = sigma_k (gamma_k + eps_k') are
priced by ``m' = exp(-r - gamma'gamma/2 - gamma'eps')``; the price of the fourth moves with the
state x, ``gamma_3 = gammabar_3 (2 Phi(x) - 1)``.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import erf
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
from truepremia.typing import Array

FACTORS = ("market", "value", "profitability", "momentum")
RAW = tuple(f"c{j}" for j in range(1, 11))
"""Characteristics that are autoregressions of their own; the last is always noise."""

MARGIN = 6.0
"""Standard deviations of the factors that the largest loadings must survive."""

MOST_TAIL = 4.0
"""Largest own log s.d. of a tail month: the quadrature of the certificate reaches 12."""

MOST_LOG_SIZE = 600.0
"""Distance of log size from its target that the smallest firms may reach in double precision."""

_SQUARE, _PRODUCT, _SIGN = np.sqrt(15 / 4), np.sqrt(3), 1 / np.sqrt(3)
"""Scales that give the nonlinear functions of uniform ranks the variance 1/3 of linear ones."""


_erf = np.vectorize(erf, otypes=[float])


@dataclass(frozen=True)
class Params(Parameters):
    """Calibration of the Gu-Kelly-Xiu economy; one period is a month."""

    economy: ClassVar[str] = "gkx20"

    riskless_rate: float = parameter("log rate per month", "riskless rate", "r", ANY, RATE)
    market_volatility: float = parameter("per month", "s.d. of the market", "σ_0", NOT_NEGATIVE)
    value_volatility: float = parameter("per month", "s.d. of factor 1", "σ_1", POSITIVE)
    profitability_volatility: float = parameter("per month", "s.d. of factor 2", "σ_2", POSITIVE)
    momentum_volatility: float = parameter("per month", "s.d. of factor 3", "σ_3", POSITIVE)
    market_price: float = parameter(
        "per s.d. and month", "price of the market", "γ̄_0", ANY, RISK_PRICE
    )
    value_price: float = parameter(
        "per s.d. and month", "price of factor 1", "γ̄_1", ANY, RISK_PRICE
    )
    profitability_price: float = parameter(
        "per s.d. and month", "price of factor 2", "γ̄_2", ANY, RISK_PRICE
    )
    momentum_price: float = parameter(
        "per s.d. and month", "largest price of factor 3", "γ̄_3", ANY, RISK_PRICE
    )
    state_persistence: float = parameter("per month", "autocorrelation of x", "ρ_x", BELOW_ONE)
    nonlinearity: float = parameter("share", "0 linear, 1 nonlinear loadings", "ω", SHARE)
    density: float = parameter("share", "variance of a loading from c1..c9", "s", SHARE)
    idiosyncratic_volatility: float = parameter(
        "per month", "median own s.d.", "s̄", POSITIVE, Number(least=1e-5, most=0.5)
    )
    volatility_spread: float = parameter(
        "log", "half range of own log s.d.", "ς", NOT_NEGATIVE, Number(least=0, most=2)
    )
    kurtosis: float = parameter("ratio", "kurtosis of the own log shock", "k", Number(least=3))
    tail_probability: float = parameter(
        "probability", "of a tail month", "p", INSIDE_ONE, Number(least=1e-6, below=1)
    )
    payout_yield: float = parameter("log per month", "net payout at reference size", "ȳ", ANY, RATE)
    size_reversion: float = parameter(
        "per month", "reversion of log size", "κ_s", INSIDE_ONE, Number(least=1e-4, below=1)
    )
    book_reversion: float = parameter("per month", "reversion of book value", "κ_b", INSIDE_ONE)
    log_market_to_book: float = parameter("log", "target of market over book", "m̄", ANY, LOG_RATIO)
    book_growth: float = parameter("log per month", "growth of book at the target", "ḡ", ANY, RATE)
    investment_volatility: float = parameter(
        "log per month", "of book growth", "s_a", NOT_NEGATIVE, SHARE
    )
    investment_persistence: float = parameter("per month", "of book growth", "ρ_a", BELOW_ONE)
    mean_profitability: float = parameter(
        "per month", "mean profitability", "π̄", ANY, Number(least=-10, most=10)
    )
    profitability_dispersion: float = parameter("per month", "its s.d.", "s_π", NOT_NEGATIVE)
    profitability_persistence: float = parameter("per month", "its persistence", "ρ_p", BELOW_ONE)
    lowest_persistence: float = parameter("per month", "bound for c1..c10", "ρ_lo", BELOW_ONE)

    def inconsistencies(self, broken: Collection[str]) -> list[str]:
        """Return the joint rules that the values break, where they are meaningful."""
        wrong = []
        if not {"kurtosis", "tail_probability"} & set(broken):
            most = 3 / self.tail_probability
            if self.kurtosis > most:
                wrong.append(
                    f"kurtosis is {self.kurtosis:g}: must be at most 3/tail_probability, {most:g}, "
                    "else the variance of a quiet month is negative"
                )
        if not {"nonlinearity", "density"} & set(broken) and not self.safety > 0:
            wrong.append(
                "volatilities: a firm with the largest loadings loses everything within "
                f"{MARGIN:g} s.d. of the factors, its worst gross return is {self.safety:.3g}, "
                f"must be positive; largest is {self._largest_volatility}, lower it"
            )
        own = {"idiosyncratic_volatility", "volatility_spread"}
        if not own & set(broken):
            wrong += self._beyond_numbers(broken)
        return wrong

    def _beyond_numbers(self, broken: Collection[str]) -> Iterator[str]:
        """Yield the rules of what double precision carries that the own volatilities break."""
        largest = self.idiosyncratic_volatility * float(np.exp(self.volatility_spread))
        said = f"idiosyncratic_volatility e^volatility_spread is {largest:.3g}"
        if not {"kurtosis", "tail_probability"} & set(broken) and self.kurtosis <= (
            3 / self.tail_probability
        ):
            tail = largest * float(np.sqrt(self.tail[0][1]))
            if tail > MOST_TAIL:
                yield (
                    f"{said}: in a tail month the own log s.d. is {tail:.3g}, must be at most "
                    f"{MOST_TAIL:g}; lower one of them or kurtosis"
                )
        if "size_reversion" not in broken:
            kappa = self.size_reversion
            reach = 0.5 * largest**2 / kappa + MARGIN * largest / float(np.sqrt(2 * kappa))
            if reach > MOST_LOG_SIZE:
                yield (
                    f"{said}: log size falls {reach:.3g} below its target, must be at most "
                    f"{MOST_LOG_SIZE:g}; lower one of them or raise size_reversion, "
                    f"{kappa:g}"
                )

    @property
    def volatility(self) -> Array:
        """Volatilities sigma of the four factors, shape (4,)."""
        return np.array([getattr(self, f"{name}_volatility") for name in FACTORS], dtype=float)

    @property
    def highest_price(self) -> Array:
        """Prices of risk gammabar at x = infinity, shape (4,)."""
        return np.array([getattr(self, f"{name}_price") for name in FACTORS], dtype=float)

    def price_of_risk(self, x: Array | float) -> Array:
        """Return gamma(x), shape (..., 4)."""
        # 2 Phi(x) - 1; no stage before the bundle loads scipy for it.
        level = _erf(np.asarray(x) / np.sqrt(2))
        moving = np.multiply.outer(level, np.array([0.0, 0, 0, 1]))
        return np.asarray(self.highest_price * (np.array([1.0, 1, 1, 0]) + moving))

    @property
    def gross_riskfree(self) -> float:
        """Gross riskless return e^r."""
        return float(np.exp(self.riskless_rate))

    @property
    def tail(self) -> tuple[Array, Array]:
        """Variance scales (W_lo, W_hi) of the own log shock, and their probabilities."""
        p, spread = self.tail_probability, np.sqrt(self.kurtosis / 3 - 1)
        low, high = 1 - spread * np.sqrt(p / (1 - p)), 1 + spread * np.sqrt((1 - p) / p)
        return np.array([low, high]), np.array([1 - p, p])

    @property
    def raw_persistence(self) -> Array:
        """Persistence rho_j of c1..c10, a grid over [rho_lo, 1], shape (10,)."""
        place = (np.arange(len(RAW)) + 0.5) / len(RAW)
        return np.asarray(self.lowest_persistence + (1 - self.lowest_persistence) * place)

    @property
    def largest_beta(self) -> Array:
        """Largest |beta| that any firm can have, shape (4,); all functions peak at rank one."""
        omega = self.nonlinearity
        peak = (1 - omega) + omega * np.array([_SQUARE * 2 / 3, _PRODUCT, _SIGN])
        spread = np.sqrt(1 - self.density) + np.sqrt(3 * self.density)
        return np.concatenate([[1.0], spread * peak])

    @property
    def safety(self) -> float:
        """Gross return e^r - sum |b| gammabar - 6 |b| of the riskiest firm in a bad month."""
        b = self.volatility * self.largest_beta
        return float(
            self.gross_riskfree - b @ np.abs(self.highest_price) - MARGIN * np.linalg.norm(b)
        )

    @property
    def _largest_volatility(self) -> str:
        name = FACTORS[int(np.argmax(self.volatility))]
        return f"{name}_volatility {self.volatility.max():g}"


def linear_or_square(omega: float, a: Array) -> Array:
    """Return g_1(a) = (1-omega) a + omega sqrt(15/4) (a^2 - 1/3)."""
    return np.asarray((1 - omega) * a + omega * _SQUARE * (a**2 - 1 / 3))


def linear_or_product(omega: float, a: Array, b: Array) -> Array:
    """Return g_2(a, b) = (1-omega) b + omega sqrt(3) a b."""
    return np.asarray((1 - omega) * b + omega * _PRODUCT * a * b)


def linear_or_sign(omega: float, a: Array) -> Array:
    """Return g_3(a) = (1-omega) a + omega sgn(a) / sqrt(3)."""
    return np.asarray((1 - omega) * a + omega * _SIGN * np.sign(a))
