"""Factor models on the user's test assets: joint tests of alphas, and premia of betas.

First pass: r_p = a_p + beta_p' f + e_p over all months. Second pass, month by month over the
assets: r_p = gamma_0 + beta_p' gamma + u_p (Fama and MacBeth 1973). Errors of the mean gammas are
Newey and West's, and those of Shanken (1992), which add that betas are estimated:
V = [(1 + c) (W - S) + S] / T with c = gamma' S^-1 gamma, W the covariance of the monthly gammas and
S that of the factors (zero for gamma_0).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from truepremia.errors import DataError
from truepremia.tidy.evaluation import newey_west_lags, newey_west_rule
from truepremia.tidy.pricing import MODELS, SMALL_SAMPLE, AlphaTest, alpha_test, without_nan

COVERAGE = 0.9
"""An asset with returns in fewer of the months than this share is left out."""


@dataclass(frozen=True)
class BetaPremium:
    """The mean of one monthly gamma, per month, with both errors; p-values are normal."""

    term: str
    estimate: float
    se_newey_west: float
    t_newey_west: float
    p_newey_west: float
    se_shanken: float
    t_shanken: float
    p_shanken: float


@dataclass(frozen=True)
class AssetTest:
    """One model on the assets.

    Parameters
    ----------
    alphas : AlphaTest
    premia : tuple of BetaPremium
        Empty if betas are undefined or do not differ enough across assets.
    newey_west_lags : int or None
    r2 : float
        Of mean returns on betas, across assets; NaN without premia.
    """

    alphas: AlphaTest
    premia: tuple[BetaPremium, ...]
    newey_west_lags: int | None
    r2: float


@dataclass(frozen=True)
class AssetPricing:
    """All models on the assets, by the origin of the factors, with warnings."""

    tests: Mapping[str, tuple[AssetTest, ...]]
    warnings: tuple[str, ...]
    newey_west: str

    def to_mapping(self) -> dict[str, Any]:
        """Return the tests in builtin types, None where a number is undefined."""
        return {
            "models": {
                origin: {test.alphas.model: without_nan(asdict(test)) for test in tests}
                for origin, tests in self.tests.items()
            },
            "newey_west": self.newey_west,
            "warnings": list(self.warnings),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row for every GRS statistic, alpha and premium."""
        rows: list[dict[str, Any]] = []
        for origin, tests in self.tests.items():
            for test in tests:
                found = test.alphas
                case = {"factors": origin, "model": found.model, "months": found.months}
                joint = {"term": "all alphas", "estimate": found.grs, "p": found.p}
                rows.append({"test": "grs", **case, **joint, "r2": found.mean_r2})
                for alpha in found.alphas:
                    values = asdict(alpha)
                    named = {"term": values.pop("portfolio"), "estimate": values.pop("alpha")}
                    rows.append({"test": "alpha", **case, **named, **values})
                premia = [asdict(premium) for premium in test.premia]
                rows += [{"test": "premium", **case, "r2": test.r2, **p} for p in premia]
        order = ["test", "factors", "model", "term", "estimate", "se", "t", "p"]
        order += [f"{s}_{error}" for error in ("newey_west", "shanken") for s in ("se", "t", "p")]
        return pd.DataFrame(rows, columns=[*order, "r2", "months"])


def price_assets(
    assets: pd.DataFrame, factors: Mapping[str, pd.DataFrame], lags: int | None = None
) -> AssetPricing:
    """Test every factor model on assets.

    Parameters
    ----------
    assets : DataFrame, shape (T, P)
        Excess returns in decimals by month; assets with too few months are left out.
    factors : mapping of str to DataFrame
        ``month`` and factors in decimals per month, by their origin, such as "published".
    lags : int, optional
        Lags of Newey and West, by their rule if not given.

    Raises
    ------
    DataError
        If no asset has enough months.
    """
    share = assets.notna().mean()
    kept = assets.loc[:, share >= COVERAGE]
    if kept.empty:
        raise DataError(f"no test asset has returns in {COVERAGE:.0%} of its months")
    left_out = [str(name) for name in assets.columns.difference(kept.columns)]
    warnings = [f"assets with too few months left out: {', '.join(left_out)}"] if left_out else []
    tests = {}
    for origin, table in factors.items():
        series = table.set_index("month").sort_index()
        found = []
        for model in [model for model, names in MODELS.items() if set(names) <= set(series)]:
            test = _asset_test(model, kept, series[list(MODELS[model])], lags)
            said = f"{model} with {origin} factors: "
            if test is None:
                warnings.append(said + f"too few complete months for {kept.shape[1]} assets")
                continue
            if test.alphas.undefined:
                warnings.append(said + test.alphas.undefined)
            if not test.premia:
                warnings.append(said + "betas do not tell premia, they are left out")
            found.append(test)
        tests[origin] = tuple(found)
    return AssetPricing(tests, tuple(warnings), f"{newey_west_rule(lags)}, {SMALL_SAMPLE}")


def _asset_test(
    model: str, returns: pd.DataFrame, factors: pd.DataFrame, lags: int | None
) -> AssetTest | None:
    alphas = alpha_test(model, returns, factors)
    if alphas is None:
        return None
    nothing = AssetTest(alphas, (), None, float("nan"))
    if not alphas.alphas:
        return nothing
    complete = returns.join(factors, how="inner").dropna()
    r, f = complete[list(returns.columns)].to_numpy(), complete[list(factors.columns)].to_numpy()
    months, width = f.shape
    exog = np.column_stack([np.ones(months), f])
    betas = np.linalg.lstsq(exog, r, rcond=None)[0][1:].T
    design = np.column_stack([np.ones(len(betas)), betas])
    if len(betas) <= width + 1 or np.linalg.matrix_rank(design) <= width:
        return nothing
    gammas = np.linalg.lstsq(design, r.T, rcond=None)[0].T
    used = newey_west_lags(months) if lags is None else min(lags, months - 1)
    mean = gammas.mean(axis=0)
    errors = {
        "newey_west": np.sqrt(np.diag(_newey_west(gammas, used))),
        "shanken": np.sqrt(np.diag(shanken(gammas, f))),
    }
    error_of_fit = r.mean(axis=0) - design @ mean
    spread = r.mean(axis=0) - r.mean()
    premia = []
    for at, term in enumerate(("constant", *factors.columns)):
        values: dict[str, float] = {}
        for kind, se in errors.items():
            t = mean[at] / se[at]
            p = 2 * stats.norm.sf(abs(t))
            values |= {f"se_{kind}": float(se[at]), f"t_{kind}": float(t), f"p_{kind}": float(p)}
        premia.append(BetaPremium(term, float(mean[at]), **values))
    return AssetTest(
        alphas, tuple(premia), used, float(1 - error_of_fit @ error_of_fit / (spread @ spread))
    )


def _newey_west(gammas: np.ndarray, lags: int) -> np.ndarray:
    """Return the covariance of the mean of (T, K) series, Bartlett weights, times T / (T - 1)."""
    e = gammas - gammas.mean(axis=0)
    total = e.T @ e
    for lag in range(1, lags + 1):
        cross = e[lag:].T @ e[:-lag]
        total += (1 - lag / (lags + 1)) * (cross + cross.T)
    return np.asarray(total / len(e) / (len(e) - 1))


def shanken(gammas: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return Shanken's covariance of the mean gammas, (K + 1, K + 1).

    Parameters
    ----------
    gammas : array, shape (T, K + 1)
        Monthly slopes, the constant first.
    factors : array, shape (T, K)
    """
    mean = gammas.mean(axis=0)
    of_factors = np.atleast_2d(np.cov(factors.T))
    embedded = np.zeros((len(mean), len(mean)))
    embedded[1:, 1:] = of_factors
    c = mean[1:] @ np.linalg.solve(of_factors, mean[1:])
    w = np.cov(gammas.T)
    return np.asarray(((1 + c) * (w - embedded) + embedded) / len(gammas))
