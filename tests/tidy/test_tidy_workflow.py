"""Stores through the real workflow."""

import json
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from miniature import Workplace, copy_repository
from random_stores import random_frames, write
from test_stage_imports import PROBE, assert_covered

from truepremia.files import provenance

RULES = ("read_store", "replicate_factors", "replicate_exercises")
TABLES = ("formations", "breakpoints", "cells", "factors", "portfolios")
NO_PANELS = {"panels": {"bgn": 0}}


def with_stores(**stores) -> dict:
    """Return the settings of a run that has these stores and nothing else."""
    tidy = {"stores": {"demo": False, **stores}, "published_data": False}
    return {**NO_PANELS, "tidy": tidy}


def targets(place: Workplace, *names: str) -> list[str]:
    files = ("factors.parquet", "two_years.parquet")
    return [f"{place.results.name}/tidy/{name}/{file}" for name in names for file in files]


@pytest.fixture(scope="session")
def replicated(shared_runs, finished):
    """One store in two editions, read and replicated by scripts that list their imports."""

    def start() -> Workplace:
        place = Workplace(shared_runs.folder / "tidy_repository", shared_runs.folder / "tidy")
        copy_repository(finished.repository, place.repository)
        for rule in RULES:
            script = place.repository / "scripts" / f"{rule}.py"
            script.write_text(script.read_text() + PROBE)
        place.folder.mkdir()
        frames = random_frames(7)
        write(frames, "r2023", place.folder / "old")
        write(frames, "parquet2026", place.folder / "new")
        return place

    folder = shared_runs.folder / "tidy"
    place, _ = shared_runs.once(
        "tidy_run", start, targets=targets_of_both(folder), **both_editions(folder)
    )
    return place


def targets_of_both(folder: Path) -> list[str]:
    return targets(Workplace(folder, folder), "old", "new")


def both_editions(folder: Path, **options) -> dict:
    old = {"path": str(folder / "old" / "tidy_finance.sqlite"), "profile": "book2026"}
    return with_stores(old=old | options, new={"path": str(folder / "new")})


def test_editions_of_a_store_give_the_same_tables(replicated):
    old, new = (replicated.results / "tidy" / name for name in ("old", "new"))
    for table in (*TABLES, "two_years", "op_portfolios"):
        one, other = (pq.read_table(f / f"{table}.parquet").to_pandas() for f in (old, new))
        assert len(one)
        assert one.equals(other), table
    assert json.loads((old / "store.json").read_text())["profile"] == "seed2023"
    assert json.loads((new / "replication.json").read_text())["profile"] == "book2026"


def test_tables_are_sorted_and_dated_by_first_days(replicated):
    folder = replicated.results / "tidy" / "old"
    keys = {
        "stocks": ["permno", "month"],
        "accounts": ["gvkey", "datadate"],
        "formations": ["year", "permno"],
        "breakpoints": ["year", "variable", "probability"],
        "cells": ["month", "portfolio_me", "portfolio_bm"],
        "factors": ["month"],
        "portfolios": ["month", "portfolio_me", "portfolio_bm"],
        "published": ["month"],
    }
    for table, key in keys.items():
        frame = pq.read_table(folder / f"{table}.parquet").to_pandas()
        assert frame.equals(frame.sort_values(key, ignore_index=True)), table
        assert not frame.duplicated(key).any()
        if "month" in frame:
            assert {day.day for day in frame["month"]} == {1}
            kind = pq.read_schema(folder / f"{table}.parquet").field("month")
            assert str(kind.type) == "date32[day]"
            assert kind.metadata[b"meaning"]


def test_change_of_a_profile_plans_the_replication_but_not_the_reading(replicated):
    wanted = targets_of_both(replicated.folder)
    assert replicated.planned(*wanted, **both_editions(replicated.folder)) == set()
    changed = both_editions(replicated.folder, profile="seed2023")
    planned = {"replicate_factors old", "replicate_exercises old"}
    assert replicated.planned(*wanted, **changed) == planned
    changed = both_editions(replicated.folder, five_factor_sort="independent")
    assert replicated.planned(*wanted, **changed) == {"replicate_factors old"}


def test_changes_in_a_log_plan_the_reading_and_their_end_does_not(replicated, tmp_path):
    """The program that writes the store stays open, as an R session does."""
    place = Workplace(replicated.repository, tmp_path / "live")
    place.folder.mkdir()
    file = Path(write(random_frames(7, stocks=20, years=2), "r2023", tmp_path))
    wanted = f"{place.results.name}/tidy/mine/stocks.parquet"
    settings = with_stores(mine={"path": str(file)})

    def planned() -> set[str]:
        return place.planned(wanted, **settings)

    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode = WAL")
    place.snakemake(wanted, **settings).succeeded()
    stocks = place.results / "tidy" / "mine" / "stocks.parquet"
    rows = pq.read_metadata(stocks).num_rows
    writer.execute("DELETE FROM crsp_monthly WHERE permno = 10000")
    writer.commit()
    assert planned() == {"read_store mine"}
    place.snakemake(wanted, **settings).succeeded()
    assert pq.read_metadata(stocks).num_rows < rows
    assert planned() == set()
    writer.execute("PRAGMA wal_checkpoint")  # now the database itself has changed
    place.snakemake(wanted, **settings).succeeded()
    writer.close()
    assert not Path(f"{file}-wal").exists()
    assert planned() == set()


@pytest.mark.parametrize("rule", RULES)
def test_digest_covers_exactly_the_modules_that_the_jobs_import(replicated, monkeypatch, rule):
    source = replicated.repository / "src" / "truepremia"
    monkeypatch.setattr(provenance, "SOURCE", source)
    logs = (replicated.results / "logs" / rule).glob("*.modules")
    imported = json.loads(next(logs).read_text())
    ours = {
        name
        for name, file in imported.items()
        if name.split(".")[0] == "truepremia" and Path(file).name not in provenance.LISTS
    }
    script = replicated.repository / "scripts" / f"{rule}.py"
    assert_covered(ours, set(provenance.modules_behind(script)))


@pytest.mark.parametrize(
    ("spoil", "phrases"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:9000]), ["cannot read the SQLite"]),
        (lambda file: file.write_text("no database"), ["not a SQLite database"]),
    ],
    ids=["truncated", "text"],
)
def test_damaged_store_ends_in_one_line_and_leaves_no_file(replicated, tmp_path, spoil, phrases):
    place = Workplace(replicated.repository, tmp_path / "damaged")
    place.folder.mkdir()
    file = Path(write(random_frames(7, stocks=20, years=2), "r2023", tmp_path))
    spoil(file)
    settings = with_stores(mine={"path": str(file)})
    error = place.snakemake(*targets(place, "mine"), cores=1, **settings).error()
    assert [phrase for phrase in [str(file), *phrases] if phrase not in error] == []
    assert list(place.results.rglob("*.parquet")) == []
    assert list(place.results.rglob("*.tmp")) == []


def test_store_without_formations_leaves_no_replicated_table(replicated, tmp_path):
    place = Workplace(replicated.repository, tmp_path / "short")
    place.folder.mkdir()
    frames = random_frames(7, stocks=20, years=2)
    early = frames.crsp["month"] < "1980-05-01"
    short = type(frames)(frames.crsp[early], frames.accounts, frames.published)
    file = write(short, "r2023", tmp_path)
    settings = with_stores(mine={"path": file})
    error = place.snakemake(*targets(place, "mine"), cores=1, **settings).error()
    assert f"{file}: no complete formation" in error
    found = {file.stem for file in place.results.rglob("*.parquet")}
    assert found == {"stocks", "variables", "accounts", "published"}


def test_missing_store_is_found_before_any_job(empty_workplace):
    error = empty_workplace.snakemake(**with_stores(mine={"path": "/absent.sqlite"})).error()
    assert "tidy.stores.mine.path is /absent.sqlite" in error
    assert empty_workplace.entries() == set()
