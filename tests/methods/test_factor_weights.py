"""Weights of the factors against plain formulas, for any cross-section."""

import numpy as np
import pytest
from formed import weights_of
from hypothesis import given
from hypothesis import strategies as st

from truepremia.methods.contract import factor_returns, form
from truepremia.methods.fama_french import FamaFrench
from truepremia.methods.fama_macbeth import FamaMacBeth
from truepremia.methods.model_implied import ModelImplied, model_premia
from truepremia.panel import CrossSection

NAMES = ("size", "bm", "agr", "roe", "mom")
RULES = st.sampled_from(["balanced", "zero"])


ANY_NUMBER = st.integers(1, 40)


@st.composite
def cross_sections(draw, firms=ANY_NUMBER, ties=None, missing=True, names=None):
    """Firms with ties of any strength, constant characteristics and missing values."""
    n = draw(firms)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = names or draw(st.sampled_from([NAMES, NAMES[::-1], ("mom", "size", "agr"), ("size",)]))
    digits = draw(st.sampled_from([0, 1, 12]) if ties is None else ties)
    value = np.exp(np.round(rng.normal(0, 1.5, n), digits))
    columns = {name: np.round(rng.normal(0, 1.5, n), digits) for name in names}
    columns["size"] = np.log(value)
    if ties is None and draw(st.booleans()):  # nearly all firms stand still
        name = draw(st.sampled_from(names))
        if name != "size":
            columns[name] = np.where(rng.random(n) < 0.9, 0.0, columns[name])
    characteristics = np.column_stack([columns[name] for name in names])
    xret = rng.normal(0.01, 0.1, n)
    loadings = {"taylor": rng.normal(0, 1, (n, 2)), "proj": rng.normal(0.5, 1, (n, 2))}
    if missing and draw(st.booleans()):
        holes = rng.random(n) < 0.3
        kinds = rng.integers(0, 5, n)
        characteristics[holes & (kinds == 0), 0] = np.nan
        characteristics[holes & (kinds == 1), -1] = np.inf
        value[holes & (kinds == 2)] = np.nan
        value[holes & (kinds == 3)] = 0.0
        xret[holes & (kinds == 4)] = np.nan
    return CrossSection(400, np.arange(n), names, characteristics, value, xret, loadings)


def changed(cross_section: CrossSection, **changes) -> CrossSection:
    fields = (
        "month",
        "firm",
        "names",
        "characteristics",
        "market_equity",
        "excess_return",
        "loadings",
    )
    return CrossSection(**{f: changes.get(f, getattr(cross_section, f)) for f in fields})


def permuted(cross_section: CrossSection, order: np.ndarray) -> CrossSection:
    c = cross_section
    return CrossSection(
        c.month,
        c.firm[order],
        c.names,
        c.characteristics[order],
        c.market_equity[order],
        c.excess_return[order],
        {name: a[order] for name, a in c.loadings.items()},
    )


def well_conditioned(cross_section: CrossSection, plain) -> bool:
    """Standardised characteristics far from collinear: the pseudo-inverse loses few digits."""
    raw = cross_section.characteristics[plain.investable(cross_section)]
    deviation = raw.std(axis=0) if len(raw) else np.zeros(1)
    if len(raw) <= raw.shape[1] or not np.all(deviation > 0):
        return False
    return bool(np.linalg.cond((raw - raw.mean(axis=0)) / deviation) < 1e3)


# --- every method --------------------------------------------------------------------------------

METHODS = st.sampled_from(
    [
        FamaFrench(),
        FamaFrench("zero"),
        FamaMacBeth(),
        ModelImplied("taylor"),
        ModelImplied("proj", "value"),
    ]
)


@given(METHODS, cross_sections())
def test_missing_firms_have_no_weight_and_do_not_spoil_the_return(method, cross_section):
    weights = weights_of(method, cross_section)
    investable = cross_section.investable
    outside = np.setdiff1d(np.arange(len(cross_section.firm)), investable)
    assert weights.shape == (len(cross_section.firm), len(method.names(cross_section)))
    assert np.all(np.isfinite(weights))
    assert np.all(weights[outside] == 0)
    returns = form(method, cross_section).returns
    if len(investable):
        xret = np.nan_to_num(cross_section.excess_return)
        np.testing.assert_allclose(returns, weights.T @ xret, rtol=0, atol=1e-11)
    else:
        assert np.all(np.isnan(returns))


@given(METHODS, cross_sections(), st.randoms(use_true_random=False))
def test_weights_move_with_the_firms(method, cross_section, random):
    order = np.arange(len(cross_section.firm))
    random.shuffle(order)
    weights = weights_of(method, cross_section)
    np.testing.assert_allclose(
        weights_of(method, permuted(cross_section, order)),
        weights[order],
        rtol=0,
        # Sums in another order, then divided by eigenvalues down to 1e-12 of the largest.
        atol=1e-12 if isinstance(method, FamaFrench) else 1e-6 * np.abs(weights).max(initial=1),
    )


@given(cross_sections())
def test_investable_firms_are_those_of_the_definition(plain, cross_section):
    assert list(cross_section.investable) == plain.investable(cross_section)


# --- Fama-French ---------------------------------------------------------------------------------


@given(RULES, cross_sections())
def test_fama_french_weights_are_those_of_the_plain_sort(plain, rule, cross_section):
    got = weights_of(FamaFrench(rule), cross_section)
    np.testing.assert_allclose(got, plain.fama_french(cross_section, rule), rtol=0, atol=1e-14)


@given(RULES, st.integers(1, 3).flatmap(lambda n: cross_sections(firms=st.just(n))))
def test_fama_french_weights_of_one_to_three_firms_are_those_of_the_plain_sort(
    plain, rule, cross_section
):
    got = weights_of(FamaFrench(rule), cross_section)
    np.testing.assert_allclose(got, plain.fama_french(cross_section, rule), rtol=0, atol=1e-14)


@given(cross_sections())
def test_balanced_spreads_cost_nothing_and_the_market_costs_one(cross_section):
    weights = weights_of(FamaFrench(), cross_section)
    np.testing.assert_allclose(weights[:, :-1].sum(axis=0), 0, atol=1e-13)
    gross = np.abs(weights[:, :-1]).sum(axis=0)
    assert np.all((gross < 1e-13) | (np.abs(gross - 2) < 1e-13))
    if len(cross_section.investable):
        assert weights[:, -1].sum() == pytest.approx(1)
        assert np.all(weights[cross_section.investable, -1] > 0)


@given(RULES, cross_sections(ties=st.just(0), names=NAMES), st.integers(-3, 3), st.integers(-9, 9))
def test_fama_french_weights_do_not_depend_on_the_units_of_a_characteristic(
    rule, cross_section, power, shift
):
    """Whole numbers, shifted by whole numbers and scaled by powers of two: ties stay ties."""
    c = cross_section.characteristics.copy()
    c[:, 1:] = 2.0**power * (c[:, 1:] + shift)
    moved = changed(cross_section, characteristics=c)
    method = FamaFrench(rule)
    assert np.array_equal(weights_of(method, moved), weights_of(method, cross_section))


# --- Fama-MacBeth --------------------------------------------------------------------------------


@given(cross_sections())
def test_fama_macbeth_weights_are_slopes_of_a_regression_with_intercept(plain, cross_section):
    raw = cross_section.characteristics[plain.investable(cross_section)]
    got, wanted = weights_of(FamaMacBeth(), cross_section), plain.fama_macbeth(cross_section)
    if len(raw):
        deviation = raw.std(axis=0)
        varies = deviation > 1e-10 * np.abs(raw).max(axis=0)
        Z = (raw[:, varies] - raw[:, varies].mean(axis=0)) / deviation[varies]
        singular = np.linalg.svd(Z, compute_uv=False)
        # The Gram matrix squares the condition number.
        largest = singular.max(initial=0.0)
        alive = singular[singular > 1e-5 * largest]
        cond = largest / alive.min(initial=np.inf)
        between = (singular > 1e-9 * largest) & (singular < 1e-5 * largest)
        if between.any():
            return  # near the rank cut either answer is right
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-13 * max(cond, 1) ** 2)
    else:
        assert not got.any()


@given(cross_sections(missing=False, ties=st.just(12), names=NAMES))
def test_fama_macbeth_portfolios_are_long_one_short_one(cross_section):
    weights = weights_of(FamaMacBeth(), cross_section)
    gross = np.abs(weights[:, :-1]).sum(axis=0)
    np.testing.assert_allclose(weights[:, :-1].sum(axis=0), 0, atol=1e-11)
    assert np.all((gross == 0) | (np.abs(gross - 2) < 1e-12))
    np.testing.assert_allclose(weights[:, -1], 1 / len(weights), rtol=1e-15)


@given(
    cross_sections(firms=st.integers(8, 40), names=NAMES, missing=False),
    st.integers(0, 4),
    st.sampled_from([0.0, 1.0, -3.7, 1e6]),
)
def test_a_constant_characteristic_has_a_column_of_exact_zeros(cross_section, j, level):
    c = cross_section.characteristics.copy()
    c[:, j] = level
    weights = weights_of(FamaMacBeth(), changed(cross_section, characteristics=c))
    assert np.all(weights[:, j] == 0)
    others = np.delete(np.arange(5), j)
    without = changed(
        cross_section,
        characteristics=c[:, others],
        names=tuple(np.array(NAMES)[others]),
    )
    np.testing.assert_array_equal(weights[:, others], weights_of(FamaMacBeth(), without)[:, :-1])


@given(cross_sections(firms=st.integers(12, 40), names=NAMES, missing=False, ties=st.just(12)))
def test_collinear_characteristics_share_one_portfolio(plain, cross_section):
    c = cross_section.characteristics.copy()
    c[:, 2] = 3 - 2 * c[:, 1]
    collinear = changed(cross_section, characteristics=c)
    weights = weights_of(FamaMacBeth(), collinear)
    np.testing.assert_allclose(weights[:, 2], -weights[:, 1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(weights, plain.fama_macbeth(collinear), rtol=0, atol=1e-9)


@given(
    cross_sections(firms=st.integers(8, 40), names=NAMES, missing=False),
    st.integers(0, 4),
    st.floats(0.01, 100),
    st.booleans(),
    st.floats(-10, 10),
)
def test_fama_macbeth_weights_do_not_depend_on_the_units_of_a_characteristic(
    plain, cross_section, j, scale, flip, shift
):
    if not well_conditioned(cross_section, plain):
        return
    sign = -1 if flip else 1
    c = cross_section.characteristics.copy()
    c[:, j] = shift + sign * scale * c[:, j]
    weights = weights_of(FamaMacBeth(), cross_section)
    weights[:, j] *= sign
    moved = weights_of(FamaMacBeth(), changed(cross_section, characteristics=c))
    # The shift costs up to 10 / (0.01 s.d.) of the digits, the condition number its square.
    np.testing.assert_allclose(moved, weights, rtol=0, atol=1e-6)


# --- model-implied -------------------------------------------------------------------------------


@given(cross_sections(firms=st.integers(6, 40)), st.sampled_from(["ols", "value"]))
def test_latent_factors_recover_the_shocks_when_returns_have_no_other_risk(
    cross_section, weighting
):
    shocks = np.array([0.7, -1.3])
    xret = cross_section.loadings["proj"] @ shocks
    exact = changed(cross_section, excess_return=xret)
    if len(exact.investable) < 3:
        return
    A = exact.loadings["proj"][exact.investable]
    f = form(ModelImplied("proj", weighting), exact).returns
    # Value weights spread over e^{1.5 z}: their condition number adds to that of A squared.
    np.testing.assert_allclose(f, shocks, rtol=0, atol=1e-9 * np.linalg.cond(A) ** 2)


@given(cross_sections(firms=st.integers(6, 40)))
def test_ols_weights_of_the_latent_factors_are_the_pseudo_inverse(plain, cross_section):
    A = cross_section.loadings["taylor"][cross_section.investable]
    if len(A) == 0 or np.linalg.cond(A) > 1e4:
        return
    np.testing.assert_allclose(
        weights_of(ModelImplied("taylor"), cross_section),
        plain.latent(cross_section, "taylor"),
        rtol=0,
        atol=1e-13 * np.linalg.cond(A) ** 2 * np.abs(np.linalg.pinv(A)).max(),
    )


@given(
    cross_sections(firms=st.integers(8, 40), names=NAMES),
    st.sampled_from(["ols", "value"]),
    st.floats(0, 6.3),
    st.floats(0.1, 10),
)
def test_premia_do_not_depend_on_how_the_shocks_are_mixed(cross_section, weighting, angle, stretch):
    if len(cross_section.investable) < 3:
        return
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    mix = rotation @ np.diag([stretch, 1.0]) @ rotation.T @ np.array([[1.0, 0.4], [0.0, 1.0]])
    A = cross_section.loadings["proj"]
    if np.linalg.cond(A[cross_section.investable]) > 100:
        return
    mixed = changed(cross_section, loadings={"proj": A @ mix})
    method = ModelImplied("proj", weighting)
    premia, latent = model_premia(method, [cross_section])
    premia_mixed, latent_mixed = model_premia(method, [mixed])
    np.testing.assert_allclose(premia_mixed.returns, premia.returns, rtol=0, atol=1e-8)
    np.testing.assert_allclose(mix @ latent_mixed.returns[0], latent.returns[0], atol=1e-7)
    assert premia.names == NAMES
    assert latent.names == ("f_1", "f_2")


@given(cross_sections(firms=st.integers(6, 40), names=NAMES))
def test_premium_is_the_fama_macbeth_return_of_the_fitted_returns(plain, cross_section):
    firms = plain.investable(cross_section)
    premia, latent = model_premia(ModelImplied("proj"), [cross_section])
    if len(firms) < 3:
        assert len(firms) or np.all(np.isnan(premia.returns))
        return
    xret = cross_section.excess_return.copy()
    xret[firms] = cross_section.loadings["proj"][firms] @ latent.returns[0]
    fitted = factor_returns(FamaMacBeth(), [changed(cross_section, excess_return=xret)])
    scale = 1 + np.abs(xret[firms]).max()
    np.testing.assert_allclose(
        premia.returns[0], fitted.returns[0, :-1], rtol=0, atol=1e-12 * scale
    )
