"""The leaderboard as tables and figures."""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truepremia.economies.registry import ECONOMIES
from truepremia.judgement.leaderboard import MEASURES, Board
from truepremia.methods.entry import Entry
from truepremia.plotting import new_figure
from truepremia.report.writing import counted, latex_table, number, portfolio

REALISED = "realised, no truth"
SMOOTHED_MONTHS = 12

TITLE_WIDTH = 19
"""Characters in a line above one of five axes."""


@dataclass(frozen=True, eq=False)
class Exhibits:
    """Everything that is shown of a leaderboard.

    Parameters
    ----------
    board : Board
    methods : mapping of str to Entry
        In the order of the configuration.
    realised : DataFrame
        Realised statistics on panels of real stocks; may be empty.
    shares : mapping of str to mapping of str to Series
        Share of the attainable Sharpe ratio by month in the first panel of each economy, by
        economy and method.
    cpu_seconds : mapping of str to float
        Mean CPU seconds of a method's jobs.
    """

    board: Board
    methods: Mapping[str, Entry]
    realised: pd.DataFrame
    shares: Mapping[str, Mapping[str, pd.Series]]
    cpu_seconds: Mapping[str, float]

    @property
    def economies(self) -> list[str]:
        """Economies in the order of the configuration."""
        return list(dict.fromkeys(self.board.panels["economy"]))

    @property
    def judged(self) -> str:
        """How many methods were judged on how many panels, in words."""
        simulated, real = self.board.panels, self.realised
        methods = {*simulated["method"], *real["method"]}
        counts = {"simulated": simulated["panel"].nunique(), "real": real["panel"].nunique()}
        panels = [counted(n, f"{kind} panel") for kind, n in counts.items() if n]
        return f"{counted(len(methods), 'method')} on {' and '.join(panels) or 'no panel'}"

    def title(self, method: str) -> str:
        """Return the name of a method for people, with a mark if it uses the truth."""
        if method not in self.methods:
            return method
        entry = self.methods[method]
        return f"{method} (truth)" if entry.truth else method


def headline_table(shown: Exhibits) -> pd.DataFrame:
    """Return the ranking: one row for each method and economy, real panels below."""
    rows = shown.board.headline
    table = pd.DataFrame(
        {
            "method": [shown.title(m) for m in rows["method"]],
            "economy": rows["economy"],
            "portfolio": _portfolios(rows),
            "share": rows["share"],
            "share s.e.": rows["share_se"],
            "Sharpe": rows["sharpe"],
            "Sharpe s.e.": rows["sharpe_se"],
            "attainable": rows["attainable"],
            "HJ distance": rows["hjd"],
            "HJ of nothing": rows["hjd_none"],
            "luck": rows["luck"],
            "best in hindsight": rows["hindsight_best"],
            "CPU s": [shown.cpu_seconds.get(m, np.nan) for m in rows["method"]],
            "panels": rows["panels"],
            "note": [
                _note(*told)
                for told in zip(
                    rows["flag"],
                    rows["missing_panels"],
                    rows["missing_months"],
                    rows["months"],
                    rows["hjd"] > rows["hjd_none"] * (1 + 1e-12),
                    strict=True,
                )
            ],
        }
    )
    return pd.concat([table, _realised_rows(shown)], ignore_index=True)


def paired_table(shown: Exhibits) -> pd.DataFrame:
    """Return differences to the reference with readable headings."""
    names = {"sharpe": "Sharpe", "share": "share", "hjd": "HJ distance"}
    rows = shown.board.paired
    table = rows[["method", "economy", "panels"]].copy()
    for measure in MEASURES:
        table[names[measure]] = rows[measure]
        table[f"{names[measure]} s.e."] = rows[f"{measure}_se"]
        table[f"t, {names[measure]}"] = rows[f"{measure}_t"]
    table["method"] = [shown.title(m) for m in table["method"]]
    return table


def every_table(shown: Exhibits) -> pd.DataFrame:
    """Return every method, variant, choice and penalty in every economy."""
    return shown.board.every.assign(
        truth=[m in shown.methods and shown.methods[m].truth for m in shown.board.every["method"]]
    )


def _portfolios(rows: pd.DataFrame) -> list[str]:
    """Return variant and choice of each portfolio as one text."""
    return list(map(portfolio, rows["variant"], rows["choice"]))


def _note(flag: str, missing: float, missing_months: float, months: float, worse: bool) -> str:
    said = [flag] if flag else []
    if worse:
        said.append("worse than holding nothing")
    if missing_months > 0:
        said.append(f"judged in {int(months)} of {int(months + missing_months)} months")
    if missing > 0:
        said.append(f"{int(missing)} panels are missing")
    return "; ".join(said)


def _realised_rows(shown: Exhibits) -> pd.DataFrame:
    """Return the rows of panels of real stocks: the portfolios that stand for their methods."""
    if shown.realised.empty:
        return pd.DataFrame()
    rows = shown.realised[shown.realised["headline"]]
    return pd.DataFrame(
        {
            "method": rows["method"],
            "economy": rows["panel"],
            "portfolio": _portfolios(rows),
            "Sharpe": rows["sharpe"],
            "Sharpe s.e.": rows["sharpe_se"],
            "mean": rows["mean"],
            "volatility": rows["stdev"],
            "turnover": rows["turnover"],
            "drawdown": rows["drawdown"],
            "CPU s": [shown.cpu_seconds.get(m, np.nan) for m in rows["method"]],
            "panels": 1,
            "note": REALISED,
        }
    )


def to_latex(shown: Exhibits, caption: str) -> str:
    """Return the ranking as a LaTeX float, a block for each economy."""
    table = headline_table(shown)
    wanted = ["share", "Sharpe", "attainable", "HJ distance", "HJ of nothing", "luck"]
    heads = ["method", "portfolio", *wanted, "panels"]
    blocks = []
    for economy, rows in table.groupby("economy", sort=False):
        title = ECONOMIES[str(economy)].title if economy in ECONOMIES else f"{economy}, {REALISED}"
        lines = [
            [row["method"], row["portfolio"]]
            + [_with_error(row, name) for name in wanted]
            + [str(row["panels"])]
            for _, row in rows.iterrows()
        ]
        blocks.append((title, lines))
    return latex_table("Leaderboard of factor methods", heads, 2, blocks, caption)


def _with_error(row: pd.Series, name: str) -> str:
    value, error = row.get(name, np.nan), row.get(f"{name} s.e.", np.nan)
    shown = number(float(value), 3)
    return f"{shown} ({number(float(error), 3)})" if np.isfinite(error) else shown


def figures(shown: Exhibits) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure of every figure of the leaderboard."""
    against_truth: Mapping[str, Callable[[Exhibits], Figure]] = {
        "share": share,
        "penalty": penalty,
        "over_time": over_time,
        "factors": lambda s: by_number(s, "K", "number of factors K"),
        "features": lambda s: by_number(s, "D", "number of random features D"),
    }
    unknown = "no simulated panel: the truth of a real one is not known"
    for name, draw in against_truth.items():
        yield name, draw(shown) if shown.economies else _empty(unknown)
    yield "realised", _empty("no real panel") if shown.realised.empty else realised(shown)


def _empty(reason: str) -> Figure:
    """Return a figure that says why it is empty."""
    figure = new_figure(1.2)
    figure.text(0.5, 0.5, reason, ha="center", va="center")
    return figure


def share(shown: Exhibits) -> Figure:
    """Draw the share of the attainable Sharpe ratio by method and economy, with its errors."""
    rows = shown.board.headline
    rows = rows[rows["method"] != "none"]
    rows = rows.rename(columns={"economy": "column"})
    figure, grid = _by_method(shown, rows, shown.economies, "share")
    for axes, economy in zip(grid, shown.economies, strict=True):
        axes.axvline(1, color="black", linestyle="--", linewidth=0.8)
        own = rows[rows["column"] == economy]
        low = float(own["share"].min()) if len(own) else 0.0
        axes.set_xlim(min(-0.05, 1.1 * low), 1.05)
    figure.supxlabel("share of the attainable Sharpe ratio")
    return figure


def realised(shown: Exhibits) -> Figure:
    """Draw the realised Sharpe ratio by method and panel of real stocks, with its errors."""
    rows = shown.realised[shown.realised["headline"]].rename(columns={"panel": "column"})
    figure, _ = _by_method(shown, rows, list(dict.fromkeys(rows["column"])), "sharpe")
    figure.supxlabel("realised Sharpe ratio per month")
    return figure


def _by_method(
    shown: Exhibits, rows: pd.DataFrame, columns: list[str], measure: str
) -> tuple[Figure, list[Axes]]:
    """Draw a measure with its errors: methods below each other, economies or panels abreast."""
    methods = list(dict.fromkeys(rows["method"]))[::-1]
    figure = new_figure(0.9 + 0.24 * len(methods))
    grid = _row_of_axes(figure, len(columns))
    place = {method: k for k, method in enumerate(methods)}
    for axes, column in zip(grid, columns, strict=True):
        for method, found in rows[rows["column"] == column].groupby("method", sort=False):
            look, error = _look(shown, str(method)), found[f"{measure}_se"]
            axes.errorbar(
                found[measure],
                [place[str(method)]] * len(found),
                xerr=None if error.isna().any() else error,
                fmt=look.marker,
                color=look.colour,
                markersize=5,
                elinewidth=1.0,
            )
        axes.axvline(0, color="black", linewidth=0.6)
        axes.set_title(_short(column))
        axes.grid(axis="both")
    grid[0].set_yticks(range(len(methods)), [shown.title(m) for m in methods])
    grid[0].set_ylim(-0.6, len(methods) - 0.4)
    return figure, grid


def penalty(shown: Exhibits) -> Figure:
    """Draw the Sharpe ratio over penalties, and at the penalty chosen on the window."""
    every, head = shown.board.every, shown.board.headline
    economies = shown.economies
    figure = new_figure(3.2)
    grid = _row_of_axes(figure, len(economies))
    stands = dict(zip(head["method"], head["variant"], strict=True))
    for axes, economy in zip(grid, economies, strict=True):
        own = every[every["economy"] == economy]
        alphas = sorted(own.loc[own["choice"] == "alpha", "alpha"].dropna().unique())
        at = {alpha: k for k, alpha in enumerate(alphas)}
        for method, rows in own.groupby("method", sort=False):
            name = str(method)
            rows = rows[rows["variant"] == stands.get(name, "")]
            look = _look(shown, name)
            ridge = rows[(rows["choice"] == "alpha") & rows["alpha"].notna()]
            x = [at[alpha] for alpha in ridge["alpha"]]
            axes.plot(x, ridge["sharpe"], look.line, color=look.colour, label=shown.title(name))
            picked = rows[rows["choice"] != "alpha"]
            axes.plot(
                np.full(len(picked), len(alphas)), picked["sharpe"], look.marker,
                color=look.colour, markersize=4,
            )  # fmt: skip
        attainable = head.loc[head["economy"] == economy, "attainable"].max()
        axes.axhline(attainable, color="black", linestyle="--", linewidth=0.8)
        ticks = [*(f"{alpha:g}" for alpha in alphas), "chosen"]
        axes.set_xticks(range(len(ticks)), ticks, rotation=60)
        axes.set_title(_short(economy))
        axes.grid(axis="y")
        axes.set_ylim(bottom=min(0.0, float(own["sharpe"].min())))
    grid[0].set_ylabel("Sharpe ratio per month")
    figure.supxlabel("ridge penalty")
    _legend(figure, grid[0])
    return figure


def over_time(shown: Exhibits) -> Figure:
    """Draw the share over time in the first panel of each economy."""
    economies = shown.economies
    figure = new_figure(1.9 * len(economies) + 0.9)
    grid = figure.subplots(len(economies), 1, squeeze=False).flatten()
    for axes, economy in zip(grid, economies, strict=True):
        for method, series in shown.shares.get(economy, {}).items():
            look = _look(shown, method)
            smooth = series.rolling(SMOOTHED_MONTHS, min_periods=1).mean()
            axes.plot(smooth, look.line, color=look.colour, label=shown.title(method))
        axes.axhline(1, color="black", linestyle="--", linewidth=0.8)
        axes.set(title=_short(economy), ylabel="share")
        axes.margins(x=0.01)
        axes.grid(axis="y")
    grid[-1].set_xlabel("month")
    _legend(figure, grid[0])
    return figure


def by_number(shown: Exhibits, letter: str, label: str) -> Figure:
    """Draw the share over the number in variants such as "K=2", for methods that have them."""
    every = shown.board.every
    rows = every[every["variant"].str.startswith(f"{letter}=")]
    figure = new_figure(2.9)
    grid = _row_of_axes(figure, len(shown.economies))
    for axes, economy in zip(grid, shown.economies, strict=True):
        own = rows[rows["economy"] == economy]
        for method, found in own.groupby("method", sort=False):
            _lines_by_number(axes, shown, str(method), found, letter)
        axes.axhline(1, color="black", linestyle="--", linewidth=0.8)
        axes.set_title(_short(economy))
        axes.grid(axis="y")
        if letter == "D" and len(own):
            axes.set_xscale("log")
    if rows.empty:
        grid[0].text(0.5, 0.5, f"no method has variants {letter}=...", ha="center", va="center")
    grid[0].set_ylabel("share of the attainable Sharpe ratio")
    figure.supxlabel(label)
    _legend(figure, grid[0])
    return figure


def _lines_by_number(
    axes: Axes, shown: Exhibits, method: str, rows: pd.DataFrame, letter: str
) -> None:
    """Draw one line for the chosen penalty and thin ones for every given penalty."""
    look = _look(shown, method)
    for (choice, _), line in rows.groupby(["choice", rows["alpha"].fillna(-1.0)], sort=False):
        size = line["variant"].str.removeprefix(f"{letter}=").astype(int)
        chosen = choice != "alpha"
        axes.plot(
            size, line["share"], look.marker + "-" if chosen else "-", color=look.colour,
            linewidth=1.4 if chosen else 0.6, alpha=1.0 if chosen else 0.4, markersize=4,
            label=shown.title(method) if chosen else None,
        )  # fmt: skip


def _look(shown: Exhibits, method: str) -> Any:
    return shown.methods[method].look


def _short(economy: str) -> str:
    title = ECONOMIES[economy].title if economy in ECONOMIES else economy
    return textwrap.fill(title, TITLE_WIDTH)


def _row_of_axes(figure: Figure, count: int) -> list[Axes]:
    return list(figure.subplots(1, max(count, 1), sharey=True, squeeze=False).flatten())


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6))
