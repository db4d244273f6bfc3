"""Sizes that cannot be are refused before the start, with the estimate."""

import errno
from dataclasses import replace
from types import SimpleNamespace

import pytest
from miniature import REPOSITORY

from truepremia.errors import ConfigError
from truepremia.panel import Size
from truepremia.workflow import sizing
from truepremia.workflow.config import load_config_file
from truepremia.workflow.job import running

CONFIG = load_config_file(REPOSITORY / "config" / "test.yaml")
LARGE = {"firms": 10**12, "months": 10**12, "burnin": 10**12}
FORMS = {
    "memory": (Size(10**12, 84, 40), "GB of memory"),
    "memory of a path": (Size(60, 84, 10**12), "GB of memory"),
    "disk": (Size(1_000, 10**9, 40), "GB of the disk"),
    "time": (Size(10**6, 10**9, 40), "years"),
    "integers beyond 64 bits": (Size(10**30, 10**30, 10**30), "GB of memory"),
}


@pytest.mark.parametrize("case", FORMS)
def test_size_that_cannot_be_is_refused_with_its_estimate(tmp_path, case):
    size, phrase = FORMS[case]
    with pytest.raises(ConfigError, match=phrase) as caught:
        sizing.require_possible(replace(CONFIG, size=size), tmp_path / "not" / "yet")
    assert f"firms is {size.firms:,}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_sizes_that_were_run_are_possible(tmp_path):
    for size in (CONFIG.size, Size(100_000, 840, 300)):
        sizing.require_possible(replace(CONFIG, size=size), tmp_path)


def test_memory_of_this_machine_counts_where_jobs_run_here(monkeypatch):
    config = replace(CONFIG, size=Size(10**6, 84, 40))
    monkeypatch.setattr(sizing.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 10**6}.get)
    with pytest.raises(ConfigError, match=r"more than the 4\.1 GB of this machine"):
        sizing.require_memory(config)


def test_estimate_of_the_disk_is_below_what_was_measured():
    # Bytes of the five economies' tables at 1,000 firms and 720 months: config/config.yaml.
    measured = {"bgn": 100_422_859, "gs21": 70_227_725, "lw07": 92_352_700}
    needed = sizing.estimate(replace(CONFIG, size=Size(1_000, 720, 300))).disk
    assert needed <= min(measured.values())


# --- jobs -----------------------------------------------------------------------------------------


def job(tmp_path):
    stage = '{"model": "bgn", "index": "0", "firms": 7000, "months": 84}'
    return SimpleNamespace(
        rule="simulate_panel",
        params=SimpleNamespace(stage=stage),
        log=[str(tmp_path / "logs" / "simulate_panel" / "bgn_0.log")],
        resources=SimpleNamespace(mem_mb=1234),
    )


FAILURES = {
    "memory": (MemoryError(), ["firms is 7,000", "months is 84", "1,234 MB", "memory"]),
    "full disk": (OSError(errno.ENOSPC, "x", "out/file"), ["out/file", "No space left on device"]),
    "open files": (OSError(errno.EMFILE, "x", "out/file"), ["ulimit -n"]),
    "threads": (RuntimeError("can't start new thread"), ["ulimit -u"]),
}


@pytest.mark.parametrize("case", FAILURES)
def test_job_that_lacks_something_ends_in_one_line(tmp_path, capsys, case):
    error, phrases = FAILURES[case]
    with pytest.raises(SystemExit), running(job(tmp_path)):
        raise error
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert [phrase for phrase in phrases if phrase not in lines[0]] == []
    assert "simulate_panel" in lines[0]


def test_log_that_cannot_be_written_is_named_in_one_line(tmp_path, capsys):
    (tmp_path / "logs").write_text("a file where a folder belongs")
    with pytest.raises(SystemExit), running(job(tmp_path)):
        pass
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "bgn_0.log" in lines[0]
