"""The files of Kenneth French's data library, as they are downloaded.

A file, or the one file in a ZIP, is prose and blocks: a title, a line of column names that begins
with an empty field, and lines that begin with a period, YYYYMM or YYYY. Returns are in percent,
-99.99 and -999 are missing. Files of breakpoints have no names: period, one or two counts of firms
and the percentiles 5, 10, ..., 100.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from truepremia.errors import DataError
from truepremia.tidy.settings import SERIES
from truepremia.tidy.values import french_codes

PERCENTILES = tuple(range(5, 101, 5))
_TEXT_SUFFIXES = (".csv", ".txt")
_PERIOD = re.compile(r"\d{4}(\d{2})?")
_DECILE = re.compile(r"(\d)-Dec")
_PERCENT = 0.5
_REMEDY = "give the CSV or ZIP file as Kenneth French's data library has it"


@dataclass(frozen=True, eq=False)
class Block:
    """A block of a file.

    Parameters
    ----------
    title : str
        The line above the names, empty if there is none.
    monthly : bool
        Whether periods are months, first days; years are their first days otherwise.
    table : DataFrame
        By period, as in the file but missing values are NaN.
    """

    title: str
    monthly: bool
    table: pd.DataFrame

    def has(self, *words: str) -> bool:
        """Return whether the title has all of some words."""
        return all(word in self.title.lower() for word in words)


@dataclass(frozen=True, eq=False)
class PortfolioFile:
    """Monthly portfolios of a file.

    Parameters
    ----------
    returns : mapping of str to DataFrame
        Raw returns in decimals by month, for "value" and "equal" weights, as far as there are any.
    firms : DataFrame or None
        Number of firms by month.
    """

    returns: dict[str, pd.DataFrame]
    firms: pd.DataFrame | None


def read_portfolios(path: str | Path) -> PortfolioFile:
    """Read monthly portfolio returns, value and equal weighted, and numbers of firms.

    A block whose title names no weights is value weighted.

    Raises
    ------
    DataError
        If the file cannot be read or has no monthly returns.
    """
    returns: dict[str, pd.DataFrame] = {}
    firms = None
    for block in read_blocks(path):
        if not block.monthly:
            continue
        if block.has("number of firms"):
            firms = block.table if firms is None else firms
        elif block.has("return") or not block.title:
            weights = "equal" if block.has("equal") else "value"
            returns.setdefault(weights, _decimals(block.table))
    if not returns:
        raise DataError(f"{path}: there is no block of monthly returns; {_REMEDY}")
    return PortfolioFile(returns, firms)


def read_series(path: str | Path) -> pd.DataFrame:
    """Read monthly factors, in decimals by month: the first block of months."""
    monthly = [block for block in read_blocks(path) if block.monthly]
    if not monthly:
        raise DataError(f"{path}: there is no block of monthly returns; {_REMEDY}")
    return _decimals(monthly[0].table)


def french_files(inputs: Any, keys: Iterable[str]) -> dict[str, str]:
    """Return the files that a job was given, by their keys in the configuration."""
    found = {key: inputs.get(f"french_{key}") for key in keys}
    return {key: str(path) for key, path in found.items() if path}


def with_series(published: pd.DataFrame, paths: Mapping[str, str]) -> pd.DataFrame:
    """Return published factors with those of further files, one factor a file.

    Parameters
    ----------
    published : DataFrame
        ``month`` and factors.
    paths : mapping of str to path
        Files by the keys of ``SERIES``.
    """
    for key, path in paths.items():
        series = read_series(path).iloc[:, 0].rename(SERIES[key])
        kept = published.drop(columns=SERIES[key], errors="ignore")
        published = kept.merge(series.reset_index(), on="month", how="outer")
    return published.sort_values("month", ignore_index=True)


def read_breakpoints(path: str | Path) -> pd.DataFrame:
    """Read breakpoints: by year, ``firms`` and the percentiles 5, 10, ..., 100 as columns."""
    rows = []
    for line in _lines(path):
        fields = _fields(line)
        if _PERIOD.fullmatch(fields[0]) and len(fields) > len(PERCENTILES):
            numbers = _numbers(fields[1:], path)
            firms = numbers[: -len(PERCENTILES)]
            rows.append([int(fields[0][:4]), np.nansum(firms), *numbers[-len(PERCENTILES) :]])
    if not rows:
        raise DataError(f"{path}: there are no breakpoints; {_REMEDY}")
    table = pd.DataFrame(rows, columns=["year", "firms", *PERCENTILES])
    return table.drop_duplicates("year", keep="last").set_index("year").sort_index()


def read_blocks(path: str | Path) -> list[Block]:
    """Read all blocks of a file.

    Raises
    ------
    DataError
        If the file cannot be read or has no block.
    """
    blocks = list(_blocks(_lines(path), path))
    if not blocks:
        raise DataError(f"{path}: there is no table in it; {_REMEDY}")
    return blocks


def _lines(path: str | Path) -> list[str]:
    """Return the lines of a text file, or of the one text file in a ZIP."""
    path = Path(path)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                texts = [n for n in archive.namelist() if n.lower().endswith(_TEXT_SUFFIXES)]
                texts = [n for n in texts if not Path(n).name.startswith((".", "_"))]
                if len(texts) != 1:
                    raise DataError(f"{path}: {len(texts)} text files are in it, not 1; {_REMEDY}")
                content = archive.read(texts[0])
        else:
            content = path.read_bytes()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot read: {error}; {_REMEDY}") from error
    return content.decode("utf-8-sig", errors="replace").splitlines()


def _fields(line: str) -> list[str]:
    parts = line.split(",") if "," in line else line.split()
    return [part.strip() for part in parts] or [""]


def _blocks(lines: list[str], path: str | Path) -> Iterator[Block]:
    """Yield the blocks; a line of names belongs to the periods that follow it."""
    title = said = ""
    names: list[str] | None = None
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        fields = _fields(line)
        if names is not None and _PERIOD.fullmatch(fields[0]):
            rows.append(fields)
            continue
        if rows and names is not None:
            yield _block(title, names, rows, path)
            rows, names = [], None
        if line.lstrip().startswith(",") and any(fields):
            names, title, said = [_named(field) for field in fields[1:]], said, ""
        elif line.strip():
            said = line.strip().strip(",").strip()


def _block(title: str, names: list[str], rows: list[list[str]], path: str | Path) -> Block:
    while names and not names[-1]:
        names = names[:-1]
    wrong = [row for row in rows if len([f for f in row[1:] if f]) != len(names)]
    if wrong:
        raise DataError(
            f"{path}: the line of {wrong[0][0]} has {len(wrong[0]) - 1} numbers, its names are "
            f"{len(names)}; {_REMEDY}"
        )
    monthly = len(rows[0][0]) == 6
    periods = pd.to_datetime([row[0] for row in rows], format="%Y%m" if monthly else "%Y")
    values = [_numbers(row[1 : len(names) + 1], path) for row in rows]
    index = pd.DatetimeIndex(periods, name="month" if monthly else "year").astype("datetime64[s]")
    table = pd.DataFrame(values, index=index, columns=names)
    return Block(title if _is_title(title) else "", monthly, table)


def _is_title(said: str) -> bool:
    """Return whether a line is a title; prose ends a sentence."""
    return not said.endswith(".")


def _named(field: str) -> str:
    """Return a column name; spreadsheets made dates of deciles."""
    return _DECILE.sub(r"Dec \1", " ".join(field.split()))


def _numbers(fields: list[str], path: str | Path) -> np.ndarray:
    try:
        values = np.array([float(field) if field else np.nan for field in fields])
    except ValueError as error:
        raise DataError(f"{path}: {error}; {_REMEDY}") from error
    return np.where(french_codes(values) & (values < -1), np.nan, values)


def _decimals(percent: pd.DataFrame) -> pd.DataFrame:
    """Return returns in decimals; a table that is in decimals already stays."""
    size = np.nanmedian(np.abs(percent.to_numpy()))
    return percent / 100 if size > _PERCENT else percent
