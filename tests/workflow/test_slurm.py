"""The workflow on a real SLURM, through profiles/slurm; every result as of a local run."""

import threading
import time

import pytest
from slurm_cluster import slurm_cluster

from truepremia.economies.registry import ECONOMIES

pytestmark = pytest.mark.slurm

# A test's cluster has no accounting database, and its jobs are short.
HERE = (
    *("--slurm-warm-status-command", "squeue"),
    *("--slurm-warm-init-seconds-before-status-checks", "3"),
    "--slurm-warm-keep-successful-logs",
)
ONE_PANEL = {"bgn": [0]}
PANEL_RULES = (
    *("simulate_panel", "compute_moments", "build_factors"),
    *("extract_model_premia", "portfolio_stats", "bundle_panel"),
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm_cluster(tmp_path_factory.mktemp("slurm") / "cluster") as running:
        yield running


def submit(place, cluster, *options, panels):
    """Run the workflow through the profile; return what it printed and its jobs in SLURM."""
    before = {job["id"] for job in cluster.jobs()}
    profile = str(place.repository / "profiles" / "slurm")
    arguments = place.arguments(
        "all", "--profile", profile, *HERE, *options, cores=1, panels=panels
    )
    done = place.command(*arguments, **cluster.environment).succeeded()
    return done.text, [job for job in cluster.jobs() if job["id"] not in before]


def of_panels(place, *panels):
    """Return the digests of the results that belong to some panels."""
    found = place.digests()
    return {name: sha for name, sha in found.items() if any(panel in name for panel in panels)}


def test_run_on_slurm_gives_the_bytes_of_a_local_run(cluster, every_economy, empty_workplace):
    place = empty_workplace
    text, jobs = submit(place, cluster, panels=dict.fromkeys(ECONOMIES, 1))
    assert place.digests() == every_economy.digests()
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    solves = [job for job in jobs if job["comment"].startswith("rule_solve_economy")]
    groups = [job for job in jobs if job["comment"].startswith("rule_panel")]
    assert len(solves) == len(ECONOMIES)
    assert len(groups) == len(jobs) - len(solves) == 1, "the panels were not one submission"
    assert groups[0]["cpus"] == "1"
    for job in jobs:
        assert f"SLURM jobid {job['id']} " in text
        assert list((place.folder / ".snakemake" / "slurm_logs").rglob(f"{job['id']}.log"))
    assert place.planned(panels=dict.fromkeys(ECONOMIES, 1)) == set()


def test_cancelled_job_is_submitted_again(cluster, finished, empty_workplace):
    def cancel_the_panel() -> None:
        for _ in range(600):
            for job in cluster.jobs():
                fits = job["state"] == "RUNNING" and job["comment"].startswith("rule_panel")
                if fits and list(empty_workplace.results.rglob("panel.parquet")):
                    cluster.ask("scancel", job["id"])
                    return
            time.sleep(0.1)

    canceller = threading.Thread(target=cancel_the_panel)
    canceller.start()
    _, jobs = submit(empty_workplace, cluster, panels=ONE_PANEL)
    canceller.join()
    assert sorted(job["state"] for job in jobs) == ["CANCELLED", "COMPLETED", "COMPLETED"]
    assert of_panels(empty_workplace, "bgn_0") == of_panels(finished, "bgn_0")


def test_job_over_its_memory_is_submitted_again_with_more(cluster, finished, empty_workplace):
    too_little = [f"{rule}:mem_mb=attempt*attempt*attempt*150" for rule in PANEL_RULES]
    _, jobs = submit(empty_workplace, cluster, "--set-resources", *too_little, panels=ONE_PANEL)
    attempts = [job for job in jobs if job["comment"].startswith("rule_panel")]
    memory = {job["memory"]: job["state"] for job in attempts}
    assert memory["150M"] in ("FAILED", "OUT_OF_MEMORY")
    assert memory["1200M"] == "COMPLETED"
    assert of_panels(empty_workplace, "bgn_0") == of_panels(finished, "bgn_0")
