"""Realised statistics of portfolios on panels of real stocks, where no truth is known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

from truepremia.typing import Array

MONTHS_PER_YEAR = 12
COMMON_VOLATILITY = 0.10
"""Volatility a year to which returns are scaled before drawdowns are taken."""


def realised_rows(panel: str, method: str, stats: Mapping[str, Array]) -> pd.DataFrame:
    """Return one row for every portfolio of a method on one real panel.

    Parameters
    ----------
    panel, method : str
    stats : mapping of str to array
        The columns of the method's statistics: what portfolios earn and trade month by month.

    Returns
    -------
    DataFrame
        ``months``, ``mean`` and ``stdev`` per month, ``sharpe`` = mean / stdev, standard errors
        ``mean_se`` and ``sharpe_se`` by Newey and West (1987), mean ``turnover`` a month and
        largest ``drawdown`` of the compounded return at a volatility of 10% a year.
    """
    frame = pd.DataFrame(dict(stats))
    rows = []
    keys = ["variant", "choice", "alpha"]
    for found, own in frame.groupby(keys, sort=False, dropna=False):
        numbers = _numbers(own["xret"].to_numpy(float))
        rows.append(
            {"panel": panel, "method": method}
            | dict(zip(keys, found, strict=True))
            | {"months": len(own), **numbers, "turnover": own["turnover"].mean()}
        )
    return pd.DataFrame(rows, columns=["panel", "method", *keys, "months", *NUMBERS, "turnover"])


NUMBERS = ("mean", "stdev", "sharpe", "mean_se", "sharpe_se", "drawdown")
"""What is computed of a series of returns."""


def _numbers(returns: Array) -> dict[str, float]:
    """Return mean, s.d., Sharpe ratio, their Newey-West errors and the drawdown of a series.

    The error of the Sharpe ratio is that of the mean of its influence function,
    (r - m) / s - S ((r - m)^2 / s^2 - 1) / 2.
    """
    mean, stdev = float(returns.mean()), float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    if not stdev > 0:
        unknown = dict.fromkeys(("mean_se", "sharpe_se"), np.nan)
        return {"mean": mean, "stdev": stdev, "sharpe": 0.0, **unknown, "drawdown": 0.0}
    standard = (returns - mean) / stdev
    sharpe = mean / stdev
    scale = COMMON_VOLATILITY / (stdev * np.sqrt(MONTHS_PER_YEAR))
    wealth = np.cumprod(1 + np.maximum(scale * returns, -1.0))
    peak = np.maximum.accumulate(np.concatenate([[1.0], wealth]))[1:]
    return {
        "mean": mean,
        "stdev": stdev,
        "sharpe": sharpe,
        "mean_se": _newey_west(returns),
        "sharpe_se": _newey_west(standard - 0.5 * sharpe * (standard**2 - 1)),
        "drawdown": float(np.max(1 - wealth / peak)),
    }


def _newey_west(series: Array) -> float:
    """Return the standard error of a mean, with 4 (T / 100)^(2/9) lags."""
    lags = int(4 * (len(series) / 100) ** (2 / 9))
    fit = OLS(series, np.ones(len(series))).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    return float(fit.bse[0])
