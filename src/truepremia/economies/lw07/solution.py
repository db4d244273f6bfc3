"""Prices of the Lettau-Wachter economy: zero-coupon dividends, and sums over them.

The aggregate dividend of n months ahead is worth p_n = exp(A_n + B^x_n x + B^z_n z) per unit of
the present one. A firm's share of it is expected to be c_n(h) = exp(phi_h^n h + v_n), so that the
firm is worth D G(h), G = sum over n >= 1 of p_n c_n(h).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from truepremia.economies.lw07.parameters import Params
from truepremia.economies.quadrature import chebyshev_coefficients
from truepremia.errors import NumericalError
from truepremia.typing import Array

SHARE_REACH = 6.5
"""Stationary standard deviations of a log share within which firms are priced."""

SHARE_NODES = 64
"""Chebyshev nodes in the log share."""

FIRST_BLOCK, BLOCK_NODES = 64, 40
"""Strips that are summed one by one, and nodes of each block after them, four times as long."""

_ROUNDING = 1e-17


@dataclass(frozen=True, eq=False)
class Strips:
    """Zero-coupon dividends at some maturities, with weights for sums over all maturities.

    Parameters
    ----------
    params : Params
    maturity : array of int, shape (M,)
        Months n, from 0 on.
    weight : array, shape (M,)
        The sum over all n of a smooth function is that of weight times its values here.
    level, to_price, to_growth : array, shape (M,)
        A_n, B^x_n and B^z_n.
    """

    params: Params
    maturity: Array
    weight: Array
    level: Array
    to_price: Array
    to_growth: Array

    @cached_property
    def risk(self) -> Array:
        """V_n, exposure of next month's value of strip n + 1 to the three shocks, shape (3, M)."""
        p = self.params
        growth = self.to_growth * p.growth_volatility
        return np.stack(
            [
                p.dividend_volatility + growth * p.growth_correlation,
                growth * np.sqrt(1 - p.growth_correlation**2),
                self.to_price * p.price_volatility,
            ]
        )

    def log_price(self, x: float, z: float) -> Array:
        """Return ln p_n, shape (M,)."""
        return np.asarray(self.level + self.to_price * x + self.to_growth * z)

    def expected_level(self, x: float, z: float) -> Array:
        """Return g + z + A_n + B^x_n E[x'] + B^z_n E[z'], ln of next month's value, shape (M,)."""
        p = self.params
        next_x = (1 - p.price_persistence) * p.mean_price + p.price_persistence * x
        return np.asarray(p.growth + z + self.log_price(next_x, p.growth_persistence * z))

    def log_share(self, share: Array, ahead: int = 0, known: int = 0) -> Array:
        """Return phi_h^{n+ahead} h + v_{n+known}, shape (M, ...).

        Parameters
        ----------
        share : array
            Log shares h, any shape.
        ahead : int
            Months that h still decays beyond the maturity.
        known : int
            Months of uncertainty beyond the maturity.
        """
        p = self.params
        decay = p.share_persistence ** (self.maturity + ahead)
        variance = -np.expm1(2 * (self.maturity + known) * np.log(p.share_persistence))
        convexity = 0.5 * p.share_dispersion**2 * variance
        return np.asarray(np.multiply.outer(decay, share).T + convexity).T


@dataclass(frozen=True, eq=False)
class Solution:
    """A solved Lettau-Wachter economy.

    Parameters
    ----------
    params : Params
    every : Strips
        All strips, one by one; the last stands for itself and all that follow.
    few : Strips
        The nodes of the summation rule.
    """

    params: Params
    every: Strips
    few: Strips

    @cached_property
    def share_nodes(self) -> Array:
        """Chebyshev nodes of the log share, shape (64,)."""
        return SHARE_REACH * self.params.share_dispersion * _chebyshev_nodes(SHARE_NODES)

    @cached_property
    def _shares_of_price(self) -> Array:
        """c_n(h) at the nodes times the summation weight, shape (M - 1, 64), n >= 1."""
        shares = np.exp(self.few.log_share(self.share_nodes))
        return np.asarray((self.few.weight[:, None] * shares)[1:])

    def log_value_at_nodes(self, x: float, z: float) -> Array:
        """Return ln G at the nodes of the log share, shape (64,)."""
        return np.asarray(np.log(np.exp(self.few.log_price(x, z)[1:]) @ self._shares_of_price))

    def read_off(self, at_nodes: Array, share: Array) -> Array:
        """Return functions of the log share, given at the nodes (64, K), at firms, shape (N, K).

        Raises
        ------
        NumericalError
            If a firm's log share is beyond the nodes.
        """
        reach = SHARE_REACH * self.params.share_dispersion
        if not np.abs(share).max() <= reach:
            raise NumericalError(
                f"a firm's log share is {share[np.abs(share).argmax()]:.4g}, beyond the "
                f"{SHARE_REACH:g} s.d. ({reach:.4g}) within which firms are priced"
            )
        return np.asarray(_chebyshev_basis(share / reach) @ chebyshev_coefficients(at_nodes))

    def value(self, x: float, z: float, share: Array) -> Array:
        """Return G, value per unit of the aggregate dividend, shape (N,)."""
        log_value = self.read_off(self.log_value_at_nodes(x, z)[:, None], share)
        return np.asarray(np.exp(log_value[:, 0]))

    @property
    def diagnostics(self) -> Mapping[str, float]:
        """Long-run discount, exposures of near and distant strips, size of the sums."""
        params = self.params
        nearest, distant = self.every.risk[0, 0], params.long_risk[0]
        at_mean = np.exp(self.every.log_price(params.mean_price, 0.0))
        market = float((self.every.weight * at_mean)[1:].sum())
        return {
            "sharpe_bound": float(np.sqrt(np.expm1(params.highest_price**2))),
            "long_discount": params.long_discount,
            "risk_of_nearest_strip": float(nearest),
            "risk_of_distant_strip": float(distant),
            "market_dividend_yield_per_year": 12 / market,
            "strips": len(self.every.maturity),
            "strip_nodes": len(self.few.maturity),
        }

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays that, with the parameters, are the whole solution."""
        every = self.every
        return {
            "strips": np.stack([every.level, every.to_price, every.to_growth]),
            "nodes": self.few.maturity,
            "weights": self.few.weight,
        }

    @classmethod
    def from_arrays(cls, params: Params, arrays: Mapping[str, Array]) -> "Solution":
        """Rebuild the solution from :meth:`to_arrays`."""
        strips, nodes = arrays["strips"], arrays["nodes"]
        maturity, weight = np.arange(strips.shape[1]), np.ones(strips.shape[1])
        weight[-1] += _tail(params)
        return cls(
            params=params,
            every=Strips(params, maturity, weight, *strips),
            few=Strips(params, nodes, arrays["weights"], *strips[:, nodes]),
        )


def solve(params: Params) -> Solution:
    """Price the strips until every transient has died out, and form the rule that sums them."""
    slowest = max(params.growth_persistence, params.price_persistence, params.share_persistence)
    last = int(np.ceil(np.log(_ROUNDING) / np.log(slowest)))
    nodes, weights = summation_rule(last)
    weights[-1] += _tail(params)
    arrays = {"strips": strips(params, last), "nodes": nodes, "weights": weights}
    return Solution.from_arrays(params, arrays)


def strips(params: Params, last: int) -> Array:
    """Return A_n, B^x_n and B^z_n for n = 0..last, shape (3, last + 1).

    A_{n+1} = A_n - r + g + B^x_n (1-phi_x) xbar + V_n.V_n / 2,
    B^x_{n+1} = phi_x B^x_n - V_{n,1}, B^z_{n+1} = 1 + phi_z B^z_n.
    """
    found = np.zeros((3, last + 1))
    own = params.growth_correlation, np.sqrt(1 - params.growth_correlation**2)
    level = to_price = to_growth = 0.0
    for n in range(last):
        growth = to_growth * params.growth_volatility
        risk = (
            params.dividend_volatility + growth * own[0],
            growth * own[1],
            to_price * params.price_volatility,
        )
        level += params.growth - params.riskless_rate + 0.5 * sum(v**2 for v in risk)
        level += to_price * (1 - params.price_persistence) * params.mean_price
        to_price = params.price_persistence * to_price - risk[0]
        to_growth = 1 + params.growth_persistence * to_growth
        found[:, n + 1] = level, to_price, to_growth
    return found


def _tail(params: Params) -> float:
    """Return the value of all strips beyond one at the long-run discount, over its own."""
    return float(1 / np.expm1(params.long_discount))


def summation_rule(last: int) -> tuple[Array, Array]:
    """Return nodes and weights that sum smooth functions over the integers 0..``last``.

    Every integer below 64, then blocks that are each four times as long as the one before, with
    integer nodes near Chebyshev points; weights integrate the interpolating polynomial.
    """
    start = min(FIRST_BLOCK, last + 1)
    nodes, weights = [np.arange(start)], [np.ones(start)]
    while start <= last:
        stop = min(4 * start, last + 1)
        block_nodes, block_weights = _block(start, stop - 1)
        nodes.append(block_nodes)
        weights.append(block_weights)
        start = stop
    return np.concatenate(nodes), np.concatenate(weights)


def _block(first: int, last: int) -> tuple[Array, Array]:
    """Return nodes and weights for the integers ``first``..``last``."""
    angle = np.pi * np.arange(BLOCK_NODES) / (BLOCK_NODES - 1)
    middle, half = 0.5 * (first + last), 0.5 * (last - first)
    nodes = np.unique(np.round(middle - half * np.cos(angle)).astype(int))
    y = (nodes - middle) / max(half, 1.0)
    gap = 2 * (y[:, None] - y)
    np.fill_diagonal(gap, 1.0)
    barycentric = 1 / gap.prod(axis=1)
    distance = (np.arange(first, last + 1) - middle)[:, None] / max(half, 1.0) - y
    hit = distance == 0
    terms = barycentric / np.where(hit, 1.0, distance)
    lagrange = np.where(
        hit.any(axis=1, keepdims=True), hit, terms / terms.sum(axis=1, keepdims=True)
    )
    return nodes, lagrange.sum(axis=0)


def _chebyshev_nodes(count: int) -> Array:
    return np.cos(np.pi * (np.arange(count) + 0.5) / count)


def _chebyshev_basis(unit: Array) -> Array:
    """Return T_0..T_63 at points in [-1, 1], shape (N, 64)."""
    return np.asarray(np.polynomial.chebyshev.chebvander(unit, SHARE_NODES - 1))
