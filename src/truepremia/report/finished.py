"""The tables of one finished panel, read once and arranged by month."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from truepremia.economies.contract import Economy
from truepremia.files.formats import TableFile
from truepremia.files.moments import read_moments
from truepremia.judgement.statistics import STATISTICS
from truepremia.moments import Moments
from truepremia.panel import CrossSection
from truepremia.report.shown import Shown
from truepremia.typing import Array

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
    methods : mapping of str to Shown
        The methods that are shown; see :func:`truepremia.report.shown.shown_methods`.
    """

    economy: Economy
    manifest: Mapping[str, Any]
    tables: Mapping[str, str | Path]
    methods: Mapping[str, Shown]

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
        tables: dict[str, pd.DataFrame] = {}
        for method in self.methods.values():
            if method.statistics not in tables:
                rows = pd.DataFrame(self.read(method.statistics))
                if method.own_table:
                    rows = rows[rows["choice"] == "alpha"].assign(method=method.name)
                tables[method.statistics] = rows[list(STATISTICS)]
        stats = pd.concat(tables.values(), ignore_index=True)
        at = np.searchsorted(self.sdf["month"], stats["month"])
        return stats.assign(max_sharpe=self.sdf["max_sr"][at], sdf_ret=self.sdf["sdf_ret"][at])

    @cached_property
    def returns(self) -> dict[str, pd.DataFrame]:
        """Factor returns by method, indexed by month."""
        found = {}
        for name, method in self.methods.items():
            frame = pd.DataFrame(self.read(method.returns)).set_index("month")
            found[name] = frame.rename(columns=lambda factor: str(factor).rpartition(":")[2])
        return found

    @property
    def sortable(self) -> list[str]:
        """Names of the methods whose factors are made of characteristics."""
        return [name for name, method in self.methods.items() if not method.truth]

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
        """Every twelfth cross-section, of all panel months and of the judged ones."""
        judged = np.unique(self.statistics["month"])[::MONTHS_BETWEEN_SAMPLES]
        return SampledPanel.read(self.economy, self.panel_id, self.tables["panel"], judged)

    @cached_property
    def judged(self) -> list[tuple[Moments, CrossSection]]:
        """Every twelfth judged month's moments with the cross-section of the same month."""
        known = read_moments(self.tables["moments"], self.panel_id, MONTHS_BETWEEN_SAMPLES)
        return [(moments, self.panel.cross_section(moments.month)) for moments in known]


@dataclass(frozen=True, eq=False)
class SampledPanel:
    """Single months of the panel table; the others are read and dropped.

    Parameters
    ----------
    economy : Economy
    months : mapping of int to mapping
        Columns of each month that is kept.
    """

    economy: Economy
    months: Mapping[int, Mapping[str, Array]]

    @classmethod
    def read(
        cls, economy: Economy, panel_id: str, path: str | Path, others: Array
    ) -> "SampledPanel":
        """Read what summaries need of every twelfth month, and of the months ``others``."""
        table = TableFile(path, "panel", panel_id)
        names = [*economy.layout_with().columns]
        names += [name for name in ("no_capital",) if name in table.column_names]
        kept = {
            month: {name: values.copy() for name, values in columns.items()}
            for t, (month, columns) in enumerate(table.months(names))
            if t % MONTHS_BETWEEN_SAMPLES == 0 or month in others
        }
        return cls(economy, kept)

    def cross_section(self, month: int) -> CrossSection:
        """Return the cross-section of one month, without loadings."""
        return self.economy.layout_with().cross_section(month, self.months[month])

    def sampled(self) -> Iterator[Mapping[str, Array]]:
        """Yield every twelfth month's columns, from the first on."""
        first = min(self.months)
        for month, columns in self.months.items():
            if (month - first) % MONTHS_BETWEEN_SAMPLES == 0:
                yield columns
