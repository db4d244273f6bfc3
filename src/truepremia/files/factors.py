"""Files of factor returns and portfolio statistics."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from truepremia.columns import (
    REALISED_COLUMNS,
    STATISTICS_COLUMNS,
    VERDICT_COLUMNS,
    Column,
)
from truepremia.files.formats import TableFile, write_table
from truepremia.methods.contract import FactorReturns

if TYPE_CHECKING:
    from truepremia.judgement.engine import Verdict
    from truepremia.judgement.statistics import PortfolioStatistics


def write_factor_returns(
    path: str | Path, kind: str, panel_id: str, factors: FactorReturns
) -> None:
    """Write factor returns, one column per factor."""
    earned = Column("per month", "excess return of the factor from t to t+1")
    described = {"month": Column("month", "month t of the formation")}
    described |= dict.fromkeys(factors.names, earned)
    columns = dict(zip(factors.names, factors.returns.T, strict=True))
    write_table(path, kind, panel_id, {"month": factors.month, **columns}, described)


def read_factor_returns(path: str | Path, kind: str, panel_id: str) -> FactorReturns:
    """Read factor returns."""
    columns = TableFile(path, kind, panel_id).read()
    month = columns.pop("month")
    return FactorReturns(month, tuple(columns), np.column_stack(list(columns.values())))


def write_statistics(
    path: str | Path, kind: str, panel_id: str, statistics: "Sequence[PortfolioStatistics]"
) -> None:
    """Write portfolio statistics of several methods, one below the other."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(s, name) for s in statistics])
        for name in STATISTICS_COLUMNS
        if name != "method"
    }
    methods = np.array([s.method for s in statistics], dtype=object)
    columns["method"] = np.repeat(methods, [len(s.month) for s in statistics])
    ordered = {name: columns[name] for name in STATISTICS_COLUMNS}
    write_table(path, kind, panel_id, ordered, STATISTICS_COLUMNS)


def write_verdict(paths: Any, name: str, panel_id: str, verdict: "Verdict") -> None:
    """Write what a judged method earned, and what is true of its portfolios.

    Parameters
    ----------
    paths : object
        Attributes ``returns`` and ``stats`` name the files.
    name : str
        Name of the method.
    panel_id : str
    verdict : Verdict
        Where no truth is known the statistics hold turnover in its place.

    Raises
    ------
    MethodError
        If nothing is judged.
    """
    verdict.require_formed(f"{name} on {panel_id}")
    write_factor_returns(paths.returns, f"{name}_returns", panel_id, verdict.returns)
    stats = verdict.statistics
    without_truth = bool(np.isnan(stats.stdev).all())
    described = REALISED_COLUMNS if without_truth else VERDICT_COLUMNS
    columns = {column: getattr(stats, column) for column in described}
    write_table(paths.stats, f"{name}_stats", panel_id, columns, described)
