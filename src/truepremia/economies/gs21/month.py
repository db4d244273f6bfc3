"""Tables of one month, and what firms do in it.

At log productivity x the expectation over next month's x' is taken on Gauss-Hermite nodes
x'_q = rho_x x + sigma_x u_q, and over z' once for the whole solution. Prices are the discounted
sums of the same nodal payoffs v_q(z, b') = E[max(P' + m', 0) | x'_q] that the conditional moments
use, so that the Euler equation holds exactly, whatever the interpolation error.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from truepremia.economies.gs21.firm import Investment, locked, profit, refinancing
from truepremia.economies.gs21.grid import Grid, Stencil, along
from truepremia.economies.gs21.parameters import Params
from truepremia.economies.gs21.solver import FixedPoint
from truepremia.economies.quadrature import normal_nodes
from truepremia.typing import Array


@dataclass(frozen=True, eq=False)
class Tables:
    """Spline coefficients of next month's payoffs, averaged over u', eta' and m'.

    Rows run over (z, b) as :meth:`Grid.look_up` counts them, columns over x'.

    Parameters
    ----------
    params : Params
    grid : Grid
    payoff, payoff_square, claim : array, shape ((nz + 2) * (nb + 2), nx + 2)
        E[max(P'+m', 0)], E[max(P'+m', 0)^2] and E[D'] given (z, b', x').
    payoff_ahead : array, same shape
        max(P'+m', 0) averaged over eta' and m' at z' = rho_z z.
    levered, coupon_choice : array, shape (nz + 2, nx + 2)
        W and b*.
    """

    params: Params
    grid: Grid
    payoff: Array
    payoff_square: Array
    claim: Array
    payoff_ahead: Array
    levered: Array
    coupon_choice: Array

    @classmethod
    def of(cls, solved: FixedPoint) -> "Tables":
        """Form the tables; they are kept for the fixed point last asked for."""
        return _tables(solved)

    @cached_property
    def nodes(self) -> tuple[Array, Array, Array]:
        """Nodes u_q, physical weights w_q, and pricing weights w^Q_q ~ w_q e^{-gamma u_q}."""
        node, weight = normal_nodes(self.params.quadrature_nodes)
        priced = weight * np.exp(-self.params.price_of_risk * node)
        return node, weight, priced / priced.sum()

    def next_x(self, x: float) -> Array:
        """Return the nodes x'_q, shape (n_q,)."""
        return self.params.x_persistence * x + self.params.x_volatility * self.nodes[0]

    def pricing_columns(self, x: float) -> Array:
        """Return the tables of C and Q at ``x``, shape (M, 2)."""
        weight = self.params.discount * self.nodes[2] @ self.grid.x.weights(self.next_x(x))
        return np.stack([self.payoff @ weight, self.claim @ weight], axis=-1)

    def risk_columns(self, x: float) -> Array:
        """Return the tables of the mean payoff and of its two loadings, shape (M, 3).

        Loadings are per s.d. of x'. Taylor: sigma_x d/dx' of the payoff at z' = rho_z z,
        x' = rho_x x. Projection: Cov(payoff, eps') = sum_q w_q u_q v_q.
        """
        params, (node, weight, _) = self.params, self.nodes
        ahead = np.array([params.x_persistence * x])
        slope = params.x_volatility * self.grid.x.slope_weights(ahead)[0]
        over_x = np.stack([weight, weight * node]) @ self.grid.x.weights(self.next_x(x))
        mean, covariance = over_x @ self.payoff.T
        return np.stack([mean, self.payoff_ahead @ slope, covariance], axis=-1)

    def payoff_columns(self, x: float) -> Array:
        """Return the tables of v_q, q = 1..n_q, and of E[max(P'+m', 0)^2], shape (M, n_q + 1)."""
        weights = self.grid.x.weights(self.next_x(x))
        square = self.nodes[1] @ weights
        return np.hstack([self.payoff @ weights.T, (self.payoff_square @ square)[:, None]])


@lru_cache(maxsize=1)
def _tables(solved: FixedPoint) -> Tables:
    operator, values = solved.operator, solved.values
    params, grid, step = operator.params, operator.grid, operator.z_step
    ahead = grid.z.rows(params.z_persistence * grid.z.nodes)
    laws = values.liability_locked, values.liability_refinancing

    def table(over_z: Array, nodal: Array) -> Array:
        moved = along(grid.z.coefficients @ over_z, nodal, 0)
        spline = along(grid.b.coefficients, along(grid.x.coefficients, moved, 1), 2)
        return np.ascontiguousarray(np.moveaxis(spline, 1, 2).reshape(-1, grid.x.count + 2))

    def surface(nodal: Array) -> Array:
        return np.asarray(grid.z.coefficients @ nodal @ grid.x.coefficients.T)

    return Tables(
        params=params,
        grid=grid,
        payoff=table(step, values.payoff),
        payoff_square=table(step, operator.over_eta(*(law.square for law in laws))),
        claim=table(step, values.claim),
        payoff_ahead=table(ahead, values.payoff),
        levered=surface(values.levered),
        coupon_choice=surface(values.coupon_choice),
    )


@dataclass(frozen=True, eq=False)
class Month:
    """The tables at one month's x.

    Parameters
    ----------
    tables : Tables
    x : float
        Log aggregate productivity.
    columns : array, shape (M, 2 + K)
        C and Q, then K more tables that firms are to be looked up in.
    """

    tables: Tables
    x: float
    columns: Array

    @classmethod
    def with_risk(cls, tables: Tables, x: float) -> "Month":
        """Tables of C, Q, the mean payoff and its loadings (Taylor, projection)."""
        return cls(tables, x, np.hstack([tables.pricing_columns(x), tables.risk_columns(x)]))

    @classmethod
    def with_payoffs(cls, tables: Tables, x: float) -> "Month":
        """Tables of C, Q, the payoffs v_q and the mean squared payoff."""
        return cls(tables, x, np.hstack([tables.pricing_columns(x), tables.payoff_columns(x)]))

    @cached_property
    def by_z(self) -> Array:
        """Coefficients of W and b* in z, shape (nz + 2, 2)."""
        weight = self.tables.grid.x.weights(np.array([self.x]))[0]
        return np.stack([self.tables.levered @ weight, self.tables.coupon_choice @ weight], axis=-1)

    def look_up(self, z: Array, b: Array) -> Array:
        """Return all tables at N firms, shape (N, 2 + K)."""
        return self._at(self.tables.grid.z.stencil(z), b)

    def _at(self, z: Stencil, b: Array) -> Array:
        return np.asarray(self.tables.grid.look_up(z, b) @ self.columns)

    def firms(self, z: Array, b: Array, refinances: Array) -> "Firms":
        """Return values and decisions of N firms, per unit of their capital.

        Parameters
        ----------
        z, b : array, shape (N,)
            Log productivity and coupon.
        refinances : array of bool, shape (N,)
            eta = 1.
        """
        params = self.tables.params
        cell, weight = at = self.tables.grid.z.stencil(z)
        stay, grow = self._at(at, b), self._at(at, b / params.investment_growth)
        rows = self.by_z[cell[:, None] + np.arange(4)]
        levered, choice = np.einsum("nk,nkc->cn", weight, rows)
        earned = profit(params, self.x + z, b)
        hold = locked(params, earned, stay[:, 0], grow[:, 0])
        swap = refinancing(params, earned, levered, stay[:, 1], grow[:, 1])
        rows = np.flatnonzero(refinances)
        stay[rows] = grow[rows] = self._at((cell[rows], weight[rows]), choice[rows])
        return Firms(
            month=self,
            refinances=refinances,
            coupon_stay=np.where(refinances, choice, b),
            coupon_grow=np.where(refinances, choice, b / params.investment_growth),
            investment=_where(refinances, swap, hold),
            stay=stay,
            grow=grow,
        )


def _where(condition: Array, one: Investment, other: Investment) -> Investment:
    names = ("gain", "cutoff", "probability", "equity")
    return Investment(*(np.where(condition, getattr(one, n), getattr(other, n)) for n in names))


@dataclass(frozen=True, eq=False)
class Firms:
    """Values and decisions of N firms in one month, before the cost of investing is drawn.

    Parameters
    ----------
    month : Month
    refinances : array of bool, shape (N,)
    coupon_stay, coupon_grow : array, shape (N,)
        Next month's coupon per unit of next month's capital without and with investment.
    investment : Investment
        The decision, and equity P before the cash-flow shock.
    stay, grow : array, shape (N, 2 + K)
        The month's tables at these two coupons.
    """

    month: Month
    refinances: Array
    coupon_stay: Array
    coupon_grow: Array
    investment: Investment
    stay: Array
    grow: Array

    def expected(self, power: int = 1, tables: slice = slice(None)) -> Array:
        """Return E[G^power f(b')] over the investment decision, shape (N, 2 + K).

        G is capital after over before the decision and f runs through the month's ``tables``.
        """
        p = self.investment.probability[:, None]
        growth = self.month.tables.params.investment_growth**power
        return np.asarray((1 - p) * self.stay[:, tables] + growth * p * self.grow[:, tables])

    def outlook(self) -> "Outlook":
        """Return prices and expected payoffs; the month must have been made with its risk."""
        return Outlook(*self.expected().T)

    def replaced(self, rows: Array, other: "Firms") -> "Firms":
        """Return these firms, those at ``rows`` replaced by ``other``."""

        def merged(mine: Array, its: Array) -> Array:
            both = mine.copy()
            both[rows] = its
            return both

        investment = {
            name: merged(getattr(self.investment, name), getattr(other.investment, name))
            for name in ("gain", "cutoff", "probability", "equity")
        }
        return Firms(
            month=self.month,
            refinances=merged(self.refinances, other.refinances),
            coupon_stay=merged(self.coupon_stay, other.coupon_stay),
            coupon_grow=merged(self.coupon_grow, other.coupon_grow),
            investment=Investment(**investment),
            stay=merged(self.stay, other.stay),
            grow=merged(self.grow, other.grow),
        )


class Outlook(NamedTuple):
    """What firms are worth and may expect, per unit of capital, shape (N,) each.

    Parameters
    ----------
    price, debt : array
        Ex-dividend price P^ex and debt after the coupon.
    payoff : array
        Mean payoff to equity next month.
    taylor, projection : array
        Loadings of that payoff on x', per s.d.
    """

    price: Array
    debt: Array
    payoff: Array
    taylor: Array
    projection: Array

    def loadings(self) -> dict[str, Array]:
        """Return the loadings of the return, ``A_1_taylor`` and ``A_1_proj``."""
        return {
            "A_1_taylor": self.taylor / self.price,
            "A_1_proj": self.projection / self.price,
        }
