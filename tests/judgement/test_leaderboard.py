"""The ranking: means within panels, errors over panels, pairs on the same panels."""

import numpy as np
import pandas as pd
import pytest

from truepremia.errors import DataError
from truepremia.judgement.leaderboard import leaderboard, panel_rows
from truepremia.judgement.realised import realised_rows

ALPHAS = (0.0, 0.1)


def stats(seed: int, months: int = 50, shift: float = 0.0, variants=("",)) -> dict:
    """Return statistics of a method with given portfolios: alphas and loo for each variant."""
    rng = np.random.default_rng(seed)
    rows = [
        (300 + t, variant, choice, alpha)
        for t in range(months)
        for variant in variants
        for choice, alpha in (("alpha", 0.0), ("alpha", 0.1), ("loo", np.nan))
    ]
    month, variant, choice, alpha = (np.array(c, dtype=object) for c in zip(*rows, strict=True))
    n = len(rows)
    stdev = rng.uniform(0.5, 1.5, n)
    mean = stdev * rng.uniform(0.05, 0.2, n) + shift * stdev
    return {
        "month": month.astype(np.int64),
        "variant": variant,
        "choice": choice,
        "alpha": alpha.astype(float),
        "stdev": stdev,
        "mean": mean,
        "xret": mean + stdev * rng.normal(0, 1, n),
        "hjd": rng.uniform(0.1, 0.3, n),
    }


THETA = {300 + t: 0.3 + 0.001 * t for t in range(50)}


def rows(methods=("one", "two", "three"), panels=4, economies=("bgn", "kp14"), missing=()):
    found = []
    for e, economy in enumerate(economies):
        for p in range(panels):
            for m, method in enumerate(methods):
                if (economy, p, method) in missing:
                    continue
                table = stats(100 * e + 10 * p + m, shift=0.02 * m)
                found.append(panel_rows(economy, f"{economy}_{p}", method, table, THETA))
    return pd.concat(found, ignore_index=True)


def test_a_number_of_a_panel_is_the_mean_over_its_months():
    table = stats(1)
    found = panel_rows("bgn", "bgn_0", "one", table, THETA)
    row = found[found["choice"] == "loo"].iloc[0]
    own = table["choice"] == "loo"
    sharpe = (table["mean"] / table["stdev"])[own]
    theta = np.array([THETA[m] for m in table["month"][own]])
    assert row["sharpe"] == pytest.approx(sharpe.mean(), rel=1e-14)
    assert row["share"] == pytest.approx((sharpe / theta).mean(), rel=1e-14)
    assert row["hjd_none"] == pytest.approx((theta / np.sqrt(1 + theta**2)).mean(), rel=1e-14)
    assert row["share_median"] == pytest.approx(np.median(sharpe / theta), rel=1e-14)
    z = ((table["xret"] - table["mean"]) / table["stdev"])[own]
    assert row["luck_sum"] == pytest.approx(z.sum(), rel=1e-12)
    assert row["months"] == row["luck_months"] == 50
    assert len(found) == 3


def test_a_portfolio_that_holds_nothing_has_a_sharpe_ratio_of_zero():
    table = stats(1) | {"stdev": np.zeros(150), "mean": np.zeros(150), "xret": np.zeros(150)}
    found = panel_rows("bgn", "bgn_0", "one", table, THETA)
    assert (found["sharpe"] == 0).all()
    assert (found["luck_months"] == 0).all()
    assert (leaderboard(found, {}, "one", {"bgn": 1}).headline["luck"] == 0).all()


def test_standard_errors_are_those_of_means_over_panels():
    data = rows()
    board = leaderboard(data, {}, "one", {"bgn": 4, "kp14": 4})
    own = data[(data["economy"] == "bgn") & (data["method"] == "two") & (data["choice"] == "loo")]
    row = board.headline.query("economy == 'bgn' and method == 'two'").iloc[0]
    assert row["share"] == pytest.approx(own["share"].mean(), rel=1e-14)
    assert row["share_se"] == pytest.approx(own["share"].std(ddof=1) / 2, rel=1e-12)
    assert row["choice"] == "loo"
    assert row["panels"] == 4
    assert row["luck"] == pytest.approx(own["luck_sum"].sum() / np.sqrt(200), rel=1e-12)


def test_one_panel_has_no_standard_error():
    board = leaderboard(rows(panels=1), {}, "one", {"bgn": 1, "kp14": 1})
    own = board.headline[board.headline["method"] != "none"]
    assert own["share_se"].isna().all()
    assert board.paired["share_t"].isna().all()


def test_methods_are_ranked_by_their_share_and_nothing_is_among_them():
    board = leaderboard(rows(), {}, "one", {"bgn": 4, "kp14": 4})
    order = list(dict.fromkeys(board.headline["method"]))
    assert order == ["three", "two", "one", "none"]
    nothing = board.headline[board.headline["method"] == "none"]
    assert (nothing["hjd"] == nothing["hjd_none"]).all()
    assert (nothing["share"] == 0).all()


def test_pairs_are_differences_within_panels():
    data = rows()
    board = leaderboard(data, {}, "one", {"bgn": 4, "kp14": 4})
    loo = data[(data["economy"] == "kp14") & (data["choice"] == "loo")].set_index("panel")
    gap = loo[loo["method"] == "three"]["hjd"] - loo[loo["method"] == "one"]["hjd"]
    row = board.paired.query("economy == 'kp14' and method == 'three'").iloc[0]
    assert row["hjd"] == pytest.approx(gap.mean(), rel=1e-12)
    assert row["hjd_t"] == pytest.approx(gap.mean() / (gap.std(ddof=1) / 2), rel=1e-12)
    assert "one" not in set(board.paired["method"])


def test_a_method_that_misses_panels_is_compared_on_those_it_has_and_says_so():
    data = rows(missing={("bgn", 2, "two")})
    board = leaderboard(data, {}, "one", {"bgn": 4, "kp14": 4})
    row = board.headline.query("economy == 'bgn' and method == 'two'").iloc[0]
    assert (row["panels"], row["missing_panels"]) == (3, 1)
    assert board.paired.query("economy == 'bgn' and method == 'two'").iloc[0]["panels"] == 3


def test_a_method_judged_in_few_months_says_so_and_is_paired_with_nobody():
    few = panel_rows("bgn", "bgn_0", "few", stats(9, months=3), THETA)
    data = pd.concat([few, rows(panels=1, economies=("bgn",))], ignore_index=True)
    board = leaderboard(data, {}, "one", {"bgn": 1})
    row = board.headline.query("method == 'few'").iloc[0]
    assert (row["months"], row["missing_months"]) == (3, 47)
    assert not board.headline.query("method != 'few'")["missing_months"].any()
    assert board.paired.query("method == 'few'").iloc[0]["panels"] == 0
    assert board.paired.query("method == 'two'").iloc[0]["panels"] == 1
    nothing = board.headline.query("method == 'none'").iloc[0]
    assert nothing["attainable"] == pytest.approx(np.mean(list(THETA.values())), rel=1e-12)


def test_the_last_variant_stands_for_a_method_unless_another_is_named():
    table = panel_rows("bgn", "bgn_0", "pca", stats(3, variants=("K=1", "K=2")), THETA)
    data = pd.concat([rows(panels=1, economies=("bgn",)), table], ignore_index=True)

    def stands(headline):
        board = leaderboard(data, headline, "one", {"bgn": 1}).headline
        return board[board["method"] == "pca"].iloc[0]["variant"]

    assert stands({}) == "K=2"
    with pytest.raises(DataError, match=r"headline.pca is 'K=9'.*K=1, K=2"):
        stands({"pca": "K=9"})
    assert stands({"pca": "K=1"}) == "K=1"


def test_the_best_in_hindsight_is_over_all_variants_and_penalties():
    table = panel_rows("bgn", "bgn_0", "pca", stats(3, variants=("K=1", "K=2")), THETA)
    board = leaderboard(table, {}, "pca", {"bgn": 1})
    row = board.headline[board.headline["method"] == "pca"].iloc[0]
    assert row["hindsight_best"] == table["sharpe"].max() > row["sharpe"]
    assert len(board.every) == 6


def test_a_method_that_knows_the_future_is_flagged():
    table = stats(1)
    table["xret"] = table["mean"] + table["stdev"]
    data = panel_rows("bgn", "bgn_0", "liar", table, THETA)
    row = leaderboard(data, {}, "liar", {"bgn": 1}).headline.iloc[0]
    assert row["luck"] == pytest.approx(np.sqrt(50), rel=1e-12)
    assert row["flag"] == "knows the future"


def test_realised_statistics_of_a_real_panel():
    rng = np.random.default_rng(0)
    returns = rng.normal(0.01, 0.05, 4000)
    months = len(returns)
    table = {
        "month": np.arange(months),
        "variant": np.array([""] * months, dtype=object),
        "choice": np.array(["loo"] * months, dtype=object),
        "alpha": np.full(months, np.nan),
        "xret": returns,
        "turnover": np.full(months, 0.5),
    }
    (row,) = realised_rows("mine", "one", table).to_dict("records")
    assert row["mean"] == pytest.approx(returns.mean(), rel=1e-14)
    assert row["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-14)
    # Independent returns: the errors are those of textbooks, to the noise of 10 autocovariances.
    assert row["mean_se"] == pytest.approx(0.05 / np.sqrt(months), rel=0.15)
    assert row["sharpe_se"] == pytest.approx(np.sqrt((1 + 0.5 * 0.2**2) / months), rel=0.15)
    assert row["turnover"] == 0.5
    wealth = np.cumprod(1 + returns * 0.1 / (returns.std(ddof=1) * np.sqrt(12)))
    peak = np.maximum.accumulate(np.concatenate([[1], wealth]))[1:]
    assert row["drawdown"] == pytest.approx(np.max(1 - wealth / peak), rel=1e-12)


def test_where_nothing_can_be_attained_there_is_no_share_and_the_rest_is_compared():
    nothing = dict.fromkeys(THETA, 3e-14)
    found = [
        panel_rows("bgn", f"bgn_{p}", method, stats(10 * p + m), nothing)
        for p in range(3)
        for m, method in enumerate(("one", "two"))
    ]
    board = leaderboard(pd.concat(found, ignore_index=True), {}, "one", {"bgn": 3})
    own = board.headline[board.headline["method"] == "two"].iloc[0]
    assert np.isnan(own["share"])
    assert own["sharpe"] > 0
    pair = board.paired.iloc[0]
    assert pair["panels"] == 3
    assert np.isfinite(pair[["sharpe", "sharpe_se", "hjd", "hjd_t"]].astype(float)).all()
    assert np.isnan(pair["share"])


def test_one_panel_has_no_standard_error_not_even_for_holding_nothing():
    head = leaderboard(rows(panels=1, economies=("bgn",)), {}, "one", {"bgn": 1}).headline
    assert "none" in set(head["method"])
    assert head[["sharpe_se", "share_se", "hjd_se"]].isna().all(axis=None)
