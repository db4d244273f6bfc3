"""A thousand panels are planned in a gigabyte, and warm Pythons change no byte."""

import re
import sys

import pytest

from truepremia.workflow.warm import WarmPython

PLAN = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(done.stdout[-4000:], done.stderr[-2000:])
print("megabytes", used.ru_maxrss // 1024)
sys.exit(done.returncode)
"""


def test_thousand_panels_are_planned_in_a_gigabyte(empty_workplace):
    place = empty_workplace
    arguments = place.arguments("all", "--dry-run", "--quiet", "rules", panels={"bgn": 1000})
    done = place.command(*arguments, before=[sys.executable, "-c", PLAN]).succeeded()
    assert re.search(r"^total +8002$", done.text, re.MULTILINE), done.text
    assert int(re.search(r"^megabytes (\d+)$", done.text, re.MULTILINE)[1]) < 1000


# --- warm Pythons --------------------------------------------------------------------------------


def test_warm_pythons_give_the_same_bytes_logs_and_timings(finished, empty_workplace):
    place = empty_workplace
    place.snakemake("all", "--executor", "warm").succeeded()
    assert place.digests() == finished.digests()
    for kind in ("logs", "benchmarks"):
        made, wanted = (
            {str(file.relative_to(run.results)) for file in (run.results / kind).rglob("*.*")}
            for run in (place, finished)
        )
        assert made == wanted
    assert place.planned() == set()


def test_mistake_in_a_warm_job_ends_in_one_line(workplace):
    panel = workplace.panel() / "panel.parquet"
    panel.write_bytes(panel.read_bytes()[:1000])
    target = f"{workplace.results.name}/panels/bgn_0/ff_returns.parquet"
    error = workplace.snakemake(target, "--executor", "warm", cores=1).error()
    assert f"cannot read {panel.relative_to(workplace.folder)}" in error


@pytest.fixture
def warm_python():
    python = WarmPython()
    yield python
    python.close()


SCRIPTS = {
    "nothing": ("pass", 0),
    "a status": ("raise SystemExit(3)", 3),
    "a bug": ("1 / 0", 1),
    "a signal": ("import os; os.kill(os.getpid(), 9)", -9),
    "output": ("print('text that is no answer')", 0),
}


def test_warm_python_survives_what_its_jobs_do(warm_python, tmp_path):
    """Each job is a copy: what one does to its process no other one sees."""
    script = tmp_path / "script.py"
    for code, status in [*SCRIPTS.values(), *SCRIPTS.values()]:
        script.write_text(
            f"import builtins\nassert not hasattr(builtins, 'x')\nbuiltins.x = 1\n{code}"
        )
        measured = warm_python.run(str(script), {})
        assert measured == status


def test_warm_python_that_was_killed_is_an_error_and_then_a_new_one(warm_python, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n")
    assert warm_python.run(str(script), {}) == -9
    script.write_text("assert snakemake.input.panel == 'p'")
    assert warm_python.run(str(script), {"input": {"panel": "p"}}) == 0
