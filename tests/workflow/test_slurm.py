"""The workflow on a real SLURM, through profiles/slurm; every result as of a local run."""

import contextlib
import threading
import time

import pytest
from miniature import Workplace
from slurm_cluster import slurm_cluster
from test_laboratory import HELPER, OWN, settings

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


def submit(place, cluster, *options, target="all", fails=False, **settings):
    """Run the workflow through the profile; return what it printed and its jobs in SLURM."""
    before = {job["id"] for job in cluster.jobs()}
    profile = str(place.repository / "profiles" / "slurm")
    arguments = place.arguments(target, "--profile", profile, *HERE, *options, cores=1, **settings)
    done = place.command(*arguments, **cluster.environment)
    assert (done.status != 0) == fails, done.text
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


@contextlib.contextmanager
def cancelled_after_simulation(place, cluster):
    """Cancel the submission of a panel once it is simulated."""

    def cancel_the_panel() -> None:
        for _ in range(600):
            for job in cluster.jobs():
                fits = job["state"] == "RUNNING" and job["comment"].startswith("rule_panel")
                if fits and list(place.results.rglob("panel.parquet")):
                    cluster.ask("scancel", job["id"])
                    return
            time.sleep(0.1)

    canceller = threading.Thread(target=cancel_the_panel)
    canceller.start()
    yield
    canceller.join()


def test_cancelled_job_is_submitted_again(cluster, finished, empty_workplace):
    with cancelled_after_simulation(empty_workplace, cluster):
        _, jobs = submit(empty_workplace, cluster, panels=ONE_PANEL)
    assert sorted(job["state"] for job in jobs) == ["CANCELLED", "COMPLETED", "COMPLETED"]
    assert of_panels(empty_workplace, "bgn_0") == of_panels(finished, "bgn_0")


def test_what_a_cancelled_submission_did_not_reach_is_built_by_the_next_run(cluster, workplace):
    # Files of another seed lie there, and must not be taken for those of this one.
    changed = {"panels": ONE_PANEL, "seed": 1}
    planned = workplace.planned(**changed)
    with cancelled_after_simulation(workplace, cluster):
        submit(workplace, cluster, "--retries", "0", fails=True, **changed)
    assert "bundle_panel bgn_0" in planned
    left = workplace.planned(**changed)
    assert planned - left <= {"simulate_panel bgn_0", "compute_moments bgn_0"}


def test_job_over_its_memory_is_submitted_again_with_more(cluster, finished, empty_workplace):
    too_little = [f"{rule}:mem_mb=attempt*attempt*attempt*150" for rule in PANEL_RULES]
    _, jobs = submit(empty_workplace, cluster, "--set-resources", *too_little, panels=ONE_PANEL)
    attempts = [job for job in jobs if job["comment"].startswith("rule_panel")]
    memory = {job["memory"]: job["state"] for job in attempts}
    assert memory["150M"] in ("FAILED", "OUT_OF_MEMORY")
    assert memory["1200M"] == "COMPLETED"
    assert of_panels(empty_workplace, "bgn_0") == of_panels(finished, "bgn_0")


def test_methods_are_judged_in_the_submission_of_their_panel(cluster, finished, tmp_path):
    # The panel's tables go as soon as the last method is judged, inside of the submission.
    chosen = {"panels": ONE_PANEL, "keep_panels": False, **settings(ff=False)}
    here, there = (own_method(finished, tmp_path / name) for name in ("here", "there"))
    here.snakemake("leaderboard", **chosen).succeeded()
    _, jobs = submit(there, cluster, target="leaderboard", **chosen)
    rules = [job["comment"].split("_wildcards")[0] for job in jobs]
    assert [rule.split("_")[1] for rule in rules] == ["solve", "panel", "leaderboard"]
    assert there.digests() == here.digests()
    assert len(list(there.panel().glob("methods/*_stats.parquet"))) == 3


def test_a_method_that_fails_costs_nothing_but_itself(cluster, finished, tmp_path):
    place = own_method(finished, tmp_path / "place", OWN.replace("g = known", "1 / 0; g = known"))
    chosen = {"panels": {"bgn": [0, 2]}, **settings(ff=False)}
    text, _ = submit(place, cluster, "--retries", "0", target="leaderboard", fails=True, **chosen)
    for panel in ("bgn_0", "bgn_2"):
        line = f"truepremia: error: mine on {panel}: form in month 40 raised ZeroDivisionError"
        assert text.count(line) == 1, text
    (place.folder / "my_method.py").write_text(OWN)
    own = {f"judge_method bgn_{index} mine" for index in (0, 2)}
    assert place.planned("leaderboard", **chosen) == own | {"leaderboard"}


def own_method(finished, folder, text=OWN):
    """Return an empty place with a user's own method in it."""
    folder.mkdir()
    (folder / "my_method.py").write_text(text)
    (folder / "helper.py").write_text(HELPER)
    return Workplace(finished.repository, folder)
