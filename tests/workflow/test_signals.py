"""Jobs end with their engine, and a run hands its signals on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from truepremia.workflow.signals import ENGINE

ENGINE_STARTS_A_JOB = """
import subprocess, sys
from truepremia.workflow.signals import announce_engine
announce_engine()
subprocess.run(["bash", "-c", 'true; "$0" -c "$1"; true', sys.executable, sys.argv[1]])
"""
JOB = """
import os, time
from truepremia.workflow.signals import end_with_engine
end_with_engine()
print(os.getpid(), flush=True)
time.sleep(300)
"""


def at_work(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells about other processes")
def test_job_ends_soon_after_an_engine_that_was_killed():
    command = [sys.executable, "-c", ENGINE_STARTS_A_JOB, JOB]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
        job = int(engine.stdout.readline())
        time.sleep(2)
        assert at_work(job)
        engine.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 30  # a busy machine; it takes one second
        while at_work(job) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert not at_work(job)


@pytest.mark.parametrize("engine", ["", "nonsense", "999999999"])
def test_job_of_no_engine_that_it_sees_goes_on(monkeypatch, engine):
    from truepremia.workflow import signals

    monkeypatch.setenv(ENGINE, engine)
    monkeypatch.setattr(signals, "_watch", lambda *_: pytest.fail("watches"))
    signals.end_with_engine()
