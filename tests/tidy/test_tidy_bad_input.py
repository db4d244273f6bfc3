"""What a store can have wrong, and what a user reads about it."""

import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from random_stores import random_frames, write

from truepremia.errors import DataError
from truepremia.tidy.profiles import Options
from truepremia.tidy.reading import Choice, Store, read_store
from truepremia.tidy.replication import Replication, replicate


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> Path:
    """A folder with a sound store in the old and in the new edition."""
    folder = tmp_path_factory.mktemp("stores")
    frames = random_frames(11)
    write(frames, "python2023", folder / "old")
    write(frames, "parquet2026", folder / "new")
    return folder


@pytest.fixture
def file(stores, tmp_path) -> Path:
    """A sound SQLite store, free to spoil; months in text, identifiers in numbers."""
    return Path(shutil.copy(stores / "old" / "tidy_finance.sqlite", tmp_path))


@pytest.fixture
def folder(stores, tmp_path) -> Path:
    """A sound Parquet store, free to spoil."""
    return Path(shutil.copytree(stores / "new", tmp_path / "new"))


def execute(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def parquet_files(folder: Path) -> list[str]:
    return [str(f) for f in sorted(folder.glob("*.parquet"))]


def message(path, **options) -> str:
    """Return the one line of the error that reading or replicating ``path`` ends in."""
    with pytest.raises(DataError) as caught:
        replicated(read_store(path, Choice(**options)))
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def replicated(store: Store, profile: str = "seed2023") -> Replication:
    return replicate(store.stocks, store.accounts, Options(profile))


def assert_in(phrases, text: str) -> None:
    assert [phrase for phrase in phrases if phrase not in text] == []


def listing(folder: Path) -> set[str]:
    return {f.name for f in folder.iterdir()}


# --- the file ----------------------------------------------------------------------------------


def absent(path: Path) -> None:
    path.unlink()


def zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("permno,month,ret_excess\n")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [absent, zero_bytes, text, directory], ids=lambda f: f.__name__)
def test_file_that_is_no_database_is_named_and_none_is_created(file, spoil):
    spoil(file)
    before = listing(file.parent)
    assert_in([str(file), "not a SQLite database"], message(str(file)))
    assert listing(file.parent) == before


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10_000])


def noise(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:16] + bytes(range(256)) * 50)


@pytest.mark.parametrize("spoil", [truncated, noise], ids=lambda f: f.__name__)
def test_damaged_database_is_named(file, spoil):
    spoil(file)
    assert_in([str(file), "cannot read the SQLite database"], message(str(file)))


def test_damaged_parquet_file_is_named(folder):
    truncated(folder / "crsp_monthly.parquet")
    phrases = [str(folder / "crsp_monthly.parquet"), "cannot read", "restore"]
    assert_in(phrases, message(parquet_files(folder)))


def test_empty_database_names_the_tables_it_needs(tmp_path):
    file = tmp_path / "empty.sqlite"
    execute(file, "PRAGMA user_version = 1")
    wanted = ["crsp_monthly", "compustat or compustat_annual", "tables present: none"]
    wanted += ["factors_ff_monthly or factors_ff3_monthly"]
    assert_in([str(file), *wanted], message(str(file)))


LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""


def locked(file: Path, seconds: float) -> subprocess.Popen:
    command = [sys.executable, "-c", LOCK, str(file), str(seconds)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "locked\n"
    return writer


def test_locked_database_is_waited_for_and_then_reported(file):
    with locked(file, 60) as writer:
        started = time.monotonic()
        found = message(str(file), busy_timeout=0.5)
        waited = time.monotonic() - started
        writer.kill()
    assert_in([str(file), "the database is locked", "waited 0.5 s", "tidy.busy_timeout"], found)
    assert waited > 0.5


def test_database_that_is_released_in_time_is_read(file):
    with locked(file, 0.5):
        assert len(read_store(str(file), Choice(busy_timeout=30)).stocks.month)


def test_database_with_a_write_ahead_log_is_read_without_creating_files(file):
    execute(file, "PRAGMA journal_mode = WAL")
    before = listing(file.parent)
    store = read_store(str(file))
    assert listing(file.parent) == before
    assert_in(["immutable"], store.report["warnings"][0])


def test_rows_in_a_write_ahead_log_are_read(file):
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("DELETE FROM crsp_monthly WHERE permno = 10000")
    writer.commit()
    try:
        assert 10_000 not in read_store(str(file)).stocks.permno
    finally:
        writer.close()


def test_reading_takes_no_lock_that_a_writer_would_notice_afterwards(file):
    read_store(str(file))
    execute(file, "BEGIN EXCLUSIVE", "DELETE FROM compustat WHERE rowid = 1")


# --- tables, columns, values that cannot be used -----------------------------------------------

CRSP = "UPDATE crsp_monthly SET"
SPOILED = {
    "table missing": (
        "DROP TABLE factors_ff3_monthly",
        ["factors_ff_monthly or factors_ff3_monthly", "tables present: compustat, crsp_monthly"],
    ),
    "accounts missing": ("DROP TABLE compustat", ["compustat or compustat_annual"]),
    "column missing": (
        "ALTER TABLE crsp_monthly DROP COLUMN mktcap",
        ["crsp_monthly.mktcap", "no such column", "columns present: permno"],
    ),
    "date column missing": (
        "ALTER TABLE factors_ff3_monthly DROP COLUMN month",
        ["factors_ff3_monthly.month", "month, date"],
    ),
    "text in numbers": (
        f"{CRSP} mktcap = 'n/a' WHERE rowid IN (3, 5)",
        [
            *("crsp_monthly.mktcap", "2 values are text", "permno=10000", "month=1980-"),
            *("mktcap=n/a", "tidy.coerce"),
        ],
    ),
    "text in a key": (f"{CRSP} permno = 'abc' WHERE rowid = 3", ["crsp_monthly.permno", "abc"]),
    "blob in numbers": (
        "UPDATE compustat SET be = x'00ff' WHERE rowid = 3",
        ["compustat.be", "1 values are text", "be=X'00FF'"],
    ),
    "fraction of a permno": (
        f"{CRSP} permno = 10000.5 WHERE rowid = 3",
        ["crsp_monthly.permno", "not whole", "10000.5"],
    ),
    "unparseable date": (
        f"{CRSP} month = '31/01/1980' WHERE rowid = 3",
        ["crsp_monthly.month", "1 values are no dates", "'31/01/1980'"],
    ),
    "impossible date": (
        "UPDATE compustat SET datadate = '1980-02-31' WHERE rowid = 3",
        ["compustat.datadate", "'1980-02-31'"],
    ),
    "mixed dates": (
        f"{CRSP} month = 3652 WHERE rowid IN (3, 9)",
        ["crsp_monthly.month", "2 values are no dates", "one kind in a column"],
    ),
    "fraction of a day": (
        "UPDATE compustat SET datadate = rowid + 0.5",
        ["compustat.datadate", "1.5"],
    ),
    "date of another century": (
        "UPDATE compustat SET datadate = 99999",
        ["compustat.datadate", "99999", "1900 to 2100"],
    ),
    "text date of another century": (
        "UPDATE compustat SET datadate = '1850-12-31' WHERE rowid = 1",
        ["compustat.datadate", "1900 to 2100"],
    ),
    "rows of a key that differ": (
        "INSERT INTO crsp_monthly SELECT * FROM crsp_monthly WHERE rowid = 3;"
        f"{CRSP} mktcap = 7 WHERE rowid = 3",
        ["crsp_monthly.permno and month", "1 keys have several rows", "permno 10000 month 1980-"],
    ),
    "factors of a month that differ": (
        "UPDATE factors_ff3_monthly SET month = '1980-03-01 00:00:00' WHERE rowid = 5",
        ["factors_ff3_monthly.month", "1 keys have several rows", "month 1980-03-01"],
    ),
    "accounts of a day that differ": (
        "INSERT INTO compustat SELECT * FROM compustat WHERE rowid = 3;"
        "UPDATE compustat SET be = 7 WHERE rowid = 3",
        ["compustat.gvkey and datadate", "1 keys have several rows", "gvkey 00", "datadate 19"],
    ),
    "infinite return": (
        f"{CRSP} ret_excess = 9e999 WHERE rowid = 3",
        ["crsp_monthly.ret_excess", "1 values are infinite"],
    ),
    "no values": (f"{CRSP} mktcap = NULL", ["crsp_monthly.mktcap", "has no values"]),
    "no rows": ("DELETE FROM compustat", ["compustat.gvkey", "has no values"]),
    "codes for exchanges": (
        f"{CRSP} exchange = substr(exchange, 1, 1)",
        ["crsp_monthly.exchange", "no stock is labelled 'NYSE'", "'N'"],
    ),
    "few NYSE stocks in every year": (
        f"{CRSP} exchange = 'NASDAQ' WHERE permno > 10002",
        ["every formation year has fewer than 5 NYSE stocks"],
    ),
    "no December": (
        "DELETE FROM crsp_monthly WHERE substr(month, 6, 2) = '12'",
        ["no complete formation", "a June and the December before it; add months"],
    ),
    "no June": (
        "DELETE FROM crsp_monthly WHERE substr(month, 6, 2) = '06'",
        ["no complete formation", "a row of a June; add months"],
    ),
    "accounts of other companies": (
        "UPDATE compustat SET gvkey = gvkey + 500000",
        ["no complete formation", "gvkeys such as '001", "'501", "never agree; write them alike"],
    ),
    "percent": (
        "UPDATE factors_ff3_monthly SET smb = 100 * smb",
        ["factors_ff3_monthly.smb", "percent", "divide by 100"],
    ),
    "text of another encoding": (
        f"{CRSP} exchange = CAST(x'4eff' AS TEXT) WHERE rowid = 3",
        ["cannot read the SQLite database", "utf-8"],
    ),
    "identifier that is a fraction": (
        f"{CRSP} gvkey = 1000.5 WHERE rowid = 3",
        ["crsp_monthly.gvkey", "1000.5", "no company identifier"],
    ),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_fault_names_file_table_and_column(file, fault):
    statements, phrases = SPOILED[fault]
    execute(file, *statements.split(";"))
    found = message(str(file))
    if "formation" not in found:
        assert_in([str(file)], found)
    assert_in(phrases, found)
    assert "; " in found or ": add" in found, "no remedy"


def test_no_return_after_the_formations_is_no_complete_formation(file):
    execute(file, "DELETE FROM crsp_monthly WHERE month > '1981-06-30'")
    store = read_store(str(file))
    with pytest.raises(DataError, match="no complete formation"):
        replicated(store, "book2026")


def test_a_profile_without_its_july_says_so(file):
    execute(file, "DELETE FROM crsp_monthly WHERE substr(month, 6, 2) = '07'")
    store = read_store(str(file))
    with pytest.raises(DataError, match="the July after it, of which the profile takes"):
        replicated(store, "seed2023")


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        (
            ["1982-06"],
            "no factors from 1982-06 to 1983-06, 13 months: crsp_monthly has no stocks in 1 of "
            "them and none can be sorted in the others",
        ),
        (
            ["1982-09", "1982-10"],
            "no factors from 1982-09 to 1982-10, 2 months: crsp_monthly has no stocks",
        ),
    ],
)
def test_months_without_factors_between_others_are_said(tmp_path, absent, said):
    frames = random_frames(5, years=5)
    crsp = frames.crsp[~frames.crsp["month"].isin(pd.to_datetime(absent))]
    store = read_store(write(replace(frames, crsp=crsp), "python2023", tmp_path))
    assert said in replicated(store, "book2026").report["warnings"]


def test_parquet_faults_name_table_and_column_too(folder):
    crsp = pd.read_parquet(folder / "crsp_monthly.parquet")
    crsp.assign(mktcap="x" + crsp["mktcap"].astype(str)).to_parquet(folder / "crsp_monthly.parquet")
    phrases = [str(folder), "crsp_monthly.mktcap", "values are text", "permno=10000"]
    assert_in(phrases, message(parquet_files(folder)))


# --- values that are noted ---------------------------------------------------------------------


def warnings(file: Path, *statements: str, **options) -> tuple[Store, str]:
    execute(file, *statements)
    store = read_store(str(file), Choice(**options))
    return store, " | ".join(store.report["warnings"])


def test_text_becomes_missing_when_that_is_asked_for(file):
    plain = read_store(str(file))
    store, said = warnings(file, f"{CRSP} mktcap = 'n/a' WHERE rowid IN (3, 5)", coerce=True)
    assert_in(["crsp_monthly.mktcap: 2 values were text and count as missing"], said)
    gone = np.isnan(store.stocks.mktcap) & ~np.isnan(plain.stocks.mktcap)
    assert gone.sum() == 2
    np.testing.assert_array_equal(store.stocks.mktcap[~gone], plain.stocks.mktcap[~gone])


def test_exact_duplicates_are_dropped_with_a_warning(file):
    plain = read_store(str(file))
    double = "INSERT INTO crsp_monthly SELECT * FROM crsp_monthly WHERE rowid < 8"
    store, said = warnings(file, double)
    assert_in(["crsp_monthly.permno and month: 7 exact duplicates of rows were dropped"], said)
    np.testing.assert_array_equal(store.stocks.permno, plain.stocks.permno)


def test_rows_without_a_key_are_dropped_with_a_warning(file):
    rows = len(read_store(str(file)).stocks.month)
    store, said = warnings(file, f"{CRSP} month = NULL WHERE rowid < 4")
    assert_in(["crsp_monthly.permno or month: 3 rows have none and were dropped"], said)
    assert len(store.stocks.month) == rows - 3


def test_return_below_minus_one_is_kept_with_a_warning(file):
    store, said = warnings(file, f"{CRSP} ret_excess = -1.25 WHERE rowid = 3")
    assert_in(["crsp_monthly.ret_excess: 1 returns lie below -1 and were kept"], said)
    assert np.nanmin(store.stocks.ret_excess) == -1.25


def test_market_equity_that_is_not_positive_counts_as_missing(file):
    missing = np.isnan(read_store(str(file)).stocks.mktcap).sum()
    present = f"{CRSP} mktcap = 0 WHERE rowid IN (SELECT rowid FROM crsp_monthly"
    store, said = warnings(file, f"{present} WHERE mktcap > 0 LIMIT 2)")
    assert_in(["crsp_monthly.mktcap: 2 values are not positive and count as missing"], said)
    assert np.isnan(store.stocks.mktcap).sum() == missing + 2


def test_column_that_is_optional_may_be_empty(file):
    store, _ = warnings(file, "UPDATE compustat SET op = NULL")
    assert "op" not in store.accounts.items
    assert replicated(store).report["five_factor_formations"] == 0


def test_exchange_codes_stand_for_labels(file):
    labels = read_store(str(file)).stocks.exchange
    code = "CASE exchange WHEN 'NYSE' THEN 31 WHEN 'AMEX' THEN 2 WHEN 'NASDAQ' THEN 3 ELSE 9 END"
    store, _ = warnings(
        file,
        "ALTER TABLE crsp_monthly ADD COLUMN exchcd",
        f"{CRSP} exchcd = {code}",
        "ALTER TABLE crsp_monthly DROP COLUMN exchange",
    )
    assert store.stocks.exchange.names == labels.names
    np.testing.assert_array_equal(store.stocks.exchange.code, labels.code)


def test_primary_exchange_stands_for_labels(folder):
    crsp = pd.read_parquet(folder / "crsp_monthly.parquet")
    letter = crsp["exchange"].map({"NYSE": "N", "AMEX": "A", "NASDAQ": "Q", "Other": "R"})
    crsp = crsp.drop(columns="exchange").assign(primaryexch=letter)
    before = read_store(parquet_files(folder)).stocks.exchange
    crsp.to_parquet(folder / "crsp_monthly.parquet")
    after = read_store(parquet_files(folder)).stocks.exchange
    assert after.names == before.names
    np.testing.assert_array_equal(after.code, before.code)


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("us"), pa.date64(), pa.string()])
def test_parquet_dates_may_be_of_any_type(folder, kind):
    before = read_store(parquet_files(folder))
    table = pq.read_table(folder / "crsp_monthly.parquet")
    position = table.column_names.index("date")
    pq.write_table(
        table.set_column(position, "date", table["date"].cast(kind)),
        folder / "crsp_monthly.parquet",
    )
    after = read_store(parquet_files(folder))
    np.testing.assert_array_equal(after.stocks.month, before.stocks.month)


def test_blank_and_spaced_identifiers_are_normalised(file):
    before = read_store(str(file))
    spaced = "UPDATE compustat SET gvkey = ' ' || gvkey || ' '"
    store, _ = warnings(file, spaced, f"{CRSP} gvkey = ' ' WHERE gvkey IS NULL")
    assert store.accounts.gvkey.names == before.accounts.gvkey.names
    np.testing.assert_array_equal(store.stocks.gvkey.code, before.stocks.gvkey.code)


# --- what the replication notes ----------------------------------------------------------------


def test_latest_account_of_a_calendar_year_is_used(file):
    later = "INSERT INTO compustat (gvkey, datadate, be) VALUES (999999, '{}', {})"
    link = f"{CRSP} gvkey = 999999 WHERE permno = 10000"
    accounts = [later.format("1980-03-31 00:00:00", 100), later.format("1980-09-30 00:00:00", 200)]
    store, _ = warnings(file, link, *accounts)
    found = replicated(store)
    assert found.report["accounts_later_in_their_year"] == 1
    assert_in(["1 accounts are followed by another one"], " ".join(found.report["warnings"]))
    f = found.formations
    december = read_store(str(file)).stocks
    value = december.mktcap[(december.permno == 10_000) & (december.month == 10 * 12 + 11)][0]
    assert f["bm"][(f["permno"] == 10_000) & (f["year"] == 1981)][0] == 200 / value


@pytest.mark.parametrize("profile", ["seed2023", "book2026"])
def test_book_equity_that_is_not_positive_follows_the_profile(file, profile):
    found = replicated(read_store(str(file)), profile)
    count = found.report["accounts_without_positive_equity"]
    fate = "kept" if profile == "seed2023" else "left out"
    assert count > 0
    assert (found.formations["bm"] <= 0).any() == (profile == "seed2023")
    said = f"{count} accounts have book equity that is not positive and were {fate}"
    assert said in found.report["warnings"]


def test_missing_values_are_counted_by_column(file):
    store = read_store(str(file))
    counts = replicated(store).report["months_missing"]
    crsp = random_frames(11).crsp
    assert counts == {c: int(crsp[c].isna().sum()) for c in counts}
    assert min(counts[c] for c in ("gvkey", "ret_excess", "mktcap", "mktcap_lag")) > 0


def test_months_without_positive_weight_are_dropped_with_a_warning(file):
    chosen = "SELECT rowid FROM crsp_monthly WHERE month LIKE '1981-09%' LIMIT 3"
    store, _ = warnings(file, f"{CRSP} mktcap_lag = -mktcap_lag WHERE rowid IN ({chosen})")
    found = replicated(store, "book2026")
    dropped = found.report["months_without_weight"]
    assert 0 < dropped <= 3
    said = f"{dropped} stock months have no positive mktcap_lag and were dropped"
    assert said in found.report["warnings"]
    assert (found.cells["mktcap_lag"] > 0).all()


@pytest.mark.parametrize("nyse", [0, 4])
def test_year_with_few_nyse_stocks_is_skipped_with_a_warning(file, nyse):
    unlist = f"{CRSP} exchange = 'AMEX' WHERE month BETWEEN '1982-07' AND '1982-08'"
    store, _ = warnings(file, f"{unlist} AND permno >= {10_000 + 0}")
    kept = np.unique(replicated(store).formations["year"])
    assert 1982 not in kept
    found = replicated(store)
    assert found.report["skipped_years"] == [1982]
    assert any("years skipped, fewer than 5 NYSE" in w for w in found.report["warnings"])
    if nyse:
        listed = found.formations["permno"][found.formations["year"] == 1983][:nyse]
        names = ", ".join(map(str, listed))
        july = "month BETWEEN '1982-07' AND '1982-08'"
        store, _ = warnings(file, f"{CRSP} exchange = 'NYSE' WHERE permno IN ({names}) AND {july}")
        assert replicated(store).report["skipped_years"] == [1982]


def test_equal_breakpoints_leave_an_empty_portfolio_and_are_counted(file):
    store, _ = warnings(file, "UPDATE compustat SET be = 100", f"{CRSP} mktcap = 50")
    found = replicated(store)
    assert found.report["equal_breakpoints"] > 0
    assert set(found.formations["portfolio_bm"]) == {1}
    assert np.isnan(found.factors["hml"]).all()
    assert any("equal breakpoints" in w for w in found.report["warnings"])
    assert found.report["months_with_empty_cells"] == len(found.factors["month"])
