"""What each rule of the workflow depends on, and how rules, scripts and logs are named."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from truepremia.economies.registry import ECONOMIES, economy
from truepremia.methods.entry import Entry
from truepremia.panel import Size
from truepremia.workflow.config import load_config_file
from truepremia.workflow.stages import STAGES, Workflow, one_of
from truepremia.workflow.targets import Run

ROOT = Path(__file__).resolve().parents[2]
CONFIG = load_config_file(ROOT / "config/test.yaml")

IDENTITIES = {
    "solve_economy": {"model": "bgn"},
    "simulate_panel": {"model": "bgn", "index": "0"},
    "compute_moments": {"model": "bgn", "index": "0"},
    "build_factors ff": {"model": "bgn", "index": "0", "method": "ff"},
    "build_factors fm": {"model": "bgn", "index": "0", "method": "fm"},
    "extract_model_premia": {"model": "bgn", "index": "0", "loading": "taylor"},
    "portfolio_stats": {"model": "bgn", "index": "0"},
    "bundle_panel": {"model": "bgn", "index": "0"},
    "judge_method capm": {"model": "bgn", "index": "0", "method": "capm"},
    "judge_method ff": {"model": "bgn", "index": "0", "method": "ff"},
    "judge_method taylor": {"model": "bgn", "index": "0", "method": "taylor"},
    "summarise_panels": {"model": "bgn", "block": "0"},
    "tabulate_economy": {"model": "bgn"},
    "draw_economy": {"model": "bgn"},
}
OF_THE_RUN = {"write_report": {}, "leaderboard": {}, "judge_real_panel": None}
OF_A_STORE = (
    *("export_demo_store", "read_store", "replicate_factors", "replicate_exercises"),
    *("evaluate_replication", "price_portfolios", "draw_replication", "replicate_sorts"),
    *("evaluate_op_portfolios", "price_test_assets", "export_store_panel"),
)
STORE_IDENTITIES = {rule: {"store": "demo"} for rule in OF_A_STORE} | {"evaluate_published": {}}
RULES = {stage.split()[0] for stage in IDENTITIES | STORE_IDENTITIES | OF_THE_RUN}


def parameters(config=CONFIG, identities=IDENTITIES, **identity) -> dict[str, str]:
    """Return the one parameter of every stage of a panel, or of other ``identities``."""
    workflow = Workflow(config, ROOT)
    return {
        stage: workflow.parameter(stage.split()[0])({**wildcards, **identity})
        for stage, wildcards in identities.items()
    }


def changed(**changes) -> set[str]:
    """Return the stages whose parameter a change of the configuration changes."""
    every = IDENTITIES | STORE_IDENTITIES | {"leaderboard": {}}
    before, after = parameters(CONFIG, every), parameters(replace(CONFIG, **changes), every)
    return {stage for stage in before if before[stage] != after[stage]}


def with_demo(**changes) -> dict:
    """Return the change of the options of the store "demo"."""
    stores = {"demo": replace(CONFIG.tidy.stores["demo"], **changes)}
    return {"tidy": replace(CONFIG.tidy, stores=stores)}


def with_methods(**methods) -> dict:
    """Return the change of some configured methods."""
    return {"methods": {**CONFIG.methods, **methods}}


SORTING = {
    *("replicate_factors", "replicate_exercises", "replicate_sorts", "export_store_panel"),
}
JUDGING = {"judge_method capm", "judge_method ff", "judge_method taylor"}
REPORTING = {"summarise_panels", "tabulate_economy", "draw_economy"}
DRAWING = {"simulate_panel", "compute_moments", "bundle_panel"}
OTHER_CALIBRATION = {"bgn": {**CONFIG.calibrations["bgn"], "survival": 0.98}}


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"seed": 1}, {"simulate_panel", "bundle_panel", "export_demo_store"} | JUDGING),
        ({"undefined_growth": "nan"}, {"simulate_panel", "bundle_panel"}),
        ({"size": Size(61, 84, 40)}, DRAWING),
        ({"size": Size(60, 85, 40)}, DRAWING),
        ({"size": Size(60, 84, 41)}, DRAWING),
        (
            {"window": 30},
            {"compute_moments", "portfolio_stats", "bundle_panel", "leaderboard"} | JUDGING,
        ),
        ({"alphas": (0.0, 0.5)}, {"portfolio_stats", "bundle_panel"} | JUDGING),
        (
            {"empty_cells": "zero"},
            {"build_factors ff", "portfolio_stats", "bundle_panel", "judge_method ff"},
        ),
        (
            {"model_factor_weights": "value"},
            {"extract_model_premia", "portfolio_stats", "bundle_panel", "judge_method taylor"},
        ),
        ({"calibrations": OTHER_CALIBRATION}, {"solve_economy", "draw_economy"} | DRAWING),
        ({"panels": {"bgn": (0, 1, 2)}}, {"leaderboard"}),
        (
            with_methods(capm=Entry("capm", kind="ff")),
            {"judge_method capm", "leaderboard"} | REPORTING,
        ),
        (with_methods(mkt=Entry("mkt", kind="capm")), {"leaderboard"} | REPORTING),
        ({"reference": "ff"}, {"leaderboard"}),
        ({"headline": {"capm": ""}}, {"leaderboard"}),
        ({"real_panels": {"mine": Path("panel.parquet")}}, {"leaderboard"}),
        ({"switched_off": ("kp14",)}, set()),
        ({"results_dir": "elsewhere"}, set()),
        ({"keep_panels": False}, set()),
        ({"calibration_files": {"bgn": Path("copy.yaml")}}, set()),
        (
            with_demo(profile="seed2023"),
            SORTING | {"evaluate_replication"},
        ),
        (with_demo(five_factor_sort="independent"), {"replicate_factors"}),
        (with_demo(op_require_cost=True), SORTING),
        (with_demo(coerce=True), {"read_store"}),
        (with_demo(busy_timeout=1.0), {"read_store"}),
        (with_demo(panel="bgn_1"), {"export_demo_store"}),
        (with_demo(path=Path("elsewhere")), set()),
        (
            {"tidy": replace(CONFIG.tidy, demo=replace(CONFIG.tidy.demo, fiscal_year_end=6))},
            {"export_demo_store"},
        ),
        ({"tidy": replace(CONFIG.tidy, published_data=False)}, set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_key_changes_the_parameter_of_the_stages_that_read_it(change, stages):
    assert changed(**change) == stages


def test_every_key_of_the_configuration_is_tried_above():
    tried = {
        key
        for mark in test_key_changes_the_parameter_of_the_stages_that_read_it.pytestmark
        for change, _ in mark.args[1]
        for key in change
    }
    # Economies outside of the repository have tests of their own (test_own_economies.py).
    assert tried | {"own_economies"} == set(CONFIG.__dataclass_fields__)


def test_calibration_of_one_economy_does_not_touch_another():
    calibrations = {**CONFIG.calibrations, "other": {"survival": 0.5}}
    assert changed(calibrations=calibrations) == set()


def test_parameter_is_canonical_json():
    shuffled = {"bgn": dict(reversed(CONFIG.calibrations["bgn"].items()))}
    assert changed(calibrations=shuffled) == set()
    for text in [*parameters().values(), *parameters(CONFIG, STORE_IDENTITIES).values()]:
        settings = json.loads(text)
        assert list(settings) == sorted(settings)
        assert text == json.dumps(settings, sort_keys=True)


def test_parameter_names_the_panel():
    zero, one = parameters(), parameters(index="1")
    assert all(zero[stage] != one[stage] for stage in IDENTITIES if stage != "solve_economy")
    assert json.loads(one["simulate_panel"])["index"] == "1"


def test_parameters_of_all_stages_differ():
    every = IDENTITIES | STORE_IDENTITIES
    assert len(set(parameters(CONFIG, every).values())) == len(every)


def test_parameter_names_the_store():
    demo = CONFIG.tidy.stores["demo"]
    config = replace(CONFIG, tidy=replace(CONFIG.tidy, stores={"demo": demo, "twin": demo}))
    of_a_store = {rule: {"store": "demo"} for rule in OF_A_STORE}
    one, other = parameters(config, of_a_store), parameters(config, of_a_store, store="twin")
    assert all(one[stage] != other[stage] for stage in OF_A_STORE)


def test_parameter_covers_the_description_of_the_economy(monkeypatch):
    import truepremia.economies.registry as registry
    from truepremia.workflow import stages as workflow

    before = parameters()
    bgn = replace(economy("bgn"), characteristics=("size", "bm"))
    monkeypatch.setattr(registry, "ECONOMIES", {**ECONOMIES, "bgn": bgn})
    workflow._digest.cache_clear()
    after = parameters()
    workflow._digest.cache_clear()
    of_economies = [stage for stage, wildcards in IDENTITIES.items() if "model" in wildcards]
    assert all(before[stage] != after[stage] for stage in of_economies)


@pytest.mark.parametrize("name", ECONOMIES)
def test_modules_that_stages_load_by_name_exist_for_every_economy(name):
    for identity in ({"model": name, "index": "0"}, {"model": name, "block": "0"}):
        for stage in STAGES.values():
            if stage.rule.split("_")[0] in ("solve", "simulate", "compute", "summarise", "draw"):
                for module in stage.loads(CONFIG, identity):
                    assert (ROOT / "src" / f"{module.replace('.', '/')}.py").exists(), module


def test_wildcards_match_the_registered_economies_only():
    run = Run(CONFIG, ROOT)
    assert all(re.fullmatch(run.models, name) for name in ECONOMIES)
    assert not re.fullmatch(run.models, "bgn2")
    assert not re.fullmatch(run.models, "other")
    assert run.factor_methods == "ff|fm"
    assert run.loadings == "taylor|proj"


def test_wildcard_of_no_names_matches_nothing():
    assert re.fullmatch(one_of(["a", "b"]), "b")
    assert not re.fullmatch(one_of([]), "")


# --- names -------------------------------------------------------------------------------------


def rule_texts() -> dict[str, str]:
    text = "\n".join(file.read_text() for file in sorted((ROOT / "rules").glob("*.smk")))
    parts = re.split(r"^rule (\w+):\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_rules_tested_here_are_all_rules_and_each_has_its_stage_and_script():
    assert set(rule_texts()) == RULES == set(STAGES)
    assert {file.stem for file in (ROOT / "scripts").glob("*.py")} == RULES


@pytest.mark.parametrize("rule", sorted(RULES))
def test_rule_script_needs_and_parameter_share_one_name(rule):
    text = rule_texts()[rule]
    assert f'RUN.needs("{rule}")' in text
    assert re.search(rf'RUN\.parameter\(\s*"{rule}"', text)
    assert f'"../scripts/{rule}.py"' in text


def test_rules_hold_what_differs_between_them_and_no_functions():
    files = sorted((ROOT / "rules").glob("*.smk"))
    assert sum(len(file.read_text().splitlines()) for file in files) < 450
    assert not any(re.search(r"^\s*def ", file.read_text(), re.MULTILINE) for file in files)


class Said:
    """A rule of the engine, as far as logs and environments go."""

    def __init__(self, snakefile, script, log=(), conda_env=None):
        self.snakefile, self.script, self.log, self.conda_env = snakefile, script, log, conda_env
        self.output_modifier = None

    def set_log(self, *files):
        self.log = files


def test_logs_and_environment_follow_from_the_stage_and_spare_the_rules_of_others():
    run = Run(CONFIG, ROOT)
    ours = [Said(ROOT / "rules" / "x.smk", f"../scripts/{rule}.py") for rule in STAGES]
    said = Said(ROOT / "rules" / "x.smk", "../scripts/read_store.py", ("own.log",), "own.yaml")
    others = Said("/elsewhere/Snakefile", "../scripts/read_store.py")
    run.dress([*ours, said, others])
    for rule, stage in zip(ours, STAGES.values(), strict=True):
        assert rule.log == (f"results-test/logs/{stage.rule}/{stage.of}.log",)
        assert rule.conda_env == str(ROOT / "envs" / "truepremia.yaml")
    assert (said.log, said.conda_env) == (("own.log",), "own.yaml")
    assert (others.log, others.conda_env) == ((), None)
