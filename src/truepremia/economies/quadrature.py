"""Orthonormal Hermite polynomials, Gauss-Legendre panels and Chebyshev series."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev, hermite_e, legendre

from truepremia.errors import NumericalError
from truepremia.typing import Array

_FEW = 512
"""Points up to which a series is summed in arrays that are used over and over."""

NORMAL_REACH = 8.5
"""Standard deviations to either side within which a normal variable lies up to 2e-17."""


def hermite(x: Array, order: int) -> Array:
    """Evaluate the Hermite polynomials that are orthonormal under the standard normal law.

    psi_0 = 1, psi_1 = x, psi_{n+1} = (x psi_n - sqrt(n) psi_{n-1}) / sqrt(n+1).

    Parameters
    ----------
    x : array of any shape
    order : int
        Highest degree.

    Returns
    -------
    array, shape (order + 1, *x.shape)
    """
    psi = np.empty((order + 1, *np.shape(x)))
    psi[0] = 1.0
    if order:
        psi[1] = x
    for n in range(1, order):
        psi[n + 1] = (x * psi[n] - np.sqrt(n) * psi[n - 1]) / np.sqrt(n + 1)
    return psi


def legendre_panels(edges: Array, nodes_per_panel: int) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss-Legendre quadrature on consecutive panels.

    Parameters
    ----------
    edges : array, shape (..., panels + 1)
        Increasing panel edges; a panel of zero length contributes nothing.
    nodes_per_panel : int

    Returns
    -------
    nodes, weights : arrays, shape (..., panels * nodes_per_panel)
    """
    node, weight = _gauss_legendre(nodes_per_panel)
    edges = np.asarray(edges)
    centre = 0.5 * (edges[..., 1:] + edges[..., :-1])
    half = 0.5 * (edges[..., 1:] - edges[..., :-1])
    shape = (*edges.shape[:-1], -1)
    nodes = centre[..., None] + half[..., None] * node
    weights = half[..., None] * weight
    return nodes.reshape(shape), weights.reshape(shape)


@cache
def _gauss_legendre(nodes: int) -> tuple[Array, Array]:
    return legendre.leggauss(nodes)


@cache
def normal_nodes(count: int) -> tuple[Array, Array]:
    """Return Gauss-Hermite nodes and weights for a standard normal variable."""
    node, weight = hermite_e.hermegauss(count)
    return node, weight / weight.sum()


def normal_panels(kink: Array, nodes_per_panel: int = 64) -> tuple[Array, Array]:
    """Return quadrature for E[f(Z)], Z standard normal, where f is smooth except at ``kink``.

    Parameters
    ----------
    kink : array, shape (...)
        Point where f is not smooth; it may lie anywhere.
    nodes_per_panel : int
        Gauss-Legendre nodes on either side of the kink.

    Returns
    -------
    nodes, weights : arrays, shape (..., 2 * nodes_per_panel)
        The weights hold the normal density and sum to one up to rounding.
    """
    inside = np.clip(kink, -NORMAL_REACH, NORMAL_REACH)
    ends = np.full_like(inside, NORMAL_REACH)
    nodes, weights = legendre_panels(np.stack([-ends, inside, ends], axis=-1), nodes_per_panel)
    return nodes, weights * np.exp(-0.5 * nodes**2) / np.sqrt(2 * np.pi)


@dataclass(frozen=True, eq=False)
class ChebyshevSeries:
    """A function on an interval as a Chebyshev series; evaluation outside raises.

    Parameters
    ----------
    coefficients : array, shape (degree + 1,)
    lower, upper : float
        Ends of the interval.
    name : str
        What the function is, for error messages.
    """

    coefficients: Array
    lower: float
    upper: float
    name: str

    @classmethod
    def fit(
        cls,
        function: Callable[[Array], Array],
        lower: float,
        upper: float,
        name: str,
        tolerance: float = 2e-15,
        max_degree: int = 2048,
    ) -> "ChebyshevSeries":
        """Interpolate ``function`` with the smallest degree whose coefficients have died out.

        Parameters
        ----------
        function : callable
            Takes and returns an array; smooth on the interval.
        lower, upper : float
            Ends of the interval.
        name : str
            What the function is.
        tolerance : float
            Coefficients at the end of the series, relative to the largest one.
        max_degree : int
            Where to give up.

        Raises
        ------
        NumericalError
            If ``max_degree`` is not enough.
        """
        degree = 32
        while degree <= max_degree:
            node = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
            values = function(0.5 * (upper + lower) + 0.5 * (upper - lower) * node)
            coefficients = chebyshev_coefficients(values)
            floor = tolerance * np.abs(coefficients).max()
            alive = np.flatnonzero(np.abs(coefficients) > floor)
            if alive[-1] < 0.9 * degree:
                return cls(coefficients[: alive[-1] + 1], lower, upper, name)
            degree *= 2
        raise NumericalError(
            f"{name} is not resolved by a Chebyshev series of degree {max_degree} on "
            f"[{lower:.6g}, {upper:.6g}]; the calibration is too extreme for this method"
        )

    def __call__(self, x: Array | float) -> Array:
        """Evaluate the series at ``x`` (any shape)."""
        return chebyshev_sum(self._unit(x), self.coefficients)

    def derivative(self, x: Array | float) -> Array:
        """Evaluate the first derivative at ``x`` (any shape)."""
        slope = chebyshev.chebder(self.coefficients)
        return chebyshev_sum(self._unit(x), slope) * 2 / (self.upper - self.lower)

    def _unit(self, x: Array | float) -> Array:
        x = np.asarray(x, dtype=float)
        if x.size and not (x.min() >= self.lower and x.max() <= self.upper):
            outside = x[~((x >= self.lower) & (x <= self.upper))].ravel()[0]
            raise NumericalError(
                f"{self.name} was asked for at {outside:.6g}, outside its interval "
                f"[{self.lower:.6g}, {self.upper:.6g}]; it is never extrapolated"
            )
        return (2 * x - (self.upper + self.lower)) / (self.upper - self.lower)


def chebyshev_sum(x: Array, coefficients: Array) -> Array:
    """Return sum_n coefficients[n] T_n(x) by Clenshaw's recurrence.

    The operations of ``numpy.polynomial.chebyshev.chebval`` in their order, so that the bits are
    its bits, in half of its time at the points of a quadrature and a tenth at a single one: there
    the calls and not the numbers take the time. Many points are left to it.

    Parameters
    ----------
    x : array of any shape
    coefficients : array, shape (degree + 1,)

    Returns
    -------
    array, shape of ``x``
    """
    if len(coefficients) < 3 or not 0 < x.size <= _FEW:
        return np.asarray(chebyshev.chebval(x, coefficients))
    if x.size == 1:
        return np.full_like(x, _clenshaw_at(x.item(), coefficients.tolist()))
    return _clenshaw(x.ravel(), coefficients).reshape(x.shape)


def _clenshaw(x: Array, coefficients: Array) -> Array:
    # Rows of equal numbers: an operation on two arrays takes half of that on a number and one.
    rows = list(np.repeat(coefficients[:, None], len(x), axis=1))
    twice, spare = 2 * x, np.empty_like(x)
    current, previous = rows.pop(), rows.pop()
    while rows:
        np.multiply(current, twice, spare)
        np.add(previous, spare, spare)
        np.subtract(rows.pop(), current, previous)
        current, spare = spare, current
    np.multiply(current, x, spare)
    return np.asarray(np.add(previous, spare, spare))


def _clenshaw_at(x: float, series: list[float]) -> float:
    twice, previous, current = 2 * x, series[-2], series[-1]
    for c in series[-3::-1]:
        previous, current = c - current, previous + current * twice
    return previous + current * x


def chebyshev_coefficients(values: Array) -> Array:
    """Return the Chebyshev coefficients of the interpolant through Chebyshev-Gauss nodes.

    Parameters
    ----------
    values : array, shape (n, ...)
        Values at cos(pi (j + 1/2) / n), j = 0..n-1.

    Returns
    -------
    array, shape (n, ...)
    """
    n = len(values)
    coefficients = 2 / n * (_cosines(n) @ values)
    coefficients[0] /= 2
    return np.asarray(coefficients)


@cache
def _cosines(n: int) -> Array:
    """Return cos(pi k (2j+1) / 2n), reduced in integers: cos of a large float loses digits."""
    quarter = np.multiply.outer(np.arange(n), 2 * np.arange(n) + 1) % (4 * n)
    return np.asarray(np.cos(quarter * (np.pi / (2 * n))))
