"""Finished results as frames of pandas, and for Stata."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from truepremia.columns import SDF_COLUMNS, STATISTICS_COLUMNS, Column
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import DataError
from truepremia.files import restricted_pickle
from truepremia.files.bundle import KEYS, read_frame, require_contract
from truepremia.files.formats import replacing
from truepremia.files.manifest import files_behind, read_manifest, require_sealed
from truepremia.files.results import BUNDLE, LARGE_TABLES, MANIFEST, STATISTICS_TABLES

STATA_NAME, STATA_LABEL = 32, 80
"""Characters that Stata takes in the name and in the label of a variable."""

TIDY = ("statistics", "factor_returns", "premia", "sdf")
"""Tables over all panels, each a method of :class:`Results`."""

_WRITTEN = datetime(1999, 12, 31)
"""Stata's files hold a date; with one and the same equal tables give equal bytes."""

_DESCRIBED: Mapping[str, Column] = {
    "panel": Column("", "panel, economy and index"),
    "economy": Column("", "economy"),
    **SDF_COLUMNS,
    **STATISTICS_COLUMNS,
    "sharpe": Column("per month", "conditional Sharpe ratio, mean over stdev"),
    "kind": Column("", "kind of the loadings behind the premia"),
    "premium": Column("", "what was earned: a factor, or a characteristic by the model"),
    "factor": Column("", "factor"),
    "xret": Column("per month", "realised excess return from t to t+1"),
}

_BUILD = "run the workflow that built it again, for example make run"

_NOT_KEPT = (
    "with keep_panels: false no run keeps it: ask for it by name, as in truepremia run {}, with "
    "the settings of the others"
)


class Bundle(dict[str, Any]):
    """The bundle of a panel: a dictionary of eleven keys that says what it is."""

    path: Path

    def __repr__(self) -> str:
        return (
            f"<Bundle {self['panel_id']}: {_title(self['model'])}, months "
            f"{self['start']} to {self['end']}, characteristics {', '.join(self['chars'])}>"
        )

    def _repr_html_(self) -> str:
        return f"<p><strong>{repr(self).strip('<>')}</strong></p>{self.to_frame().head().to_html()}"

    def copy(self) -> "Bundle":
        """Return a bundle of the same items, which knows where it was read from too."""
        return copy(self)

    def to_frame(self) -> pd.DataFrame:
        """Return the statistics of all methods with their Sharpe ratios and the attainable one.

        Returns
        -------
        DataFrame
            The rows of ``fama_stats`` and ``model_stats``; ``sharpe`` is mean over stdev of the
            month, ``max_sr`` the highest conditional Sharpe ratio of the month, missing where the
            panel's tables do not lie beside the bundle.
        """
        tables = [self[key] for key in STATISTICS_TABLES if self[key] is not None]
        stats: pd.DataFrame = pd.concat(tables, ignore_index=True)
        stats["sharpe"] = stats["mean"] / stats["stdev"]
        file = self.path.parent / "panels" / self["panel_id"] / "sdf.parquet"
        if not file.is_file():
            stats["max_sr"] = np.nan
            return stats
        sdf = read_frame(file, "sdf", self["panel_id"], _BUILD).set_index("month")
        if not sdf.index.is_unique:
            raise DataError(f"{file} has a month twice; {_BUILD}")
        stats["max_sr"] = stats["month"].map(sdf["max_sr"])
        return stats


def _title(model: str) -> str:
    """Return what an economy is called; the code of one's own is not run for that."""
    return ECONOMIES[model].title if model in ECONOMIES else model


def read_bundle(path: str | Path) -> Bundle:
    """Read the bundle of a panel, running no code but that of numpy and pandas.

    Parameters
    ----------
    path : path
        Such as ``results/bgn_0_fama.pkl``.

    Raises
    ------
    DataError
        If the file is missing, damaged, no bundle, or not that of the manifest beside it.
    """
    items = restricted_pickle.read_bundle(path)
    missing = [key for key in KEYS if key not in items]
    if missing:
        raise DataError(
            f"{path} has no {', '.join(missing)}: must be a bundle, such as results/bgn_0_fama.pkl"
        )
    require_contract(path, items)
    bundle = Bundle(items)
    bundle.path = Path(path)
    require_sealed(bundle.path)
    return bundle


class Results:
    """All finished panels of a folder of results, as tidy frames.

    A manifest that is damaged, or a copy under another name, is left out with a warning.

    Parameters
    ----------
    folder : path

    Raises
    ------
    DataError
        If the folder holds no finished panel.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._manifests: dict[str, dict[str, Any]] = {}
        for file in sorted(self.folder.glob(f"*{MANIFEST}")):
            try:
                manifest = read_manifest(file, _BUILD)
            except DataError as error:
                warnings.warn(f"left out: {error}", stacklevel=3)
                continue
            if file.name == f"{manifest['panel_id']}{MANIFEST}":
                self._manifests[manifest["panel_id"]] = manifest
            else:
                named = manifest["panel_id"]
                warnings.warn(f"left out: {file} is a manifest of {named}", stacklevel=3)
        if not self._manifests:
            raise DataError(
                f"{self.folder} holds no finished panel: must be a folder of results, such as "
                "results; build one, for example with make run"
            )

    @property
    def panels(self) -> tuple[str, ...]:
        """Names of the panels, by economy and index."""
        order = {p: (m["config"]["model"], int(m["config"]["index"])) for p, m in self._items}
        return tuple(sorted(order, key=order.__getitem__))

    @property
    def _items(self) -> Iterable[tuple[str, Any]]:
        return self._manifests.items()

    def __repr__(self) -> str:
        return f"<Results {self.folder}: {len(self.panels)} panels, {', '.join(self._sizes)}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<li>{line}</li>" for line in self._sizes)
        return f"<p><strong>Results in {self.folder}</strong></p><ul>{rows}</ul>"

    @property
    def _sizes(self) -> list[str]:
        configs = {panel: self._manifests[panel]["config"] for panel in self.panels}
        return [
            f"{p} ({c.get('firms', '?')} firms, {c.get('months', '?')} months)"
            for p, c in configs.items()
        ]

    def bundle(self, panel: str) -> Bundle:
        """Return the bundle of one panel."""
        self._require([panel])
        bundle = read_bundle(self.folder / f"{panel}{BUNDLE}")
        if bundle["panel_id"] != panel:
            raise DataError(f"{bundle.path} is the bundle of {bundle['panel_id']}; {_BUILD}")
        return bundle

    def to_frame(self, panel: str | None = None) -> pd.DataFrame:
        """Return firms and months.

        Parameters
        ----------
        panel : str, optional
            One panel; all of them where nothing is given.

        Returns
        -------
        DataFrame
            Indexed by (month, firmid) where there is one panel, else by (panel, month, firmid);
            columns that an economy does not have are missing there.
        """
        panels = self.panels if panel is None else (panel,)
        self._require(panels)
        frames = {p: self._read(p, "panel").set_index(["month", "firmid"]) for p in panels}
        if len(panels) == 1:
            return frames[panels[0]]
        whole = pd.concat(frames, names=["panel"])
        flags = {c for frame in frames.values() for c in frame if frame[c].dtype == bool}
        partly = [c for c in flags if whole[c].dtype != bool]
        return whole.astype(dict.fromkeys(partly, "boolean"))

    def statistics(self) -> pd.DataFrame:
        """Return one row for each panel, month, method and penalty, the attainable ratio beside it.

        ``sharpe`` is the conditional Sharpe ratio of the method's portfolio, ``max_sr`` the highest
        there is in that month.
        """
        return self._over_panels(lambda p: [self.bundle(p).to_frame()])

    def factor_returns(self) -> pd.DataFrame:
        """Return one row for each panel, method, month and factor; ``xret`` is what it earned."""

        def rows(panel: str) -> Iterator[pd.DataFrame]:
            items = self.bundle(panel)
            for method in [name for name in ("ff", "fm") if items[f"{name}_returns"] is not None]:
                wide = items[f"{method}_returns"].reset_index()
                long = wide.melt("month", var_name="factor", value_name="xret")
                yield long.assign(method=method)

        return self._over_panels(rows)

    def premia(self) -> pd.DataFrame:
        """Return what the model's shocks say was earned: a row each panel, kind, month, premium."""

        def rows(panel: str) -> Iterator[pd.DataFrame]:
            items = self.bundle(panel)
            for key, premia in items.items():
                kind = key.removeprefix("model_premia_")
                if kind == key or premia is None:
                    continue
                wide = premia.reset_index()
                long = wide.melt("month", var_name="premium", value_name="xret")
                yield long.assign(kind=kind)

        return self._over_panels(rows)

    def sdf(self) -> pd.DataFrame:
        """Return one row for each panel and month: attainable ratio, SDF portfolio, Euler error."""
        return self._over_panels(lambda p: [self._read(p, "sdf")])

    @cached_property
    def leaderboard(self) -> pd.DataFrame:
        """The ranking of methods, as ``leaderboard/headline.csv`` holds it."""
        file = self.folder / "leaderboard" / "headline.csv"
        if not file.is_file():
            raise DataError(f"there is no {file}: build it with make leaderboard")
        try:
            return pd.read_csv(file)
        except ValueError as error:
            raise DataError(
                f"cannot read {file}: {error}; build it again with make leaderboard"
            ) from error

    def to_stata(self, folder: str | Path, firms: bool = False) -> list[Path]:
        """Write the tidy tables for Stata 14 and newer, which R's haven reads too.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        firms : bool
            Whether to write the firms of each panel too, ``{panel}.dta``.

        Returns
        -------
        list of Path
            The files, ``{table}.dta``.

        Raises
        ------
        DataError
            If a number is infinite, which Stata does not know, or ``folder`` cannot be made.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: {error.strerror}; name a folder that can be made") from None
        for panel in self.panels if firms else ():  # nothing is written if one is not there
            if not self._file(panel, "panel").exists():
                self._read(panel, "panel")
        tables = {name: getattr(self, name) for name in TIDY}
        written = []
        for name, table in tables.items():
            written.append(write_stata(folder / f"{name}.dta", table(), _DESCRIBED))
        for panel in self.panels if firms else ():
            model = self._manifests[panel]["config"]["model"]
            # The code of an economy of one's own is not run to look at its results.
            described = ECONOMIES[model].columns("panel") if model in ECONOMIES else {}
            file = folder / f"{panel}.dta"
            written.append(write_stata(file, self._read(panel, "panel"), described))
        return written

    def _over_panels(self, frames_of: Any) -> pd.DataFrame:
        parts = []
        for panel in self.panels:
            model = self._manifests[panel]["config"]["model"]
            for frame in frames_of(panel):
                tidy = frame.copy()
                tidy.insert(0, "panel", panel)
                tidy.insert(1, "economy", model)
                parts.append(tidy)
        gathered: pd.DataFrame = pd.concat(parts, ignore_index=True)
        return gathered

    def _read(self, panel: str, table: str) -> pd.DataFrame:
        file = self._file(panel, table)
        remedy = _NOT_KEPT.format(file) if table in LARGE_TABLES else _BUILD
        return read_frame(file, table, panel, remedy)

    def _file(self, panel: str, table: str) -> Path:
        return self.folder / files_behind(self._manifests[panel])[table]

    def _require(self, panels: Sequence[str]) -> None:
        for panel in panels:
            if panel not in self.panels:
                raise DataError(
                    f"there is no panel {panel!r} in {self.folder}: must be one of "
                    f"{', '.join(self.panels)}"
                )


def read_results(folder: str | Path = "results") -> Results:
    """Return all finished panels of a folder.

    Parameters
    ----------
    folder : path
        The folder of results.

    Raises
    ------
    DataError
        If it holds no finished panel.
    """
    return Results(folder)


def write_stata(path: str | Path, frame: pd.DataFrame, described: Mapping[str, Column]) -> Path:
    """Write a frame as Stata's ``.dta`` of version 118, units and meanings as labels.

    Parameters
    ----------
    path : path
    frame : DataFrame
    described : mapping of str to Column

    Raises
    ------
    DataError
        If a number is infinite or a name no name of Stata's.
    """
    path = Path(path)
    for name, values in frame.items():
        if len(str(name)) > STATA_NAME or not str(name).isidentifier():
            raise DataError(f"{path}: {name!r} is no name of a variable in Stata; rename it")
        if pd.api.types.is_float_dtype(values) and np.isinf(values).any():
            raise DataError(f"{path}: column {name} holds an infinite number, Stata has none")
    labels = {}
    for name in frame.columns:
        if name in described:
            unit, meaning = described[name].unit, described[name].meaning
            labels[name] = (f"{meaning} ({unit})" if unit else meaning)[:STATA_LABEL]
    with replacing(path) as temporary:
        frame.to_stata(
            temporary, write_index=False, version=118, variable_labels=labels, time_stamp=_WRITTEN
        )
    return path
