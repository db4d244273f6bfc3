"""Momentum, sorts on any variable and the exported panel, against pandas on wide tables."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from random_stores import Frames, random_frames, write

from truepremia.tidy.exercises import OP_PLANS, op_portfolios
from truepremia.tidy.formations import holdings
from truepremia.tidy.general_sorts import SortPlan, plans_of, sort_store
from truepremia.tidy.layouts import Choice
from truepremia.tidy.monthly import PAST_RETURNS, total_returns
from truepremia.tidy.panel_export import PANEL_COLUMNS, store_panel
from truepremia.tidy.profiles import Options
from truepremia.tidy.reading import read_store
from truepremia.tidy.replication import replicate

TOLERANCE = 1e-12
SIDE = {"seed2023": "left", "book2026": "right"}


@pytest.fixture(scope="module")
def frames() -> Frames:
    frames = random_frames(8, stocks=110, years=8, missing=0.005)
    draws = np.random.default_rng(4)
    accounts = frames.accounts.assign(
        ib=draws.normal(5, 20, len(frames.accounts)),
        dp=draws.uniform(0, 5, len(frames.accounts)),
        txdi=draws.normal(0, 1, len(frames.accounts)),
        xrd=draws.uniform(0, 9, len(frames.accounts)),
    )
    crsp = frames.crsp.assign(beta=draws.normal(1, 0.5, len(frames.crsp)))
    rf = frames.published.set_index("month")["rf"].abs() / 10
    published = frames.published.assign(rf=rf.to_numpy())
    total = crsp["ret_excess"] + crsp["month"].map(rf)
    paid = draws.uniform(0, 0.004, len(crsp))
    return Frames(crsp.assign(ret=total, retx=total - paid), accounts, published)


@pytest.fixture(scope="module")
def store(frames, tmp_path_factory):
    path = write(frames, "parquet2026", tmp_path_factory.mktemp("store"))
    return read_store(path, Choice(stock_variables=("beta",), account_items=("xrd",)))


def sorted_store(store, *plans, profile="book2026"):
    held = holdings(store.stocks, store.accounts, Options(profile))
    month = store.published["month"].astype("datetime64[M]").astype(int)
    riskless = dict(zip(month.tolist(), store.published["rf"].tolist(), strict=True))
    return sort_store(plans, held, store.stocks, store.accounts, store.variables, riskless)


def monthly(frames, past: tuple[int, int]) -> pd.DataFrame:
    """Return what is known of every stock at the end of the month before, and its return."""
    crsp = frames.crsp.assign(month=frames.crsp["month"])
    index = pd.date_range(crsp["month"].min(), crsp["month"].max(), freq="MS")

    def wide(name):
        return crsp.pivot_table(
            index="month", columns="permno", values=name, aggfunc="first", dropna=False
        ).reindex(index)

    first, last = past
    growth = 1 + wide("ret")
    value = growth.shift(last)
    for back in range(last + 1, first + 1):
        value = value * growth.shift(back)
    parts = {
        "past": value - 1,
        "me": wide("mktcap").shift(1),
        "exchange": wide("exchange").shift(1),
        "ret": wide("ret_excess"),
        "weight": wide("mktcap_lag"),
    }
    melted = {k: v.rename_axis("month").reset_index().melt("month") for k, v in parts.items()}
    long = pd.DataFrame({k: v["value"] for k, v in melted.items()})
    long[["month", "permno"]] = melted["past"][["month", "permno"]]
    return long.dropna().sort_values(["month", "permno"])


def portfolio(values, nyse, probabilities, side="right"):
    return np.searchsorted(np.quantile(values[nyse], probabilities), values, side=side) + 1


@pytest.mark.parametrize("profile", ["seed2023", "book2026"])
@pytest.mark.parametrize("name", ["mom", "st_rev", "lt_rev"])
def test_past_return_factors_are_those_of_wide_tables(frames, store, name, profile):
    found = sorted_store(store, profile=profile).momentum
    factor = {"mom": "umd"}.get(name, name)
    wanted = {}
    for month, x in monthly(frames, PAST_RETURNS[name]).groupby("month"):
        nyse = (x["exchange"] == "NYSE").to_numpy()
        if nyse.sum() < 5:
            continue
        size = portfolio(x["me"].to_numpy(), nyse, [0.5], SIDE[profile])
        past = portfolio(x["past"].to_numpy(), nyse, [0.3, 0.7], SIDE[profile])
        cell = {
            (s, p): np.average(x["ret"][rows], weights=x["weight"][rows])
            for s in (1, 2)
            for p in (1, 3)
            if (rows := (size == s) & (past == p)).any()
        }
        leg = {p: np.mean([v for (_, q), v in cell.items() if q == p]) for p in (1, 3)}
        wanted[month] = (leg[3] - leg[1]) * (1 if name == "mom" else -1)
    ours = pd.Series(found[factor], index=pd.DatetimeIndex(found["month"])).dropna()
    wanted = pd.Series(wanted).dropna()
    assert len(wanted) > 20
    assert list(ours.index) == list(wanted.index)
    np.testing.assert_allclose(ours, wanted, atol=TOLERANCE)


def test_monthly_deciles_hold_next_month_and_have_both_weights(frames, store):
    plan = SortPlan("d", ("mom",), (tuple(range(10, 100, 10)),), "monthly")
    found = pd.DataFrame(sorted_store(store, plan).planned.portfolios)
    assert set(found["portfolio_2"]) == {0}
    rows = found.set_index(["month", "portfolio_1"])
    checked = 0
    for month, x in monthly(frames, PAST_RETURNS["mom"]).groupby("month"):
        nyse = (x["exchange"] == "NYSE").to_numpy()
        if nyse.sum() < 5:
            continue
        decile = portfolio(x["past"].to_numpy(), nyse, np.arange(1, 10) / 10)
        for k, part in x.groupby(decile):
            row = rows.loc[(month, k)]
            assert row["ret_ew"] == pytest.approx(part["ret"].mean(), abs=TOLERANCE)
            vw = np.average(part["ret"], weights=part["weight"])
            assert row["ret_vw"] == pytest.approx(vw, abs=TOLERANCE)
            assert row["stocks"] == len(part)
            checked += 1
    assert checked == len(found)


def annual_variable(frames, store, name) -> pd.Series:
    """Return a variable of every formation of the book's profile, by permno and year."""
    f = holdings(store.stocks, store.accounts, Options("book2026")).formations
    crsp = frames.crsp.set_index(["permno", "month"])
    keys = pd.MultiIndex.from_arrays([f.permno, f.period], names=["permno", "year"])
    june = [(p, pd.Timestamp(y, 6, 1)) for p, y in keys]
    december = crsp.loc[[(p, pd.Timestamp(y - 1, 12, 1)) for p, y in keys]]
    accounts = frames.accounts.assign(year=frames.accounts["datadate"].dt.year)
    accounts = accounts[accounts["be"] > 0].sort_values("datadate")
    accounts = accounts.drop_duplicates(["gvkey", "year"], keep="last").set_index(["gvkey", "year"])
    of = accounts.loc[
        [(g, y - 1) for g, (_, y) in zip(december["gvkey"], keys, strict=True)]
    ].reset_index(drop=True)
    me = december["mktcap"].to_numpy()
    if name == "ep":
        values = of["ib"] / me
    elif name == "cfp":
        values = (of["ib"] + of["dp"] + of["txdi"]) / me
    elif name == "xrd":
        values = of["xrd"]
    elif name == "beta":
        values = crsp.loc[june, "beta"].to_numpy()
    else:
        paid = ((crsp["ret"] - crsp["retx"]) * crsp["mktcap_lag"]).fillna(0)
        sums = [
            sum(
                paid.get((p, pd.Timestamp(y, 6, 1) - pd.DateOffset(months=k)), 0) for k in range(12)
            )
            for p, y in keys
        ]
        values = np.array(sums) / crsp.loc[june, "mktcap"].to_numpy()
    return pd.Series(np.asarray(values), index=keys)


@pytest.mark.parametrize("name", ["ep", "cfp", "dp", "xrd", "beta"])
def test_annual_sorts_hold_from_july_to_june(frames, store, name):
    plan = SortPlan("s", (name,), ((30.0, 70.0),), "annual")
    found = sorted_store(store, plan).planned
    assert not any(warning.startswith("sort") for warning in found.warnings)
    edges = pd.DataFrame(found.breakpoints)
    value = annual_variable(frames, store, name).dropna()
    if name in ("ep", "cfp", "dp"):
        value = value[value > 0]
    f = holdings(store.stocks, store.accounts, Options("book2026")).formations
    nyse = pd.Series(f.nyse, index=[f.permno, f.period])
    portfolios = {}
    for year, x in value.groupby(level="year"):
        listed = nyse.loc[x.index].to_numpy()
        if listed.sum() < 5:
            continue
        wanted = np.quantile(x.to_numpy()[listed], [0.3, 0.7])
        mine = edges[edges["period"] == np.datetime64(f"{year}-07-01")]
        np.testing.assert_allclose(mine["value"], wanted, rtol=1e-9)
        sides = np.searchsorted(wanted, x.to_numpy(), side="right") + 1
        portfolios |= dict(zip(x.index, sides, strict=True))
    crsp = frames.crsp.dropna(subset=["ret_excess", "mktcap_lag"])
    year = crsp["month"].dt.year - (crsp["month"].dt.month <= 6)
    of = [portfolios.get(key, 0) for key in zip(crsp["permno"], year, strict=True)]
    crsp = crsp.assign(p=of)[lambda x: x["p"] > 0]
    rows = pd.DataFrame(found.portfolios).set_index(["month", "portfolio_1"])["ret_vw"]
    means = crsp.groupby(["month", "p"]).apply(
        lambda x: np.average(x["ret_excess"], weights=x["mktcap_lag"]), include_groups=False
    )
    assert len(rows) == len(means)
    np.testing.assert_allclose(rows, means, atol=1e-9)


def test_two_way_sort_is_the_six_portfolios(store):
    plan = SortPlan("six", ("me", "bm"), ((50.0,), (30.0, 70.0)), "annual")
    found = sorted_store(store, plan).planned.portfolios
    six = replicate(store.stocks, store.accounts, Options("book2026")).cells
    for ours, theirs in {"portfolio_1": "portfolio_me", "portfolio_2": "portfolio_bm"}.items():
        np.testing.assert_array_equal(found[ours], six[theirs])
    np.testing.assert_array_equal(found["ret_vw"], six["ret"])


def test_exercise_is_an_instance_of_the_sorts(store):
    exercise, _ = op_portfolios(holdings(store.stocks, store.accounts, Options("book2026")))
    found = sorted_store(store, *OP_PLANS).planned.portfolios
    np.testing.assert_array_equal(found["sort"], exercise["sort"])
    np.testing.assert_array_equal(found["ret_ew"], exercise["ret_ew"])


def test_sort_without_its_variable_is_left_out_with_a_warning(store):
    plan = SortPlan("odd", ("nothing",), ((50.0,),), "monthly")
    found = sorted_store(store, plan).planned
    assert found.warnings[-1] == "sort odd: the store has no nothing; it is left out"
    assert len(found.portfolios["month"]) == 0


def test_sort_without_what_its_variable_is_made_of_says_so(store):
    bare = replace(store, variables={})
    plan = SortPlan("odd", ("dp",), ((50.0,),), "annual")
    said = "sort odd: the store has no dp, which is made of ret and retx among the stocks; it is"
    assert sorted_store(bare, plan).planned.warnings[-1].startswith(said)


def test_plans_come_from_settings():
    settings = [{"name": "x", "by": [["me", [50]], ["bm", [30, 70]]], "rebalance": "annual"}]
    assert plans_of(settings) == [SortPlan("x", ("me", "bm"), ((50.0,), (30.0, 70.0)), "annual")]


def test_excess_returns_stand_for_total_ones_only_with_a_warning(store):
    total, said = total_returns(store.stocks, {}, {})
    np.testing.assert_array_equal(total, store.stocks.ret_excess)
    assert "past returns cumulate excess returns" in said
    month = store.published["month"].astype("datetime64[M]").astype(int)
    riskless = dict(zip(month.tolist(), store.published["rf"].tolist(), strict=True))
    total, said = total_returns(store.stocks, {}, riskless)
    assert said is None
    np.testing.assert_allclose(total, store.variables["ret"], atol=TOLERANCE)


def test_panel_holds_what_is_known_and_the_return_that_follows(frames, store):
    held = holdings(store.stocks, store.accounts, Options("book2026"))
    panel = pd.DataFrame(store_panel(held, store.stocks, store.variables["ret"]))
    assert list(panel) == list(PANEL_COLUMNS)
    assert panel.equals(panel.sort_values(["month", "firmid"], ignore_index=True))
    known = pd.to_datetime(panel["month"].astype(str), format="%Y%m")
    wide = monthly(frames, PAST_RETURNS["mom"]).set_index(["month", "permno"])
    following = known + pd.DateOffset(months=1)
    keys = pd.MultiIndex.from_arrays([following, panel["firmid"]])
    both = panel[keys.isin(wide.index)]
    reference = wide.loc[keys[keys.isin(wide.index)]]
    np.testing.assert_array_equal(both["xret"], reference["ret"])
    np.testing.assert_array_equal(both["mve"], reference["me"])
    np.testing.assert_allclose(both["mom"], reference["past"], atol=TOLERANCE)
    np.testing.assert_allclose(panel["size"], np.log(panel["mve"]))
    f = held.formations
    bm = dict(zip(zip(f.permno, f.period, strict=True), f.variables["bm"], strict=True))
    year = known.dt.year - (known.dt.month < 6)
    wanted = [bm.get(key, np.nan) for key in zip(panel["firmid"], year, strict=True)]
    np.testing.assert_array_equal(panel["bm"], wanted)
    assert panel["bm"].notna().any()
    assert panel["bm"].isna().any()
