"""Portfolios without memory, against plain loops over firms."""

from dataclasses import replace

import numpy as np
import pytest
from worlds import NAMES, setting

from truepremia.errors import MethodError
from truepremia.judgement.engine import judge
from truepremia.methods.capm import CAPM
from truepremia.methods.managed import Managed
from truepremia.methods.sorted_portfolios import Deciles, Sorts25
from truepremia.panel import Known


def known(n=83, seed=1, names=NAMES, ties=False) -> Known:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, len(names)))
    if ties:
        values[:, 0] = np.round(values[:, 0])
    return Known(0, np.arange(n), tuple(names), values, rng.lognormal(size=n), 0.0)


def quantile_bins(values, probabilities):
    """Count the type-7 quantiles that lie strictly below each value."""
    ordered = sorted(values)
    edges = []
    for p in probabilities:
        place = (len(ordered) - 1) * p
        low = int(np.floor(place))
        high = min(low + 1, len(ordered) - 1)
        edges.append(ordered[low] + (place - low) * (ordered[high] - ordered[low]))
    return [sum(edge < v for edge in edges) for v in values]


def test_managed_portfolios_are_one_long_and_one_short_beside_the_equal_weighted_market():
    firms = known()
    weights = Managed().weights(firms)
    assert weights.shape == (83, len(Managed().names(firms)))
    np.testing.assert_allclose(np.maximum(weights[:, :-1], 0).sum(axis=0), 1, rtol=1e-13)
    np.testing.assert_allclose(weights[:, :-1].sum(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(weights[:, -1], 1 / 83, rtol=1e-15)
    bm = firms.characteristics[:, 1]
    assert np.array_equal(np.argsort(weights[:, 1]), np.argsort(bm))


def test_constant_characteristic_has_an_empty_managed_portfolio():
    firms = known()
    tied = replace(firms, characteristics=np.where(np.arange(5) == 2, 4.0, firms.characteristics))
    assert not Managed().weights(tied)[:, 2].any()
    assert Managed().weights(tied)[:, [0, 1, 3, 4]].any(axis=0).all()


@pytest.mark.parametrize("ties", [False, True])
def test_25_portfolios_are_value_weighted_in_size_and_book_to_market_quintiles(ties):
    firms = known(ties=ties)
    s = quantile_bins(firms.characteristics[:, 0], (0.2, 0.4, 0.6, 0.8))
    b = quantile_bins(firms.characteristics[:, 1], (0.2, 0.4, 0.6, 0.8))
    expected = np.zeros((83, 25))
    for i in range(83):
        cell = [j for j in range(83) if s[j] == s[i] and b[j] == b[i]]
        expected[i, 5 * s[i] + b[i]] = firms.market_equity[i] / firms.market_equity[cell].sum()
    np.testing.assert_allclose(Sorts25().weights(firms), expected, rtol=1e-13, atol=0)
    assert Sorts25().names(firms)[7] == "s2b3"


@pytest.mark.parametrize("ties", [False, True])
def test_deciles_are_equal_weighted(ties):
    firms = known(ties=ties)
    weights = Deciles().weights(firms)
    for c in range(5):
        d = quantile_bins(firms.characteristics[:, c], [k / 10 for k in range(1, 10)])
        for k in range(10):
            inside = np.array(d) == k
            expected = inside / max(inside.sum(), 1)
            np.testing.assert_allclose(weights[:, 10 * c + k], expected, rtol=1e-13)
    assert Deciles().names(firms)[19] == "bm_10"


def test_25_portfolios_say_in_one_line_which_characteristic_they_miss():
    with pytest.raises(MethodError, match="there is no bm, only size, mom; switch the method off"):
        Sorts25().weights(known(names=("size", "mom")))


@pytest.mark.parametrize("method", [Managed(), Sorts25(), Deciles()])
def test_no_firm_one_firm_and_firms_that_all_tie_have_portfolios(method):
    count = len(method.names(known()))
    assert method.weights(known(0)).shape == (0, count)
    one = method.weights(known(1))
    assert one.shape == (1, count)
    assert np.isin(one, [0.0, 1.0]).all()
    tied = method.weights(replace(known(), characteristics=np.ones((83, 5))))
    np.testing.assert_allclose(np.abs(tied).sum(axis=0)[np.abs(tied).any(axis=0)], 1, rtol=1e-13)


def test_market_has_one_sharpe_ratio_at_all_penalties(small_world):
    s = judge(CAPM(), small_world.months, small_world.moments[24:], setting()).statistics
    for month in np.unique(s.month):
        sharpe = (s.mean / s.stdev)[s.month == month]
        np.testing.assert_allclose(sharpe, sharpe[0], rtol=1e-12)
