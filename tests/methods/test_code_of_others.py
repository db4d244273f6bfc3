"""A user's code cannot change the process around it, nor end it without a word."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from truepremia.outside import as_before, words_of


def test_the_surroundings_are_what_they_were(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    errors, streams, leave = np.geterr(), (sys.stdout, sys.stderr), os._exit
    with as_before():
        os.chdir("elsewhere")
        np.seterr(all="raise")
        sys.stdout = sys.stderr = None
    assert os.getcwd() == str(tmp_path)  # noqa: PTH109 - what the system says
    assert np.geterr() == errors
    assert (sys.stdout, sys.stderr) == streams
    assert os._exit is leave


def test_the_surroundings_are_what_they_were_after_an_exception(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    errors = np.geterr()
    with pytest.raises(KeyError), as_before():
        os.chdir("/")
        np.seterr(all="raise")
        raise KeyError
    assert os.getcwd() == str(tmp_path)  # noqa: PTH109
    assert np.geterr() == errors


def test_a_working_folder_that_is_gone_is_no_matter(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    with as_before():
        (tmp_path / "gone").rmdir()


def test_the_end_of_python_is_an_exception():
    with pytest.raises(SystemExit) as end, as_before():
        os._exit(0)
    assert end.value.code == 0


def test_processes_and_threads_of_the_code_end_as_they_do():
    with as_before():
        child = os.fork()
        if child == 0:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    script = (
        "import os, threading, time\n"
        "from truepremia.outside import as_before\n"
        "with as_before():\n"
        "    threading.Thread(target=os._exit, args=(5,)).start()\n"
        "    time.sleep(20)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 5
    assert threading.active_count() >= 1


def test_a_stream_that_was_closed_is_said(monkeypatch, tmp_path):
    with (tmp_path / "out").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(ValueError, match="a standard stream was closed"), as_before():
            sys.stdout.close()


class SilentError(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (SystemExit(), "SystemExit"),
        (SystemExit(3), "SystemExit: 3"),
        (SilentError(), "SilentError"),
    ],
)
def test_an_exception_is_told_in_one_line(error, words):
    assert words_of(error) == words
