"""Warm Pythons end with the engine and the engine's jobs with them, however that ends."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from miniature import hear_signals
from snakemake.iocontainers import OutputFiles

from truepremia.commands.verify import verify
from truepremia.workflow.warm import Files, WarmPython, run_script

ENGINE = """
import sys
from truepremia.workflow.warm import WarmPython
print(WarmPython().run(sys.argv[1], {"pids": sys.argv[2]}), flush=True)
"""
SLEEPER = """
import os, time
with open(snakemake.pids + ".new", "w") as file:
    file.write(f"{os.getpid()} {os.getppid()}")
os.replace(snakemake.pids + ".new", snakemake.pids)
time.sleep(600)
"""
SECONDS = 30
"""A busy machine; it takes less than one second."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def at_work(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition):
    deadline = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def sleeper(tmp_path):
    """Return a script that sleeps, where it says its own and its parent's number, and a reader."""
    script, said = tmp_path / "sleeper.py", tmp_path / "pids"
    script.write_text(SLEEPER)

    def pids():
        assert wait_for(said.exists)
        return [int(number) for number in said.read_text().split()]

    yield str(script), str(said), pids
    for process in pids() if said.exists() else []:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


@linux
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP"])
def test_nothing_outlives_an_engine_that_a_signal_ended(sleeper, name):
    script, said, pids = sleeper
    command = [sys.executable, "-c", ENGINE, script, said]
    pipes = {"stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=hear_signals, **pipes) as engine:
        job, warm = pids()
        assert at_work(job)
        assert at_work(warm)
        engine.send_signal(getattr(signal, name))
        assert wait_for(lambda: not at_work(job) and not at_work(warm))
        assert engine.communicate()[1] == ""  # no traceback of those that were left


@linux
def test_job_ends_with_its_warm_python_and_the_engine_hears_of_it(sleeper):
    script, said, pids = sleeper
    command = [sys.executable, "-c", ENGINE, script, said]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
        job, warm = pids()
        os.kill(warm, signal.SIGKILL)
        assert engine.communicate(timeout=SECONDS)[0] == "-9\n"
        assert wait_for(lambda: not at_work(job))


@linux
def test_ending_a_warm_python_ends_the_job_that_it_runs(sleeper):
    script, said, pids = sleeper
    python, statuses = WarmPython(), []
    worker = Thread(target=lambda: statuses.append(python.run(script, {"pids": said})))
    worker.start()
    job, warm = pids()
    python.end()
    worker.join(SECONDS)
    assert not worker.is_alive()
    assert statuses[0] != 0
    assert not at_work(job)
    assert not at_work(warm)


@linux
def test_warm_python_without_an_engine_does_not_wait_for_its_libraries():
    """One whose engine has gone while it was starting imports nothing."""
    code = "import sys, truepremia.workflow.warm as w; w.main(); assert 'numpy' not in sys.modules"
    read, write = os.pipe()
    os.close(write)
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=read, capture_output=True, text=True, check=False
    )
    os.close(read)
    assert done.returncode == 0, done.stderr


def processes(session):
    """Return the processes of a session that are at work, as their numbers."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            if folder.name.isdigit() and int(stat[3]) == session and stat[0] != "Z":
                found.append(int(folder.name))
    return found


@linux
@pytest.mark.slow
@pytest.mark.parametrize("executor", ["warm", "local"])
def test_killed_engine_leaves_no_process_and_the_next_run_goes_on(
    finished, empty_workplace, executor
):
    place, panels = empty_workplace, {"bgn": [0]}
    arguments = place.arguments("all", "--executor", executor, panels=panels)
    engine = place.start(*arguments)
    made = place.results / "panels" / "bgn_0" / "panel.parquet"
    assert wait_for(lambda: made.exists() or engine.poll() is not None)
    before = place.digests()
    os.kill(engine.pid, signal.SIGKILL)
    engine.communicate()  # to the end of what they write: of all of them
    assert wait_for(lambda: not processes(engine.pid))
    kept = {name: digest for name, digest in place.digests().items() if name in before}
    assert kept == before
    place.command(*place.arguments("--unlock", panels=panels)).succeeded()
    place.snakemake("all", "--executor", executor, panels=panels).succeeded()
    assert place.digests().items() <= finished.digests().items()
    assert (place.results / "bgn_0_fama.pkl").exists()
    assert list(place.results.rglob("*.tmp")) == []


@pytest.mark.slow
def test_run_whose_standard_error_is_closed_is_a_run_like_any_other(finished, empty_workplace):
    place, panels = empty_workplace, {"bgn": [0]}
    closed = ["sh", "-c", 'exec "$0" "$@" 2>&-']
    arguments = place.arguments("all", "--executor", "warm", panels=panels)
    place.command(*arguments, before=closed).succeeded()
    assert place.digests().items() <= finished.digests().items()
    assert (place.results / "bgn_0_fama.pkl").exists()


def test_every_file_of_a_list_of_outputs_is_written_down(tmp_path):
    """As a rule's figures are: verify called their folder one that no job made."""
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from truepremia.workflow.job import running\n"
        "with running(snakemake):\n"
        "    for file in snakemake.output.figures:\n"
        "        Path(file).parent.mkdir(parents=True, exist_ok=True)\n"
        "        Path(file).write_text(file)\n"
    )
    results = tmp_path / "results"
    figures = [str(results / "tidy" / "demo" / "figures" / name) for name in ("a.pdf", "a.png")]
    job = {
        "rule": "draw",
        "params": {"stage": "{}"},
        "input": {},
        "output": {"figures": figures},
        "log": [str(results / "logs" / "draw" / "demo.log")],
        "threads": 1,
    }
    run_script(str(script), job)
    (results / "README.md").write_text("what lies here")
    assert verify(results) == ({"tidy/demo": []}, [])


def test_files_of_a_warm_job_are_walked_and_named_as_those_of_the_engine():
    """The page of a leaderboard finds its figures among its outputs: names are none."""
    named = {"csv": "a.csv", "figures": ["b.png", "b.pdf"]}
    files, theirs = Files(named), OutputFiles()
    for name, value in named.items():
        start = len(theirs)
        theirs.extend([value] if isinstance(value, str) else value)
        theirs._set_name(name, start, end=len(theirs) if isinstance(value, list) else None)
    assert list(files) == list(theirs) == ["a.csv", "b.png", "b.pdf"]
    assert files.csv == theirs.csv
    assert list(files.figures) == list(theirs.figures)
    assert dict(files.items()) == named
    assert {**files} == dict(files) == named
