"""Tests of asset pricing: whether factors leave alphas and characteristics are priced.

Time series: r_p = alpha_p + beta_p' f + e_p for every portfolio; the statistic of Gibbons, Ross and
Shanken (1989) is the F of the multivariate least-squares test that all alphas are zero.
Cross-sections: the slopes of Fama and MacBeth (1973), month by month, with Newey-West errors of
their means: Bartlett weights, and the sum of autocovariances divided by T (T - 1) instead of T^2.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from linearmodels.panel import FamaMacBeth
from statsmodels.multivariate.multivariate_ols import MultivariateLS
from statsmodels.regression.linear_model import OLS

from truepremia.tidy.evaluation import EXACT, FEW_MONTHS, newey_west_lags, newey_west_rule

MODELS: Mapping[str, tuple[str, ...]] = {
    "CAPM": ("mkt_excess",),
    "FF3": ("mkt_excess", "smb", "hml"),
    "FF5": ("mkt_excess", "smb_ff5", "hml_ff5", "rmw", "cma"),
    "FF6": ("mkt_excess", "smb_ff5", "hml_ff5", "rmw", "cma", "umd"),
}
"""Factors of every model."""

CHARACTERISTICS = ("size", "bm")

SMALL_SAMPLE = "variances of mean slopes times N / (N - 1) for N months"

COVERAGE = 0.9
"""A portfolio with returns in fewer of the months than this share is left out."""


@dataclass(frozen=True)
class Alpha:
    """One portfolio's time-series regression: intercept per month, R2 of the factors."""

    portfolio: str
    alpha: float
    se: float
    t: float
    p: float
    r2: float


@dataclass(frozen=True)
class AlphaTest:
    """The alphas of all portfolios under one model.

    Parameters
    ----------
    model : str
    factors : tuple of str
    months : int
        Months in which all portfolios and factors have a return.
    df_portfolios, df_residual : int
        Degrees of freedom of the F statistic.
    grs, p : float
        F statistic that all alphas are zero; NaN where it is undefined.
    mean_absolute_alpha, mean_r2 : float
        Over portfolios; the alpha per month.
    alphas : tuple of Alpha
        None where the factors are constant or collinear.
    undefined : str
        Why something is undefined, empty if nothing is.
    """

    model: str
    factors: tuple[str, ...]
    months: int
    df_portfolios: int
    df_residual: int
    grs: float
    p: float
    mean_absolute_alpha: float
    mean_r2: float
    alphas: tuple[Alpha, ...]
    undefined: str = ""


@dataclass(frozen=True)
class Premium:
    """The mean of one monthly slope; the error is Newey and West's."""

    term: str
    estimate: float
    se: float
    t: float
    p: float


@dataclass(frozen=True)
class CrossSectionTest:
    """Fama-MacBeth regressions of portfolio returns.

    Parameters
    ----------
    months, observations : int
    newey_west_lags : int
    mean_r2 : float
        Average R2 of the monthly regressions.
    premia : tuple of Premium
    """

    months: int
    observations: int
    newey_west_lags: int
    mean_r2: float
    premia: tuple[Premium, ...]


@dataclass(frozen=True)
class Pricing:
    """All tests of a set of portfolios.

    Parameters
    ----------
    alphas : mapping of str to tuple of AlphaTest
        By the origin of the factors.
    cross_section : CrossSectionTest or None
    warnings : tuple of str
    """

    alphas: Mapping[str, tuple[AlphaTest, ...]]
    cross_section: CrossSectionTest | None
    warnings: tuple[str, ...]
    newey_west: str = f"{newey_west_rule(None)}, {SMALL_SAMPLE}"

    def to_mapping(self) -> dict[str, Any]:
        """Return the tests in builtin types."""
        return {
            "alphas": {
                origin: {test.model: without_nan(asdict(test)) for test in tests}
                for origin, tests in self.alphas.items()
            },
            "fama_macbeth": asdict(self.cross_section) if self.cross_section else None,
            "newey_west": self.newey_west,
            "warnings": list(self.warnings),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row for every alpha, GRS statistic and premium."""
        rows: list[dict[str, Any]] = []
        for origin, tests in self.alphas.items():
            for test in tests:
                case = {"factors": origin, "model": test.model, "months": test.months}
                joint = {"term": "all alphas", "estimate": test.grs, "p": test.p}
                rows.append({"test": "grs", **case, **joint, "r2": test.mean_r2})
                for alpha in test.alphas:
                    values = asdict(alpha)
                    named = {"term": values.pop("portfolio"), "estimate": values.pop("alpha")}
                    rows.append({"test": "alpha", **case, **named, **values})
        if self.cross_section:
            shared = {"test": "fama_macbeth", "r2": self.cross_section.mean_r2}
            shared |= {"model": "characteristics", "months": self.cross_section.months}
            rows += [{**shared, **asdict(premium)} for premium in self.cross_section.premia]
        order = ["test", "factors", "model", "term", "estimate", "se", "t", "p", "r2", "months"]
        return pd.DataFrame(rows, columns=order)


def price(
    portfolios: pd.DataFrame, factors: Mapping[str, pd.DataFrame], lags: int | None = None
) -> Pricing:
    """Test factor models and characteristics on a store's portfolios.

    Parameters
    ----------
    portfolios : DataFrame
        ``month``, ``portfolio_me``, ``portfolio_bm``, ``ret`` (excess return per month) and the
        characteristics ``size`` and ``bm`` known before it.
    factors : mapping of str to DataFrame
        ``month`` and factors in decimals per month, by their origin, such as "published". A model
        is tested where all its factors are there.
    lags : int, optional
        Lags of Newey and West, by their rule if not given.

    Returns
    -------
    Pricing
        Without tests, but with warnings, where the store has too few stocks for them.
    """
    labels = "ME" + portfolios["portfolio_me"].astype(str)
    labels += " BM" + portfolios["portfolio_bm"].astype(str)
    long = portfolios.assign(portfolio=labels)
    wide = long.pivot_table(index="month", columns="portfolio", values="ret").sort_index()
    kept, warnings = _covered(wide)
    if kept.empty:
        return Pricing(dict.fromkeys(factors, ()), None, tuple(warnings))
    alphas = {}
    for origin, table in factors.items():
        series = table.set_index("month").sort_index()
        possible = [model for model, names in MODELS.items() if set(names) <= set(series)]
        tests = [alpha_test(model, kept, series[list(MODELS[model])]) for model in possible]
        alphas[origin] = tuple(test for test in tests if test is not None)
        warnings += [
            f"{model} with {origin} factors: "
            + (test.undefined if test else f"too few complete months for {len(kept.T)} portfolios")
            for model, test in zip(possible, tests, strict=True)
            if test is None or test.undefined
        ]
    rows = long[long["portfolio"].isin(kept.columns)].set_index(["portfolio", "month"])
    cross_section = fama_macbeth(rows["ret"], rows[list(CHARACTERISTICS)], lags)
    if cross_section is None:
        warnings.append(f"Fama-MacBeth: fewer than {FEW_MONTHS} months have enough portfolios")
    rule = f"{newey_west_rule(lags)}, {SMALL_SAMPLE}"
    return Pricing(alphas, cross_section, tuple(warnings), rule)


def without_nan(values: Any) -> Any:
    """Return nested builtin values with None for NaN."""
    if isinstance(values, Mapping):
        return {key: without_nan(value) for key, value in values.items() if key != "undefined"}
    if isinstance(values, list | tuple):
        return [without_nan(value) for value in values]
    return None if isinstance(values, float) and math.isnan(values) else values


def _covered(returns: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the portfolios, (T, P), that have returns in most months, and what is left out."""
    share = returns.notna().mean()
    kept = returns.loc[:, share >= COVERAGE]
    if kept.empty:
        return kept, [
            f"no size x bm portfolio has returns in {COVERAGE:.0%} of the months: the store has "
            "too few stocks for 25 portfolios, nothing is priced"
        ]
    left_out = [f"{name} ({share[name]:.0%})" for name in share.index.difference(kept.columns)]
    if not left_out:
        return kept, []
    return kept, [f"portfolios with returns in too few months left out: {', '.join(left_out)}"]


def alpha_test(model: str, returns: pd.DataFrame, factors: pd.DataFrame) -> AlphaTest | None:
    """Test that the factors leave no alpha.

    Parameters
    ----------
    model : str
        Name in the result.
    returns : DataFrame, shape (T, P)
        Excess returns per month of P portfolios, by month.
    factors : DataFrame, shape (T, K)
        By month.

    Returns
    -------
    AlphaTest or None
        None if fewer than P + K + 1 months are complete.
    """
    complete = returns.join(factors, how="inner").dropna()
    months, count, width = len(complete), returns.shape[1], factors.shape[1]
    if months < count + width + 1:
        return None
    endog = complete[list(returns.columns)]
    exog = np.column_stack([np.ones(months), complete[list(factors.columns)]])
    shared: dict[str, Any] = {"model": model, "factors": tuple(factors.columns), "months": months}
    shared |= {"df_portfolios": count, "df_residual": months - count - width}
    if np.linalg.matrix_rank(exog / np.abs(exog).max(axis=0, initial=1e-300)) <= width:
        undefined = ("grs", "p", "mean_absolute_alpha", "mean_r2")
        nothing: dict[str, Any] = dict.fromkeys(undefined, math.nan)
        said = "the factors are constant or collinear, alphas are undefined"
        return AlphaTest(**shared, **nothing, alphas=(), undefined=said)
    alphas = tuple(_alpha(str(name), endog[name], exog) for name in endog)
    grs, p = _grs(endog.to_numpy(), exog)
    return AlphaTest(
        **shared,
        grs=grs,
        p=p,
        mean_absolute_alpha=float(np.mean([abs(a.alpha) for a in alphas])),
        mean_r2=float(np.mean([a.r2 for a in alphas])),
        alphas=alphas,
        undefined="returns are collinear given the factors, GRS is undefined" if grs != grs else "",
    )


def _grs(returns: np.ndarray, exog: np.ndarray) -> tuple[float, float]:
    """Return the F that all intercepts are zero and its p, NaN if residuals are collinear."""
    residuals = returns - exog @ np.linalg.lstsq(exog, returns, rcond=None)[0]
    size = np.linalg.norm(residuals, axis=0)
    exact = size <= EXACT * np.linalg.norm(returns, axis=0)
    if exact.any() or np.linalg.matrix_rank(residuals / size) < returns.shape[1]:
        return math.nan, math.nan
    intercept = np.eye(1, exog.shape[1])
    joint = MultivariateLS(returns, exog).fit().mv_test([("alphas", intercept)])
    statistic = joint.results["alphas"]["stat"].loc["Wilks' lambda"]
    return float(statistic["F Value"]), float(statistic["Pr > F"])


def _alpha(portfolio: str, returns: "pd.Series[float]", exog: np.ndarray) -> Alpha:
    fit = OLS(returns.to_numpy(), exog).fit()
    intercept = [array[0] for array in (fit.params, fit.bse, fit.tvalues, fit.pvalues)]
    return Alpha(portfolio, *map(float, [*intercept, fit.rsquared]))


def fama_macbeth(
    returns: "pd.Series[float]", characteristics: pd.DataFrame, lags: int | None = None
) -> CrossSectionTest | None:
    """Regress returns on characteristics month by month and test the mean slopes.

    Months count in which every characteristic varies and the portfolios outnumber the
    coefficients.

    Parameters
    ----------
    returns : Series
        Excess returns by (portfolio, month).
    characteristics : DataFrame, C columns
        By (portfolio, month).
    lags : int, optional
        Lags of Newey and West, by their rule if not given.

    Returns
    -------
    CrossSectionTest or None
        None if fewer than 24 months count.
    """
    names = list(characteristics.columns)
    rows = characteristics.assign(ret=returns).dropna()
    by_month = rows.groupby(level="month")[names]
    varies = (by_month.transform("max") > by_month.transform("min")).all(axis="columns")
    rows = rows[varies & (by_month.transform("size") > len(names) + 1)].assign(constant=1.0)
    months = rows.index.get_level_values("month").nunique()
    if months < FEW_MONTHS:
        return None
    lags = newey_west_lags(months) if lags is None else min(lags, months - 1)
    terms = ["constant", *names]
    fit = FamaMacBeth(rows["ret"], rows[terms]).fit(
        cov_type="kernel", kernel="bartlett", bandwidth=lags
    )
    table = pd.DataFrame([fit.params, fit.std_errors, fit.tstats, fit.pvalues])
    return CrossSectionTest(
        months=months,
        observations=int(fit.nobs),
        newey_west_lags=lags,
        mean_r2=float(fit.avg_rsquared),
        premia=tuple(Premium(term, *map(float, table[term])) for term in terms),
    )
