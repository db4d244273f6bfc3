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


def read_frame(path: str | Path, kind: str, panel_id: str) -> pd.DataFrame:
    """Read a table as a frame of numpy columns; strings and labels have object dtype.

    Newer pandas would make them Arrow arrays, which older pandas cannot unpickle.
    """
    columns = TableFile(path, kind, panel_id).read()
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
