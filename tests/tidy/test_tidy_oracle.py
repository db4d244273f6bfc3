"""The replication against the literal chapters, on small random stores."""

import literal_chapters
import numpy as np
import pandas as pd
import pytest
from random_stores import EDITIONS, Frames, random_frames, write

from truepremia.tidy.exercises import op_portfolios, two_years
from truepremia.tidy.reading import read_store
from truepremia.tidy.replication import Options, Replication, holdings, replicate

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
    exercises = {"two_years": two_years(held), "op_portfolios": op_portfolios(held)}
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
