"""The numbers of one finished panel: all that the report's tables and figures need of it.

A row is a mapping; a number that a panel cannot give is None.
Returns are decimal per month, shocks have a standard deviation of one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

from truepremia.columns import factor_of
from truepremia.economies.contract import SHARPE_ROUNDING, Economy, Population
from truepremia.methods.contract import MARKET
from truepremia.moments import Moments
from truepremia.portfolios import bins, breakpoints
from truepremia.report.finished import Finished
from truepremia.report.shown import Shown
from truepremia.typing import Array

Row = dict[str, Any]

DECILES = tuple(np.arange(1, 10) / 10)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PORTFOLIO = "portfolio"
SDF_PORTFOLIO = "SDF portfolio"


def summarise(
    economy: Economy,
    manifest: Mapping[str, Any],
    tables: Mapping[str, str | Path],
    methods: Mapping[str, Shown],
) -> dict[str, Any]:
    """Return the summary of a panel.

    Parameters
    ----------
    economy : Economy
    manifest : mapping
        The panel's manifest: identity, configuration, accuracy.
    tables : mapping of str to path
        The panel's tables by name.
    methods : mapping of str to Shown
        The methods that the report shows.

    Returns
    -------
    dict
        ``panel_id``, ``config``, ``accuracy``, and rows by kind: ``performance``, ``factors``,
        ``correlations``, ``exposures``, ``captured``, ``premia``, ``characteristics``, ``bins``,
        ``spectrum``, ``quantities``.
    """
    finished = Finished(economy, manifest, tables, methods)
    rows = {
        "performance": performance(finished),
        "factors": factor_summary(finished),
        "correlations": correlations(finished),
        "exposures": exposures(finished),
        "captured": captured(finished),
        "premia": premia(finished),
        "characteristics": characteristics(finished),
        "bins": conditional_means(finished),
        "spectrum": spectrum(finished),
        "quantities": quantities(finished),
    }
    head = {name: manifest[name] for name in ("panel_id", "config", "accuracy")}
    return head | {kind: [_plain(row) for row in found] for kind, found in rows.items()}


def performance(finished: Finished) -> list[Row]:
    """Return the portfolio statistics by method and penalty, averaged over judged months.

    ``ratio`` is the mean of monthly Sharpe over attainable Sharpe ratio, which is the
    conditional correlation with the SDF portfolio; ``realised_distance`` is
    sqrt(mean((sdf_ret - xret)^2)).
    """
    stats = finished.statistics
    sharpe = stats["mean"] / stats["stdev"].where(stats["stdev"] > 0)
    monthly = stats.assign(
        sharpe=sharpe,
        ratio=sharpe / stats["max_sharpe"],
        hjd_square=stats["hjd"] ** 2,
        miss_square=(stats["sdf_ret"] - stats["xret"]) ** 2,
    )
    rows = []
    for (method, alpha), found in monthly.groupby(["method", "alpha"], sort=False):
        mean = found.drop(columns=["method", "month"]).mean()
        averaged = {n: mean[n] for n in ("sharpe", "max_sharpe", "ratio", "hjd", "mean", "stdev")}
        rows.append(
            {"method": method, "alpha": alpha, "months": len(found), **averaged}
            | {
                "hjd_rms": np.sqrt(mean["hjd_square"]),
                "realised_distance": np.sqrt(mean["miss_square"]),
                "realised_mean": mean["xret"],
                "realised_stdev": found["xret"].std(),
            }
        )
    return rows


def factor_summary(finished: Finished) -> list[Row]:
    """Return mean, volatility, t, Sharpe ratio, exact mean and spanning alpha of every factor."""
    exact = _exact_means(finished)
    rows = []
    for method in finished.sortable:
        returns = finished.returns[method].dropna()
        for factor in map(str, returns):
            series = returns[factor]
            mean, stdev = series.mean(), series.std()
            spanning = regression(series, returns.drop(columns=[factor]))
            rows.append(
                {
                    "method": method,
                    "factor": factor,
                    "months": len(series),
                    "mean": mean,
                    "exact_mean": exact[method, factor],
                    "exact_months": len(finished.judged),
                    "stdev": stdev,
                    "t": mean / stdev * np.sqrt(len(series)) if stdev > 0 else np.nan,
                    "sharpe": mean / stdev if stdev > 0 else np.nan,
                    "sdf_correlation": _correlation(series, finished.sdf_return),
                    "spanning_alpha": spanning.coefficient["const"],
                    "spanning_t": spanning.t["const"],
                    "spanning_r2": spanning.r2,
                }
            )
    return rows


def correlations(finished: Finished) -> list[Row]:
    """Return the correlations of factors within a method and with the first other one."""
    rows = []
    for method in finished.sortable:
        other = next(name for name in finished.sortable if name != method)
        returns, others = finished.returns[method], finished.returns[other]
        matrix = returns.corr().to_dict()
        for factor in map(str, returns):
            within = matrix[factor]
            between = _correlation(returns[factor], others[factor]) if factor in others else None
            rows.append({"method": method, "factor": factor, **within, "other_method": between})
    return rows


def exposures(finished: Finished) -> list[Row]:
    """Return regressions of every factor and portfolio on the true shocks and SDF portfolio."""
    truth = finished.sdf_return.to_frame("sdf_ret")
    rows = []
    for method, returns in finished.returns.items():
        series = {str(name): returns[name] for name in returns}
        for factor, earned in (series | {PORTFOLIO: finished.portfolios[method]}).items():
            on_shocks = regression(earned, finished.shocks)
            on_sdf = regression(earned, truth)
            rows.append(
                {"method": method, "factor": factor, "months": on_shocks.months}
                | {f"loading_{s}": on_shocks.coefficient[s] for s in finished.economy.shocks}
                | {f"t_{s}": on_shocks.t[s] for s in finished.economy.shocks}
                | {
                    "shocks_r2": on_shocks.r2,
                    "sdf_loading": on_sdf.coefficient["sdf_ret"],
                    "sdf_t": on_sdf.t["sdf_ret"],
                    "sdf_alpha": on_sdf.coefficient["const"],
                    "sdf_r2": on_sdf.r2,
                }
            )
    return rows


def captured(finished: Finished) -> list[Row]:
    """Return the R2 of the SDF portfolio and of every shock on all factors of a method."""
    targets = {SDF_PORTFOLIO: finished.sdf_return}
    targets |= {f"shock {name}": finished.shocks[name] for name in finished.shocks}
    fits = [
        (method, target, regression(series, returns))
        for method, returns in finished.returns.items()
        for target, series in targets.items()
    ]
    return [
        {"method": method, "target": target, "months": fit.months, "r2": fit.r2}
        for method, target, fit in fits
    ]


def premia(finished: Finished) -> list[Row]:
    """Return the mean model-implied premium of every characteristic beside what fm realised."""
    rows = []
    for loading in finished.economy.loadings:
        implied = pd.DataFrame(finished.read(f"model_premia_{loading}")).set_index("month")
        for name in implied:
            factor = factor_of(str(name))
            both = pd.DataFrame({"implied": implied[name], "fm": finished.returns["fm"][factor]})
            both = both.dropna()
            rows.append(
                {
                    "loading": loading,
                    "characteristic": name,
                    "months": len(both),
                    "implied": both["implied"].mean(),
                    "realised": both["fm"].mean(),
                    "difference": (both["fm"] - both["implied"]).mean(),
                    "realised_se": both["fm"].std() / np.sqrt(len(both)),
                    "correlation": _correlation(both["implied"], both["fm"]),
                }
            )
    return rows


def characteristics(finished: Finished) -> list[Row]:
    """Return the cross-sectional distribution of returns and characteristics."""
    rows = []
    months = list(finished.panel.sampled())
    for name in ("xret", *finished.economy.characteristics):
        described = [_distribution(month[name]) for month in months]
        found = [d for d in described if d is not None]
        missing = np.mean([1 - np.isfinite(month[name]).mean() for month in months])
        averaged = np.mean(found, axis=0) if found else np.full(2 + len(QUANTILES), np.nan)
        labels = ("mean", "sd", *(f"p{round(100 * p)}" for p in QUANTILES))
        counts = {"months": len(months), "missing": missing}
        rows.append({"variable": name, **counts, **dict(zip(labels, averaged, strict=True))})
    return rows


def conditional_means(finished: Finished) -> list[Row]:
    """Return the exact conditional mean return between the deciles of every characteristic."""
    rows = []
    for c, name in enumerate(finished.economy.characteristics):
        sums = np.zeros((2, len(DECILES) + 1))
        months = np.zeros(len(DECILES) + 1)
        for moments, cross_section in finished.judged:
            firms = cross_section.investable
            if not len(firms):
                continue
            values = cross_section.characteristics[firms, c]
            group = bins(values, breakpoints(values, DECILES))
            count = np.bincount(group, minlength=len(months))
            for k, amount in enumerate((moments.mean[firms], values)):
                total = np.bincount(group, weights=amount, minlength=len(months))
                sums[k] += np.divide(total, count, out=np.zeros_like(total), where=count > 0)
            months += count > 0
        mean, level = np.where(months > 0, sums / np.maximum(months, 1), np.nan)
        rows += [
            {"characteristic": name, "group": k + 1, "mean": mean[k], "level": level[k]}
            | {"months": int(months[k])}
            for k in range(len(months))
        ]
    return rows


def spectrum(finished: Finished) -> list[Row]:
    """Return variance and pricing of the common components of returns.

    With Sigma = D^{1/2} (I + U S^2 U') D^{1/2} and m = D^{-1/2} mu, component k has the variance
    s_k^2 relative to idiosyncratic variance and earns (u_k'm)^2 / (1 + s_k^2) of the squared
    attainable Sharpe ratio; the remainder is earned by idiosyncratic risk.
    """
    found = [_components(moments) for moments, _ in finished.judged]
    width = max(len(variance) for variance, _ in found)
    padded = np.array([[np.pad(v, (0, width - len(v))) for v in both] for both in found])
    variance, priced = padded.mean(axis=0)
    return [
        {"component": k + 1, "variance": variance[k], "share": priced[k], "months": len(found)}
        for k in range(width)
    ]


def quantities(finished: Finished) -> list[Row]:
    """Return what describes a panel as a whole: market, riskless rate, firms, certificates."""
    market = {"value": finished.returns["ff"][MARKET], "equal": finished.returns["fm"][MARKET]}
    rows = []
    for weights, series in market.items():
        rows.append((f"market, {weights}-weighted: mean excess return", "per month", series.mean()))
        rows.append((f"market, {weights}-weighted: volatility", "per month", series.std()))
    truth = finished.sdf
    rows += [
        ("riskless rate: mean", "per month", finished.aggregates["rf"].mean()),
        ("SDF portfolio: mean excess return", "per month", truth["sdf_ret"].mean()),
        ("SDF portfolio: volatility", "per month", truth["sdf_ret"].std(ddof=1)),
        ("attainable Sharpe ratio: mean", "ratio per month", truth["max_sr"].mean()),
        *_firms(finished),
        *_volatilities(finished),
    ]
    accuracy = finished.manifest["accuracy"]
    rows += [
        ("certificate: largest Euler error", "1", accuracy["largest_euler_error"]),
        ("certificate: highest Sharpe ratio", "ratio per month", accuracy["largest_max_sharpe"]),
        ("certificate: bound on Sharpe ratios", "ratio per month", accuracy["sharpe_bound"]),
    ]
    return [{"quantity": name, "unit": unit, "value": value} for name, unit, value in rows]


@dataclass(frozen=True)
class Regression:
    """A least-squares regression with an intercept ``const``; t is robust (HC1)."""

    coefficient: Mapping[str, float]
    t: Mapping[str, float]
    r2: float
    months: int


def regression(target: pd.Series, regressors: pd.DataFrame) -> Regression:
    """Regress a monthly series on others over the months that all have.

    Regressors that never change are left out and have no coefficient; a target that never
    changes has none at all.

    Parameters
    ----------
    target : Series
    regressors : DataFrame
        Indexed by month like ``target``.
    """
    names = [str(name) for name in regressors]
    nothing = dict.fromkeys(["const", *names], np.nan)
    y, X = _common_months(target, regressors)
    if not y.std() > 0:
        return Regression(nothing, nothing, np.nan, len(y))
    moving = X.std(axis=0) > 0
    design = np.column_stack([np.ones(len(y)), X[:, moving]])
    fit = OLS(y, design).fit(cov_type="HC1")
    named = ["const", *(name for name, moves in zip(names, moving, strict=True) if moves)]
    return Regression(
        nothing | dict(zip(named, map(float, fit.params), strict=True)),
        nothing | dict(zip(named, map(float, fit.tvalues), strict=True)),
        float(fit.rsquared),
        len(y),
    )


def _exact_means(finished: Finished) -> dict[tuple[str, str], float]:
    """Return the mean over sampled judged months of the factors' exact conditional means."""
    means: dict[tuple[str, str], float] = {}
    for name in finished.sortable:
        with finished.methods[name].entry.made(finished.manifest["config"]) as method:
            monthly = [
                moments.mean @ c.on_all_firms(method.weights(c.known))
                for moments, c in finished.judged
            ]
            factors = method.names(finished.judged[0][1].known)
        averaged = np.mean(monthly, axis=0)
        means |= {(name, n): v for n, v in zip(factors, averaged, strict=True)}
    return means


def _components(moments: Moments) -> tuple[Array, Array]:
    """Return s_k^2 and the share of each component in the squared attainable Sharpe ratio."""
    scale = np.sqrt(moments.residual)
    left, singular, _ = np.linalg.svd(moments.exposure / scale[:, None], full_matrices=False)
    earned = (left.T @ (moments.mean / scale)) ** 2 / (1 + singular**2)
    attainable = moments.max_sharpe()
    if attainable <= SHARPE_ROUNDING:  # nothing is earned but rounding
        return singular**2, np.full(len(earned), np.nan)
    return singular**2, earned / attainable**2


def _firms(finished: Finished) -> Iterable[tuple[str, str, float]]:
    """Yield what the cross-sections and the economy's own states say about its firms."""
    months = list(finished.panel.sampled())
    dates = [int(month["month"][0]) for month in months]
    sections = [finished.panel.cross_section(date) for date in dates]
    invested = np.mean([len(section.investable) / len(section.firm) for section in sections])
    yield "firms that can be sorted", "share", float(invested)
    if "no_capital" in months[0]:
        empty = np.mean([month["no_capital"].mean() for month in months])
        yield "firms with zero book value", "share", float(empty)
    if not finished.economy.has("census"):
        return
    census = finished.economy.module("census")
    params = finished.economy.parameters(finished.manifest["config"]["calibration"])
    states = finished.read("states", census.STATES)
    yield from census.census(Population(params, states, np.array(dates), len(sections[0].firm)))


def _volatilities(finished: Finished) -> Iterable[tuple[str, str, float]]:
    """Yield how risky single firms are in the sampled judged months; a mean may hide a freak."""
    variances = [
        np.einsum("nk,nk->n", moments.exposure, moments.exposure) + moments.residual
        for moments, _ in finished.judged
    ]
    volatility = np.sqrt(np.concatenate(variances))
    for name, value in (
        ("mean", volatility.mean()),
        ("median", np.median(volatility)),
        ("highest", volatility.max()),
    ):
        yield f"conditional volatility of a firm: {name}", "per month", float(value)
    yield "firm-months of a volatility above one", "share", float((volatility > 1).mean())


def _distribution(values: Array) -> list[float] | None:
    """Return mean, standard deviation and quantiles of the finite values, None without any."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    return [finite.mean(), finite.std(), *breakpoints(finite, QUANTILES)]


def _correlation(one: pd.Series, other: pd.Series) -> float:
    """Return the correlation over common months, NaN if a series never changes."""
    x, y = _common_months(one, other.to_frame())
    if not (x.std() > 0 and y.std() > 0):
        return np.nan
    return float(np.corrcoef(x, y[:, 0])[0, 1])


def _common_months(one: pd.Series, others: pd.DataFrame) -> tuple[Array, Array]:
    """Return the values in the months that both have and where nothing is missing."""
    if not one.index.equals(others.index):
        others = others.reindex(one.index)
    x, y = one.to_numpy(), others.to_numpy()
    there = np.isfinite(x) & np.isfinite(y).all(axis=1)
    return x[there], y[there]


def _plain(row: Row) -> Row:
    """Return builtin types, None for numbers that are missing."""
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()}
    return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in plain.items()}
