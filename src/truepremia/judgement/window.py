"""Portfolios of factors, fitted to the returns of a window of past months.

The discount factor is 1 - w'r with w the factors' weights times b, and b regresses a constant of
one on the factors' returns: ridge regressions at given penalties, or one combination of them whose
penalty is chosen on the window alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truepremia.methods.linear import (
    SHRINKAGE,
    SINGULAR,
    left_out_returns,
    left_out_shares,
)
from truepremia.typing import Array


def window_portfolio(returns: Array, alphas: Sequence[float], window: int) -> Array:
    """Return the portfolios of factors fitted to a constant of one over a window.

    b = argmin |1 - X b|^2 + window * alpha * |b|^2; at alpha = 0 the solution of least norm.
    Rows with a missing return are left out; the penalty stays that of the full window.

    Parameters
    ----------
    returns : array, shape (rows, K)
        Factor returns X of the window, neither demeaned nor scaled.
    alphas : sequence of float, length A
        Ridge penalties.
    window : int
        Length of the window in months.

    Returns
    -------
    array, shape (K, A)
    """
    return Window.of(returns, window).ridge(alphas)


@dataclass(frozen=True, eq=False)
class Window:
    """The singular value decomposition X = U S V' of the complete months of a window.

    Parameters
    ----------
    left : array, shape (rows, J)
        U.
    singular : array, shape (J,)
        S, descending.
    right : array, shape (J, K)
        V'.
    months : int
        Length W of the window, of which some months may be missing.
    """

    left: Array
    singular: Array
    right: Array
    months: int

    @classmethod
    def of(cls, returns: Array, months: int) -> "Window":
        """Decompose the complete rows of ``returns``, shape (rows, K)."""
        X = returns[np.isfinite(returns).all(axis=1)]
        if not len(X):
            return cls(np.zeros((0, 0)), np.zeros(0), np.zeros((0, X.shape[1])), months)
        left, singular, right = np.linalg.svd(X, full_matrices=False)
        return cls(left, singular, right, months)

    def ridge(self, alphas: Sequence[float] | Array) -> Array:
        """Return b at every penalty, shape (K, A); zero without any complete month."""
        if not len(self.left):
            return np.zeros((self.right.shape[1], len(alphas)))
        projected = self.singular * self.left.sum(axis=0)
        square = self.singular**2
        penalty = self.months * np.asarray(alphas)
        kept = (square[:, None] > SINGULAR * square[0]) | (penalty > 0)
        denominator = square[:, None] + penalty
        solved = np.divide(
            projected[:, None],
            denominator,
            out=np.zeros_like(denominator),
            where=kept & (denominator > 0),
        )
        return np.asarray(self.right.T @ solved)

    def leave_one_out(self) -> Array:
        """Return the combination of ridge portfolios that is best on the months left out.

        b = sum_i q_i b_i over the penalties a_i of :data:`SHRINKAGE`: see
        :func:`~truepremia.methods.linear.left_out_shares`, with
        H_i = X (X'X + W a_i I)^{-1} X'.

        Returns
        -------
        array, shape (K,)
        """
        penalties = self._shrinkage()
        return np.asarray(self.ridge(penalties) @ left_out_shares(self._left_out(penalties)))

    def _shrinkage(self) -> Array:
        """Return a_i = c_i tr(X'X) / (rows P), ascending."""
        scale = np.sum(self.singular**2) / max(len(self.left) * self.right.shape[1], 1)
        return np.asarray(SHRINKAGE * scale)

    def _left_out(self, penalties: Array) -> Array:
        """Return R, shape (rows, I)."""
        square = self.singular**2
        denominator = square[:, None] + self.months * penalties
        share = np.divide(
            square[:, None], denominator, out=np.zeros_like(denominator), where=denominator > 0
        )
        fitted = self.left @ (share * self.left.sum(axis=0)[:, None])
        own = self.left**2 @ share
        return left_out_returns(fitted, own)
