"""Uniform grids with cubic splines, and expectations over Gaussian innovations.

There is one interpolant everywhere: the not-a-knot cubic spline through the nodal values, written
in uniform B-splines. It is linear in the nodal values, every point needs four coefficients along
each axis, and look-ups beyond the grid take the value at its edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from truepremia.economies.gs21.parameters import Params
from truepremia.economies.quadrature import normal_nodes
from truepremia.typing import Array

Stencil = tuple[Array, Array]
"""The first coefficient of each of P points, shape (P,), and its four weights, (P, 4)."""


@dataclass(frozen=True)
class Axis:
    """A uniform grid on an interval, with its cubic spline.

    Parameters
    ----------
    lower, upper : float
    count : int
        Number n of nodes.
    """

    lower: float
    upper: float
    count: int

    @cached_property
    def nodes(self) -> Array:
        """Nodes, shape (n,)."""
        return np.linspace(self.lower, self.upper, self.count)

    @property
    def step(self) -> float:
        """Distance of neighbouring nodes."""
        return (self.upper - self.lower) / (self.count - 1)

    @cached_property
    def coefficients(self) -> Array:
        """Matrix from nodal values to B-spline coefficients, shape (n + 2, n).

        Interpolation at the nodes, and no jump of the third derivative at the second and the
        last but one.
        """
        n = self.count
        system = np.zeros((n + 2, n + 2))
        for i in range(n):
            system[i, i : i + 3] = np.array([1, 4, 1]) / 6
        system[n, :5] = system[n + 1, -5:] = (1, -4, 6, -4, 1)
        return np.linalg.solve(system, np.eye(n + 2, n))

    def stencil(self, points: Array) -> Stencil:
        """Return the stencil at ``points``, shape (P,)."""
        cell, t = self._locate(points)
        s = 1 - t
        t_cubed, s_cubed = t**3, s**3
        weights = np.empty((len(cell), 4))
        weights[:, 0] = s_cubed
        weights[:, 1] = 3 * t_cubed - 6 * t**2 + 4
        weights[:, 2] = 3 * s_cubed - 6 * s**2 + 4
        weights[:, 3] = t_cubed
        weights /= 6
        return cell, weights

    def slope_stencil(self, points: Array) -> Stencil:
        """Return what :meth:`stencil` returns, for the derivative of the spline."""
        cell, t = self._locate(points)
        s = 1 - t
        weights = (-(s**2), 3 * t**2 - 4 * t, 4 * s - 3 * s**2, t**2)
        return cell, np.stack(weights, axis=-1) / (2 * self.step)

    def bend_stencil(self, points: Array) -> Stencil:
        """Return what :meth:`stencil` returns, for the second derivative of the spline."""
        cell, t = self._locate(points)
        return cell, np.stack((1 - t, 3 * t - 2, 1 - 3 * t, t), axis=-1) / self.step**2

    def weights(self, points: Array) -> Array:
        """Return the weights on the B-spline coefficients at ``points``, shape (P, n + 2)."""
        return self._spread(*self.stencil(points))

    def slope_weights(self, points: Array) -> Array:
        """Return the weights on the coefficients for the derivative, shape (P, n + 2)."""
        return self._spread(*self.slope_stencil(points))

    def rows(self, points: Array) -> Array:
        """Return the weights on the nodal values of the spline at ``points``, shape (P, n)."""
        return np.asarray(self.weights(points) @ self.coefficients)

    def expectation(self, persistence: float, volatility: float, count: int, shift: float) -> Array:
        """Return the matrix of f -> E[f(rho y + sigma (u - shift))] at the nodes y, shape (n, n).

        Parameters
        ----------
        persistence, volatility : float
            rho and sigma of the autoregression.
        count : int
            Gauss-Hermite nodes for u ~ N(0, 1).
        shift : float
            Change of measure.
        """
        node, weight = normal_nodes(count)
        matrix = np.zeros((self.count, self.count))
        for u, w in zip(node, weight, strict=True):
            matrix += w * self.rows(persistence * self.nodes + volatility * (u - shift))
        return matrix

    def _locate(self, points: Array) -> tuple[Array, Array]:
        position = np.maximum(points, self.lower)
        np.minimum(position, self.upper, out=position)
        position -= self.lower
        position /= self.step
        cell = np.minimum(position.astype(np.int32), self.count - 2)
        return cell, position - cell

    def _spread(self, cell: Array, weights: Array) -> Array:
        full = np.zeros((len(cell), self.count + 2))
        full[np.arange(len(cell))[:, None], cell[:, None] + np.arange(4)] = weights
        return full


@dataclass(frozen=True)
class Grid:
    """The grids of (z, x, b)."""

    z: Axis
    x: Axis
    b: Axis

    @classmethod
    def of(cls, params: Params, nodes: Sequence[int] | None = None) -> "Grid":
        """Return the grid of a calibration, or one of its extent with other numbers of nodes."""
        nz, nx, nb = nodes or (params.z_nodes, params.x_nodes, params.b_nodes)
        z, x = params.z_reach * params.sd_z, params.x_reach * params.sd_x
        return cls(
            Axis(-z, z, nz),
            Axis(params.priced_mean_x - x, x, nx),
            Axis(0.0, params.highest_coupon, nb),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of nodes."""
        return self.z.count, self.x.count, self.b.count

    def prolong(self, values: Array, finer: "Grid") -> Array:
        """Return the spline through ``values``, (..., nz, nx, nb), at the nodes of ``finer``."""
        pairs = ((self.z, finer.z), (self.x, finer.x), (self.b, finer.b))
        for axis, (mine, its) in enumerate(pairs, start=-3):
            values = along(mine.rows(its.nodes), values, axis)
        return values

    def look_up(self, z: Stencil, b: Array) -> csr_array:
        """Return the matrix that evaluates (z, b) coefficient tables at N firms.

        Parameters
        ----------
        z : stencil
            That of the firms' z, which is used for several b.
        b : array, shape (N,)

        Returns
        -------
        sparse array, shape (N, (nz + 2) * (nb + 2)), 16 entries a row
        """
        width = self.b.count + 2
        z_cell, z_weight = z
        b_cell, b_weight = self.b.stencil(b)
        corner = (np.arange(4, dtype=np.int32)[:, None] * width + np.arange(4)).ravel()
        columns = (z_cell * width + b_cell)[:, None] + corner.astype(np.int32)
        weights = z_weight[:, :, None] * b_weight[:, None, :]
        starts = np.arange(0, columns.size + 1, 16, dtype=np.int32)
        shape = (len(b), (self.z.count + 2) * width)
        return csr_array((weights.ravel(), columns.ravel(), starts), shape=shape)


def along(matrix: Array, values: Array, axis: int) -> Array:
    """Apply ``matrix`` along one axis of ``values``."""
    return np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)


def pick(coefficients: Array, cell: Array, weights: Array) -> Array:
    """Evaluate one spline per row at one point each.

    Parameters
    ----------
    coefficients : array, shape (P, n + 2)
    cell, weights : arrays, shape (P,) and (P, 4)
        A stencil of :class:`Axis`.

    Returns
    -------
    array, shape (P,)
    """
    columns = cell[:, None] + np.arange(4)
    found = np.take_along_axis(coefficients, columns, axis=1)
    return np.asarray(np.einsum("pk,pk->p", found, weights))
