"""The report's figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truepremia.columns import factor_of
from truepremia.files.formats import replacing
from truepremia.report.contents import FIGURES
from truepremia.report.finished import Finished
from truepremia.report.gather import Panels

WIDTH = 7.0
"""Width in inches: the text block of a journal page."""

PIXELS_PER_INCH = 160
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666")
"""The colours of Okabe and Ito, which the colour-blind can tell apart."""

COLOURS = {"ff": PALETTE[0], "fm": PALETTE[1], "taylor": PALETTE[2], "proj": PALETTE[3]}
MARKERS = {"ff": "o", "fm": "s", "taylor": "^", "proj": "v"}
LINES = {"ff": "-", "fm": "--", "taylor": "-.", "proj": ":"}
NAMES = {
    "ff": "Fama-French",
    "fm": "Fama-MacBeth",
    "taylor": "model, Taylor",
    "proj": "model, proj.",
}
TRUTH = "black"

FEWEST_FOR_BOXES = 8
FAINTEST = 1e-6
CHARACTERS_PER_SYMBOL = 9
CHARACTERS_PER_LEGEND_LINE = 105
COMMON_VOLATILITY = 0.10
MONTHS_PER_YEAR = 12

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.formatter.use_mathtext": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "svg.hashsalt": "truepremia",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save figures in the report's style inside the block."""
    with mpl.rc_context(_STYLE):
        yield


def report_figures(panels: Panels, shown: Finished, solution: Any) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure of every figure of an economy, in the order of the contents.

    Parameters
    ----------
    panels : Panels
        All panels.
    shown : Finished
        The panel whose time series are drawn.
    solution : Solution
        The solved economy.
    """
    drawn: Mapping[str, Callable[[], Figure]] = {
        "performance": lambda: performance(panels),
        "sharpe_path": lambda: sharpe_path(shown),
        "cumulative": lambda: cumulative(shown),
        "characteristics": lambda: characteristics(panels),
        "spectrum": lambda: spectrum(panels),
        "premia": lambda: premia(panels),
        "solution": lambda: solved(panels, solution),
    }
    for name in FIGURES:
        yield name, drawn[name]()


def save(figure: Figure, folder: str | Path, name: str) -> None:
    """Write a figure as ``{name}.pdf`` and ``{name}.png``; equal figures give equal bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout is found; finding it again takes as long
    for suffix, without in (("pdf", "CreationDate"), ("png", "Software")):
        with replacing(Path(folder) / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, dpi=PIXELS_PER_INCH, metadata={without: None})


def performance(panels: Panels) -> Figure:
    """Draw Sharpe ratio and HJ distance over panels, by method and penalty."""
    rows = panels.rows["performance"]
    figure = _figure(3.3)
    left, right = figure.subplots(1, 2)
    for axes, name in ((left, "sharpe"), (right, "hjd")):
        _over_penalties(axes, rows, name)
    attainable = rows.drop_duplicates("panel")["max_sharpe"].mean()
    left.axhline(attainable, color=TRUTH, linestyle="--", label="attainable")
    left.set(title="Conditional Sharpe ratio", ylabel="per month")
    right.set(title="Conditional HJ distance")
    right.set_ylim(0, 1.08 * rows["hjd"].max())
    highest = max(attainable, rows["sharpe"].max())
    left.set_ylim(min(0, 1.1 * rows["sharpe"].min()), 1.08 * highest)
    _legend_below(figure, left)
    return figure


def sharpe_path(shown: Finished) -> Figure:
    """Draw the conditional Sharpe ratios of one panel and their maximum."""
    stats = shown.statistics
    lowest = stats[stats["alpha"] == stats["alpha"].min()]
    figure = _figure(3.0)
    axes = figure.subplots()
    for method, rows in lowest.groupby("method", sort=False):
        name = str(method)
        sharpe = rows["mean"] / rows["stdev"].where(rows["stdev"] > 0)
        axes.plot(rows["month"], sharpe, LINES[name], color=COLOURS[name], label=NAMES[name])
    truth = lowest.drop_duplicates("month")
    axes.plot(truth["month"], truth["max_sharpe"], color=TRUTH, linewidth=1.8, label="attainable")
    axes.set(xlabel="month", ylabel="Sharpe ratio per month")
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]), top=1.05 * truth["max_sharpe"].max())
    axes.margins(x=0.01)
    axes.grid(axis="y")
    _legend_below(figure, axes)
    return figure


def cumulative(shown: Finished) -> Figure:
    """Draw cumulative factor returns of one panel beside the SDF portfolio's."""
    figure = _figure(3.4)
    pair = figure.subplots(1, 2, sharey=True)
    dashes = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
    for axes, method in zip(pair, ("ff", "fm"), strict=True):
        for k, (factor, series) in enumerate(shown.returns[method].items()):
            line = dashes[k % len(dashes)]
            axes.plot(_scaled(series), linestyle=line, color=PALETTE[k % 7], label=str(factor))
        axes.plot(_scaled(shown.sdf_return), color=TRUTH, linewidth=1.8, label="SDF portfolio")
        axes.set(title=NAMES[method], xlabel="month")
        axes.margins(x=0.01)
        axes.grid(axis="y")
    pair[0].set_ylabel("sum of returns, volatility 10% a year")
    _legend_below(figure, pair[0])
    return figure


def characteristics(panels: Panels) -> Figure:
    """Draw the conditional mean return between the deciles of every characteristic."""
    names = panels.economy.characteristics
    rows = panels.rows["bins"]
    columns = 3
    lines = -(-len(names) // columns)
    figure = _figure(1.9 * lines + 0.2)
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        found = rows[rows["characteristic"] == name]
        percent = (100 * found["mean"].astype(float)).groupby(found["group"])
        mean, low, high = percent.mean(), percent.min(), percent.max()
        axes.fill_between(mean.index, low, high, color=PALETTE[0], alpha=0.25, linewidth=0)
        axes.plot(mean, marker="o", markersize=3, color=PALETTE[0])
        axes.set_title(name)
        axes.set_xticks([1, 5, 10])
        axes.grid(axis="y")
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    figure.supylabel("conditional mean excess return, % per month")
    figure.supxlabel("decile group, 1 = lowest")
    return figure


def spectrum(panels: Panels) -> Figure:
    """Draw the variance of the common components and what they earn."""
    rows = panels.rows["spectrum"]
    mean = rows.groupby("component")[["variance", "share"]].mean()
    figure = _figure(2.9)
    left, right = figure.subplots(1, 2)
    visible = mean[mean["variance"] > FAINTEST]
    left.vlines(visible.index, FAINTEST, visible["variance"], color=PALETTE[0])
    left.plot(visible["variance"], "o", markersize=4, color=PALETTE[0])
    left.set_yscale("log")
    left.set(title="Common over idiosyncratic variance", xlabel="component", ylabel="ratio")
    left.axhline(1, color=TRUTH, linewidth=0.8, linestyle="--")
    left.set_xlim(0.5, len(visible) + 0.5)
    share = np.concatenate([[0], mean["share"].cumsum()])
    right.plot(np.arange(len(share)), share, "o-", markersize=4, color=PALETTE[0])
    right.axhline(1, color=TRUTH, linewidth=0.8, linestyle="--")
    right.set(title="Share of the squared Sharpe ratio", xlabel="first components", ylim=(0, 1.05))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y")
    return figure


def premia(panels: Panels) -> Figure:
    """Draw realised against exact and model-implied premia."""
    figure = _figure(3.6)
    left, right = figure.subplots(1, 2)
    one = len(panels.names) == 1
    factors = panels.rows["factors"]
    colours = _colours(list(factors["factor"].unique()))
    for (method, factor), rows in _split(factors, "method", "factor"):
        error = 196 * rows["stdev"] / np.sqrt(rows["months"]) if one else None
        _points(left, rows["exact_mean"], rows["mean"], error, colours[factor], MARKERS[method])
    implied = panels.rows["premia"]
    for (loading, name), rows in _split(implied, "loading", "characteristic"):
        colour = colours[factor_of(name)]
        error = 196 * rows["realised_se"] if one else None
        _points(right, rows["implied"], rows["realised"], error, colour, MARKERS[loading])
    left.set(title="Realised and exact", xlabel="exact conditional mean, % per month")
    right.set(title="Realised Fama-MacBeth and model-implied")
    right.set_xlabel("model-implied premium, % per month")
    left.set_ylabel("realised mean, % per month")
    for axes in (left, right):
        axes.axline((0, 0), slope=1, color=TRUTH, linewidth=0.8, linestyle="--")
        axes.grid(visible=True)
    for factor, colour in colours.items():
        left.plot([], [], "o", color=colour, label=factor)
    for method in [*factors["method"].unique(), *implied["loading"].unique()]:
        left.plot([], [], MARKERS[method], color="none", markeredgecolor=TRUTH, label=NAMES[method])
    _legend_below(figure, left)
    return figure


def _colours(names: Sequence[str]) -> dict[str, Any]:
    """Return a colour for each name: of the palette as long as it lasts, of a rainbow beyond."""
    if len(names) <= len(PALETTE):
        return dict(zip(names, PALETTE, strict=False))
    return dict(zip(names, colormaps["turbo"](np.linspace(0, 1, len(names))), strict=True))


def solved(panels: Panels, solution: Any) -> Figure:
    """Draw the solution of the economy, by its own module."""
    figure = _figure(2.7)
    panels.economy.module("solution_plot").draw(solution, figure)
    return figure


def _figure(height: float) -> Figure:
    return Figure(figsize=(WIDTH, height), layout="constrained")


def _split(rows: pd.DataFrame, *keys: str) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Yield the rows of every combination of keys, in the order of their first appearance."""
    yield from rows.groupby(list(keys), sort=False)


def _legend_below(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=_legend_columns(labels))


def _legend_columns(labels: Sequence[str]) -> int:
    """Return the most columns that fit; each is as wide as its longest label."""
    for columns in range(len(labels), 1, -1):
        longest = [max(map(len, column)) for column in np.array_split(labels, columns)]
        if sum(longest) + CHARACTERS_PER_SYMBOL * columns <= CHARACTERS_PER_LEGEND_LINE:
            return columns
    return 1


def _scaled(series: pd.Series) -> pd.Series:
    """Return the running sum of a series scaled to a common volatility."""
    volatility = series.std() * np.sqrt(MONTHS_PER_YEAR)
    scale = COMMON_VOLATILITY / volatility if volatility > 0 else 0.0
    return (scale * series).cumsum()


def _points(
    axes: Axes, x: pd.Series, y: pd.Series, error: pd.Series | None, colour: str, marker: str
) -> None:
    axes.errorbar(
        100 * x,
        100 * y,
        yerr=error,
        fmt=marker,
        color=colour,
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.3,
        elinewidth=0.7,
        alpha=0.9,
    )


def _over_penalties(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    """Draw a number over panels: boxes, or points when there are few panels."""
    fama = rows["method"].isin(["ff", "fm"])
    penalties = list(rows.loc[fama, "alpha"].unique())
    places = {("ff", a): k - 0.18 for k, a in enumerate(penalties)}
    places |= {("fm", a): k + 0.18 for k, a in enumerate(penalties)}
    others = rows.loc[~fama, ["method", "alpha"]].drop_duplicates().itertuples(index=False)
    places |= {
        (str(method), alpha): len(penalties) + 0.36 * k for k, (method, alpha) in enumerate(others)
    }
    labelled: set[str] = set()
    for (method, alpha), found in _split(rows, "method", "alpha"):
        values = found[name].dropna().astype(float)
        label = None if method in labelled else NAMES[method]
        labelled.add(method)
        if len(values) < FEWEST_FOR_BOXES:
            x = np.full(len(values), places[method, alpha])
            axes.plot(x, values, MARKERS[method], color=COLOURS[method], markersize=4, label=label)
        else:
            axes.boxplot(
                values,
                positions=[places[method, alpha]],
                widths=0.28,
                whis=(0, 100),
                patch_artist=True,
                boxprops={"facecolor": COLOURS[method], "alpha": 0.75, "linewidth": 0.6},
                medianprops={"color": "black"},
                whiskerprops={"linewidth": 0.8},
                label=label,
            )
    ticks = [*range(len(penalties)), len(penalties) + 0.18]
    axes.set_xticks(ticks, [*(f"{a:g}" for a in penalties), "model"], rotation=45)
    axes.set_xlabel("ridge penalty")
    axes.grid(axis="y")
