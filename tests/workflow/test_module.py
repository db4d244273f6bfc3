"""The workflow as a module of somebody else's, from another folder: the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from miniature import PANELS, REPOSITORY, RESULTS, SHARED_SETTINGS, Workplace

from truepremia.economies.registry import ECONOMIES

PLAIN = """
configfile: "config.yaml"

module truepremia:
    snakefile: "{snakefile}"
    config: config

use rule * from truepremia as tp_*
"""

PREFIXED = """
configfile: "config.yaml"

module truepremia:
    snakefile: "{snakefile}"
    config: config
    prefix: "lab"

use rule * from truepremia exclude bundle_panel as tp_*
use rule bundle_panel from truepremia as pack_panel
"""


def study(place: Workplace, snakefile: str) -> None:
    """Write a workflow around ours that builds the panel bgn_0 of the finished run."""
    sizes = yaml.safe_load((place.repository / "config" / "test.yaml").read_text())
    settings = sizes | SHARED_SETTINGS
    settings["panels"] = dict.fromkeys(ECONOMIES, 0) | {"bgn": 1}
    (place.folder / "config.yaml").write_text(yaml.safe_dump(settings))
    filled = snakefile.format(snakefile=place.repository / "Snakefile")
    (place.folder / "Snakefile").write_text(filled)


def run(folder: Path, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "2"]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("snakefile", "prefix", "packing"),
    [(PLAIN, "", "tp_bundle_panel"), (PREFIXED, "lab/", "pack_panel")],
    ids=["plain", "with a prefix and a rule renamed"],
)
def test_a_module_builds_the_bytes_of_a_plain_run(
    finished, empty_workplace, snakefile, prefix, packing
):
    place = empty_workplace
    study(place, snakefile)
    bundle = f"{RESULTS}/{PANELS[0]}_fama.pkl"
    said = run(place.folder, f"{prefix}{bundle}")
    assert f"rule {packing}:" in said
    built = place.folder / f"{prefix}{bundle}"
    assert built.read_bytes() == (finished.folder / bundle).read_bytes()
    for table in ("panel", "moments", "fama_stats"):
        file = f"{RESULTS}/panels/{PANELS[0]}/{table}.parquet"
        assert (place.folder / f"{prefix}{file}").read_bytes() == (
            finished.folder / file
        ).read_bytes()
    assert place.entries() == {"Snakefile", "config.yaml", f"{prefix}{RESULTS}".split("/")[0]}


def test_a_mistake_in_the_module_s_configuration_ends_in_one_line(empty_workplace):
    place = empty_workplace
    study(place, PLAIN)
    settings = yaml.safe_load((place.folder / "config.yaml").read_text())
    (place.folder / "config.yaml").write_text(yaml.safe_dump(settings | {"firms": 1}))
    error = Workplace(place.folder, place.folder).command("--cores", "1", "--dry-run").error()
    assert "firms is 1" in error


def test_the_limit_of_submissions_does_not_count_local_jobs(empty_workplace):
    # With it every job that is done wakes the engine once a second for the rest of the run.
    place = empty_workplace
    asked = 'onsuccess: print("limit:", workflow.scheduler.job_rate_limiter)\n'
    study(place, f'include: "{{snakefile}}"\n\n{asked}')
    solution = f"{RESULTS}/solutions/bgn.npz"
    assert "\nlimit: None\n" in run(place.folder, solution, "--configfile", "config.yaml")


WITH_LAST_LINES = """
onstart:
    print("said at the start")

onsuccess:
    print("said at the end")

rule made:
    output: "made.txt"
    shell: "touch {output}"
"""


def test_no_module_has_last_lines_and_the_document_says_where_warnings_are(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "Snakefile").write_text(WITH_LAST_LINES)
    outer = 'module inner:\n    snakefile: "inner/Snakefile"\n\nuse rule * from inner\n'
    (tmp_path / "Snakefile").write_text(outer)
    said = run(tmp_path, "made.txt")
    assert (tmp_path / "made.txt").exists()
    assert "said at the" not in said
    document = (REPOSITORY / "docs" / "use-as-module.md").read_text()
    assert "evaluation.txt" in document
