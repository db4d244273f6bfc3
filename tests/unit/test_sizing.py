"""What jobs ask for on a cluster."""

from types import SimpleNamespace

import pytest

from truepremia.economies.registry import ECONOMIES
from truepremia.panel import Size
from truepremia.workflow.needs import ENGINE_MB, NEEDS, OTHER_NEEDS, megabytes, minutes, threads

SMALL, MANY_FIRMS, MANY_MONTHS = Size(60, 84, 40), Size(100_000, 840, 40), Size(60, 8_400_000, 40)


def asked(rule, size, model="bgn", attempt=1):
    wildcards = SimpleNamespace(model=model)
    memory = megabytes(rule, size)(wildcards, attempt, threads=1)
    return memory, minutes(rule, size)(wildcards, attempt)


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


# Peak MB of the process of a job, by benchmarks/stages.py at 100,000 firms.
MEASURED = {
    ("solve_economy", "bgn"): 72,
    ("solve_economy", "gs21"): 240,
    ("simulate_panel", "bgn"): 231,
    ("simulate_panel", "gs21"): 1114,
    ("compute_moments", "bgn"): 780,
    ("build_factors", "gs21"): 186,
    ("extract_model_premia", "gs21"): 191,
    ("portfolio_stats", "bgn"): 353,
    ("bundle_panel", "kp14"): 146,
}


@pytest.mark.parametrize(("rule", "model"), MEASURED, ids=" ".join)
def test_memory_covers_what_was_measured(rule, model):
    assert asked(rule, MANY_FIRMS, model)[0] >= ENGINE_MB + MEASURED[rule, model]


def test_threads_are_for_the_moments_of_large_panels_and_have_memory():
    assert threads("compute_moments", SMALL) == 1
    assert threads("simulate_panel", MANY_FIRMS) == 1
    assert threads("compute_moments", MANY_FIRMS) == 4
    wildcards = SimpleNamespace(model="bgn")
    one, three = (megabytes("compute_moments", MANY_FIRMS)(wildcards, 1, n) for n in (1, 3))
    assert three > one
    assert three >= ENGINE_MB + 1690  # measured with three threads


def test_exceptions_are_about_rules_that_exist():
    assert {rule for rule, _ in OTHER_NEEDS} <= set(NEEDS) == {rule for rule, _ in MEASURED}
