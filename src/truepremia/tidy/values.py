"""What is stored in a column of a store, as numbers, days, identifiers and labels.

Values are judged by what is stored, not by what a table declares: numbers may stand in text, dates
may be dates, text or days since 1970-01-01.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truepremia.tidy.tables import NYSE, numbers
from truepremia.typing import Array

LABELS: dict[str, str] = {
    **dict.fromkeys(("1", "31", "N"), NYSE),
    **dict.fromkeys(("2", "32", "A"), "AMEX"),
    **dict.fromkeys(("3", "33", "Q"), "NASDAQ"),
}
"""Labels of CRSP's exchange codes, old (exchcd) and new (primaryexch); all others are "Other"."""

RETURN_CODES = (-44.0, -55.0, -66.0, -77.0, -88.0, -99.0)
"""What CRSP stores instead of a return that is missing."""

RETURN_LETTERS = ("A", "B", "C", "D", "E")
"""The same codes in exports as text."""

FRENCH_CODES = (-99.99, -999.0, -0.9999, -9.99)
"""What French's files store instead of a return that is missing, in percent and in decimals."""

FIRST_DAY, LAST_DAY = (
    int(np.datetime64(day, "D").astype(int)) for day in ("1900-01-01", "2100-12-31")
)
LATEST_HOUR = 12
"""From this hour on, the last day of a month may be the first of the next in another time zone."""

EXACT = 2**53
"""Whole numbers below this are told apart: columns of numbers are read in double precision."""

_CODE_SLACK = 0.1  # a riskless return was taken from a code as if it were a return
_DATE = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}):\d{2}(?::\d{2}(?:\.\d+)?)? ?(?:Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
_MISSING = frozenset({"", ".", "nan", "na", "<na>", "null", "none"})
_BLOB = re.compile(r"X'([0-9A-F]*)'")
_WHOLE_NUMBER = re.compile(r"\d+(\.0+)?")
_GVKEY_DIGITS = 6
_INTEGER_BYTES = 8
_SECOND = 86_400


def is_numeric(kind: pa.DataType) -> bool:
    """Return whether a type holds numbers."""
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    return pa.types.is_null(kind) or any(test(kind) for test in tests)


def floats(column: pa.ChunkedArray | pa.Array) -> Array:
    """Return a column of numbers, missing ones NaN, shape (n,)."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    return numbers(column.cast(pa.float64(), safe=False))


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts in a column of numbers, as far as they are numbers.

    Parameters
    ----------
    value : array, shape (n,)
        The numbers; NaN for every other row.
    is_number, is_blank, is_code, is_other : array of bool, shape (n,)
        Numbers, marks of a missing value, letters of CRSP for a missing return, and the rest.
    """

    value: Array
    is_number: Array
    is_blank: Array
    is_code: Array
    is_other: Array


_NUMERIC, _BLANK, _CODE, _OTHER = range(1, 5)


def parsed(texts: pa.ChunkedArray, letters_are_codes: bool) -> Texts:
    """Read the numbers in texts, exactly.

    Parameters
    ----------
    texts : column of strings
    letters_are_codes : bool
        Whether the letters that CRSP writes for a missing return are codes.
    """
    coded = texts.combine_chunks().dictionary_encode()
    found = [_parsed(text, letters_are_codes) for text in coded.dictionary.to_pylist()]
    found.append((0, np.nan))
    row = numbers(coded.indices.fill_null(len(found) - 1))
    what = np.array([kind for kind, _ in found])[row]
    value = np.array([number for _, number in found])[row]
    return Texts(value, *(what == kind for kind in (_NUMERIC, _BLANK, _CODE, _OTHER)))


def _parsed(text: str, letters_are_codes: bool) -> tuple[int, float]:
    bare = text.strip()
    if blob := _BLOB.fullmatch(bare):
        content = bytes.fromhex(blob[1])
        if len(content) == _INTEGER_BYTES:  # what sqlite3 makes of an integer of numpy
            whole = int.from_bytes(content, "little", signed=True)
            if abs(whole) < EXACT:
                return _NUMERIC, float(whole)
        bare = content.decode("ascii", errors="replace").strip()
    if _NUMBER.fullmatch(bare):
        return _NUMERIC, float(bare)
    if bare.lower() in _MISSING:
        return _BLANK, np.nan
    if letters_are_codes and bare in RETURN_LETTERS:
        return _CODE, np.nan
    return _OTHER, np.nan


def return_codes(values: Array) -> Array:
    """Return which returns are codes of CRSP, shape (n,); a riskless return may be off them."""
    near = [np.abs(values - code) < _CODE_SLACK for code in RETURN_CODES]
    return np.asarray(np.logical_or.reduce(near))


def french_codes(values: Array) -> Array:
    """Return which values are codes of French's files, shape (n,)."""
    return np.asarray(
        np.logical_or.reduce([np.isclose(values, c, rtol=1e-9) for c in FRENCH_CODES])
    )


@dataclass(frozen=True, eq=False)
class Days:
    """A column of dates.

    Parameters
    ----------
    day : array of int64, shape (n,)
        Days since 1970-01-01; 0 for what is no date.
    kind : str
        How they are stored, for users.
    is_date : array of bool, shape (n,)
    is_late : array of bool, shape (n,)
        Whether a clock time makes it doubtful to which month the date belongs.
    shown : callable
        Returns what is stored in a row, for users.
    hint : str
        What the values look like if they are no dates.
    """

    day: Array
    kind: str
    is_date: Array
    is_late: Array
    shown: Callable[[int], str]
    hint: str = ""

    @property
    def hold_months(self) -> bool:
        """Whether most values are dates, and not small whole numbers such as 1..12."""
        if not len(self.day) or self.is_date.mean() <= _MOST:
            return False
        counted = self.kind == _COUNTED and self.day.min() >= 0 and self.day.max() <= _MOST_COUNTED
        return not counted

    @property
    def is_certain(self) -> bool:
        """Whether every value is a date whose month is beyond doubt."""
        return bool(self.is_date.all() and not self.is_late.any())


_MOST = 0.5
_COUNTED = "days since 1970-01-01"
_MOST_COUNTED = 366
"""Days up to here are rather numbers of months: 1..12, or a count of them."""


def days(column: pa.Array) -> Days:
    """Read a column of dates without missing values, in whatever form they are stored."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _temporal(column)
    if is_numeric(column.type):
        return _counted(floats(column))
    coded = column.cast(pa.string()).dictionary_encode()
    texts: list[str] = coded.dictionary.to_pylist()
    row = numbers(coded.indices)
    if texts and all(_NUMBER.fullmatch(text.strip()) for text in texts):
        return _counted(np.array([float(text) for text in texts])[row])
    found = [_day(text) for text in texts]
    day = np.array([day for day, _ in found])[row] if texts else np.empty(0)
    hour = np.array([hour for _, hour in found])[row] if texts else np.empty(0)
    is_date = (day >= FIRST_DAY) & (day <= LAST_DAY)
    whole = np.where(is_date, day, 0).astype(np.int64)
    late = is_date & (hour >= LATEST_HOUR) & _ends_month(whole)
    return Days(whole, "text", is_date, late, lambda at: texts[row[at]])


def _temporal(column: pa.Array) -> Days:
    """Read dates or times; a time in a zone has the date of that zone."""
    shown = column
    hour = np.zeros(len(column))
    if pa.types.is_timestamp(column.type):
        if column.type.tz is not None:
            column = pc.local_timestamp(column)
        hour = floats(pc.hour(column))
    day = numbers(column.cast(pa.date32(), safe=False)).astype(np.int64)
    is_date = (day >= FIRST_DAY) & (day <= LAST_DAY)
    late = is_date & (hour >= LATEST_HOUR) & _ends_month(day)
    return Days(day, "dates", is_date, late, lambda at: str(shown[at].as_py()))


def _counted(stored: Array) -> Days:
    """Read days since 1970-01-01."""
    is_date = (stored == np.floor(stored)) & (stored >= FIRST_DAY) & (stored <= LAST_DAY)
    whole = np.where(is_date, stored, 0).astype(np.int64)
    none = np.zeros(len(stored), dtype=bool)
    return Days(
        whole, _COUNTED, is_date, none, lambda at: f"{stored[at]:.15g}", _looks_like(stored)
    )


def _looks_like(stored: Array) -> str:
    """Say what numbers that are no days might be."""
    finite = stored[np.isfinite(stored)]
    if not len(finite):
        return ""
    low, high = finite.min(), finite.max()
    for unit, size in (("seconds", 1.0), ("milliseconds", 1e3), ("microseconds", 1e6), ("ns", 1e9)):
        size *= _SECOND
        if high > LAST_DAY * 10 and low / size >= FIRST_DAY and high / size <= LAST_DAY:
            if low >= 19000101 and high <= 21001231:
                return "they look like YYYYMMDD"
            return f"they look like {unit} since 1970"
    return "they look like YYYYMM" if low >= 190001 and high <= 210012 else ""


def _ends_month(day: Array) -> Array:
    month = (day + 1).astype("datetime64[D]").astype("datetime64[M]")
    return np.asarray(month != day.astype("datetime64[D]").astype("datetime64[M]"))


def _day(text: str) -> tuple[float, int]:
    """Return days since 1 January 1970 and the hour, NaN if ``text`` is no date."""
    if match := _DATE.fullmatch(text.strip()):
        try:
            return float(np.datetime64(match[1], "D").astype(int)), int(match[2] or 0)
        except ValueError:
            pass
    return np.nan, 0


def gvkey_of(value: Any) -> str | bool | None:
    """Return an identifier in its one form, None if it is blank, False if it is none."""
    if isinstance(value, bytes | float) and not (isinstance(value, float) and value.is_integer()):
        return None if value != value else False
    text = f"{value:.0f}" if isinstance(value, float) else str(value).strip()
    if _WHOLE_NUMBER.fullmatch(text):
        return text.split(".")[0].zfill(_GVKEY_DIGITS)
    return None if text.lower() in _MISSING else text


def label_of(value: Any) -> str | None:
    """Return the exchange label of a stored label, None if it is blank."""
    text = str(value).strip()
    if text.lower() in _MISSING:
        return None
    return text.upper() if text.upper() in {NYSE, "AMEX", "NASDAQ"} else text


def label_of_code(value: Any) -> str:
    """Return the exchange label of a stored code, which may be text or a number."""
    text = str(value).strip().upper()
    if _WHOLE_NUMBER.fullmatch(text):
        text = text.split(".")[0]
    return LABELS.get(text, "Other")
