"""Tables in every form: candidates, other names, codes, other files, messages."""

import shutil
import sqlite3

import numpy as np
import pytest
from wild_store import CRSP, assert_same_store, evaluated, execute, fits, refused

from truepremia.errors import DataError
from truepremia.tidy.layouts import Choice
from truepremia.tidy.reading import read_store

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


def test_view_that_stands_on_itself_is_no_candidate(file):
    plain = read_store(str(file))
    execute(
        file,
        "PRAGMA writable_schema = 1",
        "INSERT INTO sqlite_schema VALUES ('view', 'factors_ff_monthly', 'factors_ff_monthly', 0, "
        "'CREATE VIEW factors_ff_monthly AS SELECT * FROM factors_ff_monthly')",
    )
    store = read_store(str(file))
    assert_same_store(store, plain)
    assert "is left out: view factors_ff_monthly is circ" in store.report["warnings"][0]


UNREADABLE = {
    "unknown function": ("SELECT *, nosuch(permno) AS z FROM stock_rows", "no such function"),
    "table that is gone": ("SELECT * FROM gone", "no such table: main.gone"),
    "wrong value": (
        "SELECT permno, month, gvkey, exchange, mktcap, json(gvkey || 'x') AS ret_excess "
        "FROM stock_rows WHERE gvkey IS NOT NULL",
        "malformed JSON",
    ),
}


@pytest.mark.parametrize("view", UNREADABLE)
def test_view_that_cannot_be_read_is_not_called_absent(file, view):
    query, reason = UNREADABLE[view]
    execute(
        file,
        "ALTER TABLE crsp_monthly RENAME TO stock_rows",
        f"CREATE VIEW crsp_monthly AS {query}",
    )
    found = refused(file)
    assert f"{file}: cannot read crsp_monthly: {reason}" in found
    assert found.endswith("; mend it, or name another under tables")
    assert len(read_store(str(file), Choice(tables={"stocks": "stock_rows"})).stocks.month)


def test_view_that_cannot_be_read_is_passed_over_for_another_candidate(file):
    execute(
        file,
        "CREATE VIEW factors_ff_monthly AS SELECT month, smb, json('x') AS hml, rf "
        "FROM factors_ff3_monthly",
    )
    r2, warnings = evaluated(file)
    assert fits(r2)
    assert "cannot read factors_ff_monthly: malformed JSON" in warnings


def test_table_that_was_chosen_must_be_there(file):
    assert "there is no table mine" in refused(file, tables={"accounts": "mine"})


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


@pytest.mark.parametrize("declared", ["", "TEXT", "VARCHAR(9)", "CHARINT", "BLOB"])
@pytest.mark.parametrize("kind", ["TABLE", "VIEW"])
def test_numbers_beside_text_keep_their_digits(file, declared, kind):
    """The driver alone would print those of seven digits with six."""
    plain = read_store(str(file)).stocks.gvkey
    columns = "permno, month, ret_excess, mktcap, mktcap_lag, exchange"
    execute(
        file,
        "UPDATE compustat SET gvkey = gvkey + 4000000",
        f"CREATE TABLE w (gvkey {declared}, {columns})",
        f"INSERT INTO w SELECT CAST(gvkey + 4000000 AS TEXT), {columns} FROM crsp_monthly "
        "WHERE permno % 2",
        f"CREATE TABLE v AS SELECT gvkey + 4000000.0 AS gvkey, {columns} FROM crsp_monthly "
        "WHERE NOT permno % 2",
        "DROP TABLE crsp_monthly",
    )
    if kind == "VIEW":
        execute(file, "CREATE VIEW crsp_monthly AS SELECT * FROM w UNION ALL SELECT * FROM v")
    else:
        execute(file, "INSERT INTO w SELECT * FROM v", "ALTER TABLE w RENAME TO crsp_monthly")
    found = read_store(str(file)).stocks.gvkey
    assert [int(name) - 4_000_000 for name in found.names] == [int(name) for name in plain.names]
    np.testing.assert_array_equal(found.code, plain.code)


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


@pytest.fixture
def duckdb_file(folder, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "store.duckdb"
    with duckdb.connect(str(path)) as connection:
        for file in folder.glob("*.parquet"):
            connection.execute(f"CREATE TABLE {file.stem} AS FROM '{file}'")
    return path


def execute_in_duckdb(path, *statements):
    import duckdb

    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "query, reason",
    [
        ("SELECT *, nosuch(permno) AS z FROM stock_rows", "Scalar Function with name nosuch"),
        ("SELECT * FROM gone", "Table with name gone"),
        ("SELECT * REPLACE (CAST(exchange AS INT) AS mktcap) FROM stock_rows", "Conversion Error"),
        ("SELECT * FROM read_parquet('{missing}')", "IO Error: No files found"),
    ],
)
def test_view_of_duckdb_that_cannot_be_read_is_not_called_absent(
    duckdb_file, folder, query, reason
):
    missing = folder / "missing.parquet"
    shutil.copy(folder / "crsp_monthly.parquet", missing)
    execute_in_duckdb(
        duckdb_file,
        "ALTER TABLE crsp_monthly RENAME TO stock_rows",
        "CREATE TABLE gone AS FROM stock_rows",
        "CREATE MACRO nosuch(x) AS x",
        f"CREATE VIEW crsp_monthly AS {query.format(missing=missing)}",
        "DROP TABLE gone",
        "DROP MACRO nosuch",
    )
    missing.unlink()
    found = refused(duckdb_file)
    assert "cannot read crsp_monthly: " in found
    assert reason in found
    assert found.endswith("; mend it, or name another under tables")
    assert len(read_store(str(duckdb_file), Choice(tables={"stocks": "stock_rows"})).stocks.month)


def test_view_of_duckdb_on_a_table_that_is_gone_is_no_candidate(duckdb_file):
    plain = read_store(str(duckdb_file))
    execute_in_duckdb(
        duckdb_file,
        "CREATE TABLE gone AS FROM compustat_annual",
        "CREATE VIEW compustat AS FROM gone",
        "DROP TABLE gone",
    )
    store = read_store(str(duckdb_file))
    assert_same_store(store, plain)
    assert "compustat is left out: Catalog Error" in store.report["warnings"][0]


@pytest.mark.parametrize("schema", ["tidy", "store", 'tidy.finance \'n "all"'])
def test_duckdb_tables_may_lie_in_any_schema(duckdb_file, schema):
    plain = read_store(str(duckdb_file))
    quoted = 'store."' + schema.replace('"', '""') + '"'  # the catalog is named like the file
    statements = [f"CREATE SCHEMA {quoted}"]
    for table in ("crsp_monthly", "compustat_annual", "factors_ff3_monthly"):
        statements.append(f"CREATE TABLE {quoted}.{table} AS FROM store.main.{table}")
        statements.append(f"DROP TABLE store.main.{table}")
    execute_in_duckdb(duckdb_file, *statements)
    assert_same_store(read_store(str(duckdb_file)), plain)


def test_duckdb_file_may_be_named_like_its_schema(duckdb_file):
    plain = read_store(str(duckdb_file))
    assert_same_store(read_store(str(duckdb_file.rename(duckdb_file.with_name("main.db")))), plain)


def test_of_equal_names_in_duckdb_that_of_main_is_read(duckdb_file):
    plain = read_store(str(duckdb_file))
    execute_in_duckdb(
        duckdb_file,
        "CREATE SCHEMA a",
        "CREATE TABLE a.CRSP_MONTHLY AS SELECT * FROM crsp_monthly LIMIT 1",
    )
    assert_same_store(read_store(str(duckdb_file)), plain)


def test_equal_names_in_other_schemas_of_duckdb_are_refused(duckdb_file):
    execute_in_duckdb(
        duckdb_file,
        *("CREATE SCHEMA a", "CREATE SCHEMA b"),
        *("CREATE TABLE a.CRSP_MONTHLY AS FROM crsp_monthly", "CREATE TABLE b.other (x INT)"),
        *("CREATE TABLE b.crsp_monthly AS FROM crsp_monthly", "CREATE TABLE a.other (x INT)"),
    )
    read_store(str(duckdb_file))
    execute_in_duckdb(duckdb_file, "ALTER TABLE crsp_monthly RENAME TO mine")
    found = refused(duckdb_file)
    assert 'it is in the schemas "a" and "b", not in main; keep one of them' in found
    assert len(read_store(str(duckdb_file), Choice(tables={"stocks": "mine"})).stocks.month)


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
