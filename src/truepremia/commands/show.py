"""What a bundle holds, in the terminal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from truepremia.errors import DataError, printable
from truepremia.files.bundle import read_checked_bundle
from truepremia.files.formats import TableFile
from truepremia.files.manifest import require_sealed

WIDTH = 100

STATISTICS = ("fama_stats", "model_stats")


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
    items = read_checked_bundle(path)
    require_sealed(Path(path))
    lines = described(items, attainable(Path(path), items))
    return "\n".join(printable(line) for line in lines) + "\n"


def attainable(bundle: Path, items: Mapping[str, Any]) -> float | str:
    """Return the mean attainable Sharpe ratio of a bundle's judged months.

    Parameters
    ----------
    bundle : path
        The file; the panel's ``sdf.parquet`` lies in ``panels`` beside it.
    items : mapping
        What the file holds.

    Returns
    -------
    float or str
        The ratio, or the reason why it is unknown.
    """
    panel_id, stats = items["panel_id"], items["fama_stats"]
    file = bundle.parent / "panels" / panel_id / "sdf.parquet"
    if not file.is_file():
        return f"unknown: there is no {file}"
    try:
        truth = TableFile(file, "sdf", panel_id).read(["month", "max_sr"])
    except DataError as error:
        return f"unknown: {error}"
    judged = np.isin(truth["month"], stats["month"].unique())
    return float(truth["max_sr"][judged].mean()) if judged.any() else "unknown: other months"


def described(items: Mapping[str, Any], truth: float | str) -> Iterator[str]:
    """Yield the lines that describe a bundle.

    Parameters
    ----------
    items : mapping
    truth : float or str
        What :func:`attainable` returned.
    """
    yield f"{items['panel_id']}: months {items['start']} to {items['end']}, returns per month"
    yield ""
    for key, value in items.items():
        if isinstance(value, pd.DataFrame):
            yield f"{key}: {len(value)} rows x {value.shape[1]} columns"
            # Rows of statistics are methods and penalties: a mean over them would mean nothing.
            yield from () if key in STATISTICS else _table(_ranges(value))
        else:
            yield f"{key}: {'not in this economy' if value is None else value}"
    yield ""
    ratio = f"{truth:.4g} per month" if isinstance(truth, float) else truth
    yield f"attainable Sharpe ratio, the mean over the judged months: {ratio}"
    for key in STATISTICS:
        stats = items.get(key)
        if isinstance(stats, pd.DataFrame):
            yield ""
            months = stats["month"].nunique()
            yield f"{key}, means over {months} months for each method and penalty alpha"
            yield from _table(_performance(stats, truth))


def _ranges(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = frame.select_dtypes("number").astype(float)
    return numbers.agg(["min", "mean", "max", "std"]).T.assign(missing=numbers.isna().sum())


def _performance(stats: pd.DataFrame, truth: float | str) -> pd.DataFrame:
    """Return means by method and penalty, the Sharpe ratio from each month's mean and stdev."""
    with_ratio = stats.assign(sharpe=stats["mean"] / stats["stdev"])
    columns = ["sharpe", "hjd", "mean", "stdev", "xret"]
    means = with_ratio.groupby(["method", "alpha"], sort=False)[columns].mean()
    if isinstance(truth, float):
        means.insert(1, "share", means["sharpe"] / truth)
    return means


def _table(frame: pd.DataFrame) -> Iterator[str]:
    text = frame.to_string(float_format=lambda x: f"{x:.4g}", line_width=WIDTH)
    yield from (f"    {line}" for line in text.splitlines())
