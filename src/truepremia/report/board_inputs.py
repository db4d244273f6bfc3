"""What the leaderboard is made of: statistics of methods on panels, and the truth beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from truepremia.files.formats import TableFile
from truepremia.judgement.leaderboard import leaderboard, monthly_share, panel_rows, stands_for
from truepremia.judgement.realised import realised_rows
from truepremia.methods.entry import Entry
from truepremia.report.board import Exhibits
from truepremia.typing import Array

_NO_STATISTICS: dict[str, Array] = {
    name: np.zeros(0, dtype=object if name in ("variant", "choice") else float)
    for name in ("month", "variant", "choice", "alpha", "stdev", "mean", "xret", "hjd", "turnover")
}
NO_ROWS = panel_rows("", "", "", _NO_STATISTICS, {})
NO_REALISED_ROWS = realised_rows("", "", _NO_STATISTICS).assign(headline=False)
"""Tables without a row but with their columns."""


def read_exhibits(
    files: Any, methods: Mapping[str, Entry], settings: Mapping[str, Any]
) -> Exhibits:
    """Read the statistics of all methods on all panels and rank them.

    Parameters
    ----------
    files : object
        Attributes ``stats``, ``truth`` and ``real`` list the files to read.
    methods : mapping of str to Entry
        In the order of the configuration.
    settings : mapping
        ``headline``, ``reference`` and ``panels``, the indices of each economy's panels.
    """
    attainable = {path.parent.name: _attainable(path) for path in map(Path, files.truth)}
    rows, monthly = [], {}
    for path in map(Path, files.stats):
        panel, method = _identity(path)
        economy = panel.rpartition("_")[0]
        stats = TableFile(path, f"{method}_stats", panel).read()
        rows.append(panel_rows(economy, panel, method, stats, attainable[panel]))
        if panel == f"{economy}_{settings['panels'][economy][0]}":
            monthly[economy, method] = (stats, panel)
    counts = {economy: len(indices) for economy, indices in settings["panels"].items()}
    every = pd.concat(rows, ignore_index=True) if rows else NO_ROWS
    board = leaderboard(every, settings["headline"], settings["reference"], counts)
    shares: dict[str, dict[str, pd.Series]] = {}
    for row in board.headline.itertuples():
        key = (str(row.economy), str(row.method))
        if key in monthly:
            stats, panel = monthly[key]
            chosen = (str(row.variant), str(row.choice), float(str(row.alpha)))
            shares.setdefault(key[0], {})[key[1]] = monthly_share(stats, attainable[panel], chosen)
    return Exhibits(board, methods, _realised(files.real, settings), shares, _cpu(files.stats))


def _identity(path: Path) -> tuple[str, str]:
    """Return panel and method of a statistics file."""
    return path.parent.parent.name, path.name.removesuffix("_stats.parquet")


def _attainable(path: Path) -> dict[int, float]:
    table: dict[str, Array] = TableFile(path, "sdf", path.parent.name).read(["month", "max_sr"])
    return dict(zip(table["month"].tolist(), table["max_sr"].tolist(), strict=True))


def _realised(paths: Any, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Return the realised statistics of all portfolios on panels of real stocks."""
    rows = []
    for path in map(Path, paths):
        panel, method = _identity(path)
        stats = TableFile(path, f"{method}_stats", panel).read()
        found = realised_rows(panel, method, stats)
        rows.append(found.assign(headline=stands_for(found, settings["headline"])))
    return pd.concat(rows, ignore_index=True) if rows else NO_REALISED_ROWS


def _cpu(paths: Any) -> dict[str, float]:
    """Return the mean CPU seconds of each method's jobs, of those whose record is there."""
    seconds: dict[str, list[float]] = {}
    for path in map(Path, paths):
        panel, method = _identity(path)
        record = path.parents[3] / "benchmarks" / "judge_method" / f"{panel}_{method}.tsv"
        if record.exists():
            head, values = (line.split("\t") for line in record.read_text().splitlines()[:2])
            seconds.setdefault(method, []).append(float(values[head.index("cpu_time")]))
    return {method: float(np.mean(found)) for method, found in seconds.items()}
