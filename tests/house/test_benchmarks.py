"""Benchmarks that anyone can run do run."""

import subprocess
import sys
from pathlib import Path

import pytest

from truepremia.economies.registry import ECONOMIES

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["bgn", "lw07"])
def test_every_stage_of_a_panel_is_measured(tmp_path, model):
    script = REPOSITORY / "benchmarks" / "stages.py"
    size = ("--firms", "50", "--months", "30", "--folder", str(tmp_path))
    done = subprocess.run(
        [sys.executable, script, "--models", model, *size],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    header, *jobs, total = rows
    assert header.startswith("| job |")
    assert len(jobs) == 7 + len(ECONOMIES[model].loadings)
    assert total.startswith("| total |")
