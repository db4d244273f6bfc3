"""What jobs ask for on a cluster."""

from types import SimpleNamespace

import pytest

from truepremia.economies import ECONOMIES
from truepremia.panel import Size
from truepremia.sizing import ENGINE_MB, NEEDS, OTHER_NEEDS, megabytes, minutes

SMALL, MANY_FIRMS, MANY_MONTHS = Size(60, 84, 40), Size(100_000, 840, 40), Size(60, 8_400_000, 40)


def asked(rule, size, model="bgn", attempt=1):
    wildcards = SimpleNamespace(model=model)
    return megabytes(rule, size)(wildcards, attempt), minutes(rule, size)(wildcards, attempt)


@pytest.mark.parametrize("model", ECONOMIES)
@pytest.mark.parametrize("rule", NEEDS)
def test_every_attempt_gets_more_memory_and_time(rule, model):
    first, second, third = (asked(rule, SMALL, model, attempt) for attempt in (1, 2, 3))
    assert all(isinstance(value, int) for value in first)
    assert first[0] > ENGINE_MB
    assert (second, third) == tuple(tuple(n * v for v in first) for n in (2, 3))


def test_memory_grows_with_firms_and_not_with_months():
    for rule in set(NEEDS) - {"solve_economy", "bundle_panel"}:
        small, firms, months = (asked(rule, s) for s in (SMALL, MANY_FIRMS, MANY_MONTHS))
        assert firms[0] > small[0] == months[0]
        assert firms[1] > small[1] < months[1]


def test_prices_do_not_depend_on_the_panel():
    assert asked("solve_economy", SMALL) == asked("solve_economy", MANY_FIRMS)


# Peak MB of the process of a job, by benchmarks/stages.py at 100,000 firms; the larger economy.
MEASURED = {
    "solve_economy": 72,
    "simulate_panel": 190,
    "compute_moments": 465,
    "build_factors": 165,
    "extract_model_premia": 190,
    "portfolio_stats": 306,
    "bundle_panel": 131,
}


@pytest.mark.parametrize("rule", MEASURED)
def test_memory_covers_what_was_measured(rule):
    assert asked(rule, MANY_FIRMS)[0] >= ENGINE_MB + MEASURED[rule]


def test_exceptions_are_about_rules_that_exist():
    assert {rule for rule, _ in OTHER_NEEDS} <= set(NEEDS) == set(MEASURED)
