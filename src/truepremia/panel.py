"""A panel of firms: its size, its monthly cross-sections, and what of them is known.

Row (t, i) holds what is known at the end of month t and the return from t to t + 1.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from truepremia.errors import DataError
from truepremia.typing import Array


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Parameters
    ----------
    firms : int
        Number of firms N.
    months : int
        Number of panel months T.
    burnin : int
        Months simulated and dropped before the first panel month.
    """

    firms: int
    months: int
    burnin: int

    @property
    def start(self) -> int:
        """First panel month."""
        return self.burnin

    @property
    def end(self) -> int:
        """Last panel month; its return is paid one month later."""
        return self.burnin + self.months - 1


@dataclass(frozen=True, eq=False)
class Known:
    """What is known at the end of one month about the firms that can be invested in.

    All that a factor method sees. It holds no return of the month to come, no loadings and no
    moments; the one thing of next month's return that shows is whether it is missing, because
    only the firms with a return are here. The arrays cannot be written to.

    Parameters
    ----------
    month : int
        Month t.
    firm : array of int, shape (n,)
        Firm identifiers.
    names : tuple of str
        Names of the C characteristics.
    characteristics : array, shape (n, C)
        Finite.
    market_equity : array, shape (n,)
        Market value of equity, positive.
    riskfree : float
        Simple net riskless return from t to t + 1.

    Raises
    ------
    DataError
        If the arrays do not have one row for each firm.
    """

    month: int
    firm: Array
    names: tuple[str, ...]
    characteristics: Array
    market_equity: Array
    riskfree: float

    def __post_init__(self) -> None:
        n = len(self.firm)
        shapes = (self.characteristics.shape, self.market_equity.shape)
        if shapes != ((n, len(self.names)), (n,)):
            raise DataError(
                f"known of month {self.month}: every array must have one row for each of the {n} "
                f"firms and one column for each of {list(self.names)}"
            )
        for name in ("firm", "characteristics", "market_equity"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.firm)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}: month {self.month}, {len(self.firm)} firms, "
            f"{', '.join(self.names)}>"
        )

    @property
    def investable(self) -> Array:
        """Rows of the firms that can be invested in, shape (n,): all of them."""
        return np.arange(len(self.firm))

    def ranks(self) -> Array:
        """Return the characteristics as centred ranks, shape (n, C).

        g = (rho - 1/2) / n - 1/2, in (-1/2, 1/2), with rho = 1..n and the mean of their ranks for
        ties: a constant characteristic is zero.
        """
        return self._ranks

    @cached_property
    def _ranks(self) -> Array:
        return read_only(centred_ranks(self.characteristics))


@dataclass(frozen=True, eq=False, repr=False)
class KnownTruth(Known):
    """The same with the true loadings, for methods that use the truth on purpose.

    Parameters
    ----------
    loadings : mapping of str to array, shape (n, k)
        Loadings on the aggregate shocks by kind, per conditional standard deviation.
    """

    loadings: Mapping[str, Array]


def read_only(values: Array) -> Array:
    """Return a view of an array that cannot be written to."""
    view = values.view()
    view.flags.writeable = False
    return view


def centred_ranks(values: Array) -> Array:
    """Return g = (rho - 1/2) / n - 1/2 down every column, ties sharing their mean rank.

    Parameters
    ----------
    values : array, shape (n, C)
        Finite.
    """
    return np.ascontiguousarray(centred_ranks_along(values.T).T)


def centred_ranks_along(rows: Array) -> Array:
    """Return g = (rho - 1/2) / n - 1/2 along every row, ties sharing their mean rank.

    Parameters
    ----------
    rows : array, shape (C, n)
        Finite.

    Returns
    -------
    array, shape (C, n)
    """
    ranks = np.empty(rows.shape)
    if not ranks.size:
        return ranks
    block = max(_RANKED_AT_A_TIME // rows.shape[1], 1)
    for first in range(0, len(rows), block):
        _rank(rows[first : first + block], ranks[first : first + block])
    return ranks


_RANKED_AT_A_TIME = 32_768
"""Numbers that are ranked together: few enough to stay in the processor's cache."""


def _rank(rows: Array, ranks: Array) -> None:
    """Put the ranks of a few rows, shape (C, n), into ``ranks``.

    Sorting numbers is far quicker than sorting their places. So every number carries its place in
    its last bits, and neighbours that agree in all other bits are looked at once more.
    """
    n = rows.shape[1]
    bits = n.bit_length()
    carried = np.ascontiguousarray(rows + 0.0)  # minus zero becomes zero
    whole = carried.view(np.int64)
    whole &= -1 << bits
    whole |= np.arange(n)
    carried.sort(axis=1)
    order = whole & ((1 << bits) - 1)
    distinct = _centred(np.arange(n), np.arange(n), n)
    for places, ranked in zip(order, ranks, strict=True):
        ranked[places] = distinct
    whole >>= bits
    near = whole[:, 1:] == whole[:, :-1]
    if near.any():
        row, place = np.nonzero(near)
        _look_again(rows, order, ranks, row, place)


def _look_again(rows: Array, order: Array, ranks: Array, row: Array, place: Array) -> None:
    """Order neighbours that agreed in their first bits by all of them; ties share their mean rank.

    A row that is ordered anew moves numbers among such neighbours only, so that every tie is
    between a ``place`` of a ``row`` and the next one.
    """
    n = rows.shape[1]
    lower, upper = rows[row, order[row, place]], rows[row, order[row, place + 1]]
    misplaced = np.unique(row[lower > upper])
    for one in misplaced:
        order[one] = np.argsort(rows[one], kind="stable")
        ranks[one, order[one]] = _centred(np.arange(n), np.arange(n), n)
    if len(misplaced):
        lower, upper = rows[row, order[row, place]], rows[row, order[row, place + 1]]
    tied = lower == upper
    flat = row[tied] * n + place[tied]
    if len(flat):
        opens = np.diff(flat, prepend=-2) != 1
        first = flat[opens]
        last = flat[np.append(opens[1:], True)] + 1
        length = last - first + 1
        within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        row, place = np.divmod(np.repeat(first, length) + within, n)
        mean = _centred(first % n, last % n, n)
        ranks[row, order[row, place]] = np.repeat(mean, length)


def _centred(first: Array, last: Array, n: int) -> Array:
    """Return the centred rank of the places first to last of n, counted from zero."""
    return np.asarray((first + last + 1) / (2 * n) - 0.5)


@dataclass(frozen=True, eq=False)
class CrossSection:
    """One month of a panel: what is known at its end and, beside it, what is then earned.

    Parameters
    ----------
    month : int
        The month at whose end everything but the return is known.
    firm : array of int, shape (N,)
        Firm identifiers.
    names : tuple of str
        Names of the C characteristics.
    characteristics : array, shape (N, C)
        Missing values are NaN or infinite.
    market_equity : array, shape (N,)
        Market value of equity.
    excess_return : array, shape (N,)
        Simple excess return from ``month`` to ``month + 1``.
    loadings : mapping of str to array, shape (N, k)
        Loadings on the aggregate shocks by kind, per conditional standard deviation.
    riskfree : float
        Simple net riskless return from ``month`` to ``month + 1``.

    Raises
    ------
    DataError
        If the arrays do not have one row for each firm.
    """

    month: int
    firm: Array
    names: tuple[str, ...]
    characteristics: Array
    market_equity: Array
    excess_return: Array
    loadings: Mapping[str, Array]
    riskfree: float = np.nan

    def __post_init__(self) -> None:
        n = len(self.firm)
        shapes_hold = (
            self.characteristics.shape == (n, len(self.names))
            and self.market_equity.shape == (n,)
            and self.excess_return.shape == (n,)
            and all(a.ndim == 2 and len(a) == n for a in self.loadings.values())
        )
        if not shapes_hold:
            raise DataError(
                f"cross-section of month {self.month}: every array must have one row for each "
                f"of the {n} firms and one column for each of {list(self.names)}"
            )

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}: month {self.month}, {len(self.firm)} firms, "
            f"{', '.join(self.names)}>"
        )

    @cached_property
    def investable(self) -> Array:
        """Indices of the firms with all characteristics, a return and a positive value."""
        complete = np.isfinite(self.characteristics).all(axis=1)
        complete &= np.isfinite(self.market_equity) & (self.market_equity > 0)
        return np.flatnonzero(complete & np.isfinite(self.excess_return))

    @cached_property
    def known(self) -> Known:
        """What a method sees of the month: the investable firms, without what they earn."""
        return Known(**self._seen)

    @cached_property
    def known_truth(self) -> KnownTruth:
        """What a method sees that uses the true loadings."""
        firms = self.investable
        loadings = {name: read_only(a[firms]) for name, a in self.loadings.items()}
        return KnownTruth(**self._seen, loadings=loadings)

    @cached_property
    def earned(self) -> Array:
        """Excess returns of the investable firms, shape (n,)."""
        return read_only(self.excess_return[self.investable])

    def on_all_firms(self, weights: Array) -> Array:
        """Spread weights of the investable firms (n, K) over all firms (N, K), zero elsewhere."""
        spread = np.zeros((len(self.firm), weights.shape[1]))
        spread[self.investable] = weights
        return spread

    @property
    def _seen(self) -> dict[str, Any]:
        firms = self.investable
        return {
            "month": self.month,
            "firm": self.firm[firms],
            "names": self.names,
            "characteristics": self.characteristics[firms],
            "market_equity": self.market_equity[firms],
            "riskfree": self.riskfree,
        }


@dataclass(frozen=True, eq=False)
class Layout:
    """Which panel columns are characteristics and which are loadings.

    Parameters
    ----------
    characteristics : tuple of str
        Panel columns of the characteristics, in the economy's order.
    loadings : mapping of str to tuple of str
        Panel columns of the loadings, by method.
    """

    characteristics: tuple[str, ...]
    loadings: Mapping[str, tuple[str, ...]]

    def cross_section(
        self, month: int, columns: Mapping[str, Array], riskfree: float = np.nan
    ) -> CrossSection:
        """Arrange the panel columns of one month as a :class:`CrossSection`."""
        return CrossSection(
            month=month,
            firm=columns["firmid"],
            names=self.characteristics,
            characteristics=np.array([columns[c] for c in self.characteristics]).T,
            market_equity=columns["mve"],
            excess_return=columns["xret"],
            loadings={
                method: np.array([columns[c] for c in names]).T
                for method, names in self.loadings.items()
            },
            riskfree=riskfree,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Panel columns that cross-sections are made of."""
        loadings = [name for names in self.loadings.values() for name in names]
        return ("month", "firmid", "xret", "mve", *self.characteristics, *loadings)


@dataclass(frozen=True, eq=False)
class SimulatedMonth:
    """What a simulation yields for one month.

    Parameters
    ----------
    month : int
        Month of all rows.
    panel : mapping of str to array, shape (N,), or None
        Panel columns without ``month``; None during the burn-in.
    states : mapping of str to array
        Columns from which the economy can form the month's conditional moments again; empty where
        none are stored.
    """

    month: int
    panel: Mapping[str, Array] | None
    states: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulation in progress: its aggregate path and its months, produced one by one.

    Parameters
    ----------
    aggregates : mapping of str to array, shape (T,)
        One value for each panel month: riskless rate, shocks and discount factor from t to t+1.
    months : iterable of SimulatedMonth
        In calendar order; can be consumed once.
    """

    aggregates: Mapping[str, Array]
    months: Iterable[SimulatedMonth]


@dataclass(frozen=True, eq=False, repr=False)
class Panel:
    """A panel in memory.

    Parameters
    ----------
    layout : Layout
    month : array of int, shape (T,)
    columns : mapping of str to array, shape (T, N)
        Panel columns.
    aggregates : mapping of str to array, shape (T,)
    states : tuple of (int, mapping of str to array)
        The state rows by month.
    """

    layout: Layout
    month: Array
    columns: Mapping[str, Array]
    aggregates: Mapping[str, Array]
    states: tuple[tuple[int, Mapping[str, Array]], ...]

    @classmethod
    def collect(cls, layout: Layout, simulation: Simulation) -> "Panel":
        """Run ``simulation`` to its end and keep all of it in memory."""
        produced = list(simulation.months)
        rows = [(m.month, m.panel) for m in produced if m.panel is not None]
        return cls(
            layout=layout,
            month=np.array([month for month, _ in rows]),
            columns={name: np.stack([columns[name] for _, columns in rows]) for name in rows[0][1]},
            aggregates=dict(simulation.aggregates),
            states=tuple((m.month, m.states) for m in produced if m.states),
        )

    def __getitem__(self, column: str) -> Array:
        """Return a panel column as a T x N array."""
        if column not in self.columns:
            raise KeyError(f"{column!r}: must be one of {', '.join(self.columns)}")
        return self.columns[column]

    def __iter__(self) -> Iterator[Any]:
        """Refuse to be walked: months come with what is known, or with the truth."""
        raise TypeError(
            "a panel is walked by panel.cross_sections(), what is known month by month, or by "
            "panel.moments(), the truth"
        )

    def __repr__(self) -> str:
        months, firms = self.columns["firmid"].shape
        first = ", ".join(str(month) for month in self.month[:3])
        return f"<{type(self).__name__}: {firms} firms, {months} months from {first}, ...>"

    def _repr_html_(self) -> str:
        text = repr(self).strip("<>")
        return f"<p><strong>{text}</strong></p>{self.to_frame(months=1).head().to_html()}"

    def to_frame(self, months: int | None = None) -> Any:
        """Return the panel as a frame of pandas with one row for each month and firm.

        Parameters
        ----------
        months : int, optional
            The first so many months; all of them where nothing is given.

        Returns
        -------
        DataFrame
            Indexed by (month, firmid). What is in a row is known at the end of its month, but for
            ``xret``, which is earned from that month to the next.

        Raises
        ------
        DataError
            If the number of months is negative.
        """
        import pandas as pd

        if months is not None and months < 0:
            raise DataError(f"months is {months}: must be a number of first months, at least 0")

        firm = self.columns["firmid"][:months]
        index = pd.MultiIndex.from_arrays(
            [np.repeat(self.month[:months], firm.shape[1]), firm.ravel()],
            names=["month", "firmid"],
        )
        columns = {n: c[:months].ravel() for n, c in self.columns.items() if n != "firmid"}
        return pd.DataFrame(columns, index=index)

    def cross_sections(self) -> Iterator[CrossSection]:
        """Yield the months of the panel in order."""
        for t, month in enumerate(self.month):
            values = {name: column[t] for name, column in self.columns.items()}
            riskfree = float(self.aggregates["rf"][t])
            yield self.layout.cross_section(int(month), values, riskfree)
