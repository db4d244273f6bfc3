"""The quick look at a bundle in the terminal."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from truepremia.columns import SDF_COLUMNS
from truepremia.commands.cli import main
from truepremia.files.formats import table_writer


def frame(columns, index=None) -> pd.DataFrame:
    """Return a frame as bundles hold them: texts and labels are plain objects."""
    typed = {
        name: pd.Series(values, index, dtype=object if isinstance(values[0], str) else None)
        for name, values in columns.items()
    }
    made = pd.DataFrame(typed)
    made.columns = pd.Index(list(columns), dtype=object)
    return made


BUNDLE = {
    "ff_returns": frame({"smb": [0.25, -0.5]}, pd.Index([40, 41], name="month")),
    "fama_stats": frame(
        {
            "month": [40, 41],
            "method": ["ff", "ff"],
            "alpha": [0.0, 0.0],
            "stdev": [0.1, 0.2],
            "mean": [0.04, 0.01],
            "xret": [0.3, np.nan],
            "hjd": [0.5, 0.25],
        }
    ),
    **dict.fromkeys(("fm_returns", "model_premia_taylor", "model_premia_proj", "model_stats")),
    **{"panel_id": "bgn_3", "model": "bgn", "chars": ["size"], "start": 40, "end": 41},
}


@pytest.fixture
def shown(tmp_path, capsys):
    def of(content):
        path = tmp_path / "bgn_3_fama.pkl"
        path.write_bytes(content)
        status = main(["show", str(path)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return of


def test_bundle_is_described_by_keys_shapes_ranges_and_summary(shown):
    status, text, errors = shown(pickle.dumps(BUNDLE))
    assert (status, errors) == (0, "")
    lines = [line.split() for line in text.splitlines()]
    assert lines[0][:5] == ["bgn_3:", "months", "40", "to", "41,"]
    assert "ff_returns: 2 rows x 1 columns" in text
    assert ["smb", "-0.5", "-0.125", "0.25", "0.5303", "0"] in lines
    assert not any(line[:1] == ["xret"] for line in lines), "a mean over methods and penalties"
    assert "model_premia_proj: not in this economy" in text
    # Sharpe: the mean of 0.4 and 0.05.
    assert ["ff", "0.0", "0.225", "0.375", "0.025", "0.15", "0.3"] in lines
    assert "attainable Sharpe ratio, the mean over the judged months: unknown: there is no " in text


def test_the_attainable_ratio_of_the_same_months_stands_beside_the_statistics(shown, tmp_path):
    panel = tmp_path / "panels" / "bgn_3"
    panel.mkdir(parents=True)
    values = {"month": [39, 40, 41], "max_sr": [9.0, 0.5, 0.4]}
    others = {name: [0.0] * 3 for name in SDF_COLUMNS if name not in values}
    with table_writer(panel / "sdf.parquet", "sdf", "bgn_3", SDF_COLUMNS) as writer:
        writer.append({name: np.array(v) for name, v in (values | others).items()})
    status, text, _ = shown(pickle.dumps(BUNDLE))
    assert status == 0
    assert "judged months: 0.45 per month" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["ff", "0.0", "0.225", "0.5", "0.375", "0.025", "0.15", "0.3"] in lines


def test_a_truth_that_cannot_be_read_is_said_and_the_rest_is_shown(shown, tmp_path):
    panel = tmp_path / "panels" / "bgn_3"
    panel.mkdir(parents=True)
    (panel / "sdf.parquet").write_bytes(b"no table")
    status, text, _ = shown(pickle.dumps(BUNDLE))
    assert status == 0
    assert "judged months: unknown: " in text
    assert "fama_stats, means over 2 months" in text


def test_a_reader_that_has_had_enough_ends_it_in_silence(tmp_path):
    path = tmp_path / "bgn_3_fama.pkl"
    path.write_bytes(pickle.dumps(BUNDLE))
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "truepremia", "show", str(path)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("content", [b"", b"# text", pickle.dumps([1]), pickle.dumps({})], ids=str)
def test_other_files_are_refused_in_one_line(shown, content):
    status, text, errors = shown(content)
    assert (status, text) == (1, "")
    assert errors.startswith("truepremia: error: ")
    assert len(errors.splitlines()) == 1
    assert "name a bundle such as results/bgn_0_fama.pkl" in errors


def test_missing_file_is_named(tmp_path, capsys):
    assert main(["show", str(tmp_path / "none.pkl")]) == 1
    assert "none.pkl" in capsys.readouterr().err
