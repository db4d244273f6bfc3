"""The demo store: a panel's months as CRSP months, defaults as delistings, equal bytes."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from truepremia.columns import PANEL_COLUMNS, Column
from truepremia.errors import DataError
from truepremia.files.factors import write_factor_returns
from truepremia.files.formats import write_table
from truepremia.files.simulations import read_cross_sections, write_simulation
from truepremia.methods.contract import FactorReturns, factor_returns
from truepremia.methods.fama_french import FamaFrench
from truepremia.panel import Size
from truepremia.seeds import Streams
from truepremia.tidy.demo import export_store, united
from truepremia.tidy.settings import DemoRules

PANEL_ID = "bgn_0"
T, N = 40, 5
RISKLESS = 0.004
DIED, PLACE = 20, 2
"""The firm of this place dies at the end of panel row 20."""

RULES = DemoRules("1960-01", 12, "larger")


@pytest.fixture
def inputs(tmp_path):
    return write_panel(tmp_path, random_panel())


def random_panel():
    draws = np.random.default_rng(7)
    panel = {
        "mve": np.exp(draws.normal(2, 1, (T, N))),
        "bm": draws.uniform(0.2, 2, (T, N)),
        "roe": draws.uniform(0, 0.1, (T, N)),
        "xret": draws.normal(0.005, 0.1, (T, N)),
    }
    panel["xret"][DIED, PLACE] = -1 - RISKLESS
    panel["bm"][23, 0] = 0.0
    return panel


def write_panel(folder, panel):
    """Write the files of a panel, as the stages before do, and return their paths."""
    paths = {name: folder / f"{name}.parquet" for name in ("panel", "aggregates", "ff_returns")}
    month = np.arange(300, 300 + T)
    flat = {"month": np.repeat(month, N).astype(np.int32), "firmid": np.tile(np.arange(N), T)}
    flat |= {name: values.ravel() for name, values in panel.items()}
    write_table(paths["panel"], "panel", PANEL_ID, flat, PANEL_COLUMNS)
    rates = {"month": month, "rf": np.full(T, RISKLESS)}
    described = dict.fromkeys(rates, Column("", ""))
    write_table(paths["aggregates"], "aggregates", PANEL_ID, rates, described)
    names = ("smb", "hml", "cma", "rmw", "umd", "mkt_rf")
    returns = np.arange(T * len(names)).reshape(T, -1) / 1000.0
    factors = FactorReturns(month, names, returns)
    write_factor_returns(paths["ff_returns"], "ff_returns", PANEL_ID, factors)
    return SimpleNamespace(**paths)


def export(inputs, path, rules=RULES):
    export_store(path, inputs, PANEL_ID, rules)
    return path


def table(path, name):
    with closing(sqlite3.connect(path)) as database:
        return pd.read_sql(f"SELECT * FROM {name}", database)


def stock(store, permno):
    stocks = table(store, "crsp_monthly")
    rows = stocks[stocks["permno"] == permno]
    return rows.set_index(pd.to_datetime(rows["month"]))


# --- timing --------------------------------------------------------------------------------------


def test_a_calendar_month_has_its_own_value_and_the_return_that_ends_in_it(inputs, tmp_path):
    panel, rows = random_panel(), stock(export(inputs, tmp_path / "demo.sqlite"), 10001)
    assert list(rows["month"][:2]) == ["1960-02-01 00:00:00", "1960-03-01 00:00:00"]
    assert list(rows["date"][:2]) == ["1960-02-29 00:00:00", "1960-03-31 00:00:00"]
    assert rows["mktcap"].tolist() == panel["mve"][1:, 0].tolist()
    assert rows["mktcap_lag"].tolist() == panel["mve"][:-1, 0].tolist()
    assert rows["ret_excess"].tolist() == panel["xret"][:-1, 0].tolist()
    assert rows["ret"].tolist() == pytest.approx(panel["xret"][:-1, 0] + RISKLESS)


def test_published_factors_are_those_of_the_row_before(inputs, tmp_path):
    store = export(inputs, tmp_path / "demo.sqlite")
    three, five = table(store, "factors_ff3_monthly"), table(store, "factors_ff5_monthly")
    assert three["month"][0] == "1960-02-01 00:00:00"
    assert len(three) == len(five) == T - 1
    rows = np.arange(T - 1) * 6 / 1000
    for column, name in enumerate(("smb", "hml", "cma", "rmw")):
        assert five[name].tolist() == pytest.approx(rows + column / 1000)
    assert three["mkt_excess"].tolist() == pytest.approx(rows + 5 / 1000)
    assert three["rf"].unique().tolist() == [RISKLESS]


def test_an_economy_without_profitability_has_three_factors_only(inputs, tmp_path):
    factors = FactorReturns(np.arange(300, 300 + T), ("smb", "hml", "mkt_rf"), np.ones((T, 3)))
    write_factor_returns(inputs.ff_returns, "ff_returns", PANEL_ID, factors)
    rows = export_store(tmp_path / "demo.sqlite", inputs, PANEL_ID, RULES)
    assert list(rows) == ["crsp_monthly", "compustat", "factors_ff3_monthly"]


def test_the_market_of_the_store_is_the_market_of_the_economy(bgn, tmp_path):
    model = bgn.economy
    paths = {f: tmp_path / f"{f}.parquet" for f in ("panel", "aggregates", "states", "ff_returns")}
    inputs = SimpleNamespace(**paths)
    simulation = model.simulate(bgn.solution, Size(40, 30, 13), Streams(1, "bgn", 0), "zero")
    for _ in write_simulation(simulation, model, PANEL_ID, inputs):
        pass
    sections = read_cross_sections(inputs, PANEL_ID, model.layout_with())
    factors = factor_returns(FamaFrench(), sections)
    write_factor_returns(inputs.ff_returns, "ff_returns", PANEL_ID, factors)
    export(inputs, tmp_path / "demo.sqlite")
    stocks = table(tmp_path / "demo.sqlite", "crsp_monthly")
    paid = (stocks["ret_excess"] * stocks["mktcap_lag"]).groupby(stocks["month"]).sum()
    market = paid / stocks.groupby("month")["mktcap_lag"].sum()
    published = table(tmp_path / "demo.sqlite", "factors_ff3_monthly").set_index("month")
    assert market.to_numpy() == pytest.approx(published["mkt_excess"].to_numpy(), abs=1e-14)


# --- defaults ------------------------------------------------------------------------------------


def test_a_default_is_a_delisting_at_minus_one_hundred_percent(inputs, tmp_path):
    last = stock(export(inputs, tmp_path / "demo.sqlite"), 10001 + PLACE).iloc[-1]
    assert last["month"] == "1961-10-01 00:00:00"  # row 21 of the panel
    assert (last["ret"], last["ret_excess"]) == (-1.0, -1.0)
    assert np.isnan(last["mktcap"])
    assert last["mktcap_lag"] == random_panel()["mve"][DIED, PLACE]


def test_the_next_firm_of_the_place_is_a_new_stock_without_a_past(inputs, tmp_path):
    store, panel = export(inputs, tmp_path / "demo.sqlite"), random_panel()
    rows = stock(store, 10001 + N)
    assert rows["month"].iloc[0] == "1961-11-01 00:00:00"
    assert rows["mktcap_lag"].tolist() == panel["mve"][DIED + 1 : -1, PLACE].tolist()
    assert rows["gvkey"].unique().tolist() == [1001 + N]
    assert table(store, "crsp_monthly")["permno"].nunique() == N + 1
    accounts = table(store, "compustat").query("gvkey == 1001 + @N")
    assert accounts["year"].tolist() == [1961, 1962]
    assert accounts["inv"].isna().tolist() == [True, False]


# --- accounts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "dates"), [(12, ["12-31"] * 3), (6, ["06-30"] * 4), (2, ["02-29", "02-28", "02-28"])]
)
def test_fiscal_years_end_in_the_chosen_month(inputs, tmp_path, end, dates):
    rules = DemoRules("1960-01", end, "larger")
    accounts = table(export(inputs, tmp_path / "demo.sqlite", rules), "compustat")
    found = accounts.query("gvkey == 1001")["datadate"]
    assert found.str[5:10].tolist()[:3] == dates[:3]
    assert (accounts["year"].astype(str) == accounts["datadate"].str[:4]).all()


def test_accounts_cover_the_fiscal_year(inputs, tmp_path):
    panel = random_panel()
    accounts = table(export(inputs, tmp_path / "demo.sqlite"), "compustat")
    book = panel["bm"] * panel["mve"]
    firm = accounts.query("gvkey == 1002").set_index("year")
    assert firm["be"].tolist() == pytest.approx(book[[11, 23, 35], 1])
    assert firm.loc[1961, "inv"] == pytest.approx(book[23, 1] / book[11, 1] - 1)
    earned = sum(panel["roe"][t, 1] * book[t - 1, 1] for t in range(12, 24))
    assert firm.loc[1961, "op"] == pytest.approx(earned / book[23, 1])
    assert np.isnan(firm.loc[1960, "op"])
    assert np.isnan(firm.loc[1960, "inv"])


def test_a_firm_without_capital_has_no_book_equity(inputs, tmp_path):
    accounts = table(export(inputs, tmp_path / "demo.sqlite"), "compustat")
    firm = accounts.query("gvkey == 1001").set_index("year")
    assert firm.loc[1961, ["be", "op", "inv"]].isna().all()
    assert firm.loc[1962, ["be", "op"]].notna().all()
    assert np.isnan(firm.loc[1962, "inv"])


# --- exchanges -----------------------------------------------------------------------------------


def test_larger_stocks_are_on_the_nyse_from_january_to_december(inputs, tmp_path):
    value = random_panel()["mve"]
    stocks = table(export(inputs, tmp_path / "demo.sqlite"), "crsp_monthly")
    assert set(stocks["exchange"]) == {"NYSE", "NASDAQ"}
    assert ((stocks["exchange"] == "NYSE") == (stocks["exchcd"] == 1)).all()
    old = stocks[stocks["permno"] <= 10000 + N]
    labels = old.groupby(["permno", old["month"].str[:4]])["exchange"].nunique()
    assert (labels == 1).all()
    january = stocks[stocks["month"].str[:7] == "1961-01"]
    listed = value[12] > np.median(value[12])
    assert (january["exchange"] == np.where(listed, "NYSE", "NASDAQ")).all()


def test_a_new_firm_is_listed_by_its_value_when_it_enters(inputs, tmp_path):
    value = random_panel()["mve"][DIED + 1]
    first = stock(export(inputs, tmp_path / "demo.sqlite"), 10001 + N)["exchange"].iloc[0]
    assert first == ("NYSE" if value[PLACE] > np.median(value) else "NASDAQ")


def test_all_stocks_can_be_on_the_nyse(inputs, tmp_path):
    rules = DemoRules("1960-01", 12, "all")
    stocks = table(export(inputs, tmp_path / "demo.sqlite", rules), "crsp_monthly")
    assert set(stocks["exchange"]) == {"NYSE"}


# --- the file ------------------------------------------------------------------------------------


def test_equal_panels_give_equal_bytes(inputs, tmp_path):
    first, second = (export(inputs, tmp_path / f"{i}.sqlite").read_bytes() for i in range(2))
    assert first == second


def test_key_columns_are_stored_as_in_the_python_edition(inputs, tmp_path):
    with closing(sqlite3.connect(export(inputs, tmp_path / "demo.sqlite"))) as database:
        query = "SELECT DISTINCT typeof(permno), typeof(gvkey), typeof(month) FROM crsp_monthly"
        assert database.execute(query).fetchall() == [("integer", "real", "text")]
        query = "SELECT DISTINCT typeof(gvkey), typeof(datadate) FROM compustat"
        assert database.execute(query).fetchall() == [("integer", "text")]


def test_a_failed_export_leaves_what_was_there(inputs, tmp_path, monkeypatch):
    store = export(inputs, tmp_path / "demo.sqlite")
    before, names = store.read_bytes(), {p.name for p in tmp_path.iterdir()}

    def broken(*_):
        yield 1001, "1960-12-31 00:00:00", 1960
        raise AssertionError("too few columns were accepted")

    monkeypatch.setattr("truepremia.tidy.demo._accounts", broken)
    with pytest.raises(DataError, match=r"cannot write .*demo\.sqlite: .*bindings"):
        export(inputs, store)
    assert store.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == names


def test_a_panel_of_other_months_is_an_error(inputs, tmp_path):
    rates = {"month": np.arange(300, 310), "rf": np.full(10, RISKLESS)}
    described = dict.fromkeys(rates, Column("", ""))
    write_table(inputs.aggregates, "aggregates", PANEL_ID, rates, described)
    with pytest.raises(DataError, match="does not hold the firms of 10 months"):
        export(inputs, tmp_path / "demo.sqlite")
    assert not (tmp_path / "demo.sqlite").exists()


def test_book_values_that_are_equal_in_the_economy_are_equal_in_the_store():
    generator = np.random.default_rng(3)
    counts = generator.integers(1, 9, (40, 50)).astype(float)
    market = np.exp(generator.standard_normal(counts.shape))
    noisy = (counts * 0.3 / market) * market
    assert len(np.unique(noisy)) > 8, "a test without power"
    made = united(noisy)
    assert len(np.unique(made)) == 8
    np.testing.assert_allclose(made, counts * 0.3, rtol=1e-15)
    growth = united(made[1:] / made[:-1]) - 1
    assert np.array_equal(growth == 0, counts[1:] == counts[:-1])
    ratios = {(a / np.gcd(a, b), b / np.gcd(a, b)) for a in range(1, 9) for b in range(1, 9)}
    assert len(np.unique(growth)) == len(ratios)


def test_numbers_that_differ_by_more_than_rounding_stay_as_they_are():
    generator = np.random.default_rng(4)
    values = np.exp(generator.standard_normal((100, 20)))
    values[3, 4], values[5, 6] = np.nan, 0.0
    assert np.array_equal(united(values), values, equal_nan=True)


@pytest.mark.parametrize("seed", range(3))
def test_last_bits_of_a_panel_decide_no_sort(seed):
    generator = np.random.default_rng(seed)
    counts = generator.integers(1, 6, (24, 200)).astype(float)
    growths = []
    for _ in range(2):
        market = np.exp(np.random.default_rng(9).standard_normal(counts.shape))
        market *= 1 + 4e-16 * generator.standard_normal(counts.shape)
        book = united((counts / market) * market)
        growths.append(united(book[12:] / book[:-12]) - 1)
    first, second = growths
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-14)
    # Breakpoints of type 7 and everything that is above them, as the sorts form them.
    for one, other in zip(first, second, strict=True):
        above = [v[:, None] > np.quantile(v, (0.3, 0.7)) for v in (one, other)]
        assert np.array_equal(*above)
