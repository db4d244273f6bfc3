"""Stochastic processes that economies share, with exact transitions over one period."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from truepremia.typing import Array


@dataclass(frozen=True)
class SquareRootProcess:
    """The square-root process of mean one, dv = -theta (v-1) dt + sigma sqrt(v) dB.

    Over one period v' / c is noncentral chi-squared with ``degrees`` degrees of freedom and
    noncentrality q v / c, where q = exp(-theta dt) and c = sigma^2 (1-q) / (4 theta); its
    stationary law is Gamma with shape nu = 2 theta / sigma^2 and mean one (Cox, Ingersoll and
    Ross 1985). The polynomials p_n that are orthonormal under the stationary law are
    eigenfunctions of the conditional expectation: E[p_n(v') | v] = q^n p_n(v).

    Functions take the deviation v - 1, whose digits matter when sigma is small. A process without
    volatility is the constant one: its law has one point, on which p_0 = 1 is the only polynomial.

    Parameters
    ----------
    speed : float
        theta, rate of mean reversion per year, positive.
    volatility : float
        sigma, per square root of a year, not negative.
    period : float
        dt, length of one period in years.
    """

    speed: float
    volatility: float
    period: float

    @property
    def is_constant(self) -> bool:
        """Whether v stays at one."""
        return self.volatility == 0

    @cached_property
    def persistence(self) -> float:
        """Autocorrelation q over one period."""
        return float(np.exp(-self.speed * self.period))

    @property
    def shape(self) -> float:
        """Shape nu of the stationary Gamma law; its variance is 1/nu. Infinite for a constant."""
        return math.inf if self.is_constant else 2 * self.speed / self.volatility**2

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the transition; the process reaches zero if they are below 2."""
        return 2 * self.shape

    @property
    def scale(self) -> float:
        """Scale c of the transition."""
        return float(-np.expm1(-self.speed * self.period) / (2 * self.shape))

    @property
    def variance_slope(self) -> float:
        """Derivative of Var(v' | v) with respect to v; the variance is affine in v."""
        return 4 * self.scale * self.persistence

    @property
    def variance_at_zero(self) -> float:
        """Var(v' | v = 0)."""
        return 0.0 if self.is_constant else 2 * self.scale**2 * self.degrees

    def variance(self, deviation: Array) -> Array:
        """Return Var(v' | v) at v - 1 = ``deviation``, any shape."""
        return self.variance_at_zero + self.variance_slope * (1 + deviation)

    def stationary(self, generator: np.random.Generator, count: int) -> Array:
        """Draw ``count`` values from the stationary law."""
        if self.is_constant:
            return np.ones(count)
        return generator.standard_gamma(self.shape, count) / self.shape

    def step(self, generator: np.random.Generator, value: Array) -> Array:
        """Draw v' given v = ``value``, exactly, shape (N,).

        The generator mixes chi-squared laws over a Poisson index when ``degrees`` is at most
        one, and otherwise adds a squared normal to a central chi-squared variable.
        """
        if self.is_constant:
            return 1 + self.persistence * (value - 1)
        noncentrality = (self.persistence / self.scale) * value
        return self.scale * generator.noncentral_chisquare(self.degrees, noncentrality)

    def polynomials(self, deviation: Array, terms: int) -> Iterator[Array]:
        """Yield p_0, ..., p_{terms-1} at v - 1 = ``deviation``, any shape.

        b_{n+1} p_{n+1} = (s - a_n) p_n - b_n p_{n-1} in s = sqrt(nu) (v-1), with
        a_n = 2n / sqrt(nu) and b_n = sqrt(n (n+nu-1) / nu): the Laguerre recurrence of the
        Gamma law, standardised so that it tends to Hermite's and not to infinity as sigma -> 0.
        """
        if self.is_constant:
            yield np.ones_like(deviation)
            yield from (np.zeros_like(deviation) for _ in range(terms - 1))
            return
        s = np.sqrt(self.shape) * deviation
        centre, coupling = self._recurrence(terms)
        previous, current, part = np.zeros_like(s), np.ones_like(s), np.empty_like(s)
        for n in range(terms):
            yield current
            step = s - centre[n]
            step *= current
            np.multiply(coupling[n], previous, out=part)
            step -= part
            step /= coupling[n + 1]
            previous, current = current, step

    def expand(self, coefficients: Array, deviation: Array) -> Array:
        """Sum the series sum_n coefficients[..., n] p_n at v - 1 = ``deviation``.

        Parameters
        ----------
        coefficients : array, shape (R, M)
            One series per row.
        deviation : array, shape (N,)

        Returns
        -------
        array, shape (R, N)
            Summed term by term in a fixed order: bytes do not depend on a linear-algebra library.
        """
        rows, terms = coefficients.shape
        total, term = np.zeros((2, rows, len(deviation)))
        for n, polynomial in enumerate(self.polynomials(deviation, terms)):
            np.multiply(coefficients[:, n, None], polynomial, out=term)
            total += term
        return total

    def gauss_rule(self, count: int) -> tuple[Array, Array]:
        """Return Gauss quadrature for the stationary law: nodes v - 1 and weights, shape (count,).

        One node for a constant.

        Nodes are eigenvalues of the Jacobi matrix; weights are Christoffel numbers
        1 / sum_n p_n^2, which keep their relative accuracy in the far tail where squared
        eigenvector components lose it all.
        """
        if self.is_constant:
            return np.zeros(1), np.ones(1)
        centre, coupling = self._recurrence(count)
        off = coupling[1:count]
        s = np.linalg.eigvalsh(np.diag(centre[:count]) + np.diag(off, 1) + np.diag(off, -1))
        nodes = s / np.sqrt(self.shape)
        weights = 1 / np.sum([p**2 for p in self.polynomials(nodes, count)], axis=0)
        return nodes, weights / weights.sum()

    def _recurrence(self, terms: int) -> tuple[Array, Array]:
        """Return a_0..a_terms and b_0..b_terms of :meth:`polynomials`."""
        n = np.arange(terms + 1)
        nu = self.shape
        return 2 * n / np.sqrt(nu), np.sqrt(n * (n + nu - 1) / nu)
