"""The tidy section of the configuration."""

import copy
from pathlib import Path

import pytest
import yaml

from truepremia.errors import ConfigError
from truepremia.panel import Size
from truepremia.tidy.settings import DemoRules, StoreConfig
from truepremia.workflow.config import load_config

ROOT = Path(__file__).parents[2]
SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(stores=None, panels=None, **changes):
    config = copy.deepcopy(SHIPPED)
    config["tidy"] |= changes
    if stores is not None:
        config["tidy"]["stores"] = stores
    return load_config(config | ({} if panels is None else {"panels": panels}), ROOT)


def message(**changes) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**changes)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_shipped_section_exports_a_demo_store():
    tidy = load().tidy
    assert tidy.stores == {
        "demo": StoreConfig(
            None, "bgn_0", "auto", "dependent", False, False, 5.0, {}, "security", None
        )
    }
    assert tidy.published_data is True
    assert tidy.demo == DemoRules("1960-01", 12, "larger")
    assert tidy.stores["demo"].source() is None


def test_store_overrides_the_options_and_stores_are_in_order(working_folder):
    (working_folder / "mine.sqlite").touch()
    mine = {"path": str(working_folder / "mine.sqlite"), "profile": "seed2023", "busy_timeout": 1}
    stores = load({"old": mine, "demo": {"panel": "kp14_3"}}, coerce=True).tidy.stores
    assert list(stores) == ["demo", "old"]
    assert (stores["old"].profile, stores["demo"].profile) == ("seed2023", "auto")
    assert (stores["old"].busy_timeout, stores["demo"].busy_timeout) == (1.0, 5.0)
    assert stores["old"].coerce
    assert stores["old"].source() == str(working_folder / "mine.sqlite")


def test_folder_stands_for_its_parquet_files(working_folder):
    folder = working_folder / "store"
    folder.mkdir()
    for name in ("crsp_monthly.parquet", "compustat.parquet", "notes.txt"):
        (folder / name).touch()
    found = load({"mine": {"path": str(folder)}}).tidy.stores["mine"].source()
    assert found == [str(folder / "compustat.parquet"), str(folder / "crsp_monthly.parquet")]


def test_relative_path_starts_at_the_repository():
    path = load({"mine": {"path": "README.md"}}).tidy.stores["mine"].path
    assert path == ROOT / "README.md"


def test_store_is_switched_off():
    assert load({"demo": False}).tidy.stores == {}


def test_own_store_is_enough_to_build(working_folder):
    (working_folder / "mine.sqlite").touch()
    mine = {"path": str(working_folder / "mine.sqlite")}
    assert load({"mine": mine}, panels={"bgn": 0}).panel_ids() == []
    assert "nothing to build" in message(panels={"bgn": 0})


BAD = {
    "missing file": ({"m": {"path": "/absent/x.sqlite"}}, ["tidy.stores.m.path", "no such file"]),
    "folder without tables": ({"m": {"path": "."}}, ["not a SQLite database", "crsp_monthly"]),
    "neither path nor panel": ({"m": {"profile": "auto"}}, ["tidy.stores.m", "path or a panel"]),
    "path and panel": ({"m": {"path": "README.md", "panel": "bgn_0"}}, ["and not both"]),
    "switched on without a source": ({"m": True}, ["tidy.stores.m", "path or a panel"]),
    "unknown economy": ({"m": {"panel": "abc_0"}}, ["m.panel is abc_0", "no calibration of abc"]),
    "panel without index": ({"m": {"panel": "bgn"}}, ["a panel of an economy"]),
    "reserved name": ({"french": {"panel": "bgn_0"}}, ["tidy.stores.french", "another name"]),
    "name with a blank": ({"my store": {"panel": "bgn_0"}}, ["my store", "without blanks"]),
    "unknown option": (
        {"m": {"panel": "bgn_0", "profil": "auto"}},
        ["unknown key 'profil' in tidy.stores.m", "did you mean 'profile'"],
    ),
    "unknown profile": (
        {"m": {"panel": "bgn_0", "profile": "seed"}},
        ["tidy.stores.m.profile", "auto, seed2023 or book2026"],
    ),
    "stores in a list": ([{"path": "x"}], ["tidy.stores", "a mapping of names to stores"]),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_store_is_refused_before_any_work(fault):
    stores, phrases = BAD[fault]
    text = message(stores=stores)
    assert [phrase for phrase in phrases if phrase not in text] == []


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"profile": "book"}, "tidy.profile"),
        ({"five_factor_sort": "both"}, "dependent or independent"),
        ({"op_require_cost": "yes"}, "tidy.op_require_cost"),
        ({"busy_timeout": -1}, "tidy.busy_timeout is -1"),
        ({"published_data": 1}, "tidy.published_data"),
        ({"demo": {"first_month": "1960-13", "fiscal_year_end": 12, "nyse": "larger"}}, "YYYY-MM"),
        ({"demo": {"first_month": "1960-01", "fiscal_year_end": 0, "nyse": "larger"}}, "1 to 12"),
        ({"demo": {"first_month": "1960-01", "nyse": "larger"}}, "'fiscal_year_end' is missing"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_option_is_refused(changes, phrase):
    assert phrase in message(**changes)


@pytest.mark.parametrize(
    ("firms", "months", "built"),
    [(20, 36, ["demo", "mine"]), (19, 720, ["mine"]), (1000, 35, ["mine"])],
)
def test_small_panels_are_not_exported_unasked(working_folder, firms, months, built):
    mine = working_folder / "mine.sqlite"
    mine.touch()
    tidy = load({"demo": {"panel": "bgn_0"}, "mine": {"path": str(mine)}}).tidy
    assert tidy.built(Size(firms, months, 300)) == built
