"""The bundle of a panel, a pickle that opens with pandas and numpy alone, and its manifest."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from truepremia.economies.contract import Economy
from truepremia.errors import DataError
from truepremia.files.formats import TableFile, read_json, replacing
from truepremia.files.provenance import file_digest, git_commit, library_versions, package_digest

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


def certificates(sdf: str | Path, panel_id: str, diagnostics: str | Path) -> dict[str, float]:
    """Return how accurate a panel is.

    Parameters
    ----------
    sdf : path
        The table of maximal Sharpe ratios and Euler errors.
    panel_id : str
    diagnostics : path
        The solution's diagnostics, which hold the bound on Sharpe ratios.
    """
    months = TableFile(sdf, "sdf", panel_id).read()
    bound = float(read_json(diagnostics)["sharpe_bound"])
    highest = float(months["max_sr"].max())
    return {
        "largest_euler_error": float(months["euler_error"].max()),
        "largest_max_sharpe": highest,
        "sharpe_bound": bound,
        "sharpe_bound_margin": bound - highest,
    }


def manifest(
    panel_id: str,
    settings: Mapping[str, Any],
    files: Mapping[str, str | Path],
    certificates: Mapping[str, float],
) -> dict[str, Any]:
    """Return what is needed to trust a panel and to make it again.

    Parameters
    ----------
    panel_id : str
    settings : mapping
        The configuration of the panel.
    files : mapping of str to path
        Every file of the panel but this one by name, hashed and, for tables, counted.
    certificates : mapping of str to float
        How accurate the panel is.
    """
    return {
        "panel_id": panel_id,
        "config": dict(settings),
        "versions": library_versions(),
        "source_digest": package_digest(),
        "git_commit": git_commit(),
        "accuracy": dict(certificates),
        "files": {name: _entry(name, panel_id, Path(path)) for name, path in files.items()},
    }


def _entry(name: str, panel_id: str, path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"sha256": file_digest(path), "bytes": path.stat().st_size}
    if path.suffix == ".parquet":
        entry["rows"] = TableFile(path, name, panel_id).rows
    return entry
