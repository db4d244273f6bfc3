"""The report's figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truepremia.columns import factor_of
from truepremia.plotting import PALETTE, new_figure
from truepremia.report.contents import FIGURES
from truepremia.report.finished import Finished
from truepremia.report.gather import Panels
from truepremia.report.shown import Shown

TRUTH = "black"

FEWEST_FOR_BOXES = 8
FAINTEST = 1e-6
CHARACTERS_PER_SYMBOL = 9
CHARACTERS_PER_LEGEND_LINE = 105
COMMON_VOLATILITY = 0.10
MONTHS_PER_YEAR = 12


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


def performance(panels: Panels) -> Figure:
    """Draw Sharpe ratio and HJ distance over panels, by method and penalty."""
    rows = panels.rows["performance"]
    figure = new_figure(3.3)
    left, right = figure.subplots(1, 2)
    for axes, name in ((left, "sharpe"), (right, "hjd")):
        _over_penalties(axes, rows, name, panels.methods)
    attainable = rows.drop_duplicates("panel")["max_sharpe"].mean()
    left.axhline(attainable, color=TRUTH, linestyle="--", label="attainable")
    left.set(title="Conditional Sharpe ratio", ylabel="per month")
    right.set(title="Conditional HJ distance")
    right.set_ylim(0, 1.08 * rows["hjd"].max())
    highest = max(attainable, rows["sharpe"].max())
    left.set_ylim(min(0, 1.1 * rows["sharpe"].min()), 1.08 * highest if highest > 0 else 1.0)
    _legend_below(figure, left)
    return figure


def sharpe_path(shown: Finished) -> Figure:
    """Draw the conditional Sharpe ratios of one panel and their maximum."""
    stats = shown.statistics
    lowest = stats[stats["alpha"] == stats["alpha"].min()]
    figure = new_figure(3.0)
    axes = figure.subplots()
    for key, rows in lowest.groupby("method", sort=False):
        name = str(key)
        sharpe = rows["mean"] / rows["stdev"].where(rows["stdev"] > 0)
        method = shown.methods[name]
        look = method.look
        axes.plot(rows["month"], sharpe, look.line, color=look.colour, label=method.title)
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
    methods = shown.sortable
    lines = -(-len(methods) // 2)
    figure = new_figure(3.4 if lines == 1 else 2.6 * lines + 0.8)
    grid = figure.subplots(lines, 2, sharey=True, squeeze=False).flatten()
    dashes = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
    for axes, method in zip(grid, methods, strict=False):
        for k, (factor, series) in enumerate(shown.returns[method].items()):
            line = dashes[k % len(dashes)]
            axes.plot(_scaled(series), linestyle=line, color=PALETTE[k % 7], label=str(factor))
        axes.plot(_scaled(shown.sdf_return), color=TRUTH, linewidth=1.8, label="SDF portfolio")
        axes.set(title=shown.methods[method].title, xlabel="month")
        axes.margins(x=0.01)
        axes.grid(axis="y")
    for axes in grid[len(methods) :]:
        axes.set_visible(False)
    for axes in grid[::2]:
        axes.set_ylabel("sum of returns, volatility 10% a year")
    _legend_below(figure, grid[0])
    return figure


def characteristics(panels: Panels) -> Figure:
    """Draw the conditional mean return between the deciles of every characteristic."""
    names = panels.economy.characteristics
    rows = panels.rows["bins"]
    columns = 3
    lines = -(-len(names) // columns)
    figure = new_figure(1.9 * lines + 0.2)
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
    figure = new_figure(2.9)
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
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    one = len(panels.names) == 1
    factors = panels.rows["factors"]
    colours = _colours(list(factors["factor"].unique()))
    for (method, factor), rows in _split(factors, "method", "factor"):
        error = 196 * rows["stdev"] / np.sqrt(rows["months"]) if one else None
        marker = panels.methods[method].look.marker
        _points(left, rows["exact_mean"], rows["mean"], error, colours[factor], marker)
    implied = panels.rows["premia"]
    for (loading, name), rows in _split(implied, "loading", "characteristic"):
        colour = colours[factor_of(name)]
        error = 196 * rows["realised_se"] if one else None
        marker = panels.methods[loading].look.marker
        _points(right, rows["implied"], rows["realised"], error, colour, marker)
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
        drawn = panels.methods[method]
        marker = drawn.look.marker
        left.plot([], [], marker, color="none", markeredgecolor=TRUTH, label=drawn.title)
    _legend_below(figure, left)
    return figure


def _colours(names: Sequence[str]) -> dict[str, Any]:
    """Return a colour for each name: of the palette as long as it lasts, of a rainbow beyond."""
    if len(names) <= len(PALETTE):
        return dict(zip(names, PALETTE, strict=False))
    return dict(zip(names, colormaps["turbo"](np.linspace(0, 1, len(names))), strict=True))


def solved(panels: Panels, solution: Any) -> Figure:
    """Draw the solution of the economy, by its own module; its diagnostics if there is none."""
    figure = new_figure(2.7)
    if not panels.economy.has("solution_plot"):
        told = panels.economy.report(solution)
        why = told.pop("undefined", {})
        lines = [f"{name}: {why.get(name) or format(v, '.6g')}" for name, v in told.items()]
        figure.text(0.5, 0.5, "\n".join(lines), ha="center", va="center")
        return figure
    panels.economy.module("solution_plot").draw(solution, figure)
    return figure


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


def _over_penalties(
    axes: Axes, rows: pd.DataFrame, name: str, methods: Mapping[str, Shown]
) -> None:
    """Draw a number over panels: boxes, or points when there are few panels."""
    several = [method for method, shown in methods.items() if shown.penalties]
    penalised = rows["method"].isin(several)
    penalties = list(rows.loc[penalised, "alpha"].unique())
    shift = np.linspace(-0.18, 0.18, len(several)) if len(several) > 1 else [0.0]
    places = {
        (method, a): k + by
        for method, by in zip(several, shift, strict=True)
        for k, a in enumerate(penalties)
    }
    others = rows.loc[~penalised, ["method", "alpha"]].drop_duplicates().itertuples(index=False)
    places |= {
        (str(method), alpha): len(penalties) + 0.36 * k for k, (method, alpha) in enumerate(others)
    }
    labelled: set[str] = set()
    for (method, alpha), found in _split(rows, "method", "alpha"):
        values = found[name].dropna().astype(float)
        look = methods[method].look
        label = None if method in labelled else methods[method].title
        labelled.add(method)
        if len(values) < FEWEST_FOR_BOXES:
            x = np.full(len(values), places[method, alpha])
            axes.plot(x, values, look.marker, color=look.colour, markersize=4, label=label)
        else:
            axes.boxplot(
                values,
                positions=[places[method, alpha]],
                widths=0.28,
                whis=(0, 100),
                patch_artist=True,
                boxprops={"facecolor": look.colour, "alpha": 0.75, "linewidth": 0.6},
                medianprops={"color": "black"},
                whiskerprops={"linewidth": 0.8},
                label=label,
            )
    ticks = [*range(len(penalties)), len(penalties) + 0.18]
    axes.set_xticks(ticks, [*(f"{a:g}" for a in penalties), "model"], rotation=45)
    axes.set_xlabel("ridge penalty")
    axes.grid(axis="y")
