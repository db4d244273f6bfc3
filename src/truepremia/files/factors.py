"""Files of factor returns and portfolio statistics."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from truepremia.files.formats import TableFile, write_table
from truepremia.methods.contract import FactorReturns
from truepremia.panel import Column

if TYPE_CHECKING:
    from truepremia.judgement.statistics import PortfolioStatistics

STATISTICS_COLUMNS = {
    "month": Column("month", "month at whose end the portfolio is formed"),
    "method": Column("", "factor method"),
    "alpha": Column("1", "ridge penalty per month of the window"),
    "stdev": Column("per month", "conditional standard deviation of the excess return"),
    "mean": Column("per month", "conditional mean of the excess return"),
    "xret": Column("per month", "realised excess return from t to t+1"),
    "hjd": Column("1", "conditional Hansen-Jagannathan distance of 1 - w'r"),
}


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
