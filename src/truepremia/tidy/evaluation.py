"""How close replicated factors come to the published ones: published = a + b replicated + e.

Both series are rounded to four decimals, the precision of the published data, and their common
months are compared by least squares with classical standard errors. Newey-West t-statistics use
Bartlett weights with floor(4 (N / 100)^(2/9)) lags and no small-sample correction.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS
from statsmodels.regression.rolling import RollingOLS

from truepremia.columns import Column
from truepremia.errors import DataError
from truepremia.tidy.pairs import REQUIRED, coefficient, common_months, factors_of

FEWEST_MONTHS, FEW_MONTHS = 3, 24
ROLLING_MONTHS = 60

PERCENT_MEDIAN = 0.2
"""A factor whose median absolute return per month exceeds this is not in decimals."""

NEWEY_WEST_LAGS = "floor(4 (N / 100)^(2/9))"

FAR_BETTER = 0.5
"""So much more R2 in a neighbouring month says that months are shifted."""

EXACT = 1e-9
"""Residuals of rounded series below this are floating point, not data."""

SIGNIFICANCE = 0.05

SLOPE_NEAR_ONE, HIGH_R2 = 0.05, 0.95
"""A slope this near to 1 and an adjusted R2 this high meet the book's loose criteria."""

ROLLING_COLUMNS = {
    "month": Column("month", f"last of {ROLLING_MONTHS} common months"),
    "factor": Column("", "name of the factor"),
    "r2": Column("1", "R2 of the published on the replicated series"),
    "slope": Column("1", "slope of the published on the replicated series"),
}


@dataclass(frozen=True)
class Fit:
    """The regression of one published on one replicated factor; NaN where undefined.

    Parameters
    ----------
    first_month, last_month : str or None
        First and last common month, such as "1961-07".
    months : int
        Number N of common months.
    intercept, slope : float
        Coefficients a (per month) and b, each followed by its classical standard error (``_se``),
        t (``_t``), p-value (``_p``), 95% interval (``_low``, ``_high``) and Newey-West t.
    r2, adj_r2, f, f_p : float
        R2 and the F test that the slope is zero.
    joint_f, joint_p : float
        F test that a = 0 and b = 1.
    newey_west_lags : int or None
    correlation : float
    difference_mean, difference_sd : float
        Of published minus replicated, per month.
    """

    first_month: str | None = None
    last_month: str | None = None
    months: int = 0
    intercept: float = math.nan
    intercept_se: float = math.nan
    intercept_t: float = math.nan
    intercept_p: float = math.nan
    intercept_low: float = math.nan
    intercept_high: float = math.nan
    intercept_newey_west_t: float = math.nan
    slope: float = math.nan
    slope_se: float = math.nan
    slope_t: float = math.nan
    slope_p: float = math.nan
    slope_low: float = math.nan
    slope_high: float = math.nan
    slope_newey_west_t: float = math.nan
    r2: float = math.nan
    adj_r2: float = math.nan
    f: float = math.nan
    f_p: float = math.nan
    joint_f: float = math.nan
    joint_p: float = math.nan
    newey_west_lags: int | None = None
    correlation: float = math.nan
    difference_mean: float = math.nan
    difference_sd: float = math.nan

    def to_mapping(self) -> dict[str, Any]:
        """Return the fields in builtin types, None where a number is undefined."""
        fields = asdict(self).items()
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields}


@dataclass(frozen=True)
class FactorEvaluation:
    """Everything said about one factor.

    Parameters
    ----------
    name : str
    fit : Fit
        All common months.
    decades : mapping of str to Fit
        By decade, such as "1960s".
    two_years : mapping of str to Fit
        "without" and "with" the filter of two years in Compustat, on the same months; empty if
        the factor has no filtered version.
    table : str
        The regression table as the Tidy Finance chapter prints it.
    verdict : str
    """

    name: str
    fit: Fit
    decades: Mapping[str, Fit]
    two_years: Mapping[str, Fit]
    table: str
    verdict: str

    def samples(self) -> dict[str, Fit]:
        """Return every fit by the name of its sample."""
        filtered = {f"{name} two-year filter": fit for name, fit in self.two_years.items()}
        return {"all": self.fit, **self.decades, **filtered}


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of all factors.

    Parameters
    ----------
    factors : tuple of FactorEvaluation
    warnings : tuple of str
        What a reader should know before believing the numbers, of reading and replication too.
    newey_west : str
        Kernel, lags and small-sample factor of the robust t-statistics.
    """

    factors: tuple[FactorEvaluation, ...]
    warnings: tuple[str, ...]
    newey_west: str

    def to_mapping(self) -> dict[str, Any]:
        """Return the evaluation in builtin types, None where a number is undefined."""
        return {
            "factors": {
                factor.name: {
                    "all": factor.fit.to_mapping(),
                    "decades": {k: fit.to_mapping() for k, fit in factor.decades.items()},
                    "two_years": {k: fit.to_mapping() for k, fit in factor.two_years.items()},
                    "verdict": factor.verdict,
                }
                for factor in self.factors
            },
            "newey_west": self.newey_west,
            "warnings": list(self.warnings),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row for every factor and sample."""
        return pd.DataFrame(
            [
                {"factor": factor.name, "sample": sample, **asdict(fit)}
                for factor in self.factors
                for sample, fit in factor.samples().items()
            ]
        )

    def to_text(self) -> str:
        """Return the tables, each with its verdict, and the warnings."""
        parts = [f"{factor.table}\n{factor.verdict}\n" for factor in self.factors]
        return "\n".join([*parts, *(f"warning: {line}" for line in self.warnings)]).rstrip() + "\n"


def evaluate(
    replicated: pd.DataFrame,
    published: pd.DataFrame,
    two_years: pd.DataFrame | None = None,
    noted: Sequence[str] = (),
    lags: int | None = None,
) -> Evaluation:
    """Compare replicated with published factors.

    Parameters
    ----------
    replicated, published : DataFrame
        ``month`` and factors in decimals per month; unrounded.
    two_years : DataFrame, optional
        ``month``, ``smb`` and ``hml``, replicated with two years in Compustat required.
    noted : sequence of str
        Warnings of what came before, which the evaluation carries on.
    lags : int, optional
        Lags of Newey and West, by their rule if not given.

    Raises
    ------
    DataError
        If a table lacks smb or hml, is in percent, or they have too few months in common.
    """
    _check(replicated, published)
    warnings = list(dict.fromkeys(noted))
    warnings += [said for said in [_shifted(replicated, published)] if said]
    done = []
    for name in _in_decimals(replicated, published, warnings):
        pair = common_months(name, replicated, published)
        if len(pair) < FEWEST_MONTHS:
            warnings.append(_too_few(name, len(pair)))
            if name in REQUIRED:
                raise DataError(warnings[-1])
            continue
        filtered = _filtered(name, pair, published, two_years)
        done.append(_factor(name, pair, filtered, warnings, lags))
    return Evaluation(tuple(done), tuple(warnings), newey_west_rule(lags))


def rolling_fits(replicated: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return R2 and slope over the last 60 common months, null where one series is constant.

    Parameters
    ----------
    replicated, published : DataFrame
        As in :func:`evaluate`.

    Returns
    -------
    DataFrame
        ``month``, ``factor``, ``r2``, ``slope``; no rows for a factor with fewer months.
    """
    tables = []
    for name in factors_of(replicated, published):
        pair = common_months(name, replicated, published)
        if len(pair) < ROLLING_MONTHS:
            continue
        windows = pair.rolling(ROLLING_MONTHS)
        varies = ((windows.max() - windows.min()) > 0).all(axis="columns").to_numpy()
        x = pair["replicated"].to_numpy()
        design = np.column_stack([np.ones(len(x)), x])
        fit = RollingOLS(pair["published"].to_numpy(), design, window=ROLLING_MONTHS).fit()
        table = {"month": pair.index, "factor": name, "r2": fit.rsquared, "slope": fit.params[:, 1]}
        frame = pd.DataFrame(table)
        frame.loc[~varies, ["r2", "slope"]] = np.nan
        tables.append(frame.iloc[ROLLING_MONTHS - 1 :])
    if not tables:
        types = {"month": "datetime64[s]", "factor": "str", "r2": "float64", "slope": "float64"}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
    return pd.concat(tables, ignore_index=True)


def fit_of(name: str, pair: pd.DataFrame, lags: int | None = None) -> Fit:
    """Return the regression of a pair of series, ``published`` and ``replicated`` by month."""
    return _fit(name, pair, lags)[0]


def newey_west_lags(months: int) -> int:
    """Return floor(4 (N / 100)^(2/9)), the rule of Newey and West (1994)."""
    return int(4 * math.pow(months / 100, 2 / 9))


def newey_west_rule(lags: int | None) -> str:
    """Return the words for lags that are given, or follow the rule."""
    return f"Bartlett weights, {NEWEY_WEST_LAGS if lags is None else lags} lags"


def _check(replicated: pd.DataFrame, published: pd.DataFrame) -> None:
    tables = {"replicated": replicated, "published": published}
    missing = [f"{k} {name}" for k in tables for name in REQUIRED if name not in tables[k]]
    if missing:
        raise DataError(f"there is no {', '.join(missing)}; the evaluation needs smb and hml")
    ranges = {name: _range(table["month"]) for name, table in tables.items()}
    if not set(replicated["month"]) & set(published["month"]):
        raise DataError(
            f"the replicated factors ({ranges['replicated']}) and the published factors "
            f"({ranges['published']}) have no month in common; give the store published factors "
            f"of the months of its stocks"
        )
    for name in REQUIRED:
        if said := _percent(name, replicated, published):
            raise DataError(said)


def _percent(name: str, replicated: pd.DataFrame, published: pd.DataFrame) -> str | None:
    """Say that a factor is in percent, if it is."""
    for kind, table in {"replicated": replicated, "published": published}.items():
        median = table[name].abs().median()
        if median > PERCENT_MEDIAN:
            return (
                f"the {kind} factor {name} has a median absolute return of {median:.4g} per "
                f"month, as if it were in percent; factors are in decimals, divide by 100"
            )
    return None


def _in_decimals(
    replicated: pd.DataFrame, published: pd.DataFrame, warnings: list[str]
) -> list[str]:
    """Return the factors of both that are in decimals, and note the others."""
    said = {n: _percent(n, replicated, published) for n in factors_of(replicated, published)}
    warnings += [f"{fault}; it is left out" for fault in said.values() if fault]
    return [name for name, fault in said.items() if not fault]


def _shifted(replicated: pd.DataFrame, published: pd.DataFrame) -> str | None:
    """Say that months look shifted, if a factor fits far better against a neighbouring month.

    The market is compared first, which no sort blurs. Where the whole sample looks right, decades
    are compared, because a part of the months may be shifted.
    """
    for name in ("mkt_excess", *REQUIRED):
        if name not in replicated or name not in published:
            continue
        ours = replicated.set_index("month")[name].dropna()
        theirs = published.set_index("month")[name].dropna()
        samples = [("", ours)]
        samples += [(f" in the {d}s", part) for d, part in ours.groupby(_decade(ours.index))]
        for where, part in samples:
            r2 = {lag: _squared_correlation(part, theirs, lag) for lag in (0, -1, 1)}
            best = max(r2, key=lambda lag: r2[lag])
            if r2[best] - r2[0] > FAR_BETTER:
                later = "later" if best > 0 else "earlier"
                return (
                    f"the months of stocks and published factors look shifted by one{where}: "
                    f"{name} has R2 {r2[0]:.3f} in the same months and {r2[best]:.3f} with the "
                    f"published month one {later}; correct the dates of the store"
                )
    return None


def _decade(months: Any) -> Any:
    return pd.DatetimeIndex(months).year // 10 * 10


def _squared_correlation(ours: "pd.Series[float]", theirs: "pd.Series[float]", lag: int) -> float:
    """Return the squared correlation with the published month ``lag`` later; 0 for few months."""
    moved = theirs.copy()
    moved.index = pd.DatetimeIndex(moved.index) - pd.DateOffset(months=lag)
    both = pd.concat([ours, moved], axis="columns", join="inner").to_numpy()
    if len(both) < FEW_MONTHS or (both.min(axis=0) == both.max(axis=0)).any():
        return 0.0
    return float(np.corrcoef(both.T)[0, 1] ** 2)


def _range(month: "pd.Series[Any]") -> str:
    if month.empty:
        return "no month"
    return f"{month.min():%Y-%m} to {month.max():%Y-%m}"


def _too_few(name: str, months: int) -> str:
    return (
        f"published and replicated {name} have {months} months in common, a regression needs "
        f"{FEWEST_MONTHS}; lengthen the series or look why values are missing"
    )


def _filtered(
    name: str, pair: pd.DataFrame, published: pd.DataFrame, two_years: pd.DataFrame | None
) -> Mapping[str, pd.DataFrame]:
    """Return the pairs without and with the two-year filter, both of the months of both."""
    if two_years is None or name not in two_years:
        return {}
    filtered = common_months(name, two_years, published)
    months = pair.index.intersection(filtered.index)
    return {"without": pair.loc[months], "with": filtered.loc[months]}


def _factor(
    name: str,
    pair: pd.DataFrame,
    filtered: Mapping[str, pd.DataFrame],
    warnings: list[str],
    lags: int | None,
) -> FactorEvaluation:
    fit, table = _fit(name, pair, lags)
    if len(pair) < FEW_MONTHS:
        warnings.append(f"{name}: only {len(pair)} common months, estimates are imprecise")
    if math.isnan(fit.slope):
        warnings.append(f"{name}: {_constant(pair)} is constant, the regression is undefined")
    elif math.isnan(fit.slope_t):
        warnings.append(f"{name}: the fit is exact, tests of it are undefined")
    decades = pair.groupby(pd.DatetimeIndex(pair.index).year // 10 * 10)
    two_years = {label: _fit(name, chosen, lags)[0] for label, chosen in filtered.items()}
    return FactorEvaluation(
        name=name,
        fit=fit,
        decades={f"{decade}s": _fit(name, chosen, lags)[0] for decade, chosen in decades},
        two_years=two_years,
        table=table,
        verdict=" ".join([_verdict(name, fit), *_filter_verdict(two_years)]),
    )


def _constant(pair: pd.DataFrame) -> str:
    constant = [str(kind) for kind in pair if pair[kind].min() == pair[kind].max()]
    return " and ".join(f"the {kind} series" for kind in constant)


def _fit(name: str, pair: pd.DataFrame, lags: int | None = None) -> tuple[Fit, str]:
    """Return the regression and its printed table."""
    months = len(pair)
    if not months:
        return Fit(), f"{name}: no common month\n"
    difference = pair["published"] - pair["replicated"]
    known: dict[str, Any] = {
        "first_month": f"{pair.index[0]:%Y-%m}",
        "last_month": f"{pair.index[-1]:%Y-%m}",
        "months": months,
        "difference_mean": float(difference.mean()),
        "difference_sd": float(difference.std()),
    }
    if months < FEWEST_MONTHS or (pair.min() == pair.max()).any():
        return Fit(**known), f"{name}: the regression is undefined\n"
    regressor = f"{name}_replicated"
    design = pd.DataFrame({"Intercept": 1.0, regressor: pair["replicated"]})
    result = OLS(pair["published"].rename(name), design).fit()
    known |= {
        "intercept": result.params["Intercept"],
        "slope": result.params[regressor],
        "correlation": float(np.corrcoef(pair["published"], pair["replicated"])[0, 1]),
        "r2": result.rsquared,
        "adj_r2": result.rsquared_adj,
    }
    if result.resid.abs().max() > EXACT:
        known |= _tests(result, regressor, lags)
        table = "\n".join(str(part) for part in result.summary(slim=True).tables)
    else:
        table = f"{name}: the fit is exact"
    return Fit(**known), table + "\n"


def _tests(result: Any, regressor: str, lags: int | None) -> dict[str, Any]:
    """Return what the residuals allow to test."""
    lags = newey_west_lags(int(result.nobs)) if lags is None else min(lags, int(result.nobs) - 1)
    robust = result.get_robustcov_results("HAC", maxlags=lags)
    joint = result.f_test((np.eye(2), np.array([0.0, 1.0])))
    interval = result.conf_int(SIGNIFICANCE)
    tests = {
        "f": result.fvalue,
        "f_p": result.f_pvalue,
        "joint_f": joint.fvalue,
        "joint_p": joint.pvalue,
        "newey_west_lags": lags,
    }
    for position, (name, term) in enumerate({"intercept": "Intercept", "slope": regressor}.items()):
        tests |= {
            f"{name}_se": result.bse[term],
            f"{name}_t": result.tvalues[term],
            f"{name}_p": result.pvalues[term],
            f"{name}_low": interval.loc[term, 0],
            f"{name}_high": interval.loc[term, 1],
            f"{name}_newey_west_t": robust.tvalues[position],
        }
    return tests


def _verdict(name: str, fit: Fit) -> str:
    """Say what the regression says about the replication, criterion by criterion."""
    label = name.upper()
    if math.isnan(fit.slope):
        return f"{label}: no verdict, the regression is undefined."
    if math.isnan(fit.slope_t):
        return (
            f"{label}: published = {coefficient(fit.intercept)} + {fit.slope:.4f} replicated, "
            f"without error, over {fit.months} months."
        )
    criteria = {
        "an intercept of zero": fit.intercept_p >= SIGNIFICANCE,
        f"a slope within {SLOPE_NEAR_ONE} of 1": abs(fit.slope - 1) <= SLOPE_NEAR_ONE,
        f"an adjusted R2 of at least {HIGH_R2}": fit.adj_r2 >= HIGH_R2,
    }
    failed = [criterion for criterion, holds in criteria.items() if not holds]
    outcome = f"falls short of {_listed(failed)}" if failed else "succeeds"
    zero = "does not differ" if fit.intercept_p >= SIGNIFICANCE else "differs"
    one = "contains" if fit.slope_low <= 1 <= fit.slope_high else "excludes"
    agree = "is not rejected" if fit.joint_p >= SIGNIFICANCE else "is rejected"
    return (
        f"{label}: the replication {outcome}. The intercept {coefficient(fit.intercept)} {zero} "
        f"from zero at 5% ({_p(fit.intercept_p)}). The slope is {fit.slope:.4f}; its 95% interval "
        f"[{fit.slope_low:.3f}, {fit.slope_high:.3f}] {one} 1. The adjusted R2 is "
        f"{fit.adj_r2:.4f} over {fit.months} months. That published and replicated agree "
        f"(a = 0, b = 1) {agree} ({_p(fit.joint_p)})."
    )


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _filter_verdict(two_years: Mapping[str, Fit]) -> list[str]:
    r2 = {label: fit.r2 for label, fit in two_years.items()}
    if not r2 or any(map(math.isnan, r2.values())):
        return []
    return [
        f"Two years in Compustat change R2 from {r2['without']:.4f} to {r2['with']:.4f} "
        f"({r2['with'] - r2['without']:+.4f}) on the same {two_years['with'].months} months."
    ]
