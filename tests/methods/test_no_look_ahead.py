"""No method sees the future, and none minds how the firms are listed or measured."""

from dataclasses import replace

import numpy as np
import pytest
from worlds import EVERY_KIND, make, reordered, setting, shuffled_future, walk

from truepremia.judgement.engine import judge

MONTHS = (33, 47)


def known_parts(items):
    parts = []
    for item in items:
        parts.append(item.weights)
        if getattr(item, "past", None) is not None:
            parts.append(item.past)
    return parts


@pytest.fixture(scope="module")
def honest(small_world):
    """What every method forms in every month."""
    return {name: walk(make(name), small_world.months) for name in EVERY_KIND}


@pytest.mark.parametrize("t", MONTHS)
@pytest.mark.parametrize("name", EVERY_KIND)
def test_another_future_changes_no_bit(name, t, small_world, honest):
    changed = walk(make(name), shuffled_future(small_world.months, t)[: t + 1])[t]
    assert changed
    for was, now in zip(known_parts(honest[name][t]), known_parts(changed), strict=True):
        assert np.array_equal(was, now)


@pytest.mark.parametrize("name", EVERY_KIND)
def test_panel_that_ends_today_gives_the_same_weights(name, small_world, honest):
    t = MONTHS[0]
    cut = walk(make(name), small_world.months[: t + 1])[t]
    assert all(
        np.array_equal(a.weights, b.weights) for a, b in zip(cut, honest[name][t], strict=True)
    )


@pytest.mark.parametrize("name", EVERY_KIND)
def test_order_of_firms_moves_the_weights_with_the_firms(name, small_world):
    """Up to the rounding of sums over firms."""
    turned, order = reordered(small_world.months)
    how = setting(alphas=(1e-2,))
    was = walk(make(name), small_world.months, how)[-1]
    now = walk(make(name), turned, how)[-1]
    for a, b in zip(was, now, strict=True):
        scale = np.abs(a.weights).max()
        np.testing.assert_allclose(b.weights, a.weights[order], atol=1e-12 * scale, rtol=0)


STRETCHED = [name for name in EVERY_KIND if name not in ("ff", "fm")]


@pytest.mark.parametrize("name", STRETCHED)
def test_increasing_transformation_of_a_characteristic_changes_no_bit(name, small_world, honest):
    def stretched(values):
        return np.column_stack([np.exp(values[:, 0]), values[:, 1:3] ** 3, 5 * values[:, 3:] - 2])

    months = [
        replace(m, characteristics=stretched(m.characteristics)) for m in small_world.months[:40]
    ]
    formed = walk(make(name), months)[-1]
    for was, now in zip(known_parts(honest[name][39]), known_parts(formed), strict=True):
        assert np.array_equal(was, now)


@pytest.mark.parametrize("name", EVERY_KIND)
def test_no_method_beats_the_maximum_and_none_is_lucky(name, small_world):
    verdict = judge(make(name), small_world.months, small_world.moments[24:], setting())
    s = verdict.statistics
    theta = {m.month: m.max_sharpe() for m in small_world.moments}
    held = s.stdev > 0
    share = (s.mean / np.where(held, s.stdev, 1)) / np.array([theta[m] for m in s.month])
    assert share[held].max() <= 1 + 1e-9
    for column in {(v, c, repr(a)) for v, c, a in zip(s.variant, s.choice, s.alpha, strict=True)}:
        one = held & (s.variant == column[0]) & (s.choice == column[1])
        one &= np.array([repr(a) == column[2] for a in s.alpha])
        z = (s.xret - s.mean)[one] / s.stdev[one]
        assert abs(z.sum()) < 4 * np.sqrt(max(len(z), 1))
    assert np.isfinite(s.hjd).all()


@pytest.mark.parametrize("name", EVERY_KIND)
def test_months_without_firms_with_one_and_with_ties_alone_are_survived(name, small_world):
    """Nothing is warned of, nothing is not finite, and nothing is held where there is no firm."""
    gaps = []
    for t, m in enumerate(small_world.months):
        returns = m.excess_return.copy()
        if t in (0, 5, 30):
            returns[:] = np.nan
        if t in (6, 31, 40):
            returns[1:] = np.nan
        if t in (7, 32):
            returns[8:] = np.nan
        known = np.ones_like(m.characteristics) if t in (8, 33) else m.characteristics
        gaps.append(replace(m, excess_return=returns, characteristics=known))
    how = setting()
    verdict = judge(make(name), gaps, small_world.moments[24:], how)
    s = verdict.statistics
    assert np.isfinite(s.stdev).all()
    assert np.isfinite(s.mean).all()
    assert not s.stdev[s.month == 30].any()
    assert (s.xret[s.month == 30] == 0).all()


@pytest.mark.parametrize("name", EVERY_KIND)
def test_inputs_cannot_be_written_to_and_are_not(name, small_world):
    seen = []
    method = make(name)
    if hasattr(method, "start"):
        method.start(setting())
    for m in small_world.months[:26]:
        known = m.known
        before = known.characteristics.copy()
        if hasattr(method, "form"):
            list(method.form(known))
            method.learn(known, m.earned)
        else:
            method.weights(known)
        seen.append(np.array_equal(before, known.characteristics))
    assert all(seen)


def with_firms_only(months, kept, few=0):
    """Return months in which no firm can be held, or only ``few``, but in those of ``kept``."""
    bare = []
    for t, month in enumerate(months):
        if t not in kept:
            hidden = np.arange(len(month.firm)) >= few
            month = replace(month, market_equity=np.where(hidden, np.nan, month.market_equity))
        bare.append(month)
    return bare


HOLES = {
    "none but today": [(), 0],
    "none in half of the months": [range(0, 48, 2), 0],
    "one month in a window": [range(0, 48, 24), 0],
    "two months in a window": [range(0, 48, 12), 0],
    "one firm": [(), 1],
    "one firm but in a month": [(30,), 1],
}


@pytest.mark.filterwarnings("error:.*:RuntimeWarning")
@pytest.mark.parametrize("case", HOLES)
@pytest.mark.parametrize("name", EVERY_KIND)
def test_windows_with_few_or_no_firms_have_finite_portfolios(name, case, small_world):
    kept, few = HOLES[case]
    last = len(small_world.months) - 1
    months = with_firms_only(small_world.months, {*kept, last}, few)
    how = setting(alphas=(0.0, 1e-18, 1e-3, 0.7))
    verdict = judge(make(name), months, small_world.moments[24:], how)
    stats = verdict.statistics
    for numbers in (stats.stdev, stats.mean, stats.xret, stats.hjd):
        assert np.isfinite(numbers).all()
    if case == "none but today":
        assert not stats.stdev[stats.month < months[-1].month].any()


@pytest.mark.parametrize("name", EVERY_KIND)
def test_a_window_without_any_firm_is_a_portfolio_of_nothing(name, small_world):
    months = with_firms_only(small_world.months, {len(small_world.months) - 1})
    how = setting(alphas=(1e-3, 0.7))
    verdict = judge(make(name), months, small_world.moments[24:], how)
    assert not verdict.statistics.stdev.any()
