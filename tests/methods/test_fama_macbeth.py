import numpy as np
import pytest
from formed import weights_of

from truepremia.methods.contract import factor_returns
from truepremia.methods.fama_macbeth import FamaMacBeth
from truepremia.panel import CrossSection

NAMES = ("size", "bm")


def cross_section(size, bm, xret=None) -> CrossSection:
    size, bm = np.asarray(size, dtype=float), np.asarray(bm, dtype=float)
    xret = np.zeros(len(size)) if xret is None else np.asarray(xret, dtype=float)
    return CrossSection(
        300, np.arange(len(size)), NAMES, np.column_stack([size, bm]), np.exp(size), xret, {}
    )


def test_orthogonal_characteristics_by_hand():
    firms = cross_section([-1, 1, -1, 1], [-1, -1, 1, 1])
    weights = weights_of(FamaMacBeth(), firms)
    np.testing.assert_allclose(weights[:, 0], np.array([-1, 1, -1, 1]) / 2, rtol=1e-14)
    np.testing.assert_allclose(weights[:, 1], np.array([-1, -1, 1, 1]) / 2, rtol=1e-14)
    np.testing.assert_allclose(weights[:, 2], 0.25, rtol=1e-15)


def test_slope_is_recovered_up_to_the_scale_of_the_portfolio():
    """Returns that are affine in size alone: the other portfolio earns nothing."""
    rng = np.random.default_rng(0)
    size, bm = rng.standard_normal((2, 30))
    firms = cross_section(size, bm, xret=0.03 + 0.2 * size)
    weights = weights_of(FamaMacBeth(), firms)
    returns = factor_returns(FamaMacBeth(), [firms]).returns[0]
    assert returns[0] == pytest.approx(0.2 * (weights[:, 0] @ size), rel=1e-12)
    assert returns[0] > 0
    assert returns[1] == pytest.approx(0, abs=1e-14)
    assert weights[:, 0] @ bm == pytest.approx(0, abs=1e-14)


def test_size_factor_is_long_large_firms_and_has_the_same_name():
    weights = weights_of(FamaMacBeth(), cross_section([0, 1, 2], [0, 1, 0]))
    assert weights[2, 0] > 0 > weights[0, 0]
    assert FamaMacBeth().names(cross_section([0, 1], [0, 1])) == ("smb", "hml", "mkt_rf")


@pytest.mark.parametrize("level", [0.0, 0.1, -1e8])
def test_characteristic_that_varies_by_rounding_alone_is_constant(level):
    bm = np.full(9, level) + np.spacing(level) * np.arange(9)
    weights = weights_of(FamaMacBeth(), cross_section(np.arange(9.0), bm))
    assert np.all(weights[:, 1] == 0)
    assert weights[:, 0] @ np.arange(9.0) > 0


def test_small_but_true_variation_is_not_constant():
    bm = 1 + 1e-8 * np.array([1, -1, 1, -1, 0])
    weights = weights_of(FamaMacBeth(), cross_section(np.arange(5.0), bm))
    assert np.abs(weights[:, 1]).sum() == pytest.approx(2)


def test_equal_characteristics_share_their_slope():
    x = np.array([0.0, 1.0, 5.0, 2.0])
    weights = weights_of(FamaMacBeth(), cross_section(x, x))
    np.testing.assert_allclose(weights[:, 0], weights[:, 1], rtol=1e-14)


def test_one_firm_is_the_market_and_nothing_else():
    weights = weights_of(FamaMacBeth(), cross_section([1.0], [2.0]))
    assert list(weights[0]) == [0, 0, 1]


def test_two_firms_make_the_same_bet_in_every_characteristic():
    weights = weights_of(FamaMacBeth(), cross_section([1.0, 2.0], [5.0, 3.0]))
    np.testing.assert_allclose(weights[:, :2], [[-1, 1], [1, -1]], rtol=1e-14)


def test_firms_with_missing_values_are_left_out_of_the_market_too():
    firms = cross_section([1, 2, 3, np.nan], [1, 5, 2, 4])
    weights = weights_of(FamaMacBeth(), firms)
    np.testing.assert_allclose(weights[:, -1], [1 / 3, 1 / 3, 1 / 3, 0])


def test_default_panel_has_the_slopes_of_the_plain_regression(bgn, plain):
    for t, month in enumerate(bgn.panel.cross_sections()):
        if t % 60 == 0:
            weights = weights_of(FamaMacBeth(), month)
            # Condition numbers of standardised characteristics are below ten.
            np.testing.assert_allclose(weights, plain.fama_macbeth(month), rtol=0, atol=1e-13)
