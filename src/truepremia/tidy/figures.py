"""Figures of a replication: how close it is, and what the portfolios behind it look like.

Colours are those of Okabe and Ito, told apart by colour-blind readers, and lines differ in style
too, for print in black and white. Equal tables give equal bytes: no file carries a date.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from truepremia import plotting
from truepremia.plotting import PALETTE, new_figure, save
from truepremia.tidy.pairs import coefficient, common_months, factors_of
from truepremia.tidy.portfolio_evaluation import PortfolioEvaluation

BLUE, ORANGE, GREEN, *_, GREY = PALETTE
BLACK = "#000000"

LABELS = {
    "smb": "SMB",
    "hml": "HML",
    "mkt_excess": "Market",
    "smb_ff5": "SMB, five factors",
    "hml_ff5": "HML, five factors",
    "rmw": "RMW",
    "cma": "CMA",
    "umd": "UMD",
    "st_rev": "Short-term reversal",
    "lt_rev": "Long-term reversal",
}
MODELS = {
    "three factors": ("smb", "hml", "mkt_excess"),
    "five factors": ("smb_ff5", "hml_ff5", "rmw", "cma"),
    "past returns": ("umd", "st_rev", "lt_rev"),
}
SIZES = {1: ("small", "-"), 2: ("big", "--")}
VALUES = {1: ("low", BLUE), 2: ("neutral", GREY), 3: ("high", ORANGE)}
FACTOR_STYLES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (BLACK, ":"))
EDGE_STYLES = {0.3: (BLUE, "-"), 0.5: (BLACK, "-"), 0.7: (ORANGE, "--")}


@dataclass(frozen=True, eq=False)
class Tables:
    """What the figures are drawn from.

    Parameters
    ----------
    store : str
        Name of the store, shown in every title.
    factors, published : DataFrame
        ``month`` and factors in decimals per month.
    rolling : DataFrame
        ``month``, ``factor``, ``r2``, ``slope``.
    cells : DataFrame
        ``month``, ``portfolio_me``, ``portfolio_bm``, ``ret``, ``stocks``, ``mktcap_lag``.
    breakpoints : DataFrame
        ``year``, ``variable``, ``probability``, ``value``.
    formations : DataFrame
        ``year``, ``me``, ``bm`` of every stock.
    fits : mapping
        The regressions by factor, as in the JSON of the evaluation.
    """

    store: str
    factors: pd.DataFrame
    published: pd.DataFrame
    rolling: pd.DataFrame
    cells: pd.DataFrame
    breakpoints: pd.DataFrame
    formations: pd.DataFrame
    fits: Mapping[str, Any]

    def pairs(self) -> dict[str, pd.DataFrame]:
        """Return the evaluated series of every factor that has a regression."""
        names = [name for name in factors_of(self.factors, self.published) if name in self.fits]
        return {name: common_months(name, self.factors, self.published) for name in names}


def draw(path: str | Path, tables: Tables) -> None:
    """Draw the figure that ``path`` names, such as ``fitted.pdf``, as PDF and PNG beside it.

    Raises
    ------
    DataError
        If a file cannot be written.
    """
    path = Path(path)
    with plotting.style():
        save(FIGURES[path.stem](tables), path.parent, path.stem)


def fitted(tables: Tables) -> Figure:
    """Draw published against replicated returns with the 45-degree and the fitted line."""
    figure, panels = _panels(tables, "published against replicated", 2.6)
    for name, pair in tables.pairs().items():
        axes, percent = panels[name], 100 * pair
        x, y = percent["replicated"], percent["published"]
        axes.plot(x, y, ".", ms=3.5, mew=0, color=BLUE, alpha=0.6)
        reach = 1.05 * float(percent.abs().to_numpy().max())
        ends = np.array([-reach, reach])
        axes.plot(ends, ends, color=GREY, lw=0.8, label="45 degrees")
        fit = tables.fits[name]["all"]
        if fit["slope"] is not None:
            line = 100 * fit["intercept"] + fit["slope"] * ends
            axes.plot(ends, line, "--", color=ORANGE, label="least squares")
            words = f"a = {coefficient(fit['intercept'])}\nb = {fit['slope']:.3f}\n"
            words += f"$R^2$ = {fit['r2']:.3f}"
            axes.text(0.04, 0.97, words, transform=axes.transAxes, va="top", fontsize=8)
        axes.set(xlim=ends, ylim=ends, title=LABELS[name], aspect="equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))
    _legend(figure, panels)
    figure.supxlabel("replicated, % per month", fontsize=9)
    figure.supylabel("published, % per month", fontsize=9)
    return figure


def cumulative(tables: Tables) -> Figure:
    """Draw the cumulated log returns of the published and the replicated factors."""
    figure, panels = _panels(tables, "cumulative returns", 2.0)
    for name, pair in tables.pairs().items():
        axes, grown = panels[name], np.log1p(pair).cumsum()
        published, replicated = (_broken(pair.index, grown[n]) for n in ("published", "replicated"))
        axes.plot(*published, color=BLACK, lw=1.0, label="published")
        axes.plot(*replicated, "--", color=ORANGE, label="replicated")
        axes.set(title=LABELS[name])
        _level(axes, 0.0)
        _years(axes)
    _legend(figure, panels)
    figure.supylabel("sum of log(1 + return)", fontsize=9)
    return figure


def rolling(tables: Tables) -> Figure:
    """Draw R2 and slope over the last 60 months."""
    found = set(tables.rolling["factor"])
    drawn = {model: [n for n in names if n in found] for model, names in MODELS.items()}
    drawn = {model: names for model, names in drawn.items() if names} or {"no factor": []}
    width = 4.2 * len(drawn)
    figure = _figure(tables, "rolling 60-month regressions", width, 5.0)
    panels = figure.subplots(2, len(drawn), sharex=True, squeeze=False)
    for column, (model, names) in zip(panels.T, drawn.items(), strict=True):
        for name, (color, style) in zip(names, FACTOR_STYLES, strict=False):
            rows = tables.rolling[tables.rolling["factor"] == name]
            for axes, quantity in zip(column, ("r2", "slope"), strict=True):
                label = LABELS[name].removesuffix(", five factors")
                line = _broken(rows["month"], rows[quantity])
                axes.plot(*line, style, color=color, label=label)
        for axes, label in zip(column, ("$R^2$", "slope"), strict=True):
            axes.set(ylabel=label)
            _level(axes, 1.0)
            _years(axes)
        if names:
            column[0].legend(title=model, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4)
    return figure


def differences(tables: Tables) -> Figure:
    """Draw published minus replicated returns month by month."""
    figure, panels = _panels(tables, "published minus replicated", 1.9)
    for name, pair in tables.pairs().items():
        axes = panels[name]
        gap = 100 * (pair["published"] - pair["replicated"])
        axes.vlines(_time(pair.index), 0, gap, color=BLUE, lw=0.6)
        axes.set(title=LABELS[name])
        _level(axes, 0.0)
        _years(axes)
    figure.supylabel("difference, % per month", fontsize=9)
    return figure


def stocks_per_cell(tables: Tables) -> Figure:
    """Draw the number of stocks of the six portfolios through time."""
    figure = _figure(tables, "stocks per portfolio", 6.4, 3.4)
    axes = figure.subplots()
    cells = tables.cells.set_index(["portfolio_me", "portfolio_bm"]).sort_index()
    for size, (size_label, style) in SIZES.items():
        for value, (value_label, color) in VALUES.items():
            if (size, value) in cells.index:
                rows = cells.loc[[(size, value)]]
                label = f"{size_label}, {value_label}"
                line = _broken(rows["month"], rows["stocks"])
                axes.plot(*line, style, color=color, label=label)
    _years(axes)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("stocks")
    axes.legend(title="size, book-to-market", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def breakpoints(tables: Tables) -> Figure:
    """Draw the NYSE breakpoints of every June against the distribution of all stocks."""
    figure = _figure(tables, "NYSE breakpoints", 8.4, 3.4)
    titles = {"me": "log market equity, June", "bm": "book-to-market"}
    styles: dict[str, Any] = {}
    for axes, (variable, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        scale: Callable[[Any], Any] = np.log if variable == "me" else np.positive
        years = tables.formations.groupby("year")[variable]
        low, middle, high = (scale(years.quantile(p)) for p in (0.1, 0.5, 0.9))
        year = low.index
        label = "all stocks, 10% to 90%"
        styles[label] = axes.fill_between(year, low, high, color=GREY, alpha=0.25, lw=0)
        (styles["all stocks, median"],) = axes.plot(year, middle, color=GREY, lw=0.9)
        edges = tables.breakpoints[tables.breakpoints["variable"] == variable]
        for probability, (color, style) in EDGE_STYLES.items():
            rows = edges[np.isclose(edges["probability"], probability)].drop_duplicates("year")
            if len(rows):
                (line,) = axes.plot(rows["year"], scale(rows["value"]), style, color=color)
                styles[f"NYSE, {probability:.0%}"] = line
        axes.set(title=title)
    figure.legend(list(styles.values()), list(styles), loc="outside lower center", ncols=5)
    return figure


def cell_heatmaps(tables: Tables) -> Figure:
    """Draw mean number of stocks, mean size and mean return of the six portfolios."""
    cells = tables.cells.assign(size=np.log(tables.cells["mktcap_lag"] / tables.cells["stocks"]))
    means = cells.groupby(["portfolio_me", "portfolio_bm"])[["stocks", "size", "ret"]].mean()
    means = means.reindex(pd.MultiIndex.from_product([SIZES, VALUES]))
    quantities = {
        "stocks": ("number of stocks", 1, "{:.0f}"),
        "size": ("log of mean market equity", 1, "{:.2f}"),
        "ret": ("excess return, % per month", 100, "{:.2f}"),
    }
    figure = _figure(tables, "the six portfolios, means over all months", 8.4, 2.6)
    panels = figure.subplots(1, len(quantities))
    for axes, (column, (title, scale, form)) in zip(panels, quantities.items(), strict=True):
        matrix = scale * means[column].to_numpy().reshape(len(SIZES), len(VALUES))
        _heatmap(axes, matrix, form)
        axes.set(title=title, xlabel="book-to-market")
    panels[0].set_ylabel("size")
    return figure


FIGURES: Mapping[str, Callable[[Tables], Figure]] = {
    "fitted": fitted,
    "cumulative": cumulative,
    "rolling": rolling,
    "differences": differences,
    "stocks_per_cell": stocks_per_cell,
    "breakpoints": breakpoints,
    "cell_heatmaps": cell_heatmaps,
}
"""Every figure by the name of its file."""


def draw_portfolios(path: str | Path, store: str, evaluation: PortfolioEvaluation) -> None:
    """Draw R2 of every portfolio by decade against French's, as PDF and PNG beside ``path``."""
    path = Path(path)
    with plotting.style():
        save(portfolio_heatmap(store, evaluation), path.parent, path.stem)


def portfolio_heatmap(store: str, evaluation: PortfolioEvaluation) -> Figure:
    """Return the heat map of R2, a panel for each weighting, rows are portfolios."""
    frame = evaluation.to_frame()
    weightings = list(dict.fromkeys(frame["weights"]))
    figure = new_figure(6.4, 3.6 * len(weightings) + 1)
    figure.suptitle(f"Store {store}: R2 of French's portfolios on ours", x=0.01, ha="left")
    panels = figure.subplots(1, len(weightings), squeeze=False)[0]
    for axes, weights in zip(panels, weightings, strict=True):
        chosen = frame[frame["weights"] == weights]
        names = list(dict.fromkeys(chosen["portfolio"]))
        samples = list(dict.fromkeys(chosen["sample"]))
        table = chosen.pivot_table(index="portfolio", columns="sample", values="r2", dropna=False)
        values = table.reindex(index=names, columns=samples).to_numpy(dtype=float)
        axes.imshow(values, cmap="cividis", aspect="auto", vmin=0, vmax=1)
        for (row, column), value in np.ndenumerate(values):
            if not np.isnan(value):
                color = "white" if value < 0.55 else "black"
                text = f"{value:.3f}"
                axes.text(column, row, text, color=color, ha="center", va="center", fontsize=7)
        axes.set_xticks(range(len(samples)), samples)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(title=f"{weights} weights")
    return figure


def _figure(tables: Tables, title: str, width: float, height: float) -> Figure:
    figure = new_figure(height, width)
    figure.suptitle(f"Store {tables.store}: {title}", x=0.01, ha="left", fontsize=11)
    return figure


def _panels(tables: Tables, title: str, height: float) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel for every evaluated factor, one row for each model."""
    pairs = tables.pairs()
    rows = [[name for name in names if name in pairs] for names in MODELS.values()]
    rows = [row for row in rows if row]
    columns = max(map(len, rows))
    figure = _figure(tables, title, 2.4 * columns + 0.6, height * len(rows) + 0.7)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    panels = {name: grid[i, j] for i, row in enumerate(rows) for j, name in enumerate(row)}
    for axes in set(grid.ravel()) - set(panels.values()):
        axes.set_axis_off()
    return figure, panels


def _legend(figure: Figure, panels: Mapping[str, Axes]) -> None:
    handles, labels = next(iter(panels.values())).get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)


def _level(axes: Axes, level: float) -> None:
    axes.axhline(level, color=GREY, lw=0.6, zorder=0)


def _years(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.ticklabel_format(axis="x", useOffset=False)


def _time(months: "pd.Index[Any] | pd.Series[Any]") -> np.ndarray:
    """Return months as years with decimals."""
    dates = pd.DatetimeIndex(months)
    return np.asarray(dates.year + (dates.month - 1) / 12)


def _broken(months: "pd.Index[Any] | pd.Series[Any]", values: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of a line by month that breaks where months are missing."""
    time = _time(months)
    gaps = np.flatnonzero(np.diff(time) > 1.5 / 12) + 1
    return np.insert(time, gaps, np.nan), np.insert(np.asarray(values, dtype=float), gaps, np.nan)


def _heatmap(axes: Axes, values: np.ndarray, form: str) -> None:
    """Draw a 2 x 3 table of numbers on colours; text is white on dark ones."""
    low, high = np.nanmin(values), np.nanmax(values)
    axes.imshow(values, cmap="cividis", aspect="auto", vmin=low, vmax=high)
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        dark = value < low + 0.55 * (high - low)
        color = "white" if dark else "black"
        axes.text(column, row, form.format(value), color=color, ha="center", va="center")
    axes.set_xticks(range(len(VALUES)), [label for label, _ in VALUES.values()])
    axes.set_yticks(range(len(SIZES)), [label for label, _ in SIZES.values()])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
