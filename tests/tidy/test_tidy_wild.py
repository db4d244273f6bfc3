"""Stores as users have them: each changes one thing of a store that fits its published factors."""

import shutil
import sqlite3
from dataclasses import replace as changed
from pathlib import Path

import literal_chapters
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from random_stores import Frames, random_frames, write

from truepremia.errors import DataError
from truepremia.tidy import sources
from truepremia.tidy.evaluation import evaluate
from truepremia.tidy.formations import holdings
from truepremia.tidy.layouts import Choice
from truepremia.tidy.profiles import Options
from truepremia.tidy.reading import Store, read_store
from truepremia.tidy.replication import replicate
from truepremia.tidy.tables import read_variables, write_variables

FIT = 0.998
"""R2 of published on replicated in the store that nothing was done to."""

CRSP = "UPDATE crsp_monthly SET"


@pytest.fixture(scope="module")
def frames() -> Frames:
    """A store whose published factors are the literal chapter's with a little noise."""
    plain = random_frames(5, stocks=150, years=5, negative_equity=False)
    noise = np.random.default_rng(1)
    literal = literal_chapters.seed2023(plain.crsp, plain.accounts).factors
    published = plain.published.set_index("month")
    for name in ("smb", "hml"):
        known = published.index.intersection(literal.index)
        published.loc[known, name] = literal.loc[known, name]
        published[name] += noise.normal(0, 0.0005, len(published))
    rows = plain.crsp.dropna()
    market = rows.groupby("month").apply(
        lambda x: np.average(x["ret_excess"], weights=x["mktcap_lag"]), include_groups=False
    )
    published["mkt_excess"] = market + noise.normal(0, 0.0005, len(published))
    return Frames(plain.crsp, plain.accounts, published.reset_index())


@pytest.fixture(scope="module")
def stores(frames, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wild")
    write(frames, "python2023", folder / "old")
    write(frames, "parquet2026", folder / "new")
    return folder


@pytest.fixture
def file(stores, tmp_path) -> Path:
    return Path(shutil.copy(stores / "old" / "tidy_finance.sqlite", tmp_path / "store.sqlite"))


@pytest.fixture
def folder(stores, tmp_path) -> Path:
    return Path(shutil.copytree(stores / "new", tmp_path / "new"))


def execute(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def evaluated(path, **choice):
    """Return R2 by factor, and all warnings, of the way from a store to its evaluation."""
    store = read_store(str(path), Choice(**choice))
    replication = replicate(store.stocks, store.accounts, Options(store.report["profile"]))
    factors, published = (
        pd.DataFrame({name: np.asarray(values) for name, values in table.items()})
        for table in (replication.factors, store.published)
    )
    for table in (factors, published):
        table["month"] = table["month"].astype("datetime64[s]")
    noted = [*store.report["warnings"], *replication.report["warnings"]]
    evaluation = evaluate(factors, published, noted=noted)
    r2 = {factor.name: factor.fit.r2 for factor in evaluation.factors}
    return r2, " | ".join(evaluation.warnings)


def refused(path, **choice) -> str:
    with pytest.raises(DataError) as caught:
        read_store(str(path), Choice(**choice))
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert str(path) in text or str(path.resolve()) in text
    return text


def fits(r2) -> bool:
    return min(r2["smb"], r2["hml"], r2["mkt_excess"]) > FIT


def test_the_store_fits_before_anything_is_done_to_it(file):
    r2, warnings = evaluated(file)
    assert fits(r2)
    assert "shifted" not in warnings
    assert "disagree" not in warnings


# --- 1: months ---------------------------------------------------------------------------------

EVENING = "strftime('%Y-%m-%d %H:%M:%S', month, '-1 hour')"


@pytest.mark.parametrize("table", ["crsp_monthly", "factors_ff3_monthly"])
@pytest.mark.parametrize("zone", ["", "+00:00", "Z"])
def test_dates_of_the_evening_before_are_refused(file, table, zone):
    if table == "crsp_monthly":
        execute(file, "ALTER TABLE crsp_monthly DROP COLUMN date")
    execute(file, f"UPDATE {table} SET month = {EVENING} || '{zone}'")
    found = refused(file)
    for phrase in (f"{table}.month", "clock time", "23:00:00", "without a time"):
        assert phrase in found


def test_parquet_times_have_the_date_of_their_zone(folder):
    crsp = pq.read_table(folder / "crsp_monthly.parquet")
    plain = read_store(str(folder)).stocks.month
    at = crsp.column_names.index("date")
    local = pd.DatetimeIndex(crsp["date"].to_pandas()).tz_localize("Europe/Berlin")
    berlin = pa.array(local.astype("datetime64[us, Europe/Berlin]"))
    pq.write_table(crsp.set_column(at, "date", berlin), folder / "crsp_monthly.parquet")
    np.testing.assert_array_equal(read_store(str(folder)).stocks.month, plain)
    utc = berlin.cast(pa.timestamp("us", "UTC"))
    pq.write_table(crsp.set_column(at, "date", utc), folder / "crsp_monthly.parquet")
    assert "clock time" in refused(folder)


@pytest.mark.parametrize("table", ["crsp_monthly", "factors_ff3_monthly"])
def test_months_that_are_shifted_by_one_are_seen_in_the_market(file, table):
    if table == "crsp_monthly":
        execute(file, "ALTER TABLE crsp_monthly DROP COLUMN date")
    execute(file, f"UPDATE {table} SET month = strftime('%Y-%m-%d', month, '-1 day')")
    r2, warnings = evaluated(file)
    assert r2["mkt_excess"] < 0.2
    assert "the months of stocks and published factors look shifted by one" in warnings


def test_trading_days_moved_by_a_day_are_seen_in_the_days(file):
    execute(
        file,
        "ALTER TABLE crsp_monthly DROP COLUMN month",
        f"{CRSP} date = strftime('%Y-%m-%d', date, CASE permno % 2 WHEN 0 THEN '+1 day' "
        "ELSE '-1 day' END)",
    )
    assert "look shifted by a day" in " ".join(read_store(str(file)).report["warnings"])


def test_fiscal_years_that_end_on_the_first_of_a_month_are_noted(file):
    execute(file, "UPDATE compustat SET datadate = strftime('%Y-%m-%d', datadate, '+1 day')")
    assert "compustat.datadate: 100% of the fiscal years" in evaluated(file)[1]


@pytest.mark.parametrize(
    "expression, looks",
    [
        ("CAST(strftime('%s', month) AS INTEGER)", "seconds since 1970"),
        ("1000 * CAST(strftime('%s', month) AS INTEGER)", "milliseconds since 1970"),
        ("1000000000 * CAST(strftime('%s', month) AS INTEGER)", "ns since 1970"),
        ("CAST(strftime('%Y%m', month) AS INTEGER)", "YYYYMM"),
        ("CAST(strftime('%Y%m%d', month) AS INTEGER)", "YYYYMMDD"),
        ("1e300", ""),
        ("9223372036854775807", ""),
    ],
)
def test_numbers_that_are_no_days_are_named_by_what_they_look_like(file, expression, looks):
    execute(file, f"UPDATE factors_ff3_monthly SET month = {expression}")
    found = refused(file)
    assert "factors_ff3_monthly.month" in found
    assert looks in found


# --- 2: several candidates ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["factors_ff_monthly", "FACTORS_FF_MONTHLY"])
def test_factors_that_cover_the_stocks_are_preferred_and_both_are_named(file, name):
    execute(
        file,
        f"CREATE TABLE {name} AS SELECT month, -smb AS smb, hml, mkt_excess, rf "
        "FROM factors_ff3_monthly WHERE month < '1982-01-01'",
    )
    r2, warnings = evaluated(file)
    assert fits(r2)
    assert f"factors_ff3_monthly and {name} may be the same table" in warnings
    chosen = read_store(str(file), Choice(tables={"three_factors": name}))
    assert np.nanmax(chosen.published["month"][~np.isnan(chosen.published["smb"])]) < np.datetime64(
        "1982-01-01"
    )


def test_accounts_that_cover_the_stocks_are_preferred(file):
    execute(
        file,
        "CREATE TABLE compustat_annual AS SELECT * FROM compustat WHERE datadate < '1981-01-01'",
    )
    r2, warnings = evaluated(file)
    assert fits(r2)
    assert "compustat is read" in warnings


def test_of_equal_candidates_the_newest_edition_is_read(file):
    execute(file, "CREATE VIEW compustat_annual AS SELECT * FROM compustat")
    assert "compustat_annual is read" in " ".join(read_store(str(file)).report["warnings"])


def test_columns_that_disagree_are_named(file):
    execute(
        file,
        "ALTER TABLE factors_ff3_monthly ADD COLUMN risk_free",
        "UPDATE factors_ff3_monthly SET risk_free = rf + 1e-3 * (month < '1981-01-01')",
        "ALTER TABLE crsp_monthly ADD COLUMN exchcd",
        f"{CRSP} exchcd = CASE exchange WHEN 'NYSE' THEN 1 ELSE 3 END",
        f"{CRSP} exchcd = 1 WHERE rowid IN (SELECT rowid FROM crsp_monthly "
        "WHERE exchange = 'AMEX' LIMIT 4)",
    )
    warnings = evaluated(file)[1]
    assert "values differ from those of risk_free; rf is used" in warnings
    assert "crsp_monthly.exchange: 4 rows are on the NYSE by exchange or exchcd alone" in warnings


def test_view_of_a_table_that_is_gone_is_no_candidate(file):
    plain = read_store(str(file))
    execute(file, "CREATE VIEW factors_ff_monthly AS SELECT * FROM old_factors")
    store = read_store(str(file))
    assert_same_store(store, plain)
    assert store.report["warnings"][0].startswith("factors_ff_monthly is left out: no such table")


def test_table_that_was_chosen_must_be_there(file):
    assert "there is no table mine" in refused(file, tables={"accounts": "mine"})


# --- 3: editions -------------------------------------------------------------------------------


def with_column(folder: Path, table: str, name: str, values) -> None:
    content = pd.read_parquet(folder / f"{table}.parquet")
    content.assign(**{name: values(content)}).to_parquet(folder / f"{table}.parquet", index=False)


@pytest.mark.parametrize(
    "month",
    [
        lambda c: pd.to_datetime(c["date"]),
        lambda c: pd.to_datetime(c["date"]).dt.month,
        lambda c: pd.to_datetime(c["date"]).dt.strftime("%b"),
        lambda c: pd.to_datetime(c["date"]).dt.strftime("%Y%m").astype(int),
        lambda c: (pd.to_datetime(c["date"]).dt.year - 1980) * 12,
    ],
    ids=["dates", "1..12", "names", "YYYYMM", "counter"],
)
def test_month_beside_date_leaves_the_newest_edition_what_it_is(folder, month):
    plain = read_store(str(folder))
    assert plain.report["warnings"] == []
    with_column(folder, "crsp_monthly", "month", month)
    store = read_store(str(folder))
    assert store.report["profile"] == plain.report["profile"] == "book2026"
    np.testing.assert_array_equal(store.stocks.month, plain.stocks.month)
    assert "the evidence on the edition disagrees" in " ".join(store.report["warnings"])


def test_month_without_dates_in_an_old_store_is_passed_over(file):
    plain = read_store(str(file))
    execute(file, f"{CRSP} month = CAST(strftime('%m', month) AS INTEGER)")
    store = read_store(str(file))
    np.testing.assert_array_equal(store.stocks.month, plain.stocks.month)
    assert "crsp_monthly.month: the column does not tell the months, date is used" in (
        " ".join(store.report["warnings"])
    )


# --- 4: impossible values ----------------------------------------------------------------------

SOME = "rowid % 97 = 0 AND ret_excess IS NOT NULL"


@pytest.mark.parametrize("code", [-44, -55, -66.0, -77, -88.004, -99, "'B'", "'C'"])
def test_codes_of_missing_returns_are_missing_values(file, code):
    other = file.with_name("other.sqlite")
    shutil.copy(file, other)
    execute(other, f"{CRSP} ret_excess = NULL WHERE {SOME}")
    execute(file, f"{CRSP} ret_excess = {code} WHERE {SOME}")
    np.testing.assert_array_equal(
        read_store(str(file)).stocks.ret_excess, read_store(str(other)).stocks.ret_excess
    )
    named = "letters are CRSP's codes" if isinstance(code, str) else f"({round(code)})"
    assert named in evaluated(file)[1]


@pytest.mark.parametrize("value", [-2.5, -50, -999, -1e9])
def test_other_impossible_returns_are_refused(file, value):
    execute(file, f"{CRSP} ret_excess = {value} WHERE rowid = 7")
    found = refused(file)
    assert "crsp_monthly.ret_excess" in found
    assert "below -200%" in found


def test_returns_in_percent_are_refused(file):
    execute(file, f"{CRSP} ret_excess = 100 * ret_excess")
    assert "in percent" in refused(file)


@pytest.mark.parametrize("code", [-99.99, -999, -0.9999, -9.99])
def test_codes_of_published_factors_are_missing_values(file, code):
    execute(
        file,
        f"UPDATE factors_ff3_monthly SET smb = {code}, mkt_excess = {code} WHERE rowid IN (40, 9)",
    )
    r2, warnings = evaluated(file)
    assert fits(r2)
    assert "factors_ff3_monthly.smb: 2 values are French's codes" in warnings


def test_impossible_published_factor_is_refused_where_it_is_required(file):
    execute(file, "UPDATE factors_ff3_monthly SET hml = 7 WHERE rowid = 9")
    assert "factors_ff3_monthly.hml: 1 values are no return" in refused(file)
    execute(file, "UPDATE factors_ff3_monthly SET hml = 0.01, mkt_excess = 7 WHERE rowid = 9")
    r2, warnings = evaluated(file)
    assert "mkt_excess" not in r2
    assert "mkt_excess: 1 values are no return" in warnings


# --- 5: the log of a database ------------------------------------------------------------------


@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
def test_changes_in_a_log_are_never_ignored(file, tmp_path, linked, monkeypatch):
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("DELETE FROM crsp_monthly WHERE permno = 10000")
    writer.commit()
    there = tmp_path / "medium"
    there.mkdir()
    copy = there / "copy.sqlite"
    shutil.copy(file, copy)
    shutil.copy(f"{file}-wal", f"{copy}-wal")
    writer.close()
    given = copy
    if linked:
        given = tmp_path / "link.sqlite"
        given.symlink_to(copy)
    assert 10_000 not in read_store(str(given)).stocks.permno
    monkeypatch.setattr(sources, "_opens", lambda *_: False)  # as on a read-only medium
    found = refused(given)
    assert "copy.sqlite-wal" in found
    assert "copy both files" in found


def test_empty_log_is_no_reason_to_refuse(file):
    execute(file, "PRAGMA journal_mode = WAL")
    Path(f"{file}-wal").touch()
    assert len(read_store(str(file)).stocks.month)


# --- 6: numbers in text ------------------------------------------------------------------------


def test_text_that_is_a_number_is_that_number(file):
    plain = read_store(str(file))
    execute(file, "UPDATE compustat SET be = CAST(be AS TEXT) WHERE rowid % 7 = 0")
    connection = sqlite3.connect(file)
    stored = dict(connection.execute("SELECT rowid, be FROM compustat WHERE rowid % 7 = 0"))
    assert any(isinstance(be, str) for be in stored.values())
    store = read_store(str(file))
    np.testing.assert_allclose(store.accounts.items["be"], plain.accounts.items["be"], rtol=1e-14)
    assert "numbers are stored as text and were read as numbers" in evaluated(file)[1]


def all_in_text(file: Path, missing: str | None) -> None:
    connection = sqlite3.connect(file)
    names = [n for (n,) in connection.execute("SELECT name FROM sqlite_schema")]
    for name in names:
        cursor = connection.execute(f"SELECT * FROM {name}")
        columns = [c[0] for c in cursor.description]
        rows = [[missing if v is None else str(v) for v in row] for row in cursor]
        connection.execute(f"DROP TABLE {name}")
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{c} TEXT' for c in columns)})")
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("missing", [None, "", "NA", "nan", "None"])
@pytest.mark.parametrize("edition", ["python2023", "r2023"])
def test_database_of_text_equals_the_database_of_numbers(frames, tmp_path, missing, edition):
    path = Path(write(frames, edition, tmp_path))
    plain = read_store(str(path))
    all_in_text(path, missing)
    assert_same_store(read_store(str(path)), plain)


def assert_same_store(one: Store, other: Store) -> None:
    for name in ("permno", "month", "ret_excess", "mktcap", "mktcap_lag"):
        np.testing.assert_array_equal(getattr(one.stocks, name), getattr(other.stocks, name))
    for name in ("gvkey", "exchange"):
        a, b = getattr(one.stocks, name), getattr(other.stocks, name)
        assert a.names == b.names
        np.testing.assert_array_equal(a.code, b.code)
    np.testing.assert_array_equal(one.accounts.datadate, other.accounts.datadate)
    for name, values in other.accounts.items.items():
        np.testing.assert_array_equal(one.accounts.items[name], values)


def test_only_text_that_is_no_number_is_missing_when_that_is_asked_for(file):
    plain = read_store(str(file))
    execute(
        file,
        "UPDATE compustat SET be = CAST(be AS TEXT) WHERE rowid % 7 = 0",
        "UPDATE compustat SET be = 'n/a' WHERE rowid = 3 AND be IS NOT NULL",
    )
    assert "1 values are text" in refused(file)
    store = read_store(str(file), Choice(coerce=True))
    lost = np.isnan(store.accounts.items["be"]) & ~np.isnan(plain.accounts.items["be"])
    assert lost.sum() == 1


def test_integers_of_numpy_are_read(file):
    plain = read_store(str(file))
    connection = sqlite3.connect(file)
    permno = [(p.to_bytes(8, "little"), row) for row, p in connection.execute(
        "SELECT rowid, permno FROM crsp_monthly").fetchall()]  # fmt: skip
    connection.executemany("UPDATE crsp_monthly SET permno = ? WHERE rowid = ?", permno)
    connection.commit()
    connection.close()
    np.testing.assert_array_equal(read_store(str(file)).stocks.permno, plain.stocks.permno)


# --- 10: optional parts ------------------------------------------------------------------------

OPTIONAL = {
    "infinite op": (
        "UPDATE compustat SET op = 9e999 WHERE rowid < 3",
        "compustat.op: 2 values are",
    ),
    "infinite inv": (
        "UPDATE compustat SET inv = -9e999 WHERE rowid = 3",
        "compustat.inv: 1 values",
    ),
    "text in op": ("UPDATE compustat SET op = 'x' WHERE rowid < 4", "compustat.op: 3 values were"),
    "bytes that are no text in op": (
        "UPDATE compustat SET op = CAST(x'ff41' AS TEXT) WHERE rowid < 4",
        "compustat.op: 3 values were",
    ),
    "bytes that are no text in an account": (
        "UPDATE compustat SET inv = CAST(x'c3' AS TEXT) WHERE rowid = 3",
        "compustat.inv: 1 values were",
    ),
    "no cma": ("ALTER TABLE factors_ff5_monthly DROP COLUMN cma", "factors_ff5_monthly.cma"),
    "no rmw, percent": (
        "UPDATE factors_ff5_monthly SET rmw = 100 * rmw",
        "factors_ff5_monthly.rmw: the median size",
    ),
    "empty": ("DELETE FROM factors_ff5_monthly", "five factors are left out"),
    "dates": ("UPDATE factors_ff5_monthly SET month = 'x'", "five factors are left out"),
    "twice": (
        "UPDATE factors_ff5_monthly SET month = '1980-01-01'",
        "five factors are left out",
    ),
    "riskless": ("UPDATE factors_ff3_monthly SET rf = 'x'", "factors_ff3_monthly.rf"),
}


@pytest.mark.parametrize("fault", OPTIONAL)
def test_fault_in_an_optional_part_leaves_the_three_factors(file, fault):
    statement, phrase = OPTIONAL[fault]
    execute(file, statement)
    r2, warnings = evaluated(file)
    assert fits(r2)
    assert phrase in warnings


@pytest.mark.parametrize("column", ["be", "datadate"])
def test_bytes_that_are_no_text_in_a_required_column_are_named_by_column(file, column):
    execute(file, f"UPDATE compustat SET {column} = CAST(x'ff41' AS TEXT) WHERE rowid < 4")
    assert f"compustat.{column}" in refused(file)


def test_bytes_that_are_no_text_are_a_company_like_any_unknown_one(file):
    execute(file, "UPDATE compustat SET gvkey = 'other' WHERE rowid < 4")
    other, _ = evaluated(file)
    execute(file, "UPDATE compustat SET gvkey = CAST(x'ff41' AS TEXT) WHERE rowid < 4")
    assert evaluated(file)[0] == other


# --- 11: folders of Parquet files --------------------------------------------------------------


def test_only_files_of_the_store_are_opened(folder):
    plain = read_store(str(folder))
    (folder / "half.parquet").write_bytes(b"PAR1")
    (folder / "._crsp_monthly.parquet").write_bytes(b"Mac")
    (folder / "notes").mkdir()
    (folder / "notes" / "x.parquet").write_bytes(b"")
    assert_same_store(read_store(str(folder)), plain)


@pytest.mark.parametrize("name", ["crsp_monthly", "crsp_monthly.parquet", "CRSP_MONTHLY"])
@pytest.mark.parametrize("hive", [False, True], ids=["parts", "hive"])
def test_partitioned_table_is_a_table(folder, name, hive):
    plain = read_store(str(folder))
    crsp = pd.read_parquet(folder / "crsp_monthly.parquet")
    (folder / "crsp_monthly.parquet").unlink()
    key = "exchange" if hive else pd.to_datetime(crsp["date"]).dt.year
    for number, (value, part) in enumerate(crsp.groupby(key, dropna=False)):
        place = folder / name / (f"exchange={value}" if hive else ".")
        place.mkdir(parents=True, exist_ok=True)
        kept = part.drop(columns="exchange") if hive else part
        kept.to_parquet(place / f"part-{number}.parquet", index=False)
    (folder / name / "_metadata.parquet").write_bytes(b"")
    assert_same_store(read_store(str(folder)), plain)


# --- 12: forms of the same table ---------------------------------------------------------------


def test_upper_case_tables_and_columns_are_read(file):
    plain = read_store(str(file))
    for table in ("crsp_monthly", "compustat", "factors_ff3_monthly", "factors_ff5_monthly"):
        connection = sqlite3.connect(file)
        columns = [c[1] for c in connection.execute(f"PRAGMA table_info({table})")]
        connection.close()
        execute(
            file,
            *(f"ALTER TABLE {table} RENAME COLUMN {c} TO {c.upper()}" for c in columns),
            f"ALTER TABLE {table} RENAME TO {table}_x",
            f"ALTER TABLE {table}_x RENAME TO {table.upper()}",
        )
    assert_same_store(read_store(str(file)), plain)


CODES = "CASE exchange WHEN 'NYSE' THEN 1 WHEN 'AMEX' THEN 32 WHEN 'NASDAQ' THEN 3 ELSE 9 END"
LETTERS = (
    "CASE exchange WHEN 'NYSE' THEN 'N ' WHEN 'AMEX' THEN ' A' WHEN 'NASDAQ' THEN 'Q' ELSE 'X' END"
)


@pytest.mark.parametrize(
    "column, code",
    [
        ("exchcd", f"CAST({CODES} AS TEXT)"),
        ("exchcd", f"CAST({CODES} AS REAL)"),
        ("exchcd", f"' ' || CAST({CODES} AS REAL)"),
        ("primaryexch", LETTERS),
        ("exchange", "' ' || lower(exchange) || ' '"),
    ],
)
def test_exchange_codes_in_any_form_stand_for_labels(file, column, code):
    plain = read_store(str(file)).stocks.exchange
    if column != "exchange":
        execute(file, f"ALTER TABLE crsp_monthly ADD COLUMN {column}")
    execute(file, f"{CRSP} {column} = {code}")
    if column != "exchange":
        execute(file, f"{CRSP} exchange = NULL")
    found = read_store(str(file)).stocks.exchange
    np.testing.assert_array_equal(found.is_name("NYSE"), plain.is_name("NYSE"))


@pytest.mark.parametrize("kind", ["VIRTUAL", "STORED"])
def test_generated_columns_are_columns(file, kind):
    plain = read_store(str(file))
    execute(
        file,
        "CREATE TABLE c (gvkey INTEGER, datadate TEXT, million REAL, op REAL, inv REAL, "
        f"be REAL GENERATED ALWAYS AS (million / 1000) {kind})",
        "INSERT INTO c SELECT gvkey, datadate, be * 1000, op, inv FROM compustat",
        "DROP TABLE compustat",
        "ALTER TABLE c RENAME TO compustat",
    )
    be = read_store(str(file)).accounts.items["be"]
    np.testing.assert_allclose(be, plain.accounts.items["be"], rtol=1e-14)


def test_views_and_tables_without_rowid_are_tables(file):
    plain = read_store(str(file))
    execute(
        file,
        "CREATE TABLE w (permno, month, gvkey, ret_excess, mktcap, mktcap_lag, exchange, "
        "PRIMARY KEY (permno, month)) WITHOUT ROWID",
        "INSERT INTO w SELECT permno, month, gvkey, ret_excess, mktcap, mktcap_lag, exchange "
        "FROM crsp_monthly",
        "DROP TABLE crsp_monthly",
        "CREATE VIEW crsp_monthly AS SELECT * FROM w",
    )
    assert_same_store(read_store(str(file)), plain)


@pytest.mark.parametrize("has_format", [False, True])
def test_financial_format_beside_the_industrial_one_is_passed_over(file, has_format):
    plain = read_store(str(file))
    book = "be + 5" if has_format else "NULL"
    execute(
        file,
        "ALTER TABLE compustat ADD COLUMN indfmt",
        "UPDATE compustat SET indfmt = 'INDL'",
        f"INSERT INTO compustat SELECT gvkey, datadate, {book}, NULL, NULL, 'FS' FROM compustat "
        "WHERE be IS NOT NULL AND rowid % 3 = 0",
    )
    if not has_format:
        execute(file, "ALTER TABLE compustat DROP COLUMN indfmt")
    store = read_store(str(file))
    assert_same_store(store, plain)
    assert "rows were passed over" in " ".join(store.report["warnings"])


# --- 13: messages ------------------------------------------------------------------------------

OTHER_FILES = {
    "csv": (b"permno,date,ret\n10000,1980-01-31,0.1\n", "CSV", ".import --csv"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(50), "compressed", "unpack"),
    "zip": (b"PK\x03\x04" + bytes(50), "compressed", "unpack"),
    "parquet": (b"PAR1" + bytes(50), "one Parquet file", "folder"),
    "duckdb": (bytes(8) + b"DUCK" + bytes(50), "DuckDB", ""),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_other_files_are_named_by_what_they_are(tmp_path, kind):
    content, *phrases = OTHER_FILES[kind]
    path = tmp_path / "store.db"
    path.write_bytes(content)
    found = refused(path)
    assert [phrase for phrase in phrases if phrase not in found] == []


def test_duckdb_file_is_the_store_that_its_tables_are(folder, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    plain = read_store(str(folder))
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        for file in folder.glob("*.parquet"):
            connection.execute(f"CREATE TABLE {file.stem.upper()} AS FROM '{file}'")
    assert_same_store(read_store(str(tmp_path / "store.duckdb")), plain)
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        connection.execute("ALTER TABLE COMPUSTAT_ANNUAL ALTER be TYPE VARCHAR")
    assert_same_store(read_store(str(tmp_path / "store.duckdb")), plain)


def test_months_without_overlap_name_both_ranges(file):
    execute(file, "UPDATE factors_ff3_monthly SET month = replace(month, '198', '195')")
    execute(file, "DELETE FROM factors_ff5_monthly")
    with pytest.raises(DataError) as caught:
        evaluated(file)
    for phrase in ("1981-07", "1950-01", "no month in common"):
        assert phrase in str(caught.value)


def test_exchange_error_shows_what_is_stored(file):
    execute(file, "ALTER TABLE crsp_monthly ADD COLUMN exchcd", f"{CRSP} exchcd = 4")
    execute(file, "ALTER TABLE crsp_monthly DROP COLUMN exchange")
    assert "stored: '4'" in refused(file)


# --- 18, 19: market equity ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["absent", "empty"])
def test_lagged_market_equity_is_computed_by_the_calendar(file, how):
    if how == "absent":
        execute(file, "ALTER TABLE crsp_monthly DROP COLUMN mktcap_lag")
    else:
        execute(file, f"{CRSP} mktcap_lag = NULL")
    store = read_store(str(file))
    value = {
        (p, m): v
        for p, m, v in zip(
            store.stocks.permno, store.stocks.month, store.stocks.mktcap, strict=True
        )
    }
    wanted = [
        value.get((p, m - 1), np.nan)
        for p, m in zip(store.stocks.permno, store.stocks.month, strict=True)
    ]
    np.testing.assert_array_equal(store.stocks.mktcap_lag, wanted)
    gaps = np.diff(store.stocks.month) > 1
    assert gaps[np.diff(store.stocks.permno) == 0].any()
    assert any("mktcap_lag: not stored" in w for w in store.report["warnings"])


def test_lags_by_row_are_noted(file):
    execute(file, f"{CRSP} mktcap_lag = 2 * mktcap_lag")
    assert "values are not mktcap of the calendar month before" in evaluated(file)[1]


def test_market_equity_by_company_sums_its_securities(file, tmp_path):
    execute(
        file, "ALTER TABLE crsp_monthly ADD COLUMN permco", f"{CRSP} permco = (permno - 10000) / 2"
    )
    store = read_store(str(file))
    write_variables(tmp_path / "v.parquet", "mine", store.stocks, store.variables)
    company = read_variables(tmp_path / "v.parquet", "mine")["permco"]
    options = Options("book2026", market_equity="company")
    by_company = holdings(store.stocks, store.accounts, options, company).formations
    alone = holdings(store.stocks, store.accounts, Options("book2026")).formations
    s = pd.DataFrame({"permno": store.stocks.permno, "month": store.stocks.month})
    s["me"], s["co"] = store.stocks.mktcap, company
    total = s.groupby(["month", "co"])["me"].transform("sum")
    largest = s.groupby(["month", "co"])["me"].transform("max") == s["me"]
    np.testing.assert_allclose(by_company.variables["me"], total[by_company.row], rtol=1e-14)
    np.testing.assert_array_equal(by_company.counted, largest[by_company.row])
    np.testing.assert_array_equal(by_company.row, alone.row)
    ratio = by_company.variables["bm"] / alone.variables["bm"]
    assert (ratio <= 1).all()
    assert (ratio < 1).any()
    assert by_company.nyse.sum() < alone.nyse.sum()


def test_market_equity_by_company_needs_companies(file):
    store = read_store(str(file))
    options = changed(Options("book2026"), market_equity="company")
    with pytest.raises(DataError, match="permco"):
        holdings(store.stocks, store.accounts, options)
