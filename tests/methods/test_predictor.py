"""Predictions by regressors of scikit-learn, and what goes wrong with them."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from worlds import OLS, setting, walk

from truepremia.errors import MethodError
from truepremia.methods.class_source import class_faults
from truepremia.methods.predictor import Predictor

FIRST, REFIT = 10, 4


@pytest.fixture(scope="module")
def formed(small_world):
    return walk(Predictor(OLS, first=FIRST, refit=REFIT), small_world.months)


def pooled(months):
    """Return intercept and slopes of pooled least squares on ranks."""
    X = np.vstack([m.known.ranks() for m in months])
    y = np.concatenate([m.earned for m in months])
    return np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), y, rcond=None)[0]


def test_least_squares_is_fitted_to_all_firm_months_of_the_window_every_few_months(
    small_world, formed
):
    months = small_world.months
    for t in range(FIRST, 60):
        last = FIRST + (t - FIRST) // REFIT * REFIT
        b = pooled(months[max(last - 24, 0) : last])
        predictions = months[t].known.ranks() @ b[1:]
        weights = formed[t][0].weights[:, 0]
        assert np.array_equal(np.argsort(predictions), np.argsort(weights, kind="stable"))
        np.testing.assert_allclose(np.abs(weights).sum(), 2, rtol=1e-12)
        np.testing.assert_allclose(formed[t][0].weights[:, 1], 1 / 60, rtol=1e-15)


def test_nothing_is_formed_before_the_first_fit_and_the_record_is_the_engine_s(formed):
    assert not any(formed[:FIRST])
    assert all(items[0].past is None for items in formed[FIRST:])


def test_flexible_learner_is_not_judged_by_the_rows_it_was_fitted_to(small_world):
    from truepremia.judgement.engine import judge

    tree = Predictor("sklearn.tree.DecisionTreeRegressor", first=FIRST, refit=1)
    verdict = judge(tree, small_world.months, small_world.moments[24:], setting(alphas=(0.0,)))
    earned = verdict.returns.returns[:, 0]
    assert np.isnan(earned[:FIRST]).all()
    assert abs(np.mean(earned[FIRST:])) < 3 * np.std(earned[FIRST:])


@pytest.mark.parametrize("target", ["demeaned", "rank"])
def test_target_may_be_demeaned_or_ranked(small_world, target):
    method = Predictor(OLS, first=FIRST, target=target)
    items = walk(method, small_world.months[: FIRST + 1])[-1]
    X, y = [], []
    for m in small_world.months[:FIRST]:
        X.append(m.known.ranks())
        r = m.earned
        y.append(r - r.mean() if target == "demeaned" else (np.argsort(np.argsort(r)) + 0.5) / 60)
    X, y = np.vstack(X), np.concatenate(y)
    b = np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), y, rcond=None)[0]
    predictions = small_world.months[FIRST].known.ranks() @ b[1:]
    assert np.array_equal(np.argsort(predictions), np.argsort(items[0].weights[:, 0]))


def test_proportional_weights_are_the_predictions_less_their_mean(small_world):
    method = Predictor(OLS, first=FIRST, portfolio="proportional", market="value")
    items = walk(method, small_world.months[: FIRST + 1])[-1]
    known = small_world.months[FIRST].known
    p = known.ranks() @ pooled(small_world.months[:FIRST])[1:]
    p = p - p.mean()
    np.testing.assert_allclose(items[0].weights[:, 0], 2 * p / np.abs(p).sum(), rtol=1e-8)
    np.testing.assert_allclose(
        items[0].weights[:, 1], known.market_equity / known.market_equity.sum(), rtol=1e-13
    )


def test_constant_predictions_make_no_portfolio(small_world):
    method = Predictor("sklearn.dummy.DummyRegressor", first=FIRST)
    items = walk(method, small_world.months[: FIRST + 1])[-1]
    assert not items[0].weights[:, 0].any()


def test_draws_come_from_the_panel_s_generator_and_threads_are_one():
    forest = "sklearn.ensemble.RandomForestRegressor"
    arguments = {"n_estimators": 3, "max_depth": 2}
    one = Predictor(forest, arguments, first=FIRST)
    one.start(setting(seed=1))
    assert one._arguments["n_jobs"] == 1
    assert one._arguments["random_state"] != 0
    again, other = (Predictor(forest, arguments, first=FIRST) for _ in range(2))
    again.start(setting(seed=1))
    other.start(setting(seed=2))
    assert again._arguments == one._arguments != other._arguments
    set_ = Predictor(forest, {**arguments, "random_state": 0, "n_jobs": 2})
    set_.start(setting(seed=1))
    assert set_._arguments == {**arguments, "random_state": 0, "n_jobs": 2}


def test_months_without_firms_are_no_rows_and_have_no_portfolio(small_world):
    nobody = np.full(60, np.nan)
    gaps = [
        replace(m, excess_return=nobody) if t in (0, 1, 11) else m
        for t, m in enumerate(small_world.months[:13])
    ]
    formed = walk(Predictor(OLS, first=2, refit=1), gaps)
    assert not formed[2]
    assert formed[11][0].weights.shape == (0, 2)
    assert np.isfinite(formed[12][0].weights).all()


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("no_such_package.Model", {}, "package no_such_package is not installed: install it or"),
        ("sklearn.no_such.Model", {}, "No module named .sklearn.no_such.; correct the name"),
        ("sklearn.linear_model.NoSuch", {}, "has no attribute .NoSuch.; correct the name"),
        ("sklearn.preprocessing.StandardScaler", {}, "has no fit or no predict"),
        (OLS, {"slope": 1}, "slope"),
    ],
)
def test_regressor_that_cannot_be_used_ends_in_one_line(name, arguments, said):
    with pytest.raises(MethodError, match=said):
        Predictor(name, arguments).start(setting())


def test_missing_scikit_learn_says_to_install_it_or_switch_the_method_off(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    said = "package scikit-learn is not installed: install it or switch the method off"
    with pytest.raises(MethodError, match=said):
        Predictor(OLS).start(setting())


class Broken:
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), np.nan)


def test_predictions_that_are_not_finite_end_in_one_line(small_world):
    with pytest.raises(MethodError, match="month 10: predictions must be one finite number"):
        walk(Predictor(f"{__name__}.Broken", first=FIRST), small_world.months)


@pytest.mark.parametrize("name", [OLS, "sklearn.linear_model.Ridge", "sklearn.linear_model.Lasso"])
def test_a_fit_on_its_own_rows_is_that_on_a_copy_to_the_bit(small_world, name):
    own, copied = (Predictor(name, given, first=FIRST) for given in ({}, {"copy_X": True}))
    formed = [walk(method, small_world.months) for method in (own, copied)]
    assert sum(len(items) for items in formed[0]) > 10
    for mine, its in zip(*formed, strict=True):
        assert [i.weights.tolist() for i in mine] == [i.weights.tolist() for i in its]


def test_scikit_learn_is_not_imported_before_a_run():
    import subprocess

    script = "import sys, truepremia.methods.predictor; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        (OLS, {"fit_intercept": False}, None),
        ("sklearn.ensemble.HistGradientBoostingRegressor", {"max_iter": 5}, None),
        ("sklearn.pipeline.Pipeline", {"steps": []}, None),
        ("not_installed.Model", {"anything": 1}, None),
        ("Model", {}, "is not the dotted name of a class"),
        ("sklearn.linear_model.Ridgee", {}, "there is no Ridgee in sklearn.linear_model"),
        ("sklearn.linear.Ridge", {}, "there is no module sklearn.linear;"),
        ("sklearn.preprocessing.StandardScaler", {}, "has no predict"),
        ("sklearn.linear_model.Ridge", {"alfa": 1}, "takes no argument 'alfa'; it takes alpha,"),
    ],
)
def test_regressor_is_looked_up_in_its_source(name, arguments, said):
    faults = class_faults(name, ("fit", "predict"), arguments)
    assert (not faults) if said is None else (len(faults) == 1 and said in faults[0])
