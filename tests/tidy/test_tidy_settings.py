"""The tidy section of the configuration."""

import copy
import os
import sqlite3
from pathlib import Path
from time import sleep

import pytest
import yaml

from truepremia.economies.registry import ECONOMIES
from truepremia.errors import ConfigError
from truepremia.panel import Size
from truepremia.tidy.settings import DemoRules, expanded, tidy_config
from truepremia.workflow.config import load_config
from truepremia.workflow.stages import Workflow

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


def settings_of(config, rule):
    return Workflow(config, ROOT).settings(rule, {"store": "mine"})


def message(**changes) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**changes)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_shipped_section_exports_a_demo_store():
    tidy = load().tidy
    demo = tidy.stores["demo"]
    assert list(tidy.stores) == ["demo"]
    assert (demo.path, demo.panel, demo.profile) == (None, "bgn_0", "auto")
    assert (demo.five_factor_sort, demo.market_equity) == ("dependent", "security")
    assert (demo.coerce, demo.busy_timeout, demo.newey_west_lags) == (False, 5.0, None)
    assert [plan["name"] for plan in demo.sorts] == ["momentum_deciles", "size_value"]
    assert demo.french == demo.tables == {}
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


def log_of(file: Path) -> str | None:
    return load({"mine": {"path": str(file)}}).tidy.stores["mine"].changes_in_log()


def committed(connection: sqlite3.Connection, *statements: str) -> None:
    sleep(0.02)  # clocks of file systems tick in steps of several milliseconds
    for statement in statements:
        connection.execute(statement)
    connection.commit()


@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
def test_changes_in_a_log_change_what_is_read(working_folder, linked):
    """Empty logs, those of readers, and what was taken over into the database are no changes."""
    file = working_folder / "store.sqlite"
    given = working_folder / "link.sqlite" if linked else file
    if linked:
        given.symlink_to(file)
    writer = sqlite3.connect(file)
    committed(writer, "PRAGMA journal_mode = WAL", "CREATE TABLE t (x)")
    committed(writer, "PRAGMA wal_checkpoint(TRUNCATE)")
    assert Path(f"{file}-wal").exists()
    assert log_of(given) is None
    committed(writer, "INSERT INTO t VALUES (1)")
    first = log_of(given)
    assert first is not None
    reader = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    assert reader.execute("SELECT * FROM t").fetchall() == [(1,)]
    assert log_of(given) == first
    committed(writer, "INSERT INTO t VALUES (2)")
    assert log_of(given) not in (None, first)
    committed(writer, "PRAGMA wal_checkpoint")
    assert Path(f"{file}-wal").stat().st_size
    assert log_of(given) is None  # the database itself is newer
    reader.close()
    writer.close()
    assert log_of(given) is None


@pytest.mark.parametrize("ending", ["-wal", ".wal"])
def test_log_of_either_kind_of_database_counts(working_folder, ending):
    file = working_folder / "store.db"
    file.touch()
    log = working_folder / f"store.db{ending}"
    log.touch()
    os.utime(file, (1, 1))
    assert log_of(file) is None
    log.write_bytes(b"x")
    assert log_of(file) is not None


def test_folders_and_demo_stores_have_no_log(working_folder):
    (working_folder / "store").mkdir()
    (working_folder / "store" / "crsp_monthly.parquet").touch()
    assert log_of(working_folder / "store") is None
    assert load().tidy.stores["demo"].changes_in_log() is None


def test_relative_path_starts_at_the_repository():
    path = load({"mine": {"path": "README.md"}}).tidy.stores["mine"].path
    assert path == ROOT / "README.md"


def test_relative_path_starts_at_the_working_folder_where_something_is_there(working_folder):
    (working_folder / "data").mkdir()
    (working_folder / "data" / "mine.sqlite").touch()
    assert load({"mine": {"path": "data/mine.sqlite"}}).tidy.stores["mine"].path == (
        working_folder / "data" / "mine.sqlite"
    )
    assert (
        load({"mine": {"path": "CITATION.cff"}}).tidy.stores["mine"].path == ROOT / "CITATION.cff"
    )


@pytest.mark.parametrize("path", ["~/mine.sqlite", "$HOME/mine.sqlite", "${HOME}/mine.sqlite"])
def test_home_is_what_it_is_in_a_shell(working_folder, monkeypatch, path):
    monkeypatch.setenv("HOME", str(working_folder))
    (working_folder / "mine.sqlite").touch()
    stores = load({"mine": {"path": path}}).tidy.stores
    assert stores["mine"].source() == str(working_folder / "mine.sqlite")


@pytest.mark.parametrize("name", ["a{b}.sqlite", "{store}", "a*", "[2024]", "a?.db"])
def test_path_that_would_be_a_pattern_is_refused(working_folder, name):
    (working_folder / name).touch()
    text = message(stores={"mine": {"path": str(working_folder / name)}})
    assert "are taken for patterns" in text
    assert "tidy.stores.mine.path" in text


def test_partitioned_folder_stands_for_its_parts(working_folder):
    part = working_folder / "store" / "CRSP_MONTHLY" / "year=1980" / "part-0.parquet"
    part.parent.mkdir(parents=True)
    for file in (part, working_folder / "store" / "compustat.parquet"):
        file.touch()
    (working_folder / "store" / "other.parquet").touch()
    (working_folder / "store" / "._compustat.parquet").touch()
    found = load({"mine": {"path": str(working_folder / "store")}}).tidy.stores["mine"].source()
    assert found == sorted([str(part), str(working_folder / "store" / "compustat.parquet")])


def test_tables_lags_and_market_equity_are_chosen_by_store(working_folder):
    (working_folder / "mine.sqlite").touch()
    mine = {"path": str(working_folder / "mine.sqlite"), "tables": {"accounts": "fundamentals"}}
    mine |= {"newey_west_lags": 3, "market_equity": "company"}
    config = load({"mine": mine}, tables={"stocks": "msf"})
    assert config.tidy.stores["mine"].tables == {"stocks": "msf", "accounts": "fundamentals"}
    settings = settings_of(config, "read_store")
    assert settings["tables"] == {"stocks": "msf", "accounts": "fundamentals"}
    assert settings_of(config, "price_portfolios")["newey_west_lags"] == 3
    assert settings_of(config, "replicate_factors")["market_equity"] == "company"


def test_sorts_have_a_normal_form_and_ask_for_their_columns(working_folder):
    (working_folder / "mine.sqlite").touch()
    sorts = {"b": {"by": {"me": [50], "xrd": [30, 70.5]}}, "a": False}
    config = load({"mine": {"path": str(working_folder / "mine.sqlite")}}, sorts=sorts)
    plans = settings_of(config, "replicate_sorts")["sorts"]
    by = [["me", [50.0]], ["xrd", [30.0, 70.5]]]
    assert list(plans) == [{"name": "b", "by": by, "rebalance": "annual"}]
    read = settings_of(config, "read_store")
    assert read["stock_variables"] == read["account_items"] == ["xrd"]


def test_french_files_are_inputs_and_may_be_switched_off(working_folder):
    for name in ("mine.sqlite", "op.zip"):
        (working_folder / name).touch()
    mine = {"path": str(working_folder / "mine.sqlite")}
    files = {"op_portfolios": str(working_folder / "op.zip"), "momentum": False}
    tidy = load({"mine": mine}, french=files).tidy
    wanted = {"french_op_portfolios": str(working_folder / "op.zip")}
    assert tidy.french_files("mine", "op_portfolios", "momentum") == wanted
    off = load({"mine": mine | {"french": {"op_portfolios": False}}}, french=files).tidy
    assert off.french_files("mine", "op_portfolios") == {}


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
        ({"tables": {"factors": "x"}}, "stocks, accounts, three_factors or five_factors"),
        ({"market_equity": "firm"}, "security or company"),
        ({"sorts": {"x": {"by": {"bm": [70, 30]}}}}, "percentiles must ascend"),
        ({"sorts": {"x": {"by": {"bm": [0]}}}}, "above 0 and below 100"),
        ({"sorts": {"x": {"by": {}}}}, "one or two variables"),
        ({"sorts": {"x": {"by": {"bm": [50]}, "rebalance": "daily"}}}, "annual or monthly"),
        ({"french": {"momentum": "/absent.zip"}}, "tidy.french.momentum is /absent.zip"),
        ({"french": {"market": "x"}}, "op_portfolios, op_breakpoints"),
        ({"newey_west_lags": -1}, "auto, or a number of lags"),
        ({"newey_west_lags": "six"}, "auto, or a number of lags"),
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


NOTHING = dict.fromkeys(ECONOMIES, 0)


@pytest.mark.parametrize(
    ("panels", "exported"),
    [({"gs21": [3, 1]}, "gs21_1"), ({"kp14": 1, "gs21": 1}, "kp14_0"), ({"lw07": [5]}, "lw07_5")],
)
def test_the_demo_store_is_the_first_of_the_configured_panels(panels, exported):
    assert load(panels=NOTHING | panels).tidy.stores["demo"].panel == exported


def test_a_named_panel_is_exported_though_it_is_not_configured():
    tidy = load({"demo": {"panel": "kp14_2"}}, panels=NOTHING | {"gs21": 1}).tidy
    assert tidy.stores["demo"].panel == "kp14_2"


def test_without_a_panel_that_can_be_a_store_there_is_none():
    tidy = tidy_config(SHIPPED["tidy"], ROOT, panels=())
    assert tidy.stores == {}
    assert tidy.unfilled == ("demo",)


def test_a_home_of_nobody_is_a_name_like_any_other(tmp_path):
    assert expanded("~nobody-at-all/x", tmp_path) == tmp_path / "~nobody-at-all" / "x"
