"""Conditional law of next month's returns in the Berk-Green-Naik economy.

Given nu and xi firms are independent, and a firm's conditional mean payoff is linear in
D(r'), h(r') and sum_p exp(b_p nu - b_p^2/2). Expanding these in Hermite polynomials of nu, and
the part of the rate that nu does not explain in two more columns, gives F exactly.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from truepremia.economies.bgn.parameters import Params
from truepremia.economies.bgn.solution import Solution
from truepremia.economies.quadrature import hermite, normal_panels
from truepremia.moments import Moments
from truepremia.typing import Array

EXPANSION_TOLERANCE = 1e-17
"""Relative size of the first neglected terms of an expansion in b."""

BLOCK = 1024
"""Firms whose projects' powers stand in memory, and in a processor's cache, at a time."""


@dataclass(frozen=True, eq=False)
class RateLaw:
    """What next month's rate does to prices, seen from this month's rate.

    Parameters
    ----------
    rate : array, shape (M,)
        Log riskless rate r_t of M months.
    consol, option : array, shape (M,)
        D(r_t) and J*(r_t).
    consol_hermite, payoff_hermite : array, shape (M, J + 1)
        E[D(r') psi_k(xi)] and E[h(r') psi_k(xi)], with h = J* + g/exp(cbar) per unit of
        I exp(cbar); k = 0 is the mean. Only rho^k times these matters: J is at most the
        order at which rho^k falls below rounding.
    consol_square : array, shape (M,)
        E[D(r')^2].
    option_variance : array, shape (M,)
        E[g2(r') - g(r')^2]: variance of a new project's value given r'.
    remainder : array, shape (M, 2, 2)
        Lower triangle l with l l' = E[Cov((D, h)(r') | nu)], nu seen through J polynomials.
    """

    rate: Array
    consol: Array
    option: Array
    consol_hermite: Array
    payoff_hermite: Array
    consol_square: Array
    option_variance: Array
    remainder: Array

    @classmethod
    def at(cls, solution: Solution, rate: Array, order: int) -> "RateLaw":
        """Compute the law at ``rate``, shape (M,), with Hermite terms up to ``order``."""
        params = solution.params
        order = min(order, _felt_order(params.correlation))
        rate = np.asarray(rate, dtype=float)
        expected = params.expected_rate(rate)
        kink = (solution.kink_rate - expected) / params.rate_volatility
        xi, weight = normal_panels(kink, _nodes_per_panel(order))
        rate_next = expected[:, None] + params.rate_volatility * xi
        consol = solution.consol(rate_next)
        npv, npv_square = solution.project_npv(consol)
        payoff = solution.option(rate_next) + npv / np.exp(params.log_cash_flow)
        pair = np.stack([consol, payoff], axis=-1)
        psi = np.moveaxis(hermite(xi, order), 0, -1)
        coefficients = np.swapaxes(psi, 1, 2) @ (weight[..., None] * pair)
        return cls(
            rate=rate,
            consol=solution.consol(rate),
            option=solution.option(rate),
            consol_hermite=coefficients[..., 0],
            payoff_hermite=coefficients[..., 1],
            consol_square=np.einsum("mq,mq->m", weight, consol**2),
            option_variance=np.einsum("mq,mq->m", weight, npv_square - npv**2),
            remainder=_remainder(params.correlation, psi, weight, pair, coefficients),
        )


def _nodes_per_panel(order: int) -> int:
    """Return enough quadrature nodes to resolve psi_k up to ``order``, in steps of 32."""
    return max(64, 32 * -(-3 * (order - 20) // 32))


def _felt_order(rho: float) -> int:
    """Return the largest k at which rho^k is above rounding, at least 1."""
    if abs(rho) < EXPANSION_TOLERANCE:
        return 1
    return int(np.log(EXPANSION_TOLERANCE) / np.log(abs(rho)))


def _remainder(rho: float, psi: Array, weight: Array, pair: Array, coefficients: Array) -> Array:
    """Return the triangle l of the rate risk that the K polynomials in nu do not span.

    l l' = sum_{k=1}^K (1 - rho^{2k}) v_k v_k' + sum_{k>K} v_k v_k', v_k = (D_k, h_k): a sum of
    squares, factored by QR of the stacked square roots so that nothing cancels.
    """
    order = psi.shape[-1] - 1
    unseen = np.sqrt(1 - rho ** (2 * np.arange(1, order + 1)))
    tail = pair - psi @ coefficients
    rows = np.concatenate(
        [unseen[:, None] * coefficients[:, 1:], np.sqrt(weight)[..., None] * tail], axis=1
    )
    return np.swapaxes(np.linalg.qr(rows, mode="r"), -1, -2)


@dataclass(frozen=True, eq=False)
class State:
    """The economy at the end of one month.

    Parameters
    ----------
    month : int
    rate : float
        Log riskless rate r_t.
    firms : int
        Number of firms.
    owner : array of int, shape (L,), ascending
        Firm that owns each of the L live projects.
    beta, volatility : array, shape (L,)
        Systematic risk beta_p and cash-flow volatility sigma_p of the live projects.
    """

    month: int
    rate: float
    firms: int
    owner: Array
    beta: Array
    volatility: Array

    @cached_property
    def count(self) -> Array:
        """Live projects n_i of every firm, shape (N,)."""
        return np.bincount(self.owner, minlength=self.firms)

    def by_firm(self, values: Array) -> Array:
        """Sum project values (..., L) over each firm's projects, shape (..., N)."""
        holders, first = self._holdings
        if len(holders) == self.firms:
            return np.asarray(np.add.reduceat(values, first, axis=-1))
        sums = np.zeros((*values.shape[:-1], self.firms))
        if len(holders):
            sums[..., holders] = np.add.reduceat(values, first, axis=-1)
        return sums

    @cached_property
    def _holdings(self) -> tuple[Array, Array]:
        """Firms with projects, and the position of the first project of each."""
        holders = np.flatnonzero(self.count)
        return holders, np.concatenate([[0], np.cumsum(self.count[holders])[:-1]])

    def blocks(self) -> Iterator["State"]:
        """Yield the states of up to ``BLOCK`` firms each, in order of firms."""
        starts = range(0, self.firms, BLOCK)
        bounds = np.searchsorted(self.owner, [*starts, self.firms])
        for start, low, high in zip(starts, bounds[:-1], bounds[1:], strict=True):
            yield State(
                month=self.month,
                rate=self.rate,
                firms=min(BLOCK, self.firms - start),
                owner=self.owner[low:high] - start,
                beta=self.beta[low:high],
                volatility=self.volatility[low:high],
            )


@dataclass(frozen=True)
class Market:
    """The rate of one date and the prices that it sets.

    Parameters
    ----------
    rate : float
        Log riskless rate r.
    consol, option : float
        D(r) and J*(r).
    """

    rate: float
    consol: float
    option: float

    @classmethod
    def at(cls, solution: Solution, rate: float) -> "Market":
        """Return the prices at ``rate``."""
        return cls(rate, float(solution.consol(rate)), float(solution.option(rate)))


def firm_value(params: Params, market: Market, held: Array) -> Array:
    """Return P = I exp(cbar) [J* + D S] of firms whose projects have S = ``held``, shape (N,)."""
    unit = params.investment * np.exp(params.log_cash_flow)
    return np.asarray(unit * (market.option + market.consol * held))


def price(solution: Solution, state: State) -> Array:
    """Return the market values of all firms, ex dividend and ex investment, shape (N,)."""
    held = state.by_firm(np.exp(-state.beta))
    return firm_value(solution.params, Market.at(solution, state.rate), held)


def states(
    solution: Solution,
    aggregates: Mapping[str, Array],
    rows: Iterable[tuple[int, Mapping[str, Array]]],
    firms: int,
) -> Iterator[State]:
    """Yield the state of every panel month from the projects taken, by month of birth.

    Parameters
    ----------
    solution : Solution
        Unused here; other economies need it.
    aggregates : mapping
        Columns ``month`` and ``r``.
    rows : iterable of (month, columns)
        Projects taken at each date, columns ``firmid``, ``beta``, ``volatility``, ``death``.
    firms : int
        Number of firms.
    """
    del solution
    births = iter(rows)
    upcoming = next(births, None)
    names = ("firmid", "death", "beta", "volatility")
    live: dict[str, Array] = {}
    for month, rate in zip(aggregates["month"], aggregates["r"], strict=True):
        arrived = [live] if live else []
        while upcoming is not None and upcoming[0] <= month:
            arrived.append({name: upcoming[1][name] for name in names})
            upcoming = next(births, None)
        live = _live_by_firm(arrived, names, int(month))
        yield State(
            int(month), float(rate), firms, live["firmid"], live["beta"], live["volatility"]
        )


def _live_by_firm(
    parts: list[dict[str, Array]], names: tuple[str, ...], month: int
) -> dict[str, Array]:
    """Return the projects alive at ``month``, ordered by firm and, within it, by age."""
    if not parts:
        return {name: np.empty(0, dtype=int if name == "firmid" else float) for name in names}
    merged = {name: np.concatenate([part[name] for part in parts]) for name in names}
    alive = np.flatnonzero(merged["death"] > month)
    order = alive[np.argsort(merged["firmid"][alive], kind="stable")]
    return {name: column[order] for name, column in merged.items()}


def moments(solution: Solution, state: State) -> Moments:
    """Return the exact conditional moments of the returns from the state's month to the next.

    P_i F_ik = IC pi a_ik + rho^k (IC pi S_i D_k + IC h_k), k = 1..K, with C = exp(cbar) and
    a_ik = sum_p b_p^k / sqrt(k!), and two columns for the rate risk outside the span of nu;
    d holds what is independent across firms: survival, cash-flow and new-project risk.

    Parameters
    ----------
    solution : Solution
    state : State

    Returns
    -------
    Moments
        Of all firms, per month; firms without projects included.
    """
    params: Params = solution.params
    reach = float(np.abs(state.beta).max(initial=0.0)) / params.sdf_volatility
    order = expansion_order(reach)
    law = RateLaw.at(solution, np.array([state.rate]), order)
    blocks = [_firm_moments(solution, law, block, order) for block in state.blocks()]
    gross, exposure, residual = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return Moments(
        mean=gross - np.exp(state.rate),
        exposure=exposure,
        residual=residual,
        riskfree=float(np.expm1(state.rate)),
        firm=np.arange(state.firms),
        month=state.month,
    )


def _firm_moments(
    solution: Solution, law: RateLaw, state: State, order: int
) -> tuple[Array, Array, Array]:
    """Return E[R], shape (n,), F, shape (n, order + 2), and d, shape (n,), of a block of firms."""
    params: Params = solution.params
    rho, survival = params.correlation, params.survival
    powers = _powers(state.beta / params.sdf_volatility, order)
    sums = state.by_firm(powers[1:])
    discount = np.exp(-state.beta)
    held = state.by_firm(discount)
    value = law.option[0] + law.consol[0] * held

    consol, payoff = law.consol_hermite[0], law.payoff_hermite[0]
    gross = (payoff[0] + survival * (held * consol[0] + state.count)) / value
    felt = len(consol) - 1
    decay = rho ** np.arange(1, felt + 1)
    rate_risk = np.multiply.outer(survival * consol[1:], held) + payoff[1:, None]
    exposure = np.empty((state.firms, order + 2))
    exposure[:, :order] = survival * sums.T
    exposure[:, :felt] += (decay[:, None] * rate_risk).T
    ell = law.remainder[0]
    exposure[:, order] = survival * ell[0, 0] * held + ell[1, 0]
    exposure[:, order + 1] = ell[1, 1]

    own = _own_variance(solution, law, state, powers, discount)
    return gross, exposure / value[:, None], own / value**2


def _own_variance(
    solution: Solution, law: RateLaw, state: State, powers: Array, discount: Array
) -> Array:
    """Return P_i^2 d_i / (I C)^2, shape (N,).

    E[g2 - g^2]/C^2 + sum_p { pi(1-pi) [e^{-2 beta} E D^2 + 2 e^{-beta} E[D e^{b nu - b^2/2}]]
    + pi e^{sigma_p^2} - pi^2 e_K(b^2) }, with e_K the exponential series cut at the K used in
    F: whatever K is, the variance of every single project is exact.
    """
    params = solution.params
    survival, felt = params.survival, law.consol_hermite.shape[1]
    growth = (law.consol_hermite[0] * params.correlation ** np.arange(felt)) @ powers[:felt]
    spanned = np.einsum("kl,kl->l", powers, powers)
    project = (
        survival * (1 - survival) * discount * (discount * law.consol_square[0] + 2 * growth)
        + survival * np.exp(state.volatility**2)
        - survival**2 * spanned
    )
    new = law.option_variance[0] * np.exp(-2 * params.log_cash_flow)
    return np.asarray(new + state.by_firm(project))


def expansion_order(reach: float) -> int:
    """Return the smallest K whose neglected terms are below rounding for all |b| <= reach.

    The covariance of two projects is the series of e^{b b'}; its tail relative to its value is
    the upper tail of a Poisson law with mean reach^2.
    """
    mean = reach**2
    order, log_term = 0, -mean
    while order < mean or np.exp(log_term) > EXPANSION_TOLERANCE:
        order += 1
        log_term += np.log(mean) - np.log(order) if mean > 0 else -np.inf
    return max(order, 2)


def _powers(loading: Array, order: int) -> Array:
    """Return b^k / sqrt(k!), shape (order + 1, L)."""
    powers = np.empty((order + 1, len(loading)))
    powers[0] = 1.0
    for k in range(1, order + 1):
        np.multiply(powers[k - 1], loading, out=powers[k])
        powers[k] /= np.sqrt(k)
    return powers


@dataclass(frozen=True, eq=False)
class LoadingLaw:
    """Rate-dependent parts of the loadings of returns on (mu, xi) for M months, each (M,).

    Taylor: derivatives of the payoff at mu = xi = 0 with own shocks at zero and survival and
    the new project at their means. Projection: conditional covariances with the shocks.
    """

    taylor_held: Array
    taylor_new: Array
    projection_held: Array
    projection_new: Array

    @classmethod
    def at(cls, solution: Solution, rate: Array) -> "LoadingLaw":
        """Compute the parts at ``rate``, shape (M,)."""
        params = solution.params
        law = RateLaw.at(solution, rate, order=1)
        expected = params.expected_rate(np.asarray(rate))
        consol, slope = solution.consol(expected), solution.consol_slope(expected)
        mean_discount = np.exp(-solution.beta_ceiling) / (1 - solution.beta_scale)
        invests = np.exp(params.log_cash_flow) * mean_discount * consol >= 1
        new = solution.option_slope(expected) + np.where(invests, mean_discount * slope, 0.0)
        return cls(
            taylor_held=params.rate_volatility * params.survival * slope,
            taylor_new=params.rate_volatility * new,
            projection_held=params.survival * law.consol_hermite[:, 1],
            projection_new=law.payoff_hermite[:, 1],
        )

    def loadings(
        self, params: Params, t: int, value: Array, held: Array, sums: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Return the panel's loading columns of month number ``t``, each shape (N,).

        Parameters
        ----------
        params : Params
        t : int
            Position of the month in the law.
        value : array, shape (N,)
            V_i = J* + D S_i.
        held : array, shape (N,)
            S_i = sum of e^{-beta} over live projects.
        sums : mapping
            ``taylor``: sum of b e^{-sigma^2/2}; ``proj``: sum of b.
        """
        rho = params.correlation
        parts: dict[str, Any] = {
            "taylor": (self.taylor_held[t], self.taylor_new[t]),
            "proj": (self.projection_held[t], self.projection_new[t]),
        }
        columns = {}
        for method, (per_held, new) in parts.items():
            cash = params.survival * sums[method]
            columns[f"A_1_{method}"] = np.sqrt(1 - rho**2) * cash / value
            columns[f"A_2_{method}"] = (held * per_held + new + rho * cash) / value
        return columns


def loadings(solution: Solution, state: State) -> dict[str, Array]:
    """Return the loadings of returns on (mu, xi) per conditional s.d., each of shape (N,).

    Returns
    -------
    dict
        ``A_1_taylor``, ``A_2_taylor``, ``A_1_proj``, ``A_2_proj``.
    """
    b = state.beta / solution.params.sdf_volatility
    sums = {
        "taylor": state.by_firm(b * np.exp(-0.5 * state.volatility**2)),
        "proj": state.by_firm(b),
    }
    held = state.by_firm(np.exp(-state.beta))
    value = solution.option(state.rate) + solution.consol(state.rate) * held
    law = LoadingLaw.at(solution, np.array([state.rate]))
    return law.loadings(solution.params, 0, value, held, sums)
