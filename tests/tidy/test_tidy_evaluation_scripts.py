"""The scripts of the evaluation, run as the workflow runs them, on hand-made tables."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from truepremia.columns import Column
from truepremia.files.formats import write_json
from truepremia.report.page import report_page, store_parts
from truepremia.tidy.frames import write_frame
from truepremia.tidy.settings import lines_of_warnings

ROOT = Path(__file__).resolve().parents[2]
MONTHS = pd.date_range("1990-07", periods=72, freq="MS").astype("datetime64[s]")
STORE = "mine"

RUN = """
import json, runpy, sys
class Files(dict):
    __getattr__ = dict.__getitem__
class Job:
    pass
job = Job()
job.rule, job.log = "evaluate_replication", ["results/logs/evaluate_replication/mine.log"]
job.params = Job()
job.params.stage = json.dumps({"store": "mine", "profile": "auto", "newey_west_lags": None})
job.input, job.output = (Files(names) for names in json.loads(sys.argv[2]))
runpy.run_path(sys.argv[1], init_globals={"snakemake": job})
"""

INPUTS = {name: f"{name}.parquet" for name in ("factors", "published", "two_years")}
INPUTS |= {"report": "store.json", "replication": "replication.json"}
INPUTS |= {"momentum": "momentum.parquet", "sorts": "sorts.json"}
OUTPUTS = {"json": "evaluation.json", "csv": "evaluation.csv", "text": "evaluation.txt"}
OUTPUTS |= {"rolling": "rolling.parquet"}


def run(folder):
    script = ROOT / "scripts" / "evaluate_replication.py"
    names = json.dumps([INPUTS, OUTPUTS])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, str(script), names],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def store(tmp_path):
    draws = np.random.default_rng(3)
    factors = pd.DataFrame(
        {"month": MONTHS, **{n: draws.normal(0, 0.03, 72) for n in ("smb", "hml")}}
    )
    noise = draws.normal(0, 0.002, 72)
    tables = {"factors": factors, "two_years": factors.iloc[24:]}
    tables["published"] = factors.assign(smb=factors["smb"] + noise, hml=factors["hml"] - noise)
    tables["momentum"] = pd.DataFrame({"month": MONTHS, "umd": draws.normal(0, 0.04, 72)})
    for name, table in tables.items():
        put(tmp_path, name, table)
    write_json(tmp_path / "sorts.json", {"warnings": ["umd: 3 months skipped"]})
    about = {"source": "mine.sqlite", "edition": "SQLite", "profile": "seed2023"}
    write_json(tmp_path / "store.json", about | {"warnings": ["crsp_monthly.gvkey: odd"]})
    write_json(tmp_path / "replication.json", {"warnings": ["2 sorts have equal breakpoints"]})
    return tmp_path, tables


def put(folder, name, table):
    described = dict.fromkeys(table, Column("", ""))
    write_frame(folder / f"{name}.parquet", name, STORE, table, described)


def test_an_evaluation_leaves_its_four_files(store):
    folder, _ = store
    done = run(folder)
    assert done.returncode == 0, done.stderr
    content = json.loads((folder / "evaluation.json").read_text())
    assert (content["store"], content["profile"]) == (STORE, "seed2023")
    assert content["factors"]["smb"]["all"]["months"] == 72
    assert list(content) == sorted(content)
    assert len(pd.read_csv(folder / "evaluation.csv")) == 2 * 4
    assert "SMB: the replication succeeds." in (folder / "evaluation.txt").read_text()
    assert (folder / "rolling.parquet").exists()


def test_warnings_of_reading_and_replication_travel_with_the_evaluation(store):
    folder, _ = store
    done = run(folder)
    noted = ["crsp_monthly.gvkey: odd", "2 sorts have equal breakpoints"]
    assert json.loads((folder / "evaluation.json").read_text())["warnings"][:2] == noted
    text = (folder / "evaluation.txt").read_text()
    assert [
        line for line in noted if f"warning: {line}" not in text or line not in done.stderr
    ] == []
    (folder / "tidy" / STORE).mkdir(parents=True)
    (folder / "evaluation.json").rename(folder / "tidy" / STORE / "evaluation.json")
    last = list(lines_of_warnings(folder / "tidy", [STORE, "unfinished"]))
    assert last == [f"store {STORE}: warning: {line}" for line in noted]
    (shown,) = store_parts([folder / "tidy" / STORE / "evaluation.json"])
    assert shown.warnings == noted
    assert f"<li>{noted[1]}</li>" in report_page([], [shown], [])


def test_momentum_is_evaluated_where_it_is_published(store):
    folder, tables = store
    published = tables["published"].assign(umd=tables["momentum"]["umd"] * 0.9)
    put(folder, "published", published)
    assert run(folder).returncode == 0
    content = json.loads((folder / "evaluation.json").read_text())
    assert content["factors"]["umd"]["all"]["r2"] > 0.999
    assert "umd: 3 months skipped" in content["warnings"]


def test_momentum_is_evaluated_in_months_without_the_annual_factors(store):
    folder, tables = store
    published = tables["published"].assign(umd=tables["momentum"]["umd"] * 0.9)
    put(folder, "published", published)
    put(folder, "factors", tables["factors"].iloc[12:])
    assert run(folder).returncode == 0
    content = json.loads((folder / "evaluation.json").read_text())["factors"]
    assert (content["smb"]["all"]["months"], content["umd"]["all"]["months"]) == (60, 72)


def test_warnings_of_sorts_and_of_pricing_are_said(store):
    folder, _ = store
    left_out = "sort earnings: the store has no ep; it is left out"
    write_json(folder / "sorts.json", {"warnings": ["umd: 3 months skipped", left_out]})
    assert run(folder).returncode == 0
    assert f"warning: {left_out}" in (folder / "evaluation.txt").read_text()
    ours = folder / "tidy" / STORE
    ours.mkdir(parents=True)
    (folder / "evaluation.json").rename(ours / "evaluation.json")
    write_json(ours / "pricing.json", {"warnings": [left_out, "23 portfolios are left out"]})
    last = list(lines_of_warnings(folder / "tidy", [STORE]))
    assert last[-2:] == [
        f"store {STORE}: warning: {w}" for w in (left_out, "23 portfolios are left out")
    ]
    (shown,) = store_parts([ours / "evaluation.json"])
    assert shown.warnings[-2:] == [left_out, "23 portfolios are left out"]


def test_a_second_evaluation_leaves_the_same_bytes(store):
    folder, _ = store
    contents = []
    for _ in range(2):
        assert run(folder).returncode == 0
        contents.append([(folder / name).read_bytes() for name in OUTPUTS.values()])
    assert contents[0] == contents[1]


def test_percent_ends_with_one_line_and_no_file(store):
    folder, tables = store
    percent = tables["published"]
    put(folder, "published", percent.assign(smb=100 * percent["smb"], hml=100 * percent["hml"]))
    done = run(folder)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [
        line.startswith("truepremia: error: mine.sqlite: the published factor") for line in lines
    ] == [True]
    assert not [name for name in OUTPUTS.values() if (folder / name).exists()]
