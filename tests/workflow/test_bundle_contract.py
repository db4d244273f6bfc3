import hashlib
import itertools
import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from truepremia.files.results import OPENS_WITH

READER = Path(__file__).with_name("read_bundle.py")

BURNIN, MONTHS, WINDOW, ALPHAS = 40, 84, 36, [0.0, 0.01]  # config/test.yaml
PANEL_MONTHS = list(range(BURNIN, BURNIN + MONTHS))
JUDGED_MONTHS = PANEL_MONTHS[WINDOW:]

FACTORS = ["smb", "hml", "cma", "rmw", "umd", "mkt_rf"]
CHARACTERISTICS = ["size", "bm", "agr", "roe", "mom"]
STATISTICS = ["month", "method", "alpha", "stdev", "mean", "xret", "hjd"]
SERIES = {
    "ff_returns": FACTORS,
    "fm_returns": FACTORS,
    "model_premia_taylor": CHARACTERISTICS,
    "model_premia_proj": CHARACTERISTICS,
}
JUDGED = {
    "fama_stats": (["ff", "fm"], ALPHAS),
    "model_stats": (["taylor", "proj"], [0.0]),
}
FRAME = "pandas.DataFrame"
TYPES = {
    "ff_returns": FRAME,
    "fm_returns": FRAME,
    "fama_stats": FRAME,
    "model_premia_taylor": FRAME,
    "model_premia_proj": FRAME,
    "model_stats": FRAME,
    "panel_id": "builtins.str",
    "model": "builtins.str",
    "chars": "builtins.list",
    "start": "builtins.int",
    "end": "builtins.int",
}


def described(bundle: Path, python: str | Path = sys.executable) -> dict:
    done = subprocess.run(
        [python, "-P", READER, bundle], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def bundle(finished):
    return finished.results / "bgn_0_fama.pkl"


@pytest.fixture(scope="module")
def content(bundle):
    return described(bundle)


def test_run_of_a_list_of_indices_ends_with_their_bundles_and_manifests(finished):
    files = {file.name for file in finished.results.iterdir() if file.is_file()}
    assert files == {
        f"{panel}_{kind}" for panel in ("bgn_0", "bgn_2") for kind in ("fama.pkl", "manifest.json")
    }
    assert {folder.name for folder in (finished.results / "panels").iterdir()} == {"bgn_0", "bgn_2"}


def test_bundle_opens_without_this_package_and_pyarrow(content):
    assert content["blocked"] == ["truepremia", "pyarrow", "scipy"]
    assert content["pandas"] == pd.__version__


def test_bundle_is_pickled_with_protocol_4(bundle):
    assert bundle.read_bytes()[:2] == b"\x80\x04"


def test_bundle_has_the_11_items_of_the_contract_in_its_types_and_order(content):
    kinds = {k: FRAME if v.endswith(".DataFrame") else v for k, v in content["types"].items()}
    assert kinds == TYPES
    assert content["keys"] == list(TYPES)


def test_bundle_says_what_it_is(content):
    assert content["rest"] == {
        "panel_id": "bgn_0",
        "model": "bgn",
        "chars": CHARACTERISTICS,
        "start": BURNIN,
        "end": BURNIN + MONTHS - 1,
    }


@pytest.mark.parametrize("key", SERIES)
def test_returns_are_float_columns_indexed_by_month(content, key):
    frame = content["frames"][key]
    assert frame["columns"] == SERIES[key]
    assert frame["column_labels"] == ["object", ["builtins.str"]]
    assert frame["index"] == ["Index", "month", "int64"]
    assert frame["index_values"] == PANEL_MONTHS
    assert set(frame["dtypes"].values()) == {"float64"}


@pytest.mark.parametrize("key", JUDGED)
def test_statistics_have_the_columns_types_and_row_order_of_the_contract(content, key):
    frame = content["frames"][key]
    methods, alphas = JUDGED[key]
    rows = list(itertools.product(methods, JUDGED_MONTHS, alphas))
    assert frame["columns"] == STATISTICS
    assert frame["column_labels"] == ["object", ["builtins.str"]]
    assert frame["index"] == ["RangeIndex", None, "int64"]
    assert frame["index_values"] == list(range(len(rows)))
    assert frame["dtypes"] == {
        **dict.fromkeys(STATISTICS, "float64"),
        "month": "int64",
        "method": "object",
    }
    assert frame["text"] == {"method": ["builtins.str"]}
    found = zip(*(frame["values"][c] for c in ("method", "month", "alpha")), strict=True)
    assert list(found) == rows


@pytest.mark.parametrize("key", [*SERIES, *JUDGED])
def test_frames_hold_finite_numbers_only(content, key):
    for name, values in content["frames"][key]["values"].items():
        if name != "method":
            assert all(math.isfinite(value) for value in values), name


@pytest.mark.parametrize("key", JUDGED)
def test_no_portfolio_beats_the_maximal_sharpe_ratio(finished, content, key):
    table = pq.read_table(finished.panel() / "sdf.parquet").to_pydict()
    highest = dict(zip(table["month"], table["max_sr"], strict=True))
    values = content["frames"][key]["values"]
    for month, mean, stdev in zip(*(values[c] for c in ("month", "mean", "stdev")), strict=True):
        assert abs(mean) <= highest[month] * stdev * (1 + 1e-9)


@pytest.mark.parametrize("key", [*SERIES, *JUDGED])
def test_every_frame_stands_as_parquet_beside_the_bundle(finished, content, key):
    table = pq.read_table(finished.panel() / f"{key}.parquet").to_pydict()
    frame = content["frames"][key]
    if key in SERIES:
        assert table.pop("month") == frame["index_values"]
    assert table == frame["values"]
    assert list(table) == frame["columns"]


def test_bundle_loads_as_the_contract_prints_it(bundle):
    with bundle.open("rb") as file:
        results = pickle.load(file)
    assert results["ff_returns"]["mkt_rf"].index.name == "month"
    assert results["fama_stats"].groupby(["method", "alpha"])["hjd"].mean().shape == (4,)
    assert type(results["start"]) is int
    assert results["ff_returns"].loc[results["start"] : results["end"]].shape == (MONTHS, 6)


def test_every_column_of_every_table_says_its_unit_and_meaning(finished):
    tables = list(finished.panel().glob("*.parquet"))
    assert len(tables) == 13
    for file in tables:
        schema = pq.read_schema(file)
        assert schema.metadata[b"truepremia.panel"] == b"bgn_0"
        assert schema.metadata[b"truepremia.table"] == file.stem.encode()
        for field in schema:
            assert set(field.metadata) >= {b"unit", b"meaning"}, (file.stem, field.name)
            assert field.metadata[b"meaning"], (file.stem, field.name)
            if field.name not in ("firmid", "method"):
                assert field.metadata[b"unit"], (file.stem, field.name)


def test_panel_rows_are_ordered_by_month_and_firm(finished):
    table = pq.read_table(finished.panel() / "panel.parquet").to_pydict()
    rows = list(zip(table["month"], table["firmid"], strict=True))
    assert rows == list(itertools.product(PANEL_MONTHS, range(60)))
    assert np.allclose(table["size"], np.log(table["mve"]), rtol=0, atol=1e-12)


def test_moments_are_stored_for_the_judged_months_and_the_sdf_for_all(finished):
    moments = pq.read_table(finished.panel() / "moments.parquet", columns=["month"])
    assert sorted(set(moments["month"].to_pylist())) == JUDGED_MONTHS
    sdf = pq.read_table(finished.panel() / "sdf.parquet", columns=["month"])
    assert sdf["month"].to_pylist() == PANEL_MONTHS


@pytest.mark.parametrize("panel_id", ["bgn_0", "bgn_2"])
def test_manifest_certifies_the_files_it_lists(finished, panel_id):
    manifest = json.loads((finished.results / f"{panel_id}_manifest.json").read_text())
    assert manifest["panel_id"] == panel_id
    assert manifest["config"]["firms"] == 60
    assert manifest["config"]["alphas"] == ALPHAS
    assert manifest["config"]["calibration"]["survival"] == 0.99
    places = {f.stem: f for f in finished.panel(panel_id).iterdir()}
    places["bundle"] = finished.results / f"{panel_id}_fama.pkl"
    places["solution"] = finished.results / "solutions" / "bgn.npz"
    places["diagnostics"] = finished.results / "solutions" / "bgn.json"
    assert set(manifest["files"]) == set(places)
    for name, entry in manifest["files"].items():
        raw = places[name].read_bytes()
        assert entry["sha256"] == hashlib.sha256(raw).hexdigest()
        assert entry["bytes"] == len(raw)
        if places[name].suffix == ".parquet":
            assert entry["rows"] == pq.read_metadata(places[name]).num_rows
    accuracy = manifest["accuracy"]
    assert accuracy["largest_euler_error"] < 1e-10
    assert 0 < accuracy["largest_max_sharpe"] < accuracy["sharpe_bound"]


def test_every_job_leaves_its_log_and_its_timing(finished):
    jobs = {
        *("solve_economy/bgn", "simulate_panel/bgn_0", "compute_moments/bgn_0"),
        *("build_factors/bgn_0_ff", "build_factors/bgn_0_fm"),
        *("extract_model_premia/bgn_0_taylor", "extract_model_premia/bgn_0_proj"),
        *("portfolio_stats/bgn_0", "bundle_panel/bgn_0"),
    }
    for job in jobs:
        assert "INFO" in (finished.results / "logs" / f"{job}.log").read_text()
        assert (finished.results / "benchmarks" / f"{job}.tsv").stat().st_size


# --- older pandas and numpy ---------------------------------------------------------------------

OLDER = {"2.": ("pandas>=2,<3",)}
if sys.version_info < (3, 12):  # what the oldest releases were built for
    oldest = [f"{name}=={release}.*" for name, release in OPENS_WITH.items()]
    OLDER[f"{OPENS_WITH['pandas']}."] = tuple(oldest)


@pytest.fixture(scope="session", params=OLDER)
def older_python(request, tmp_path_factory):
    """Return a Python with an older pandas, kept in pytest's cache, and how its release starts."""
    packages = OLDER[request.param]
    name = f"pandas-{request.param}python-{sys.version_info.major}.{sys.version_info.minor}"
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir(name) if cache else tmp_path_factory.mktemp(name)
    python, stamp = folder / "bin" / "python", folder / "complete"
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    commands = [[sys.executable, "-m", "venv", "--clear", folder], [python, *install]]
    for command in [] if stamp.exists() else commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = f"cannot install {packages} (no network?): {done.stderr.strip()[-300:]}"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    stamp.touch()
    return python, request.param


@pytest.mark.network
def test_bundle_opens_the_same_with_older_packages(bundle, content, older_python):
    python, release = older_python
    older = described(bundle, python)
    assert older.pop("pandas").startswith(release)
    newer = {key: value for key, value in content.items() if key != "pandas"}
    newer["types"] = older["types"] = None  # the home of DataFrame moved; its name is tested above
    text = json.dumps(newer)
    if release != "2.":  # pandas 1 has a class for an index of integers
        text = text.replace('["Index", "month", "int64"]', '["Int64Index", "month", "int64"]')
    assert older == json.loads(text)
