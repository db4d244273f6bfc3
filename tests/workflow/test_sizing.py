"""What jobs ask for on a cluster."""

from dataclasses import replace
from pathlib import Path

import pytest

from truepremia.economies.registry import ECONOMIES
from truepremia.methods.entry import Entry
from truepremia.panel import Size
from truepremia.workflow.config import load_config_file
from truepremia.workflow.stages import ENGINE_MB, STAGES, Workflow

ROOT = Path(__file__).resolve().parents[2]
SMALL, MANY_FIRMS, MANY_MONTHS = Size(60, 84, 40), Size(100_000, 840, 40), Size(60, 8_400_000, 40)


CONFIG = load_config_file(ROOT / "config/test.yaml")
METHOD = {"build_factors": "ff", "judge_method": "capm"}
PER_PANEL = (
    *("solve_economy", "simulate_panel", "compute_moments", "build_factors"),
    *("extract_model_premia", "portfolio_stats", "bundle_panel", "judge_method"),
)


def asked(rule, size, model="bgn", attempt=1, threads=1):
    needs = Workflow(replace(CONFIG, size=size), ROOT).needs(rule)
    wildcards = {"model": model, "index": "0", "method": METHOD.get(rule, ""), "loading": "taylor"}
    memory = needs["mem_mb"](wildcards, attempt, threads=threads)
    return memory, needs["runtime"](wildcards, attempt)


def threads(rule, size):
    return STAGES[rule].threads(size)


@pytest.mark.parametrize("model", ECONOMIES)
@pytest.mark.parametrize("rule", PER_PANEL)
def test_every_attempt_gets_more_memory_and_time(rule, model):
    first, second, third = (asked(rule, SMALL, model, attempt) for attempt in (1, 2, 3))
    assert all(isinstance(value, int) for value in first)
    assert first[0] > ENGINE_MB
    assert (second, third) == tuple(tuple(n * v for v in first) for n in (2, 3))


def test_memory_grows_with_firms_and_not_with_months():
    for rule in set(PER_PANEL) - {"solve_economy", "bundle_panel"}:
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
    one, three = (asked("compute_moments", MANY_FIRMS, threads=n)[0] for n in (1, 3))
    assert three > one
    assert three >= ENGINE_MB + 1690  # measured with three threads


def test_exceptions_are_about_economies_that_exist():
    assert {model for stage in STAGES.values() for model in stage.other_needs} <= set(ECONOMIES)


def test_what_a_method_asks_for_is_what_its_job_gets():
    mine = Entry("mine", file=Path("mine.py"), made_by="Mine", megabytes=4000, minutes=90)
    config = replace(CONFIG, methods={"mine": mine}, size=SMALL)
    needs = Workflow(config, ROOT).needs("judge_method")
    wildcards = {"model": "bgn", "index": "0", "method": "mine"}
    assert needs["mem_mb"](wildcards, 1, threads=1) >= ENGINE_MB + 4000
    assert needs["runtime"](wildcards, 1) >= 90
