"""What goes wrong in real runs: after the remedy, every byte is as if nothing had happened."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from miniature import Workplace
from slurm_cluster import refuse

PANEL = {"bgn": [0]}
OUTPUTS = {
    "solve_economy": "solutions/bgn.npz",
    "simulate_panel": "panels/bgn_0/panel.parquet",
    "compute_moments": "panels/bgn_0/moments.parquet",
    "build_factors": "panels/bgn_0/ff_returns.parquet",
    "extract_model_premia": "panels/bgn_0/model_premia_proj.parquet",
    "portfolio_stats": "panels/bgn_0/fama_stats.parquet",
    "bundle_panel": "bgn_0_fama.pkl",
}
IN_STAGE_SECONDS = 60


def of_panel(place, panel="bgn_0"):
    """Return the digests of a panel's results and of its economy's solution."""
    found = place.digests()
    return {k: sha for k, sha in found.items() if panel in k or "solutions" in k}


def start_until(place, rule, *options):
    """Start a run of what ``rule`` makes; return it with its job's processes when they work."""
    target = f"{place.results.name}/{OUTPUTS[rule]}"
    process = place.start(*place.arguments(target, *options, cores=1, panels=PANEL))
    deadline = time.monotonic() + IN_STAGE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        scripts = children(process.pid, f".{rule}.py")
        if scripts:
            return process, scripts
        time.sleep(0.005)
    finish(process)
    raise AssertionError(f"no job of {rule} was seen")


def children(parent, name):
    """Return the ids of the processes below ``parent`` whose command line holds ``name``."""
    found = []
    for folder in (entry for entry in os.scandir("/proc") if entry.name.isdigit()):
        try:
            with open(f"{folder.path}/cmdline", "rb") as file:  # noqa: PTH123
                command = file.read().decode()
            if name in command and os.getpgid(int(folder.name)) == parent:
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


def finish(process):
    """Kill a run with everything it started, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


# --- killed processes ----------------------------------------------------------------------------


def test_run_killed_in_every_stage_ends_in_the_same_bytes(finished, empty_workplace):
    place = empty_workplace
    for rule in OUTPUTS:
        process, _ = start_until(place, rule, "--nolock")
        finish(process)
        assert not (place.results / OUTPUTS[rule]).exists()
    place.snakemake("all", panels=PANEL).succeeded()
    assert of_panel(place) == of_panel(finished)
    assert list(place.results.rglob("*.tmp")) == []


def test_killed_run_leaves_a_lock_that_the_next_run_explains(finished, empty_workplace):
    place = empty_workplace
    process, _ = start_until(place, "compute_moments")
    finish(process)
    error = place.snakemake("all", panels=PANEL).error()
    assert f"{place.folder} is locked by another run" in error
    assert "a kill or a power loss" in error
    assert "snakemake --unlock" in error
    place.command(*place.arguments("--unlock", panels=PANEL)).succeeded()
    place.snakemake("all", panels=PANEL).succeeded()
    assert of_panel(place) == of_panel(finished)


@pytest.mark.parametrize("executor", ["local", "warm"])
@pytest.mark.parametrize("name", ["SIGHUP", "SIGQUIT", "SIGTERM", "SIGINT"])
def test_signal_to_the_engine_ends_the_run_without_a_lock(
    finished, empty_workplace, name, executor
):
    """Twice, as an impatient user sends it; the next run goes on."""
    place = empty_workplace
    target = f"{place.results.name}/{OUTPUTS['compute_moments']}"
    options = (target, "--executor", executor)
    process = place.start(*place.arguments(*options, cores=1, panels=PANEL))
    solution = place.results / OUTPUTS["solve_economy"]
    while not solution.exists() and process.poll() is None:
        time.sleep(0.005)
    for _ in range(2):
        os.kill(process.pid, getattr(signal, name))
        time.sleep(0.2)
    text = process.communicate()[0]
    assert process.returncode != 0, text
    assert "Traceback" not in text
    assert not (place.results / OUTPUTS["compute_moments"]).exists()
    place.snakemake("all", panels=PANEL).succeeded()
    assert of_panel(place) == of_panel(finished)


@pytest.mark.parametrize("rule", ["simulate_panel", "portfolio_stats"])
def test_killed_job_ends_the_run_and_the_next_run_goes_on(finished, empty_workplace, rule):
    place = empty_workplace
    process, scripts = start_until(place, rule)
    for script in scripts:
        os.kill(script, signal.SIGKILL)
    text = process.communicate()[0]
    assert process.returncode != 0
    assert f"Error in rule {rule}" in text
    assert not (place.results / "bgn_0_fama.pkl").exists()
    place.snakemake("all", panels=PANEL).succeeded()
    assert of_panel(place) == of_panel(finished)


def test_two_runs_in_one_folder_the_second_says_so(finished, empty_workplace):
    place = empty_workplace
    first, _ = start_until(place, "simulate_panel")
    os.killpg(first.pid, signal.SIGSTOP)
    second = place.snakemake("all", panels=PANEL)
    os.killpg(first.pid, signal.SIGCONT)
    assert f"{place.folder} is locked by another run" in second.error()
    first.communicate()
    assert first.returncode == 0
    panel = OUTPUTS["simulate_panel"]
    assert place.digests()[panel] == finished.digests()[panel]


@pytest.mark.parametrize("executor", ["local", "warm"])
def test_two_runs_into_one_results_folder_the_second_says_so(finished, empty_workplace, executor):
    """From two working folders, whose locks know nothing of each other."""
    first, second = empty_workplace, Workplace(finished.repository, empty_workplace.folder / "2nd")
    second.folder.mkdir()
    first.results.mkdir()
    second.results.symlink_to(first.results)
    process = first.start(*first.arguments("all", "--executor", executor, panels=PANEL))
    while not (first.results / OUTPUTS["solve_economy"]).exists() and process.poll() is None:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGSTOP)
    error = second.snakemake("all", panels=PANEL).error()
    assert error.startswith(f"another run writes into {second.results.name}: wait")
    os.kill(process.pid, signal.SIGKILL)  # the hold of a run ends with it, however that ends
    process.communicate()
    second.snakemake("all", panels=PANEL).succeeded()
    assert of_panel(second) == of_panel(finished)


# --- file systems --------------------------------------------------------------------------------


def mount(folder, *options):
    """Mount a small file system in memory, or a view of a folder; root only."""
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if done.returncode:
        refuse(f"cannot mount: {done.stderr.decode().strip()}")


@pytest.fixture
def mounted(empty_workplace):
    """Return the workplace, whose results folder a test may mount; unmounted at the end."""
    empty_workplace.results.mkdir()
    yield empty_workplace
    # Until there is nothing left: os.path.ismount does not see a bind mount on one file system.
    unmount = ["umount", str(empty_workplace.results)]
    while subprocess.run(unmount, capture_output=True, check=False).returncode == 0:
        pass


def test_full_disk_is_named_and_leaves_nothing_half_written(finished, mounted):
    place = mounted
    mount(place.results, "-t", "tmpfs", "-o", "size=600k", "tmpfs")
    done = place.snakemake("all", cores=1, panels=PANEL)
    error = done.error()
    assert re.search(r"cannot write out/panels/bgn_0/\w+\.parquet: .*No space left", error), error
    assert "free space or choose another results_dir" in error
    assert list(place.results.rglob("*.tmp")) == []
    whole = of_panel(finished)
    written = of_panel(place)
    assert written.items() <= whole.items()
    assert len(written) < len(whole)
    mount(place.results, "-o", "remount,size=50m")
    place.snakemake("all", panels=PANEL).succeeded()
    assert of_panel(place) == whole


def test_read_only_results_are_refused_before_anything_runs(finished, mounted):
    place = mounted
    shutil.copytree(finished.results, place.results, dirs_exist_ok=True)
    mount(place.results, "--bind", str(place.results))
    mount(place.results, "-o", "remount,bind,ro")
    error = place.snakemake("all", seed=1).error()
    assert f"{place.results} is not writable" in error
    assert of_panel(place) == of_panel(finished)


# --- folders and clocks --------------------------------------------------------------------------


def test_results_that_moved_are_continued_where_they_are(finished, workplace, tmp_path):
    (workplace.panel() / "ff_returns.parquet").unlink()
    moved = Workplace(workplace.repository, tmp_path / "elsewhere")
    shutil.move(workplace.folder, moved.folder)
    stages = ("build_factors bgn_0 ff", "portfolio_stats bgn_0", "bundle_panel bgn_0")
    assert moved.planned() == set(stages)
    moved.snakemake("all").succeeded()
    assert moved.digests() == finished.digests()


@pytest.mark.parametrize("hours", [-24, 24], ids=["behind", "ahead"])
def test_clock_of_a_file_server_that_differs_changes_no_byte(finished, workplace, hours):
    """Some files are dated a day off; at worst something is built again."""
    for file in workplace.results.rglob("*_returns.parquet"):
        date = time.time() + 3600 * hours
        os.utime(file, (date, date))
    workplace.snakemake("all").succeeded()
    assert workplace.digests() == finished.digests()
    assert workplace.planned() == set()
