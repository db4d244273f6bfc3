"""Variables of clusters and containers that would break a run."""

import os
import subprocess
import sys
from pathlib import Path

import truepremia
from truepremia.commands.surroundings import put_right


def test_folder_with_another_numpy_is_left_out_and_others_stay(tmp_path):
    (tmp_path / "foreign" / "numpy").mkdir(parents=True)
    (tmp_path / "foreign" / "numpy" / "__init__.py").write_text("")
    (tmp_path / "mine").mkdir()
    foreign, mine = str(tmp_path / "foreign"), str(tmp_path / "mine")
    environment = {"PYTHONPATH": os.pathsep.join([foreign, mine])}
    search = ["", foreign, mine]
    assert foreign in put_right(environment, search)[0]
    assert environment["PYTHONPATH"] == mine
    assert search == ["", mine]


def test_any_library_s_name_is_foreign_and_a_project_s_own_are_not(tmp_path):
    for name in ("typing_extensions.py", "random.py", "yaml/__init__.py", "pandas/__init__.py"):
        place = tmp_path / name.replace("/", "-") / name
        place.parent.mkdir(parents=True)
        place.write_text("")
        folder = str(tmp_path / name.replace("/", "-"))
        assert put_right({"PYTHONPATH": folder}, []), name
    own = tmp_path / "project"
    for name in ("tests/__init__.py", "numpy/data.csv", "my_method.py", "helper/__init__.py"):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text("")
    source = str(Path(truepremia.__file__).parents[1])
    assert put_right({"PYTHONPATH": os.pathsep.join([str(own), source, "gone"])}, []) == []


def test_a_user_without_a_name_gets_one_and_a_home(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 54_399)
    environment: dict[str, str] = {}
    put_right(environment, [])
    assert environment["USER"] == "user-54399"
    assert Path(environment["HOME"]).is_dir()


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
