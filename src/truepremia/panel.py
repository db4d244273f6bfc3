"""A simulated panel: its size, its columns and its monthly cross-sections.

Row (t, i) holds what is known at the end of month t and the return from t to t + 1.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True)
class Column:
    """Unit and meaning of a column of a table."""

    unit: str
    meaning: str


PANEL_COLUMNS = {
    "month": Column("month", "month at whose end the row is known, starting at the burn-in"),
    "firmid": Column("", "firm identifier, 0..N-1"),
    "xret": Column("per month", "simple return from t to t+1 minus the riskless return"),
    "mve": Column("value", "market value of equity at t, ex dividend"),
    "size": Column("log value", "log of mve"),
    "bm": Column("ratio", "book value over market value at t"),
    "agr": Column("rate", "growth of book value from t-1 to t"),
    "roe": Column("rate", "cash flow over lagged book value"),
    "mom": Column("return", "simple return from t-12 to t-1, 11 months, skipping the latest"),
    "mkt_lev": Column("ratio", "debt coupon over market value of equity at t"),
    "market_leverage": Column("share", "market value of debt over that of debt and equity at t"),
    "no_capital": Column("flag", "the firm has no capital in place at t"),
    "A_1_taylor": Column("return per s.d.", "loading on the first aggregate shock, Taylor"),
    "A_2_taylor": Column("return per s.d.", "loading on the second aggregate shock, Taylor"),
    "A_1_proj": Column("return per s.d.", "loading on the first aggregate shock, projection"),
    "A_2_proj": Column("return per s.d.", "loading on the second aggregate shock, projection"),
}
"""Columns that panels of every economy share."""


def loading_columns(method: str, shocks: int) -> tuple[str, ...]:
    """Return the panel columns of the loadings by ``method`` on ``shocks`` aggregate shocks."""
    return tuple(f"A_{k}_{method}" for k in range(1, shocks + 1))


@dataclass(frozen=True, eq=False)
class CrossSection:
    """All firms of one month.

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
        Loadings on the aggregate shocks by method, per conditional standard deviation.

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

    @cached_property
    def investable(self) -> Array:
        """Indices of the firms with all characteristics, a return and a positive value."""
        complete = np.isfinite(self.characteristics).all(axis=1)
        complete &= np.isfinite(self.market_equity) & (self.market_equity > 0)
        return np.flatnonzero(complete & np.isfinite(self.excess_return))


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

    def cross_section(self, month: int, columns: Mapping[str, Array]) -> CrossSection:
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


@dataclass(frozen=True, eq=False)
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
        return self.columns[column]

    def cross_sections(self) -> Iterator[CrossSection]:
        """Yield the months of the panel in order."""
        for t, month in enumerate(self.month):
            values = {name: column[t] for name, column in self.columns.items()}
            yield self.layout.cross_section(int(month), values)
