"""A user's own panel of real stocks, read from one Parquet file.

A row (t, i) holds what is known about stock i at the end of month t and its excess return from t
to t + 1. Every numeric column that is not the month, the stock, the return, the market equity or
the riskless rate is a characteristic.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from truepremia.errors import DataError
from truepremia.outside import circumstance, require_regular
from truepremia.panel import CrossSection
from truepremia.typing import Array

NAMES: Mapping[str, tuple[str, ...]] = {
    "month": ("month", "date", "yyyymm"),
    "firm": ("firmid", "permno", "gvkey", "firm", "id"),
    "excess_return": ("xret", "ret_excess", "excess_return"),
    "market_equity": ("mve", "mktcap", "market_equity", "me"),
    "riskfree": ("rf", "riskfree"),
}
"""What columns may be called, in the order in which they are looked for; the last is optional."""

PERCENT = 1.0
"""Median absolute return from which returns must be in per cent."""

SAME = 0.99
"""Correlation within months with the excess return from which a column is that return."""

LOWEST_RETURN = -2.0
"""Excess return below which a number must be a code."""


class RealPanel:
    """A checked panel of real stocks.

    Parameters
    ----------
    path : path
    window : int
        Months of the window; the panel must have one more.

    Raises
    ------
    DataError
        If the file is no Parquet file, or breaks a rule: one line with file, column and remedy.
    """

    def __init__(self, path: Path, frame: pd.DataFrame, names: tuple[str, ...], calendar: bool):
        self.path, self._frame, self.names, self._calendar = path, frame, names, calendar

    @classmethod
    def read(cls, path: str | Path, window: int) -> "RealPanel":
        """Read and check a file."""
        path = Path(path)
        raw = _raw(path)
        taken = {what: _column(path, raw, what) for what in NAMES}
        _refuse_second_names(path, raw, taken)
        others = [name for name in raw if name not in taken.values()]
        names = tuple(str(n) for n in others if pd.api.types.is_numeric_dtype(raw[n].dtype))
        if not names:
            raise DataError(f"{path} has no characteristic: add a column of numbers")
        month, calendar = _months(path, raw[taken["month"]])
        columns = {"month": month, "firm": _firms(path, raw[taken["firm"]])}
        for what in ("excess_return", "market_equity", "riskfree"):
            if taken[what]:
                columns[what] = _numbers(path, raw[taken[what]])
        columns |= {f"c:{name}": _numbers(path, raw[name]) for name in names}
        frame = pd.DataFrame(columns).sort_values(["month", "firm"], kind="stable")
        _check(path, frame, window, calendar)
        return cls(path, frame.reset_index(drop=True), names, calendar)

    @property
    def months(self) -> int:
        """Number of months."""
        return int(self._frame["month"].nunique())

    def cross_sections(self) -> Iterator[CrossSection]:
        """Yield the months in order."""
        characteristics = [f"c:{name}" for name in self.names]
        for month, rows in self._frame.groupby("month"):
            rate = float(rows["riskfree"].iloc[0]) if "riskfree" in rows else np.nan
            yield CrossSection(
                month=_label(int(str(month)), self._calendar),
                firm=rows["firm"].to_numpy(np.int64),
                names=self.names,
                characteristics=rows[characteristics].to_numpy(float),
                market_equity=rows["market_equity"].to_numpy(float),
                excess_return=rows["excess_return"].to_numpy(float),
                loadings={},
                riskfree=rate,
            )


def _raw(path: Path) -> pd.DataFrame:
    require_regular(path)
    try:
        return pd.read_parquet(path)
    except Exception as error:
        why = circumstance(error)
        if why is not None:
            raise DataError(f"cannot read {path}: {why}") from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not a Parquet file: {reason}; write one with pandas") from error


def _column(path: Path, raw: pd.DataFrame, what: str) -> str | None:
    found = [name for name in NAMES[what] if name in raw]
    if not found and what != "riskfree":
        raise DataError(
            f"{path} has no column for the {what.replace('_', ' ')}: name one of its columns "
            f"{' or '.join(NAMES[what])}"
        )
    return found[0] if found else None


def _refuse_second_names(path: Path, raw: pd.DataFrame, taken: Mapping[str, str | None]) -> None:
    """Refuse columns of numbers that would be characteristics under the name of something else."""
    for what, first in taken.items():
        for name in NAMES[what]:
            if name != first and name in raw and pd.api.types.is_numeric_dtype(raw[name].dtype):
                raise DataError(
                    f"{path} has the columns {first} and {name}, both names of the "
                    f"{what.replace('_', ' ')}: keep one of them; a characteristic needs another "
                    "name"
                )


def _numbers(path: Path, column: pd.Series) -> Array:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise DataError(
            f"{path}: column {column.name} holds {column.dtype}: must be numbers; convert it"
        )
    return column.to_numpy(dtype=float, na_value=np.nan)


def _firms(path: Path, column: pd.Series) -> Array:
    """Return whole numbers for firms, in the order of their names."""
    if column.isna().any():
        raise DataError(
            f"{path}: column {column.name} is missing in {int(column.isna().sum())} rows; drop them"
        )
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.to_numpy(np.int64)
    codes, _ = pd.factorize(column.astype(str), sort=True)
    return codes.astype(np.int64)


def _months(path: Path, column: pd.Series) -> tuple[Array, bool]:
    """Return months as consecutive whole numbers, and whether they are calendar months."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or column.dtype == object:
        dates = pd.to_datetime(column, errors="coerce")
        if dates.isna().any():
            raise DataError(f"{path}: column {column.name} has values that are no dates; mend them")
        return (12 * (dates.dt.year - 1970) + dates.dt.month - 1).to_numpy(np.int64), True
    values = _numbers(path, column)
    if not np.isfinite(values).all() or np.any(values != np.floor(values)):
        raise DataError(
            f"{path}: column {column.name} must hold dates, months yyyymm, or whole numbers that "
            "follow each other"
        )
    whole = values.astype(np.int64)
    inside = (whole >= 180001) & (whole <= 229912) & (whole % 100 >= 1) & (whole % 100 <= 12)
    if ((whole >= 180000) & (whole <= 229999)).all() and not inside.all():
        raise DataError(
            f"{path}: column {column.name} holds {whole[~inside][0]}: months yyyymm must end in 01 "
            "to 12; mend them"
        )
    if inside.all():
        return (whole // 100 - 1970) * 12 + whole % 100 - 1, True
    return whole, False


def _label(month: int, calendar: bool) -> int:
    """Return a month as it is shown: yyyymm, or its number."""
    return 100 * (1970 + month // 12) + month % 12 + 1 if calendar else month


def _check(path: Path, frame: pd.DataFrame, window: int, calendar: bool) -> None:
    """Refuse a panel that methods cannot be run on."""
    if not len(frame):
        raise DataError(f"{path} has no rows: give a panel of stocks")
    twice = frame.duplicated(["month", "firm"])
    if twice.any():
        at = frame[twice].iloc[0]
        raise DataError(
            f"{path}: {int(twice.sum())} rows repeat a firm and month, the first in month "
            f"{_label(int(at['month']), calendar)}; keep one row of each"
        )
    present = np.sort(frame["month"].unique())
    gaps = np.flatnonzero(np.diff(present) > 1)
    if len(gaps):
        missing = _label(int(present[gaps[0]]) + 1, calendar)
        raise DataError(
            f"{path}: month {missing} is missing: months must follow each other; add its rows, or "
            "give the months before and after it as two panels"
        )
    if len(present) <= window:
        raise DataError(
            f"{path} has {len(present)} months: must be at least window + 1 = {window + 1}; lower "
            "window or give more months"
        )
    _check_firms(path, frame)
    returns = frame["excess_return"].to_numpy(float)
    returns = returns[np.isfinite(returns)]
    if not len(returns):
        raise DataError(f"{path}: every excess return is missing; give returns as decimals")
    typical = float(np.median(np.abs(returns)))
    if typical > PERCENT:
        raise DataError(
            f"{path}: the median absolute excess return is {typical:.3g}: returns must be decimals "
            "per month, 0.01 for one per cent; divide by 100"
        )
    if returns.min() < LOWEST_RETURN:
        raise DataError(
            f"{path}: an excess return of {returns.min():g} is below -200%: codes for missing "
            "values must be nulls"
        )


def _check_firms(path: Path, frame: pd.DataFrame) -> None:
    """Refuse a panel in which no stock could be held, or that shows what it will earn."""
    names = [name for name in frame if str(name).startswith("c:")]
    known = np.isfinite(frame[names].to_numpy(float))
    value = frame["market_equity"].to_numpy(float)
    held = np.isfinite(value) & (value > 0)
    if not held.any():
        raise DataError(f"{path}: no market equity is above zero; no stock could be held")
    empty = [
        str(name)[2:]
        for name, there in zip(names, known[held].any(axis=0), strict=True)
        if not there
    ]
    if empty:
        raise DataError(
            f"{path}: column {empty[0]} is missing or infinite for every stock with a market "
            "equity: no stock could be held; drop the column"
        )
    if not (known.all(axis=1) & held).any():
        worst = int(known[held].mean(axis=0).argmin())
        raise DataError(
            f"{path}: no row has all characteristics, so no stock could be held; drop those that "
            f"are mostly missing, {str(names[worst])[2:]} first"
        )
    for name in names:
        if _correlation(frame, str(name)) > SAME:
            raise DataError(
                f"{path}: column {str(name)[2:]} is the return that is earned after the month of "
                "its row, which is not known then; drop it"
            )


def _correlation(frame: pd.DataFrame, name: str) -> float:
    """Return the size of the correlation of a column with the excess return within months."""
    both = frame[["month", name, "excess_return"]].replace([np.inf, -np.inf], np.nan).dropna()
    x, y = (both[n] - both.groupby("month")[n].transform("mean") for n in (name, "excess_return"))
    scale = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return abs(float((x * y).sum())) / scale if scale > 0 else 0.0
