"""What a bundle holds, in the terminal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from truepremia.errors import printable
from truepremia.files.bundle import read_checked_bundle

WIDTH = 100


def show(path: str | Path) -> str:
    """Return a description of a bundle: its keys, shapes and ranges, and a summary.

    Parameters
    ----------
    path : path
        A file ``{panel_id}_fama.pkl``.

    Raises
    ------
    DataError
        If the file cannot be read or is not a bundle.
    """
    lines = described(read_checked_bundle(path))
    return "\n".join(printable(line) for line in lines) + "\n"


def described(items: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that describe a bundle."""
    yield f"{items['panel_id']}: months {items['start']} to {items['end']}, returns per month"
    yield ""
    for key, value in items.items():
        if isinstance(value, pd.DataFrame):
            yield f"{key}: {len(value)} rows x {value.shape[1]} columns"
            yield from _table(_ranges(value))
        else:
            yield f"{key}: {'not in this economy' if value is None else value}"
    for key in ("fama_stats", "model_stats"):
        stats = items.get(key)
        if isinstance(stats, pd.DataFrame):
            yield ""
            yield f"{key}, means over {stats['month'].nunique()} months"
            yield from _table(_performance(stats))


def _ranges(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = frame.select_dtypes("number").astype(float)
    return numbers.agg(["min", "mean", "max", "std"]).T.assign(missing=numbers.isna().sum())


def _performance(stats: pd.DataFrame) -> pd.DataFrame:
    """Return means by method and penalty, the Sharpe ratio from each month's mean and stdev."""
    with_ratio = stats.assign(sharpe=stats["mean"] / stats["stdev"])
    columns = ["sharpe", "hjd", "mean", "stdev", "xret"]
    return with_ratio.groupby(["method", "alpha"], sort=False)[columns].mean()


def _table(frame: pd.DataFrame) -> Iterator[str]:
    text = frame.to_string(float_format=lambda x: f"{x:.4g}", line_width=WIDTH)
    yield from (f"    {line}" for line in text.splitlines())
