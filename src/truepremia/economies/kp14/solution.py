"""Prices of the Kogan-Papanikolaou economy: projects and growth options.

A firm of productivity eps and regime s is worth
``P = x sum_j K_j^alpha A(eps, u_j) + x z^a lambda_f G_s(eps)`` over its live projects j.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np

from truepremia.economies.kp14.parameters import MONTH, Params
from truepremia.economies.processes import SquareRootProcess
from truepremia.errors import NumericalError
from truepremia.typing import Array

PAIRS = tuple(
    p for p in combinations_with_replacement(("e", "f", "g1", "g2"), 2) if p != ("e", "e")
)
"""Pairs of functions of eps whose conditional covariances returns need, e = eps - 1."""

_TERMS = (20, 26, 32)
_VALUE_TOLERANCE, _PRODUCT_TOLERANCE = 1e-13, 1e-10


@dataclass(frozen=True, eq=False)
class Solution:
    """A solved Kogan-Papanikolaou economy.

    Functions of eps are series in the eigenfunctions p_n of its monthly transition: f, the
    net present value of a new project, and g1, g2 with G_s = g1 + (lambda_s - 1) g2.

    Parameters
    ----------
    params : Params
    assets : array, shape (4,)
        A_0..A_3 of the project value A(eps, u).
    values : array, shape (3, M)
        Coefficients of f, g1, g2.
    products : array, shape (9, M)
        Coefficients of the products :data:`PAIRS` of e, f, g1, g2 less their stationary means.
    """

    params: Params
    assets: Array
    values: Array
    products: Array

    def project_value(self, eps: Array, u: Array) -> Array:
        """Return A(eps, u), the value of a project of unit weight at x = 1; any shape."""
        A_0, A_1, A_2, A_3 = self.assets
        return np.asarray(A_0 + A_1 * (eps - 1) + (A_2 + A_3 * (eps - 1)) * (u - 1))

    def optimal_capital(self, z: float, eps: Array) -> Array:
        """Return K* = (alpha z A(eps, 1))^{1/(1-alpha)}, the scale of a new project."""
        alpha = self.params.returns_to_scale
        return np.asarray((alpha * z * self.project_value(eps, np.ones(1))) ** (1 / (1 - alpha)))

    def growth_option(self, eps: Array, high: Array) -> Array:
        """Return G_s(eps), growth options per unit of x z^a lambda_f, shape (N,)."""
        g1, g2 = self._process.expand(self.values[1:], eps - 1)
        return np.asarray(g1 + (self.params.multiplier(high) - 1) * g2)

    def price(
        self, x: float, z: float, eps: Array, high: Array, arrival_rate: Array, W0: Array, W1: Array
    ) -> Array:
        """Return the ex-dividend value P of firms, shape (N,).

        P = x [(A_0 + A_1 e) W0 + (A_2 + A_3 e) W1] + x z^a lambda_f G_s(eps), e = eps - 1.

        Parameters
        ----------
        x, z : float
            Aggregate productivity and investment technology.
        eps, high, arrival_rate : array, shape (N,)
            Firm productivity, regime and arrival rate.
        W0, W1 : array, shape (N,)
            Sums over live projects of K^alpha and of K^alpha (u-1).
        """
        A_0, A_1, A_2, A_3 = self.assets
        in_place = (A_0 + A_1 * (eps - 1)) * W0 + (A_2 + A_3 * (eps - 1)) * W1
        options = z**self.params.technology_elasticity * arrival_rate
        return np.asarray(x * (in_place + options * self.growth_option(eps, high)))

    def at(self, eps: Array) -> Array:
        """Return f, g1, g2 at ``eps``, shape (3, N)."""
        return self._process.expand(self.values, eps - 1)

    def means(self, eps: Array) -> Array:
        """Return E[f(eps')], E[g1(eps')], E[g2(eps')] given eps, shape (3, N)."""
        return self._process.expand(self.values * self._decay, eps - 1)

    def means_and_covariances(self, eps: Array) -> tuple[Array, dict[tuple[str, str], Array]]:
        """Return :meth:`means` and the conditional covariances of :data:`PAIRS` at eps'."""
        series = np.vstack([self.values, self.products]) * self._decay
        expected = self._process.expand(series, eps - 1)
        means, products = expected[:3], expected[3:]
        deviation = {
            "e": self._process.persistence * (eps - 1),
            **{n: means[k] - self.values[k, 0] for k, n in enumerate(("f", "g1", "g2"))},
        }
        covariances = {
            (i, j): products[k] - deviation[i] * deviation[j] for k, (i, j) in enumerate(PAIRS)
        }
        return means, covariances

    @property
    def diagnostics(self) -> Mapping[str, float]:
        """Discount rates, values of projects and options, size of the series."""
        one = np.ones(2)
        high, low = self.growth_option(one, np.array([True, False]))
        risk = self.params.productivity_risk_price**2 + self.params.technology_risk_price**2
        return {
            "project_value": float(self.assets[0]),
            "option_value_high": float(high),
            "option_value_low": float(low),
            "project_discount": self.params.project_discount,
            "option_discount": self.params.option_discount,
            "low_multiplier": self.params.low_multiplier,
            "series_terms": self.values.shape[1],
            "series_tail": _tail(np.vstack([self.values, self.products])),
            "sharpe_bound": float(np.sqrt(np.expm1(risk * MONTH))),
        }

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays that, with the parameters, are the whole solution."""
        return {"assets": self.assets, "values": self.values, "products": self.products}

    @classmethod
    def from_arrays(cls, params: Params, arrays: Mapping[str, Array]) -> "Solution":
        """Rebuild the solution from :meth:`to_arrays`."""
        return cls(params, arrays["assets"], arrays["values"], arrays["products"])

    @cached_property
    def _process(self) -> SquareRootProcess:
        return self.params.firm_process

    @cached_property
    def _decay(self) -> Array:
        return self._process.persistence ** np.arange(self.values.shape[1])


def solve(params: Params) -> Solution:
    """Solve the economy: values of projects, growth options, all conditional expectations.

    Raises
    ------
    NumericalError
        If the series in eps do not converge.
    """
    assets = project_values(params)
    for terms in _TERMS:
        values, products = _expansions(params, assets, terms)
        if _tail(values) < _VALUE_TOLERANCE and _tail(products) < _PRODUCT_TOLERANCE:
            return Solution(params, assets, values, products)
    raise NumericalError(
        f"the series of growth options has not converged after {_TERMS[-1]} terms; "
        f"firm_volatility {params.firm_volatility:g} is too high or too low for firm_reversion "
        f"{params.firm_reversion:g}, or returns_to_scale {params.returns_to_scale:g} too close to "
        "1; the shipped values 0.2, 0.35 and 0.85 converge, as does a firm_volatility of 0"
    )


def project_values(params: Params) -> Array:
    """Return A_0..A_3 of A(eps, u) = A_0 + A_1 (eps-1) + A_2 (u-1) + A_3 (eps-1)(u-1).

    The monomials decay at k = 0, theta_eps, theta_u, theta_eps + theta_u. Discrete pricing
    solves V = E[m (c + survive V')]: A_k = (dt / R_f) / (1 - pi phi_x exp(-k dt)); continuous
    pricing is the published A_k = 1 / (r + gamma_x sigma_x + delta - mu_x + k).
    """
    firm, project = params.firm_reversion, params.project_reversion
    rate = params.project_discount + np.array([0.0, firm, project, firm + project])
    if params.pricing == "continuous":
        return np.asarray(1 / (rate + params.death_rate))
    flow = MONTH / params.gross_riskfree
    return np.asarray(flow / (1 - params.survival * np.exp(-rate * MONTH)))


def _expansions(params: Params, assets: Array, terms: int) -> tuple[Array, Array]:
    """Return the coefficients of f, g1, g2 and of their products, with ``terms`` terms."""
    process = params.firm_process
    e, weight = process.gauss_rule(2 * terms + 8)
    basis = np.stack(list(process.polynomials(e, terms)))
    npv = (assets[0] + assets[1] * e) ** (1 / (1 - params.returns_to_scale))
    values = np.empty((3, terms))
    values[0] = (npv * weight) @ basis.T
    values[1:] = _option_coefficients(params, values[0])
    # Without the constant terms: covariances then survive a small volatility of eps.
    f_e, g1_e, g2_e = values[:, 1:] @ basis[1:]
    centred = {"e": e, "f": f_e, "g1": g1_e, "g2": g2_e}
    products = np.stack([(centred[i] * centred[j] * weight) @ basis.T for i, j in PAIRS])
    return values, products


def _option_coefficients(params: Params, f: Array) -> tuple[Array, Array]:
    """Return the coefficients of g1 and g2 from those of f.

    Discrete: G_s = phi_z E[lambda_s dt C f(eps') + G_{s'}(eps')], phi_z = exp(-rho dt), where
    p_n has eigenvalue q^n and lambda_s - 1 has eigenvalue psi. Continuous: the same flow
    discounted at rho + n theta_eps, plus mu_H + mu_L for g2.
    """
    flow = params.npv_scale * f
    rate = params.option_discount + np.arange(len(f)) * params.firm_reversion
    if params.pricing == "continuous":
        switching = params.high_entry_rate + params.low_entry_rate
        return flow / rate, flow / (rate + switching)
    discount = np.exp(-rate * MONTH)
    received = MONTH * flow * discount
    return received / -np.expm1(-rate * MONTH), received / (
        1 - params.regime_persistence * discount
    )


def _tail(coefficients: Array) -> float:
    """Return the largest of the last three coefficients relative to the largest, over rows.

    A row of zeros, as the covariances with a constant, ends where it begins.
    """
    size = np.abs(coefficients)
    largest = size.max(axis=1)
    return float((size[:, -3:].max(axis=1) / np.where(largest > 0, largest, 1.0)).max())
