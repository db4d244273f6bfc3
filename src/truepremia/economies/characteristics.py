"""Characteristics that look back, and the timing of rows: the same in every simulator.

Row t holds what is known at date t and the return from t to t + 1, so that a row is complete
once the next date is known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from truepremia.panel import SimulatedMonth
from truepremia.typing import Array

MOMENTUM_MONTHS = 12
"""Momentum compounds the first eleven of the last twelve returns."""

UNDEFINED_GROWTH: Mapping[str, float] = {"zero": 0.0, "nan": np.nan}
"""Value of growth over a book value of zero, by name of the policy."""


def firm_ids(firms: int) -> Array:
    """Return the identifiers 0..N-1 of the firms, in their type in files."""
    return np.arange(firms, dtype=np.int32)


def valuation(value: Array, book_to_market: Array) -> dict[str, Array]:
    """Return mve, size and bm from market values and book-to-market ratios, shape (N,)."""
    return {"mve": value, "size": np.log(value), "bm": book_to_market}


def over_book(amount: Array, book: Array, undefined: float) -> Array:
    """Return amount / book, and ``undefined`` where there is no book value, shape (N,)."""
    ratio = np.full(len(book), undefined)
    np.divide(amount, book, out=ratio, where=book > 0)
    return ratio


@dataclass(frozen=True, eq=False)
class PastReturns:
    """The gross returns of the last twelve months, from which momentum is formed.

    Parameters
    ----------
    gross : tuple of array, shape (N,) each
        The latest last.
    entered : tuple of array of bool, shape (N,) each
        Firms that replaced another in that month; the return is the other's.
    """

    gross: tuple[Array, ...] = ()
    entered: tuple[Array, ...] = ()

    def then(self, gross: Array, entered: Array | None = None) -> "PastReturns":
        """Return the returns after one more month, in which no firm or some ``entered``."""
        new = np.zeros(len(gross), dtype=bool) if entered is None else entered
        return PastReturns(
            (*self.gross, gross)[-MOMENTUM_MONTHS:], (*self.entered, new)[-MOMENTUM_MONTHS:]
        )

    def momentum(self, firms: int) -> Array:
        """Return the simple return over months t-12..t-2, shape (N,).

        NaN before there are twelve returns; zero for a firm that entered in the last twelve.
        """
        if len(self.gross) < MOMENTUM_MONTHS:
            return np.full(firms, np.nan)
        return self.compounded(firms)

    def compounded(self, firms: int) -> Array:
        """Return :meth:`momentum` of the returns there are, zero at the first two dates."""
        known = self.gross[:-1]
        if not known:
            return np.zeros(firms)
        return np.where(np.any(self.entered, axis=0), 0.0, np.prod(known, axis=0) - 1)


@dataclass(frozen=True, eq=False)
class Observation:
    """What a simulator knows at one date.

    Parameters
    ----------
    date : int
    gross : array, shape (N,), or None
        Gross return from the last date to this one; None at the first.
    riskless : float
        Gross riskless return from this date to the next.
    row : mapping of str to array, or None
        Panel columns known at this date; None in the burn-in.
    states : mapping of str to array
        State columns of this date; empty where none are stored.
    """

    date: int
    gross: Array | None
    riskless: float
    row: Mapping[str, Array] | None
    states: Mapping[str, Array]


def completed(observations: Iterable[Observation]) -> Iterator[SimulatedMonth]:
    """Yield each date with the excess return that the next date shows."""
    last: Observation | None = None
    for now in observations:
        if last is not None:
            row = last.row
            if row is not None and now.gross is not None:
                row = {**row, "xret": now.gross - last.riskless}
            yield SimulatedMonth(last.date, row, last.states)
        last = now
