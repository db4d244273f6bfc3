"""The tables of one finished panel, read once and arranged by month."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from truepremia.economies.base import Economy
from truepremia.moment_files import read_moments
from truepremia.moments import Moments
from truepremia.panel import CrossSection
from truepremia.store import TableFile

Array = np.ndarray

MONTHS_BETWEEN_SAMPLES = 12
"""Cross-sections and moments are read every so many months: they change slowly."""


@dataclass(frozen=True, eq=False)
class Finished:
    """The tables of a finished panel, each read once.

    Parameters
    ----------
    economy : Economy
    manifest : mapping
    tables : mapping of str to path
    """

    economy: Economy
    manifest: Mapping[str, Any]
    tables: Mapping[str, str | Path]

    @property
    def panel_id(self) -> str:
        """Name of the panel."""
        return str(self.manifest["panel_id"])

    def read(self, table: str, columns: Sequence[str] | None = None) -> dict[str, Array]:
        """Read a table of the panel."""
        return TableFile(self.tables[table], table, self.panel_id).read(columns)

    @cached_property
    def sdf(self) -> dict[str, Array]:
        """Attainable Sharpe ratio and SDF portfolio, every panel month."""
        return self.read("sdf")

    @cached_property
    def statistics(self) -> pd.DataFrame:
        """Portfolio statistics of all methods, with the truth of the same months beside them."""
        tables = [pd.DataFrame(self.read(name)) for name in ("fama_stats", "model_stats")]
        stats = pd.concat(tables, ignore_index=True)
        at = np.searchsorted(self.sdf["month"], stats["month"])
        return stats.assign(max_sharpe=self.sdf["max_sr"][at], sdf_ret=self.sdf["sdf_ret"][at])

    @cached_property
    def returns(self) -> dict[str, pd.DataFrame]:
        """Factor returns by method, indexed by month."""
        names = {"ff": "ff_returns", "fm": "fm_returns"}
        names |= {loading: f"latent_{loading}" for loading in self.economy.loadings}
        return {m: pd.DataFrame(self.read(name)).set_index("month") for m, name in names.items()}

    @cached_property
    def aggregates(self) -> pd.DataFrame:
        """The aggregate path, indexed by month."""
        return pd.DataFrame(self.read("aggregates")).set_index("month")

    @cached_property
    def shocks(self) -> pd.DataFrame:
        """The true aggregate shocks, indexed by month."""
        named = {s: f"shock_{s}" for s in self.economy.shocks}
        columns = {s: n if n in self.aggregates else s for s, n in named.items()}
        return pd.DataFrame({s: self.aggregates[column] for s, column in columns.items()})

    @cached_property
    def sdf_return(self) -> pd.Series:
        """Realised return of the SDF portfolio, indexed by month."""
        return pd.Series(self.sdf["sdf_ret"], index=self.sdf["month"])

    @cached_property
    def portfolios(self) -> dict[str, pd.Series]:
        """Realised return of each method's portfolio at the smallest penalty."""
        lowest = self.statistics["alpha"].min()
        found = self.statistics[self.statistics["alpha"] == lowest].groupby("method", sort=False)
        return {str(method): rows.set_index("month")["xret"] for method, rows in found}

    @cached_property
    def panel(self) -> "SampledPanel":
        """Every twelfth cross-section."""
        return SampledPanel.read(self.economy, self.panel_id, self.tables["panel"])

    @cached_property
    def judged(self) -> list[tuple[Moments, CrossSection]]:
        """Every twelfth judged month's moments with the cross-section of the same month."""
        known = read_moments(self.tables["moments"], self.panel_id, MONTHS_BETWEEN_SAMPLES)
        return [(moments, self.panel.cross_section(moments.month)) for moments in known]


@dataclass(frozen=True, eq=False)
class SampledPanel:
    """The panel table, from which single months are taken."""

    economy: Economy
    columns: Mapping[str, Array]
    month: Array
    first_row: Array

    @classmethod
    def read(cls, economy: Economy, panel_id: str, path: str | Path) -> "SampledPanel":
        """Read the columns that summaries need."""
        table = TableFile(path, "panel", panel_id)
        extra = [name for name in ("no_capital",) if name in table.column_names]
        columns = table.read([*economy.layout_with().columns, *extra])
        first = np.flatnonzero(np.diff(columns["month"], prepend=-1))
        return cls(economy, columns, columns["month"][first], first)

    def rows(self, month: int) -> dict[str, Array]:
        """Return the columns of one month."""
        t = int(np.searchsorted(self.month, month))
        stop = self.first_row[t + 1] if t + 1 < len(self.month) else None
        return {name: values[self.first_row[t] : stop] for name, values in self.columns.items()}

    def cross_section(self, month: int) -> CrossSection:
        """Return the cross-section of one month, without loadings."""
        return self.economy.layout_with().cross_section(month, self.rows(month))

    def sampled(self) -> Iterator[dict[str, Array]]:
        """Yield every twelfth month's columns, from the first on."""
        for month in self.month[::MONTHS_BETWEEN_SAMPLES]:
            yield self.rows(int(month))
