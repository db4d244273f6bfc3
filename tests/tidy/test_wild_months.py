"""Dates and editions: what a store says about time and about itself."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from wild_store import CRSP, evaluated, execute, fits, refused

from truepremia.tidy.reading import read_store


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
