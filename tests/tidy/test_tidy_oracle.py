"""The replication against the literal chapters, on small random stores."""

import literal_chapters
import numpy as np
import pandas as pd
import pytest
from random_stores import EDITIONS, Frames, random_frames, write

from truepremia.tidy.exercises import op_portfolios, two_years
from truepremia.tidy.formations import holdings
from truepremia.tidy.profiles import Options
from truepremia.tidy.reading import read_store
from truepremia.tidy.replication import Replication, replicate

TOLERANCE = 1e-10
FIVE = ["portfolio_me_ff5", "portfolio_bm_ff5", "portfolio_op", "portfolio_inv"]


def read(frames: Frames, folder, edition="parquet2026"):
    return read_store(write(frames, edition, folder))


def replicated(frames: Frames, folder, **options) -> Replication:
    store = read(frames, folder)
    return replicate(store.stocks, store.accounts, Options(**options))


def assert_same(ours: Replication, literal, portfolios, names=("smb", "hml")) -> None:
    """Compare assignments exactly and factors closely."""
    table = pd.DataFrame({name: ours.formations[name] for name in ("permno", "year", *portfolios)})
    table = table[table[portfolios[0]] > 0]
    wanted = literal.assignments.assign(year=lambda x: x["sorting_date"].dt.year)
    wanted = wanted.sort_values(["year", "permno"]).drop(columns="sorting_date")
    wanted = wanted[["permno", "year", *(c for c in wanted if c.startswith("portfolio"))]]
    np.testing.assert_array_equal(table.to_numpy(), wanted.to_numpy())
    months = literal.factors.index.to_numpy().astype("datetime64[D]")
    present = np.isin(ours.factors["month"], months)
    np.testing.assert_array_equal(ours.factors["month"][present], months)
    for name in names:
        values = ours.factors[name]
        assert np.isnan(values[~present]).all()
        np.testing.assert_allclose(values[present], literal.factors[name], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("rounded", [False, True], ids=["continuous", "ties"])
@pytest.mark.parametrize("seed", range(5))
def test_seed2023_is_the_literal_chapter(tmp_path, seed, rounded):
    frames = random_frames(seed, rounded=rounded)
    ours = replicated(frames, tmp_path, profile="seed2023")
    literal = literal_chapters.seed2023(frames.crsp, frames.accounts)
    assert ours.report["skipped_years"] == []
    assert_same(ours, literal, ["portfolio_me", "portfolio_bm"])


@pytest.mark.parametrize("rounded", [False, True], ids=["continuous", "ties"])
@pytest.mark.parametrize("seed", range(5))
def test_book2026_is_the_literal_chapter(tmp_path, seed, rounded):
    frames = random_frames(seed, rounded=rounded)
    ours = replicated(frames, tmp_path, profile="book2026")
    literal = literal_chapters.book2026(frames.crsp, frames.accounts)
    assert_same(ours, literal, ["portfolio_me", "portfolio_bm"])


@pytest.mark.parametrize("how", ["dependent", "independent"])
@pytest.mark.parametrize("seed", range(4))
def test_five_factors_are_those_of_the_literal_chapter(tmp_path, seed, how):
    frames = random_frames(seed)
    ours = replicated(frames, tmp_path, profile="book2026", five_factor_sort=how)
    literal = literal_chapters.book2026_five_factors(frames.crsp, frames.accounts, how)
    assert ours.report["five_factor_formations"] == len(literal.assignments)
    assert_same(ours, literal, FIVE, ("smb_ff5", "hml_ff5", "rmw", "cma"))


def test_ties_with_a_breakpoint_make_the_profiles_differ(tmp_path):
    """Otherwise the tests of both sides above would prove nothing about the sides."""
    frames = random_frames(0, rounded=True, missing=0, negative_equity=False)
    store = read(frames, tmp_path)
    sizes = {}
    for profile in ("seed2023", "book2026"):
        found = replicate(store.stocks, store.accounts, Options(profile)).formations
        key = zip(found["permno"], found["year"], strict=True)
        sizes[profile] = dict(zip(key, found["portfolio_me"], strict=True))
    both = sizes["seed2023"].keys() & sizes["book2026"].keys()
    moved = [k for k in both if sizes["seed2023"][k] != sizes["book2026"][k]]
    assert moved
    assert all(sizes["seed2023"][k] < sizes["book2026"][k] for k in moved)


@pytest.mark.parametrize("profile", ["seed2023", "book2026"])
def test_market_is_the_value_weighted_return_of_all_stocks(tmp_path, profile):
    frames = random_frames(3)
    ours = replicated(frames, tmp_path, profile=profile)
    rows = frames.crsp.dropna(
        subset=None if profile == "seed2023" else ["ret_excess", "mktcap_lag"]
    )
    wanted = {
        np.datetime64(month, "D"): np.average(x["ret_excess"], weights=x["mktcap_lag"])
        for month, x in rows.groupby("month")
    }
    wanted = [wanted[month] for month in ours.factors["month"]]
    np.testing.assert_allclose(ours.factors["mkt_excess"], wanted, atol=TOLERANCE)


# --- the form of a store never matters ---------------------------------------------------------


def tables(frames: Frames, folder, edition, profile) -> dict:
    store = read(frames, folder, edition)
    options = Options(profile)
    found = replicate(store.stocks, store.accounts, options)
    held = holdings(store.stocks, store.accounts, options)
    exercises = {"two_years": two_years(held), "op_portfolios": op_portfolios(held)[0]}
    parts = {name: getattr(found, name) for name in ("breakpoints", "cells", "factors")}
    parts |= {"formations": found.formations, "portfolios": found.portfolios, **exercises}
    published = {n: store.published[n] for n in ("month", "smb", "hml", "mkt_excess", "rf")}
    return {**parts, "published": published}


def assert_equal_to_the_bit(one: dict, other: dict) -> None:
    for name, table in one.items():
        assert table.keys() == other[name].keys(), name
        for column in table:
            a, b = (np.asarray(t[name][column]) for t in (one, other))
            np.testing.assert_array_equal(a, b, err_msg=f"{name}.{column}")


@pytest.mark.parametrize("profile", ["seed2023", "book2026"])
@pytest.mark.parametrize("edition", EDITIONS)
def test_edition_never_changes_a_result(tmp_path, edition, profile):
    frames = random_frames(5)
    assert_equal_to_the_bit(
        tables(frames, tmp_path / "one", EDITIONS[-1], profile),
        tables(frames, tmp_path / "other", edition, profile),
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("edition", ["r2023", "parquet2026"])
def test_row_order_and_exact_duplicates_never_change_a_result(tmp_path, edition, seed):
    frames = random_frames(seed)
    plain = tables(frames, tmp_path / "plain", edition, "seed2023")
    mixed = frames.doubled(seed).shuffled(seed)
    assert_equal_to_the_bit(plain, tables(mixed, tmp_path / "mixed", edition, "seed2023"))


def test_profile_follows_the_edition(tmp_path):
    frames = random_frames(0, stocks=12, years=2)
    found = {e: read(frames, tmp_path / e, e).report["profile"] for e in EDITIONS}
    assert found == {
        "r2023": "seed2023",
        "python2023": "seed2023",
        "r2024": "book2026",
        "python2024": "book2026",
        "parquet2026": "book2026",
    }


# --- exercises and portfolios, in plain pandas -------------------------------------------------


def sorted_by_hand(frame, column, probabilities, closed_right):
    """Return portfolios of the rows of one year, 1 for the lowest."""
    nyse = frame[frame["exchange"] == "NYSE"]
    edges = nyse[column].quantile(probabilities)
    compare = frame[column].to_numpy()[:, None]
    above = compare > edges.to_numpy() if closed_right else compare >= edges.to_numpy()
    return 1 + above.sum(axis=1)


def formations_of(frames: Frames, profile: str) -> pd.DataFrame:
    """Return one row for each stock and sorting year, by loops over the definition."""
    seed = profile == "seed2023"
    crsp = frames.crsp.dropna() if seed else frames.crsp
    by_month = crsp.set_index(["permno", "month"])
    accounts = frames.accounts.sort_values("datadate")
    rows = []
    for (permno, month), june in by_month.iterrows():
        if month.month != 6:
            continue
        december = (permno, pd.Timestamp(month.year - 1, 12, 1))
        july = (permno, pd.Timestamp(month.year, 7, 1))
        if december not in by_month.index or (seed and july not in by_month.index):
            continue
        gvkey, value = by_month.loc[december, ["gvkey", "mktcap"]]
        own = accounts[accounts["gvkey"] == gvkey]
        used = own[(own["datadate"].dt.year == month.year - 1) & own["be"].notna()]
        if not len(used) or pd.isna(june["mktcap"]) or pd.isna(value):
            continue
        used = used.iloc[-1]
        if used["be"] <= 0 and not seed:
            continue
        exchange = by_month.loc[july, "exchange"] if seed else june["exchange"]
        records = (own["datadate"] <= used["datadate"]).sum()
        bm = used["be"] / value
        row = [permno, month.year, exchange, june["mktcap"], used["be"], bm, used["op"], records]
        rows.append(row)
    columns = ["permno", "year", "exchange", "me", "be", "bm", "op", "records"]
    return pd.DataFrame(rows, columns=columns)


def held(frames: Frames, formations: pd.DataFrame, profile: str) -> pd.DataFrame:
    crsp = frames.crsp.dropna() if profile == "seed2023" else frames.crsp
    crsp = crsp.dropna(subset=["ret_excess", "mktcap_lag"])
    crsp = crsp.assign(year=crsp["month"].dt.year - (crsp["month"].dt.month <= 6))
    return crsp.drop(columns="exchange").merge(formations, on=["permno", "year"])


def by_hand(formations, closed_right, **sorts):
    parts = [
        year.assign(**{n: sorted_by_hand(year, c, p, closed_right) for n, (c, p) in sorts.items()})
        for _, year in formations.groupby("year")
    ]
    return pd.concat(parts)


def weighted(x):
    return pd.Series(
        {
            "ret": np.average(x["ret_excess"], weights=x["mktcap_lag"]),
            "ret_equal": x["ret_excess"].mean(),
            "stocks": len(x),
            "size": np.log(x["me"]).mean(),
            "mean_bm": x["bm"].mean(),
        }
    )


PROFILE_SIDES = [("seed2023", True), ("book2026", False)]


@pytest.mark.parametrize(("profile", "closed_right"), PROFILE_SIDES)
def test_five_by_five_portfolios_follow_their_definition(tmp_path, profile, closed_right):
    frames = random_frames(2)
    ours = replicated(frames, tmp_path, profile=profile).portfolios
    fifths = [0.2, 0.4, 0.6, 0.8]
    sorted_stocks = by_hand(
        formations_of(frames, profile), closed_right, pm=("me", fifths), pb=("bm", fifths)
    )
    wanted = held(frames, sorted_stocks, profile).groupby(["month", "pm", "pb"])
    wanted = wanted.apply(weighted, include_groups=False).reset_index()
    assert list(ours["month"]) == list(wanted["month"].to_numpy().astype("datetime64[D]"))
    pairs = {"portfolio_me": "pm", "portfolio_bm": "pb", "stocks": "stocks"}
    for name, column in pairs.items():
        np.testing.assert_array_equal(ours[name], wanted[column])
    for name, column in {"ret": "ret", "size": "size", "bm": "mean_bm"}.items():
        np.testing.assert_allclose(ours[name], wanted[column], atol=TOLERANCE)


@pytest.mark.parametrize(("profile", "closed_right"), PROFILE_SIDES)
def test_two_years_of_accounts_follow_their_definition(tmp_path, profile, closed_right):
    frames = random_frames(2)
    store = read(frames, tmp_path)
    ours = two_years(holdings(store.stocks, store.accounts, Options(profile)))
    formations = formations_of(frames, profile)
    assert (formations["records"] < 2).any()
    formations = formations[formations["records"] >= 2]
    sorted_stocks = by_hand(
        formations, closed_right, portfolio_me=("me", [0.5]), portfolio_bm=("bm", [0.3, 0.7])
    )
    returns = held(frames, sorted_stocks, profile)
    returns = literal_chapters.value_weighted(returns, ["portfolio_me", "portfolio_bm", "month"])
    for name, column, long, short in (
        ("smb", "portfolio_me", 1, 2),
        ("hml", "portfolio_bm", 3, 1),
    ):
        wanted = literal_chapters.spread(returns, name, column, long, short)
        assert list(ours["month"]) == list(wanted.index.to_numpy().astype("datetime64[D]"))
        np.testing.assert_allclose(ours[name], wanted, atol=TOLERANCE)


@pytest.mark.parametrize(("profile", "closed_right"), PROFILE_SIDES)
def test_profitability_portfolios_follow_their_definition(tmp_path, profile, closed_right):
    frames = random_frames(2)
    store = read(frames, tmp_path)
    ours, _ = op_portfolios(holdings(store.stocks, store.accounts, Options(profile)))
    formations = formations_of(frames, profile)
    formations = formations[(formations["be"] > 0) & formations["op"].notna()]
    sorts = {
        "terciles": [0.3, 0.7],
        "quintiles": [0.2, 0.4, 0.6, 0.8],
        "deciles": list(np.arange(1, 10) / 10),
    }
    for name, probabilities in sorts.items():
        sorted_stocks = by_hand(formations, closed_right, p=("op", probabilities))
        wanted = held(frames, sorted_stocks, profile).groupby(["month", "p"])
        wanted = wanted.apply(weighted, include_groups=False).reset_index()
        rows = ours["sort"] == name
        np.testing.assert_array_equal(ours["portfolio"][rows], wanted["p"])
        np.testing.assert_array_equal(ours["stocks"][rows], wanted["stocks"])
        for column, by in {"ret_vw": "ret", "ret_ew": "ret_equal"}.items():
            np.testing.assert_allclose(ours[column][rows], wanted[by], atol=TOLERANCE)


def with_items(tmp_path, **items):
    """A store whose profitability must come from its items."""
    frames = random_frames(4)
    accounts = frames.accounts.drop(columns="op").assign(**items)
    return read(Frames(frames.crsp, accounts, frames.published), tmp_path)


def test_profitability_is_computed_from_its_items(tmp_path):
    store = with_items(tmp_path, sale=100.0, cogs=40.0, xsga=np.nan, xint=10.0)
    held_stocks = holdings(store.stocks, store.accounts, Options("book2026"))
    f = held_stocks.formations
    np.testing.assert_allclose(f.variables["op"], 50 / f.variables["be"])
    strict = holdings(store.stocks, store.accounts, Options("book2026", op_require_cost=True))
    np.testing.assert_array_equal(strict.formations.variables["op"], f.variables["op"])


def test_profitability_without_any_cost_counts_only_if_allowed(tmp_path):
    frames = random_frames(4)
    cost = np.where(np.arange(len(frames.accounts)) % 2, 40.0, np.nan)
    store = with_items(tmp_path, sale=100.0, cogs=cost)
    loose, strict = (
        holdings(store.stocks, store.accounts, Options("book2026", op_require_cost=required))
        for required in (False, True)
    )
    op, be = loose.formations.variables["op"], loose.formations.variables["be"]
    free = np.isclose(op, 100 / be)
    assert 0 < free.sum() < len(op)
    np.testing.assert_array_equal(np.isnan(strict.formations.variables["op"]), free)


def test_a_required_cost_without_any_column_of_costs_costs_profitability_alone(tmp_path):
    store = read(random_frames(4), tmp_path)
    loose, strict = (
        replicate(store.stocks, store.accounts, Options("book2026", op_require_cost=required))
        for required in (False, True)
    )
    assert np.isnan(strict.formations["op"]).all()
    assert np.isfinite(loose.factors["rmw"]).any() and "rmw" not in strict.factors
    for name in ("smb", "hml", "mkt_excess"):
        np.testing.assert_array_equal(strict.factors[name], loose.factors[name])
    said = f"{len(store.accounts.items['be'])} accounts have none of cogs, xsga, xint"
    assert any(line.startswith(said) for line in strict.report["warnings"])
    assert not any("op_require_cost" in line for line in loose.report["warnings"])
