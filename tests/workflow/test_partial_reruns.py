import ast
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from truepremia.economies.registry import ECONOMIES

FACTORS = ("build_factors ff", "build_factors fm")
PREMIA = ("extract_model_premia taylor", "extract_model_premia proj")
FROM_SIMULATION = (
    *("simulate_panel", "compute_moments", *FACTORS, *PREMIA),
    *("portfolio_stats", "bundle_panel"),
)
FROM_MOMENTS = ("compute_moments", "portfolio_stats", "bundle_panel")
PANELS = ("bgn_0", "bgn_2")
SOLVE = {"solve_economy bgn"}


def jobs(*stages: str, panels: tuple[str, ...] = PANELS) -> set[str]:
    """Return the jobs of some stages: "build_factors ff" gives "build_factors bgn_0 ff"."""
    parts = [stage.split() for stage in stages]
    return {" ".join([rule, panel, *rest]) for rule, *rest in parts for panel in panels}


# --- the configuration -------------------------------------------------------------------------


def test_finished_run_has_nothing_to_do(workplace):
    assert workplace.planned() == set()


def test_spelling_of_the_configuration_plans_nothing(workplace, tmp_path):
    shipped = workplace.repository / "config" / "economies" / "bgn.yaml"
    calibration = dict(reversed(yaml.safe_load(shipped.read_text()).items()))
    calibration["survival"]["source"] = "my own reading"
    own = tmp_path / "bgn_other.yaml"
    own.write_text(yaml.safe_dump(calibration, sort_keys=False))
    planned = workplace.planned(
        alphas=[0.01, 0.0],
        panels={"bgn": [0, 2]},
        results_dir="./out/",
        economies={"bgn": str(own)},
    )
    assert planned == set()


@pytest.mark.parametrize(
    ("settings", "stages"),
    [
        ({"alphas": [0, 0.01, 0.5]}, ("portfolio_stats", "bundle_panel")),
        ({"window": 30}, FROM_MOMENTS),
        ({"empty_cells": "zero"}, ("build_factors ff", "portfolio_stats", "bundle_panel")),
        ({"model_factor_weights": "value"}, (*PREMIA, "portfolio_stats", "bundle_panel")),
        ({"seed": 1}, FROM_SIMULATION),
        ({"firms": 61}, FROM_SIMULATION),
        ({"months": 85}, FROM_SIMULATION),
        ({"burnin": 41}, FROM_SIMULATION),
        ({"undefined_growth": "nan"}, FROM_SIMULATION),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_change_of_one_key_plans_its_stage_and_what_follows(workplace, settings, stages):
    assert workplace.planned(**settings) == jobs(*stages)


def test_change_of_a_calibration_plans_everything_of_its_economy(workplace, tmp_path):
    shipped = workplace.repository / "config" / "economies" / "bgn.yaml"
    calibration = yaml.safe_load(shipped.read_text())
    calibration["survival"]["value"] = 0.985
    own = tmp_path / "bgn_other.yaml"
    own.write_text(yaml.safe_dump(calibration))
    assert workplace.planned(economies={"bgn": str(own)}) == SOLVE | jobs(*FROM_SIMULATION)


@pytest.mark.parametrize("model", ECONOMIES)
def test_change_of_a_calibration_leaves_the_other_economies_alone(every_economy, tmp_path, model):
    place = every_economy
    shipped = place.repository / "config" / "economies" / f"{model}.yaml"
    calibration = yaml.safe_load(shipped.read_text())
    name, entry = next((n, e) for n, e in calibration.items() if isinstance(e["value"], float))
    entry["value"] *= 1 + 1e-9
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(calibration))
    panels = dict.fromkeys(ECONOMIES, 1)
    planned = place.planned(panels=panels, economies={model: str(own)})
    assert f"solve_economy {model}" in planned, name
    assert {job.split()[1].split("_")[0] for job in planned} == {model}
    assert place.planned(panels=panels) == set()


def test_one_more_panel_plans_that_panel_alone(workplace):
    planned = workplace.planned(panels={"bgn": [0, 2, 3]})
    assert planned == jobs(*FROM_SIMULATION, panels=("bgn_3",))


def test_another_results_folder_plans_everything_there(workplace):
    assert workplace.planned(results_dir="other") == SOLVE | jobs(*FROM_SIMULATION)


def test_moments_follow_a_new_window(workplace):
    target = f"{workplace.results.name}/panels/bgn_0/moments.parquet"
    workplace.snakemake(target, window=30).succeeded()
    stored = pq.read_table(workplace.panel() / "moments.parquet", columns=["month"])["month"]
    assert stored.to_pylist()[0] == 40 + 30
    assert len(set(stored.to_pylist())) == 84 - 30


# --- files -------------------------------------------------------------------------------------


def test_dates_of_sources_and_equal_results_do_not_matter(own_repository):
    place = own_repository
    for file in [*place.repository.rglob("*.py"), *place.repository.rglob("*.smk")]:
        file.touch()
    (place.repository / "config" / "test.yaml").touch()
    (place.panel() / "ff_returns.parquet").touch()
    assert place.planned() == set()


@pytest.mark.parametrize(
    ("table", "stages"),
    [
        ("ff_returns", ("build_factors ff", "portfolio_stats", "bundle_panel")),
        ("moments", FROM_MOMENTS),
        ("panel", FROM_SIMULATION),
    ],
)
def test_deleted_table_plans_its_job_and_what_reads_it(workplace, table, stages):
    (workplace.panel() / f"{table}.parquet").unlink()
    assert workplace.planned() == jobs(*stages, panels=("bgn_0",))


def test_deleted_bundle_plans_its_job_alone(workplace):
    (workplace.results / "bgn_2_manifest.json").unlink()
    assert workplace.planned() == {"bundle_panel bgn_2"}


@pytest.mark.parametrize("change", [{"alphas": [0, 0.5]}, {"seed": 1}], ids=str)
def test_dates_alone_as_trigger_do_not_see_the_configuration(workplace, change):
    """Somebody who asks for that gets it; the profile asks for more."""
    assert workplace.planned("--rerun-triggers", "mtime", **change) == set()
    (workplace.panel() / "moments.parquet").unlink()
    planned = workplace.planned("--rerun-triggers", "mtime", **change)
    assert planned == jobs(*FROM_MOMENTS, panels=("bgn_0",))


# --- the library's source ----------------------------------------------------------------------


def append(repository: Path, file: str, code: str) -> None:
    with (repository / file).open("a") as source:
        source.write(code)


def test_comments_and_docstrings_plan_nothing(own_repository):
    root = own_repository.repository
    sources = [*(root / "src").rglob("*.py"), *(root / "scripts").glob("*.py")]
    documented = 0
    for file in sources:
        lines = file.read_text().splitlines()
        # Docstrings at the end first, so that the lines before keep their numbers.
        for node in reversed(list(ast.walk(ast.parse(file.read_bytes())))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = node.body[0] if node.body else None
                if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                    line = text.lineno - 1
                    lines[line] = lines[line].replace('"""', '"""Edited. ', 1)
                    documented += 1
        file.write_text("\n".join(["# An edit.", *lines, "# Another."]) + "\n")
    assert documented > 100
    assert own_repository.planned() == set()


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("economies/bgn/simulation.py", jobs(*FROM_SIMULATION)),
        ("economies/bgn/certificate.py", jobs(*FROM_MOMENTS)),
        ("methods/fama_french.py", jobs("build_factors ff", "portfolio_stats", "bundle_panel")),
        ("files/bundle.py", jobs("bundle_panel")),
        ("files/formats.py", SOLVE | jobs(*FROM_SIMULATION)),
        ("workflow/config.py", set()),
    ],
)
def test_change_of_a_module_plans_the_stages_that_import_it(own_repository, module, expected):
    append(own_repository.repository, f"src/truepremia/{module}", "\n_EDITED = True\n")
    assert own_repository.planned() == expected


def test_change_of_a_script_plans_its_stage(own_repository):
    append(own_repository.repository, "scripts/portfolio_stats.py", "\nedited = True\n")
    assert own_repository.planned() == jobs("portfolio_stats", "bundle_panel")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('threads: RUN.threads("build_factors")', "threads: 2"),
        ('**RUN.needs("build_factors")', "mem_mb=2000"),
        ("# Factors of", "# All factors of"),
    ],
    ids=["threads", "memory", "comment"],
)
def test_change_of_how_a_rule_runs_plans_nothing(own_repository, old, new):
    rules = own_repository.repository / "rules" / "methods.smk"
    assert old in rules.read_text()
    rules.write_text(rules.read_text().replace(old, new))
    assert own_repository.planned() == set()


def test_default_profile_is_used_from_any_folder(finished_with_text):
    place, text = finished_with_text
    assert f"Using workflow specific profile {place.repository}/profiles/default" in text
