"""What the configuration may say of a method: every fault is one line before any job."""

import pytest
from worlds import EVERY_KIND, NAMES, OLS, SETTINGS

from truepremia.methods.registry import BASES, KINDS

FACTS = {
    "months": 720,
    "window": 360,
    "characteristics": {"bgn": NAMES, "gs21": (*NAMES, "mkt_lev")},
}
FORESTS = "sklearn.ensemble.RandomForestRegressor"


@pytest.mark.parametrize("name", EVERY_KIND)
def test_every_kind_is_made_from_its_options_without_a_fault(name):
    kind, options = EVERY_KIND[name]
    assert not KINDS[kind].faults(options)
    assert not KINDS[kind].misfits(options, FACTS)
    assert KINDS[kind].make(options, SETTINGS) is not KINDS[kind].make(options, SETTINGS)


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("pca", {"bases": "managed"}, "unknown option 'bases' of kind pca: did you mean 'base'?"),
        ("managed", {"base": "ff"}, "unknown option 'base' of kind managed; its options: none"),
        ("pca", {"base": "size"}, "base is 'size': must be one of managed, sorts25, deciles"),
        ("kns", {"base": "capm"}, "base is 'capm': must be one of managed"),
        ("pca", {"factors": [1, 1]}, "factors is [1, 1]: must be a list of different integers"),
        ("pca", {"factors": [0]}, "factors is [0]: must be a list of different integers >= 1"),
        ("pca", {"factors": [1.5]}, "must be a list of different integers >= 1"),
        ("pca", {"factors": [True]}, "must be a list of different integers >= 1"),
        ("pca", {"factors": 3}, "must be a list of different integers >= 1"),
        ("pca", {"factors": []}, "must be a list of different integers >= 1"),
        ("pca", {"gamma": -1.5}, "gamma is -1.5: must be a number >= -1"),
        ("pca", {"gamma": "ten"}, "gamma is 'ten': must be a number >= -1"),
        ("pca", {"gamma": float("inf")}, "gamma is inf: must be a number >= -1"),
        ("ipca", {"factors": [2, 2]}, "must be a list of different integers >= 1"),
        ("dkkm", {"features": [7]}, "features is [7]: must be a list of different even integers"),
        ("dkkm", {"features": [0]}, "must be a list of different even integers >= 2"),
        ("dkkm", {"rank_features": "yes"}, "rank_features is 'yes': must be true or false"),
        (
            "kns",
            {"kappas": [0.1, 0]},
            "kappas is [0.1, 0]: must be a list of different numbers > 0",
        ),
        (
            "kns",
            {"lasso": [1]},
            "lasso is [1]: must be a list of different numbers from 0 to below",
        ),
        ("kns", {"lasso": [-0.1]}, "lasso is [-0.1]: must be a list of different numbers from 0"),
        ("kns", {"space": "both"}, "space is 'both': must be components or characteristics"),
        ("predictor", {}, "kind predictor needs regressor: the dotted name of a class"),
        ("predictor", {"regressor": 3}, "regressor is 3: must be the dotted name of a class"),
        ("predictor", {"regressor": OLS, "first": 1}, "first is 1: must be an integer >= 2"),
        ("predictor", {"regressor": OLS, "refit": 0}, "refit is 0: must be an integer >= 1"),
        ("predictor", {"regressor": OLS, "target": "sign"}, "target is 'sign': must be return,"),
        ("predictor", {"regressor": OLS, "portfolio": "best"}, "must be rank or proportional"),
        ("predictor", {"regressor": OLS, "market": "none"}, "must be equal or value"),
        ("predictor", {"regressor": OLS, "arguments": [1]}, "must be a mapping of names to values"),
        ("predictor", {"regressor": "sklearn.linear_model.Redge"}, "there is no Redge in sklearn"),
        ("predictor", {"regressor": "sklearn.preprocessing.Normalizer"}, "has no predict"),
        (
            "predictor",
            {"regressor": FORESTS, "arguments": {"trees": 5}},
            "takes no argument 'trees'; it takes bootstrap",
        ),
    ],
)
def test_option_that_breaks_its_rule_is_named_with_the_rule(kind, options, said):
    faults = KINDS[kind].faults(options)
    assert len(faults) == 1
    assert said in faults[0]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("ipca", {"factors": [1, 7]}, "factors has 7: must be at most 6 in bgn, its 5"),
        ("predictor", {"regressor": OLS, "first": 720}, "first is 720, months is 720: must be"),
    ],
)
def test_option_that_does_not_fit_the_run_is_named_with_what_it_does_not_fit(kind, options, said):
    faults = KINDS[kind].misfits(options, FACTS)
    assert len(faults) == 1
    assert said in faults[0]


@pytest.mark.parametrize(("kind", "options"), [("sorts25", {}), ("kns", {"base": "sorts25"})])
def test_25_portfolios_are_refused_where_firms_have_no_book_to_market_ratio(kind, options):
    facts = {**FACTS, "characteristics": {"own": ("size", "mom")}}
    faults = KINDS[kind].misfits(options, facts)
    assert len(faults) == 1
    assert "need the characteristics size and bm: own has only size, mom" in faults[0]


def test_digest_of_a_method_sees_its_module_and_that_of_its_base():
    pca = KINDS["pca"]
    assert pca.loads({}) == ["truepremia.methods.pca", "truepremia.methods.managed"]
    assert pca.loads({"base": "deciles"})[1] == "truepremia.methods.sorted_portfolios"
    assert KINDS["dkkm"].loads({}) == ["truepremia.methods.dkkm"]
    assert pca.reads({}) == ()
    assert pca.reads({"base": "ff"}) == ("empty_cells",)


def test_bases_are_stateless_kinds():
    for base in BASES:
        assert not hasattr(KINDS[base].make({}, SETTINGS), "form")


def test_rule_for_empty_cells_reaches_the_base():
    made = KINDS["pca"].make({"base": "ff"}, {**SETTINGS, "empty_cells": "zero"})
    assert made.base.empty_cells == "zero"


def test_every_kind_looks_different():
    looks = [(kind.look.colour, kind.look.marker) for kind in KINDS.values()]
    assert len(set(looks)) == len(looks)
