"""The tables of a store in their one form, in memory and in Parquet.

Months are dated by their first day, returns are per month in decimals, values in million USD.
A missing number is NaN. Texts that repeat are held as codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truepremia.columns import Column
from truepremia.files.formats import TableFile, column, write_table
from truepremia.typing import Array

NYSE = "NYSE"

STOCK_COLUMNS = {
    "permno": Column("", "security identifier of CRSP"),
    "gvkey": Column("", "company identifier of Compustat, null if none is linked"),
    "month": Column("date", "first day of the month in which the return is earned"),
    "ret_excess": Column("per month", "return of the month, delisting included, over riskless"),
    "mktcap": Column("million USD", "market equity at the end of the month"),
    "mktcap_lag": Column("million USD", "market equity at the end of the month before"),
    "exchange": Column("", "listing exchange: NYSE, AMEX, NASDAQ or Other"),
}
ACCOUNT_COLUMNS = {
    "gvkey": Column("", "company identifier of Compustat"),
    "datadate": Column("date", "end of the fiscal year"),
    "be": Column("million USD", "book equity"),
    "op": Column("ratio", "operating profit over book equity"),
    "inv": Column("rate", "growth of total assets over the fiscal year"),
    "sale": Column("million USD", "sales"),
    "cogs": Column("million USD", "cost of goods sold"),
    "xsga": Column("million USD", "selling, general and administrative expenses"),
    "xint": Column("million USD", "interest expense"),
    "at": Column("million USD", "total assets"),
    "ib": Column("million USD", "income before extraordinary items"),
    "dp": Column("million USD", "depreciation and amortisation"),
    "txdi": Column("million USD", "deferred taxes"),
}
VARIABLE_COLUMNS = {
    "ret": Column("per month", "total return of the month"),
    "retx": Column("per month", "return of the month without dividends"),
    "permco": Column("", "company identifier of CRSP"),
}
AS_STORED = Column("as stored", "column of the store that was asked for")
PUBLISHED_COLUMNS = {
    "month": Column("date", "first day of the month in which the return is earned"),
    "smb": Column("per month", "small minus big of the three-factor model"),
    "hml": Column("per month", "high minus low book-to-market of the three-factor model"),
    "mkt_excess": Column("per month", "market return over riskless"),
    "rf": Column("per month", "riskless return"),
    "smb_ff5": Column("per month", "small minus big of the five-factor model"),
    "hml_ff5": Column("per month", "high minus low book-to-market of the five-factor model"),
    "rmw": Column("per month", "robust minus weak operating profitability"),
    "cma": Column("per month", "conservative minus aggressive investment"),
    "umd": Column("per month", "up minus down, momentum"),
    "st_rev": Column("per month", "short-term reversal"),
    "lt_rev": Column("per month", "long-term reversal"),
}
MONTHS_PER_YEAR = 12
_EPOCH_YEAR = 1970


@dataclass(frozen=True, eq=False)
class Coded:
    """Texts as codes.

    Parameters
    ----------
    code : array of int32, shape (n,)
        Position in ``names``, -1 for a missing text.
    names : tuple of str
        The different texts, ascending.
    """

    code: Array
    names: tuple[str, ...]

    def __getitem__(self, rows: Any) -> "Coded":
        return Coded(self.code[rows], self.names)

    def is_name(self, name: str) -> Array:
        """Return which rows hold ``name``, shape (n,)."""
        found = self.names.index(name) if name in self.names else len(self.names)
        return np.asarray(self.code == found)

    def present(self) -> list[str]:
        """Return the texts that occur, ascending."""
        return [self.names[code] for code in np.unique(self.code) if code >= 0]

    def to_arrow(self) -> pa.Array:
        """Return the texts as an Arrow column of strings with nulls."""
        names = pa.array(list(self.names), pa.string())
        missing = pa.scalar(None, pa.int32())
        code = column(self.code)
        codes = pc.if_else(pc.greater_equal(code, 0), code, missing)
        return names.take(codes)

    @classmethod
    def from_arrow(cls, texts: pa.ChunkedArray) -> "Coded":
        """Return the codes of a column of strings."""
        coded = texts.combine_chunks().dictionary_encode()
        names = np.array(coded.dictionary.to_pylist(), dtype=object)
        return cls.from_codes(numbers(coded.indices.fill_null(-1)), names)

    @classmethod
    def from_codes(cls, code: Array, names: Array) -> "Coded":
        """Return codes into ascending, different names; -1 in ``code`` is missing.

        Parameters
        ----------
        code : array of int, shape (n,)
        names : array of object, shape (m,)
            Texts or None, in any order, with repetitions.
        """
        present = sorted({name for name in names if name is not None})
        position = {name: i for i, name in enumerate(present)} | {None: -1}
        new = np.array([*(position[name] for name in names), -1], dtype=np.int32)
        return cls(new[code], tuple(present))


@dataclass(frozen=True, eq=False)
class Stocks:
    """Months of stocks in ascending order of permno and month, one row each.

    Parameters
    ----------
    permno : array of int64, shape (n,)
    gvkey : Coded
    month : array of int32, shape (n,)
        Months since January 1970.
    ret_excess, mktcap, mktcap_lag : array, shape (n,)
    exchange : Coded
    """

    permno: Array
    gvkey: Coded
    month: Array
    ret_excess: Array
    mktcap: Array
    mktcap_lag: Array
    exchange: Coded

    def __getitem__(self, rows: Any) -> "Stocks":
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, eq=False)
class Accounts:
    """Annual accounts in ascending order of gvkey and datadate, one row each.

    Parameters
    ----------
    gvkey : Coded
    datadate : array of datetime64[D], shape (n,)
    items : mapping of str to array, shape (n,)
        ``be`` and whichever of the optional columns the store has.
    """

    gvkey: Coded
    datadate: Array
    items: Mapping[str, Array]

    def __getitem__(self, rows: Any) -> "Accounts":
        items = {name: item[rows] for name, item in self.items.items()}
        return Accounts(self.gvkey[rows], self.datadate[rows], items)

    @property
    def year(self) -> Array:
        """Calendar year of ``datadate``, shape (n,)."""
        return self.datadate.astype("datetime64[Y]").astype(np.int64) + _EPOCH_YEAR


def write_stocks(path: str | Path, store: str, stocks: Stocks) -> None:
    """Write the stocks of a store."""
    columns = {name: getattr(stocks, name) for name in STOCK_COLUMNS}
    columns |= {name: columns[name].to_arrow() for name in ("gvkey", "exchange")}
    columns["month"] = dates(stocks.month)
    write_table(path, "stocks", store, columns, STOCK_COLUMNS)


def read_stocks(path: str | Path, store: str) -> Stocks:
    """Read the stocks of a store."""
    table = TableFile(path, "stocks", store).read_arrow()
    columns: dict[str, Any] = {
        name: Coded.from_arrow(table[name])
        if name in ("gvkey", "exchange")
        else numbers(table[name])
        for name in STOCK_COLUMNS
    }
    return Stocks(**columns | {"month": months(columns["month"])})


def write_variables(
    path: str | Path, store: str, stocks: Stocks, variables: Mapping[str, Array]
) -> None:
    """Write the optional columns of the stocks, row for row."""
    keys = {"permno": stocks.permno, "month": dates(stocks.month)}
    described = {name: STOCK_COLUMNS[name] for name in keys}
    described |= {name: VARIABLE_COLUMNS.get(name, AS_STORED) for name in variables}
    write_table(path, "variables", store, {**keys, **variables}, described)


def read_variables(path: str | Path, store: str) -> dict[str, Array]:
    """Read the optional columns of the stocks, row for row."""
    table = TableFile(path, "variables", store).read_arrow()
    return {name: numbers(table[name]) for name in table.column_names[2:]}


def read_riskless(path: str | Path, store: str) -> dict[int, float]:
    """Read the riskless return by month since January 1970, empty if the store has none."""
    table = TableFile(path, "published", store).read_arrow()
    if "rf" not in table.column_names:
        return {}
    month, rate = months(numbers(table["month"])), numbers(table["rf"])
    return dict(zip(month.tolist(), rate.tolist(), strict=True))


def write_accounts(path: str | Path, store: str, accounts: Accounts) -> None:
    """Write the accounts of a store."""
    keys = {"gvkey": accounts.gvkey.to_arrow(), "datadate": accounts.datadate}
    described = dict.fromkeys(accounts.items, AS_STORED) | ACCOUNT_COLUMNS
    write_table(path, "accounts", store, {**keys, **accounts.items}, described)


def read_accounts(path: str | Path, store: str) -> Accounts:
    """Read the accounts of a store."""
    table = TableFile(path, "accounts", store).read_arrow()
    items = {name: numbers(table[name]) for name in table.column_names[2:]}
    datadate = numbers(table["datadate"]).astype("datetime64[D]")
    return Accounts(Coded.from_arrow(table["gvkey"]), datadate, items)


def numbers(values: Any) -> Array:
    """Return an Arrow column as an array; dates become days, nulls NaN."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    if pa.types.is_floating(values.type):
        values = values.fill_null(np.nan)
    return np.asarray(np.from_dlpack(values))


def months(days: Array) -> Array:
    """Return months since January 1970 of days since its first."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int32)


def dates(month: Array) -> Array:
    """Return the first days, datetime64[D], of months since January 1970."""
    return np.asarray(month).astype("datetime64[M]").astype("datetime64[D]")


def year_of(month: Array) -> Array:
    """Return the calendar year of months since January 1970."""
    return _EPOCH_YEAR + np.asarray(month, dtype=np.int64) // MONTHS_PER_YEAR
