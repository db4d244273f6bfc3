"""Files of factor returns and portfolio statistics."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from truepremia.columns import STATISTICS_COLUMNS, Column
from truepremia.files.formats import TableFile, write_table
from truepremia.methods.contract import FactorReturns

if TYPE_CHECKING:
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
