"""Instrumented principal components, against regressions, optimisers and the truth."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from worlds import instrumented_world, ridge, setting, walk

import truepremia as tp
from truepremia.errors import MethodError
from truepremia.judgement.engine import judge
from truepremia.methods.instrumented import InstrumentedWindow, solved_along
from truepremia.methods.ipca import IPCA, instruments, readable

WINDOW = 24


def sums(world, first=0, last=None):
    """Return Z'Z, Z'r and the number of firms of every month."""
    months = world.months[first:last]
    Z = [instruments(m.known) for m in months]
    x = [z.T @ m.earned for z, m in zip(Z, months, strict=True)]
    return np.array([z.T @ z for z in Z]), np.array(x), np.array([len(z) for z in Z])


def explained(Gamma, W, x):
    """Return the sum that Gamma maximises, straight from its definition."""
    inverse = np.linalg.pinv(Gamma.T @ W @ Gamma, rcond=1e-12)
    return np.einsum("sk,skl,sl->", x @ Gamma, inverse, x @ Gamma)


def alternating_least_squares(Gamma, W, x, steps=3000):
    for _ in range(steps):
        f = [np.linalg.solve(Gamma.T @ w @ Gamma, Gamma.T @ v) for w, v in zip(W, x, strict=True)]
        system = sum(np.kron(np.outer(g, g), w) for g, w in zip(f, W, strict=True))
        right = sum(np.kron(g, v) for g, v in zip(f, x, strict=True))
        Gamma = np.linalg.qr(np.linalg.solve(system, right).reshape(len(f[0]), -1).T)[0]
    return Gamma


@pytest.fixture(scope="module")
def true_world():
    """300 firms over 480 months whose loadings on two priced factors are linear in ranks."""
    return instrumented_world(firms=300, months=480)


@pytest.fixture(scope="module")
def judged(true_world):
    how = setting(window=360, alphas=(0.0,))
    return judge(IPCA((1, 2)), true_world.months, true_world.moments[360:], how)


def share(judged, world, variant):
    s = judged.statistics
    chosen = (s.variant == variant) & (s.choice == "alpha")
    theta = np.array([m.max_sharpe() for m in world.moments[360:]])
    return (s.mean / s.stdev)[chosen] / theta


def test_two_factors_reach_the_maximal_sharpe_ratio_of_a_world_with_two(true_world, judged):
    two, one = share(judged, true_world, "K=2"), share(judged, true_world, "K=1")
    assert two.mean() > 0.99
    assert one.mean() < 0.97
    assert max(two.max(), one.max()) <= 1 + 1e-12


def test_loadings_of_a_true_world_are_recovered(true_world):
    Gamma, f = InstrumentedWindow.of(*sums(true_world)).optimum(2)
    cosines = np.linalg.svd(Gamma.T @ true_world.gamma, compute_uv=False)
    assert cosines.min() > 0.999
    turned = f @ (Gamma.T @ true_world.gamma)
    error = turned.std(axis=0) / np.sqrt(len(turned))
    assert (np.abs(turned.mean(axis=0) - true_world.premia) < 2 * error).all()


@pytest.mark.parametrize("K", [1, 2, 4])
def test_gamma_is_where_alternating_least_squares_and_bfgs_end(K):
    world = instrumented_world(firms=40, months=24, seed=K)
    W, x, n = sums(world)
    Gamma, f = InstrumentedWindow.of(W, x, n).optimum(K)
    found = explained(Gamma, W, x)
    np.testing.assert_allclose(Gamma.T @ Gamma, np.eye(K), atol=1e-13)
    np.testing.assert_allclose(found, np.sum((x @ Gamma) * f), rtol=1e-13)

    rng = np.random.default_rng(K)
    best = 0.0
    for _ in range(2):
        start = np.linalg.qr(rng.standard_normal((6, K)))[0]
        ended = minimize(
            lambda g: -explained(g.reshape(6, K), W, x), start.ravel(), options={"gtol": 1e-9}
        )
        best = max(best, -ended.fun)
    assert found >= best * (1 - 1e-9)
    slow = alternating_least_squares(Gamma, W, x, 30)
    np.testing.assert_allclose(explained(slow, W, x), found, rtol=1e-12)
    assert np.linalg.svd(slow.T @ Gamma, compute_uv=False).min() > 1 - 1e-9


@pytest.mark.parametrize("K", [1, 2, 3, 5])
def test_explained_sum_is_flat_at_gamma(K):
    world = instrumented_world(firms=30, months=40, seed=20 + K)
    W, x, n = sums(world)
    Gamma, _ = InstrumentedWindow.of(W, x, n).optimum(K)
    rng = np.random.default_rng(K)
    top = explained(Gamma, W, x)
    for _ in range(5):
        away = rng.standard_normal(Gamma.shape)
        away -= Gamma @ (Gamma.T @ away)
        up, down = (explained(Gamma + step * away, W, x) for step in (1e-4, -1e-4))
        assert abs(up - down) / 2e-4 < 1e-6 * top
        assert up <= top * (1 + 1e-12)


def windows(model, firms, window, index, months):
    """Yield the sums of some windows of a small panel, and the last month of each."""
    panel = tp.simulate(model, firms=firms, months=window + months, burnin=24, index=index)
    past = []
    for section in panel.cross_sections():
        Z = instruments(section.known)
        past.append((Z.T @ Z, Z.T @ section.earned, len(Z)))
    for last in range(window, len(past), 7):
        yield tuple(np.array(part) for part in zip(*past[last - window : last], strict=True))


@pytest.mark.parametrize(
    ("model", "firms", "window", "index", "K"),
    [("bgn", 60, 60, 2, 3), ("bgn", 60, 60, 1, 5), ("gkx20", 60, 36, 1, 4)],
)
def test_optimum_is_found_at_the_end_of_narrow_bent_valleys(model, firms, window, index, K, caplog):
    """Windows of 60 firms in which whole steps of Newton's method fall hundreds of times."""
    caplog.set_level("INFO", logger="truepremia")
    for W, x, n in windows(model, firms, window, index, months=40):
        Gamma, _ = InstrumentedWindow.of(W, x, n).optimum(K)
        found = explained(Gamma, W, x)
        f = [np.linalg.solve(Gamma.T @ w @ Gamma, Gamma.T @ v) for w, v in zip(W, x, strict=True)]
        e = x - np.array([w @ Gamma @ g for w, g in zip(W, f, strict=True)])
        slope = e.T @ np.array(f)
        slope -= Gamma @ (Gamma.T @ slope)
        assert np.linalg.norm(slope) < 1e-9 * found
    assert not caplog.messages


def test_windows_without_an_optimum_have_the_best_that_was_found_and_say_so(caplog):
    """Six firms, 16 instruments: the sum climbs to bounds where Gamma'W Gamma is singular."""
    caplog.set_level("INFO", logger="truepremia")
    for W, x, n in windows("gkx20", 6, 12, 1, months=40):
        Gamma, f = InstrumentedWindow.of(W, x, n).optimum(3)
        np.testing.assert_allclose(Gamma.T @ Gamma, np.eye(3), atol=1e-12)
        assert np.isfinite(f).all()
        np.testing.assert_allclose(np.sum((x @ Gamma) * f), explained(Gamma, W, x), rtol=1e-6)
    assert any("3 factors: the sum still grows after" in said for said in caplog.messages)


def test_as_many_factors_as_instruments_are_the_slopes_of_monthly_regressions(small_world):
    item = walk(IPCA((6,)), small_world.months)[-1][0]
    window = small_world.months[-WINDOW - 1 : -1]
    slopes = np.array([np.linalg.pinv(instruments(m.known)) @ m.earned for m in window])
    now = np.linalg.pinv(instruments(small_world.months[-1].known)).T
    for alpha in (0.0, 1e-2, 1.0):
        # Rotations of the slopes leave the ridge alone: Gamma'Gamma = I.
        w = item.weights @ ridge(item.past, alpha, WINDOW)
        np.testing.assert_allclose(w, now @ ridge(slopes, alpha, WINDOW), rtol=1e-8, atol=1e-10)


def test_factors_are_uncorrelated_descending_and_of_positive_mean(small_world):
    for item in walk(IPCA((1, 3)), small_world.months)[-1]:
        gram = item.past.T @ item.past
        np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-12 * gram.max())
        assert (np.diff(np.diag(gram)) <= 0).all()
        assert (item.past.mean(axis=0) >= 0).all()


def test_readable_rotation_keeps_what_is_explained():
    rng = np.random.default_rng(0)
    Gamma, f = np.linalg.qr(rng.standard_normal((6, 3)))[0], rng.standard_normal((30, 3))
    turned, g = readable(Gamma, f)
    np.testing.assert_allclose(turned @ g.T, Gamma @ f.T, atol=1e-13)


def test_characteristic_that_is_constant_all_window_has_no_loading(small_world):
    flat = [
        replace(m, characteristics=np.where(np.arange(5) == 2, 1.0, m.characteristics))
        for m in small_world.months
    ]
    world = replace(small_world, months=flat)
    Gamma, f = InstrumentedWindow.of(*sums(world, 0, 40)).optimum(2)
    np.testing.assert_allclose(Gamma[2], 0, atol=1e-12)
    kept = [0, 1, 3, 4, 5]
    W, x, n = sums(world, 0, 40)
    smaller, g = InstrumentedWindow.of(W[:, kept][:, :, kept], x[:, kept], n).optimum(2)
    np.testing.assert_allclose(
        np.sum((x @ Gamma) * f), np.sum((x[:, kept] @ smaller) * g), rtol=1e-12
    )
    full, h = InstrumentedWindow.of(W, x, n).optimum(6)
    np.testing.assert_allclose(full.T @ full, np.eye(6), atol=1e-12)
    assert not h[:, 5].any()


def test_months_with_fewer_firms_than_factors_are_fitted_exactly_and_empty_ones_not_at_all():
    world = instrumented_world(firms=30, months=40, seed=9)
    few = [
        replace(m, excess_return=np.where(np.arange(30) < keep, m.excess_return, np.nan))
        for m, keep in zip(world.months, [30, 2, 0, 1] * 10, strict=True)
    ]
    W, x, n = sums(replace(world, months=few))
    Gamma, f = InstrumentedWindow.of(W, x, n).optimum(3)
    np.testing.assert_allclose(np.sum((x @ Gamma) * f), explained(Gamma, W, x), rtol=1e-10)
    assert not f[2::4].any()
    for s in (1, 3):
        known = few[s].known
        fitted = instruments(known) @ Gamma @ f[s]
        np.testing.assert_allclose(fitted, few[s].earned, rtol=1e-8)


def test_window_without_returns_has_factors_of_zero(small_world):
    still = [replace(m, excess_return=np.zeros(60)) for m in small_world.months[:30]]
    for item in walk(IPCA((1, 2, 6)), still)[-1]:
        assert not item.past.any()
        assert np.isfinite(item.weights).all()


def test_more_factors_than_instruments_are_refused():
    with pytest.raises(MethodError, match="factors has 7: must be at most 6"):
        IPCA((2, 7)).start(setting())


def test_elimination_along_the_months_solves_the_system_of_every_month():
    draw = np.random.default_rng(3)
    root, right = draw.standard_normal((7, 4, 4)), draw.standard_normal((7, 4))
    systems = root @ root.transpose(0, 2, 1) + np.eye(4)
    solved = solved_along(systems.transpose(1, 2, 0), right.T)
    plain = np.array([np.linalg.solve(A, b) for A, b in zip(systems, right, strict=True)])
    np.testing.assert_allclose(solved.T, plain, rtol=1e-12, atol=1e-14)


def test_best_loadings_of_several_problems_are_the_plain_least_squares_of_each():
    """vec Gamma solves sum_s (f f' x W) vec Gamma = sum_s vec x f', month by month, by hand."""
    draw = np.random.default_rng(4)
    L, K, P, S = 4, 2, 3, 9
    Z = [draw.standard_normal((30, L)) for _ in range(S)]
    W, x = np.array([z.T @ z for z in Z]), draw.standard_normal((S, L))
    f = draw.standard_normal((K, P, S))
    window = InstrumentedWindow.of(W, x, np.full(S, 30))
    for p, Gamma in enumerate(window.loadings(f)):
        system = sum(np.kron(np.outer(f[:, p, s], f[:, p, s]), W[s]) for s in range(S))
        right = sum(np.outer(x[s], f[:, p, s]).ravel(order="F") for s in range(S))
        plain = np.linalg.solve(system, right).reshape(L, K, order="F")
        np.testing.assert_allclose(Gamma, plain, rtol=1e-10, atol=1e-12)
