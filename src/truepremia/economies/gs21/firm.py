"""The firm's problem at given continuation values: investment, default, the two claims.

Equity is worth P + m before the cash-flow shock m ~ N(0, sigma_m^2) is known, and zero in
default. ``equity`` C and ``debt`` Q are the continuation values per unit of next month's capital;
``locked`` firms keep their coupon b, ``refinancing`` firms choose a new one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from truepremia.economies.gs21.parameters import Params
from truepremia.typing import Array


@dataclass(frozen=True, eq=False)
class LimitedLiability:
    """Moments of max(P + m, 0) over m ~ N(0, sigma_m^2), in closed form.

    Parameters
    ----------
    value : array
        P, equity before m.
    sd : float
        sigma_m; zero is allowed.
    """

    value: Array
    sd: float

    @cached_property
    def survival(self) -> Array:
        """Pr(P + m > 0)."""
        return np.asarray(ndtr(self._distance) if self.sd else self.value > 0, dtype=float)

    @cached_property
    def density(self) -> Array:
        """Derivative of the probability of survival with respect to P; none at sigma_m = 0."""
        return np.asarray(self._bell / self.sd if self.sd else np.zeros_like(self.value))

    @cached_property
    def mean(self) -> Array:
        """E[max(P + m, 0)]."""
        return np.asarray(self.value * self.survival + self.sd * self._bell)

    @cached_property
    def square(self) -> Array:
        """E[max(P + m, 0)^2]."""
        variance = (self.value**2 + self.sd**2) * self.survival
        return np.asarray(variance + self.sd * self.value * self._bell)

    @cached_property
    def _distance(self) -> Array:
        return np.asarray(self.value / self.sd)

    @cached_property
    def _bell(self) -> Array:
        if not self.sd:
            return np.zeros_like(self.value)
        return np.asarray(np.exp(-0.5 * self._distance**2) / np.sqrt(2 * np.pi))


@dataclass(frozen=True, eq=False)
class Investment:
    """The investment decision of firms, and equity before the cash-flow shock.

    Parameters
    ----------
    gain : array
        PI - P0: what investing adds before its cost.
    cutoff : array
        Highest cost at which a firm invests, inside the range of costs.
    probability : array
        Probability p of investing, before the cost is drawn.
    equity : array
        P = P0 + p [(PI - P0) - (cutoff + i_min) / 2].
    """

    gain: Array
    cutoff: Array
    probability: Array
    equity: Array

    @classmethod
    def decide(cls, params: Params, stay: Array, gain: Array) -> "Investment":
        """Decide at P0 = ``stay`` and PI - P0 = ``gain``, any shape."""
        least = params.lowest_investment_cost
        cutoff = np.clip(gain, least, params.highest_investment_cost)
        probability = (cutoff - least) / params.cost_range
        equity = stay + probability * (gain - 0.5 * (cutoff + least))
        return cls(gain, cutoff, probability, equity)

    def interior(self, params: Params) -> Array:
        """Return where the cutoff lies strictly inside the range of costs."""
        least, most = params.lowest_investment_cost, params.highest_investment_cost
        return (self.gain > least) & (self.gain < most)


def profit(params: Params, log_productivity: Array, coupon: Array) -> Array:
    """Return pi = (1-tau)(e^{x+z} - b) - delta per unit of capital."""
    taxed = (1 - params.tax_rate) * (np.exp(log_productivity) - coupon)
    return np.asarray(taxed - params.maintenance_cost)


def locked(params: Params, profit: Array, equity: Array, equity_diluted: Array) -> Investment:
    """Return the decision of firms that keep their coupon (eta = 0).

    P0 = pi + C(b), PI = pi + g C(b/g).

    Parameters
    ----------
    params : Params
    profit : array
        pi.
    equity, equity_diluted : array
        C at b and at b/g.
    """
    gain = params.investment_growth * equity_diluted - equity
    return Investment.decide(params, profit + equity, gain)


def refinancing(
    params: Params, profit: Array, levered: Array, debt: Array, debt_diluted: Array
) -> Investment:
    """Return the decision of firms that buy back their debt and issue anew (eta = 1).

    P0 = pi + W - Q(b), PI = pi + g W - g Q(b/g).

    Parameters
    ----------
    params : Params
    profit : array
        pi.
    levered : array
        W = max over b' of (1-kappa_b) Q(b') + C(b').
    debt, debt_diluted : array
        Q at b and at b/g.
    """
    g = params.investment_growth
    gain = (g - 1) * levered - (g * debt_diluted - debt)
    return Investment.decide(params, profit + levered - debt, gain)


def recovered(params: Params, log_productivity: Array, coupon: Array, unlevered: Array) -> Array:
    """Return what creditors get in default, per unit of capital.

    ``capital``: phi (1 - delta + e^{x+z}). ``firm_value``: the firm without debt less the share
    1 - phi, but no more than the riskless claim: min(phi max(V, 0), b / (1 - e^{-r})).

    Parameters
    ----------
    params : Params
    log_productivity : array
        x + z.
    coupon : array
        b.
    unlevered : array
        V, equity of a locked firm without debt.
    """
    if params.recovery == "capital":
        output = np.exp(log_productivity)
        return np.asarray(params.recovery_share * (1 - params.maintenance_cost + output))
    riskless = coupon / -np.expm1(-params.riskless_rate)
    return np.asarray(np.minimum(params.recovery_share * np.maximum(unlevered, 0), riskless))
