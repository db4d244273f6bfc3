"""Methods and real panels in the configuration: one line for each fault, before any job."""

from pathlib import Path

import pytest

from truepremia.errors import ConfigError
from truepremia.workflow.config import load_overlay

ROOT = Path(__file__).resolve().parents[2]
GOOD = "class Mine:\n    def form(self, known):\n        return []\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(GOOD)
    Path("broken.py").write_text("class Mine(:\n")
    return tmp_path


def refused(**overlay) -> str:
    with pytest.raises(ConfigError) as caught:
        load_overlay(overlay, ROOT)
    return str(caught.value)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "cap"}, "unknown kind 'cap': did you mean 'capm'?; known: "),
        ({"kind": "capm", "speed": 1}, "unknown option 'speed' of kind capm"),
        ({"kind": "model"}, "needs loading"),
        ({"kind": "model", "loading": "tailor"}, "loading is 'tailor': must be taylor or proj"),
        ({"kind": "capm", "file": "mine.py"}, "must have a kind or a file, and not both: mine"),
        ({}, "must have a kind or a file"),
        (True, "must have a kind or a file"),
        ({"file": "none.py", "class": "Mine"}, "none.py: there is no such file"),
        ({"file": "mine.py"}, "class is missing"),
        ({"file": "mine.py", "class": "Yours"}, "no class Yours; its classes: Mine"),
        ({"file": "broken.py", "class": "Mine"}, "broken.py: line 1: not Python"),
        ({"file": "mine.py", "class": "Mine", "speed": 1}, "unknown key 'speed'"),
        ({"file": "mine.py", "class": "Mine", "minutes": 0}, "minutes is 0"),
        ({"file": "mine.py", "class": "Mine", "megabytes": "much"}, 'megabytes is "much"'),
        ({"file": "mine.py", "class": "Mine", "options": [1]}, "options is [1]"),
        ("capm", "a mapping with a kind or a file"),
    ],
)
def test_what_is_wrong_with_a_method_is_said(here, entry, said):
    text = refused(methods={"mine": entry})
    assert "methods.mine" in text
    assert said in text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["Mine", "1st", "a-b", "a b", "x" * 41, "", "mine\n"])
def test_names_of_methods_are_checked(here, name):
    assert "names of at most 40" in refused(methods={name: {"kind": "capm"}})


def test_the_name_of_nothing_and_of_other_kinds_are_reserved(here):
    assert "holds nothing" in refused(methods={"none": {"kind": "capm"}})
    assert "of kind ff" in refused(methods={"ff": {"kind": "fm"}})


def test_reference_and_headline_name_configured_methods(here):
    assert "leaderboard.reference is best" in refused(leaderboard={"reference": "best"})
    assert "leaderboard.headline names 'besst'" in refused(
        leaderboard={"headline": {"besst": "K=1"}}
    )
    said = refused(methods={"pca": {"factors": [1, 3]}})
    assert "leaderboard.headline.pca is 'K=2': must be one of its variants, K=1, K=3; " in said
    said = refused(leaderboard={"headline": {"dkkm": "D=7"}})
    assert "one of its variants, D=6, D=36, D=360" in said
    off = dict.fromkeys(("capm", "fm"), False)
    assert "leaderboard.reference is fm" in refused(methods=off)


def test_a_tilde_and_a_variable_in_the_path_of_a_method_are_those_of_a_shell(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    for spelt in ("~/mine.py", "$HOME/mine.py"):
        config = load_overlay({"methods": {"mine": {"file": spelt, "class": "Mine"}}}, ROOT)
        assert config.methods["mine"].file == here / "mine.py"


def test_a_good_file_is_found_where_the_run_works_and_switched_off_ones_are_gone(here):
    methods = {"mine": {"file": "mine.py", "class": "Mine", "options": {"a": 1}}, "capm": False}
    config = load_overlay({"methods": methods}, ROOT)
    assert config.methods["mine"].file == here / "mine.py"
    assert config.methods["mine"].options == {"a": 1}
    assert "capm" not in config.methods


def test_panels_of_real_stocks_are_checked(here):
    assert "panel.parquet: there is no such file" in refused(
        panels={"mine": {"file": "panel.parquet"}}
    )
    Path("panel.parquet").touch()
    assert "is an economy" in refused(panels={"bgn": {"file": "panel.parquet"}})
    (here / "a {b}.parquet").write_bytes(b"")
    assert "may be in the path" in refused(panels={"mine": {"file": "a {b}.parquet"}})
    assert "panels.mine" in refused(panels={"mine": {"path": "panel.parquet"}})
    config = load_overlay({"panels": {"mine": {"file": "panel.parquet"}}}, ROOT)
    assert config.real_panels == {"mine": here / "panel.parquet"}


def test_a_calibration_of_the_working_folder_comes_before_the_shipped_one(here):
    shipped = (ROOT / "config/economies/bgn.yaml").read_text()
    own = here / "config/economies/bgn.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(shipped)
    config = load_overlay({}, ROOT)
    assert config.calibration_files["bgn"] == own
    assert config.calibration_files["kp14"] == ROOT / "config/economies/kp14.yaml"
