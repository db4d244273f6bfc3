"""The bundle of a panel, a pickle that opens with pandas and numpy alone, and its manifest."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from truepremia.economies.contract import Economy
from truepremia.errors import DataError
from truepremia.files.formats import TableFile, replacing
from truepremia.files.restricted_pickle import read_bundle

KEYS = (
    "ff_returns",
    "fm_returns",
    "fama_stats",
    "model_premia_taylor",
    "model_premia_proj",
    "model_stats",
    "panel_id",
    "model",
    "chars",
    "start",
    "end",
)
"""Keys of the bundle, in the order of the contract."""

PICKLE_PROTOCOL = 4

STATISTICS = ("month", "method", "alpha", "stdev", "mean", "xret", "hjd")
"""Columns of both tables of statistics."""

_FRAMES, _TEXTS, _MONTHS = KEYS[:6], ("panel_id", "model"), ("start", "end")
_LAST_MONTH = 2**53


def bundle(
    economy: Economy, panel_id: str, tables: Mapping[str, str | Path], burnin: int, months: int
) -> dict[str, Any]:
    """Return the 11 items of a panel's bundle.

    Parameters
    ----------
    economy : Economy
    panel_id : str
    tables : mapping of str to path
        Tables of the panel by name; those that are no key of the bundle are ignored.
    burnin, months : int
        Size of the panel.

    Raises
    ------
    DataError
        If a statistic is not a finite number.
    """
    items: dict[str, Any] = dict.fromkeys(KEYS)
    for key in set(KEYS) & set(tables):
        frame = read_frame(tables[key], key, panel_id)
        if key.endswith("_stats"):
            if not np.isfinite(frame.select_dtypes("number").to_numpy()).all():
                raise DataError(f"{tables[key]} holds a statistic that is not a finite number")
            items[key] = frame
        else:
            items[key] = frame.drop(columns="month")
            items[key].index = pd.Index(frame["month"], dtype=np.int64, name="month")
    return items | {
        "panel_id": panel_id,
        "model": economy.name,
        "chars": list(economy.characteristics),
        "start": int(burnin),
        "end": int(burnin + months - 1),
    }


def read_checked_bundle(path: str | Path) -> dict[str, Any]:
    """Read a bundle and check it against the contract.

    Raises
    ------
    DataError
        As :func:`read_bundle`; or if a key is missing or foreign, or a value is of another form.
    """
    items = read_bundle(path)
    require_contract(path, items)
    return items


def require_contract(path: str | Path, items: Mapping[str, Any]) -> None:
    """Refuse what a bundle's file holds if it breaks the contract.

    Raises
    ------
    DataError
        If a key is missing or foreign, or a value is of another form.
    """
    wrong = _first_fault(items)
    if wrong:
        raise DataError(
            f"{path} is not a bundle: {wrong}; name a bundle such as "
            "results/bgn_0_fama.pkl, or build it again if it is damaged"
        )


def _first_fault(items: Mapping[str, Any]) -> str | None:
    """Return what breaks the contract, None if nothing does."""
    missing = [key for key in KEYS if key not in items]
    if missing:
        return f"key {missing[0]} is missing"
    if len(items) > len(KEYS):
        return f"it has a key {next(key for key in items if key not in KEYS)!r}"
    for key in _TEXTS:
        if not isinstance(items[key], str):
            return f"{key} is no text"
    chars = items["chars"]
    if not isinstance(chars, list) or not all(isinstance(name, str) for name in chars):
        return "chars is no list of texts"
    if not all(type(items[key]) is int and 0 <= items[key] < _LAST_MONTH for key in _MONTHS):
        return "start or end is no month"
    faults = (_frame_fault(key, items[key]) for key in _FRAMES if items[key] is not None)
    return next((fault for fault in faults if fault), None)


def _frame_fault(key: str, frame: Any) -> str | None:
    if not isinstance(frame, pd.DataFrame):
        return f"{key} is no frame"
    names = list(frame.columns)
    if not len(frame) or not names or not all(isinstance(name, str) for name in names):
        return f"{key} is empty or has columns without a name"
    if len({*names}) < len(names):
        return f"{key} has a column twice"
    text = ["method"] if key.endswith("_stats") else []
    if text and names != list(STATISTICS):
        return f"{key} has the columns {', '.join(names)}: must be {', '.join(STATISTICS)}"
    for name in names:
        if name in text:
            if not all(isinstance(value, str) for value in frame[name]):
                return f"{key} has a {name} that is no text"
        elif frame[name].dtype.kind not in "iuf":
            return f"{key} has a {name} that is no number"
    if not text:
        return None if frame.index.is_unique else f"{key} has a month twice"
    if not np.isfinite(frame[["stdev", "mean", "hjd"]].to_numpy(dtype=float)).all():
        return f"{key} has a stdev, mean or hjd that is not finite"
    if frame.duplicated(["month", "method", "alpha"]).any():
        return f"{key} has a month, method and alpha twice"
    return None


def read_frame(
    path: str | Path, kind: str, panel_id: str, remedy: str | None = None
) -> pd.DataFrame:
    """Read a table as a frame of numpy columns; strings and labels have object dtype.

    ``remedy`` is what to do about a missing file, as in :func:`~truepremia.files.formats.reading`.
    Newer pandas would make them Arrow arrays, which older pandas cannot unpickle.
    """
    columns = TableFile(path, kind, panel_id, remedy).read()
    columns["month"] = columns["month"].astype(np.int64)
    series = {
        name: pd.Series(column, dtype=object if column.dtype == object else None)
        for name, column in columns.items()
    }
    frame = pd.DataFrame(series)
    frame.columns = pd.Index(list(columns), dtype=object)
    return frame


def write_bundle(path: str | Path, items: Mapping[str, Any]) -> None:
    """Pickle the bundle; equal items give equal bytes."""
    with replacing(path) as temporary, temporary.open("wb") as handle:
        pickle.dump(dict(items), handle, protocol=PICKLE_PROTOCOL)
