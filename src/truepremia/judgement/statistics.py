"""Exact statistics of portfolios, by the conditional moments of their month."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from truepremia.errors import DataError
from truepremia.judgement.window import window_portfolio
from truepremia.methods.contract import FactorMethod, FactorReturns, form
from truepremia.moments import Moments
from truepremia.panel import CrossSection
from truepremia.typing import Array

STATISTICS = ("month", "method", "alpha", "stdev", "mean", "xret", "hjd")
"""Columns of the portfolio statistics, in the order of the contract."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is true of P portfolios in one month, each shape (P,).

    Parameters
    ----------
    stdev, mean : array
        Exact conditional standard deviation and mean of the excess return, per month.
    xret : array
        Realised excess return from the month to the next.
    hjd : array
        Conditional Hansen-Jagannathan distance of the discount factor 1 - w'r; the test assets
        are all firms.
    """

    stdev: Array
    mean: Array
    xret: Array
    hjd: Array

    @classmethod
    def of(cls, moments: Moments, weights: Array, realised: Array) -> "Judgement":
        """Judge portfolios.

        Parameters
        ----------
        moments : Moments
        weights : array, shape (N, P)
            Weights on all firms.
        realised : array, shape (P,)
            What they earn.
        """
        return cls(
            stdev=np.sqrt(moments.variance(weights)),
            mean=moments.mean @ weights,
            xret=realised,
            hjd=moments.hj_distance(weights),
        )


def on_firms(
    cross_section: CrossSection, weights: Array, earned: Array, fitted: Array
) -> tuple[Array, Array]:
    """Take portfolios of factors to the firms.

    Parameters
    ----------
    cross_section : CrossSection
        One month.
    weights : array, shape (n, K)
        The factors' weights on the investable firms.
    earned : array, shape (K,)
        What the factors earn, excess return from the month to the next.
    fitted : array, shape (K, P)
        The portfolios' weights on the factors.

    Returns
    -------
    held : array, shape (N, P)
        The portfolios' weights on all firms.
    realised : array, shape (P,)
        What they earn; zero where no firm is investable.
    """
    held = cross_section.on_all_firms(weights) @ fitted
    realised = earned @ fitted if len(cross_section.investable) else 0 * fitted.sum(0)
    return held, realised


@dataclass(frozen=True, eq=False)
class PortfolioStatistics:
    """Monthly statistics of the portfolios of one method, one row per month and alpha.

    Parameters
    ----------
    method : str
    month : array of int, shape (M,)
    alpha : array, shape (M,)
    stdev, mean, xret, hjd : array, shape (M,)
        See :class:`Judgement`.
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
    """A factor method with its past returns and the penalties to judge it at.

    Parameters
    ----------
    name : str
        Name of the method in tables.
    method : FactorMethod
    returns : FactorReturns
    alphas : tuple of float
    """

    name: str
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

    Raises
    ------
    DataError
        If a month has no full window of consecutive months of returns before it, or no
        cross-section; or if the window or a penalty cannot be one.
    """
    _require_numbers(judged, window)
    columns: list[list[Judgement]] = [[] for _ in judged]
    months = []
    upcoming = iter(cross_sections)
    for known in moments:
        cross_section = next((c for c in upcoming if c.month == known.month), None)
        if cross_section is None:
            raise DataError(
                f"month {known.month} has moments and no cross-section after those before it; give "
                "both for the same months, in calendar order"
            )
        months.append(known.month)
        for column, item in zip(columns, judged, strict=True):
            column.append(_judgement(item, cross_section, known, window))
    return [_assemble(item, months, column) for item, column in zip(judged, columns, strict=True)]


def _require_numbers(judged: Sequence[Judged], window: int) -> None:
    if window < 1:
        raise DataError(f"window is {window}: must be at least 1")
    for item in judged:
        wrong = [alpha for alpha in item.alphas if not 0 <= alpha < np.inf]
        if wrong:
            raise DataError(
                f"{item.name}: a penalty is {wrong[0]}: must be a finite number of at least 0"
            )


def _judgement(
    item: Judged, cross_section: CrossSection, moments: Moments, window: int
) -> Judgement:
    """Judge one month, one portfolio for each penalty."""
    t = int(np.searchsorted(item.returns.month, moments.month))
    past = np.arange(moments.month - window, moments.month)
    if t >= window and not np.array_equal(item.returns.month[t - window : t], past):
        raise DataError(
            f"{item.name}: month {moments.month} needs returns of the months {past[0]} to "
            f"{past[-1]}, each once: they are not all there; give returns of consecutive months"
        )
    if t < window:
        raise DataError(
            f"{item.name}: month {moments.month} has {t} months of returns before it: must be at "
            f"least the window, {window}; give moments of later months or a shorter window"
        )
    fitted = window_portfolio(item.returns.returns[t - window : t], item.alphas, window)
    formed = form(item.method, cross_section)
    held, realised = on_firms(cross_section, formed.weights, formed.returns, fitted)
    return Judgement.of(moments, held, realised)


def _assemble(item: Judged, months: list[int], rows: list[Judgement]) -> PortfolioStatistics:
    count = len(item.alphas)
    return PortfolioStatistics(
        method=item.name,
        month=np.repeat(np.array(months, dtype=np.int64), count),
        alpha=np.tile(np.array(item.alphas, dtype=float), len(months)),
        **{
            name: np.concatenate([getattr(row, name) for row in rows]) if rows else np.empty(0)
            for name in ("stdev", "mean", "xret", "hjd")
        },
    )
