"""Figures of one panel for notebooks: each function draws on axes and returns them.

Pass ``ax`` to draw on axes of your own; without it new ones are made. :mod:`pyplot
<matplotlib.pyplot>` is imported where that is needed.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from truepremia.errors import DataError, shortened
from truepremia.moments import Moments
from truepremia.plotting import PALETTE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def cumulative(
    returns: "pd.DataFrame", sdf_return: "pd.Series | None" = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw cumulative sums of factor returns, each scaled to the risk of the first.

    Parameters
    ----------
    returns : DataFrame
        One column for each factor, indexed by month.
    sdf_return : Series, optional
        Returns of the true SDF portfolio in the same months, drawn in black.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If returns are not of these kinds, or a series does not vary.
    """
    if getattr(returns, "ndim", 0) != 2 or not len(getattr(returns, "columns", ())):
        raise DataError("returns must be a frame with a column for each factor")
    if sdf_return is not None and getattr(sdf_return, "ndim", 0) != 1:
        raise DataError("sdf_return must be one series, such as panel.truth()['sdf_ret']")
    ax = _axes(ax)
    risk = _risk(returns.columns[0], returns.iloc[:, 0])
    for name, earned in returns.items():
        ax.plot(returns.index, (earned * risk / _risk(name, earned)).cumsum(), label=str(name))
    if sdf_return is not None:
        scaled = sdf_return * risk / _risk("sdf_return", sdf_return)
        ax.plot(sdf_return.index, scaled.cumsum(), color="black", label="true SDF portfolio")
    ax.set(xlabel="month", ylabel=f"sum of returns, risk of {returns.columns[0]}")
    ax.legend()
    return ax


def sharpe_by_penalty(judged: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the Sharpe ratio by ridge penalty, one line for each variant, and the attainable ratio.

    Parameters
    ----------
    judged : DataFrame
        What :func:`truepremia.judge` returns.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If there is no portfolio at a given penalty.
    """
    wanted = {"choice", "variant", "alpha", "sharpe", "attainable"}
    if not wanted <= set(getattr(judged, "columns", ())):
        raise DataError("judged must be a frame that tp.judge has returned")
    by_penalty = judged[judged["choice"] == "alpha"]
    if by_penalty.empty:
        raise DataError("judged has no portfolio at a given penalty: no row of choice 'alpha'")
    ax = _axes(ax)
    for variant, rows in by_penalty.groupby("variant", sort=False):
        ax.plot(rows["alpha"], rows["sharpe"], marker="o", label=str(variant) or "portfolio")
    ax.axhline(by_penalty["attainable"].mean(), color="black", ls="--", label="attainable")
    positive = by_penalty.loc[by_penalty["alpha"] > 0, "alpha"]
    least = float(positive.min()) if len(positive) else 1.0
    ax.set_xscale("symlog", linthresh=least)  # linear up to the least penalty: zero has a place
    ax.set_xlim(left=-least / 4)
    ax.set(xlabel="ridge penalty per month of the window", ylabel="Sharpe ratio per month")
    ax.legend(loc="center right")
    return ax


def spectrum(moments: Moments, ax: "Axes | None" = None) -> "Axes":
    """Draw the eigenvalues of a month's covariance as shares of the total variance.

    Parameters
    ----------
    moments : Moments
        Of few enough firms for a dense covariance.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If moments are not those of one month.
    """
    _require_moments(moments)
    ax = _axes(ax)
    eigenvalues = np.linalg.eigvalsh(moments.covariance())[::-1]
    ax.loglog(np.arange(1, len(eigenvalues) + 1), eigenvalues / eigenvalues.sum())
    ax.set(xlabel="eigenvalue, from the largest", ylabel="share of the total variance")
    return ax


def premia(
    earned: Mapping[str, Any],
    truth: Mapping[str, Any],
    ax: "Axes | None" = None,
    errors: Mapping[str, Any] | None = None,
) -> "Axes":
    """Draw mean premia beside the true ones.

    Parameters
    ----------
    earned, truth : mapping of str to float, or Series
        Premia by name; names that are not in both are left out.
    ax : Axes, optional
    errors : mapping of str to float, or Series, optional
        Standard errors of the means; two of them are drawn to both sides.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If no name is in both, or what is given has no names.
    """
    _require_names(earned=earned, truth=truth, errors={} if errors is None else errors)
    ax = _axes(ax)
    earned, truth = dict(earned), dict(truth)
    names = [name for name in earned if name in truth]
    if not names:
        raise DataError(f"no true premium for any of {list(earned)}: truth has {list(truth)}")
    place = np.arange(len(names))
    label = "earned" if errors is None else "earned, with two standard errors"
    reach = None if errors is None else [2 * errors[n] for n in names]
    means = [earned[n] for n in names]
    ax.bar(place - 0.2, means, 0.4, color=PALETTE[0], label=label, yerr=reach, capsize=3)
    ax.bar(place + 0.2, [truth[n] for n in names], 0.4, color=PALETTE[1], label="true")
    ax.axhline(0, color="black", lw=0.6)
    ax.set_xticks(place, names)
    ax.set_ylabel("premium per month")
    ax.legend()
    return ax


def shares(named: Mapping[str, float], ax: "Axes | None" = None) -> "Axes":
    """Draw the share of the attainable Sharpe ratio that each method reaches, the best on top.

    Parameters
    ----------
    named : mapping of str to float
        Shares by method; those that are missing stand below, without a bar.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If what is given has no names.
    """
    _require_names(named=named)
    ax = _axes(ax)
    ordered = sorted(named.items(), key=lambda item: (not np.isnan(item[1]), item[1]))
    ax.barh([name for name, _ in ordered], [share for _, share in ordered], color=PALETTE[0])
    ax.axvline(1, color="black", ls="--", label="attainable")
    ax.set_xlabel("share of the attainable Sharpe ratio")
    ax.legend(loc="lower right")
    return ax


def attainable(moments: Iterable[Moments], ax: "Axes | None" = None) -> "Axes":
    """Draw the highest conditional Sharpe ratio of each month.

    Parameters
    ----------
    moments : iterable of Moments
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If there is no month, or something else is given.
    """
    if isinstance(moments, Moments):
        moments = [moments]
    points = [(_require_moments(m).month, m.max_sharpe()) for m in moments]
    if not points:
        raise DataError("there is no month to draw: give at least one month's moments")
    ax = _axes(ax)
    ax.plot([month for month, _ in points], [ratio for _, ratio in points])
    ax.set(xlabel="month", ylabel="attainable Sharpe ratio per month")
    return ax


def _risk(name: Any, series: "pd.Series") -> float:
    """Return the standard deviation of a series, to which or from which another is scaled."""
    risk = float(series.std())
    if not risk > 0:
        raise DataError(f"{name} does not vary, so that it has no risk to scale; leave it out")
    return risk


def _require_moments(given: Any) -> Moments:
    if not isinstance(given, Moments):
        raise DataError(
            f"moments are {shortened(repr(given), 60)}: must be those of a month, such as "
            "next(iter(panel.moments()))"
        )
    return given


def _require_names(**given: Any) -> None:
    for name, value in given.items():
        if not hasattr(value, "items"):
            raise DataError(
                f"{name} is {shortened(repr(value), 60)}: must be a mapping or Series of numbers "
                "by name"
            )


def _axes(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]
