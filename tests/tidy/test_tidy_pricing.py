"""Alphas and premia against the formulas of Gibbons-Ross-Shanken and Fama-MacBeth."""

import json

import numpy as np
import pandas as pd
import pytest

from truepremia.tidy.pricing import alpha_test, fama_macbeth, price

MONTHS = pd.date_range("1990-01", periods=120, freq="MS").astype("datetime64[s]")
FACTORS = ("mkt_excess", "smb", "hml")


def factor_table(seed=1):
    draws = np.random.default_rng(seed)
    return pd.DataFrame({"month": MONTHS, **{f: draws.normal(0.005, 0.04, 120) for f in FACTORS}})


def portfolio_table(alpha=0.0, seed=2):
    """Return 25 portfolios priced by the three factors up to ``alpha``."""
    draws = np.random.default_rng(seed)
    factors = factor_table()[list(FACTORS)].to_numpy()
    rows = []
    for me in range(1, 6):
        for bm in range(1, 6):
            beta = draws.normal(1, 0.3, 3)
            frame = pd.DataFrame({"month": MONTHS, "portfolio_me": me, "portfolio_bm": bm})
            frame["ret"] = alpha + factors @ beta + draws.normal(0, 0.01, 120)
            frame["size"] = 2 * me + draws.normal(0, 0.1, 120)
            frame["bm"] = bm / 3 + draws.normal(0, 0.05, 120)
            rows.append(frame.assign(stocks=10))
    return pd.concat(rows, ignore_index=True)


def wide(portfolios):
    named = portfolios.assign(p=10 * portfolios["portfolio_me"] + portfolios["portfolio_bm"])
    return named.pivot_table(index="month", columns="p", values="ret")


# --- alphas --------------------------------------------------------------------------------------


def test_grs_is_the_quadratic_form_of_gibbons_ross_and_shanken():
    returns, factors = wide(portfolio_table(0.002)), factor_table().set_index("month")
    test = alpha_test("FF3", returns, factors)
    R, F = returns.to_numpy(), factors.to_numpy()
    (T, N), K = R.shape, F.shape[1]
    X = np.column_stack([np.ones(T), F])
    B, *_ = np.linalg.lstsq(X, R, rcond=None)
    E = R - X @ B
    mean = F.mean(axis=0)
    omega = (F - mean).T @ (F - mean) / T
    risk = 1 + mean @ np.linalg.solve(omega, mean)
    grs = (T - N - K) / N * (B[0] @ np.linalg.solve(E.T @ E / T, B[0])) / risk
    assert test.grs == pytest.approx(grs, rel=1e-8)
    assert (test.df_portfolios, test.df_residual, test.months) == (25, 92, 120)
    assert [a.alpha for a in test.alphas] == pytest.approx(B[0], rel=1e-8)
    se = np.sqrt(np.diag(np.linalg.inv(X.T @ X))[0] * np.sum(E**2, axis=0) / (T - K - 1))
    assert [a.se for a in test.alphas] == pytest.approx(se, rel=1e-8)
    assert test.mean_absolute_alpha == pytest.approx(np.abs(B[0]).mean())


def test_true_factors_pass_and_a_common_alpha_is_rejected():
    factors = {"published": factor_table()}
    priced = price(portfolio_table(0.0), factors).alphas["published"][1]
    mispriced = price(portfolio_table(0.005), factors).alphas["published"][1]
    assert priced.model == mispriced.model == "FF3"
    assert priced.p > 0.01
    assert mispriced.p < 1e-6


def test_a_model_is_tested_where_all_its_factors_are():
    without_market = factor_table().drop(columns="mkt_excess")
    pricing = price(portfolio_table(), {"replicated": factor_table(), "published": without_market})
    assert [test.model for test in pricing.alphas["replicated"]] == ["CAPM", "FF3"]
    assert pricing.alphas["published"] == ()


def test_only_complete_months_count():
    portfolios, factors = portfolio_table(), factor_table()
    portfolios.loc[3, "ret"] = np.nan
    factors.loc[7, "smb"] = np.nan
    capm, ff3 = price(portfolios, {"mine": factors}).alphas["mine"]
    assert (capm.months, ff3.months) == (119, 118)


def test_a_portfolio_that_is_mostly_empty_is_left_out_with_a_warning():
    portfolios = portfolio_table()
    rare = (portfolios["portfolio_me"] == 5) & (portfolios["portfolio_bm"] == 5)
    rare &= portfolios["month"] > MONTHS[59]
    pricing = price(portfolios[~rare], {"mine": factor_table()})
    assert pricing.warnings == (
        "portfolios with returns in too few months left out: ME5 BM5 (50%)",
    )
    assert pricing.alphas["mine"][0].df_portfolios == 24
    assert pricing.alphas["mine"][0].months == 120


def test_too_few_months_for_the_number_of_portfolios_give_a_warning_and_no_test():
    short = portfolio_table().query("month < '1992-01-01'")
    pricing = price(short, {"mine": factor_table()})
    assert pricing.alphas["mine"] == ()
    assert "CAPM with mine factors: too few complete months for 25" in pricing.warnings[0]
    json.dumps(pricing.to_mapping(), allow_nan=False)


def test_portfolios_without_returns_give_a_warning_and_no_test():
    pricing = price(portfolio_table().assign(ret=np.nan), {"mine": factor_table()})
    assert pricing.alphas["mine"] == () and pricing.cross_section is None
    (said,) = pricing.warnings
    assert "no size x bm portfolio has returns in 90% of the months" in said
    json.dumps(pricing.to_mapping(), allow_nan=False)
    assert not len(pricing.to_frame())


# --- premia --------------------------------------------------------------------------------------


def test_fama_macbeth_premia_are_mean_slopes_with_bartlett_errors():
    portfolios = portfolio_table()
    portfolios["portfolio"] = 10 * portfolios["portfolio_me"] + portfolios["portfolio_bm"]
    rows = portfolios.set_index(["portfolio", "month"])
    test = fama_macbeth(rows["ret"], rows[["size", "bm"]])
    slopes, r2 = [], []
    for _, month in portfolios.groupby("month"):
        X = np.column_stack([np.ones(25), month[["size", "bm"]]])
        y = month["ret"].to_numpy()
        b, *_ = np.linalg.lstsq(X, y, rcond=None)
        slopes.append(b)
        r2.append(1 - np.sum((y - X @ b) ** 2) / np.sum((y - y.mean()) ** 2))
    slopes = np.array(slopes)
    deviation, T, lags = slopes - slopes.mean(axis=0), 120, 4
    S = deviation.T @ deviation
    for lag in range(1, lags + 1):
        G = deviation[lag:].T @ deviation[:-lag]
        S += (1 - lag / (lags + 1)) * (G + G.T)
    se = np.sqrt(np.diag(S) / T / (T - 1))
    assert test.newey_west_lags == lags
    assert (test.months, test.observations) == (120, 3000)
    assert [p.term for p in test.premia] == ["constant", "size", "bm"]
    assert [p.estimate for p in test.premia] == pytest.approx(slopes.mean(axis=0), rel=1e-8)
    assert [p.se for p in test.premia] == pytest.approx(se, rel=1e-8)
    assert test.mean_r2 == pytest.approx(np.mean(r2), rel=1e-8)


def test_months_in_which_a_characteristic_does_not_vary_do_not_count():
    portfolios = portfolio_table()
    portfolios.loc[portfolios["month"] == MONTHS[5], "bm"] = 1.0
    portfolios.loc[portfolios["month"] == MONTHS[6], "size"] = np.nan
    assert price(portfolios, {"mine": factor_table()}).cross_section.months == 118


def test_too_few_months_give_a_warning_and_no_premia():
    short = portfolio_table().query("month < '1991-12-01'")
    pricing = price(short, {})
    assert pricing.cross_section is None
    assert pricing.warnings == ("Fama-MacBeth: fewer than 24 months have enough portfolios",)
    assert pricing.to_mapping()["fama_macbeth"] is None


def test_table_of_numbers_has_every_alpha_statistic_and_premium():
    frame = price(portfolio_table(), {"mine": factor_table()}).to_frame()
    assert frame["test"].value_counts().to_dict() == {"alpha": 50, "fama_macbeth": 3, "grs": 2}
    assert frame.query("test == 'alpha'")["term"].iloc[0] == "ME1 BM1"
    assert frame[["estimate", "p", "r2", "months"]].notna().all(axis=None)


# --- what is undefined ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.assign(rmw=0.0),
        lambda f: f.assign(rmw=0.01),
        lambda f: f.assign(rmw=f["smb_ff5"]),
        lambda f: f.assign(rmw=f["smb_ff5"] - 2 * f["cma"] + 0.001),
    ],
    ids=["zero", "constant", "equal", "collinear"],
)
def test_model_without_defined_alphas_is_null_alone(spoil):
    draws = np.random.default_rng(3)
    five = {name: draws.normal(0.003, 0.03, 120) for name in ("smb_ff5", "hml_ff5", "cma")}
    factors = spoil(factor_table().assign(**five))
    pricing = price(portfolio_table(), {"published": factors})
    content = json.loads(json.dumps(pricing.to_mapping(), allow_nan=False))
    tests = content["alphas"]["published"]
    assert tests["FF5"]["grs"] is None
    assert tests["FF5"]["alphas"] == []
    assert tests["FF3"]["grs"] is not None
    said = [w for w in pricing.warnings if "FF5 with published factors" in w]
    assert said == [
        "FF5 with published factors: the factors are constant or collinear, alphas are undefined"
    ]
    grs = pricing.to_frame().query("test == 'grs'").set_index("model")["estimate"]
    assert grs.isna().to_dict() == {"CAPM": False, "FF3": False, "FF5": True}


def test_portfolios_that_are_collinear_have_alphas_and_no_joint_test():
    returns = wide(portfolio_table())
    returns[99] = returns.mean(axis="columns")
    test = alpha_test("FF3", returns, factor_table().set_index("month"))
    assert np.isnan(test.grs)
    assert len(test.alphas) == 26
    assert "collinear" in test.undefined


def test_lags_are_an_option_and_said_with_the_small_sample_factor():
    rule, chosen = (
        price(portfolio_table(), {"published": factor_table()}, lags).to_mapping()
        for lags in (None, 0)
    )
    assert rule["newey_west"].startswith("Bartlett weights, floor(4 (N / 100)^(2/9)) lags, ")
    assert "N / (N - 1)" in rule["newey_west"]
    assert chosen["newey_west"].startswith("Bartlett weights, 0 lags")
    assert chosen["fama_macbeth"]["newey_west_lags"] == 0
    premia = {p["term"]: p["se"] for p in chosen["fama_macbeth"]["premia"]}
    portfolios = portfolio_table()
    slopes = []
    for _, month in portfolios.groupby("month"):
        X = np.column_stack([np.ones(len(month)), month["size"], month["bm"]])
        slopes.append(np.linalg.lstsq(X, month["ret"], rcond=None)[0])
    slopes = np.array(slopes)
    se = slopes.std(axis=0, ddof=1) / np.sqrt(len(slopes))
    assert [premia[t] for t in ("constant", "size", "bm")] == pytest.approx(se, rel=1e-9)
