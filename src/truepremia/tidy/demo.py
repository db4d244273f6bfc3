"""A simulated panel as a Tidy-Finance store: a replication can be judged where the truth is known.

Row t of a panel holds what is known at t and the return from t to t + 1; a CRSP month holds the
return that ends in it. So calendar month t has mktcap = mve_t, mktcap_lag = mve_{t-1} and
ret_excess = xret_{t-1}, and its published factors are row t - 1 of the economy's own.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from truepremia.errors import DataError
from truepremia.files.factors import read_factor_returns
from truepremia.files.formats import REMEDY, TableFile, replacing
from truepremia.tidy.settings import DemoRules
from truepremia.typing import Array

ROUNDING = 1e-14
"""Relative gap up to which numbers are the same: some fifty times that of one rounding."""

FIRST_PERMNO, FIRST_GVKEY = 10001, 1001
YEAR = 12

PUBLISHED = {"mkt_rf": "mkt_excess", "smb": "smb", "hml": "hml", "rmw": "rmw", "cma": "cma"}
"""Name in the store of every factor of an economy that has a counterpart there."""

TABLES = {
    "crsp_monthly": (
        "permno INTEGER, date TEXT, month TEXT, ret REAL, ret_excess REAL, mktcap REAL, "
        "mktcap_lag REAL, exchcd INTEGER, exchange TEXT, gvkey REAL"
    ),
    "compustat": "gvkey INTEGER, datadate TEXT, year INTEGER, be REAL, op REAL, inv REAL",
    "factors_ff3_monthly": "month TEXT, mkt_excess REAL, smb REAL, hml REAL, rf REAL",
    "factors_ff5_monthly": (
        "month TEXT, mkt_excess REAL, smb REAL, hml REAL, rmw REAL, cma REAL, rf REAL"
    ),
}
"""Tables and columns, named and typed as in the Python edition of 2023."""


@dataclass(frozen=True, eq=False)
class Firms:
    """The panel as matrices of T months and N places; a place may be taken by several firms.

    Parameters
    ----------
    calendar : array of datetime64[M], shape (T,)
    life : array of int, shape (T, N)
        Number of the firm that holds the place, counted from 0 in order of entry.
    value : array, shape (T, N)
        Market value of equity at t.
    book : array, shape (T, N)
        Book value at t, zero for a firm without capital.
    cash_flow : array, shape (T, N)
        Cash flow paid at t.
    excess_return : array, shape (T, N)
        From t to t + 1.
    died : array of bool, shape (T, N)
        The equity of the firm is worthless at t + 1, and another firm takes its place.
    """

    calendar: Array
    life: Array
    value: Array
    book: Array
    cash_flow: Array
    excess_return: Array
    died: Array


def export_store(
    path: str | Path, inputs: Any, panel_id: str, rules: DemoRules
) -> Mapping[str, int]:
    """Write a panel as a Tidy-Finance SQLite file; equal panels give equal bytes.

    Parameters
    ----------
    path : path
        File to write.
    inputs : object
        Attributes ``panel``, ``aggregates`` and ``ff_returns`` name the files of the panel.
    panel_id : str
    rules : DemoRules

    Returns
    -------
    mapping of str to int
        Rows of every table.

    Raises
    ------
    DataError
        If an input is damaged or the store cannot be written.
    """
    riskless = TableFile(inputs.aggregates, "aggregates", panel_id).read(["rf"])["rf"]
    firms = read_firms(inputs.panel, panel_id, riskless, rules)
    factors = read_factor_returns(inputs.ff_returns, "ff_returns", panel_id)
    earned = dict(zip(factors.names, factors.returns.T, strict=True))
    published = {to: earned[name] for name, to in PUBLISHED.items() if name in earned}
    rows = {
        "crsp_monthly": _stocks(firms, riskless, exchange_labels(firms, rules.nyse)),
        "compustat": _accounts(firms, rules.fiscal_year_end),
        "factors_ff3_monthly": _factors(firms, published, riskless, ("mkt_excess", "smb", "hml")),
    }
    if {"rmw", "cma"} <= set(published):
        five = ("mkt_excess", "smb", "hml", "rmw", "cma")
        rows["factors_ff5_monthly"] = _factors(firms, published, riskless, five)
    return _write(path, rows)


def read_firms(path: str | Path, panel_id: str, riskless: Array, rules: DemoRules) -> Firms:
    """Read a panel as matrices.

    Parameters
    ----------
    path : path
        The panel table.
    panel_id : str
    riskless : array, shape (T,)
        Simple riskless return from t to t + 1.
    rules : DemoRules
    """
    names = ("mve", "bm", "roe", "xret")
    flat = TableFile(path, "panel", panel_id).read(["month", "firmid", *names])
    months = len(np.unique(flat["month"]))
    if months != len(riskless) or len(flat["month"]) % months:
        raise DataError(f"{path} does not hold the firms of {len(riskless)} months; {REMEDY}")
    value, ratio, profit, excess = (flat[name].reshape(months, -1) for name in names)
    book = united(ratio * value)
    died = excess + riskless[:, None] <= -1 + 1e-12
    held = np.vstack([np.zeros_like(book[:1]), book[:-1]])
    first = np.datetime64(rules.first_month, "M")
    return Firms(
        calendar=first + np.arange(months),
        life=_lives(died),
        value=value,
        book=book,
        cash_flow=np.where(held > 0, profit * held, 0.0),
        excess_return=excess,
        died=died,
    )


def united(values: Array) -> Array:
    """Return ``values`` with those that differ by rounding alone made equal, the least of them.

    A panel holds book values as a ratio to market values. Their product has an error of its own
    in every month, so that the growth of an unchanged book value would be 1e-16 and not zero, and
    sorts would rank the rounding. Books are sums of costs and so often equal, among firms and
    over time; where they are continuous no two are this close.

    Parameters
    ----------
    values : array of any shape
        Positive, zero or NaN.
    """
    flat = values.ravel().copy()
    there = np.flatnonzero(np.isfinite(flat))
    order = there[np.argsort(flat[there], kind="stable")]
    ascending = flat[order]
    begins = np.diff(ascending, prepend=-np.inf) > ROUNDING * np.abs(ascending)
    flat[order] = ascending[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
    return flat.reshape(values.shape)


def _lives(died: Array) -> Array:
    """Return the number of the firm at every place, (T, N), from who died before next month."""
    entered = np.vstack([np.ones_like(died[:1]), died[:-1]])
    number = np.cumsum(entered).reshape(entered.shape) - 1
    return np.asarray(np.maximum.accumulate(np.where(entered, number, 0), axis=0))


def exchange_labels(firms: Firms, nyse: Literal["larger", "all"]) -> Array:
    """Return whether the firm of every place is listed on the NYSE, bool, shape (T, N)."""
    if nyse == "all":
        return np.ones(firms.life.shape, dtype=bool)
    above: Array = firms.value > np.median(firms.value, axis=1, keepdims=True)
    january = firms.calendar.astype(int) % YEAR == 0
    labels = above.copy()
    for t in range(1, len(labels)):
        if not january[t]:
            labels[t] = np.where(firms.died[t - 1], above[t], labels[t - 1])
    return labels


def _stocks(firms: Firms, riskless: Array, listed: Array) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of crsp_monthly by month and permno.

    A stock's first month has no return yet and is left out, as in Tidy Finance. The month in which
    equity becomes worthless has the return -100% and no market value; like there, excess returns
    end at -100%.
    """
    for t in range(1, len(firms.calendar)):
        life, died = firms.life[t - 1], firms.died[t - 1]
        order = np.argsort(life)
        excess = np.maximum(firms.excess_return[t - 1], -1.0)
        total = np.where(died, -1.0, firms.excess_return[t - 1] + riskless[t - 1])
        nyse = np.where(died, listed[t - 1], listed[t])
        columns = (
            life + FIRST_PERMNO,
            np.full(len(life), _last_day(firms.calendar[t])),
            np.full(len(life), _first_day(firms.calendar[t])),
            total,
            excess,
            np.where(died, np.nan, firms.value[t]),
            firms.value[t - 1],
            np.where(nyse, 1, 3),
            np.where(nyse, "NYSE", "NASDAQ"),
            (life + FIRST_GVKEY).astype(float),
        )
        yield from zip(*(column[order].tolist() for column in columns), strict=True)


def _accounts(firms: Firms, fiscal_year_end: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of compustat by fiscal year and gvkey.

    ``op`` is the cash flow of the fiscal year over ``be`` and ``inv`` the growth of ``be`` over
    it; both need a firm of twelve months. Book values that are not positive are missing.
    """
    ends = np.flatnonzero(firms.calendar.astype(int) % YEAR == fiscal_year_end - 1)
    for t in ends:
        life = firms.life[t]
        be = np.where(firms.book[t] > 0, firms.book[t], np.nan)
        op = inv = np.full(len(be), np.nan)
        if t >= YEAR:
            same = firms.life[t - YEAR] == life
            before = firms.book[t - YEAR]
            before = np.where(same & (before > 0), before, np.nan)
            op = np.where(same, firms.cash_flow[t - YEAR + 1 : t + 1].sum(axis=0), np.nan) / be
            inv = united(be / before) - 1
        order = np.argsort(life)
        datadate, year = _last_day(firms.calendar[t]), int(str(firms.calendar[t])[:4])
        columns = (life + FIRST_GVKEY, be, op, inv)
        for gvkey, *amounts in zip(*(column[order].tolist() for column in columns), strict=True):
            yield gvkey, datadate, year, *amounts


def _factors(
    firms: Firms, published: Mapping[str, Array], riskless: Array, names: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table of factors; month t has row t - 1 of the economy's factors."""
    months = [_first_day(month) for month in firms.calendar[1:]]
    columns = [published[name][:-1].tolist() for name in names]
    return zip(months, *columns, riskless[:-1].tolist(), strict=True)


def _first_day(month: Any) -> str:
    return f"{month}-01 00:00:00"


def _last_day(month: Any) -> str:
    day = (month + 1).astype("datetime64[D]") - 1
    return f"{day} 00:00:00"


def _write(path: str | Path, tables: Mapping[str, Iterable[tuple[Any, ...]]]) -> Mapping[str, int]:
    """Write the tables into a new SQLite file and count their rows; NaN becomes NULL."""
    counts = {}
    with replacing(path) as temporary:
        try:
            with contextlib.closing(sqlite3.connect(temporary)) as database:
                database.execute("PRAGMA journal_mode = OFF")  # the file is new and renamed later
                for table, rows in tables.items():
                    columns = TABLES[table]
                    marks = ", ".join("?" for _ in columns.split(","))
                    database.execute(f"CREATE TABLE {table} ({columns})")
                    inserted = database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
                    counts[table] = inserted.rowcount
                database.commit()
        except sqlite3.Error as error:
            raise DataError(
                f"cannot write {path}: {error}; free space or choose another results_dir"
            ) from error
    return counts
