"""What must hold in every economy of the registry, on the default panel."""

import numpy as np
import pytest
from conftest import by_rank

from truepremia.economies.contract import SHARPE_ROUNDING
from truepremia.panel import Size

SMALL = Size(firms=37, months=20, burnin=30)

# Sample means below are sums of martingale differences, so their standard error is that of
# independent draws. Four of them: one false alarm in 16,000 for a normal mean. The draws are a
# function of the seed, so a test that passes once passes always.
STANDARD_ERRORS = 4


def within_standard_errors(values: np.ndarray) -> bool:
    error = values.std(ddof=1) / np.sqrt(len(values))
    return bool(abs(values.mean()) < STANDARD_ERRORS * error)


def same_bits(one, other) -> bool:
    return set(one) == set(other) and all(
        one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes()
        for name in one
    )


# --- prices ------------------------------------------------------------------------------------


def test_discount_factor_prices_every_firm_in_every_month(lab):
    assert lab.survey.euler.shape == (lab.size.months,)
    assert lab.survey.euler.max() < 1e-10


def test_maximal_sharpe_ratio_respects_the_hansen_jagannathan_bound(lab):
    assert np.all(lab.survey.max_sharpe > 0)
    bound = lab.solution.diagnostics["sharpe_bound"]
    assert lab.survey.max_sharpe.max() <= bound + SHARPE_ROUNDING
    bounds = [lab.economy.sharpe_bound(lab.solution, state) for state in lab.states()]
    assert np.all(lab.survey.max_sharpe <= bounds)


@pytest.mark.parametrize("asset", ["riskless asset", "equal weights"])
def test_realised_discount_factor_prices_realised_returns(lab, asset):
    aggregates = lab.panel.aggregates
    gross = 1 + aggregates["rf"]
    if asset == "equal weights":
        gross = gross + lab.panel["xret"].mean(axis=1)
    errors = aggregates["sdf"] * gross - 1
    assert errors.std(ddof=1) / np.sqrt(len(errors)) < 0.05, "a test without power"
    assert within_standard_errors(errors)


@pytest.mark.parametrize("portfolio", ["equal weights", "sdf portfolio"])
def test_realised_discount_factor_covaries_with_portfolios_as_their_premia_say(lab, portfolio):
    """Cov_t(m, r) / E_t[m] = -E_t[r]: a wrong sign, size or month of m is dozens of errors off.

    Without their means, which the moments say, both sides are free of what returns are by chance.
    """
    mean, variance, realised = lab.survey.portfolios[portfolio]
    aggregates = lab.panel.aggregates
    surprise = aggregates["sdf"] * (1 + aggregates["rf"]) - 1
    ratio = mean / np.sqrt(variance)
    errors = surprise * (realised - mean) / np.sqrt(variance) + ratio
    error = errors.std(ddof=1) / np.sqrt(len(errors))
    assert error < 0.3 * np.sqrt(np.mean(ratio**2)), "a test without power"
    assert within_standard_errors(errors)


def test_riskless_return_of_the_moments_is_that_of_the_panel(lab):
    for t, state in zip(range(3), lab.states(), strict=False):
        known = lab.economy.moments(lab.solution, state)
        assert known.riskfree == pytest.approx(lab.panel.aggregates["rf"][t], rel=1e-14)
        assert known.month == state.month == lab.panel.month[t]
        assert np.array_equal(known.firm, lab.panel["firmid"][t])


# --- what factors sort on ----------------------------------------------------------------------


def test_no_order_of_firms_is_decided_by_rounding(lab):
    """Characteristics that are equal in the economy are equal to the last bit, or sorts see noise.

    The nearest of 1000 independent values are apart by 1e-6 of their spread in a usual month and
    by 1e-9 in the worst of 720; rounding is below 1e-14.
    """
    for name in lab.economy.characteristics:
        values = lab.panel[name]
        spread = np.median(np.abs(values), axis=1, keepdims=True)
        apart = np.diff(np.sort(values, axis=1), axis=1)
        assert not np.any((apart != 0) & (apart < 1e-13 * spread)), name
        assert not np.any((values != 0) & (np.abs(values) < 1e-13 * spread)), name


# --- the simulator against its own moments -----------------------------------------------------


@pytest.mark.parametrize("portfolio", ["equal weights", "sdf portfolio"])
def test_diversified_portfolios_have_the_means_that_the_moments_say(lab, portfolio):
    mean, variance, realised = lab.survey.portfolios[portfolio]
    standardised = (realised - mean) / np.sqrt(variance)
    assert abs(standardised.mean()) < STANDARD_ERRORS / np.sqrt(len(standardised))


def test_portfolios_by_characteristics_earn_what_the_moments_say(lab):
    """A characteristic that knows anything of the next month makes a portfolio that is lucky."""
    for name in lab.economy.characteristics:
        mean, variance, realised = lab.survey.portfolios[by_rank(name)]
        held = variance > 0
        luck = np.sum((realised - mean)[held] / np.sqrt(variance[held])) / np.sqrt(held.sum())
        assert abs(luck) < STANDARD_ERRORS, f"{name} knows what is earned later: luck {luck:.1f}"


@pytest.mark.parametrize("portfolio", ["equal weights", "sdf portfolio"])
def test_diversified_portfolios_have_the_variances_that_the_moments_say(lab, portfolio):
    mean, variance, realised = lab.survey.portfolios[portfolio]
    assert within_standard_errors((realised - mean) ** 2 / variance - 1)


@pytest.mark.parametrize("power", [1, 2])
def test_firms_have_the_means_and_variances_that_the_moments_say(lab, power):
    survey = lab.survey
    standardised = (lab.panel["xret"] - survey.mean) / np.sqrt(survey.variance)
    excess = standardised**power - (power == 2)
    # Firms of one month share its shocks: the month's average is the unit of observation.
    assert within_standard_errors(excess.mean(axis=1))


def test_riskier_and_safer_firms_each_have_the_variance_that_the_moments_say(lab):
    survey = lab.survey
    excess = (lab.panel["xret"] - survey.mean) ** 2 / survey.variance - 1
    riskier = survey.variance > np.median(survey.variance, axis=1, keepdims=True)
    for half in (riskier, ~riskier):
        assert within_standard_errors(np.where(half, excess, 0).sum(axis=1) / half.sum(axis=1))


# --- moments ------------------------------------------------------------------------------------


def test_every_firm_has_risk_of_its_own_also_without_capital(lab):
    assert np.all(lab.survey.residual > 1e-12 * lab.survey.variance)
    if "no_capital" in lab.panel.columns:
        bare = lab.panel["no_capital"]
        assert np.all(lab.survey.residual[bare] > 0)


def test_projection_loadings_explain_no_more_than_the_common_variance(lab):
    for column in lab.economy.layout.loadings.get("proj", ()):
        # Cauchy and Schwarz: Cov(R, shock)^2 <= Var(E[R | shocks]) for a shock of variance one.
        assert np.all(lab.panel[column] ** 2 <= lab.survey.common * (1 + 1e-9))


def test_panel_s_loadings_and_values_are_those_of_its_states(lab):
    rows = dict(lab.panel.states)
    for t, state in enumerate(lab.states()):
        if t % 240:
            continue
        found = lab.economy.loadings_of(lab.solution, state)
        for names in lab.economy.layout.loadings.values():
            for name in names:
                np.testing.assert_allclose(lab.panel[name][t], found[name], rtol=0, atol=1e-13)
        value = lab.economy.price_of(lab.solution, state)
        if "capital" in rows[state.month]:  # priced per unit of it
            value = value * rows[state.month]["capital"]
        np.testing.assert_allclose(lab.panel["mve"][t], value, rtol=1e-13)


def test_compressed_moments_are_the_same_moments(lab):
    months = set(np.linspace(0, lab.size.months - 1, 4).astype(int))
    for t, state in enumerate(lab.states()):
        if t not in months:
            continue
        full = lab.economy.moments(lab.solution, state)
        small = full.compressed()
        assert small.exposure.shape[1] <= full.exposure.shape[1]
        deviation = np.sqrt(lab.survey.variance[t])
        gap = np.abs(full.covariance() - small.covariance())
        gap /= deviation
        gap /= deviation[:, None]
        assert gap.max() < 1e-12
        assert small.max_sharpe() == pytest.approx(full.max_sharpe(), rel=1e-12)
        assert np.array_equal(small.mean, full.mean)
        assert np.array_equal(small.residual, full.residual)


def test_restored_solution_gives_the_same_moments_to_the_bit(lab):
    solution = lab.solution
    restored = lab.economy.restore(solution.params, solution.to_arrays())
    state = next(iter(lab.states()))
    one = lab.economy.moments(solution, state)
    other = lab.economy.moments(restored, state)
    assert one.mean.tobytes() == other.mean.tobytes()
    assert one.exposure.tobytes() == other.exposure.tobytes()
    assert one.residual.tobytes() == other.residual.tobytes()


# --- the panel ----------------------------------------------------------------------------------


def test_panel_has_the_columns_of_the_contract_and_no_hole(lab):
    layout, panel = lab.economy.layout, lab.panel
    assert set(layout.columns) - {"month"} <= set(panel.columns)
    extra = set(panel.columns) - set(layout.columns)
    described = lab.economy.columns("panel")
    assert extra <= set(described), "a column without a unit and a meaning"
    for name, values in panel.columns.items():
        assert values.shape == (lab.size.months, lab.size.firms), name
        assert np.all(np.isfinite(values)), name
    assert np.array_equal(panel.month, np.arange(lab.size.start, lab.size.end + 1))
    assert np.array_equal(panel.aggregates["month"], panel.month)
    assert np.all(panel["firmid"] == np.arange(lab.size.firms))
    assert np.all(panel["mve"] > 0)
    gross = panel["xret"] + 1 + panel.aggregates["rf"][:, None]
    assert gross.min() > -1e-15, "limited liability"


def test_columns_of_the_fewest_firms_have_one_type_in_every_month(lab):
    """Also in months in which nobody owns anything."""
    for index in range(8):
        panel = lab.simulate(Size(firms=2, months=30, burnin=13), index=index)
        months = [rows for _, rows in panel.states]
        for name in months[0]:
            assert len({rows[name].dtype for rows in months}) == 1, name


def test_aggregate_columns_are_documented_and_finite(lab):
    assert set(lab.panel.aggregates) - {"month"} == set(lab.economy.columns("aggregates"))
    for name, values in lab.panel.aggregates.items():
        assert values.shape == (lab.size.months,), name
        assert np.all(np.isfinite(values)), name


def test_cross_sections_are_the_rows_of_the_panel(lab):
    layout, panel = lab.economy.layout, lab.panel
    cross_section = next(iter(panel.cross_sections()))
    assert cross_section.names == lab.economy.characteristics
    for j, name in enumerate(cross_section.names):
        assert np.array_equal(cross_section.characteristics[:, j], panel[name][0])
    for method, names in layout.loadings.items():
        for k, name in enumerate(names):
            assert np.array_equal(cross_section.loadings[method][:, k], panel[name][0])
    assert len(cross_section.investable) == lab.size.firms


def test_size_is_the_log_of_market_value(lab):
    assert np.array_equal(lab.panel["size"], np.log(lab.panel["mve"]))


def test_momentum_is_eleven_months_of_returns_and_skips_the_latest(lab):
    gross = 1 + lab.panel["xret"] + lab.panel.aggregates["rf"][:, None]
    momentum = lab.panel["mom"]
    known = momentum != 0  # a firm that is replaced after a default starts again at zero
    assert known.mean() > 0.9
    for t in range(12, lab.size.months, 7):
        past = np.prod(gross[t - 12 : t - 1], axis=0) - 1
        # Eleven products of numbers that went through a subtraction and an addition of rf.
        gap = np.abs(momentum[t] - past)[known[t]] / (1 + past[known[t]])
        assert gap.max() < 1e-13


def test_asset_growth_is_the_growth_of_book_value(lab):
    book = lab.panel["bm"] * lab.panel["mve"]
    growth = lab.panel["agr"][1:]
    moved = growth != 0
    assert np.all(book[:-1][moved] > 0)
    implied = book[1:][moved] / book[:-1][moved] - 1
    np.testing.assert_allclose(growth[moved], implied, rtol=0, atol=1e-12)


# --- randomness ---------------------------------------------------------------------------------


def test_same_seed_gives_the_same_panel_to_the_bit(lab):
    one, other = lab.simulate(SMALL), lab.simulate(SMALL)
    assert same_bits(one.columns, other.columns)
    assert same_bits(one.aggregates, other.aggregates)
    for (month, rows), (again, rows_again) in zip(one.states, other.states, strict=True):
        assert month == again
        assert same_bits(rows, rows_again)


@pytest.mark.parametrize("change", [{"index": 1}, {"seed": 1}])
def test_another_index_or_seed_gives_another_panel(lab, change):
    one, other = lab.simulate(SMALL), lab.simulate(SMALL, **change)
    shocks = set(one.aggregates) - {"month"}
    assert any(not np.any(one.aggregates[s] == other.aggregates[s]) for s in shocks)
    assert not np.any(one["xret"] == other["xret"])


def test_aggregate_path_does_not_depend_on_the_number_of_firms(lab):
    few = lab.simulate(SMALL)
    many = lab.simulate(Size(firms=1500, months=SMALL.months, burnin=SMALL.burnin))
    assert same_bits(few.aggregates, many.aggregates)
    halves = many["xret"][:, :500], many["xret"][:, 1000:]
    assert not np.any(np.all(halves[0] == halves[1], axis=0)), "blocks share a stream"
