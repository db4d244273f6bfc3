import hashlib
import json
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from truepremia.columns import SDF_COLUMNS
from truepremia.economies.registry import economy
from truepremia.errors import DataError
from truepremia.files import provenance
from truepremia.files.bundle import KEYS, bundle, read_frame, write_bundle
from truepremia.files.factors import write_factor_returns, write_statistics
from truepremia.files.formats import REMEDY, write_json, write_table
from truepremia.files.manifest import certificates, manifest
from truepremia.judgement.statistics import PortfolioStatistics
from truepremia.methods.contract import FactorReturns

PANEL_ID, BURNIN, MONTHS = "bgn_3", 40, 6
MONTH = np.arange(BURNIN, BURNIN + MONTHS)
SERIES = ("ff_returns", "fm_returns", "model_premia_taylor", "model_premia_proj")


def statistics(method, alphas, spoiled=0.0) -> PortfolioStatistics:
    rows = 2 * len(alphas)
    values = np.linspace(0.1, 0.2, rows)
    return PortfolioStatistics(
        method=method,
        month=np.repeat(MONTH[-2:], len(alphas)),
        alpha=np.tile(alphas, 2),
        **dict.fromkeys(("stdev", "mean", "xret"), values),
        hjd=values + spoiled,
    )


@pytest.fixture
def tables(tmp_path):
    """Write the tables of a tiny panel and return them by name."""
    paths = {name: tmp_path / f"{name}.parquet" for name in (*SERIES, "fama_stats", "model_stats")}
    rng = np.random.default_rng(0)
    for name in SERIES:
        returns = FactorReturns(MONTH, ("smb", "mkt_rf"), rng.normal(size=(MONTHS, 2)))
        write_factor_returns(paths[name], name, PANEL_ID, returns)
    fama = [statistics("ff", [0.0, 1.0]), statistics("fm", [0.0, 1.0])]
    write_statistics(paths["fama_stats"], "fama_stats", PANEL_ID, fama)
    write_statistics(paths["model_stats"], "model_stats", PANEL_ID, [statistics("taylor", [0.0])])
    return paths


@pytest.fixture
def items(tables):
    return bundle(economy("bgn"), PANEL_ID, tables, BURNIN, MONTHS)


# --- the bundle --------------------------------------------------------------------------------


def test_bundle_has_the_keys_of_the_contract_in_order(items):
    assert tuple(items) == KEYS
    assert len(KEYS) == 11


def test_metadata_are_builtin(items):
    assert (items["panel_id"], items["model"]) == (PANEL_ID, "bgn")
    assert items["chars"] == ["size", "bm", "agr", "roe", "mom"]
    assert type(items["chars"]) is list
    assert (items["start"], items["end"]) == (BURNIN, BURNIN + MONTHS - 1)
    assert type(items["start"]) is type(items["end"]) is int


def test_numpy_sizes_become_builtin_integers(tables):
    made = bundle(economy("bgn"), PANEL_ID, tables, np.int64(BURNIN), np.int64(MONTHS))
    assert type(made["start"]) is type(made["end"]) is int


@pytest.mark.parametrize("key", SERIES)
def test_returns_are_indexed_by_month_and_keep_their_order_of_columns(items, key):
    frame = items[key]
    assert list(frame.columns) == ["smb", "mkt_rf"]
    assert frame.columns.dtype == object
    assert frame.index.name == "month"
    assert frame.index.dtype == np.int64
    assert frame.index.tolist() == MONTH.tolist()


def test_statistics_have_a_plain_index_and_methods_as_objects(items):
    frame = items["fama_stats"]
    assert isinstance(frame.index, pd.RangeIndex)
    assert frame.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(("alpha", "stdev", "mean", "xret", "hjd"), "float64"),
        "month": "int64",
        "method": "object",
    }
    assert frame["method"].tolist() == ["ff"] * 4 + ["fm"] * 4
    assert {type(method) for method in frame["method"]} == {str}


def test_item_that_the_economy_does_not_have_is_none(tables):
    del tables["model_premia_proj"]
    one_loading = replace(economy("bgn"), loadings=("taylor",))
    items = bundle(one_loading, PANEL_ID, tables, BURNIN, MONTHS)
    assert tuple(items) == KEYS
    assert items["model_premia_proj"] is None


def test_tables_that_are_no_item_are_left_out(tables, tmp_path):
    items = bundle(economy("bgn"), PANEL_ID, tables | {"panel": tmp_path / "none"}, BURNIN, MONTHS)
    assert tuple(items) == KEYS


@pytest.mark.parametrize("spoiled", [np.nan, np.inf])
def test_statistic_that_is_not_a_number_is_refused_by_file(tables, spoiled):
    path = tables["model_stats"]
    write_statistics(path, "model_stats", PANEL_ID, [statistics("taylor", [0.0], spoiled)])
    with pytest.raises(DataError, match="not a finite number") as caught:
        bundle(economy("bgn"), PANEL_ID, tables, BURNIN, MONTHS)
    assert str(path) in str(caught.value)


def test_month_without_a_factor_return_stays_missing(tables):
    returns = np.ones((MONTHS, 2))
    returns[1] = np.nan
    factors = FactorReturns(MONTH, ("smb", "mkt_rf"), returns)
    write_factor_returns(tables["ff_returns"], "ff_returns", PANEL_ID, factors)
    items = bundle(economy("bgn"), PANEL_ID, tables, BURNIN, MONTHS)
    assert items["ff_returns"].isna().sum(axis=1).tolist() == [0, 2, 0, 0, 0, 0]


def test_table_of_another_panel_is_refused(tables):
    with pytest.raises(DataError, match=r"of bgn_3, expected the .* table of bgn_4"):
        bundle(economy("bgn"), "bgn_4", tables, BURNIN, MONTHS)


def test_frame_reads_back_what_was_written(tables):
    frame = read_frame(tables["ff_returns"], "ff_returns", PANEL_ID)
    assert list(frame.columns) == ["month", "smb", "mkt_rf"]
    expected = np.random.default_rng(0).normal(size=(MONTHS, 2))
    assert np.array_equal(frame[["smb", "mkt_rf"]].to_numpy(), expected)


def test_equal_bundles_are_equal_bytes(tables, tmp_path):
    for name in ("one", "two"):
        items = bundle(economy("bgn"), PANEL_ID, tables, BURNIN, MONTHS)
        write_bundle(tmp_path / name, items)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    reversed_tables = dict(reversed(tables.items()))
    write_bundle(
        tmp_path / "three", bundle(economy("bgn"), PANEL_ID, reversed_tables, BURNIN, MONTHS)
    )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "three").read_bytes()


def test_bundle_is_a_pickle_of_protocol_4_with_the_items(items, tmp_path):
    write_bundle(tmp_path / "t.pkl", items)
    raw = (tmp_path / "t.pkl").read_bytes()
    assert raw[:2] == b"\x80\x04"
    loaded = pickle.loads(raw)
    assert tuple(loaded) == KEYS
    pd.testing.assert_frame_equal(loaded["fama_stats"], items["fama_stats"])


# --- certificates and manifest -----------------------------------------------------------------


@pytest.fixture
def accuracy_files(tmp_path):
    sdf = {
        "month": MONTH,
        **{n: np.linspace(0.1, 0.3, MONTHS) for n in SDF_COLUMNS if n != "month"},
    }
    write_table(tmp_path / "sdf.parquet", "sdf", PANEL_ID, sdf, SDF_COLUMNS)
    write_json(tmp_path / "bgn.json", {"sharpe_bound": 0.4})
    return tmp_path / "sdf.parquet", tmp_path / "bgn.json"


def test_certificates_are_the_extremes_over_all_months(accuracy_files):
    sdf, diagnostics = accuracy_files
    assert certificates(sdf, PANEL_ID, diagnostics) == {
        "largest_euler_error": 0.3,
        "largest_max_sharpe": 0.3,
        "sharpe_bound": 0.4,
        "sharpe_bound_margin": 0.4 - 0.3,
    }


@pytest.mark.parametrize("content", ["", "{", "[]", "text"])
def test_damaged_diagnostics_are_named_with_the_remedy(accuracy_files, content):
    sdf, diagnostics = accuracy_files
    diagnostics.write_text(content)
    with pytest.raises(DataError) as caught:
        certificates(sdf, PANEL_ID, diagnostics)
    assert str(diagnostics) in str(caught.value)
    assert REMEDY in str(caught.value)


def test_manifest_tells_what_made_the_panel(tables, items, tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "SOURCE", tmp_path)
    pickled = tmp_path / "t.pkl"
    write_bundle(pickled, items)
    settings = {"seed": 7, "firms": 60, "alphas": [0.0, 1.0]}
    accuracy = {"largest_euler_error": 1e-13}
    made = manifest(PANEL_ID, settings, tables | {"bundle": pickled}, accuracy)
    assert made["panel_id"] == PANEL_ID
    assert made["config"] == settings
    assert made["versions"] == provenance.library_versions()
    assert made["source_digest"] == provenance.package_digest()
    assert made["accuracy"] == accuracy
    assert set(made) == {
        "manifest_sha256",
        *("panel_id", "config", "versions", "source_digest"),
        *("processor", "git_commit", "accuracy", "files"),
    }
    json.dumps(made, allow_nan=False)


def test_hashes_sizes_and_row_counts_of_the_manifest_hold(tables, items, tmp_path):
    pickled = tmp_path / "t.pkl"
    write_bundle(pickled, items)
    files = tables | {"bundle": pickled}
    entries = manifest(PANEL_ID, {}, files, {})["files"]
    assert set(entries) == set(files)
    for name, path in files.items():
        assert entries[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert entries[name]["bytes"] == path.stat().st_size
    assert {name: entry["rows"] for name, entry in entries.items() if "rows" in entry} == {
        **dict.fromkeys(SERIES, MONTHS),
        "fama_stats": 8,
        "model_stats": 2,
    }


@pytest.mark.parametrize(("over", "margin"), [(5e-14, 0.0), (1e-6, -1e-6)])
def test_a_bound_is_broken_by_more_than_rounding_or_not_at_all(accuracy_files, over, margin):
    sdf, diagnostics = accuracy_files
    write_json(diagnostics, {"sharpe_bound": 0.3 - over})
    found = certificates(sdf, PANEL_ID, diagnostics)["sharpe_bound_margin"]
    assert found == pytest.approx(margin, rel=1e-6, abs=0)
