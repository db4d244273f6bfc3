"""The report's tables: numbers over panels, with units and sample sizes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from truepremia.methods.registry import BUNDLED
from truepremia.report.contents import TABLES
from truepremia.report.gather import Panels

ERROR = "s.e."
PERCENT = "% per month"
RATIO = "per month"


@dataclass(frozen=True)
class Measure:
    """A column of numbers.

    Parameters
    ----------
    name : str
        Column of the summaries' rows.
    heading : str
    unit : str
        "" if it has none.
    decimals : int or None
        Decimals shown; None shows three significant digits.
    scale : float
        What the summaries' numbers are multiplied by.
    error : bool
        Whether the standard error over panels is given.
    """

    name: str
    heading: str
    unit: str = ""
    decimals: int | None = 3
    scale: float = 1.0
    error: bool = True


@dataclass(frozen=True, eq=False)
class ReportTable:
    """A table of one economy.

    Parameters
    ----------
    name : str
        Its name in :data:`truepremia.report.contents.TABLES`.
    keys : mapping of str to str
        Columns that name a row, with their headings.
    measures : tuple of Measure
    frame : DataFrame
        The keys, then ``panels`` and ``months`` if they are known, then every measure in its unit
        under its name and its standard error under ``{name} s.e.``, NaN where there is none.
    note : str
        The sample, and what is missing.
    """

    name: str
    keys: Mapping[str, str]
    measures: tuple[Measure, ...]
    frame: pd.DataFrame
    note: str

    @property
    def title(self) -> str:
        """Title of the table."""
        return TABLES[self.name]


def report_tables(panels: Panels) -> list[ReportTable]:
    """Return every table of an economy, in the order of the contents."""
    return [_TABLES[name](panels) for name in TABLES]


def performance(panels: Panels) -> ReportTable:
    """Return Sharpe ratios, distances, mean and volatility by method and penalty."""
    measures = (
        Measure("sharpe", "Sharpe", RATIO),
        Measure("max_sharpe", "attainable", RATIO),
        Measure("ratio", "share"),
        Measure("hjd", "HJ distance"),
        Measure("hjd_rms", "HJ distance, rms"),
        Measure("realised_distance", "realised distance"),
        Measure("mean", "mean", PERCENT, None, 100),
        Measure("stdev", "volatility", PERCENT, None, 100),
    )
    return _table("performance", panels, {"method": "method", "alpha": "penalty"}, measures)


def differences(panels: Panels) -> ReportTable:
    """Return every method on characteristics minus the first one, paired within panels."""
    measures = (
        Measure("sharpe", "Sharpe", RATIO),
        Measure("ratio", "share"),
        Measure("hjd", "HJ distance"),
        Measure("realised_distance", "realised distance"),
        Measure("mean", "mean", PERCENT, None, 100),
        Measure("stdev", "volatility", PERCENT, None, 100),
    )
    values = [m.name for m in measures]
    rows = panels.rows["performance"].set_index(["panel", "alpha"])
    several = [name for name, method in panels.methods.items() if method.penalties]
    first, *others = (rows[rows["method"] == name] for name in several)
    paired = pd.concat(
        (other[values] - first[values])
        .assign(method=name, months=other["months"])
        .dropna()
        .reset_index()
        for name, other in zip(several[1:], others, strict=True)
    )
    keys = {"method": "method", "alpha": "penalty"}
    table = _table("differences", panels, keys, measures, paired)
    t = {m.name: Measure(f"t_{m.name}", f"t, {m.heading}", "", 1, error=False) for m in measures}
    frame = table.frame.assign(
        **{f"t_{name}": table.frame[name] / table.frame[f"{name} {ERROR}"] for name in values}
    )
    tested = tuple(m for name in values for m in (_named(measures, name), t[name]))
    return ReportTable(table.name, table.keys, tested, frame, table.note)


def factors(panels: Panels) -> ReportTable:
    """Return mean, volatility, t, Sharpe ratio and spanning alpha of every factor."""
    measures = (
        Measure("mean", "mean", PERCENT, 3, 100),
        Measure("exact_mean", "exact mean", PERCENT, 3, 100),
        Measure("stdev", "volatility", PERCENT, 2, 100, error=False),
        Measure("t", "t", "", 2, error=False),
        Measure("sharpe", "Sharpe", RATIO),
        Measure("sdf_correlation", "SDF correlation", "", 2),
        Measure("spanning_alpha", "spanning alpha", PERCENT, 3, 100),
        Measure("spanning_t", "t of alpha", "", 2, error=False),
        Measure("spanning_r2", "spanning R²", "", 2, error=False),
    )
    return _signed(_table("factors", panels, {"method": "method", "factor": "factor"}, measures))


def correlations(panels: Panels) -> ReportTable:
    """Return the correlations of factors within and between methods."""
    names = [str(name) for name in panels.rows["correlations"]["factor"].unique()]
    measures = [Measure(name, name, "", 2, error=False) for name in names]
    measures.append(Measure("other_method", "other method", "", 2, error=False))
    table = _table("correlations", panels, {"method": "method", "factor": "factor"}, measures)
    return _signed(table)


def exposures(panels: Panels) -> ReportTable:
    """Return the regressions of factors on the true shocks and the SDF portfolio."""
    measures = []
    for shock in panels.economy.shocks:
        measures.append(Measure(f"loading_{shock}", f"on {shock}", "% per s.d.", 2, 100))
        measures.append(Measure(f"t_{shock}", f"t, {shock}", "", 1, error=False))
    measures += [
        Measure("shocks_r2", "R², shocks", "", 2),
        Measure("sdf_loading", "on SDF portfolio"),
        Measure("sdf_t", "t, SDF portfolio", "", 1, error=False),
        Measure("sdf_alpha", "alpha", PERCENT, 3, 100),
        Measure("sdf_r2", "R², SDF portfolio", "", 2),
    ]
    return _signed(_table("exposures", panels, {"method": "method", "factor": "factor"}, measures))


def captured(panels: Panels) -> ReportTable:
    """Return how much of the SDF portfolio and of the shocks all factors together explain."""
    return _table(
        "captured", panels, {"method": "method", "target": "target"}, [Measure("r2", "R²")]
    )


def premia(panels: Panels) -> ReportTable:
    """Return model-implied and realised premia by characteristic."""
    measures = (
        Measure("implied", "model-implied", PERCENT, 3, 100),
        Measure("realised", "realised", PERCENT, 3, 100),
        Measure("difference", "difference", PERCENT, 3, 100),
        Measure("correlation", "correlation", "", 2),
    )
    keys = {"loading": "loadings", "characteristic": "characteristic"}
    return _table("premia", panels, keys, measures)


def characteristics(panels: Panels) -> ReportTable:
    """Return the cross-sectional distribution of returns and characteristics."""
    names = ("mean", "sd", "p5", "p25", "p50", "p75", "p95")
    headings = ("mean", "s.d.", "5%", "25%", "median", "75%", "95%")
    measures = [
        Measure(name, heading, "", None, error=False)
        for name, heading in zip(names, headings, strict=True)
    ]
    measures.append(Measure("missing", "missing", "%", 2, 100, error=False))
    return _table("characteristics", panels, {"variable": "variable"}, measures)


def quantities(panels: Panels) -> ReportTable:
    """Return what describes the panels as a whole, with their certificates."""
    keys = {"quantity": "quantity", "unit": "unit"}
    table = _table("quantities", panels, keys, [Measure("value", "mean", "", None)])
    found = panels.rows["quantities"].groupby(list(keys), sort=False)["value"]
    frame = table.frame.assign(
        lowest=found.min().to_numpy(dtype=float), highest=found.max().to_numpy(dtype=float)
    )
    extremes = [Measure(name, name, "", None, error=False) for name in ("lowest", "highest")]
    return ReportTable(table.name, keys, (*table.measures, *extremes), frame, table.note)


_TABLES: Mapping[str, Callable[[Panels], ReportTable]] = {
    function.__name__: function
    for function in (
        performance,
        differences,
        factors,
        correlations,
        exposures,
        captured,
        premia,
        characteristics,
        quantities,
    )
}


def _table(
    name: str,
    panels: Panels,
    keys: Mapping[str, str],
    measures: Sequence[Measure],
    rows: pd.DataFrame | None = None,
) -> ReportTable:
    """Average rows over panels and arrange them as a table."""
    rows = panels.rows[name] if rows is None else rows
    frame = over_panels(rows, list(keys), measures)
    absent = [method for method in BUNDLED if method not in panels.methods]
    missing = f" Not in this economy: {', '.join(absent)}." if absent else ""
    single = " One panel: no standard errors over panels." if len(panels.names) == 1 else ""
    return ReportTable(name, keys, tuple(measures), frame, panels.sample + missing + single)


SIGNS = (
    "Signs: smb and cma of ff are long small firms and slow growers, those of fm are slopes and so "
    "long large firms and fast growers; all other factors have the same sign in both."
)


def _signed(table: ReportTable) -> ReportTable:
    """Say in a table which way the factors of the two methods go."""
    return replace(table, note=f"{table.note} {SIGNS}")


def over_panels(
    rows: pd.DataFrame, keys: Sequence[str], measures: Sequence[Measure]
) -> pd.DataFrame:
    """Return means and standard errors over panels, one row for each combination of keys.

    Parameters
    ----------
    rows : DataFrame
        Rows of several panels, with a column ``panel``.
    keys : sequence of str
    measures : sequence of Measure

    Returns
    -------
    DataFrame
        Keys in the order of their first appearance, number of ``panels``, ``months`` of a panel,
        measures in their unit. The standard error is the standard deviation over panels (n - 1)
        over the root of their number, NaN with one panel.
    """
    names = [m.name for m in measures]
    # Numbers that no panel has come as None: make them NaN.
    numeric = rows[[*keys, "panel"]].join(rows[names].astype(float))
    grouped = numeric.groupby(list(keys), sort=False)
    mean, count = grouped[names].mean(), grouped[names].count()
    error = grouped[names].std(ddof=1) / count**0.5
    columns: dict[str, pd.Series] = {"panels": grouped["panel"].nunique()}
    if "months" in rows:
        columns["months"] = rows.groupby(list(keys), sort=False)["months"].min()
    for measure in measures:
        columns[measure.name] = measure.scale * mean[measure.name]
        if measure.error:
            columns[f"{measure.name} {ERROR}"] = abs(measure.scale) * error[measure.name]
    return pd.DataFrame(columns).reset_index()


def _named(measures: Sequence[Measure], name: str) -> Measure:
    return next(m for m in measures if m.name == name)
