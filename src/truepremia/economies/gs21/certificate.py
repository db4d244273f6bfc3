"""Euler errors of the Gomes-Schmid economy, with quadrature and splines of their own.

:func:`euler_errors` integrates next month's payoffs against the realised discount factor, under
the physical law, on the nodes on which the economy is priced: zero up to rounding. That says
nothing about the solution itself; :func:`off_node_errors` does, by integrating the firm's problem
anew, between the nodes of the grid and with many more points.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import hermite_e
from scipy.interpolate import BSpline, CubicSpline, NdBSpline, make_interp_spline
from scipy.special import erfc

from truepremia.economies.gs21.conditional import State, price
from truepremia.economies.gs21.solution import Solution
from truepremia.typing import Array

_REACH, _STEP = 6.4, 0.4
"""Trapezoidal rule for a standard normal variable, accurate to rounding for smooth functions."""


def euler_errors(solution: Solution, state: State) -> Array:
    """Return E_t[M' R_i] - 1 of every firm on the nodes of the pricing.

    Parameters
    ----------
    solution : Solution
    state : State

    Returns
    -------
    array, shape (N,)
    """
    params, grid = solution.params, solution.fixed_point.operator.grid
    node, weight = _gauss_hermite(params.quadrature_nodes)
    kernel = np.exp(
        -params.riskless_rate - params.price_of_risk * (node + params.price_of_risk / 2)
    )
    # The same nodes price a riskless unit at e^{-r} only up to their own error, 1e-12.
    kernel *= params.discount / (weight / weight.sum() @ kernel)
    x_next = params.x_persistence * state.x + params.x_volatility * node
    payoffs = _expected_over_z(solution)(np.clip(x_next, grid.x.lower, grid.x.upper))
    priced = np.tensordot(payoffs, weight / weight.sum() * kernel, axes=(1, 0))
    by_z = make_interp_spline(grid.z.nodes, priced, axis=0)
    by_b = make_interp_spline(grid.b.nodes, by_z.c, axis=1)
    surface = NdBSpline((by_z.t, by_b.t), np.ascontiguousarray(by_b.c.T), 3)
    z = np.clip(state.z, grid.z.lower, grid.z.upper)

    firms = state.firms
    p, g = firms.investment.probability, params.investment_growth
    stay, grow = (
        surface(np.stack([z, np.clip(b, grid.b.lower, grid.b.upper)], axis=-1))
        for b in (firms.coupon_stay, firms.coupon_grow)
    )
    return np.asarray(((1 - p) * stay + p * g * grow) / price(solution, state) - 1)


@lru_cache
def _gauss_hermite(nodes: int) -> tuple[Array, Array]:
    return hermite_e.hermegauss(nodes)


@lru_cache(maxsize=1)
def _expected_over_z(solution: Solution) -> BSpline:
    """Return x' -> E[max(P'+m', 0) | z, b', x'] at all nodes of (z, b)."""
    params, grid = solution.params, solution.fixed_point.operator.grid
    payoff = CubicSpline(grid.z.nodes, solution.fixed_point.values.payoff)
    node, weight = _gauss_hermite(params.quadrature_nodes)
    z_next = params.z_persistence * grid.z.nodes[:, None] + params.z_volatility * node
    expected = np.zeros(grid.shape)
    for z, w in zip(z_next.T, weight / weight.sum(), strict=True):
        expected += w * payoff(np.clip(z, grid.z.lower, grid.z.upper))
    return make_interp_spline(grid.x.nodes, expected, axis=1)


@dataclass(frozen=True, eq=False)
class OffNodeErrors:
    """Relative pricing errors of a solution at firms between the nodes of its grid.

    Parameters
    ----------
    equity : array, shape (N,)
        Dense e^{-r} E^Q of next month's equity over the ex-dividend price, minus one.
    debt : array, shape (N,)
        The same for the debt; NaN for firms without debt.
    """

    equity: Array
    debt: Array


def off_node_errors(solution: Solution, state: State) -> OffNodeErrors:
    """Price every firm of a month again, by dense quadrature over (u', eps').

    Parameters
    ----------
    solution : Solution
    state : State
    """
    params, firms = solution.params, state.firms
    p, g = firms.investment.probability, params.investment_growth
    value, debt = firms.expected()[:, :2].T
    dense = _Dense(solution, state)
    stay, grow = dense.claims(firms.coupon_stay), dense.claims(firms.coupon_grow)
    equity, claim = (1 - p) * stay + p * g * grow
    owes = firms.coupon_stay > 0
    errors = np.full(len(value), np.nan)
    errors[owes] = claim[owes] / debt[owes] - 1
    return OffNodeErrors(equity / value - 1, errors)


class _Dense:
    """The firm's problem at many points (z', x') seen from every firm of a month."""

    def __init__(self, solution: Solution, state: State):
        self.params = params = solution.params
        self.grid = grid = solution.fixed_point.operator.grid
        values = solution.fixed_point.values
        u = np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
        weight = np.exp(-0.5 * u**2)
        self.weight = weight / weight.sum()
        x = params.x_persistence * state.x + params.x_volatility * (u - params.price_of_risk)
        z = params.z_persistence * state.z[:, None] + params.z_volatility * u
        self.productivity = np.exp(z[:, :, None] + x)
        x, z = np.clip(x, grid.x.lower, grid.x.upper), np.clip(z, grid.z.lower, grid.z.upper)
        self.rows = CubicSpline(grid.z.nodes, np.eye(grid.z.count))(z)
        self.equity = CubicSpline(grid.x.nodes, values.equity, axis=1)(x)
        self.debt = CubicSpline(grid.x.nodes, values.debt, axis=1)(x)
        levered = CubicSpline(grid.x.nodes, values.levered, axis=1)(x)
        self.levered = np.einsum("nkz,zx->nkx", self.rows, levered)

    def claims(self, coupon: Array) -> Array:
        """Return e^{-r} E^Q of equity and debt next month, shape (2, N), at b' = ``coupon``."""
        p = self.params
        g, tax, b = p.investment_growth, p.tax_rate, coupon[:, None, None]
        equity, diluted = self._at(self.equity, coupon), self._at(self.equity, coupon / g)
        debt, debt_diluted = self._at(self.debt, coupon), self._at(self.debt, coupon / g)
        profit = (1 - tax) * (self.productivity - b) - p.maintenance_cost
        swap = profit + self.levered - debt
        hold_option = self._option(g * diluted - equity)
        swap_option = self._option((g - 1) * self.levered - g * debt_diluted + debt)
        recovery = self._recovery(b)
        total = np.zeros((2, *self.productivity.shape))
        for chance, value, (gain, invests) in (
            (1 - p.refinancing_probability, profit + equity, hold_option),
            (p.refinancing_probability, swap, swap_option),
        ):
            survives, mean = _positive_part(value + gain, p.cash_flow_volatility)
            market = (1 - invests) * debt + invests * g * debt_diluted
            claim = survives * (b + market) + (1 - survives) * recovery
            total += chance * np.stack([mean, claim])
        return np.asarray(
            p.discount * np.einsum("cnkx,k,x->cn", total, self.weight, self.weight, optimize=True)
        )

    def _at(self, table: Array, coupon: Array) -> Array:
        inside = np.clip(coupon, self.grid.b.lower, self.grid.b.upper)
        rows = CubicSpline(self.grid.b.nodes, np.eye(self.grid.b.count))(inside)
        return np.asarray(np.einsum("nkz,zxb,nb->nkx", self.rows, table, rows, optimize=True))

    def _option(self, gain: Array) -> tuple[Array, Array]:
        """Return E[max(gain - cost, 0)] over uniform costs, and the probability of investing."""
        low, high = self.params.lowest_investment_cost, self.params.highest_investment_cost
        reached = np.clip(gain, low, high)
        probability = (reached - low) / (high - low)
        cost_paid = (reached**2 - low**2) / (2 * (high - low))
        return probability * gain - cost_paid, probability

    def _recovery(self, coupon: Array) -> Array:
        p = self.params
        if p.recovery == "capital":
            return p.recovery_share * (1 - p.maintenance_cost + self.productivity)
        free = self._at(self.equity, np.zeros(len(coupon)))
        gain, _ = self._option((p.investment_growth - 1) * free)
        value = (1 - p.tax_rate) * self.productivity - p.maintenance_cost + free + gain
        riskless = coupon / (1 - p.discount)
        return np.asarray(np.minimum(p.recovery_share * np.maximum(value, 0), riskless))


def _positive_part(value: Array, sd: float) -> tuple[Array, Array]:
    """Return Pr(value + m > 0) and E[max(value + m, 0)]."""
    if sd == 0:
        return (value > 0).astype(float), np.maximum(value, 0)
    survives = 0.5 * erfc(-value / (sd * np.sqrt(2)))
    return survives, value * survives + sd * np.exp(-0.5 * (value / sd) ** 2) / np.sqrt(2 * np.pi)
