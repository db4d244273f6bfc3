"""Ranking of methods: means over months within a panel, then over panels, paired within panels.

Months of one panel share windows, so that no standard error is made of them; errors are those of
means over panels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from truepremia.economies.contract import SHARPE_ROUNDING
from truepremia.errors import DataError
from truepremia.judgement.engine import LOO, OWN
from truepremia.typing import Array

KNOWS_THE_FUTURE = 5.0
"""Luck beyond which a method cannot be honest: z is a martingale difference of variance one."""

PORTFOLIO = ["method", "variant", "choice", "alpha"]
"""Columns that name a portfolio of a method."""

MEASURES = ("sharpe", "share", "hjd")
"""What methods are compared by: Sharpe ratio, share of the attainable one, HJ distance."""


def panel_rows(
    economy: str,
    panel: str,
    method: str,
    stats: Mapping[str, Array],
    attainable: Mapping[int, float],
) -> pd.DataFrame:
    """Return one row for every portfolio of a method on one panel.

    Parameters
    ----------
    economy, panel, method : str
    stats : mapping of str to array
        The columns of the method's statistics.
    attainable : mapping of int to float
        Maximal conditional Sharpe ratio theta by month.

    Returns
    -------
    DataFrame
        ``months``; means over months of ``sharpe``, ``attainable``, ``share`` (Sharpe over
        attainable, month by month), ``hjd`` and ``hjd_none`` (of holding nothing,
        theta / sqrt(1 + theta^2)); medians over months; ``luck_sum`` and ``luck_months``, the sum
        of z = (xret - mean) / stdev and how many months have one.
    """
    frame = pd.DataFrame(dict(stats))
    theta = frame["month"].map(attainable).to_numpy(float)
    held = frame["stdev"].to_numpy() > 0
    scale = np.where(held, frame["stdev"], 1.0)
    sharpe = np.where(held, frame["mean"] / scale, 0.0)
    z = np.where(held, (frame["xret"] - frame["mean"]) / scale, 0.0)
    monthly = frame[["variant", "choice", "alpha", "hjd"]].assign(
        sharpe=sharpe,
        attainable=theta,
        share=_share(sharpe, theta),
        hjd_none=theta / np.sqrt(1 + theta**2),
        z=z,
        held=held,
    )
    grouped = monthly.groupby(["variant", "choice", "alpha"], sort=False, dropna=False)
    columns = ["sharpe", "attainable", "share", "hjd", "hjd_none"]
    rows = grouped[columns].mean()
    medians = grouped[list(MEASURES)].median().add_suffix("_median")
    counts = grouped.agg(
        months=("sharpe", "size"), luck_sum=("z", "sum"), luck_months=("held", "sum")
    )
    found = pd.concat([rows, medians, counts], axis=1).reset_index()
    found.insert(0, "method", method)
    found.insert(0, "panel", panel)
    found.insert(0, "economy", economy)
    return found


def _share(sharpe: Array, theta: Array) -> Array:
    """Return Sharpe over attainable ratio, NaN where nothing but rounding can be attained."""
    missing = np.full(np.shape(sharpe), np.nan)
    return np.asarray(np.divide(sharpe, theta, out=missing, where=theta > SHARPE_ROUNDING))


def over_panels(rows: pd.DataFrame) -> pd.DataFrame:
    """Return every portfolio of every method in every economy, averaged over panels.

    Parameters
    ----------
    rows : DataFrame
        Rows of :func:`panel_rows` of all panels.

    Returns
    -------
    DataFrame
        One row for each economy and portfolio: ``panels``, means with standard errors
        (sd (n - 1) / sqrt(panels), NaN with one panel), medians, ``luck``.
    """
    grouped = rows.groupby(["economy", *PORTFOLIO], sort=False, dropna=False)
    columns = ["sharpe", "attainable", "share", "hjd", "hjd_none"]
    mean = grouped[[*columns, *(f"{name}_median" for name in MEASURES)]].mean()
    count = grouped["panel"].nunique()
    error = grouped[list(MEASURES)].std(ddof=1).div(np.sqrt(count), axis=0).add_suffix("_se")
    total = grouped[["luck_sum", "luck_months"]].sum()
    luck = total["luck_sum"] / np.sqrt(total["luck_months"].clip(lower=1))
    months = grouped["months"].min()
    found = pd.concat([count.rename("panels"), months, mean, error], axis=1)
    return found.assign(luck=luck).reset_index()


@dataclass(frozen=True, eq=False)
class Board:
    """The leaderboard.

    Parameters
    ----------
    every : DataFrame
        Every method, variant, choice and penalty in every economy.
    headline : DataFrame
        One row for each method and economy, methods in order of their mean share.
    paired : DataFrame
        Headline rows against the reference, panel by panel.
    panels : DataFrame
        Every portfolio on every panel.
    """

    every: pd.DataFrame
    headline: pd.DataFrame
    paired: pd.DataFrame
    panels: pd.DataFrame


def leaderboard(
    rows: pd.DataFrame, headline: Mapping[str, str], reference: str, panels: Mapping[str, int]
) -> Board:
    """Rank methods.

    Parameters
    ----------
    rows : DataFrame
        Rows of :func:`panel_rows` of all panels and methods.
    headline : mapping of str to str
        Variant that stands for a method, where it is not its last one.
    reference : str
        Method that the others are compared with.
    panels : mapping of str to int
        Number of configured panels by economy.
    """
    every = over_panels(rows)
    chosen = {str(m): _chosen(found, headline) for m, found in rows.groupby("method")}
    shown = _select(every, chosen)
    best = every.groupby(["economy", "method"])["sharpe"].max().rename("hindsight_best")
    shown = shown.merge(best.reset_index(), on=["economy", "method"])
    shown = pd.concat([shown, _nothing(rows)], ignore_index=True)
    judged = rows.groupby("economy")["months"].max().astype(float)
    shown["missing_months"] = shown["economy"].map(judged).astype(float) - shown["months"]
    shown["missing_panels"] = shown["economy"].map(panels).astype(float) - shown["panels"]
    shown["flag"] = np.where(shown["luck"].abs() > KNOWS_THE_FUTURE, "knows the future", "")
    average = shown.groupby("method")["share"].mean().sort_values(ascending=False)
    place = {method: k for k, method in enumerate(average.index)}
    economies = {name: k for k, name in enumerate(rows["economy"].unique())}
    order = [shown["method"].map(place), shown["economy"].map(economies)]
    shown = shown.iloc[np.lexsort([order[1], order[0]])].reset_index(drop=True)
    return Board(every, shown, _paired(_select(rows, chosen), reference), rows)


def stands_for(rows: pd.DataFrame, headline: Mapping[str, str]) -> Array:
    """Return which of one method's portfolios stands for it, shape (rows,), one of them true."""
    if rows.empty:
        return np.zeros(0, dtype=bool)
    chosen = {str(rows["method"].iloc[0]): _chosen(rows, headline)}
    return np.asarray(rows.index.isin(_select(rows, chosen).index))


def _chosen(rows: pd.DataFrame, headline: Mapping[str, str]) -> tuple[str, str]:
    """Return variant and choice that stand for a method."""
    method = str(rows["method"].iloc[0])
    variant = headline.get(method, str(rows["variant"].iloc[-1]))
    choices = set(rows.loc[rows["variant"] == variant, "choice"])
    if not choices:
        known = ", ".join(dict.fromkeys(rows["variant"])) or "none"
        raise DataError(
            f"leaderboard.headline.{method} is {variant!r}: must be one of its variants, {known}"
        )
    for choice in (LOO, OWN):
        if choice in choices:
            return variant, choice
    return variant, str(next(iter(choices), OWN))


def _select(rows: pd.DataFrame, chosen: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Return the rows of the portfolios that stand for their methods."""
    variant = rows["method"].map({method: variant for method, (variant, _) in chosen.items()})
    choice = rows["method"].map({method: choice for method, (_, choice) in chosen.items()})
    found = rows[(rows["variant"] == variant) & (rows["choice"] == choice)]
    # Without a choice of its own a method stands for itself at its smallest penalty.
    keys = [name for name in ("economy", "panel", "method") if name in found]
    return found.sort_values("alpha", kind="stable").drop_duplicates(keys).sort_index()


def _nothing(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the portfolio that holds nothing: distance theta / sqrt(1 + theta^2)."""
    longest = rows.sort_values("months", ascending=False, kind="stable")
    panels = longest.drop_duplicates(["economy", "panel"]).sort_index()
    grouped = panels.groupby("economy", sort=False)
    count = grouped["panel"].nunique()
    found = (
        grouped[["attainable", "hjd_none"]]
        .mean()
        .assign(panels=count, months=grouped["months"].min(), hjd=grouped["hjd_none"].mean())
    )
    found["hjd_se"] = grouped["hjd_none"].std(ddof=1) / np.sqrt(count)
    zero = ("sharpe", "share", "luck", "hindsight_best")
    named = found.reset_index().assign(method="none", variant="", choice=OWN, alpha=np.nan)
    errors = dict.fromkeys(("sharpe_se", "share_se"), np.where(named["panels"] > 1, 0.0, np.nan))
    return named.assign(**dict.fromkeys(zero, 0.0), **errors)


def _paired(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return differences to the reference on the same panels: mean, standard error, t.

    Panels in which a method was judged in other months than the reference do not count.
    """
    measures = list(MEASURES)
    base = rows[rows["method"] == reference].set_index(["economy", "panel"])
    columns = ["economy", "method", "panels"]
    found = []
    for (economy, method), own in rows.groupby(["economy", "method"], sort=False):
        if method == reference:
            continue
        own = own.set_index(["economy", "panel"])
        together = own["months"] == base["months"].reindex(own.index)
        gap = own[measures].where(together) - base[measures]
        gap = gap.dropna(how="all")
        row: dict[str, object] = dict(zip(columns, (economy, method, len(gap)), strict=True))
        for name in measures:
            known = gap[name].dropna()
            mean = known.mean() if len(known) else np.nan
            error = known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else np.nan
            row |= {name: mean, f"{name}_se": error}
            row[f"{name}_t"] = mean / error if error > 0 else np.nan
        found.append(row)
    names = [f"{name}{end}" for name in measures for end in ("", "_se", "_t")]
    return pd.DataFrame(found, columns=[*columns, *names])


def monthly_share(
    stats: Mapping[str, Array], attainable: Mapping[int, float], row: tuple[str, str, float]
) -> pd.Series:
    """Return Sharpe over attainable Sharpe ratio of one portfolio, by month.

    Parameters
    ----------
    stats : mapping of str to array
    attainable : mapping of int to float
    row : tuple
        Variant, choice and alpha of the portfolio.
    """
    frame = pd.DataFrame(dict(stats))
    variant, choice, alpha = row
    same = (frame["variant"] == variant) & (frame["choice"] == choice)
    same &= frame["alpha"].isna() if np.isnan(alpha) else frame["alpha"] == alpha
    frame = frame[same].set_index("month")
    sharpe = (frame["mean"] / frame["stdev"].where(frame["stdev"] > 0)).fillna(0.0)
    theta = pd.Series(attainable).reindex(frame.index)
    return pd.Series(_share(sharpe.to_numpy(), theta.to_numpy()), frame.index)
