"""Variables of clusters and containers that would break a run."""

import os
import subprocess
import sys

from truepremia.commands.surroundings import put_right


def test_folder_with_another_numpy_is_left_out_and_others_stay(tmp_path):
    (tmp_path / "foreign" / "numpy").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    foreign, mine = str(tmp_path / "foreign"), str(tmp_path / "mine")
    environment = {"PYTHONPATH": os.pathsep.join([foreign, mine])}
    search = ["", foreign, mine]
    assert foreign in put_right(environment, search)[0]
    assert environment["PYTHONPATH"] == mine
    assert search == ["", mine]


def test_cache_that_cannot_be_made_is_replaced_and_another_is_not(tmp_path):
    (tmp_path / "file").write_text("")
    broken = {"XDG_CACHE_HOME": str(tmp_path / "file" / "cache")}
    assert len(put_right(broken, [])) == 1
    assert broken["XDG_CACHE_HOME"] != str(tmp_path / "file" / "cache")
    sound = {"HOME": str(tmp_path)}
    assert put_right(sound, []) == []
    assert sound == {"HOME": str(tmp_path)}
    assert put_right({}, []) == []


def test_command_works_with_a_foreign_numpy_before_its_own(tmp_path):
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError('for another Python')\n")
    source = os.environ.get("PYTHONPATH", "")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), source])}
    done = subprocess.run(
        [sys.executable, "-m", "truepremia", "show", str(tmp_path / "none.pkl")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "is left out" in done.stderr
    assert "there is no such file" in done.stderr
