import numpy as np
import pytest
from formed import weights_of

from truepremia.methods.contract import factor_returns
from truepremia.methods.fama_macbeth import FamaMacBeth
from truepremia.methods.model_implied import ModelImplied, model_premia
from truepremia.panel import CrossSection

A = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.0, 0.0]])


def cross_section(loadings=A, xret=(0.1, 0.4, 0.3, 0.9), value=(1, 2, 3, 4), month=300):
    n = len(value)
    characteristics = np.column_stack([np.log(value), np.arange(n) ** 2.0])
    return CrossSection(
        month,
        np.arange(n),
        ("size", "bm"),
        characteristics,
        np.asarray(value, dtype=float),
        np.asarray(xret, dtype=float),
        {"taylor": np.asarray(loadings, dtype=float)},
    )


def test_latent_factors_are_numbered():
    method = ModelImplied("taylor")
    assert method.names(cross_section()) == ("f_1", "f_2")
    assert method.names(cross_section(A[:, :1])) == ("f_1",)


def test_latent_factors_are_regression_slopes_without_intercept():
    weights = weights_of(ModelImplied("taylor"), cross_section())
    np.testing.assert_allclose(weights, A @ np.linalg.inv(A.T @ A), rtol=0, atol=1e-15)
    assert not weights[3].any(), "a firm without exposure is not held"
    np.testing.assert_allclose(A.T @ weights, np.eye(2), rtol=0, atol=1e-15)


def test_value_weights_minimise_value_weighted_errors():
    value = np.array([1.0, 2.0, 3.0, 4.0])
    W = np.diag(value)
    weights = weights_of(ModelImplied("taylor", "value"), cross_section())
    np.testing.assert_allclose(weights, W @ A @ np.linalg.inv(A.T @ W @ A), rtol=0, atol=1e-14)


def test_shocks_are_recovered_exactly_when_they_are_all_there_is():
    shocks = np.array([0.5, -2.0])
    returns = factor_returns(ModelImplied("taylor"), [cross_section(xret=A @ shocks)])
    np.testing.assert_allclose(returns.returns[0], shocks, rtol=1e-14)


def test_proportional_loadings_share_the_shock_by_the_least_norm():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    weights = weights_of(ModelImplied("taylor"), cross_section(np.column_stack([x, x])))
    np.testing.assert_allclose(weights[:, 0], weights[:, 1], rtol=1e-12)
    np.testing.assert_allclose(weights[:, 0], x / 60, rtol=1e-12)


def test_no_exposure_at_all_has_no_factor():
    assert not weights_of(ModelImplied("taylor"), cross_section(np.zeros((4, 2)))).any()


def test_premia_are_fama_macbeth_returns_of_fitted_returns():
    firms = cross_section()
    premia, latent = model_premia(ModelImplied("taylor"), iter([firms]))
    w = weights_of(FamaMacBeth(), firms)[:, :2]
    np.testing.assert_allclose(premia.returns[0], w.T @ A @ latent.returns[0], rtol=1e-13)
    assert premia.names == ("size", "bm")
    assert latent.names == ("f_1", "f_2")


def test_a_month_without_an_investable_firm_has_missing_premia():
    months = [cross_section(xret=np.full(4, np.nan), month=300), cross_section(month=301)]
    premia, latent = model_premia(ModelImplied("taylor"), months)
    assert list(premia.month) == [300, 301]
    for returns in (premia.returns, latent.returns):
        assert np.all(np.isnan(returns[0]))
        assert np.all(np.isfinite(returns[1]))


def test_firms_that_are_not_investable_do_not_enter_the_premia():
    with_hole = cross_section(xret=(0.1, 0.4, 0.3, np.nan), loadings=A + 1)
    without = cross_section((A + 1)[:3], (0.1, 0.4, 0.3), (1, 2, 3))
    premia, latent = model_premia(ModelImplied("taylor", "value"), [with_hole])
    wanted_premia, wanted_latent = model_premia(ModelImplied("taylor", "value"), [without])
    np.testing.assert_allclose(premia.returns, wanted_premia.returns, rtol=1e-12)
    np.testing.assert_allclose(latent.returns, wanted_latent.returns, rtol=1e-12)


@pytest.mark.parametrize("loading", ["taylor", "proj"])
def test_projection_premia_of_the_default_panel_co_move_with_its_factors(bgn, loading):
    """The published orders of magnitude: correlation of premia and factors in size and bm."""
    months = list(bgn.panel.cross_sections())
    premia, latent = model_premia(ModelImplied(loading), months)
    factors = factor_returns(FamaMacBeth(), months)
    assert np.all(np.isfinite(premia.returns))
    assert latent.returns.shape == (720, 2)
    if loading == "proj":
        for j in (0, 1):
            assert np.corrcoef(premia.returns[:, j], factors.returns[:, j])[0, 1] > 0.5
        a = bgn.panel.aggregates
        for j, shock in enumerate(("mu", "xi")):
            assert np.corrcoef(latent.returns[:, j], a[shock])[0, 1] > 0.1
