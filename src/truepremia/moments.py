"""Conditional moments of one month's returns, and the portfolio algebra on them.

Given next month's aggregate shocks firms are independent, so the conditional covariance of
returns is exactly ``Sigma = F F' + diag(d)``. Everything below works on (mean, F, d) by the
Woodbury identity in O(N K^2); no N x N matrix is formed except on request.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from truepremia.errors import DataError
from truepremia.typing import Array

RESIDUAL_FLOOR = 1e-12
"""Smallest share of a firm's variance that its residual variance may be."""

COMPRESSION_TOLERANCE = 2e-13
"""What dropping columns of F may change, relative to the variances and to the squared
maximal Sharpe ratio."""


BLOCK = 1024
"""Firms in a block of rows that is decomposed at a time."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Conditional mean and covariance of the returns from ``month`` to ``month + 1``.

    Parameters
    ----------
    mean : array, shape (N,)
        Conditional mean of simple returns in excess of the riskless return, per month.
    exposure : array, shape (N, K)
        F, exposure to common shocks of unit variance.
    residual : array, shape (N,)
        d, variance that is independent across firms.
    riskfree : float
        Simple net riskless return from ``month`` to ``month + 1``.
    firm : array of int, shape (N,)
        Firm identifiers.
    month : int
        The month at whose end the moments are known.

    Raises
    ------
    DataError
        If shapes disagree, a number is not finite, or a residual variance is at most 1e-12
        of its firm's variance (the covariance would be singular to working precision).
    """

    mean: Array
    exposure: Array
    residual: Array
    riskfree: float
    firm: Array
    month: int

    def __post_init__(self) -> None:
        n = len(self.firm)
        if (
            self.mean.shape != (n,)
            or self.residual.shape != (n,)
            or (self.exposure.ndim != 2 or len(self.exposure) != n)
        ):
            raise DataError(
                f"moments of month {self.month}: mean {self.mean.shape}, exposure "
                f"{self.exposure.shape} and residual {self.residual.shape} must all have "
                f"{n} rows, one for each firm"
            )
        variance = np.einsum("nk,nk->n", self.exposure, self.exposure) + self.residual
        sound = np.isfinite(variance) & np.isfinite(self.mean)
        self._refuse(~sound, "is not finite", variance)
        self._refuse(
            self.residual <= RESIDUAL_FLOOR * variance,
            f"is not above {RESIDUAL_FLOOR:g} of the variance, the covariance is singular",
            variance,
        )
        if not np.isfinite(self.riskfree):
            raise DataError(f"moments of month {self.month}: riskfree is {self.riskfree}")

    def _refuse(self, bad: Array, rule: str, variance: Array) -> None:
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise DataError(
                f"moments of firm {self.firm[i]} in month {self.month}: residual variance "
                f"{self.residual[i]:g} (variance {variance[i]:g}, mean {self.mean[i]:g}) {rule}; "
                f"{int(bad.sum())} firm(s) affected; correct the economy, nothing is repaired here"
            )

    def _rows(self, given: Array) -> Array:
        """Return an array with a row for each firm; refuse what would be spread over them."""
        given = np.asarray(given, dtype=float)
        shape, n = given.shape, len(self.firm)
        if len(shape) not in (1, 2) or shape[0] != n:
            raise DataError(
                f"weights or vector of shape {shape}: must be ({n},) or ({n}, P), the firms of "
                f"month {self.month} in rows"
            )
        return given

    def __repr__(self) -> str:
        n, k = self.exposure.shape
        return f"<Moments: month {self.month}, {n} firms, {k} common shocks>"

    def variance(self, weights: Array) -> Array:
        """Return w' Sigma w.

        Parameters
        ----------
        weights : array, shape (N,) or (N, P)
            Portfolio weights on the firms, one column per portfolio.

        Returns
        -------
        float or array, shape () or (P,)
        """
        weights = self._rows(weights)
        common = self.exposure.T @ weights
        return np.asarray(np.sum(common**2, axis=0) + self.residual @ weights**2)

    def solve(self, vector: Array) -> Array:
        """Return Sigma^{-1} v for a vector (N,) or a matrix (N, P), by Woodbury.

        The identity subtracts numbers far larger than the result where F is large beside d; one
        step of iterative refinement restores the digits lost.
        """
        vector = self._rows(vector)
        first = self._woodbury(vector)
        remainder = vector - self.exposure @ (self.exposure.T @ first)
        remainder -= (first.T * self.residual).T
        return np.asarray(first + self._woodbury(remainder))

    def solve_second_moment(self, vector: Array) -> Array:
        """Return (Sigma + mu mu')^{-1} v for a vector (N,) or a matrix (N, P)."""
        direct = self.solve(vector)
        shrink = self.mean @ direct / (1 + self._squared_sharpe)
        return np.asarray(direct - np.multiply.outer(self._tangency, shrink))

    def max_sharpe(self) -> float:
        """Return the maximal conditional Sharpe ratio sqrt(mu' Sigma^{-1} mu), per month."""
        return float(np.sqrt(self._squared_sharpe))

    def sdf_portfolio(self) -> Array:
        """Return w* = (Sigma + mu mu')^{-1} mu = Sigma^{-1} mu / (1 + SR^2), shape (N,).

        Its excess return is the projection of the constant one on excess returns: for a
        portfolio w, E[(w*'r - w'r)^2] is the squared Hansen-Jagannathan distance.
        """
        return self._tangency / (1 + self._squared_sharpe)

    def hj_distance(self, weights: Array) -> Array:
        """Return the Hansen-Jagannathan distance of the discount factor 1 - w'r.

        sqrt((w - w*)' (Sigma + mu mu') (w - w*)): non-negative by construction and accurate
        near the optimum, where the scalar form loses 12 digits.

        Parameters
        ----------
        weights : array, shape (N,) or (N, P)

        Returns
        -------
        float or array, shape () or (P,)
        """
        weights = self._rows(weights)
        gap = (weights.T - self.sdf_portfolio()).T
        return np.asarray(np.sqrt(self.variance(gap) + (self.mean @ gap) ** 2))

    def covariance(self) -> Array:
        """Return the dense N x N covariance; for small N and for tests."""
        return np.asarray(self.exposure @ self.exposure.T + np.diag(self.residual))

    def compressed(self) -> "Moments":
        """Return the same moments without the columns of F that carry nothing.

        F is rotated to its right singular vectors in the metric of d, and trailing ones are
        dropped while the sum of their squared singular values s_k^2 stays below 2e-13: no
        covariance changes by more, relative to the two variances. Neither does the squared
        maximal Sharpe ratio: column k adds (u_k'm)^2 s_k^2 / (1 + s_k^2) to it, m the mean over
        sqrt(d), and (u_k'm)^2 / (1 + s_k^2) is at most the ratio itself.
        """
        _, singular, rotation = np.linalg.svd(self._triangle(), full_matrices=False)
        lost = np.cumsum(singular[::-1] ** 2)[::-1]
        return replace(self, exposure=self.exposure @ rotation[lost > COMPRESSION_TOLERANCE].T)

    def _triangle(self) -> Array:
        """Return R of the QR decomposition of F over sqrt(d), at most K x K.

        By blocks of rows that stay in a processor's cache, and then of their triangles: rotating
        a block leaves F'F and with it R as they are.
        """
        scale = np.sqrt(self.residual)
        triangles = [
            np.linalg.qr(self.exposure[rows] / scale[rows, None], mode="r")
            for rows in (slice(i, i + BLOCK) for i in range(0, max(len(scale), 1), BLOCK))
        ]
        if len(triangles) == 1:
            return np.asarray(triangles[0])
        return np.asarray(np.linalg.qr(np.concatenate(triangles), mode="r"))

    def _woodbury(self, vector: Array) -> Array:
        scaled = (vector.T / self.residual).T
        inner = np.linalg.solve(self._capacitance, self.exposure.T @ scaled)
        return np.asarray(scaled - self._scaled_exposure @ inner)

    @cached_property
    def _scaled_exposure(self) -> Array:
        return np.asarray(self.exposure / self.residual[:, None])

    @cached_property
    def _capacitance(self) -> Array:
        gram = self.exposure.T @ self._scaled_exposure
        return np.asarray(np.eye(len(gram)) + gram)

    @cached_property
    def _tangency(self) -> Array:
        return self.solve(self.mean)

    @cached_property
    def _squared_sharpe(self) -> float:
        return float(self.mean @ self._tangency)
