"""Read any edition of a Tidy-Finance store into one form, refusing what does not fit.

Editions differ in the names of tables and columns and in how they store dates and company
identifiers (docs/replication.md). Values are judged by what is stored, not by what is declared.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truepremia.errors import DataError
from truepremia.files.formats import column as column_of
from truepremia.tidy.sources import Source, opened
from truepremia.tidy.tables import NYSE, Accounts, Coded, Stocks, dates, months, numbers
from truepremia.typing import Array


@dataclass(frozen=True)
class Form:
    """Names under which editions keep a table.

    Parameters
    ----------
    tables : tuple of str
        Names of the table; the first that exists is read.
    keys : tuple of str
        Columns that identify a row.
    aliases : mapping of str to tuple of str
        Names of a column, where they are not just its own.
    required, optional : tuple of str
    """

    tables: tuple[str, ...]
    keys: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


_MONTH = {"month": ("month", "date")}
STOCKS = Form(
    tables=("crsp_monthly",),
    keys=("permno", "month"),
    aliases={**_MONTH, "exchange": ("exchange", "exchcd", "primaryexch")},
    required=("permno", "gvkey", "month", "ret_excess", "mktcap", "mktcap_lag", "exchange"),
)
ACCOUNTS = Form(
    tables=("compustat", "compustat_annual"),
    keys=("gvkey", "datadate"),
    aliases={},
    required=("gvkey", "datadate", "be"),
    optional=("op", "inv", "sale", "cogs", "xsga", "xint", "at", "ib"),
)
THREE_FACTORS = Form(
    tables=("factors_ff_monthly", "factors_ff3_monthly"),
    keys=("month",),
    aliases={**_MONTH, "rf": ("rf", "risk_free")},
    required=("month", "smb", "hml"),
    optional=("mkt_excess", "rf"),
)
FIVE_FACTORS = Form(
    tables=("factors_ff5_monthly",),
    keys=("month",),
    aliases=_MONTH,
    required=("month", "smb", "hml", "rmw", "cma"),
)
TABLES = tuple(
    name for form in (STOCKS, ACCOUNTS, THREE_FACTORS, FIVE_FACTORS) for name in form.tables
)
"""Tables that are read, whichever of them a store has."""

EXCHANGE_CODES: Mapping[str, Mapping[Any, str]] = {
    "exchcd": {1: "NYSE", 31: "NYSE", 2: "AMEX", 32: "AMEX", 3: "NASDAQ", 33: "NASDAQ"},
    "primaryexch": {"N": "NYSE", "A": "AMEX", "Q": "NASDAQ"},
}
"""Labels of CRSP's old and new exchange codes; every other code is "Other"."""

_FIRST_DAY, _LAST_DAY = np.array(["1900-01-01", "2100-12-31"], dtype="datetime64[D]").astype(int)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2}(\.\d+)?)?")
_WHOLE_NUMBER = re.compile(r"\d+(\.0+)?")
_GVKEY_DIGITS = 6
_PERCENT = 0.2


@dataclass(frozen=True, eq=False)
class Store:
    """A store as it was read.

    Parameters
    ----------
    stocks : Stocks
    accounts : Accounts
    published : mapping of str to array, shape (M,)
        ``month`` (datetime64[D], ascending), ``smb``, ``hml`` and whichever other published
        factors there are; five-factor ``smb`` and ``hml`` as ``smb_ff5`` and ``hml_ff5``.
    report : mapping
        ``source``, ``edition``, the ``profile`` that fits it, rows and missing values by table
        (``counts``), ``first_month``, ``last_month`` and ``warnings``.
    """

    stocks: Stocks
    accounts: Accounts
    published: Mapping[str, Array]
    report: Mapping[str, Any]


def read_store(path: str | Sequence[str], coerce: bool = False, busy_timeout: float = 5) -> Store:
    """Read a store.

    Parameters
    ----------
    path : str or sequence of str
        A SQLite file, or the Parquet files of a folder.
    coerce : bool
        Turn text in a column of numbers into missing values, with a warning.
    busy_timeout : float
        Seconds to wait for a locked database.

    Raises
    ------
    DataError
        Naming file, table, column and remedy of the first thing that does not fit.
    """
    with opened(path, busy_timeout) as source:
        warnings = source.warnings
        found = [_Found(source, form, coerce, warnings) for form in _required_forms(source)]
        stocks = _stocks(found[0])
        accounts = _accounts(found[1])
        three = _factors(found[2])
        five = None
        if _table_of(source, FIVE_FACTORS):
            found.append(_Found(source, FIVE_FACTORS, coerce, warnings))
            five = _factors(found[3])
    month = found[0].names["month"]
    return Store(
        stocks=stocks,
        accounts=accounts,
        published=three if five is None else _joined(three, five),
        report={
            "source": source.name,
            "edition": f"{source.kind}, months in '{month}' as {found[0].dates_as}",
            "profile": "seed2023" if month == "month" else "book2026",
            "counts": {table.name: table.counts for table in found},
            "first_month": str(dates(stocks.month.min())),
            "last_month": str(dates(stocks.month.max())),
            "warnings": warnings,
        },
    )


def _required_forms(source: Source) -> list[Form]:
    forms = [STOCKS, ACCOUNTS, THREE_FACTORS]
    missing = [form for form in forms if _table_of(source, form) is None]
    if missing:
        wanted = "; ".join(" or ".join(form.tables) for form in missing)
        present = ", ".join(source.tables) or "none"
        raise DataError(
            f"{source.name}: there is no table {wanted} (tables present: {present}); "
            "choose a store that has them, or write them into this one"
        )
    return forms


def _table_of(source: Source, form: Form) -> str | None:
    return next((name for name in form.tables if name in source.tables), None)


def _stocks(found: "_Found") -> Stocks:
    permno = found.whole_numbers("permno")
    month = found.months("month")
    stocks = Stocks(
        permno=permno,
        gvkey=found.gvkey(),
        month=month,
        ret_excess=found.numbers("ret_excess"),
        mktcap=found.numbers("mktcap"),
        mktcap_lag=found.numbers("mktcap_lag"),
        exchange=found.exchange(),
    )
    stocks = stocks[
        found.one_row_per_key(
            [permno, month],
            [
                *(stocks.gvkey.code, stocks.exchange.code),
                *(stocks.ret_excess, stocks.mktcap, stocks.mktcap_lag),
            ],
            lambda row: f"permno {permno[row]} month {dates(month[row])}",
        )
    ]
    lost_all = int(np.sum(stocks.ret_excess < -1))
    if lost_all:
        found.warn("ret_excess", f"{lost_all} returns lie below -1 and were kept")
    no_value = stocks.mktcap <= 0
    if no_value.any():
        found.warn("mktcap", f"{no_value.sum()} values are not positive and count as missing")
        stocks = replace(stocks, mktcap=np.where(no_value, np.nan, stocks.mktcap))
    return stocks


def _accounts(found: "_Found") -> Accounts:
    gvkey, datadate = found.gvkey(), found.days("datadate").astype("datetime64[D]")
    items = {name: found.numbers(name) for name in found.names if name not in ACCOUNTS.keys}
    rows = found.one_row_per_key(
        [gvkey.code, datadate],
        list(items.values()),
        lambda row: f"gvkey {gvkey.names[gvkey.code[row]]} datadate {datadate[row]}",
    )
    return Accounts(gvkey, datadate, items)[rows]


def _factors(found: "_Found") -> dict[str, Array]:
    month = found.months("month")
    factors = {name: found.numbers(name) for name in found.names if name != "month"}
    values = list(factors.values())
    rows = found.one_row_per_key([month], values, lambda row: f"month {dates(month[row])}")
    median = np.nanmedian(np.abs(factors["smb"][rows]))
    if median > _PERCENT:
        raise found.error(
            "smb", f"the median size is {median:.2g} a month, it is in percent", "divide by 100"
        )
    return {"month": dates(month[rows])} | {name: f[rows] for name, f in factors.items()}


def _joined(three: Mapping[str, Array], five: Mapping[str, Array]) -> dict[str, Array]:
    """Return both models by month, missing factors as NaN."""
    month = np.union1d(three["month"], five["month"])
    joined = {"month": month}
    for factors, suffix in ((three, ""), (five, "_ff5")):
        rows = np.searchsorted(month, factors["month"])
        for name, values in factors.items():
            if name != "month":
                ending = suffix if name in three else ""
                joined[f"{name}{ending}"] = np.full(len(month), np.nan)
                joined[f"{name}{ending}"][rows] = values
    return joined


@dataclass
class _Found:
    """A table of a store while it is read: its columns by their names here."""

    source: Source
    form: Form
    coerce: bool
    warnings: list[str]
    name: str = field(init=False)
    names: dict[str, str] = field(init=False)
    dates_as: str = field(init=False, default="")
    counts: dict[str, Any] = field(init=False)
    _columns: dict[str, pa.Array] = field(init=False)

    def __post_init__(self) -> None:
        self.name = str(_table_of(self.source, self.form))
        self.names = self._present_names()
        self._columns = self._read()
        self.counts = {"rows": len(self._columns[self.form.keys[0]])}
        self._drop_rows_without_key()
        self._require_values()

    def _present_names(self) -> dict[str, str]:
        """Return the store's name of every column that is wanted and there."""
        present = self.source.tables[self.name]
        names = {}
        for column in (*self.form.required, *self.form.optional):
            aliases = self.form.aliases.get(column, (column,))
            found = next((alias for alias in aliases if alias in present), None)
            if found:
                names[column] = found
            elif column in self.form.required:
                raise self.error(
                    column,
                    f"there is no such column under the names {', '.join(aliases)} "
                    f"(columns present: {', '.join(present)})",
                    "add it to the table",
                )
        return names

    def _read(self) -> dict[str, pa.Array]:
        as_text = {"gvkey", "exchange", "month", "datadate"}
        stored = {name: alias for name, alias in self.names.items() if name not in as_text}
        table = self.source.read(self.name, list(self.names.values()))
        wrong = [
            (column, alias, *self.source.not_numbers(self.name, alias, self._stored_keys()))
            for column, alias in stored.items()
            if not _is_numeric(table[alias].type)
        ]
        for column, alias, count, examples in wrong:
            if not self.coerce or column in self.form.keys:
                raise self.error(
                    alias,
                    f"{count} values are text, not numbers, the first: {'; '.join(examples)}",
                    "correct them"
                    + (" or set tidy.coerce" if column not in self.form.keys else ""),
                )
            self.warn(alias, f"{count} values were text and count as missing")
        if wrong:
            coerced = [alias for _, alias, _, _ in wrong]
            table = self.source.read(self.name, list(self.names.values()), coerced)
        return {name: _without_nan(table[alias]) for name, alias in self.names.items()}

    def _stored_keys(self) -> list[str]:
        return [self.names[key] for key in self.form.keys]

    def _drop_rows_without_key(self) -> None:
        complete = np.ones(self.counts["rows"], dtype=bool)
        for key in self.form.keys:
            complete &= numbers(self._columns[key].is_valid().cast(pa.uint8())).astype(bool)
        missing = len(complete) - complete.sum()
        if 0 < missing < len(complete):
            rows = column_of(np.flatnonzero(complete))
            self._columns = {name: c.take(rows) for name, c in self._columns.items()}
            keys = " or ".join(self._stored_keys())
            self.warn(keys, f"{missing} rows have none and were dropped")

    def _require_values(self) -> None:
        for name in list(self.names):
            column = self._columns[name]
            if len(column) == column.null_count:
                if name in self.form.required:
                    raise self.error(self.names[name], "the column has no values", "fill it")
                del self._columns[name], self.names[name]
        missing = {self.names[name]: c.null_count for name, c in self._columns.items()}
        self.counts["missing"] = {name: count for name, count in missing.items() if count}

    def numbers(self, name: str) -> Array:
        """Return a column of finite numbers, missing ones NaN, shape (n,)."""
        values = numbers(self._columns[name].cast(pa.float64()))
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            raise self.error(
                self.names[name],
                f"{len(infinite)} values are infinite, the first in row {infinite[0] + 1}",
                "correct them or make them NULL",
            )
        return values

    def whole_numbers(self, name: str) -> Array:
        """Return a column of whole numbers, shape (n,)."""
        values = self.numbers(name)
        fractional = np.flatnonzero(values != np.floor(values))
        if len(fractional):
            raise self.error(
                self.names[name],
                f"{len(fractional)} values are not whole, the first {values[fractional[0]]}",
                "correct them",
            )
        return values.astype(np.int64)

    def months(self, name: str) -> Array:
        """Return months since January 1970 of a column of dates, shape (n,)."""
        return months(self.days(name))

    def days(self, name: str) -> Array:
        """Return days since 1 January 1970 of a column of dates in any form, shape (n,)."""
        column = self._columns[name]
        if pa.types.is_temporal(column.type):
            self.dates_as = "dates"
            days = numbers(column.cast(pa.date32()))
        elif _is_numeric(column.type):
            self.dates_as = "days since 1970-01-01"
            stored = numbers(column.cast(pa.float64()))
            self._require_dates(name, stored == np.floor(stored), stored)
            days = stored.astype(np.int64)
        else:
            self.dates_as = "text"
            coded = column.cast(pa.string()).dictionary_encode()
            texts = coded.dictionary.to_pylist()
            parsed = np.array([_day(text) for text in texts], dtype=np.float64)
            rows = numbers(coded.indices)
            self._require_dates(name, ~np.isnan(parsed[rows]), lambda row: texts[rows[row]])
            days = parsed[rows].astype(np.int64)
        self._require_dates(name, (days >= _FIRST_DAY) & (days <= _LAST_DAY), days)
        return days

    def _require_dates(self, name: str, good: Array, shown: Any) -> None:
        bad = np.flatnonzero(~good)
        if len(bad):
            text = shown if callable(shown) else shown.__getitem__
            raise self.error(
                self.names[name],
                f"{len(bad)} values are no dates, the first: "
                f"{', '.join(repr(str(text(row))) for row in bad[:3])}",
                "store days since 1970-01-01, text YYYY-MM-DD or dates from 1900 to 2100, "
                "one kind in a column",
            )

    def gvkey(self) -> Coded:
        """Return the company identifiers as texts of six digits."""
        column = self._columns["gvkey"]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        coded = column.dictionary_encode()
        names = [_gvkey(value) for value in coded.dictionary.to_pylist()]
        if False in names:
            wrong = coded.dictionary[names.index(False)].as_py()
            raise self.error("gvkey", f"{wrong!r} is no company identifier", "correct it")
        code = numbers(coded.indices.fill_null(len(names)))
        return Coded.from_codes(code, np.array([*names, None], dtype=object))

    def exchange(self) -> Coded:
        """Return the exchange labels, from codes where the store has no labels."""
        name, column = self.names["exchange"], self._columns["exchange"]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        coded = column.dictionary_encode()
        labels = coded.dictionary.to_pylist()
        missing = None
        if name in EXCHANGE_CODES:
            labels = [EXCHANGE_CODES[name].get(label, "Other") for label in labels]
            missing = "Other"
        if NYSE not in labels:
            shown = ", ".join(repr(label) for label in sorted(map(str, labels))[:8])
            raise self.error(
                name, f"no stock is labelled {NYSE!r} (labels: {shown})", "correct the labels"
            )
        labels = [None if label is None else str(label) for label in labels]
        code = numbers(coded.indices.fill_null(len(labels)))
        return Coded.from_codes(code, np.array([*labels, missing], dtype=object))

    def one_row_per_key(
        self, keys: Sequence[Array], values: Sequence[Array], shown: Callable[[int], str]
    ) -> Array:
        """Return the rows in ascending order of their keys, without exact duplicates."""
        order = np.lexsort(keys[::-1])
        same_key = np.ones(len(order) - 1, dtype=bool)
        for key in keys:
            same_key &= key[order[1:]] == key[order[:-1]]
        repeated = np.flatnonzero(same_key)
        if not len(repeated):
            return order
        first, second = order[repeated], order[repeated + 1]
        same_row = np.ones(len(repeated), dtype=bool)
        for value in values:
            a, b = value[first], value[second]
            same_row &= (a == b) | ((a != a) & (b != b))
        if not same_row.all():
            examples = ", ".join(shown(row) for row in second[~same_row][:3])
            raise self.error(
                " and ".join(self._stored_keys()),
                f"{np.sum(~same_row)} keys have several rows that differ, the first: {examples}",
                "keep one row for each",
            )
        self.warn(
            " and ".join(self._stored_keys()),
            f"{len(repeated)} exact duplicates of rows were dropped",
        )
        return np.delete(order, repeated + 1)

    def warn(self, column: str, fact: str) -> None:
        """Note something odd about ``column``."""
        self.warnings.append(f"{self.name}.{column}: {fact}")

    def error(self, column: str, fault: str, remedy: str) -> DataError:
        """Return the error that names file, table and column."""
        return DataError(f"{self.source.name}: {self.name}.{column}: {fault}; {remedy}")


def _is_numeric(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return any(test(kind) for test in tests)


def _without_nan(column: pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece, its NaN made null."""
    column = column.combine_chunks()
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _day(text: str) -> float:
    """Return days since 1 January 1970, NaN if ``text`` is no date."""
    try:
        stripped = text.strip()
        if _DATE.fullmatch(stripped):
            return float(np.datetime64(stripped[:10], "D").astype(int))
    except ValueError:
        pass
    return np.nan


def _gvkey(value: Any) -> str | bool | None:
    """Return an identifier in its one form, None if it is blank, False if it is none."""
    if isinstance(value, bytes | float) and not (isinstance(value, float) and value.is_integer()):
        return None if value != value else False
    text = str(value).strip()
    if _WHOLE_NUMBER.fullmatch(text):
        return text.split(".")[0].zfill(_GVKEY_DIGITS)
    return text or None
