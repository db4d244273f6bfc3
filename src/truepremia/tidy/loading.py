"""One table of a store, found under any of its names, with the columns that are wanted.

A required column at fault is an error that names store, table and column; an optional one becomes
missing, with a count.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truepremia.errors import DataError
from truepremia.files.formats import column as column_of
from truepremia.tidy.layouts import Layout, matching
from truepremia.tidy.sources import Source, text_part
from truepremia.tidy.tables import NYSE, Coded, dates, months, numbers
from truepremia.tidy.values import (
    EXACT,
    Days,
    days,
    floats,
    gvkey_of,
    is_numeric,
    label_of,
    label_of_code,
    parsed,
    return_codes,
)
from truepremia.typing import Array

_DATES = ("month", "datadate")
_LABELS = ("gvkey", "exchange", "indfmt")
_RETURNS = ("ret_excess", "ret", "retx")
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Loaded:
    """A table as it was loaded; n rows, each with its keys.

    Parameters
    ----------
    store, table : str
        Names, for messages.
    layout : Layout
    names : mapping of str to str
        The store's name of every column that was found.
    amounts : mapping of str to array, shape (n,)
        Columns of numbers, missing ones NaN; dates as days since 1970-01-01.
    labels : mapping of str to mapping of str to column of length n
        Columns of text by the names under which the store has them.
    dates_as : str
        How dates are stored.
    stored_rows : int
        Rows before those without keys were dropped.
    warnings : list of str
    """

    store: str
    table: str
    layout: Layout
    names: Mapping[str, str]
    amounts: Mapping[str, Array]
    labels: Mapping[str, Mapping[str, pa.Array]]
    dates_as: str
    stored_rows: int
    warnings: list[str]

    @property
    def counts(self) -> dict[str, Any]:
        """Rows, and missing values by column."""
        missing = {
            **{name: int(np.isnan(values).sum()) for name, values in self.amounts.items()},
            **{name: _first(columns).null_count for name, columns in self.labels.items()},
        }
        named = {self.names[name]: count for name, count in missing.items() if count}
        return {"rows": self.stored_rows, "missing": named}

    def whole_numbers(self, name: str) -> Array:
        """Return a column of whole numbers, shape (n,)."""
        values = self.amounts[name]
        wrong = np.flatnonzero(values != np.floor(values))
        if len(wrong):
            raise self.error(
                self.names[name],
                f"{len(wrong)} values are not whole, the first {values[wrong[0]]}",
                "correct them",
            )
        large = np.flatnonzero(np.abs(values) >= EXACT)
        if len(large):
            raise self.error(
                self.names[name],
                f"{len(large)} values are too large, the first about {values[large[0]]:.6g}: whole "
                f"numbers are told apart below {EXACT} (2^53)",
                "store smaller ones",
            )
        return values.astype(np.int64)

    def without_large(self, name: str) -> Array:
        """Return a column of optional identifiers, NaN for those that are not told apart, (n,)."""
        values = self.amounts[name]
        large = np.abs(values) >= EXACT
        if large.any():
            self.warn(
                self.names[name],
                f"{large.sum()} values are too large to be told apart, {EXACT} (2^53) or more, and "
                "count as missing",
            )
        return np.where(large, np.nan, values)

    def months(self, name: str) -> Array:
        """Return months since January 1970 of a column of dates, shape (n,)."""
        return months(self.amounts[name].astype(np.int64))

    def days(self, name: str) -> Array:
        """Return a column of dates, datetime64[D], shape (n,)."""
        return self.amounts[name].astype(np.int64).astype("datetime64[D]")

    def gvkey(self) -> Coded:
        """Return the company identifiers as texts of six digits."""
        coded = _first(self.labels["gvkey"]).dictionary_encode()
        stored = coded.dictionary.to_pylist()
        names = [gvkey_of(value) for value in stored]
        if False in names:
            wrong = stored[names.index(False)]
            raise self.error("gvkey", f"{wrong!r} is no company identifier", "correct it")
        code = numbers(coded.indices.fill_null(len(names)))
        return Coded.from_codes(code, np.array([*names, None], dtype=object))

    def exchange(self) -> Coded:
        """Return the exchange labels, from codes where the store has no labels."""
        found = {name: _labelled(column, name) for name, column in self.labels["exchange"].items()}
        chosen, labels = next(
            ((n, c) for n, c in found.items() if NYSE in c.names), (None, Coded(np.empty(0), ()))
        )
        if chosen is None:
            name, column = next(iter(self.labels["exchange"].items()))
            stored = ", ".join(repr(v) for v in sorted(map(str, column.unique().to_pylist()))[:8])
            raise self.error(name, f"no stock is labelled {NYSE!r} (stored: {stored})", _EXCHANGE)
        for other, codes in found.items():
            if other == chosen or NYSE not in codes.names:
                continue
            known = (labels.code >= 0) & (codes.code >= 0)
            differ = int(np.sum(known & (labels.is_name(NYSE) != codes.is_name(NYSE))))
            if differ:
                self.warn(
                    chosen,
                    f"{differ} rows are on the NYSE by {chosen} or {other} alone; {chosen} is used",
                )
        return labels

    def one_row_per_key(
        self, keys: Sequence[Array], values: Sequence[Array], shown: Callable[[int], str]
    ) -> Array:
        """Return the rows in ascending order of their keys, without exact duplicates."""
        order = np.lexsort(keys[::-1])
        same_key = np.ones(max(len(order) - 1, 0), dtype=bool)
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
        named = " and ".join(self.names[key] for key in self.layout.keys)
        if not same_row.all():
            examples = ", ".join(shown(row) for row in second[~same_row][:3])
            raise self.error(
                named,
                f"{np.sum(~same_row)} keys have several rows that differ, the first: {examples}",
                "keep one row for each",
            )
        self.warn(named, f"{len(repeated)} exact duplicates of rows were dropped")
        return np.delete(order, repeated + 1)

    def rows(self, chosen: Array) -> "Loaded":
        """Return some of the rows."""
        at = column_of(np.flatnonzero(chosen) if chosen.dtype == bool else chosen)
        return replace(
            self,
            amounts={name: values[chosen] for name, values in self.amounts.items()},
            labels={
                name: {alias: column.take(at) for alias, column in columns.items()}
                for name, columns in self.labels.items()
            },
        )

    def warn(self, column: str, fact: str) -> None:
        """Note something odd about ``column``."""
        self.warnings.append(f"{self.table}.{column}: {fact}")

    def error(self, column: str, fault: str, remedy: str) -> DataError:
        """Return the error that names store, table and column."""
        return DataError(f"{self.store}: {self.table}.{column}: {fault}; {remedy}")


_EXCHANGE = "correct the labels"


def load(source: Source, table: str, layout: Layout, coerce: bool) -> Loaded:
    """Load a table.

    Parameters
    ----------
    source : Source
    table : str
        Name in the store.
    layout : Layout
    coerce : bool
        Whether text in a required column becomes missing, with a warning, instead of an error.

    Raises
    ------
    DataError
        If a required column is missing, empty or at fault.
    """
    empty = Loaded(source.name, table, layout, {}, {}, {}, "", 0, [])
    stored = _stored_names(empty, source.tables[table])
    content = _content(source, table, stored)
    amounts, names, labels, dates_as = {}, {}, {}, ""
    for name, aliases in stored.items():
        names[name] = aliases[0]
        if name in _LABELS:
            labels[name] = {alias: _plain(content[alias]) for alias in aliases}
        elif name in _DATES:
            names[name], dates_as, amounts[name] = _dates(empty, content, aliases)
        else:
            names[name], amounts[name] = _amounts(empty, content, name, stored, coerce)
    loaded = Loaded(
        source.name,
        table,
        layout,
        names,
        amounts,
        labels,
        dates_as,
        content.num_rows,
        empty.warnings,
    )
    return _with_values(_with_keys(loaded))


def _stored_names(table: Loaded, present: Sequence[str]) -> dict[str, list[str]]:
    """Return the store's names of every column that is wanted and there."""
    names = {}
    for column in (*table.layout.required, *table.layout.optional):
        aliases = table.layout.aliases.get(column, (column,))
        found = [name for alias in aliases for name in matching(alias, present)]
        if found:
            names[column] = list(dict.fromkeys(found))
        elif column in table.layout.required:
            raise table.error(
                column,
                f"there is no such column under the names {', '.join(aliases)} "
                f"(columns present: {', '.join(present)})",
                "add it to the table",
            )
    return names


def _content(source: Source, table: str, stored: Mapping[str, Sequence[str]]) -> pa.Table:
    """Read the columns, those of numbers that hold text in two parts."""
    columns = list(dict.fromkeys(name for names in stored.values() for name in names))
    content = source.read(table, columns)
    held = {n for name, names in stored.items() if name not in (*_DATES, *_LABELS) for n in names}
    mixed = [name for name in columns if name in held and not is_numeric(content[name].type)]
    return source.read(table, columns, mixed) if mixed else content


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece, without a dictionary, its NaN made null."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    column = column.combine_chunks()
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _first(columns: Mapping[str, pa.Array]) -> pa.Array:
    return next(iter(columns.values()))


def _labelled(column: pa.Array, name: str) -> Coded:
    """Return exchange labels; a missing code is that of no exchange, a missing label is missing."""
    coded = column.dictionary_encode()
    stored = coded.dictionary.to_pylist()
    if name.lower() == "exchange":
        labels: list[str | None] = [*map(label_of, stored), None]
    else:
        labels = [*map(label_of_code, stored), "Other"]
    return Coded.from_codes(
        numbers(coded.indices.fill_null(len(stored))), np.array(labels, dtype=object)
    )


def _dates(table: Loaded, content: pa.Table, aliases: Sequence[str]) -> tuple[str, str, Array]:
    """Return the name of the column of dates that is used, how it is stored, and its days, (n,)."""
    columns = {alias: _plain(content[alias]) for alias in aliases}
    columns = {alias: c for alias, c in columns.items() if c.null_count < len(c)} or columns
    found = {alias: days(column.drop_null()) for alias, column in columns.items()}
    dated = [alias for alias, d in found.items() if d.hold_months]
    used = (dated or list(found))[0]
    _require_dates(table, used, found[used])
    good = [used, *(a for a in dated if a != used and found[a].is_certain)]
    every = {alias: _on_all_rows(found[alias].day, columns[alias]) for alias in good}
    for alias in found:
        if alias not in good:
            table.warn(alias, f"the column does not tell the months, {used} is used")
    for alias in good[1:]:
        a, b = every[used], every[alias]
        both = ~np.isnan(a) & ~np.isnan(b)
        differ = int(np.sum(months(a[both].astype(int)) != months(b[both].astype(int))))
        if differ:
            table.warn(used, f"{differ} rows are in another month than by {alias}; {alias} is used")
            used = alias
    return used, found[used].kind, every[used]


def _on_all_rows(day: Array, column: pa.Array) -> Array:
    values = np.full(len(column), np.nan)
    values[numbers(column.is_valid().cast(pa.uint8())).astype(bool)] = day
    return values


def _require_dates(table: Loaded, column: str, found: Days) -> None:
    bad = np.flatnonzero(~found.is_date)
    if len(bad):
        hint = f" ({found.hint})" if found.hint else ""
        raise table.error(
            column,
            f"{len(bad)} values are no dates, the first: "
            f"{', '.join(repr(found.shown(row)) for row in bad[:3])}{hint}",
            "store days since 1970-01-01, text YYYY-MM-DD or dates from 1900 to 2100, "
            "one kind in a column",
        )
    late = np.flatnonzero(found.is_late)
    if len(late):
        raise table.error(
            column,
            f"{len(late)} dates have a clock time late on the last day of a month, the first: "
            f"{', '.join(repr(found.shown(row)) for row in late[:3])}; in another time zone that "
            "is the next month",
            "store dates without a time, in the zone in which they were made",
        )
    if not found.hold_months and len(found.day) and column.lower() != "datadate":
        raise table.error(
            column,
            f"the values {found.shown(0)}, ... are small whole numbers, no days since 1970-01-01",
            "store days since 1970-01-01, text YYYY-MM-DD or dates",
        )


def _amounts(
    table: Loaded, content: pa.Table, name: str, stored: Mapping[str, Sequence[str]], coerce: bool
) -> tuple[str, Array]:
    """Return the name of the column of numbers that is used, and its values, shape (n,)."""
    aliases = stored[name]
    found = {a: _amount(table, content, name, a, stored, coerce) for a in aliases}
    held = [alias for alias in aliases if not np.isnan(found[alias]).all()] or [aliases[0]]
    used = held[0]
    for alias in held[1:]:
        both = ~np.isnan(found[used]) & ~np.isnan(found[alias])
        differ = int(np.sum(found[used][both] != found[alias][both]))
        if differ:
            table.warn(used, f"{differ} values differ from those of {alias}; {used} is used")
    return used, found[used]


def _amount(
    table: Loaded,
    content: pa.Table,
    name: str,
    alias: str,
    stored: Mapping[str, Sequence[str]],
    coerce: bool,
) -> Array:
    """Return the numbers of one stored column, shape (n,)."""
    values = floats(content[alias])
    if text_part(alias) in content.column_names:
        texts = parsed(content[text_part(alias)], name in _RETURNS)
        values = np.where(texts.is_number, texts.value, values)
        _note_texts(table, alias, texts.is_number, texts.is_blank, texts.is_code)
        other = np.flatnonzero(texts.is_other)
        if len(other):
            is_key = name in table.layout.keys
            if is_key or (name in table.layout.required and not coerce):
                shown = "; ".join(_row(content, row, stored, table, alias) for row in other[:3])
                remedy = "correct them" + ("" if is_key else " or set tidy.coerce")
                raise table.error(
                    alias, f"{len(other)} values are text, not numbers, the first: {shown}", remedy
                )
            table.warn(alias, f"{len(other)} values were text and count as missing")
    if name in _RETURNS:
        values = _without_codes(table, alias, values)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite) and name in table.layout.required:
        raise table.error(
            alias,
            f"{len(infinite)} values are infinite, the first in row {infinite[0] + 1}",
            "correct them or make them NULL",
        )
    if len(infinite):
        table.warn(alias, f"{len(infinite)} values are infinite and count as missing")
        values = np.where(np.isinf(values), np.nan, values)
    return values


def _note_texts(table: Loaded, alias: str, number: Array, blank: Array, code: Array) -> None:
    if number.any():
        table.warn(alias, f"{number.sum()} numbers are stored as text and were read as numbers")
    if blank.any():
        table.warn(alias, f"{blank.sum()} texts mark a missing value and count as missing")
    if code.any():
        table.warn(alias, f"{code.sum()} letters are CRSP's codes for a missing return")


def _row(
    content: pa.Table, row: int, stored: Mapping[str, Sequence[str]], table: Loaded, alias: str
) -> str:
    """Return the keys and the value of a row, for users."""
    keys = [stored[key][0] for key in table.layout.keys]
    shown = {key: content[key][row].as_py() for key in keys}
    shown[alias] = content[text_part(alias)][row].as_py()
    return " ".join(
        f"{k}={v:.15g}" if isinstance(v, float) else f"{k}={v}" for k, v in shown.items()
    )


def _without_codes(table: Loaded, alias: str, values: Array) -> Array:
    """Return returns whose missing-value codes are NaN."""
    codes = return_codes(values)
    if not codes.any():
        return values
    named = ", ".join(f"{code:g}" for code in sorted(set(np.round(values[codes])), reverse=True))
    table.warn(
        alias,
        f"{codes.sum()} values are CRSP's codes for a missing return ({named}) and count "
        "as missing",
    )
    return np.where(codes, np.nan, values)


def _with_keys(loaded: Loaded) -> Loaded:
    """Return the rows that have all keys."""
    complete = np.ones(loaded.stored_rows, dtype=bool)
    for key in loaded.layout.keys:
        if key in loaded.amounts:
            complete &= ~np.isnan(loaded.amounts[key])
        else:
            valid = _first(loaded.labels[key]).is_valid()
            complete &= numbers(valid.cast(pa.uint8())).astype(bool)
    missing = len(complete) - int(complete.sum())
    if missing in (0, len(complete)):
        return loaded
    keys = " or ".join(loaded.names[key] for key in loaded.layout.keys)
    loaded.warn(keys, f"{missing} rows have none and were dropped")
    return loaded.rows(complete)


def _with_values(loaded: Loaded) -> Loaded:
    """Return the columns that have values; a required one must."""
    empty = {name for name, values in loaded.amounts.items() if np.isnan(values).all()}
    empty |= {
        name
        for name, columns in loaded.labels.items()
        if all(column.null_count == len(column) for column in columns.values())
    }
    for name in loaded.layout.required:
        if name in empty:
            raise loaded.error(loaded.names[name], "the column has no values", "fill it")
    labels = {
        name: {a: c for a, c in columns.items() if c.null_count < len(c)}
        for name, columns in loaded.labels.items()
        if name not in empty
    }
    names = dict(loaded.names) | {name: next(iter(columns)) for name, columns in labels.items()}
    return replace(
        loaded,
        names={name: alias for name, alias in names.items() if name not in empty},
        amounts={name: v for name, v in loaded.amounts.items() if name not in empty},
        labels=labels,
    )


def shown_month(month: Any) -> str:
    """Return a month since January 1970 as its first day."""
    return str(dates(month))
