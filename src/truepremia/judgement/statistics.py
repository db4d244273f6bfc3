"""Portfolios of factors, judged by the exact conditional moments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from truepremia.methods.contract import FactorMethod, FactorReturns, form
from truepremia.moments import Moments
from truepremia.panel import CrossSection
from truepremia.typing import Array

SINGULAR = 1e-14
"""Eigenvalues of X'X below this share of the largest count as zero when alpha is zero."""

STATISTICS = ("month", "method", "alpha", "stdev", "mean", "xret", "hjd")
"""Columns of the portfolio statistics, in the order of the contract."""


def window_portfolio(returns: Array, alphas: Sequence[float], window: int) -> Array:
    """Return the portfolios of factors fitted to a constant of one over a window.

    pi = argmin |1 - X b|^2 + window * alpha * |b|^2; at alpha = 0 the solution of least norm.
    Rows with a missing return are left out; the penalty stays that of the full window.

    Parameters
    ----------
    returns : array, shape (window, K)
        Factor returns X of the window, neither demeaned nor scaled.
    alphas : sequence of float, length A
        Ridge penalties.
    window : int
        Length of the window in months.

    Returns
    -------
    array, shape (K, A)
    """
    X = returns[np.isfinite(returns).all(axis=1)]
    if not len(X):
        return np.zeros((returns.shape[1], len(alphas)))
    left, singular, right = np.linalg.svd(X, full_matrices=False)
    projected = singular * left.sum(axis=0)
    square = singular**2
    penalty = window * np.asarray(alphas)
    kept = (square[:, None] > SINGULAR * square[0]) | (penalty > 0)
    denominator = square[:, None] + penalty
    solved = np.divide(
        projected[:, None],
        denominator,
        out=np.zeros_like(denominator),
        where=kept & (denominator > 0),
    )
    return np.asarray(right.T @ solved)


@dataclass(frozen=True, eq=False)
class PortfolioStatistics:
    """Monthly statistics of the portfolios of one method, one row per month and alpha.

    Parameters
    ----------
    method : str
    month : array of int, shape (M,)
    alpha : array, shape (M,)
    stdev, mean : array, shape (M,)
        Exact conditional standard deviation and mean of the excess return, per month.
    xret : array, shape (M,)
        Realised excess return from the month to the next.
    hjd : array, shape (M,)
        Conditional Hansen-Jagannathan distance of the discount factor 1 - w'r; the test
        assets are all firms.
    """

    method: str
    month: Array
    alpha: Array
    stdev: Array
    mean: Array
    xret: Array
    hjd: Array


@dataclass(frozen=True, eq=False)
class Judged:
    """A factor method with its past returns and the penalties to judge it at."""

    method: FactorMethod
    returns: FactorReturns
    alphas: tuple[float, ...]


def portfolio_statistics(
    judged: Sequence[Judged],
    cross_sections: Iterable[CrossSection],
    moments: Iterable[Moments],
    window: int,
) -> list[PortfolioStatistics]:
    """Return the statistics of every method, for the months that have moments.

    Month t's portfolio is fitted to the returns of rows t-window .. t-1, the last of which is
    paid at t, and held from t to t + 1.

    Parameters
    ----------
    judged : sequence of Judged
    cross_sections : iterable of CrossSection
        Consecutive months, among them all months of ``moments``.
    moments : iterable of Moments
        In calendar order, for months with a full window before them.
    window : int
        Length of the window in months.

    Returns
    -------
    list of PortfolioStatistics
        One for each method; months ascending, alphas in the given order inside.
    """
    columns: list[list[tuple[Array, ...]]] = [[] for _ in judged]
    months = []
    upcoming = iter(cross_sections)
    for known in moments:
        cross_section = next(c for c in upcoming if c.month == known.month)
        months.append(known.month)
        for column, item in zip(columns, judged, strict=True):
            column.append(_statistics(item, cross_section, known, window))
    return [_assemble(item, months, column) for item, column in zip(judged, columns, strict=True)]


def _statistics(
    item: Judged, cross_section: CrossSection, moments: Moments, window: int
) -> tuple[Array, ...]:
    """Return stdev, mean, xret and hjd of one month, each shape (A,)."""
    t = int(np.searchsorted(item.returns.month, moments.month))
    fitted = window_portfolio(item.returns.returns[t - window : t], item.alphas, window)
    formation = form(item.method, cross_section)
    w = formation.weights @ fitted
    realised = formation.returns @ fitted if len(cross_section.investable) else 0 * fitted.sum(0)
    return (
        np.sqrt(moments.variance(w)),
        moments.mean @ w,
        realised,
        moments.hj_distance(w),
    )


def _assemble(
    item: Judged, months: list[int], rows: list[tuple[Array, ...]]
) -> PortfolioStatistics:
    count = len(item.alphas)
    stdev, mean, xret, hjd = (
        np.concatenate(column) if months else np.empty(0)
        for column in (zip(*rows, strict=True) if rows else [()] * 4)
    )
    return PortfolioStatistics(
        method=item.method.name,
        month=np.repeat(np.array(months, dtype=np.int64), count),
        alpha=np.tile(np.array(item.alphas, dtype=float), len(months)),
        stdev=stdev,
        mean=mean,
        xret=xret,
        hjd=hjd,
    )
