"""Impossible values, numbers in text, faults in optional parts."""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from random_stores import write
from wild_store import CRSP, assert_same_store, evaluated, execute, fits, refused

from truepremia.tidy.layouts import Choice
from truepremia.tidy.reading import read_store

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


@pytest.mark.parametrize("form", ["{}", "CAST({} AS TEXT)", "CAST({} AS REAL)"])
def test_identifiers_too_large_for_double_precision_are_told_so(file, form):
    execute(file, f"{CRSP} permno = {form.format('permno + (1 << 60)')} WHERE rowid > 2")
    found = refused(file)
    rows = len(read_rows(file)) - 2
    assert f"crsp_monthly.permno: {rows} values are too large, the first about 1.15292e+18" in found
    assert "below 9007199254740992 (2^53); store smaller ones" in found


def read_rows(file: Path) -> list:
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT permno FROM crsp_monthly").fetchall()
    connection.close()
    return rows


def test_largest_identifiers_are_read_exactly(file):
    plain = read_store(str(file)).stocks.permno
    most = 2**53 - 1 - int(plain.max())
    execute(file, f"{CRSP} permno = permno + {most}")
    np.testing.assert_array_equal(read_store(str(file)).stocks.permno, plain + most)
    execute(file, f"{CRSP} permno = permno + 1")
    assert "are too large" in refused(file)


def test_numbers_that_are_not_whole_are_told_so(file):
    execute(file, f"{CRSP} permno = permno + 0.5 WHERE rowid = 3")
    assert "1 values are not whole, the first 1" in refused(file)


def test_companies_that_cannot_be_told_apart_are_missing(file):
    """They are next to each other: in double precision all would be one company."""
    execute(
        file,
        "ALTER TABLE crsp_monthly ADD COLUMN permco INTEGER",
        f"{CRSP} permco = permno + (CASE WHEN permno % 2 THEN 1 << 60 ELSE 0 END)",
    )
    store = read_store(str(file))
    odd = store.stocks.permno % 2 == 1
    assert np.isnan(store.variables["permco"][odd]).all()
    np.testing.assert_array_equal(store.variables["permco"][~odd], store.stocks.permno[~odd])
    warnings = " ".join(store.report["warnings"])
    assert "crsp_monthly.permco: " in warnings
    assert "values are too large to be told apart, 9007199254740992 (2^53) or more" in warnings


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


def test_bytes_that_are_no_text_in_a_required_column_are_named_by_column(file):
    execute(file, "UPDATE compustat SET be = CAST(x'ff41' AS TEXT) WHERE rowid < 4")
    assert "compustat.be" in refused(file)
