"""The joint fixed point of equity and debt on a grid: the map, and its exact derivative.

C(z,x,b') = E[M' max(P'(z',x',b') + m', 0)] and Q(z,x,b') = E[M' D'(z',x',b')], per unit of next
month's capital. Under the pricing measure the innovation of x has mean -gamma_x, so that both
expectations are linear maps of nodal payoffs, formed once.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from truepremia.economies.gs21.firm import (
    Investment,
    LimitedLiability,
    locked,
    profit,
    recovered,
    refinancing,
)
from truepremia.economies.gs21.grid import Axis, Grid, pick
from truepremia.economies.gs21.parameters import Params
from truepremia.typing import Array

FINER = 4
"""Points per grid cell at which the choice of debt is searched."""

POLISHING_STEPS = 8
"""Newton steps, or bisections, from the best of these points to the top of the spline."""


@dataclass(frozen=True, eq=False)
class Values:
    """What follows from continuation values (C, Q) at every node, arrays (nz, nx, nb).

    Parameters
    ----------
    equity, debt : array
        C and Q.
    equity_diluted, debt_diluted : array
        C and Q at b/g.
    levered, coupon_choice : array, shape (nz, nx)
        W and its argmax b*.
    locked, refinancing : Investment
        Decisions and equity P without (eta = 0) and with (eta = 1) the opportunity to refinance.
    liability_locked, liability_refinancing : LimitedLiability
        Laws of max(P + m, 0).
    market_locked, market_refinancing : array
        q: debt after the coupon, if the firm survives.
    recovery : array
        Claim of creditors in default.
    payoff, claim : array
        Averages over eta and m of max(P + m, 0) and of D.
    """

    equity: Array
    debt: Array
    equity_diluted: Array
    debt_diluted: Array
    levered: Array
    coupon_choice: Array
    locked: Investment
    refinancing: Investment
    liability_locked: LimitedLiability
    liability_refinancing: LimitedLiability
    market_locked: Array
    market_refinancing: Array
    recovery: Array
    payoff: Array
    claim: Array


@dataclass(frozen=True, eq=False)
class Operator:
    """The map T of (C, Q), stacked as an array (2, nz, nx, nb), on one grid."""

    params: Params
    grid: Grid

    @cached_property
    def z_step(self) -> Array:
        """E[f(z')] from nodal values of f, shape (nz, nz)."""
        p = self.params
        return self.grid.z.expectation(p.z_persistence, p.z_volatility, p.quadrature_nodes, 0.0)

    @cached_property
    def x_step(self) -> Array:
        """E^Q[f(x')] under the pricing measure, shape (nx, nx)."""
        p = self.params
        return self.grid.x.expectation(
            p.x_persistence, p.x_volatility, p.quadrature_nodes, p.price_of_risk
        )

    @cached_property
    def dilution(self) -> Array:
        """Transposed matrix from f(b) to f(b/g), shape (nb, nb)."""
        return np.ascontiguousarray(
            self.grid.b.rows(self.grid.b.nodes / self.params.investment_growth).T
        )

    def expected(self, payoff: Array) -> Array:
        """Return e^{-r} E^Q of nodal payoffs (..., nz, nx, nb)."""
        shape = payoff.shape
        flat = payoff.reshape(-1, shape[-3], shape[-2] * shape[-1])
        moved = np.matmul(self.z_step, flat).reshape(shape)
        return np.asarray(self.params.discount * np.matmul(self.x_step, moved))

    def apply(self, values: Values) -> Array:
        """Return T(C, Q)."""
        return self.expected(np.stack([values.payoff, values.claim]))

    def evaluate(self, continuation: Array) -> Values:
        """Return everything that follows from (C, Q) within the month."""
        p = self.params
        equity, debt = continuation
        equity_diluted, debt_diluted = continuation @ self.dilution
        levered, coupon_choice = self._choose_coupon(equity, debt)
        coupon, w = self.grid.b.nodes, levered[..., None]
        earned = profit(p, self._log_productivity, coupon)
        hold = locked(p, earned, equity, equity_diluted)
        swap = refinancing(p, earned, w, debt, debt_diluted)
        liability = [LimitedLiability(d.equity, p.cash_flow_volatility) for d in (hold, swap)]
        market = [debt + d.probability * self._growth(debt, debt_diluted) for d in (hold, swap)]
        recovery = recovered(p, self._log_productivity, coupon, hold.equity[..., :1])
        claims = [
            law.survival * (coupon + q) + (1 - law.survival) * recovery
            for law, q in zip(liability, market, strict=True)
        ]
        return Values(
            equity=equity,
            debt=debt,
            equity_diluted=equity_diluted,
            debt_diluted=debt_diluted,
            levered=levered,
            coupon_choice=coupon_choice,
            locked=hold,
            refinancing=swap,
            liability_locked=liability[0],
            liability_refinancing=liability[1],
            market_locked=market[0],
            market_refinancing=market[1],
            recovery=recovery,
            payoff=self.over_eta(liability[0].mean, liability[1].mean),
            claim=self.over_eta(claims[0], claims[1]),
        )

    def over_eta(self, locked: Array, refinancing: Array) -> Array:
        """Return the mean over the opportunity to refinance."""
        zeta = self.params.refinancing_probability
        return np.asarray(zeta * refinancing + (1 - zeta) * locked)

    def derivative(self, values: Values) -> "Derivative":
        """Return the derivative of T at ``values``."""
        return Derivative(self, values)

    @cached_property
    def _log_productivity(self) -> Array:
        return np.asarray((self.grid.z.nodes[:, None] + self.grid.x.nodes)[..., None])

    def _growth(self, value: Array, diluted: Array) -> Array:
        """Return g f(b/g) - f(b)."""
        return np.asarray(self.params.investment_growth * diluted - value)

    @cached_property
    def _finer(self) -> Array:
        b = self.grid.b
        fine = Axis(b.lower, b.upper, FINER * (b.count - 1) + 1)
        return np.asarray(b.rows(fine.nodes).T.copy())

    def _choose_coupon(self, equity: Array, debt: Array) -> tuple[Array, Array]:
        """Return W and b*: best point of a finer grid, then Newton's method on the spline."""
        b = self.grid.b
        objective = (1 - self.params.debt_issuance_cost) * debt + equity
        objective = objective.reshape(-1, b.count)
        step = b.step / FINER
        best = step * (objective @ self._finer).argmax(axis=-1)
        lower, upper = np.maximum(best - step, b.lower), np.minimum(best + step, b.upper)
        spline = objective @ b.coefficients.T
        choice = best
        for _ in range(POLISHING_STEPS):
            slope = pick(spline, *b.slope_stencil(choice))
            bend = pick(spline, *b.bend_stencil(choice))
            lower, upper = np.where(slope > 0, choice, lower), np.where(slope > 0, upper, choice)
            peak = choice - slope / np.where(bend < 0, bend, -1.0)
            inside = (bend < 0) & (lower <= peak) & (peak <= upper)
            choice = np.where(inside, peak, 0.5 * (lower + upper))
        levered = pick(spline, *b.stencil(choice))
        return levered.reshape(equity.shape[:2]), choice.reshape(equity.shape[:2])


class _Moves(NamedTuple):
    """One array for each value that moves a payoff, or its weight in that payoff.

    C and Q at b and at b/g, and W.
    """

    equity: Array
    equity_diluted: Array
    debt: Array
    debt_diluted: Array
    levered: Array


class Derivative:
    """The derivative of T in the direction (dC, dQ), by the envelope theorem.

    With f_g(b) = f(b/g): every nodal payoff moves by a linear combination of dC, dC_g, dQ, dQ_g,
    dW and, if creditors recover firm value, dC and dC_g at b = 0.
    """

    def __init__(self, operator: Operator, values: Values):
        p, self._operator = operator.params, operator
        g, zeta = p.investment_growth, p.refinancing_probability
        self._choice_rows = operator.grid.b.rows(values.coupon_choice.ravel()).reshape(
            values.equity.shape
        )
        hold, swap = values.locked, values.refinancing
        law_0, law_1 = values.liability_locked, values.liability_refinancing
        coupon = operator.grid.b.nodes
        grown = g * values.debt_diluted - values.debt
        # Weights of c(dC) in dp_0, and of (g-1) dW - c(dQ) in dp_1, where c(f) = g f_g - f.
        slope_0, slope_1 = (d.interior(p) / p.cost_range for d in (hold, swap))
        lost_0 = (coupon + values.market_locked - values.recovery) * law_0.density
        lost_1 = (coupon + values.market_refinancing - values.recovery) * law_1.density
        p_0, p_1 = hold.probability, swap.probability

        held = (1 - zeta) * law_0.survival
        swapped = zeta * law_1.survival
        # dP_0 = dC + p_0 c(dC); dP_1 = dW - dQ + p_1 [(g-1) dW - c(dQ)].
        self._payoff = _Moves(
            equity=held * (1 - p_0),
            equity_diluted=held * p_0 * g,
            debt=-swapped * (1 - p_1),
            debt_diluted=-swapped * p_1 * g,
            levered=swapped * (1 + p_1 * (g - 1)),
        )
        # dD = S dq + (b + q - rec) dS + (1 - S) drec, dq = dQ + p c(dQ) + c(Q) dp.
        by_hold = held * grown * slope_0 + (1 - zeta) * lost_0 * p_0
        by_swap = swapped * grown * slope_1 + zeta * lost_1 * p_1
        kept = held * p_0 + swapped * p_1
        self._claim = _Moves(
            equity=(1 - zeta) * lost_0 - by_hold,
            equity_diluted=g * by_hold,
            debt=held + swapped - kept - zeta * lost_1 + by_swap,
            debt_diluted=g * (kept - by_swap),
            levered=zeta * lost_1 + (g - 1) * by_swap,
        )
        self._recovery = self._recovery_weight(values)
        self._unlevered = 1 + p_0[..., :1] * (g - 1)

    def __call__(self, direction: Array) -> Array:
        """Return T'(C, Q) applied to ``direction``, shape (2, nz, nx, nb)."""
        operator = self._operator
        equity, debt = direction
        equity_diluted, debt_diluted = direction @ operator.dilution
        issued = (1 - operator.params.debt_issuance_cost) * debt + equity
        levered = np.einsum("zxb,zxb->zx", self._choice_rows, issued)[..., None]
        moves = _Moves(equity, equity_diluted, debt, debt_diluted, levered)
        change = np.empty_like(direction)
        for row, weights in zip(change, (self._payoff, self._claim), strict=True):
            np.multiply(weights.equity, moves.equity, out=row)
            for weight, move in zip(weights[1:], moves[1:], strict=True):
                row += weight * move
        if self._recovery is not None:
            change[1] += self._recovery * (self._unlevered * equity[..., :1])
        return operator.expected(change)

    def _recovery_weight(self, values: Values) -> Array | None:
        """Return (1 - S) phi where the recovered firm value moves with V, averaged over eta."""
        p = self._operator.params
        if p.recovery == "capital":
            return None
        share = p.recovery_share * values.locked.equity[..., :1]
        riskless = self._operator.grid.b.nodes / -np.expm1(-p.riskless_rate)
        zeta = p.refinancing_probability
        default = (1 - zeta) * (1 - values.liability_locked.survival) + zeta * (
            1 - values.liability_refinancing.survival
        )
        return np.asarray(default * p.recovery_share * ((share > 0) & (share < riskless)))
