import numpy as np
import pytest
from formed import weights_of

from truepremia.methods.contract import factor_names, factor_returns, form
from truepremia.methods.fama_french import FamaFrench
from truepremia.panel import CrossSection

NAMES = ("size", "bm", "agr")


def cross_section(value, bm, agr=None, xret=None, names=NAMES, month=300) -> CrossSection:
    value, bm = np.asarray(value, dtype=float), np.asarray(bm, dtype=float)
    agr = bm if agr is None else np.asarray(agr, dtype=float)
    columns = {"size": np.log(value), "bm": bm, "agr": agr}
    return CrossSection(
        month,
        np.arange(len(value)),
        names,
        np.column_stack([columns[name] for name in names]),
        value,
        np.zeros(len(value)) if xret is None else np.asarray(xret, dtype=float),
        {},
    )


@pytest.fixture
def six_cells():
    """Six small and six big firms, two in each tercile of either; values 1..4 and 10..40."""
    value = [1, 3, 1, 1, 2, 4, 10, 30, 10, 10, 20, 40]
    bm = [1, 2, 5, 6, 9, 10, 3, 4, 7, 8, 11, 12]
    return cross_section(value, bm)


def test_factors_are_named_in_the_order_of_the_contract():
    assert factor_names(("size", "bm", "agr", "roe", "mom")) == (
        "smb",
        "hml",
        "cma",
        "rmw",
        "umd",
        "mkt_rf",
    )
    gs21 = ("size", "bm", "agr", "roe", "mom", "mkt_lev")
    assert factor_names(gs21)[-2:] == ("mkt_lev", "mkt_rf")
    assert FamaFrench().names(cross_section([1, 2], [1, 2])) == ("smb", "hml", "cma", "mkt_rf")


def test_value_factor_by_hand(six_cells):
    # Positions 3.3 and 7.7 of 1..12: low is 1..4, high is 9..12.
    hml = weights_of(FamaFrench(), six_cells)[:, 1]
    small = np.array([-1 / 4, -3 / 4, 0, 0, 2 / 6, 4 / 6]) / 2
    big = np.array([-10 / 40, -30 / 40, 0, 0, 20 / 60, 40 / 60]) / 2
    np.testing.assert_allclose(hml, [*small, *big], rtol=1e-14)


def test_investment_factor_is_low_minus_high(six_cells):
    weights = weights_of(FamaFrench(), six_cells)
    np.testing.assert_array_equal(weights[:, 2], -weights[:, 1])


def test_size_factor_is_the_mean_over_the_rows_of_book_to_market(six_cells):
    smb = weights_of(FamaFrench(), six_cells)[:, 0]
    small = np.array([1 / 4, 3 / 4, 1 / 2, 1 / 2, 2 / 6, 4 / 6]) / 3
    np.testing.assert_allclose(smb, [*small, *-small], rtol=1e-14)


def test_market_is_value_weighted(six_cells):
    market = weights_of(FamaFrench(), six_cells)[:, -1]
    np.testing.assert_allclose(market, six_cells.market_equity / 132, rtol=1e-14)


def test_size_factor_without_book_to_market_is_small_minus_big():
    firms = cross_section([1, 3, 10, 30], [1, 2, 3, 4], names=("size", "agr"))
    np.testing.assert_allclose(
        weights_of(FamaFrench(), firms)[:, 0], [1 / 4, 3 / 4, -1 / 4, -3 / 4], rtol=1e-14
    )


def test_a_firm_at_the_median_is_small_and_one_at_a_breakpoint_is_in_the_lower_tercile():
    # Eleven firms: the median, the 30% and the 70% quantile are the firms 5, 3 and 7.
    firms = cross_section(np.arange(1, 12), np.arange(11))
    weights = weights_of(FamaFrench(), firms)
    assert np.all(weights[:6, 0] >= 0)
    assert np.all(weights[6:, 0] <= 0)
    low, middle, high = weights[3, 1], weights[4:8, 1], weights[8:, 1]
    # No big firm is low: the small group is without its high leg, and the big one without low.
    assert low == 0
    assert not middle.any()
    assert not high.any()
    zero_rule = weights_of(FamaFrench("zero"), firms)
    assert np.all(zero_rule[:4, 1] < 0)
    assert np.all(zero_rule[8:, 1] > 0)
    assert not zero_rule[4:8, 1].any()


def test_an_empty_cell_leaves_the_other_size_group_alone_under_the_balanced_rule():
    # Small firms stand still; only big firms have a high characteristic.
    firms = cross_section([1, 2, 3, 10, 20, 30], [0, 0, 0, 0, 5, 6])
    balanced = weights_of(FamaFrench(), firms)[:, 1]
    np.testing.assert_allclose(balanced, [0, 0, 0, -1, 20 / 50, 30 / 50], rtol=1e-14)
    # The other rule keeps half a short position in small firms and half a spread in big ones.
    zero = weights_of(FamaFrench("zero"), firms)[:, 1]
    np.testing.assert_allclose(
        zero, [-1 / 12, -2 / 12, -3 / 12, -1 / 2, 20 / 100, 30 / 100], rtol=1e-14
    )
    assert zero.sum() == pytest.approx(-0.5)


def test_identical_firms_have_no_spread():
    weights = weights_of(FamaFrench(), cross_section(np.full(7, 2.0), np.full(7, 1.0)))
    assert not weights[:, :-1].any()
    np.testing.assert_allclose(weights[:, -1], 1 / 7)


def test_a_firm_that_joins_without_a_return_changes_nothing(six_cells):
    longer = cross_section(
        [*six_cells.market_equity, 7.0],
        [*six_cells.characteristics[:, 1], 5.5],
        xret=[*np.zeros(12), np.nan],
    )
    weights = weights_of(FamaFrench(), longer)
    np.testing.assert_array_equal(weights[:12], weights_of(FamaFrench(), six_cells))
    assert not weights[12].any()


def test_a_month_without_an_investable_firm_has_missing_returns():
    empty = cross_section([np.nan, np.nan], [1, 2], month=301)
    full = cross_section([1, 2], [1, 2], xret=[0.1, 0.2], month=302)
    returns = factor_returns(FamaFrench(), iter([empty, full]))
    assert list(returns.month) == [301, 302]
    assert np.all(np.isnan(returns.returns[0]))
    assert returns.returns[1, -1] == pytest.approx(0.1 / 3 + 0.4 / 3)
    assert returns.names == ("smb", "hml", "cma", "mkt_rf")


@pytest.mark.parametrize("rule", ["balanced", "zero"])
def test_default_panel_has_the_factors_of_the_plain_sort(bgn, plain, rule):
    for t, month in enumerate(bgn.panel.cross_sections()):
        if t % 180 == 0:
            weights = weights_of(FamaFrench(rule), month)
            np.testing.assert_allclose(weights, plain.fama_french(month, rule), rtol=0, atol=1e-14)
            np.testing.assert_allclose(
                form(FamaFrench(rule), month).returns, weights.T @ bgn.panel["xret"][t], atol=1e-15
            )
