"""Premia of betas on test assets, against the formulas written out."""

import json

import numpy as np
import pandas as pd
import pytest

from truepremia.errors import DataError
from truepremia.tidy.asset_pricing import price_assets

MONTHS = pd.date_range("1990-01", periods=240, freq="MS").astype("datetime64[s]")
NAMES = ("mkt_excess", "smb", "hml")


@pytest.fixture
def factors() -> pd.DataFrame:
    draws = np.random.default_rng(1)
    return pd.DataFrame({"month": MONTHS, **{n: draws.normal(0.006, 0.04, 240) for n in NAMES}})


@pytest.fixture
def assets(factors) -> pd.DataFrame:
    draws = np.random.default_rng(2)
    betas = draws.normal(1, 0.5, (25, 3))
    values = factors[list(NAMES)].to_numpy() @ betas.T + draws.normal(0, 0.02, (240, 25))
    return pd.DataFrame(values, index=MONTHS, columns=[f"P{k}" for k in range(25)])


def test_premia_have_the_errors_of_shanken_and_newey_west(factors, assets):
    test = price_assets(assets, {"published": factors}).tests["published"][1]
    R, F = assets.to_numpy(), factors[list(NAMES)].to_numpy()
    T = len(F)
    X = np.column_stack([np.ones(T), F])
    B = np.linalg.solve(X.T @ X, X.T @ R)
    E = R - X @ B
    Z = np.column_stack([np.ones(25), B[1:].T])
    A = np.linalg.solve(Z.T @ Z, Z.T)
    mean = A @ R.mean(axis=0)
    assert [p.estimate for p in test.premia] == pytest.approx(mean, rel=1e-9)
    S = np.cov(F.T)
    c = mean[1:] @ np.linalg.inv(S) @ mean[1:]
    # Cochrane (2005), eq. 12.19: residual covariance through the second pass, plus the factors'
    V = (1 + c) * A @ (E.T @ E / (T - 1)) @ A.T
    V[1:, 1:] += S
    assert [p.se_shanken for p in test.premia] == pytest.approx(np.sqrt(np.diag(V) / T), rel=1e-8)
    G = (R @ A.T) - mean
    lags = 4  # floor(4 * 2.4^(2/9))
    Q = G.T @ G
    for lag in range(1, lags + 1):
        cross = G[lag:].T @ G[:-lag]
        Q += (1 - lag / (lags + 1)) * (cross + cross.T)
    assert test.newey_west_lags == lags
    se = np.sqrt(np.diag(Q) / (T * (T - 1)))
    assert [p.se_newey_west for p in test.premia] == pytest.approx(se, rel=1e-9)
    assert [p.term for p in test.premia] == ["constant", *NAMES]


def test_true_premia_are_within_three_errors(factors, assets):
    premia = price_assets(assets, {"published": factors}).tests["published"][1].premia
    for premium, true in zip(premia, (0, 0.006, 0.006, 0.006), strict=True):
        assert abs(premium.estimate - true) < 3 * premium.se_shanken


def test_undefined_models_are_null_and_said(factors, assets):
    pricing = price_assets(assets, {"published": factors.assign(hml=0.0)})
    content = json.loads(json.dumps(pricing.to_mapping(), allow_nan=False))
    ff3 = content["models"]["published"]["FF3"]
    assert ff3["alphas"]["grs"] is None
    assert ff3["premia"] == []
    assert content["models"]["published"]["CAPM"]["alphas"]["grs"] is not None
    assert any(
        "FF3 with published factors: the factors are constant" in w for w in pricing.warnings
    )
    assert set(pricing.to_frame()["test"]) == {"grs", "alpha", "premium"}


def test_few_assets_have_alphas_but_no_premia(factors, assets):
    pricing = price_assets(assets.iloc[:, :3], {"published": factors})
    capm, three = pricing.tests["published"]
    assert len(capm.premia) == 2
    assert three.premia == ()


def test_assets_without_months_are_left_out(factors, assets):
    holes = assets.copy()
    holes.iloc[:100, 0] = np.nan
    pricing = price_assets(holes, {"published": factors})
    assert pricing.warnings[0] == "assets with too few months left out: P0"
    with pytest.raises(DataError, match="no test asset"):
        price_assets(holes[["P0"]], {"published": factors})
