"""Portfolios: sorts by NYSE breakpoints, and the returns of the portfolios they make.

A stock belongs to the portfolio between two breakpoints of its group, the stocks that are sorted
together; the portfolios of crossed sorts are called cells.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from truepremia.portfolios import bins, breakpoints, cell_weights
from truepremia.tidy.formations import Holdings
from truepremia.typing import Array

MEDIAN = (0.5,)
TERCILES = (0.3, 0.7)
QUINTILES = (0.2, 0.4, 0.6, 0.8)
DECILES = tuple(k / 10 for k in range(1, 10))


@dataclass(frozen=True, eq=False)
class Breakpoints:
    """Breakpoints of one variable in one group of stocks.

    Parameters
    ----------
    group : int
        The group, for example the sorting year.
    probabilities : tuple of float
    values : array, same length
    stocks : int
        NYSE stocks they are quantiles of.
    """

    group: int
    probabilities: tuple[float, ...]
    values: Array
    stocks: int


@dataclass(frozen=True, eq=False)
class Sort:
    """A sort into portfolios on one variable.

    Parameters
    ----------
    portfolio : array of int8, shape (k,)
        Portfolio of each formation, 1 for the lowest, 0 for a stock that is not sorted.
    portfolios : int
        Number of portfolios.
    edges : tuple of Breakpoints
        By ascending group.
    """

    portfolio: Array
    portfolios: int
    edges: tuple[Breakpoints, ...]


@dataclass(frozen=True, eq=False)
class Cells:
    """Returns of the portfolios of a sort, by month and portfolio.

    Parameters
    ----------
    month : array of int32, shape (c,)
        Months since January 1970, ascending; a portfolio without a stock has no row.
    shape : tuple of int
        Number of portfolios in each dimension.
    portfolio : tuple of array of int8, each of shape (c,)
        The portfolio in each dimension, 1 for the lowest.
    ret : array, shape (c,)
        Excess return of the month, weighted by market equity at its beginning.
    ret_equal : array, shape (c,)
        The same, equal weighted.
    stocks : array of int32, shape (c,)
    mktcap_lag : array, shape (c,)
        Sum of the weights, million USD.
    means : mapping of str to array, shape (c,)
        Equal-weighted means over the stocks.
    """

    month: Array
    shape: tuple[int, ...]
    portfolio: tuple[Array, ...]
    ret: Array
    ret_equal: Array
    stocks: Array
    mktcap_lag: Array
    means: Mapping[str, Array]

    def by_month(self) -> tuple[Array, Array]:
        """Return the months and their returns, (M,) and (M, portfolios...), NaN where empty."""
        months, at = np.unique(self.month, return_inverse=True)
        returns = np.full((len(months), *self.shape), np.nan)
        returns[(at, *(p - 1 for p in self.portfolio))] = self.ret
        return months, returns


def sort(
    held: Holdings,
    variable: str,
    probabilities: Sequence[float],
    rows: Array | None = None,
    group: Array | None = None,
) -> Sort:
    """Sort stocks into portfolios by the NYSE breakpoints of their group.

    Parameters
    ----------
    held : Holdings
    variable : str
        Name of the variable that is sorted on.
    probabilities : sequence of float
        Probabilities of the breakpoints, ascending.
    rows : array of bool, shape (k,), optional
        Formations that are sorted, all if not given.
    group : array of int, shape (k,), optional
        Formations that are sorted together, those of a period if not given; each group has a
        NYSE stock.
    """
    f = held.formations
    rows = np.ones(len(f), dtype=bool) if rows is None else rows
    values = f.variables[variable]
    portfolio = np.zeros(len(f), dtype=np.int8)
    edges = []
    for which, members in _groups(f.period if group is None else group, rows):
        nyse = members[f.nyse[members]]
        at = breakpoints(values[nyse], probabilities)
        portfolio[members] = bins(values[members], at, held.profile.closed) + 1
        edges.append(Breakpoints(which, tuple(probabilities), at, len(nyse)))
    return Sort(portfolio, len(probabilities) + 1, tuple(edges))


def cells(held: Holdings, sorts: Sequence[Sort], means: Mapping[str, Array] | None = None) -> Cells:
    """Return the value-weighted returns of the portfolios of one or more crossed sorts.

    Parameters
    ----------
    held : Holdings
    sorts : sequence of Sort
        All of the same stocks.
    means : mapping of str to array, shape (k,), optional
        Variables of the formations whose means in the cells are wanted.
    """
    shape = tuple(s.portfolios for s in sorts)
    in_month = int(np.prod(shape))
    cell_of = np.ravel_multi_index([np.maximum(s.portfolio, 1) - 1 for s in sorts], shape)
    formation, month, earned, weight = held.formation, held.month, held.ret, held.weight
    is_sorted = sorts[0].portfolio > 0
    if not is_sorted.all():
        rows = is_sorted[formation]
        formation, month, earned, weight = (a[rows] for a in (formation, month, earned, weight))
    first = int(month.min(initial=np.iinfo(np.int32).max))
    cell = (month - first) * in_month + cell_of[formation]
    n = int(cell.max(initial=-1)) + 1
    share, _ = cell_weights(weight, cell, n)
    count = np.bincount(cell, minlength=n)
    occupied = np.flatnonzero(count)

    def total(values: Array) -> Array:
        return np.bincount(cell, weights=values, minlength=n)[occupied]

    return Cells(
        month=(first + occupied // in_month).astype(np.int32),
        shape=shape,
        portfolio=tuple(
            (p + 1).astype(np.int8) for p in np.unravel_index(occupied % in_month, shape)
        ),
        ret=total(share * earned),
        ret_equal=total(earned) / count[occupied],
        stocks=count[occupied].astype(np.int32),
        mktcap_lag=total(weight),
        means={name: total(v[formation]) / count[occupied] for name, v in (means or {}).items()},
    )


def _groups(group: Array, rows: Array) -> Iterator[tuple[int, Array]]:
    """Yield every group in ascending order with its members among ``rows``."""
    members = np.flatnonzero(rows)
    members = members[np.argsort(group[members], kind="stable")]
    starts = np.flatnonzero(np.diff(group[members], prepend=-1))
    for together in np.split(members, starts[1:]) if len(members) else ():
        yield int(group[together[0]]), together
