"""What a stage's digest covers, against what its jobs really import."""

import json
from pathlib import Path

import pytest
from miniature import Workplace, copy_repository

from truepremia.files import provenance
from truepremia.methods.registry import BUNDLED
from truepremia.workflow.config import load_overlay
from truepremia.workflow.stages import STAGES

RULES = (
    *("solve_economy", "simulate_panel", "compute_moments", "build_factors"),
    *("extract_model_premia", "portfolio_stats", "bundle_panel"),
    *("summarise_panels", "tabulate_economy", "draw_economy", "write_report"),
    *("export_demo_store", "read_store", "replicate_factors", "replicate_exercises"),
    "replicate_sorts",
    *("evaluate_replication", "price_portfolios", "draw_replication", "evaluate_published"),
)
JUDGING = {"judge_method", "judge_real_panel", "leaderboard"}
"""Rules that the probed run leaves out: tests/workflow/test_laboratory.py runs them."""

BEFORE_BUNDLE = RULES[: RULES.index("bundle_panel")]
ON_DEMAND = {"evaluate_op_portfolios", "price_test_assets", "export_store_panel"}
"""Rules that a run without files of Kenneth French's and without a wish for them does not have."""

SLOW = {"pandas", "scipy", "matplotlib", "yaml", "jsonschema"}

PROBE = """
import json as _json, sys as _sys
with open(snakemake.log[0] + ".modules", "w") as _file:
    _json.dump({name: getattr(m, "__file__", None) for name, m in _sys.modules.items()}, _file)
"""


@pytest.fixture(scope="session")
def imported(shared_runs, finished):
    """Return a function from a rule to the modules its jobs imported, with their files."""

    def start() -> Workplace:
        place = Workplace(shared_runs.folder / "probed_repository", shared_runs.folder / "probed")
        copy_repository(finished.repository, place.repository)
        for script in (place.repository / "scripts").glob("*.py"):
            script.write_text(script.read_text() + PROBE)
        place.folder.mkdir()
        return place

    tidy = {"stores": {"demo": {"panel": "bgn_0"}}, "published_data": True}
    targets = ("all", "report")
    place, _ = shared_runs.once("probed", start, targets, panels={"bgn": 1}, tidy=tidy)

    def of(rule: str) -> dict[str, str]:
        found = (place.results / "logs" / rule).glob("*.modules")
        modules = {}
        for file in found:
            modules |= json.loads(file.read_text())
        assert modules
        ours = [file for name, file in modules.items() if name.split(".")[0] == "truepremia"]
        assert all(Path(file).is_relative_to(place.repository) for file in ours)
        return modules

    return of


def in_digest(rule: str, repository: Path) -> set[str]:
    """Return the modules behind all jobs of a rule, by the record of its stage."""
    config = load_overlay({"methods": {}}, repository)
    jobs = [{"model": "bgn", "index": "0"}]
    if rule == "build_factors":
        jobs = [{**jobs[0], "method": name} for name in ("ff", "fm")]
    elif rule == "extract_model_premia":
        jobs = [{**jobs[0], "loading": name} for name in BUNDLED if name not in ("ff", "fm")]
    extra = [name for job in jobs for name in STAGES[rule].loads(config, job)]
    return set(provenance.modules_behind(repository / "scripts" / f"{rule}.py", extra))


ONLY_WHEN_NEEDED = {
    *("truepremia.methods.own", "truepremia.economies.own", "truepremia.syntax"),
    *("truepremia.economies.contract", "truepremia.economies.parameters"),
    *("truepremia.panel", "truepremia.seeds", "truepremia.methods.model_implied"),
    "truepremia.methods.capm",
}
"""Modules in digests that a job may do without: those of users' own files and of other methods."""


def assert_covered(ours: set[str], digest: set[str]) -> None:
    """Assert that a digest holds what jobs import, but for what registries alone bring along.

    Registries list: what they import to check what is listed changes no result.
    """
    assert digest - ours <= ONLY_WHEN_NEEDED
    package = provenance.SOURCE
    registries = [package / wing / "registry.py" for wing in ("economies", "methods")]
    listing = {m for registry in registries for m in provenance.modules_behind(registry)}
    assert ours - digest <= listing


def test_probed_rules_are_all_rules(finished):
    scripts = {file.stem for file in (finished.repository / "scripts").glob("*.py")}
    assert set(RULES) | JUDGING | ON_DEMAND == scripts


@pytest.mark.parametrize("rule", RULES)
def test_digest_covers_exactly_the_modules_that_the_jobs_import(
    imported, finished, monkeypatch, rule
):
    monkeypatch.setattr(provenance, "SOURCE", finished.repository / "src" / "truepremia")
    ours = {
        name
        for name, file in imported(rule).items()
        if name.split(".")[0] == "truepremia" and Path(file).name not in provenance.LISTS
    }
    assert_covered(ours, in_digest(rule, finished.repository))


@pytest.mark.parametrize("rule", BEFORE_BUNDLE)
def test_stages_before_the_bundle_import_nothing_slow(imported, rule):
    assert not SLOW & set(imported(rule))
