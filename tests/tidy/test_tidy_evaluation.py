"""Evaluation of replicated factors, on hand-made series, against formulas written out here."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from truepremia.errors import DataError
from truepremia.tidy.evaluation import (
    ROLLING_COLUMNS,
    evaluate,
    newey_west_lags,
    rolling_fits,
)
from truepremia.tidy.frames import read_frame, write_frame
from truepremia.tidy.pairs import FACTORS


def months(count, first="1961-07"):
    return pd.date_range(first, periods=count, freq="MS").astype("datetime64[s]")


def series(count=240, first="1961-07", slope=1.0, noise=0.003, names=("smb", "hml"), seed=1):
    """Return replicated and published factors: published = 0.0002 + slope replicated + noise."""
    draws = np.random.default_rng(seed)
    replicated, published = {}, {}
    for name in names:
        replicated[name] = draws.normal(0.002, 0.03, count)
        published[name] = 0.0002 + slope * replicated[name] + draws.normal(0, noise, count)
    month = {"month": months(count, first)}
    return pd.DataFrame(month | replicated), pd.DataFrame(month | published)


def fit_of(evaluation, name="smb"):
    return next(factor.fit for factor in evaluation.factors if factor.name == name)


def rounded(replicated, published, name="smb"):
    return replicated[name].round(4).to_numpy(), published[name].round(4).to_numpy()


# --- the regression ------------------------------------------------------------------------------


def test_regression_is_least_squares_on_four_decimals_with_classical_errors():
    replicated, published = series()
    fit = fit_of(evaluate(replicated, published))
    x, y = rounded(replicated, published)
    n, centred = len(x), x - x.mean()
    slope = centred @ y / (centred @ centred)
    intercept = y.mean() - slope * x.mean()
    residual = y - intercept - slope * x
    variance = residual @ residual / (n - 2)
    slope_se = np.sqrt(variance / (centred @ centred))
    intercept_se = np.sqrt(variance * (1 / n + x.mean() ** 2 / (centred @ centred)))
    r2 = 1 - residual @ residual / np.sum((y - y.mean()) ** 2)
    expected = {
        "intercept": intercept,
        "intercept_se": intercept_se,
        "intercept_t": intercept / intercept_se,
        "slope": slope,
        "slope_se": slope_se,
        "slope_t": slope / slope_se,
        "r2": r2,
        "adj_r2": 1 - (1 - r2) * (n - 1) / (n - 2),
        "f": (slope / slope_se) ** 2,
        "correlation": np.sqrt(r2),
        "difference_mean": np.mean(y - x),
        "difference_sd": np.std(y - x, ddof=1),
    }
    for name, value in expected.items():
        assert getattr(fit, name) == pytest.approx(value, rel=1e-9), name
    assert (fit.first_month, fit.last_month, fit.months) == ("1961-07", "1981-06", 240)
    half = fit.slope_high - fit.slope
    assert half == pytest.approx(fit.slope - fit.slope_low)
    assert half / slope_se == pytest.approx(1.96998, abs=1e-4)  # 97.5% of t with 238 degrees


def test_newey_west_t_has_bartlett_weights_and_the_stated_lags():
    replicated, published = series()
    fit = fit_of(evaluate(replicated, published))
    x, y = rounded(replicated, published)
    X = np.column_stack([np.ones(len(x)), x])
    b = np.linalg.solve(X.T @ X, X.T @ y)
    score = X * (y - X @ b)[:, None]
    lags = 4  # floor(4 * 2.4^(2/9)) = floor(4.86)
    S = score.T @ score
    for lag in range(1, lags + 1):
        G = score[lag:].T @ score[:-lag]
        S += (1 - lag / (lags + 1)) * (G + G.T)
    bread = np.linalg.inv(X.T @ X)
    t = b / np.sqrt(np.diag(bread @ S @ bread))
    assert fit.newey_west_lags == lags
    assert [fit.intercept_newey_west_t, fit.slope_newey_west_t] == pytest.approx(t, rel=1e-8)


def test_lag_rule():
    assert [newey_west_lags(n) for n in (3, 100, 240, 726)] == [1, 4, 4, 6]


def test_joint_test_compares_with_the_45_degree_line():
    replicated, published = series(slope=0.99)
    fit = fit_of(evaluate(replicated, published))
    x, y = rounded(replicated, published)
    free = np.sum((y - fit.intercept - fit.slope * x) ** 2)
    restricted = np.sum((y - x) ** 2)
    f = (restricted - free) / 2 / (free / (len(x) - 2))
    assert fit.joint_f == pytest.approx(f, rel=1e-7)


def test_differences_below_the_fourth_decimal_do_not_count():
    replicated, _ = series()
    replicated = replicated.round({"smb": 4, "hml": 4})
    published = replicated.assign(smb=replicated["smb"] + 4e-5)
    evaluation = evaluate(replicated, published)
    assert fit_of(evaluation).r2 == pytest.approx(1)
    assert fit_of(evaluation).difference_mean == 0


def test_order_of_rows_does_not_matter():
    replicated, published = series()
    shuffled = evaluate(replicated.sample(frac=1, random_state=3), published.iloc[::-1])
    assert shuffled.to_mapping() == evaluate(replicated, published).to_mapping()


def test_months_with_a_missing_value_drop_out():
    replicated, published = series()
    replicated.loc[5, "smb"] = np.nan
    published.loc[7, "smb"] = np.nan
    evaluation = evaluate(replicated, published)
    assert fit_of(evaluation, "smb").months == 238
    assert fit_of(evaluation, "hml").months == 240


def test_every_factor_of_both_tables_is_evaluated_and_no_other():
    replicated, published = series(names=FACTORS)
    published = published.drop(columns="cma").assign(rf=0.003)
    names = [factor.name for factor in evaluate(replicated, published).factors]
    assert names == [name for name in FACTORS if name != "cma"]


def test_decades_partition_the_months():
    replicated, published = series()
    factor = evaluate(replicated, published).factors[0]
    counts = {name: fit.months for name, fit in factor.decades.items()}
    assert counts == {"1960s": 102, "1970s": 120, "1980s": 18}
    alone = evaluate(replicated.iloc[102:222], published.iloc[102:222])
    assert factor.decades["1970s"] == fit_of(alone)


def test_two_year_filter_is_compared_on_the_same_months():
    replicated, published = series()
    better = published.assign(smb=published["smb"] + 0.0001).iloc[24:]
    factor = evaluate(replicated, published, better).factors[0]
    without, filtered = factor.two_years["without"], factor.two_years["with"]
    assert without.months == filtered.months == 216
    assert without.first_month == filtered.first_month == "1963-07"
    assert without == fit_of(evaluate(replicated.iloc[24:], published))
    assert filtered.r2 == pytest.approx(1, abs=1e-4)
    assert without.r2 < 0.999
    assert "Two years in Compustat change R2 from" in factor.verdict
    assert "on the same 216 months" in factor.verdict


# --- words and tables ----------------------------------------------------------------------------


def test_text_has_the_table_of_the_chapter():
    replicated, published = series()
    lines = evaluate(replicated, published).to_text().splitlines()
    assert lines[0].strip() == "OLS Regression Results"
    assert lines[1] == "=" * 78
    assert lines[2].startswith("Dep. Variable:                    smb   R-squared:   ")
    words = [line.split() for line in lines]
    assert ["coef", "std", "err", "t", "P>|t|", "[0.025", "0.975]"] in words
    slopes = [word for word in words if word[:1] == ["smb_replicated"]]
    fit = fit_of(evaluate(replicated, published))
    assert slopes[0][1:3] == [f"{fit.slope:.4f}", f"{fit.slope_se:.3f}"]
    assert not [line for line in lines if line.startswith("Notes")]


def test_a_slope_near_one_succeeds_even_if_its_interval_excludes_one():
    replicated, published = series(count=726, slope=0.9656, noise=0.004)
    published["smb"] -= 0.0002
    factor = evaluate(replicated, published).factors[0]
    assert factor.fit.slope_high < 1
    assert "the replication succeeds" in factor.verdict
    assert "excludes 1" in factor.verdict
    assert "(a = 0, b = 1) is rejected" in factor.verdict


def test_a_poor_replication_is_told_so_criterion_by_criterion():
    replicated, published = series(slope=0.5, noise=0.03)
    published["smb"] += 0.02
    verdict = evaluate(replicated, published).factors[0].verdict
    assert "falls short of an intercept of zero, a slope within 0.05 of 1 and" in verdict
    assert "differs from zero at 5% (p < 0.001)" in verdict


def test_the_table_of_numbers_has_a_row_for_every_factor_and_sample():
    replicated, published = series()
    frame = evaluate(replicated, published, replicated).to_frame()
    samples = ["all", "1960s", "1970s", "1980s"]
    samples += ["without two-year filter", "with two-year filter"]
    assert list(frame["sample"]) == 2 * samples
    assert list(frame["factor"]) == 6 * ["smb"] + 6 * ["hml"]


# --- rolling -------------------------------------------------------------------------------------


def test_rolling_fits_are_regressions_of_sixty_months():
    replicated, published = series(count=90)
    table = rolling_fits(replicated, published)
    assert len(table) == 2 * 31
    for row in (0, 17, 30):
        chosen = slice(row, row + 60)
        fit = fit_of(evaluate(replicated.iloc[chosen], published.iloc[chosen]))
        found = table[table["factor"] == "smb"].iloc[row]
        assert f"{found['month']:%Y-%m}" == fit.last_month
        assert [found["r2"], found["slope"]] == pytest.approx([fit.r2, fit.slope], rel=1e-8)


def test_rolling_fits_are_null_where_a_series_is_constant():
    replicated, published = series(count=130)
    replicated.loc[:64, "smb"] = 0.01
    smb = rolling_fits(replicated, published).query("factor == 'smb'").reset_index(drop=True)
    assert smb.loc[:5, ["r2", "slope"]].isna().all(axis=None)
    assert smb.loc[6:, ["r2", "slope"]].notna().all(axis=None)


def test_short_series_have_an_empty_rolling_table_that_can_be_stored(tmp_path):
    replicated, published = series(count=59)
    table = rolling_fits(replicated, published)
    assert table.empty
    path = tmp_path / "rolling.parquet"
    write_frame(path, "rolling", "mine", table, ROLLING_COLUMNS)
    pd.testing.assert_frame_equal(read_frame(path, "rolling", "mine"), table, check_dtype=False)


def test_rolling_table_is_stored_with_dates(tmp_path):
    replicated, published = series(count=90)
    replicated.loc[:, "smb"] = 0.01
    table = rolling_fits(replicated, published)
    path = tmp_path / "rolling.parquet"
    write_frame(path, "rolling", "mine", table, ROLLING_COLUMNS)
    assert str(pq.read_schema(path).field("month").type) == "date32[day]"
    stored = read_frame(path, "rolling", "mine")
    pd.testing.assert_frame_equal(stored, table)
    assert stored["r2"].isna().sum() == 31


def test_a_table_of_another_store_is_refused(tmp_path):
    path = tmp_path / "rolling.parquet"
    write_frame(path, "rolling", "mine", rolling_fits(*series(count=90)), ROLLING_COLUMNS)
    with pytest.raises(DataError, match=r"is the rolling table of mine, expected .* of other"):
        read_frame(path, "rolling", "other")


# --- bad input -----------------------------------------------------------------------------------


def test_no_common_month_is_an_error_with_both_ranges():
    replicated, _ = series(count=12, first="1961-07")
    _, published = series(count=12, first="1970-01")
    with pytest.raises(DataError, match=r"1961-07 to 1962-06.*1970-01 to 1970-12.*in common"):
        evaluate(replicated, published)


def test_a_table_without_hml_is_an_error():
    replicated, published = series()
    with pytest.raises(DataError, match="there is no published hml"):
        evaluate(replicated, published.drop(columns="hml"))


def test_two_common_months_are_an_error():
    replicated, published = series(count=12)
    with pytest.raises(DataError, match="smb have 2 months in common, a regression needs 3"):
        evaluate(replicated, published.head(2))


@pytest.mark.parametrize("count", [3, 23])
def test_few_common_months_are_a_warning(count):
    evaluation = evaluate(*series(count=count))
    assert f"smb: only {count} common months, estimates are imprecise" in evaluation.warnings
    assert fit_of(evaluation).months == count
    json.dumps(evaluation.to_mapping(), allow_nan=False)


def test_two_years_of_months_are_no_warning():
    assert evaluate(*series(count=24)).warnings == ()


def test_an_optional_factor_without_values_is_left_out_with_a_warning():
    replicated, published = series(names=FACTORS)
    replicated["rmw"] = np.nan
    evaluation = evaluate(replicated, published)
    assert "rmw" not in [factor.name for factor in evaluation.factors]
    assert "published and replicated rmw have 0 months" in evaluation.warnings[0]


@pytest.mark.parametrize("side", ["published", "replicated"])
def test_percent_is_an_error_that_names_the_remedy(side):
    tables = dict(zip(("replicated", "published"), series(), strict=True))
    tables[side] = tables[side].assign(smb=100 * tables[side]["smb"])
    with pytest.raises(DataError, match=f"the {side} factor smb .* percent.*divide by 100"):
        evaluate(**tables)


@pytest.mark.parametrize("side", ["published", "replicated"])
def test_a_constant_series_gives_null_and_a_warning(side):
    tables = dict(zip(("replicated", "published"), series(), strict=True))
    tables[side] = tables[side].assign(smb=0.01)
    evaluation = evaluate(**tables)
    assert f"smb: the {side} series is constant" in evaluation.warnings[0]
    mapping = json.loads(json.dumps(evaluation.to_mapping(), allow_nan=False))
    smb = mapping["factors"]["smb"]
    assert smb["all"]["r2"] is None
    assert smb["all"]["slope"] is None
    assert smb["all"]["months"] == 240
    assert "no verdict" in smb["verdict"]
    assert mapping["factors"]["hml"]["all"]["r2"] > 0.9


def test_identical_series_are_exact_and_have_no_tests():
    replicated, _ = series()
    evaluation = evaluate(replicated, replicated)
    smb = evaluation.to_mapping()["factors"]["smb"]
    assert (smb["all"]["slope"], smb["all"]["r2"]) == pytest.approx((1, 1))
    assert smb["all"]["joint_p"] is smb["all"]["slope_t"] is None
    assert "published = 0.0000 + 1.0000 replicated, without error" in smb["verdict"]
    assert "smb: the fit is exact" in evaluation.warnings[0]
    json.dumps(evaluation.to_mapping(), allow_nan=False)
