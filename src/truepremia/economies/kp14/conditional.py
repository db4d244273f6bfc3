"""Conditional law of next month's returns in the Kogan-Papanikolaou economy.

A firm's payoff is ``c + x X1 S' + x z^a X2 H'`` with X1 = x'/x, X2 = (x'/x)(z'/z)^a, where
S' is the value of the projects that survive and H' that of growth options and of a new project.
Given date t, S' and H' are independent across firms and of (X1, X2): conditional covariances
are of rank two plus a diagonal.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from truepremia.economies.kp14.parameters import MONTH, Params
from truepremia.economies.kp14.solution import Solution
from truepremia.errors import DataError
from truepremia.moments import Moments
from truepremia.typing import Array

FIRM_COLUMNS = ("eps", "high", "arrival_rate", "W0", "W1", "Q0", "Q1", "Q2", "SK")
"""What is known of a firm at the end of a month, in the order of :class:`State`."""


@dataclass(frozen=True, eq=False)
class State:
    """The economy at the end of one month; arrays have shape (N,).

    The six sums over a firm's live projects, of capital K_j and output u_j, with
    w_j = K_j^alpha and v_j = u_j - 1, are all that any formula needs of its projects.

    Parameters
    ----------
    month : int
    x, z : float
        Aggregate productivity and investment technology.
    eps : array
        Firm productivity.
    high : array of bool
        Whether the firm is in the regime of frequent arrivals.
    arrival_rate : array
        lambda_f, mean arrivals of projects per year.
    W0, W1 : array
        Sums of w and of w v.
    Q0, Q1, Q2 : array
        Sums of w^2, of w^2 v and of w^2 v^2.
    SK : array
        Sum of K.
    """

    month: int
    x: float
    z: float
    eps: Array
    high: Array
    arrival_rate: Array
    W0: Array
    W1: Array
    Q0: Array
    Q1: Array
    Q2: Array
    SK: Array

    @property
    def cash_flow(self) -> Array:
        """Cash flow c = x eps dt sum_j u_j w_j, known now and paid next month."""
        return np.asarray(self.x * self.eps * MONTH * (self.W0 + self.W1))

    @property
    def book(self) -> Array:
        """Replacement cost (x/z) sum_j K_j of the capital in place."""
        return np.asarray(self.x / self.z * self.SK)


def price(solution: Solution, state: State) -> Array:
    """Return the market values P of all firms, ex dividend and ex investment, shape (N,)."""
    return solution.price(
        state.x, state.z, state.eps, state.high, state.arrival_rate, state.W0, state.W1
    )


def states(
    solution: Solution,
    aggregates: Mapping[str, Array],
    rows: Iterable[tuple[int, Mapping[str, Array]]],
    firms: int,
) -> Iterator[State]:
    """Yield the state of every panel month.

    Parameters
    ----------
    solution : Solution
        Unused here; other economies need it.
    aggregates : mapping
        Columns ``month``, ``x`` and ``z``.
    rows : iterable of (month, columns)
        Columns ``firmid`` and :data:`FIRM_COLUMNS`, firms in order.
    firms : int
        Number of firms.

    Raises
    ------
    DataError
        If a month is missing or does not hold every firm once, in order.
    """
    del solution
    everyone = np.arange(firms)
    levels = zip(aggregates["month"], aggregates["x"], aggregates["z"], strict=True)
    for (expected, x, z), (month, columns) in zip(levels, rows, strict=True):
        if month != expected or not np.array_equal(columns["firmid"], everyone):
            raise DataError(
                f"states of month {month}: must be those of all {firms} firms, in order, in "
                f"month {expected}; simulate the panel again"
            )
        values = {name: np.asarray(columns[name]) for name in FIRM_COLUMNS}
        values["high"] = values["high"].astype(bool)
        yield State(int(month), float(x), float(z), **values)


@dataclass(frozen=True, eq=False)
class Payoff:
    """Mean payoffs of all firms per unit of price; arrays have shape (N,).

    Parameters
    ----------
    price : array
        P.
    paid : array
        c / P, known at t.
    in_place : array
        b_x = x E[S'] / P, exposure to X1.
    options : array
        b_z = x z^a E[H'] / P, exposure to X2.
    """

    price: Array
    paid: Array
    in_place: Array
    options: Array

    @classmethod
    def at(cls, solution: Solution, state: State, means: Array) -> "Payoff":
        """Form the payoffs from ``means``, E[f, g1, g2] at eps', shape (3, N)."""
        value = price(solution, state)
        x, scale = state.x, state.x * _option_scale(solution.params, state)
        return cls(
            price=value,
            paid=state.cash_flow / value,
            in_place=x * _surviving_value(solution, state) / value,
            options=scale * (_option_weights(solution.params, state) * means).sum(axis=0) / value,
        )

    def mean_return(self, params: Params) -> Array:
        """Return E[R] = c/P + E[X1] b_x + E[X2] b_z, gross."""
        x, z = _mean_productivity(params), _mean_technology(params)
        return np.asarray(self.paid + x * self.in_place + x * z * self.options)

    def exposure(self, params: Params) -> Array:
        """Return F = [b_x, b_z] chol Cov(X1, X2), shape (N, 2).

        The first column is the exposure to X1 and equally that of X2 to x; the second is the
        part of X2 that z moves.
        """
        x, z = _mean_productivity(params), _mean_technology(params)
        var_x = params.productivity_volatility**2 * MONTH
        var_z = (params.technology_elasticity * params.technology_volatility) ** 2 * MONTH
        first = x * np.sqrt(np.expm1(var_x)) * (self.in_place + z * self.options)
        second = x * z * np.exp(0.5 * var_x) * np.sqrt(np.expm1(var_z)) * self.options
        return np.column_stack([first, second])


def moments(solution: Solution, state: State) -> Moments:
    """Return the exact conditional moments of the returns from the state's month to the next.

    Cov(R) = F F' + diag(d), with F from :meth:`Payoff.exposure` and
    d = x^2 E[X1^2] / P^2 [Var S' + 2 z^a Z(a) Cov(S', H') + z^{2a} Z(2a) Var H'].

    Parameters
    ----------
    solution : Solution
    state : State

    Returns
    -------
    Moments
        Of all firms, per month; firms without projects included.
    """
    params = solution.params
    means, covariances = solution.means_and_covariances(state.eps)
    payoff = Payoff.at(solution, state, means)
    return Moments(
        mean=payoff.mean_return(params) - params.gross_riskfree,
        exposure=payoff.exposure(params),
        residual=_own_variance(solution, state, means, covariances) / payoff.price**2,
        riskfree=params.gross_riskfree - 1,
        firm=np.arange(len(state.eps)),
        month=state.month,
    )


def loadings(solution: Solution, state: State) -> dict[str, Array]:
    """Return the loadings of returns on (z, x), each of shape (N,).

    Per one conditional standard deviation of z' and x'. Projection: Cov(R, z')/sd(z') and
    Cov(R, x')/sd(x'). Taylor: derivatives of the return at z' = E z', x' = E x' with eps' at
    its mean, times the standard deviations.

    Returns
    -------
    dict
        ``A_1_taylor``, ``A_2_taylor``, ``A_1_proj``, ``A_2_proj``.
    """
    params = solution.params
    a, sigma_z = params.technology_elasticity, params.technology_volatility
    mean_x, mean_z = _mean_productivity(params), _mean_technology(params)
    spread_x = mean_x * np.sqrt(np.expm1(params.productivity_volatility**2 * MONTH))
    spread_z = np.sqrt(np.expm1(sigma_z**2 * MONTH))

    payoff = Payoff.at(solution, state, solution.means(state.eps))
    # Cov((z'/z)^a, z'/z) / sd(z'/z), by E[X^(a+1)] / (E[X^a] E[X]) = exp(a sigma^2 dt).
    slope = mean_z * np.expm1(a * sigma_z**2 * MONTH) / spread_z

    expected_eps = 1 + params.firm_process.persistence * (state.eps - 1)
    at_mean = (_option_weights(params, state) * solution.at(expected_eps)).sum(axis=0)
    grown = np.exp(a * params.technology_drift * MONTH) * _option_scale(params, state)
    options = state.x * grown * at_mean / payoff.price
    return {
        "A_1_taylor": a * mean_x * spread_z * options,
        "A_2_taylor": spread_x * (payoff.in_place + options),
        "A_1_proj": mean_x * slope * payoff.options,
        "A_2_proj": spread_x * (payoff.in_place + mean_z * payoff.options),
    }


def sharpe_limit(params: Params) -> float:
    """Return the Sharpe ratio of span{X1, X2}: no set of firms exceeds it at discrete prices.

    sqrt(mu' Omega^{-1} mu) with mu = E[X] - R_f E[m X] and Omega = Cov(X1, X2), per month.
    """
    x, z = _mean_productivity(params), _mean_technology(params)
    two = Payoff(np.ones(2), np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    rates = np.array([params.project_discount, params.option_discount])
    premium = np.array([x, x * z]) - params.gross_riskfree * np.exp(-rates * MONTH)
    return float(np.linalg.norm(np.linalg.solve(two.exposure(params), premium)))


def _mean_productivity(params: Params) -> float:
    """Return E[x'/x]."""
    return float(np.exp(params.productivity_drift * MONTH))


def _mean_technology(params: Params) -> float:
    """Return Z(a) = E[(z'/z)^a]."""
    a, sigma = params.technology_elasticity, params.technology_volatility
    return float(np.exp((a * params.technology_drift + 0.5 * a * (a - 1) * sigma**2) * MONTH))


def _option_scale(params: Params, state: State) -> float:
    """Return z^a."""
    return float(state.z**params.technology_elasticity)


def _surviving_value(solution: Solution, state: State) -> Array:
    """Return E[S'] = pi [(A_0 + A_1 m1) W0 + (A_2 + A_3 m1) q_u W1], m1 = q_eps (eps-1)."""
    params = solution.params
    A_0, A_1, A_2, A_3 = solution.assets
    m1 = params.firm_process.persistence * (state.eps - 1)
    expected_W1 = params.project_process.persistence * state.W1
    return np.asarray(
        params.survival * ((A_0 + A_1 * m1) * state.W0 + (A_2 + A_3 * m1) * expected_W1)
    )


def _option_weights(params: Params, state: State) -> Array:
    """Return the weights of f, g1 and g2 in E[H' | eps'], shape (3, N).

    H' = lambda_f (g1 + (lambda_{s'} - 1) g2) + 1{arrival} C f at eps': the arrival has
    probability lambda_f lambda_s dt and lambda_{s'} - 1 has mean psi (lambda_s - 1).
    """
    multiplier = params.multiplier(state.high)
    arrival = state.arrival_rate * multiplier * MONTH
    regime = params.regime_persistence * (multiplier - 1)
    return np.stack([arrival * params.npv_scale, state.arrival_rate, state.arrival_rate * regime])


def _own_variance(
    solution: Solution, state: State, means: Array, covariances: Mapping[tuple[str, str], Array]
) -> Array:
    """Return P^2 d, shape (N,)."""
    params = solution.params
    a, sigma_z = params.technology_elasticity, params.technology_volatility
    z = _option_scale(params, state) * _mean_technology(params)
    mean_square_x = _mean_productivity(params) ** 2 * np.exp(
        params.productivity_volatility**2 * MONTH
    )
    slope, projects = _project_variance(solution, state)
    weights = _option_weights(params, state)
    joint = sum(w * covariances["e", g] for w, g in zip(weights, ("f", "g1", "g2"), strict=True))
    options = _option_variance(params, state, weights, means, covariances)
    total = projects + 2 * z * slope * joint + z**2 * np.exp((a * sigma_z) ** 2 * MONTH) * options
    return np.asarray(state.x**2 * mean_square_x * total)


def _project_variance(solution: Solution, state: State) -> tuple[Array, Array]:
    """Return dE[S' | eps']/d eps' and Var S', each of shape (N,).

    Given eps', A(eps', u_j') = p + q v_j' with p = A_0 + A_1 e' and q = A_2 + A_3 e', and
    survivals and u_j' are independent over projects: pairs of projects never appear.
    """
    params = solution.params
    A_0, A_1, A_2, A_3 = solution.assets
    pi, firm, project = params.survival, params.firm_process, params.project_process
    q_u = project.persistence
    m1 = firm.persistence * (state.eps - 1)
    ve = firm.variance(state.eps - 1)
    m2 = m1**2 + ve
    Epp = A_0**2 + 2 * A_0 * A_1 * m1 + A_1**2 * m2
    Epq = A_0 * A_2 + (A_0 * A_3 + A_1 * A_2) * m1 + A_1 * A_3 * m2
    Eqq = A_2**2 + 2 * A_2 * A_3 * m1 + A_3**2 * m2
    R1, R2 = q_u * state.Q1, q_u**2 * state.Q2
    RV = project.variance_at_zero * state.Q0 + project.variance_slope * (state.Q0 + state.Q1)
    slope = pi * (A_1 * state.W0 + A_3 * q_u * state.W1)
    deaths = pi * (1 - pi) * (Epp * state.Q0 + 2 * Epq * R1 + Eqq * R2)
    return slope, deaths + pi * Eqq * RV + slope**2 * ve


def _option_variance(
    params: Params,
    state: State,
    weights: Array,
    means: Array,
    covariances: Mapping[tuple[str, str], Array],
) -> Array:
    """Return Var H', shape (N,): of its mean given eps', plus the mean of its variance.

    Given eps' the regime and the arrival are independent, so that the second part is
    lambda_f^2 Var(lambda_{s'}) E[g2^2] + p (1-p) C^2 E[f^2]: every term is positive.
    """
    w_f, w_1, w_2 = weights
    common = (
        w_f**2 * covariances["f", "f"]
        + w_1**2 * covariances["g1", "g1"]
        + w_2**2 * covariances["g2", "g2"]
        + 2 * w_f * w_1 * covariances["f", "g1"]
        + 2 * w_f * w_2 * covariances["f", "g2"]
        + 2 * w_1 * w_2 * covariances["g1", "g2"]
    )
    high = params.high_probability(state.high)
    regime = (params.high_multiplier - params.low_multiplier) ** 2 * high * (1 - high)
    g2_square = covariances["g2", "g2"] + means[2] ** 2
    f_square = covariances["f", "f"] + means[0] ** 2
    arrival = w_f * (params.npv_scale - w_f)
    return np.asarray(common + w_1**2 * regime * g2_square + arrival * f_square)
